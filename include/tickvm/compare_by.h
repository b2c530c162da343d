/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of one results file against each other along an axis: each of its values against the first.
 */
#ifndef TICKVM_COMPARE_BY_H
#define TICKVM_COMPARE_BY_H

#include "tickvm/document.h"

#define COMPARE_BY_LEVEL 0.05 /* family-wise, of all contrasts of one comparison */
#define COMPARE_BY_FLOOR 0.05 /* of the first value's figure; and the unit's own floor */

/* A document of contrasts (tickvm/contrast.h) and their views; document_destroy() it. -EINVAL: no
 * dataset has such an axis, or it has one value only; -ENODATA: no two rows differ in it alone. */
int compare_by(struct document **comparison, const struct document *document, const char *axis,
	struct diag *diag);

#endif

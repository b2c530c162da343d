/* SPDX-License-Identifier: BSD-2-Clause */
/* The readers of the two schemas: a parsed file into an empty document. -EINVAL: path, where, and
 * what was expected in diag. */
#ifndef DATA_RESULTS_READ_H
#define DATA_RESULTS_READ_H

#include "tickvm/document.h"

int results_1_read(
	struct document *document, const json_t *root, const char *path, struct diag *diag);
int results_2_read(
	struct document *document, const json_t *root, const char *path, struct diag *diag);

#endif

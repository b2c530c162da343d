/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents, shown: each view becomes tables or charts of a page (tickvm/page.h), which text,
 * Markdown, CSV and HTML are made of. */
#ifndef TICKVM_VIEW_H
#define TICKVM_VIEW_H

#include "tickvm/document.h"
#include "tickvm/page.h"

/* All of the document's items in their order; page_destroy() it. What a view names and the dataset
 * has not is left out. NULL: no memory. */
struct page *document_page(const struct document *document);

#endif

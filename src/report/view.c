/* SPDX-License-Identifier: BSD-2-Clause */
/* A document's items as a page, in their order. */
#include "view_internal.h"

#include "tickvm/word.h"

#include <stdlib.h>

static void say_section(
	const struct layout *layout, const struct form *form, size_t first, struct page *page)
{
	char heading[320] = "";

	if (layout->view->heading != NULL)
		layout_fill_in(layout, first, layout->view->heading, heading, sizeof(heading));
	if (heading[0] != '\0' && !form->titled) {
		if (layout->view->flags & VIEW_JOINS)
			page_note(page, "%s", heading);
		else
			page_heading(page, "%s", heading);
	}
	form->say(layout, first, heading, page);
}

static bool joins(const struct document *document, size_t item)
{
	return item < document->n_items && document->items[item].kind == ITEM_VIEW &&
	       document->items[item].view.flags & VIEW_JOINS;
}

/* A view and those that join it, section by section. Returns how many that are. */
static size_t say_views(const struct document *document, size_t item, struct page *page)
{
	const struct view *lead = &document->items[item].view;
	const struct dataset *set =
		lead->dataset != NULL ? document_set(document, lead->dataset) : NULL;
	struct layout *layouts;
	struct view *views;
	size_t n = 1;

	while (joins(document, item + n))
		n++;
	layouts = calloc(n, sizeof(*layouts));
	views = calloc(n, sizeof(*views));
	for (size_t i = 0; i < n && set != NULL && layouts != NULL && views != NULL; i++) {
		views[i] = document->items[item + i].view;
		views[i].sections = lead->sections;
		layout_view(&layouts[i], set, &views[i], form_find(views[i].form)->pivots);
	}
	for (size_t row = 0; set != NULL && layouts != NULL && views != NULL && row < set->n_rows;
		row++) {
		if (!layout_begins_section(&layouts[0], row))
			continue;
		for (size_t i = 0; i < n; i++)
			say_section(&layouts[i], form_find(views[i].form), row, page);
	}
	free(layouts);
	free(views);
	return n;
}

static void say_judgement(const struct judgement *judgement, struct page *page)
{
	static const enum verdict verdicts[] = {[OUTCOME_UNKNOWN] = VERDICT_UNKNOWN,
		[OUTCOME_GOOD] = VERDICT_GOOD,
		[OUTCOME_BAD] = VERDICT_BAD};

	page_verdict(page, verdicts[judgement->outcome], "%s", judgement->text);
}

struct page *document_page(const struct document *document)
{
	struct page *page = page_create();

	for (size_t i = 0; i < document->n_items; i++) {
		const struct item *item = &document->items[i];

		switch (item->kind) {
		case ITEM_HEADING:
			page_heading(page, "%s", item->text);
			break;
		case ITEM_NOTE:
			page_note(page, "%s", item->text);
			break;
		case ITEM_VIEW:
			i += say_views(document, i, page) - 1;
			break;
		case ITEM_VERDICT:
			say_judgement(&item->judgement, page);
			break;
		}
	}
	return page;
}

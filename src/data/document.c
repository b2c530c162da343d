/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents in memory. */
#include "tickvm/document.h"

#include "need.h"
#include "tickvm/word.h"

#include <stdarg.h>
#include <stdlib.h>

#define TEXT_MAX 2048

struct document *document_create(void)
{
	struct document *document = need(1, sizeof(*document));

	document->about = json_object();
	document->invocations = json_array();
	return document;
}

void document_destroy(struct document *document)
{
	if (document == NULL)
		return;
	for (size_t i = 0; i < document->n_sets; i++)
		dataset_destroy(document->sets[i]);
	json_decref(document->about);
	json_decref(document->invocations);
	free(document->sets);
	free(document->items);
	free(document->skips);
	free(document);
}

void document_add(struct document *document, struct dataset *set)
{
	document->sets = need_more(document->sets, document->n_sets, sizeof(*document->sets));
	document->sets[document->n_sets++] = set;
}

struct dataset *document_set(const struct document *document, const char *id)
{
	for (size_t i = 0; i < document->n_sets; i++)
		if (document->sets[i]->id == word(id))
			return document->sets[i];
	return NULL;
}

static void add_item(struct document *document, const struct item *item)
{
	document->items = need_more(document->items, document->n_items, sizeof(*document->items));
	document->items[document->n_items++] = *item;
}

static const char *formatted(const char *format, va_list args)
{
	char text[TEXT_MAX];

	vsnprintf(text, sizeof(text), format, args);
	return word(text);
}

void document_heading(struct document *document, const char *format, ...)
{
	struct item item = {.kind = ITEM_HEADING};
	va_list args;

	va_start(args, format);
	item.text = formatted(format, args);
	va_end(args);
	add_item(document, &item);
}

void document_note(struct document *document, const char *format, ...)
{
	struct item item = {.kind = ITEM_NOTE};
	va_list args;

	va_start(args, format);
	item.text = formatted(format, args);
	va_end(args);
	add_item(document, &item);
}

void document_view(struct document *document, const struct view *view)
{
	add_item(document, &(struct item){.kind = ITEM_VIEW,
				   .view = {.heading = word(view->heading),
					   .dataset = word(view->dataset),
					   .sections = word(view->sections),
					   .down = word(view->down),
					   .across = word(view->across),
					   .series = word(view->series),
					   .where = word(view->where),
					   .form = word(view->form),
					   .flags = view->flags}});
}

void document_judge(struct document *document, struct judgement judgement, const char *format, ...)
{
	struct item item = {.kind = ITEM_VERDICT, .judgement = judgement};
	va_list args;

	va_start(args, format);
	item.judgement.text = formatted(format, args);
	va_end(args);
	item.judgement.id = word(judgement.id);
	item.judgement.at = word(judgement.at != NULL ? judgement.at : "");
	add_item(document, &item);
}

void document_skip(struct document *document, const struct skip *skip)
{
	struct skip own = {word(skip->dataset), word(skip->at), skip->kind, word(skip->reason)};

	for (size_t i = 0; i < document->n_skips; i++)
		if (document->skips[i].dataset == own.dataset && document->skips[i].at == own.at)
			return;
	document->skips = need_more(document->skips, document->n_skips, sizeof(*document->skips));
	document->skips[document->n_skips++] = own;
}

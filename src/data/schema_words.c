/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables that the writer and the reader of tickvm-results/2 share. */
#include "schema_words.h"

const char *const words_of_good[] = {"", "lower", "higher", "nearest-zero", NULL};
const char *const words_of_over[] = {"median", "max", "sum", "middle", NULL};
const char *const words_of_level[] = {"note", "warn", "fail", NULL};
const char *const words_of_outcome[] = {"unknown", "good", "bad", NULL};
const char *const words_of_skip[] = {"unavailable", "failed", "interrupted", NULL};

const struct bit_word bits_of_axis[] = {
	{AXIS_EFFORT, "effort"}, {AXIS_FOLLOWS, "follows"}, {0, NULL}};
const struct bit_word bits_of_figure[] = {
	{FIGURE_GATED, "gated"}, {FIGURE_DETAIL, "detail"}, {0, NULL}};
const struct bit_word bits_of_view[] = {
	{VIEW_JOINS, "joins"}, {VIEW_LOG_X, "log_x"}, {VIEW_LOG_Y, "log_y"}, {0, NULL}};

const struct view_text view_texts[] = {
	{"heading", offsetof(struct view, heading)},
	{"dataset", offsetof(struct view, dataset)},
	{"sections", offsetof(struct view, sections)},
	{"down", offsetof(struct view, down)},
	{"across", offsetof(struct view, across)},
	{"series", offsetof(struct view, series)},
	{"where", offsetof(struct view, where)},
	{"form", offsetof(struct view, form)},
	{NULL, 0},
};

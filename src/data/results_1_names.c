/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of metrics in tickvm-results/1, as a table, and their parser. */
#include "results_1_names.h"

#include "tickvm/word.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LENGTH 160

/* ---- the table ---- */

#define TIME(ID, GOOD, GATED)                                                                      \
	{                                                                                          \
		(ID),                                                                              \
			{.id = (ID),                                                               \
				.title = (ID),                                                     \
				.unit = UNIT_NS,                                                   \
				.good = (GOOD),                                                    \
				.flags = (GATED)},                                                 \
			1                                                                          \
	}

static const struct name_figure timer_figures[] = {
	TIME("mean", GOOD_NEAR_ZERO, 0),
	TIME("p50", GOOD_NEAR_ZERO, FIGURE_GATED),
	TIME("p90", GOOD_NEAR_ZERO, 0),
	TIME("p99", GOOD_LOW, FIGURE_GATED),
	TIME("p999", GOOD_LOW, 0),
	TIME("max", GOOD_LOW, 0),
	TIME("sd", GOOD_LOW, 0),
	{"missed", {.id = "missed", .title = "missed", .unit = UNIT_COUNT, .good = GOOD_LOW}, 1},
	{"over-50us",
		{.id = "over-50us", .title = "over 50 us", .unit = UNIT_PPM, .good = GOOD_LOW}, 1},
};
static const struct name_figure ipi_figures[] = {TIME("p50", GOOD_LOW, FIGURE_GATED),
	TIME("p99", GOOD_LOW, FIGURE_GATED), TIME("max", GOOD_LOW, 0)};
static const struct name_figure exit_figures[] = {{NULL,
	{.id = "round-trip",
		.title = "round trip",
		.unit = UNIT_NS,
		.good = GOOD_LOW,
		.flags = FIGURE_GATED},
	1}};
static const struct name_figure startup_figures[] = {
	{"from-exec",
		{.id = "from-exec",
			.title = "from exec",
			.unit = UNIT_NS,
			.good = GOOD_LOW,
			.flags = FIGURE_GATED},
		1},
	{"rss",
		{.id = "rss",
			.title = "resident",
			.unit = UNIT_BYTES,
			.good = GOOD_LOW,
			.flags = FIGURE_GATED},
		1},
};
static const struct name_figure p99_figures[] = {TIME("p99", GOOD_LOW, FIGURE_GATED)};
static const struct name_figure p50_figures[] = {TIME("p50", GOOD_LOW, FIGURE_GATED)};
static const struct name_figure cycle_figures[] = {{NULL,
	{.id = "cycles",
		.title = "cycles",
		.unit = UNIT_CYCLES,
		.good = GOOD_LOW,
		.flags = FIGURE_GATED},
	1}};
static const struct name_figure bandwidth_figures[] = {{NULL,
	{.id = "bandwidth",
		.title = "bandwidth",
		.unit = UNIT_BYTES_PER_S,
		.good = GOOD_HIGH,
		.flags = FIGURE_GATED},
	1e9}};
static const struct name_figure touch_figures[] = {{"first-touch",
	{.id = "first-touch",
		.title = "first touch",
		.unit = UNIT_NS,
		.good = GOOD_LOW,
		.flags = FIGURE_GATED},
	1}};
static const struct name_figure linpack_figures[] = {{NULL,
	{.id = "speed",
		.title = "speed",
		.unit = UNIT_FLOP_PER_S,
		.good = GOOD_HIGH,
		.flags = FIGURE_GATED},
	1e9}};
static const struct name_figure disk_figures[] = {{NULL,
	{.id = "throughput",
		.title = "throughput",
		.unit = UNIT_BYTES_PER_S,
		.good = GOOD_HIGH,
		.flags = FIGURE_GATED},
	1e6}};
static const struct name_figure tune_figures[] = {TIME("p999", GOOD_LOW, FIGURE_GATED),
	{"cpu", {.id = "cpu", .title = "CPU", .unit = UNIT_SECONDS_PER_SECOND, .good = GOOD_LOW},
		1}};

static const char *const modes[] = {"deadline", "periodic", NULL};
static const char *const waits[] = {"user", NULL};
static const char *const arms[] = {"ioeventfd", "shared", NULL};
static const char *const loads[] = {"io", "cpu:", "interrupts:", NULL};
static const char *const vcpus[] = {"vcpus", NULL};
static const char *const vms[] = {"vms", NULL};
static const char *const pages[] = {"2m", "4k", NULL};

#define FIGURES(ARRAY) .figures = (ARRAY), .n_figures = sizeof(ARRAY) / sizeof((ARRAY)[0])

const struct name_form name_forms[] = {
	{"timer", "timer.lateness", "Timer interrupt lateness",
		{{.axis = "source"}, {.axis = "quiet-window", .plus = "quiet"},
			{.axis = "residual", .plus = "residual"},
			{.axis = "interval", .after = "us", .scale = 1e3, .unit = UNIT_NS},
			{.axis = "mode", .otherwise = "oneshot", .beginning = modes},
			{.axis = "wait", .otherwise = "hlt", .beginning = waits},
			{.axis = "arm", .otherwise = "mmio", .beginning = arms},
			{.axis = "load", .otherwise = "idle", .beginning = loads},
			{.axis = "vcpus",
				.before = "vcpus",
				.scale = 1,
				.otherwise = "1",
				.beginning = vcpus},
			{.axis = "vms",
				.before = "vms",
				.scale = 1,
				.otherwise = "1",
				.beginning = vms}},
		FIGURES(timer_figures), .magnitudes = true},
	{"exits", "exits.cost", "Cost of an exit", {{.axis = "irqchip"}, {.axis = "kind"}},
		FIGURES(exit_figures)},
	{"ipi", "ipi.latency", "Latency of an IPI",
		{{.axis = "irqchip"}, {.axis = "apic"}, {.axis = "wait"}, {.axis = "what"}},
		FIGURES(ipi_figures)},
	{"startup", "startup.start", "Start", {{.axis = "start"}}, FIGURES(startup_figures)},
	{"scale", "scale.lateness", "Many machines at once",
		{{.axis = "vms", .before = "vms", .scale = 1}}, FIGURES(p99_figures)},
	{"hyperbench", "hyperbench.rows", "HyperBench",
		{{.axis = "row"}, {.axis = "cpl", .before = "cpl", .scale = 1},
			{.axis = "pin", .before = "pin-"}},
		FIGURES(cycle_figures)},
	{"native", "native.rows", "HyperBench's rows on the host", {{.axis = "row"}},
		FIGURES(cycle_figures)},
	{"memory", "memory.first-touch", "First touch of memory",
		{{.axis = "side"}, {.axis = "pages", .otherwise = "-", .beginning = pages},
			{.axis = "backing"}, {.axis = "vcpus", .before = "vcpus", .scale = 1}},
		FIGURES(touch_figures)},
	{"memory", "memory.bandwidth", "Bandwidth of memory",
		{{.axis = "side"}, {.axis = "pages", .otherwise = "-", .beginning = pages},
			{.axis = "backing"}, {.axis = "vcpus", .before = "vcpus", .scale = 1},
			{.axis = "op"},
			{.axis = "bytes", .after = "B", .scale = 1, .unit = UNIT_BYTES}},
		FIGURES(bandwidth_figures)},
	{"linpack", "linpack.speed", "LU factorization",
		{{.axis = "side"}, {.axis = "n", .before = "n", .scale = 1},
			{.axis = "vcpus", .before = "threads", .scale = 1}, {.axis = "simd"}},
		FIGURES(linpack_figures)},
	{"ctx", "ctx.switch", "Context switches",
		{{.axis = "side"}, {.axis = "contexts", .before = "contexts", .scale = 1},
			{.axis = "stride", .before = "stride", .scale = 1, .unit = UNIT_BYTES},
			{.axis = "set", .before = "set", .scale = 1, .unit = UNIT_BYTES}},
		FIGURES(p50_figures)},
	{"disk", "disk.throughput", "Throughput of the disk",
		{{.axis = "side"}, {.axis = "op"},
			{.axis = "file", .after = "M", .scale = 1 << 20, .unit = UNIT_BYTES},
			{.axis = "record", .after = "K", .scale = 1 << 10, .unit = UNIT_BYTES}},
		FIGURES(disk_figures)},
	{"tune", "tune.points", "Candidates", {{.axis = "point"}}, FIGURES(tune_figures)},
	{.experiment = NULL},
};

/* ---- the parser ---- */

static bool begins_with_one_of(const char *word, const char *const *beginnings)
{
	for (; *beginnings != NULL; beginnings++)
		if (strncmp(word, *beginnings, strlen(*beginnings)) == 0)
			return true;
	return false;
}

/* The text between before and after; false: they are not around it, or nothing is. */
static bool inner(const char *word, const struct name_word *spec, char *text)
{
	size_t before = spec->before != NULL ? strlen(spec->before) : 0;
	size_t after = spec->after != NULL ? strlen(spec->after) : 0;
	size_t length = strlen(word);

	if (length <= before + after ||
		strncmp(word, spec->before ? spec->before : "", before) != 0 ||
		strcmp(word + length - after, spec->after ? spec->after : "") != 0)
		return false;
	memcpy(text, word + before, length - before - after);
	text[length - before - after] = '\0';
	return true;
}

static bool value_in(const char *text, const struct name_word *spec, struct value *value)
{
	char *end;
	double number;

	if (spec->scale == 0) { /* a text */
		*value = value_word(text);
		return true;
	}
	number = strtod(text, &end) * spec->scale;
	*value = value_number(number);
	return *end == '\0' && text[0] >= '0' && text[0] <= '9' && isfinite(number);
}

static bool take_word(const char *word, const struct name_word *spec, struct value *value)
{
	char text[NAME_MAX_LENGTH];

	return inner(word, spec, text) && value_in(text, spec, value);
}

/* "dedicated+quiet": the words after plus signs are taken off the first one. */
static struct value plus_value(char *first, const char *plus)
{
	char *at = strchr(first, '+');
	size_t length = strlen(plus);

	if (at == NULL || strncmp(at + 1, plus, length) != 0 ||
		(at[length + 1] != '\0' && at[length + 1] != '+'))
		return value_word("off");
	memmove(at, at + length + 1, strlen(at + length + 1) + 1);
	return value_word("on");
}

/* words: those behind the experiment's name. False: the form is another. */
static bool take_words(
	const struct name_form *form, char **words, size_t n, struct name_parsed *parsed)
{
	size_t used = 0;

	for (size_t i = 0; form->words[i].axis != NULL; i++) {
		const struct name_word *spec = &form->words[i];
		bool there = used < n && (spec->beginning == NULL ||
						 begins_with_one_of(words[used], spec->beginning));

		if (spec->plus != NULL && used > 0) {
			parsed->at[i] = plus_value(words[0], spec->plus);
			parsed->at[0] = value_word(words[0]);
		} else if (there && take_word(words[used], spec, &parsed->at[i])) {
			used++;
		} else if (there || spec->otherwise == NULL ||
			   !value_in(spec->otherwise, spec, &parsed->at[i])) {
			return false;
		}
	}
	return used == n;
}

static bool take_figure(
	const struct name_form *form, char **words, size_t *n, struct name_parsed *parsed)
{
	for (size_t i = 0; i < form->n_figures; i++) {
		const struct name_figure *figure = &form->figures[i];

		if (figure->word != NULL && (*n == 0 || strcmp(words[*n - 1], figure->word) != 0))
			continue;
		*n -= figure->word != NULL;
		parsed->figure = figure;
		return true;
	}
	return false;
}

bool name_parse(const char *name, struct name_parsed *parsed)
{
	char text[NAME_MAX_LENGTH], *words[NAME_AXES_MAX + 2], *rest = NULL;

	for (const struct name_form *form = name_forms; form->experiment != NULL; form++) {
		size_t n = 0;

		if (strlen(name) >= sizeof(text))
			return false;
		strcpy(text, name);
		for (char *word = strtok_r(text, "/", &rest); word != NULL;
			word = strtok_r(NULL, "/", &rest)) {
			if (n == sizeof(words) / sizeof(words[0]))
				return false;
			words[n++] = word;
		}
		if (n == 0 || strcmp(words[0], form->experiment) != 0)
			continue;
		n--;
		parsed->form = form;
		if (take_figure(form, words + 1, &n, parsed) &&
			take_words(form, words + 1, n, parsed))
			return true;
	}
	return false;
}

/* ---- the other way ---- */

const struct name_form *name_form_of(const struct dataset *set)
{
	for (const struct name_form *form = name_forms; form->experiment != NULL; form++)
		if (strcmp(form->dataset, set->id) == 0)
			return form;
	return NULL;
}

/* "-" where the dataset has no such axis. */
static struct value value_at(const struct dataset *set, const struct row *row, const char *axis)
{
	int i = dataset_axis(set, axis);

	return i >= 0 ? row->at[i] : value_none();
}

/* Rows whose word would say what a missing one means have none. */
static bool has_word(const struct name_word *spec, struct value value)
{
	struct value otherwise;

	if (spec->plus != NULL || value_same(value, value_none()))
		return false;
	return spec->otherwise == NULL || !value_in(spec->otherwise, spec, &otherwise) ||
	       !value_same(value, otherwise);
}

__attribute__((format(printf, 3, 4))) static void append(
	char *name, size_t size, const char *format, ...)
{
	size_t used = strlen(name);
	va_list args;

	va_start(args, format);
	vsnprintf(name + used, size - used, format, args);
	va_end(args);
}

static void append_plus(const struct name_form *form, const struct dataset *set,
	const struct row *row, char *name, size_t size)
{
	for (const struct name_word *spec = form->words; spec->axis != NULL; spec++)
		if (spec->plus != NULL &&
			value_same(value_at(set, row, spec->axis), value_word("on")))
			append(name, size, "+%s", spec->plus);
}

static void append_word(const struct name_word *spec, struct value value, char *name, size_t size)
{
	append(name, size, "/%s", spec->before != NULL ? spec->before : "");
	if (spec->scale != 0)
		append(name, size, "%.12g", value.number / spec->scale);
	else
		append(name, size, "%s", value.text);
	append(name, size, "%s", spec->after != NULL ? spec->after : "");
}

static bool knows(const struct name_form *form, const char *axis)
{
	for (const struct name_word *spec = form->words; spec->axis != NULL; spec++)
		if (strcmp(spec->axis, axis) == 0)
			return true;
	return false;
}

static void append_others(const struct name_form *form, const struct dataset *set,
	const struct row *row, char *name, size_t size)
{
	for (size_t i = 0; i < set->n_axes; i++)
		if (!(set->axes[i].flags & AXIS_FOLLOWS) && !knows(form, set->axes[i].id) &&
			axis_varies(set, i) && !value_same(row->at[i], value_none()))
			append(name, size, "+%s=%s", set->axes[i].id, row->at[i].text);
}

void name_make(const struct name_form *form, const struct dataset *set, const struct row *row,
	const struct name_figure *figure, char *name, size_t size)
{
	snprintf(name, size, "%s", form->experiment);
	for (size_t i = 0; form->words[i].axis != NULL; i++) {
		struct value value = value_at(set, row, form->words[i].axis);

		if (has_word(&form->words[i], value))
			append_word(&form->words[i], value, name, size);
		if (i == 0)
			append_plus(form, set, row, name, size);
	}
	append_others(form, set, row, name, size);
	if (figure->word != NULL)
		append(name, size, "/%s", figure->word);
}

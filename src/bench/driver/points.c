/* SPDX-License-Identifier: BSD-2-Clause */
/* Points, from choices. */
#include "points.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEM_UNIT 4096 /* machines have a multiple of this */

/* ---- axes ---- */

static bool is_among(const struct choice *const *axes, size_t n, const struct choice *choice)
{
	for (size_t i = 0; i < n; i++)
		if (axes[i] == choice)
			return true;
	return false;
}

static bool is_named(const struct series *series, const char *axis)
{
	for (size_t i = 0; series->axes[i] != NULL; i++)
		if (strcmp(series->axes[i], axis) == 0)
			return true;
	return false;
}

static size_t add_rest_of_machine(const struct choices *choices, const struct series *series,
	const struct choice **axes, size_t n)
{
	for (size_t i = 0; i < choices->n && n < POINT_AXES_MAX; i++) {
		const struct choice *choice = &choices->choice[i];

		if (choice->parameter == NULL && !is_named(series, choice->axis.id) &&
			!is_among(axes, n, choice))
			axes[n++] = choice;
	}
	return n;
}

size_t points_axes(const struct choices *choices, const struct series *series,
	const struct choice *axes[POINT_AXES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; series->axes[i] != NULL && n < POINT_AXES_MAX; i++) {
		const struct choice *choice = choices_find(choices, series->axes[i]);

		if (choice != NULL)
			axes[n++] = choice;
		else if (strcmp(series->axes[i], MACHINE_AXES) == 0)
			n = add_rest_of_machine(choices, series, axes, n);
	}
	return n;
}

/* -1: none. */
static int axis_of(const struct point *point, const char *axis)
{
	for (size_t i = 0; i < point->n; i++)
		if (strcmp(point->axes[i]->axis.id, axis) == 0)
			return (int)i;
	return -1;
}

/* ---- one point ---- */

static int decode(
	struct point *point, const struct choice *choice, struct value value, struct diag *diag)
{
	const struct machine_axes *machine = machine_axes_known();

	if (choice->parameter != NULL)
		return choices_decode(choice->parameter, value, point->parameters)
			       ? 0
			       : diag_set(
					 diag, -EINVAL, "--%s: no %s", choice->axis.id, value.text);
	/* What it is anyhow stays what it was, chosen by the user or left open. */
	if (value_same(machine->show(&point->context, choice->axis.id), value))
		return 0;
	return machine->set(&point->context, choice->axis.id, value.text, diag);
}

static int put(struct point *point, size_t axis, struct value value, struct diag *diag)
{
	point->at[axis] = value;
	return decode(point, point->axes[axis], value, diag);
}

void point_set(struct point *point, const char *axis, const char *text)
{
	int i = axis_of(point, axis);
	struct value values[CHOICE_VALUES_MAX];
	struct diag diag = {"not one value"};
	size_t n = 0;

	if (i < 0)
		return;
	if (choices_preset(point->choices, point->axes[i], text, values, &n, &diag) == 0 &&
		n == 1 && put(point, (size_t)i, values[0], &diag) == 0)
		return;
	fprintf(stderr, "tickvm: %s: %s=%s: %s\n", point->series->id, axis, text, diag.text);
	abort();
}

int point_need_mem(struct point *point, uint64_t bytes, struct diag *why)
{
	uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	char text[32];

	if (point_given(point, "mem"))
		return 0;
	bytes = (bytes + MEM_UNIT - 1) / MEM_UNIT * MEM_UNIT;
	if (bytes > host)
		return diag_set(why, -ENOTSUP,
			"its guest needs %" PRIu64 "M of memory, and this host has %" PRIu64 "M",
			bytes >> 20, host >> 20);
	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	point_set(point, "mem", text);
	return 0;
}

void point_unset(struct point *point, const char *axis)
{
	int i = axis_of(point, axis);

	if (i >= 0)
		point->at[i] = value_none();
}

void point_keep(struct point *point, const char *const *axes)
{
	for (size_t i = 0; i < point->n; i++) {
		size_t kept = 0;

		while (axes[kept] != NULL && strcmp(axes[kept], point->axes[i]->axis.id) != 0)
			kept++;
		if (axes[kept] == NULL)
			point->at[i] = value_none();
	}
}

bool point_given(const struct point *point, const char *axis)
{
	int i = axis_of(point, axis);

	return i >= 0 && (point->given >> i & 1);
}

int point_only(struct point *point, const char *axis, const char *text, struct diag *why)
{
	if (axis_of(point, axis) < 0)
		return 0;
	if (!point_given(point, axis))
		point_set(point, axis, text);
	if (strcmp(point_text(point, axis), text) == 0)
		return 0;
	return diag_set(why, -EINVAL, "--%s %s: expected %s, as %s runs with no other", axis,
		point_text(point, axis), text, point->experiment->name);
}

const char *point_text(const struct point *point, const char *axis)
{
	int i = axis_of(point, axis);

	return i < 0 ? value_none().text : point->at[i].text;
}

size_t point_words(const struct point *point, char **words, size_t max)
{
	const struct machine_axes *machine = machine_axes_known();
	size_t n = 0;

	for (size_t i = 0; i < point->n && n < max; i++) {
		const struct axis *axis = &point->axes[i]->axis;

		if (point->axes[i]->parameter != NULL || value_same(point->at[i], value_none()) ||
			!machine->given(&point->context, axis->id))
			continue;
		if (asprintf(&words[n], "--%s=%s", axis->id, point->at[i].text) < 0)
			words[n] = NULL;
		n++;
	}
	return n;
}

static void show(const struct choice *choice, struct value value, char *text, size_t size)
{
	if (value.number == value.number)
		unit_show(value.number, choice->axis.unit, text, size);
	else
		snprintf(text, size, "%s", value.text);
}

void point_name(const struct point *point, char *text, size_t size)
{
	size_t used = 0;
	char value[80];

	snprintf(text, size, "%s", point->series->id);
	for (size_t i = 0; i < point->n && used < size; i++) {
		const struct choice *choice = point->axes[i];

		if (!(point->many >> i & 1) || value_same(point->at[i], value_none()))
			continue;
		show(choice, point->at[i], value, sizeof(value));
		used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", used > 0 ? ", " : "",
			choice->parameter != NULL ? "" : choice->axis.id,
			choice->parameter != NULL ? "" : " ", value);
	}
}

/* ---- all of them ---- */

static const char *text_of(const char *const *pairs, const char *axis)
{
	for (size_t i = 0; pairs != NULL && pairs[i] != NULL; i += 2)
		if (strcmp(pairs[i], axis) == 0)
			return pairs[i + 1];
	return NULL;
}

static const char *preset_of(
	const struct session *session, const struct series *series, const struct choice *choice)
{
	const char *text = text_of(series->presets, choice->axis.id);

	if (text == NULL && series->preset != NULL)
		text = series->preset(session, choice->axis.id);
	if (text == NULL && choice->parameter != NULL)
		text = choice->parameter->preset;
	return text;
}

/* The values of each of a series' axes. */
struct product {
	const struct choice *axes[POINT_AXES_MAX];
	struct value values[POINT_AXES_MAX][CHOICE_VALUES_MAX];
	size_t n_values[POINT_AXES_MAX], n, total;
};

static int fill_axis(struct product *product, size_t i, const struct session *session,
	const struct choices *choices, const struct series *series, struct diag *diag)
{
	const struct choice *choice = product->axes[i];
	const char *preset = preset_of(session, series, choice);
	const char *fixed = text_of(series->fixed, choice->axis.id);

	if (fixed != NULL)
		return choices_preset(
			choices, choice, fixed, product->values[i], &product->n_values[i], diag);
	if (!choice->given && (choice->parameter != NULL || preset != NULL))
		return choices_preset(
			choices, choice, preset, product->values[i], &product->n_values[i], diag);
	memcpy(product->values[i], choice->values, choice->n * sizeof(choice->values[0]));
	product->n_values[i] = choice->n;
	return 0;
}

static int fill(struct product *product, const struct session *session,
	const struct choices *choices, const struct series *series, struct diag *diag)
{
	int err = 0;

	product->n = points_axes(choices, series, product->axes);
	product->total = 1;
	for (size_t i = 0; i < product->n && err == 0; i++) {
		err = fill_axis(product, i, session, choices, series, diag);
		if (product->total <= POINTS_MAX)
			product->total *= product->n_values[i];
	}
	if (err == 0 && product->total > POINTS_MAX)
		err = diag_set(diag, -EINVAL, "more than %d points of %s: give shorter lists",
			POINTS_MAX, series->id);
	return err;
}

static void free_point(struct point *point)
{
	free(point->parameters);
}

void points_free(struct points *points)
{
	for (size_t i = 0; i < points->n; i++)
		free_point(&points->point[i]);
	free(points->point);
	*points = (struct points){.n = 0};
}

/* The number-th of the product; its first axis varies slowest, so that rows come as tables want
 * them. */
static int make(
	struct point *point, const struct product *product, size_t number, struct diag *diag)
{
	size_t stride = product->total;
	int err = 0;

	for (size_t i = 0; i < product->n && err == 0; i++) {
		stride /= product->n_values[i];
		err = put(point, i, product->values[i][number / stride], diag);
		number %= stride;
		point->given |= (uint64_t)product->axes[i]->given << i;
		point->many |= (uint64_t)(product->n_values[i] > 1) << i;
	}
	return err;
}

static bool is_known(const struct points *points, const struct point *point)
{
	for (size_t i = 0; i < points->n; i++) {
		size_t same = 0;

		while (same < point->n && value_same(points->point[i].at[same], point->at[same]))
			same++;
		if (same == point->n)
			return true;
	}
	return false;
}

/* 0: it is one, or is left out. */
static int settle(
	struct points *points, struct session *session, struct point *point, struct diag *reason)
{
	const struct series *series = point->series;
	struct diag why = {""};
	char name[200];
	int err = series->settle != NULL ? series->settle(session, point, &why) : 0;

	if (err == -ENOTSUP) {
		point_name(point, name, sizeof(name));
		document_skip(
			session->document, &(struct skip){session_set(session, series->id)->id,
						   name, SKIP_UNAVAILABLE, why.text});
	}
	if (err < 0)
		*reason = why;
	if (err < 0 || is_known(points, point))
		free_point(point);
	else
		points->point[points->n++] = *point;
	return err == -ENOTSUP || err == -ENOENT ? 0 : err;
}

static int make_all(struct points *points, struct session *session, const struct choices *choices,
	const struct series *series, const struct product *product, struct diag *diag)
{
	struct diag reason = {""};
	int err = 0;

	for (size_t i = 0; i < product->total && err == 0; i++) {
		struct point point = {.series = series,
			.experiment = choices->experiment,
			.choices = choices,
			.n = product->n,
			.context = *choices->context};

		memcpy(point.axes, product->axes, sizeof(point.axes));
		point.context.quiet = true;
		point.parameters = calloc(1, choices->experiment->parameters_size + 1);
		if (point.parameters != NULL)
			choices_decode_rest(choices, point.parameters);
		err = point.parameters != NULL ? make(&point, product, i, diag)
					       : diag_set(diag, -ENOMEM, "out of memory");
		if (err == 0)
			err = settle(points, session, &point, &reason);
		else
			free_point(&point);
	}
	if (reason.text[0] != '\0' && (err < 0 || points->n == 0))
		*diag = reason;
	return err;
}

int points_make(struct points *points, struct session *session, const struct choices *choices,
	const struct series *series, struct diag *diag)
{
	struct product *product = calloc(1, sizeof(*product));

	*points = (struct points){.n = 0};
	if (product == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	int err = fill(product, session, choices, series, diag);

	points->point = err == 0 ? calloc(product->total, sizeof(*points->point)) : NULL;
	if (err == 0)
		err = points->point == NULL
			      ? diag_set(diag, -ENOMEM, "out of memory")
			      : make_all(points, session, choices, series, product, diag);
	free(product);
	return err;
}

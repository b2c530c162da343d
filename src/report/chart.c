/* SPDX-License-Identifier: BSD-2-Clause */
/* A chart's data: series of bars or points. Drawing it is not done here. */
#include "page_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct chart *chart_create(enum chart_kind kind, unsigned flags, const char *title,
	const char *x_label, const char *y_label)
{
	struct chart *chart = calloc(1, sizeof(*chart));

	if (chart == NULL)
		return NULL;
	chart->kind = kind;
	chart->flags = flags;
	chart->title = text_clean(title, TEXT_LINE);
	chart->x_label = text_clean(x_label, TEXT_LINE);
	chart->y_label = text_clean(y_label, TEXT_LINE);
	if (chart->title != NULL && chart->x_label != NULL && chart->y_label != NULL)
		return chart;
	chart_destroy(chart);
	return NULL;
}

void chart_destroy(struct chart *chart)
{
	if (chart == NULL)
		return;
	for (size_t i = 0; i < chart->count; i++) {
		for (size_t j = 0; j < chart->series[i].count; j++)
			free(chart->series[i].points[j].label);
		free(chart->series[i].points);
		free(chart->series[i].name);
	}
	free(chart->series);
	free(chart->title);
	free(chart->x_label);
	free(chart->y_label);
	free(chart);
}

bool chart_has_bars(const struct chart *chart)
{
	return chart->kind == CHART_BARS || chart->kind == CHART_STACKED;
}

/* Takes name over. NULL: no room for one more. */
static struct series *new_series(struct chart *chart, char *name)
{
	struct series *series = NULL;

	if (chart->count < CHART_SERIES_MAX)
		series = array_grow(chart->series, chart->count, &chart->capacity, sizeof(*series));
	if (series == NULL) {
		free(name);
		return NULL;
	}
	chart->series = series;
	series[chart->count] = (struct series){.name = name};
	return &series[chart->count++];
}

/* NULL: no room for a new one. */
static struct series *find_series(struct chart *chart, const char *text)
{
	char *name = text_clean(text, TEXT_LINE);

	for (size_t i = chart->count; name != NULL && i-- > 0;) {
		if (strcmp(chart->series[i].name, name) == 0) {
			free(name);
			return &chart->series[i];
		}
	}
	return name != NULL ? new_series(chart, name) : NULL;
}

/* Takes point.label over. */
static bool add_point(struct series *series, struct point point)
{
	struct point *points =
		array_grow(series->points, series->count, &series->capacity, sizeof(*points));

	if (points == NULL)
		return false;
	series->points = points;
	points[series->count++] = point;
	return true;
}

void chart_bar(struct chart *chart, const char *series_name, const char *label, double value)
{
	if (chart == NULL || !isfinite(value))
		return;
	struct series *series = find_series(chart, series_name);
	struct point point = {.label = text_clean(label, TEXT_LINE), .y = value};

	if (series != NULL && point.label != NULL && add_point(series, point))
		return;
	free(point.label);
	chart->incomplete = true;
}

void chart_point(struct chart *chart, const char *series_name, double x, double y)
{
	if (chart == NULL || !isfinite(x) || !isfinite(y))
		return;
	struct series *series = find_series(chart, series_name);

	if (series == NULL || !add_point(series, (struct point){.x = x, .y = y}))
		chart->incomplete = true;
}

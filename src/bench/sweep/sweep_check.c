/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a document, which may be anybody's, a sweep's? What it does not look at, no one reads.
 * The figures themselves it does not judge. */
#include "sweep_document.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

struct checking {
	const char *path;
	struct diag *diag;
};

__attribute__((format(printf, 3, 4))) static int wrong(
	const struct checking *c, const char *expected, const char *where, ...)
{
	char place[128];
	va_list args;

	va_start(args, where);
	vsnprintf(place, sizeof(place), where, args);
	va_end(args);
	return diag_set(c->diag, -EINVAL,
		"%s: %s: expected %s, as tickvm sweep writes it; is the file whole?", c->path,
		place, expected);
}

/* Names are printed: no control characters. */
static bool is_name(const json_t *value)
{
	const char *text = json_string_value(value);

	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 127)
			return false;
	}
	return true;
}

static int check_round(const struct checking *c, const json_t *round, size_t cell, size_t i)
{
	if (json_integer_value(json_object_get(round, "round")) < 1 ||
		json_integer_value(json_object_get(round, "round")) > INT32_MAX)
		return wrong(c, "a number from 1", "cells[%zu].rounds[%zu].round", cell, i);
	if (!json_is_integer(json_object_get(round, "status")))
		return wrong(c, "a number", "cells[%zu].rounds[%zu].status", cell, i);
	if (!json_is_boolean(json_object_get(round, "marked")))
		return wrong(c, "true or false", "cells[%zu].rounds[%zu].marked", cell, i);
	if (!json_is_object(json_object_get(round, "sentinel")))
		return wrong(c, "an object", "cells[%zu].rounds[%zu].sentinel", cell, i);
	return 0;
}

static int check_cell(const struct checking *c, const json_t *cells, size_t i)
{
	const json_t *cell = json_array_get(cells, i), *rounds = json_object_get(cell, "rounds");
	int err = 0;

	if (!is_name(json_object_get(cell, "name")))
		return wrong(c, "a name", "cells[%zu].name", i);
	if (!is_name(json_object_get(cell, "bench")))
		return wrong(c, "a name", "cells[%zu].bench", i);
	if (!json_is_integer(json_object_get(cell, "index")))
		return wrong(c, "a number", "cells[%zu].index", i);
	if (!json_is_array(rounds))
		return wrong(c, "an array", "cells[%zu].rounds", i);
	for (size_t other = 0; other < i; other++) {
		if (json_equal(json_object_get(json_array_get(cells, other), "name"),
			    json_object_get(cell, "name")))
			return wrong(c, "a name that no other cell has", "cells[%zu].name", i);
	}
	for (size_t r = 0; r < json_array_size(rounds) && err == 0; r++)
		err = check_round(c, json_array_get(rounds, r), i, r);
	return err;
}

static int check_metric(const struct checking *c, const json_t *metric, size_t i)
{
	const char *better = json_string_value(json_object_get(metric, "better"));
	const json_t *values = json_object_get(metric, "values");

	if (!is_name(json_object_get(metric, "name")))
		return wrong(c, "a name", "metrics[%zu].name", i);
	if (!is_name(json_object_get(metric, "unit")))
		return wrong(c, "a unit", "metrics[%zu].unit", i);
	if (better == NULL || (strcmp(better, "lower") != 0 && strcmp(better, "higher") != 0))
		return wrong(c, "\"lower\" or \"higher\"", "metrics[%zu].better", i);
	if (!json_is_array(values))
		return wrong(c, "an array", "metrics[%zu].values", i);
	for (size_t v = 0; v < json_array_size(values); v++) {
		if (!json_is_number(json_array_get(values, v)))
			return wrong(c, "a number", "metrics[%zu].values[%zu]", i, v);
	}
	return 0;
}

int sweep_document_check(const json_t *root, const char *path, struct diag *diag)
{
	const struct checking c = {.path = path, .diag = diag};
	const char *bench = json_string_value(json_object_get(root, "bench"));
	const json_t *cells = json_object_get(root, "cells");
	const json_t *metrics = json_object_get(root, "metrics");
	const json_t *about = json_object_get(root, "sweep");
	int err = 0;

	if (bench == NULL || strcmp(bench, "sweep") != 0)
		return diag_set(diag, -EINVAL, "%s: no results of tickvm sweep", path);
	if (!json_is_array(cells))
		return wrong(&c, "an array", "cells");
	if (!json_is_array(metrics))
		return wrong(&c, "an array", "metrics");
	if (!json_is_object(json_object_get(root, "fingerprint")))
		return wrong(&c, "an object", "fingerprint");
	if (!is_name(json_object_get(about, "name")))
		return wrong(&c, "a name", "sweep.name");
	if (!json_is_integer(json_object_get(about, "cells")))
		return wrong(&c, "a number", "sweep.cells");
	if (!json_is_integer(json_object_get(about, "rounds")))
		return wrong(&c, "a number", "sweep.rounds");
	for (size_t i = 0; i < json_array_size(cells) && err == 0; i++)
		err = check_cell(&c, cells, i);
	for (size_t i = 0; i < json_array_size(metrics) && err == 0; i++)
		err = check_metric(&c, json_array_get(metrics, i), i);
	return err;
}

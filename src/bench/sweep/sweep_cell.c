/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs one cell through its experiment's own entry, and finds the reason when that failed.
 * It does not look into the figures. */
#include "../bench_options.h"

#include "tickvm/cell.h"

#include <errno.h>
#include <string.h>

const struct bench *cell_find_bench(const char *name)
{
	for (const struct bench *const *bench = benches; *bench != NULL; bench++) {
		if (strcmp((*bench)->name, name) == 0)
			return *bench;
	}
	return NULL;
}

static int call(const struct cell *cell, struct bench_context *context)
{
	static char of_file[] = OPTIONS_OF_FILE;
	char *argv[CELL_OPTIONS_MAX + 3];
	int argc = 0;

	/* Experiments read their words only. */
	argv[argc++] = (char *)(uintptr_t)cell->bench->name;
	if (cell->of_file)
		argv[argc++] = of_file;
	for (size_t i = 0; i < cell->n_options; i++)
		argv[argc++] = (char *)(uintptr_t)cell->options[i];
	argv[argc] = NULL;
	context->machine = cell->machine;
	context->machine_set = cell->machine_set;
	context->quiet = true;
	context->command_line = cell->name;
	return cell->bench->run(context, argc, argv);
}

int cell_check(const struct cell *cell, struct diag *diag)
{
	struct bench_context context = {.check = diag};

	if (cell->machine_set & BENCH_SET_PIN_BOTH && !cell->bench->takes_pin_both)
		return diag_set(diag, -EINVAL, "--pin both: %s takes each, none or CPUs",
			cell->bench->name);
	if (cell->machine_set & (BENCH_SET_QUIET_ON | BENCH_SET_QUIET_OFF) &&
		!cell->bench->takes_quiet_list)
		return diag_set(
			diag, -EINVAL, "--quiet-window: %s takes a time in ns", cell->bench->name);
	return call(cell, &context) == 0 ? 0 : -EINVAL;
}

/* Experiments say why in the first of "skipped", where they say it. */
static const char *reason(const json_t *document)
{
	const json_t *first = json_array_get(json_object_get(document, "skipped"), 0);

	return json_string_value(json_object_get(first, "reason"));
}

int cell_run(const struct cell *cell, json_t **document, struct diag *diag)
{
	struct bench_context context = {.collect = document};

	*document = NULL;
	int status = call(cell, &context);

	if (status == 0 && *document == NULL)
		return diag_set(diag, -ENOMEM, "%s: no memory for its results", cell->name);
	if (status == 0)
		return 0;
	int err = status == 2 ? -EINVAL : status == 77 ? -ENOTSUP : status == 130 ? -EINTR : -EIO;
	const char *why = reason(*document);

	if (err == -EINTR)
		return diag_set(diag, err, "interrupted");
	if (why != NULL)
		return diag_set(diag, err, "%s: %s", cell->name, why);
	return diag_set(diag, err, "%s: bench %s ended with status %d", cell->name,
		cell->bench->name, status);
}

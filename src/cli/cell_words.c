/* SPDX-License-Identifier: BSD-2-Clause */
/* A cell from words as one types them behind tickvm bench.
 * It runs nothing. */
#include "cli.h"

#include <errno.h>

/* What the words may not have: the output is that of whoever runs the cell. */
static int refuse_outputs(const struct options *options, struct diag *diag)
{
	if (options->help || options->json != NULL || options->csv != NULL ||
		options->markdown != NULL)
		return diag_set(diag, -EINVAL,
			"--json, --csv, --markdown and --help do not belong to a configuration");
	return 0;
}

static int fill(
	const struct options *options, int argc, char **argv, struct cell *cell, struct diag *diag)
{
	const char *name = argc > 1 ? argv[1] : "";

	cell->bench = cell_find_bench(name);
	if (cell->bench == NULL)
		return diag_set(diag, -EINVAL,
			"'%s': no such experiment; expected one that tickvm bench list shows, then "
			"its options",
			name);
	if (argc - 2 > CELL_OPTIONS_MAX)
		return diag_set(diag, -EINVAL, "expected at most %d options", CELL_OPTIONS_MAX);
	for (int i = 2; i < argc; i++)
		cell->options[cell->n_options++] = argv[i];
	cell->machine = options->machine;
	cell->machine_set = options->machine_set;
	return cell_check(cell, diag);
}

int cli_cell_read(
	struct options *options, int argc, char **argv, struct cell *cell, struct diag *diag)
{
	int err = cli_options_parse(options, COMMAND_BENCH, &argc, argv, diag);

	if (err == 0)
		err = refuse_outputs(options, diag);
	if (err == 0)
		err = cli_options_check_host(options, diag);
	return err == 0 ? fill(options, argc, argv, cell, diag) : err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* --config FILE.ini: options by their names, line by line; every complaint says file, line and key.
 * It knows no option itself: the table in options.c does. */
#include "options.h"

#include "tickvm/ini_file.h"
#include "tickvm/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct reading {
	struct options *options;
	enum command command;
};

static int set_flag(struct options *options, const struct option_spec *spec, const char *value,
	const char *where, struct diag *diag)
{
	if (strcmp(value, "false") == 0)
		return 0;
	if (strcmp(value, "true") != 0)
		return diag_set(diag, -EINVAL, "%s: expected true or false", where);
	return cli_options_set_from_file(options, spec, "", where, diag);
}

static int begin_section(struct options *options, const struct ini_line *line, struct diag *diag)
{
	if (strcmp(line->section, "machine") != 0)
		return diag_set(diag, -EINVAL,
			"%s:%u: [%.80s]: no such section; machine options stand in [machine]",
			line->path, line->number, line->section);
	if (options->machine_line != 0)
		return diag_set(diag, -EINVAL, "%s:%u: [machine]: there is one already, on line %u",
			line->path, line->number, options->machine_line);
	options->machine_line = line->number;
	return 0;
}

/* Before [machine] or in it: one machine has it once. */
static int check_once(struct options *options, const struct option_spec *spec,
	const struct ini_line *line, const char *where, struct diag *diag)
{
	unsigned *given = &options->given[spec - cli_option_specs];
	if (*given != 0)
		return diag_set(diag, -EINVAL, "%s: given twice; first on line %u", where, *given);
	*given = line->number;
	return 0;
}

int machine_config_line(struct options *options, enum command command, const struct ini_line *line,
	struct diag *diag)
{
	char where[INI_PLACE_MAX];
	if (line->key == NULL)
		return begin_section(options, line, diag);
	ini_place(where, line->path, line->number, line->key, line->value);
	const struct option_spec *spec =
		cli_options_find(command, line->key, strlen(line->key), where, diag);
	if (spec == NULL)
		return -EINVAL;
	int err = check_once(options, spec, line, where, diag);
	if (err < 0)
		return err;
	if (spec->kind == OPTION_FLAG)
		return set_flag(options, spec, line->value, where, diag);
	const char *kept = cli_options_keep(options, line->value);
	if (kept == NULL)
		return diag_set(diag, -ENOMEM, "%s: no memory", where);
	return cli_options_set_from_file(options, spec, kept, where, diag);
}

static int take(void *user, const struct ini_line *line, struct diag *diag)
{
	const struct reading *r = user;

	return machine_config_line(r->options, r->command, line, diag);
}

int machine_config_read(
	struct options *options, enum command command, const char *path, struct diag *diag)
{
	struct reading r = {.options = options, .command = command};
	struct diag why;
	FILE *file;
	int err = input_stream(&file, path, &why);
	if (err < 0)
		return diag_set(diag, err, "--config %s: cannot open it: %s", path, why.text);
	err = ini_file_read(file, path, take, &r, NULL, diag);
	fclose(file);
	return err;
}

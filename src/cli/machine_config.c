/* SPDX-License-Identifier: BSD-2-Clause */
/* --config FILE.ini: options by their names, line by line; every complaint says file, line and key.
 * It knows no option itself: the table in options.c does. */
#include "options.h"

#include "tickvm/ini_file.h"

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
	return cli_options_set(options, spec, "", where, diag);
}

static int check_section(const struct ini_line *line, struct diag *diag)
{
	if (*line->section == '\0' || strcmp(line->section, "machine") == 0)
		return 0;
	return diag_set(diag, -EINVAL,
		"%s:%u: [%s]: no such section; machine options stand in [machine]", line->path,
		line->number, line->section);
}

int machine_config_line(struct options *options, enum command command, const struct ini_line *line,
	struct diag *diag)
{
	char where[300];
	int err = check_section(line, diag);
	if (err < 0 || line->key == NULL)
		return err;
	snprintf(where, sizeof(where), "%s:%u: %s = %s", line->path, line->number, line->key,
		line->value);
	const struct option_spec *spec =
		cli_options_find(command, line->key, strlen(line->key), where, diag);
	if (spec == NULL)
		return -EINVAL;
	if (strcmp(line->key, "config") == 0 || strcmp(line->key, "help") == 0 ||
		strcmp(line->key, "sandbox") == 0)
		return diag_set(diag, -EINVAL, "%s: belongs on the command line", where);
	if (spec->kind == OPTION_FLAG)
		return set_flag(options, spec, line->value, where, diag);
	const char *kept = cli_options_keep(options, line->value);
	if (kept == NULL)
		return diag_set(diag, -ENOMEM, "%s: no memory", where);
	return cli_options_set(options, spec, kept, where, diag);
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
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return diag_set(
			diag, -errno, "--config %s: cannot open it: %s", path, strerror(errno));
	int err = ini_file_read(file, path, take, &r, NULL, diag);
	fclose(file);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Machines for the cells of a sweep's file, from its settings and the command line.
 * It reads no sweep's file and starts no machine. */
#include "sweep_machines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a cell may say, and what only the command line may: that is told better here than by the
 * experiment. */
static const struct option_spec *find(const char *key)
{
	struct diag unused;
	const struct option_spec *spec =
		cli_options_find(COMMAND_CELL, key, strlen(key), "", &unused);
	if (spec != NULL)
		return spec;
	spec = cli_options_find(COMMANDS_ALL, key, strlen(key), "", &unused);
	return spec != NULL && spec->typed != NULL ? spec : NULL;
}

static bool knows(void *user, const char *key)
{
	(void)user;
	return find(key) != NULL;
}

static int set(struct options *options, const struct machine_setting *setting, struct diag *diag)
{
	return cli_options_set_from_file(
		options, find(setting->key), setting->value, setting->where, diag);
}

static int take_command_line(
	const struct sweep_machines *machines, struct options *options, struct diag *diag)
{
	int argc = machines->argc;
	char **argv = calloc((size_t)argc + 1, sizeof(*argv));
	if (argv == NULL)
		return diag_set(diag, -ENOMEM, "no memory");
	memcpy(argv, machines->argv, (size_t)argc * sizeof(*argv));
	int err = cli_options_parse(options, machines->command, &argc, argv, diag);
	free(argv);
	return err;
}

/* What this host does not have is complained about by option: say which line wanted it. */
static int check_host(struct options *options, const struct machine_setting *settings, size_t n,
	struct diag *diag)
{
	int err = cli_options_check_host(options, diag);
	for (size_t i = n; i-- > 0 && err < 0;) {
		size_t length = strlen(settings[i].key);
		struct diag why = *diag;
		if (strncmp(why.text, "--", 2) == 0 &&
			strncmp(why.text + 2, settings[i].key, length) == 0 &&
			strchr(": ", why.text[2 + length]) != NULL)
			return diag_set(diag, err, "%s: %s", settings[i].where, why.text);
	}
	return err;
}

static int make(void *user, const struct machine_setting *settings, size_t n, struct cell *cell,
	struct diag *diag)
{
	struct sweep_machines *machines = user;
	struct options *made = realloc(machines->made, (machines->n + 1) * sizeof(*made));
	if (made == NULL)
		return diag_set(diag, -ENOMEM, "no memory");
	struct options *options = &made[machines->n];
	int err = 0;
	machines->made = made;
	machines->n++;
	cli_options_init(options);
	for (size_t i = 0; i < n && err == 0; i++)
		err = set(options, &settings[i], diag);
	if (err == 0)
		err = take_command_line(machines, options, diag);
	if (err == 0)
		err = check_host(options, settings, n, diag);
	cell->machine = options->machine;
	cell->machine_set = options->machine_set;
	return err;
}

int sweep_machines_begin(struct sweep_machines *machines, enum command command, int argc,
	char **argv, struct diag *diag)
{
	*machines = (struct sweep_machines){.command = command, .argc = argc};
	machines->argv = calloc((size_t)argc + 1, sizeof(*argv));
	if (machines->argv == NULL)
		return diag_set(diag, -ENOMEM, "no memory");
	memcpy(machines->argv, argv, (size_t)argc * sizeof(*argv));
	return 0;
}

void sweep_machines_end(struct sweep_machines *machines)
{
	for (size_t i = 0; i < machines->n; i++)
		cli_options_free(&machines->made[i]);
	free(machines->made);
	free(machines->argv);
}

struct machine_maker sweep_machines_maker(struct sweep_machines *machines)
{
	return (struct machine_maker){.user = machines, .knows = knows, .make = make};
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* --sandbox: whether a command confines itself, and which files it named.
 * What is then forbidden is the monitor's business. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OWN_FILES 12 /* those of options */

bool cli_sandboxed(const struct options *options, enum command command)
{
	if (options->sandbox != SANDBOX_AUTO)
		return options->sandbox == SANDBOX_ON;
	if (command == COMMAND_RUN || command == COMMAND_TRACE)
		return options->machine.kernel != NULL;
	return command != COMMAND_BENCH && !options->live;
}

static size_t add(struct sandbox_file *files, size_t n, const char *path, enum sandbox_use use)
{
	if (path != NULL)
		files[n++] = (struct sandbox_file){path, use};
	return n;
}

/* run and trace have image and disk open when they are confined; a bench opens its disk again and
 * again. */
static size_t add_own(struct sandbox_file *files, const struct options *options,
	enum command command, const char *scratch)
{
	const struct vm_config *machine = &options->machine;
	size_t n = add(files, 0, options->json, SANDBOX_PRODUCE);

	n = add(files, n, options->csv, SANDBOX_PRODUCE);
	n = add(files, n, options->markdown, SANDBOX_PRODUCE);
	n = add(files, n, options->events, SANDBOX_PRODUCE);
	n = add(files, n, options->output, SANDBOX_PRODUCE);
	n = add(files, n, machine->serial_path, SANDBOX_PRODUCE);
	n = add(files, n, options->compare.gate, SANDBOX_READ);
	n = add(files, n, scratch, SANDBOX_SCRATCH);
	if (command == COMMAND_BENCH)
		n = add(files, n, machine->disk_path,
			machine->disk_read_only ? SANDBOX_READ : SANDBOX_CHANGE);
	return n;
}

int cli_sandbox_enter(const struct options *options, enum command command,
	const struct cli_confined *what, struct diag *diag)
{
	struct sandbox_file *files = calloc(what->n + OWN_FILES, sizeof(*files));
	struct sandbox_plan plan = {.files = files,
		.guests = what->guests,
		.facts = what->facts,
		.forks = what->forks,
		.vcpus = what->vcpus};
	struct diag said;

	if (files == NULL)
		return diag_set(diag, -ENOMEM, "out of memory");
	plan.n = add_own(files, options, command, what->scratch);
	for (size_t i = 0; i < what->n; i++)
		plan.n = add(files, plan.n, what->files[i], SANDBOX_READ);
	int err = sandbox_enter(&plan, &said);
	free(files);
	if (err < 0)
		return diag_set(diag, err, "%s", said.text);
	if (said.text[0] != '\0' && !options->quiet)
		fprintf(stderr, "tickvm: %s\n", said.text);
	/* Could they still be written? Before anything is measured. */
	return cli_options_check_output(options, diag);
}

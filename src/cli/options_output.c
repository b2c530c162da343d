/* SPDX-License-Identifier: BSD-2-Clause */
/* The options that name files to write: which is standard output, and could they be written.
 * It writes none of them. */
#include "options.h"

#include "tickvm/output.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *option;
	size_t offset; /* of its const char * in struct options */
} outputs[] = {{"--json", offsetof(struct options, json)}, {"--csv", offsetof(struct options, csv)},
	{"--markdown", offsetof(struct options, markdown)},
	{"--events", offsetof(struct options, events)}};
#define OUTPUTS (sizeof(outputs) / sizeof(outputs[0]))

static const char *output_path(const struct options *options, size_t i)
{
	const char *path;
	memcpy(&path, (const char *)options + outputs[i].offset, sizeof(path));
	return path;
}

/* The first from index i on that is standard output; OUTPUTS: none. */
static size_t next_stdout(const struct options *options, size_t i)
{
	for (; i < OUTPUTS; i++) {
		const char *path = output_path(options, i);
		if (path != NULL && strcmp(path, "-") == 0)
			break;
	}
	return i;
}

const char *cli_options_stdout(const struct options *options)
{
	size_t i = next_stdout(options, 0);
	return i < OUTPUTS ? outputs[i].option : NULL;
}

int cli_options_check_stdout(const struct options *options, struct diag *diag)
{
	size_t first = next_stdout(options, 0);
	size_t second = first < OUTPUTS ? next_stdout(options, first + 1) : OUTPUTS;
	if (second == OUTPUTS)
		return 0;
	return diag_set(diag, -EINVAL, "%s -, %s -: only one can go to standard output",
		outputs[first].option, outputs[second].option);
}

int cli_options_check_output(const struct options *options, struct diag *diag)
{
	int err = 0;
	for (size_t i = 0; i < OUTPUTS && err == 0; i++) {
		const char *path = output_path(options, i);
		if (path != NULL)
			err = output_check(path, diag);
	}
	return err;
}

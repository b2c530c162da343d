/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm report: results files in, one report out.
 * It measures nothing and knows no experiment. */
#include "cli.h"
#include "tickvm/output.h"
#include "tickvm/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool ends_with(const char *path, const char *ending)
{
	size_t length = strlen(path), end = strlen(ending);
	return length > end && strcasecmp(path + length - end, ending) == 0;
}

static const struct report_format *find_format(const char *name)
{
	const struct report_format *format = report_formats;
	while (format->name != NULL && strcmp(format->name, name) != 0)
		format++;
	return format->name != NULL ? format : NULL;
}

static const struct report_format *find_ending(const char *path)
{
	const struct report_format *format = report_formats;
	while (format->name != NULL && (format->ending == NULL || !ends_with(path, format->ending)))
		format++;
	return format->name != NULL ? format : NULL;
}

/* "text, markdown or csv", of the formats' names or of the endings that there are. */
static void list(char *text, size_t size, bool endings)
{
	const char *last = "";
	size_t used = 0;
	text[0] = '\0';
	for (const struct report_format *format = report_formats; format->name != NULL; format++) {
		const char *word = endings ? format->ending : format->name;
		if (word == NULL)
			continue;
		if (*last != '\0' && used < size)
			used += (size_t)snprintf(
				text + used, size - used, "%s%s", used > 0 ? ", " : "", last);
		last = word;
	}
	if (used < size)
		snprintf(text + used, size - used, " or %s", last);
}

static int choose_format(
	const struct options *options, const struct report_format **format, struct diag *diag)
{
	const char *name = options->format, *path = options->output;
	char expected[256];
	if (name == NULL && (path == NULL || strcmp(path, "-") == 0))
		name = "text";
	*format = name != NULL ? find_format(name) : find_ending(path);
	if (*format != NULL)
		return 0;
	list(expected, sizeof(expected), name == NULL);
	if (name != NULL)
		return diag_set(diag, -EINVAL, "--format %s: expected %s", name, expected);
	return diag_set(diag, -EINVAL, "-o %s: expected a name that ends with %s, or --format",
		path, expected);
}

/* 0 with a text in diag: printed, and that is to be said of it. */
static int write_report(const struct report_file *files, size_t n,
	const struct report_format *format, const char *path, struct diag *diag)
{
	struct output *output;
	int err = output_open(&output, path != NULL ? path : "-", diag);
	if (err < 0)
		return err;
	diag->text[0] = '\0';
	err = format->print(files, n, output_stream(output), diag);
	if (err == 0)
		return output_commit(output, diag);
	output_discard(output);
	return err;
}

/* A report in place of the results it was made of would lose them. */
static int check_not_input(char **paths, size_t n, const char *output, struct diag *diag)
{
	struct stat out, in;

	if (output == NULL || stat(output, &out) != 0 || !S_ISREG(out.st_mode))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (stat(paths[i], &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
			return diag_set(diag, -EINVAL,
				"-o %s: it is one of the results; name another file", output);
	return 0;
}

static int report(char **paths, size_t n, const struct report_format *format, const char *output,
	struct diag *diag)
{
	struct report_file *files = calloc(n, sizeof(*files));
	int err = files == NULL ? diag_set(diag, -ENOMEM, "out of memory") : 0;
	for (size_t i = 0; i < n && err == 0; i++)
		err = (format->tidy ? report_read_any : report_read)(&files[i], paths[i], diag);
	if (err == 0)
		err = write_report(files, n, format, output, diag);
	for (size_t i = 0; i < n && files != NULL; i++)
		json_decref(files[i].root);
	free(files);
	return err;
}

static void help(void)
{
	printf("usage: tickvm report FILE... [options]\n\nResults files (tickvm bench NAME --json "
	       "FILE; -: standard input) as text, Markdown,\nCSV, one HTML page with charts that "
	       "needs no network, or in the formats of other tools.\n\noptions:\n");
	cli_options_help(stdout, COMMAND_REPORT);
	printf("\nformats, and the endings of FILE that choose them:\n");
	for (const struct report_format *format = report_formats; format->name != NULL; format++)
		printf("  %-14s %-6s %s\n", format->name,
			format->ending != NULL ? format->ending : "", format->summary);
	printf("\nexit status: 0 good; 1 a file cannot be read or written; 2 usage\n");
}

/* argv[0] is "report"; the files are what is left. */
int cmd_report(int argc, char **argv, const char *command_line)
{
	(void)command_line;
	struct options options;
	struct diag diag = {""};
	const struct report_format *format = report_formats;
	int status = STATUS_OK;
	cli_options_init(&options);
	int err = cli_options_parse(&options, COMMAND_REPORT, &argc, argv, &diag);
	if (err == 0 && !options.help) {
		err = choose_format(&options, &format, &diag);
		if (err == 0 && argc < 2)
			err = diag_set(&diag, -EINVAL,
				"which results? tickvm report FILE..., as tickvm bench --json "
				"writes them");
		if (err == 0)
			err = check_not_input(argv + 1, (size_t)argc - 1, options.output, &diag);
	}
	if (err < 0) {
		status = STATUS_USAGE;
	} else if (options.help) {
		help();
	} else {
		if (cli_sandboxed(&options, COMMAND_REPORT))
			err = cli_sandbox_enter(&options, COMMAND_REPORT,
				&(struct cli_confined){.files = argv + 1, .n = (size_t)argc - 1},
				&diag);
		if (err == 0)
			err = report(argv + 1, (size_t)argc - 1, format, options.output, &diag);
		status = err < 0 ? STATUS_FAILED : STATUS_OK;
	}
	if (diag.text[0] != '\0')
		complain("report", "%s", diag.text);
	cli_options_free(&options);
	return status;
}

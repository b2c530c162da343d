/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm trace: run, then where the exits went: a table on standard output, events for Perfetto.
 * The counting itself is the monitor's. */
#include "cli.h"
#include "tickvm/clock.h"

static int write_events(const struct options *options, struct vm *vm, struct diag *diag)
{
	struct trace_ring *rings[VM_MAX_VCPUS];
	for (unsigned i = 0; i < options->machine.vcpus; i++)
		rings[i] = vm_trace(vm, i);
	return trace_write_chrome(
		options->events, rings, options->machine.vcpus, clock_tsc_hz(), diag);
}

static int write_page(const struct options *options, const struct page *page, struct diag *diag)
{
	int err = 0;
	if (cli_options_stdout(options) == NULL)
		page_print(page, PAGE_TEXT, stdout);
	if (options->csv != NULL)
		err = page_write(page, PAGE_CSV, options->csv, diag);
	if (err == 0 && options->markdown != NULL)
		err = page_write(page, PAGE_MARKDOWN, options->markdown, diag);
	return err;
}

int cmd_trace(int argc, char **argv, const char *command_line)
{
	struct options options;
	struct diag diag = {""};
	struct launch launch = {.command_line = command_line};
	if (!cli_launch_begin(&launch, COMMAND_TRACE, &options, argc, argv))
		return launch.status;
	struct page *page = trace_page(launch.vm, options.machine.vcpus, options.per_vcpu);
	int err = write_page(&options, page, &diag);
	page_destroy(page);
	if (err == 0 && options.events != NULL)
		err = write_events(&options, launch.vm, &diag);
	if (err < 0) {
		complain(launch.command, "%s", diag.text);
		launch.status = STATUS_FAILED;
	}
	cli_launch_end(&launch, &options);
	return launch.status;
}

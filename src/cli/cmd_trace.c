/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm trace: run, then where the exits went: a table on standard output, events for Perfetto.
 * The counting itself is the monitor's. */
#include "cli.h"
#include "tickvm/clock.h"

#include <string.h>

static int write_events(const struct options *options, struct vm *vm, struct diag *diag)
{
	struct trace_ring *rings[VM_MAX_VCPUS];
	for (unsigned i = 0; i < options->machine.vcpus; i++)
		rings[i] = vm_trace(vm, i);
	return trace_write_chrome(
		options->events, rings, options->machine.vcpus, clock_tsc_hz(), diag);
}

int cmd_trace(int argc, char **argv, const char *command_line)
{
	struct options options;
	struct diag diag = {""};
	struct launch launch = {.command_line = command_line};
	if (!cli_launch_begin(&launch, COMMAND_TRACE, &options, argc, argv))
		return launch.status;
	if (options.json == NULL || strcmp(options.json, "-") != 0)
		print_trace(stdout, launch.vm, options.machine.vcpus, options.per_vcpu);
	if (options.events != NULL && write_events(&options, launch.vm, &diag) < 0) {
		complain(launch.command, "%s", diag.text);
		launch.status = STATUS_ERROR;
	}
	cli_launch_end(&launch, &options);
	return launch.status;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* run and trace up to the guest's end: options, signals, the monitor, and what is said about how it
 * ended. It neither prints tables nor touches the guest. */
#include "cli.h"
#include "interrupts.h"
#include "supervise.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_KEPT ((size_t)1 << 18) /* a vCPU, 16 MiB; older ones are dropped and counted */

static struct vm *volatile running;

static void stop_running(void)
{
	struct vm *vm = running;
	if (vm != NULL)
		vm_stop(vm);
}

int cli_launch_status(const struct vm_outcome *outcome)
{
	switch (outcome->end) {
	case VM_END_EXIT:
		return outcome->status < STATUS_GUEST_MAX ? outcome->status : STATUS_GUEST_MAX;
	case VM_END_TIMEOUT:
		return STATUS_TIMEOUT;
	case VM_END_CRASH:
		return STATUS_CRASH;
	case VM_END_STOPPED:
		return STATUS_INTERRUPTED;
	case VM_END_ERROR:
		break;
	}
	return STATUS_ERROR;
}

/* A hostile guest's text goes through a diag, which drives no terminal. */
static void say_message(const char *command, const char *message)
{
	struct diag said;
	diag_set(&said, 0, "the guest says: %s", message);
	complain(command, "%s", said.text);
}

static void say_how_it_ended(
	const struct launch *launch, const struct options *options, const struct diag *diag)
{
	const struct vm_outcome *outcome = &launch->outcome;
	const struct guest_result *result = vm_guest_result(launch->vm);
	switch (outcome->end) {
	case VM_END_EXIT:
		if (outcome->status > STATUS_GUEST_MAX)
			complain(launch->command, "the guest's status %u is passed on as %d",
				outcome->status, STATUS_GUEST_MAX);
		if (outcome->status != 0 && result != NULL && result->message[0] != '\0')
			say_message(launch->command, result->message);
		if (result != NULL && result->died.rip != 0)
			vm_print_registers(stderr, &result->died);
		break;
	case VM_END_TIMEOUT:
		complain(launch->command, "stopped by --timeout after %g s",
			(double)options->machine.timeout_ns / 1e9);
		break;
	case VM_END_CRASH:
		complain(launch->command, "the guest crashed\n%s",
			outcome->report != NULL ? outcome->report : "");
		break;
	case VM_END_STOPPED:
		if (!options->quiet)
			complain(launch->command, "stopped by the user");
		break;
	case VM_END_ERROR:
		complain(launch->command, "%s", diag->text);
		break;
	}
}

/* A timer thread without SCHED_FIFO is worth a line only when it had something to do. */
static void say_timer_thread(const struct launch *launch, const struct options *options)
{
	const struct timer_thread_stats *stats = vm_timer_thread_stats(launch->vm);
	if (stats == NULL || options->quiet)
		return;
	if (!stats->fifo && stats->expiries > 0 && options->machine.timer_priority > 0)
		complain(launch->command,
			"the timer thread ran without SCHED_FIFO (%s): timers were late; run as "
			"root, or raise RLIMIT_RTPRIO (ulimit -r)",
			strerror(stats->fifo_errno));
	if (options->verbose)
		complain(launch->command,
			"timer thread: %s, %llu expiries, wake-up error p50 %.1f us, p99 %.1f us",
			stats->fifo ? "SCHED_FIFO" : "SCHED_OTHER",
			(unsigned long long)stats->expiries,
			clock_ticks_to_ns_f((int64_t)histogram_quantile(&stats->wake_error, 0.5)) /
				1e3,
			clock_ticks_to_ns_f((int64_t)histogram_quantile(&stats->wake_error, 0.99)) /
				1e3);
}

static void say_disk(const struct launch *launch, const struct options *options)
{
	struct vm_disk_stats stats = vm_disk_stats(launch->vm);
	if (!stats.present || !options->verbose)
		return;
	complain(launch->command, "disk: %s, %s, at most %llu requests in flight",
		stats.io_uring ? "io_uring" : "no io_uring here: preadv and pwritev",
		stats.direct ? "direct I/O where requests are aligned" : "page cache only",
		(unsigned long long)stats.most_in_flight);
}

static void help(enum command command)
{
	printf("usage: tickvm %s [options] [KERNEL]\n\n%s\n\n"
	       "KERNEL is an ELF file with a PVH note or a Multiboot header; without it the "
	       "built-in "
	       "payload runs.\n\noptions:\n",
		command == COMMAND_RUN ? "run" : "trace",
		command == COMMAND_RUN
			? "Launch a guest on this terminal. Ctrl-A x quits, Ctrl-A Ctrl-A sends "
			  "Ctrl-A."
			: "Launch a guest; when it has ended, print its exits by reason, address "
			  "and device.");
	cli_options_help(stdout, command);
	printf("\nexit status: the guest's own, 0 to 123 (above: 123); 124 the timeout; 125 tickvm "
	       "or the host\nfailed; 126 the guest crashed; 130 stopped by the user\n");
}

struct confining {
	const struct options *options;
	enum command command;
};

static int confine(void *ctx, struct diag *diag)
{
	const struct confining *c = ctx;
	const struct cli_confined what = {.guests = true,
		.facts = c->options->json != NULL,
		.vcpus = c->options->machine.vcpus};

	return cli_sandbox_enter(c->options, c->command, &what, diag);
}

/* Options to a checked configuration. 0, or a negative errno with diag set. */
static int prepare(
	struct options *options, enum command command, int *argc, char **argv, struct diag *diag)
{
	int err = cli_options_parse(options, command, argc, argv, diag);
	if (err == 0 && !options->help)
		err = cli_options_check_host(options, diag);
	const char *data = cli_options_stdout(options);
	if (err == 0 && data != NULL && options->machine.serial == SERIAL_STDIO)
		err = diag_set(diag, -1,
			"%s -: the guest writes to standard output; use --serial null or "
			"--serial file:PATH",
			data);
	if (command == COMMAND_TRACE && options->events != NULL)
		options->machine.trace_events = EVENTS_KEPT;
	return err;
}

bool cli_launch_begin(
	struct launch *launch, enum command command, struct options *options, int argc, char **argv)
{
	struct diag diag = {""};
	struct confining confining = {options, command};
	*launch = (struct launch){
		.command = argv[0], .command_line = launch->command_line, .status = STATUS_ERROR};
	cli_options_init(options);
	if (prepare(options, command, &argc, argv, &diag) < 0)
		goto fail;
	if (options->help) {
		help(command);
		launch->status = STATUS_OK;
		cli_options_free(options);
		return false;
	}
	if (cli_sandboxed(options, command)) {
		options->machine.confine = confine;
		options->machine.confine_ctx = &confining;
	}
	if (options->machine.disk_path != NULL || options->machine.serial == SERIAL_FILE)
		supervise();
	if (vm_create(&launch->vm, &options->machine, &diag) < 0)
		goto fail;
	running = launch->vm;
	interrupts_catch(stop_running);
	if (vm_run(launch->vm, &launch->outcome, &diag) < 0)
		launch->outcome.end = VM_END_ERROR;
	launch->status = cli_launch_status(&launch->outcome);
	/* Nobody reads any more: that ended the run, which is said. */
	if (vm_serial_errno(launch->vm) != 0 && vm_serial_errno(launch->vm) != EPIPE)
		launch->status = STATUS_FAILED;
	say_how_it_ended(launch, options, &diag);
	say_timer_thread(launch, options);
	say_disk(launch, options);
	return true;
fail:
	complain(launch->command, "%s", diag.text);
	cli_options_free(options);
	return false;
}

void cli_launch_end(struct launch *launch, struct options *options)
{
	struct diag diag = {""};
	if (options->json != NULL &&
		json_write(trace_json(launch, options), JSON_INDENT(1), options->json, &diag) < 0) {
		complain(launch->command, "%s", diag.text);
		launch->status = STATUS_FAILED;
	}
	running = NULL;
	vm_destroy(launch->vm);
	cli_options_free(options);
}

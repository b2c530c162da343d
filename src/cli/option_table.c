/* SPDX-License-Identifier: BSD-2-Clause */
/* Every option there is: parsing, --help and the tests of man page and completion read this table.
 * It holds no parsing but that of the three options whose values are words. */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GIB(n)  ((uint64_t)(n) << 30)
#define SECOND  1000000000ULL
#define CPU_MAX 4095

static int parse_irqchip(struct options *options, const char *value)
{
	for (int kind = 0; kind < IRQCHIP_KINDS; kind++)
		if (strcmp(value, irqchip_name((enum irqchip_kind)kind)) == 0) {
			options->machine.irqchip = (enum irqchip_kind)kind;
			return 0;
		}
	return -EINVAL;
}

static int parse_serial(struct options *options, const char *value)
{
	struct vm_config *machine = &options->machine;
	if (strcmp(value, "stdio") == 0)
		machine->serial = SERIAL_STDIO;
	else if (strcmp(value, "null") == 0)
		machine->serial = SERIAL_NULL;
	else if (strncmp(value, "file:", 5) == 0 && value[5] != '\0')
		machine->serial = SERIAL_FILE;
	else
		return -EINVAL;
	machine->serial_path = machine->serial == SERIAL_FILE ? value + 5 : NULL;
	return 0;
}

static int parse_pin(struct options *options, const char *value)
{
	int *cpu = options->machine.vcpu_cpu;
	unsigned n = 0;
	for (;;) {
		char *end;
		/* strtol() would take blanks and signs */
		if (n == VM_MAX_VCPUS || *value < '0' || *value > '9')
			return -EINVAL;
		long number = strtol(value, &end, 10);
		if (number > CPU_MAX || (*end != ',' && *end != '\0'))
			return -EINVAL;
		cpu[n++] = (int)number;
		if (*end == '\0')
			break;
		value = end + 1;
	}
	options->pins = n;
	while (n < VM_MAX_VCPUS)
		cpu[n++] = -1;
	return 0;
}

#define AT(field) offsetof(struct options, field)
#define MACHINE   COMMANDS_MACHINE

/* clang-format off */
const struct option_spec cli_option_specs[] = {
	{"vcpus", "N", "1", "virtual CPUs; more than the host has is fine",
		OPTION_UNSIGNED, AT(machine.vcpus), 1, VM_MAX_VCPUS, NULL, BENCH_SET_VCPUS, MACHINE},
	{"mem", "SIZE", "64M", "guest memory",
		OPTION_SIZE, AT(machine.mem_bytes), VM_MIN_MEM, GIB(3), NULL, BENCH_SET_MEM, MACHINE},
	{"irqchip", "kernel|split|user", "split", "who models the interrupt controllers",
		OPTION_CUSTOM, 0, 0, 0, parse_irqchip, BENCH_SET_IRQCHIP, MACHINE},
	{"append", "STRING", NULL, "the guest's command line",
		OPTION_TEXT, AT(machine.append), 0, 0, NULL, 0, MACHINE},
	{"serial", "stdio|null|file:PATH", "stdio", "where the serial line goes",
		OPTION_CUSTOM, 0, 0, 0, parse_serial, 0, MACHINE},
	{"pin", "CPU,CPU...", NULL, "host CPU of each vCPU, vCPU 0 first",
		OPTION_CUSTOM, 0, 0, 0, parse_pin, BENCH_SET_PIN, MACHINE},
	{"vcpu-priority", "N", "0", "SCHED_FIFO priority of the vCPU threads; 0: SCHED_OTHER",
		OPTION_INT, AT(machine.vcpu_fifo_priority), 0, 99, NULL, 0, MACHINE},
	{"timer-cpu", "N", NULL, "host CPU of the timer thread",
		OPTION_INT, AT(machine.timer_cpu), 0, CPU_MAX, NULL, BENCH_SET_TIMER_CPU, MACHINE},
	{"timer-priority", "N", "80", "SCHED_FIFO priority of the timer thread; 0: SCHED_OTHER",
		OPTION_INT, AT(machine.timer_priority), 0, 99, NULL, 0, MACHINE},
	{"timer-spin", "NS", "60us", "the timer thread spins the last part of each wait",
		OPTION_NSEC, AT(machine.timer_spin_ns), 0, SECOND / 10, NULL, 0, MACHINE},
	{"timer-advance", "auto|NS", "auto", "how early the dedicated timer injects; auto: learned",
		OPTION_AUTO, AT(machine.timer_advance_ns), 0, DEDICATED_ADVANCE_MAX_NS, NULL, 0, MACHINE},
	{"halt-poll", "auto|NS", "auto", "a halted vCPU is polled for this long",
		OPTION_AUTO, AT(machine.halt_poll_ns), 0, SECOND, NULL, BENCH_SET_HALT_POLL, MACHINE},
	{"quiet-window", "NS", "0", "hold other interrupts this long before a dedicated deadline",
		OPTION_NSEC, AT(machine.quiet_window_ns), 0, SECOND, NULL, 0, MACHINE},
	{"timeout", "SECONDS", "0", "end the run after this long; 0: never",
		OPTION_SECONDS, AT(machine.timeout_ns), 0, 1000000 * SECOND, NULL, BENCH_SET_TIMEOUT, MACHINE},
	{"config", "FILE.ini", NULL, "read options from a file; the command line wins",
		OPTION_TEXT, AT(config), 0, 0, NULL, 0, MACHINE},
	{"events", "FILE", NULL, "write every exit as Chrome trace JSON",
		OPTION_TEXT, AT(events), 0, 0, NULL, 0, COMMAND_TRACE},
	{"per-vcpu", NULL, NULL, "a table for each vCPU too",
		OPTION_FLAG, AT(per_vcpu), 0, 0, NULL, 0, COMMAND_TRACE},
	{"json", "FILE", NULL, "write everything as JSON; -: standard output",
		OPTION_TEXT, AT(json), 0, 0, NULL, 0, COMMANDS_ALL},
	{"quiet", NULL, NULL, "say less",
		OPTION_FLAG, AT(quiet), 0, 0, NULL, 0, COMMANDS_ALL},
	{"verbose", NULL, NULL, "say more, on standard error",
		OPTION_FLAG, AT(verbose), 0, 0, NULL, 0, COMMANDS_ALL},
	{"help", NULL, NULL, "this text",
		OPTION_FLAG, AT(help), 0, 0, NULL, 0, COMMANDS_ALL},
	{0},
};
/* clang-format on */

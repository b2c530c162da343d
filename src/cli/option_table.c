/* SPDX-License-Identifier: BSD-2-Clause */
/* Every option there is: parsing, --help and the tests of man page and completion read this table.
 * It holds no parsing but that of the options whose values are words. */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GIB(n)     ((uint64_t)(n) << 30)
#define SECOND     1000000000ULL
#define CPU_MAX    4095
#define SHARDS_MAX 4096

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

static int parse_disk(struct options *options, const char *value)
{
	struct vm_config *machine = &options->machine;
	size_t length = strlen(value);
	char *path;
	machine->disk_read_only = length > 3 && strcmp(value + length - 3, ",ro") == 0;
	machine->disk_path = path = cli_options_keep(options, value);
	if (path == NULL || length == 0)
		return -EINVAL;
	if (machine->disk_read_only)
		path[length - 3] = '\0';
	return 0;
}

static int parse_pin(struct options *options, const char *value)
{
	int *cpu = options->machine.vcpu_cpu;
	unsigned n = 0;
	options->machine_set &= ~(uint64_t)BENCH_SET_PIN_BOTH;
	options->pin_each = strcmp(value, "each") == 0;
	options->pins = 0;
	for (unsigned i = 0; i < VM_MAX_VCPUS; i++)
		cpu[i] = -1;
	if (options->pin_each || strcmp(value, "none") == 0)
		return 0;
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
	return 0;
}

static int parse_bench_pin(struct options *options, const char *value)
{
	if (strcmp(value, "both") != 0)
		return parse_pin(options, value);
	options->machine_set |= BENCH_SET_PIN_BOTH;
	return 0;
}

#define AT(field) offsetof(struct options, field)

static int set_quiet_window(struct options *options, const char *word)
{
	static const struct option_spec number = {.name = "quiet-window",
		.arg = "NS",
		.kind = OPTION_NSEC,
		.offset = AT(machine.quiet_window_ns),
		.max = SECOND};
	struct diag unused;
	if (strcmp(word, "on") == 0)
		options->machine_set |= BENCH_SET_QUIET_ON;
	else if (strcmp(word, "off") == 0)
		options->machine_set |= BENCH_SET_QUIET_OFF;
	else
		return cli_options_set(options, &number, word, "", &unused);
	return 0;
}

/* on, off, a time, or two of them. */
static int parse_bench_quiet(struct options *options, const char *value)
{
	char word[32];
	options->machine_set &= ~(uint64_t)(BENCH_SET_QUIET_ON | BENCH_SET_QUIET_OFF);
	options->machine.quiet_window_ns = 0;
	for (;;) {
		size_t length = strcspn(value, ",");
		if (length == 0 || length >= sizeof(word))
			return -EINVAL;
		memcpy(word, value, length);
		word[length] = '\0';
		if (set_quiet_window(options, word) < 0)
			return -EINVAL;
		if (value[length] == '\0')
			return 0;
		value += length + 1;
	}
}

/* "2/8". */
static int parse_shard(struct options *options, const char *value)
{
	char *end, *last;
	unsigned long shard = strtoul(value, &end, 10);
	unsigned long shards = *end == '/' ? strtoul(end + 1, &last, 10) : 0;
	if (*value < '0' || *value > '9' || shards == 0 || end[1] < '0' || end[1] > '9' ||
		*last != '\0' || shard < 1 || shard > shards || shards > SHARDS_MAX)
		return -EINVAL;
	options->shard = (unsigned)shard;
	options->shards = (unsigned)shards;
	return 0;
}

static int parse_sandbox(struct options *options, const char *value)
{
	static const char *const words[] = {
		[SANDBOX_AUTO] = "auto", [SANDBOX_ON] = "on", [SANDBOX_OFF] = "off"};
	for (unsigned wish = 0; wish < sizeof(words) / sizeof(words[0]); wish++)
		if (strcmp(value, words[wish]) == 0) {
			options->sandbox = (enum sandbox_wish)wish;
			return 0;
		}
	return -EINVAL;
}

#define NO_AXIS NULL

/* ---- what a file may not say ---- */

#define FILE_TOO NULL

static const char *writes(const char *value)
{
	(void)value;
	return "a file may not name what is written";
}

static const char *serial_writes(const char *value)
{
	return strncmp(value, "file:", 5) == 0 ? writes(value) : NULL;
}

static const char *disk_writes(const char *value)
{
	size_t length = strlen(value);
	return length > 3 && strcmp(value + length - 3, ",ro") == 0
		       ? NULL
		       : "a file may name a disk to be read only, PATH,ro";
}

static const char *changes_host(const char *value)
{
	(void)value;
	return "a file may not change the host";
}

static const char *no_machines(const char *value)
{
	(void)value;
	return "it says nothing of a machine";
}

#define MACHINE (COMMANDS_MACHINE | COMMAND_CELL)

/* clang-format off */
const struct option_spec cli_option_specs[] = {
	{"vcpus", "N", "1", "virtual CPUs; more than the host has is fine",
		OPTION_UNSIGNED, AT(machine.vcpus), 1, VM_MAX_VCPUS, NULL, BENCH_SET_VCPUS, MACHINE, FILE_TOO, cli_show_amount},
	{"mem", "SIZE", "64M", "guest memory",
		OPTION_SIZE, AT(machine.mem_bytes), VM_MIN_MEM, GIB(3), NULL, BENCH_SET_MEM, MACHINE, FILE_TOO, cli_show_amount},
	{"irqchip", "kernel|split|user", "split", "who models the interrupt controllers",
		OPTION_CUSTOM, 0, 0, 0, parse_irqchip, BENCH_SET_IRQCHIP, MACHINE, FILE_TOO, cli_show_irqchip},
	{"append", "STRING", NULL, "the guest's command line",
		OPTION_TEXT, AT(machine.append), 0, 0, NULL, 0, MACHINE, FILE_TOO, NO_AXIS},
	{"serial", "stdio|null|file:PATH", "stdio", "where the serial line goes",
		OPTION_CUSTOM, 0, 0, 0, parse_serial, 0, MACHINE, serial_writes, NO_AXIS},
	{"disk", "PATH[,ro]", NULL, "raw image file or block device; ro: read only",
		OPTION_CUSTOM, 0, 0, 0, parse_disk, 0, MACHINE, disk_writes, NO_AXIS},
	{"disk-cpu", "N", NULL, "host CPU of the disk's thread",
		OPTION_INT, AT(machine.disk_cpu), 0, CPU_MAX, NULL, 0, MACHINE, FILE_TOO, NO_AXIS},
	{"pin", "CPU,CPU...|each|none", "none", "host CPU of each vCPU; each: one after the other",
		OPTION_CUSTOM, 0, 0, 0, parse_pin, BENCH_SET_PIN, COMMAND_RUN | COMMAND_TRACE | COMMAND_TUNE, FILE_TOO, NO_AXIS},
	{"pin", "CPU,CPU...|each|none|both", "each", "the same; both: hyperbench, a table for each and none",
		OPTION_CUSTOM, 0, 0, 0, parse_bench_pin, BENCH_SET_PIN,
		COMMAND_BENCH | COMMAND_SWEEP | COMMAND_BISECT | COMMAND_CELL, FILE_TOO, cli_show_pin},
	{"vcpu-priority", "N", "0", "SCHED_FIFO priority of the vCPU threads; 0: SCHED_OTHER",
		OPTION_INT, AT(machine.vcpu_fifo_priority), 0, 99, NULL, 0, MACHINE, FILE_TOO, cli_show_amount},
	{"timer-cpu", "N", NULL, "host CPU of the timer thread",
		OPTION_INT, AT(machine.timer_cpu), 0, CPU_MAX, NULL, BENCH_SET_TIMER_CPU, MACHINE, FILE_TOO, cli_show_amount},
	{"timer-priority", "N", "80", "SCHED_FIFO priority of the timer thread; 0: SCHED_OTHER",
		OPTION_INT, AT(machine.timer_priority), 0, 99, NULL, 0, MACHINE, FILE_TOO, cli_show_amount},
	{"timer-spin", "auto|NS", "auto", "the timer thread spins a wait's last part; auto: learned",
		OPTION_AUTO, AT(machine.timer_spin_ns), 0, SECOND / 10, NULL, 0, MACHINE, FILE_TOO, cli_show_amount},
	{"timer-advance", "auto|NS", "auto", "how early the dedicated timer injects; auto: learned",
		OPTION_AUTO, AT(machine.timer_advance_ns), 0, DEDICATED_ADVANCE_MAX_NS, NULL, 0, MACHINE, FILE_TOO, cli_show_amount},
	{"halt-poll", "auto|NS", "auto", "a halted vCPU is polled for this long",
		OPTION_AUTO, AT(machine.halt_poll_ns), 0, SECOND, NULL, BENCH_SET_HALT_POLL, MACHINE, FILE_TOO, cli_show_amount},
	{"quiet-window", "NS", "0", "hold other interrupts this long before a dedicated deadline",
		OPTION_NSEC, AT(machine.quiet_window_ns), 0, SECOND, NULL, 0, COMMAND_RUN | COMMAND_TRACE | COMMAND_TUNE, FILE_TOO, NO_AXIS},
	{"quiet-window", "NS|on,off", "0", "hold others this long before dedicated deadlines; on,off: timer",
		OPTION_CUSTOM, 0, 0, 0, parse_bench_quiet, 0, COMMAND_BENCH | COMMAND_SWEEP | COMMAND_BISECT | COMMAND_CELL, FILE_TOO, NO_AXIS},
	{"timeout", "SECONDS", "0", "end the run after this long; 0: never",
		OPTION_SECONDS, AT(machine.timeout_ns), 0, 1000000 * SECOND, NULL, BENCH_SET_TIMEOUT, MACHINE, FILE_TOO, NO_AXIS},
	{"config", "FILE.ini", NULL, "read options from a file; the command line wins",
		OPTION_TEXT, AT(config), 0, 0, NULL, 0, COMMANDS_MACHINE, no_machines, NO_AXIS},
	{"events", "FILE", NULL, "write every exit as Chrome trace JSON",
		OPTION_TEXT, AT(events), 0, 0, NULL, 0, COMMAND_TRACE, writes, NO_AXIS},
	{"require", "NAME,NAME...", NULL, "fail unless these checks are ok",
		OPTION_TEXT, AT(require), 0, 0, NULL, 0, COMMAND_DOCTOR, FILE_TOO, NO_AXIS},
	{"per-vcpu", NULL, NULL, "a table for each vCPU too",
		OPTION_FLAG, AT(per_vcpu), 0, 0, NULL, 0, COMMAND_TRACE, FILE_TOO, NO_AXIS},
	{"json", "FILE", NULL, "write everything as JSON; -: standard output",
		OPTION_TEXT, AT(json), 0, 0, NULL, 0, COMMANDS_MEASURE | COMMAND_COMPARE, writes, NO_AXIS},
	{"csv", "FILE", NULL, "write the tables as CSV; -: standard output",
		OPTION_TEXT, AT(csv), 0, 0, NULL, 0, COMMAND_TUNE | COMMAND_TRACE | COMMAND_BENCH | COMMAND_SWEEP | COMMAND_BISECT | COMMAND_COMPARE, writes, NO_AXIS},
	{"markdown", "FILE", NULL, "write the tables as Markdown; -: standard output",
		OPTION_TEXT, AT(markdown), 0, 0, NULL, 0, COMMAND_TUNE | COMMAND_TRACE | COMMAND_BENCH | COMMAND_SWEEP | COMMAND_BISECT | COMMAND_COMPARE, writes, NO_AXIS},
	{"rounds", "N", NULL, "rounds of all cells; without it as the file says",
		OPTION_UNSIGNED, AT(rounds), 1, 1000, NULL, 0, COMMAND_SWEEP | COMMAND_BISECT, FILE_TOO, NO_AXIS},
	{"shard", "I/N", NULL, "of every N cells the I-th only, for tickvm merge",
		OPTION_CUSTOM, 0, 0, 0, parse_shard, 0, COMMAND_SWEEP, FILE_TOO, NO_AXIS},
	{"resume", "FILE", NULL, "go on with these results; they are written there again",
		OPTION_TEXT, AT(resume), 0, 0, NULL, 0, COMMAND_SWEEP, writes, NO_AXIS},
	{"baseline", "FILE", NULL, "compare with these results at the end; worse is status 1",
		OPTION_TEXT, AT(baseline), 0, 0, NULL, 0, COMMAND_SWEEP | COMMAND_BISECT, no_machines, NO_AXIS},
	{"output", "FILE", NULL, "the same as --json; -o FILE too",
		OPTION_TEXT, AT(json), 0, 0, NULL, 0, COMMAND_SWEEP, writes, NO_AXIS},
	{"source", "NAME", NULL, "whose timer: kvm-lapic, user-lapic, kvm-pit, user-pit (dedicated)",
		OPTION_TEXT, AT(tune.source), 0, 0, NULL, 0, COMMAND_TUNE, FILE_TOO, NO_AXIS},
	{"interval", "NS", NULL, "between its events, 1us to 1s (100us)",
		OPTION_TEXT, AT(tune.interval), 0, 0, NULL, 0, COMMAND_TUNE, FILE_TOO, NO_AXIS},
	{"load", "LOAD", NULL, "idle, io or interrupts:RATE, as bench timer has it (idle)",
		OPTION_TEXT, AT(tune.load), 0, 0, NULL, 0, COMMAND_TUNE, FILE_TOO, NO_AXIS},
	{"budget", "SECONDS", NULL, "how long to search (60)",
		OPTION_SECONDS, AT(tune.budget_ns), SECOND, 86400 * SECOND, NULL, 0, COMMAND_TUNE, FILE_TOO, NO_AXIS},
	{"apply", NULL, NULL, "write host settings that are files of /sys and /proc; root only",
		OPTION_FLAG, AT(tune.apply), 0, 0, NULL, 0, COMMAND_TUNE, changes_host, NO_AXIS},
	{"output", "FILE.ini", NULL, "write the recommended machine, for --config; -o FILE.ini too",
		OPTION_TEXT, AT(output), 0, 0, NULL, 0, COMMAND_TUNE, writes, NO_AXIS},
	{"output", "FILE", NULL, "where the joined results go; -o FILE too; -: standard output",
		OPTION_TEXT, AT(output), 0, 0, NULL, 0, COMMAND_MERGE, writes, NO_AXIS},
	{"output", "FILE", NULL, "write the report; -o FILE is the same; -: standard output",
		OPTION_TEXT, AT(output), 0, 0, NULL, 0, COMMAND_REPORT, writes, NO_AXIS},
	{"format", "FORMAT", NULL, "one of those below; without it as FILE ends",
		OPTION_TEXT, AT(format), 0, 0, NULL, 0, COMMAND_REPORT, FILE_TOO, NO_AXIS},
	{"by", "AXIS", NULL, "one FILE: each value of this axis against the first",
		OPTION_TEXT, AT(by), 0, 0, NULL, 0, COMMAND_COMPARE, FILE_TOO, NO_AXIS},
	{"live", NULL, NULL, "run 'BENCH OPTIONS' twice over, in turns, instead of reading files",
		OPTION_FLAG, AT(live), 0, 0, NULL, 0, COMMAND_COMPARE, FILE_TOO, NO_AXIS},
	{"max-rounds", "N", NULL, "--live: rounds of each until it is inconclusive (32)",
		OPTION_UNSIGNED, AT(max_rounds), COMPARE_ROUNDS_MIN, COMPARE_ROUNDS_MAX, NULL, 0, COMMAND_COMPARE, FILE_TOO, NO_AXIS},
	{"max-rounds", "N", NULL, "--baseline: most rounds, added until all is decided (twice)",
		OPTION_UNSIGNED, AT(max_rounds), 1, 1000, NULL, 0, COMMAND_SWEEP | COMMAND_BISECT, FILE_TOO, NO_AXIS},
	{"alpha", "SHARE", NULL, "false alarms in all gated metrics together (5%)",
		OPTION_TEXT, AT(compare.alpha), 0, 0, NULL, 0, COMMAND_COMPARE | COMMAND_SWEEP | COMMAND_BISECT, FILE_TOO, NO_AXIS},
	{"floor-relative", "SHARE", NULL, "smaller changes do not count (5%)",
		OPTION_TEXT, AT(compare.floor_relative), 0, 0, NULL, 0, COMMAND_COMPARE | COMMAND_SWEEP | COMMAND_BISECT, FILE_TOO, NO_AXIS},
	{"floor-absolute", "LIST", NULL, "nor do these, by unit (100ns,200cycles,...)",
		OPTION_TEXT, AT(compare.floor_absolute), 0, 0, NULL, 0, COMMAND_COMPARE | COMMAND_SWEEP | COMMAND_BISECT, FILE_TOO, NO_AXIS},
	{"gate", "FILE", NULL, "rules: what is gated and by how much (*/p50, */p99, exits/*)",
		OPTION_TEXT, AT(compare.gate), 0, 0, NULL, 0, COMMAND_COMPARE | COMMAND_SWEEP | COMMAND_BISECT, no_machines, NO_AXIS},
	{"force", NULL, NULL, "compare results of different hosts",
		OPTION_FLAG, AT(compare.force), 0, 0, NULL, 0, COMMAND_COMPARE | COMMAND_SWEEP | COMMAND_BISECT, FILE_TOO, NO_AXIS},
	{"strict", NULL, NULL, "inconclusive or missing fails too",
		OPTION_FLAG, AT(compare.strict), 0, 0, NULL, 0, COMMAND_COMPARE | COMMAND_SWEEP, FILE_TOO, NO_AXIS},
	{"sandbox", "on|off|auto", "auto", "confine the process; auto: where KERNEL is given",
		OPTION_CUSTOM, 0, 0, 0, parse_sandbox, 0, COMMAND_RUN | COMMAND_TRACE, no_machines, NO_AXIS},
	{"sandbox", "on|off|auto", "auto", "confine the process; auto: do not, the guest is ours",
		OPTION_CUSTOM, 0, 0, 0, parse_sandbox, 0, COMMAND_BENCH, no_machines, NO_AXIS},
	{"sandbox", "on|off|auto", "auto", "confine the process; auto: where files are read",
		OPTION_CUSTOM, 0, 0, 0, parse_sandbox, 0, COMMAND_REPORT | COMMAND_MERGE | COMMAND_COMPARE, no_machines, NO_AXIS},
	{"quiet", NULL, NULL, "say less",
		OPTION_FLAG, AT(quiet), 0, 0, NULL, 0, COMMANDS_MEASURE | COMMAND_COMPARE, FILE_TOO, NO_AXIS},
	{"verbose", NULL, NULL, "say more, on standard error",
		OPTION_FLAG, AT(verbose), 0, 0, NULL, 0, COMMANDS_MEASURE, FILE_TOO, NO_AXIS},
	{"help", NULL, NULL, "this text",
		OPTION_FLAG, AT(help), 0, 0, NULL, 0, COMMANDS_ALL, no_machines, NO_AXIS},
	{0},
};
/* clang-format on */
_Static_assert(
	sizeof(cli_option_specs) / sizeof(cli_option_specs[0]) <= OPTIONS_MAX, "each counts");

/* SPDX-License-Identifier: BSD-2-Clause */
/* Turns words into a configuration by the table in option_table.c.
 * It does not start anything, and looks at the host only in
 * cli_options_check_host(). */
#include "options.h"
#include "tickvm/amount.h"
#include "tickvm/guest_abi.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
#define SECOND 1000000000ULL

struct option_text {
	struct option_text *next;
	char text[];
};

static enum amount_kind amount_of(enum option_kind kind)
{
	switch (kind) {
	case OPTION_SIZE:
		return AMOUNT_SIZE;
	case OPTION_NSEC:
	case OPTION_AUTO:
		return AMOUNT_NSEC;
	case OPTION_SECONDS:
		return AMOUNT_SECONDS;
	default:
		return AMOUNT_NUMBER;
	}
}

/* ---- setting one ---- */

void cli_options_init(struct options *options)
{
	*options = (struct options){0};
	vm_config_default(&options->machine);
}

void cli_options_free(struct options *options)
{
	while (options->texts != NULL) {
		struct option_text *next = options->texts->next;
		free(options->texts);
		options->texts = next;
	}
}

char *cli_options_keep(struct options *options, const char *text)
{
	size_t size = strlen(text) + 1;
	struct option_text *kept = malloc(sizeof(*kept) + size);
	if (kept == NULL)
		return NULL;
	memcpy(kept->text, text, size);
	kept->next = options->texts;
	options->texts = kept;
	return kept->text;
}

static int refuse(const struct option_spec *spec, const char *where, struct diag *diag)
{
	static const char *const with[] = {[AMOUNT_NUMBER] = "",
		[AMOUNT_SIZE] = " (bytes, or with K, M or G)",
		[AMOUNT_NSEC] = " (ns, or with us, ms or s)",
		[AMOUNT_SECONDS] = " (seconds, or with ms, us or ns)"};
	enum amount_kind kind = amount_of(spec->kind);
	char min[32], max[32];
	if (spec->kind == OPTION_CUSTOM)
		return diag_set(diag, -EINVAL, "%s: expected %s", where, spec->arg);
	amount_show(kind, spec->min, min, sizeof(min));
	amount_show(kind, spec->max, max, sizeof(max));
	return diag_set(diag, -EINVAL, "%s: expected %sa number from %s to %s%s", where,
		spec->kind == OPTION_AUTO ? "auto or " : "", min, max, with[kind]);
}

static int store(struct options *options, const struct option_spec *spec, const char *value)
{
	char *field = (char *)options + spec->offset;
	uint64_t number = 0;
	switch (spec->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)(void *)field = value;
		return 0;
	case OPTION_CUSTOM:
		return spec->parse(options, value);
	default:
		break;
	}
	if (spec->kind == OPTION_AUTO && strcmp(value, "auto") == 0) {
		*(int64_t *)(void *)field = VM_AUTO;
		return 0;
	}
	if (amount_parse(amount_of(spec->kind), value, &number) < 0 || number < spec->min ||
		number > spec->max)
		return -EINVAL;
	if (spec->kind == OPTION_UNSIGNED)
		*(unsigned *)(void *)field = (unsigned)number;
	else if (spec->kind == OPTION_INT)
		*(int *)(void *)field = (int)number;
	else if (spec->kind == OPTION_AUTO)
		*(int64_t *)(void *)field = (int64_t)number;
	else
		*(uint64_t *)(void *)field = number;
	return 0;
}

int cli_options_set(struct options *options, const struct option_spec *spec, const char *value,
	const char *where, struct diag *diag)
{
	if (store(options, spec, value) < 0)
		return refuse(spec, where, diag);
	options->machine_set |= spec->set;
	return 0;
}

int cli_options_set_from_file(struct options *options, const struct option_spec *spec,
	const char *value, const char *where, struct diag *diag)
{
	const char *why = spec->typed != NULL ? spec->typed(value) : NULL;
	if (why != NULL)
		return diag_set(diag, -EINVAL, "%s: belongs on the command line: %s", where, why);
	return cli_options_set(options, spec, value, where, diag);
}

/* ---- finding one ---- */

const struct option_spec *cli_options_find(
	enum command command, const char *name, size_t length, const char *where, struct diag *diag)
{
	const char *words[64];
	size_t n = 0;
	for (const struct option_spec *spec = cli_option_specs; spec->name != NULL; spec++) {
		if (!(spec->commands & command))
			continue;
		if (strlen(spec->name) == length && memcmp(spec->name, name, length) == 0)
			return spec;
		if (n + 1 < sizeof(words) / sizeof(words[0]))
			words[n++] = spec->name;
	}
	words[n] = NULL;
	const char *near = nearest_word(name, length, words);
	diag_set(diag, -EINVAL, "%s: no such option%s%s%s; --help lists them", where,
		near != NULL ? ", did you mean --" : "", near != NULL ? near : "",
		near != NULL ? "?" : "");
	return NULL;
}

/* ---- the command line ---- */

struct match {
	const struct option_spec *spec; /* NULL: no option of ours */
	const char *value;
	int words;
};

/* The option at argv[i] and its value, which may be the next word. What an experiment's option may
 * be is no error. */
static int match(
	enum command command, int argc, char **argv, int i, struct match *m, struct diag *diag)
{
	const char *word = argv[i];
	const char *letter = strcmp(word, "-h") == 0   ? "help"
			     : strcmp(word, "-o") == 0 ? "output"
						       : NULL;
	const char *name = letter != NULL ? letter : word + 2;
	size_t length = strcspn(name, "=");
	*m = (struct match){.value = "", .words = 1};
	if (word[1] == '-' || letter != NULL)
		m->spec = cli_options_find(command, name, length, word, diag);
	else
		diag_set(diag, -EINVAL, "%s: no such option; --help lists them", word);
	if (m->spec == NULL)
		return command == COMMAND_BENCH ? 0 : -EINVAL;
	bool joined = name[length] == '=';
	if (joined)
		m->value = name + length + 1;
	if (m->spec->arg == NULL)
		return joined ? diag_set(diag, -EINVAL, "--%s: takes no value", m->spec->name) : 0;
	if (joined)
		return 0;
	if (i + 1 >= argc)
		return diag_set(diag, -EINVAL, "--%s: needs a value: --%s %s", m->spec->name,
			m->spec->name, m->spec->arg);
	m->value = argv[i + 1];
	m->words = 2;
	return 0;
}

static int take_word(struct options *options, enum command command, char *word, int *argc,
	char **argv, struct diag *diag)
{
	if (command & (COMMAND_BENCH | COMMAND_REPORT | COMMAND_SWEEP | COMMAND_BISECT |
			      COMMAND_MERGE | COMMAND_COMPARE)) {
		argv[(*argc)++] = word;
		return 0;
	}
	if (command == COMMAND_DOCTOR)
		return diag_set(diag, -EINVAL, "%s: doctor takes options only", word);
	if (command == COMMAND_TUNE)
		return diag_set(diag, -EINVAL, "%s: tune takes options only", word);
	if (options->machine.kernel != NULL)
		return diag_set(diag, -EINVAL, "%s: there is one KERNEL already: %s", word,
			options->machine.kernel);
	options->machine.kernel = word;
	return 0;
}

/* One pass. only_config: take --config alone and leave argv as it is. */
static int pass(struct options *options, enum command command, bool only_config, int *argc,
	char **argv, struct diag *diag)
{
	int words = *argc, kept = 1, err = 0;
	bool ended = false;
	for (int i = 1; i < words && err == 0;) {
		struct match m = {.words = 1};
		char where[300];
		if (!ended && strcmp(argv[i], "--") == 0) {
			ended = true;
			i++;
			continue;
		}
		if (!ended && argv[i][0] == '-' && argv[i][1] != '\0')
			err = match(command, words, argv, i, &m, diag);
		if (err == 0 && m.spec == NULL && !only_config)
			err = take_word(options, command, argv[i], &kept, argv, diag);
		i += m.words;
		if (err != 0 || m.spec == NULL ||
			(only_config && strcmp(m.spec->name, "config") != 0))
			continue;
		snprintf(where, sizeof(where), "--%s %s", m.spec->name, m.value);
		if (command == COMMAND_BENCH && cli_machine_axes_keep(options, m.spec, m.value))
			continue;
		err = cli_options_set(options, m.spec, m.value, where, diag);
	}
	if (!only_config && err == 0) {
		argv[kept] = NULL;
		*argc = kept;
	}
	return err;
}

int cli_options_parse(
	struct options *options, enum command command, int *argc, char **argv, struct diag *diag)
{
	int err = pass(options, command, true, argc, argv, diag);
	if (err == 0 && options->config != NULL)
		err = machine_config_read(options, command, options->config, diag);
	if (err == 0)
		err = pass(options, command, false, argc, argv, diag);
	return err == 0 ? cli_options_check_stdout(options, diag) : err;
}

/* ---- what needs more than one option, or the host ---- */

/* list: ranges as the kernel prints them, "0-3,8". */
static bool cpu_in_list(const char *list, int cpu)
{
	while (*list >= '0' && *list <= '9') {
		char *end;
		long first = strtol(list, &end, 10), last = first;
		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		if (cpu >= first && cpu <= last)
			return true;
		list = *end == ',' ? end + 1 : end;
	}
	return false;
}

static int check_cpu(const char *option, int cpu, const char *online, struct diag *diag)
{
	if (cpu < 0 || cpu_in_list(online, cpu))
		return 0;
	return diag_set(
		diag, -EINVAL, "--%s: CPU %d is not online here; online: %s", option, cpu, online);
}

static int check_mem(const struct vm_config *machine, uint64_t host_mem, struct diag *diag)
{
	uint64_t mem = machine->mem_bytes;
	char shown[32], host[32];
	amount_show(AMOUNT_SIZE, mem, shown, sizeof(shown));
	amount_show(AMOUNT_SIZE, host_mem & ~(MIB(1) - 1), host, sizeof(host));
	if (mem % KIB(4) != 0)
		return diag_set(diag, -EINVAL, "--mem %s: expected a multiple of 4K", shown);
	if (machine->kernel == NULL && mem < GUEST_MIN_MEM)
		return diag_set(diag, -EINVAL, "--mem %s: the built-in guest needs at least %lluM",
			shown, (unsigned long long)(GUEST_MIN_MEM >> 20));
	if (host_mem != 0 && mem > host_mem)
		return diag_set(
			diag, -EINVAL, "--mem %s: this host has %s; ask for less", shown, host);
	return 0;
}

int cli_options_check(
	const struct options *options, const char *online, uint64_t host_mem, struct diag *diag)
{
	const struct vm_config *machine = &options->machine;
	int err = check_mem(machine, host_mem, diag);
	if (err == 0 && options->pins > machine->vcpus && options->machine_set & BENCH_SET_PIN)
		err = diag_set(diag, -EINVAL, "--pin: %u CPUs named for %u vCPUs; see --vcpus",
			options->pins, machine->vcpus);
	for (unsigned i = 0; i < VM_MAX_VCPUS && err == 0; i++)
		err = check_cpu("pin", machine->vcpu_cpu[i], online, diag);
	if (err == 0)
		err = check_cpu("timer-cpu", machine->timer_cpu, online, diag);
	if (err == 0)
		err = check_cpu("disk-cpu", machine->disk_cpu, online, diag);
	if (err == 0 && machine->append != NULL && strlen(machine->append) >= GUEST_CMDLINE_MAX)
		err = diag_set(diag, -EINVAL, "--append: %zu bytes; at most %d fit",
			strlen(machine->append), GUEST_CMDLINE_MAX - 1);
	return err;
}

/* As experiments place vCPUs that nobody placed. */
static void place_each(struct options *options)
{
	cpu_set_t set;
	if (!options->pin_each || sched_getaffinity(0, sizeof(set), &set) < 0)
		return;
	for (unsigned i = 0, cpu = 0; i < VM_MAX_VCPUS; cpu = (cpu + 1) % CPU_SETSIZE)
		if (CPU_ISSET(cpu, &set))
			options->machine.vcpu_cpu[i++] = (int)cpu;
	options->machine_set &= ~(uint64_t)BENCH_SET_PIN;
}

int cli_options_check_host(struct options *options, struct diag *diag)
{
	char online[256] = "";
	FILE *file = fopen("/sys/devices/system/cpu/online", "r");
	if (file != NULL) {
		if (fgets(online, sizeof(online), file) != NULL)
			online[strcspn(online, "\n")] = '\0';
		fclose(file);
	}
	if (online[0] == '\0') /* no sysfs: CPUs are numbered from 0 */
		snprintf(online, sizeof(online), "0-%ld", sysconf(_SC_NPROCESSORS_ONLN) - 1);
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
	place_each(options);
	int err = cli_options_check(options, online, pages * (uint64_t)sysconf(_SC_PAGESIZE), diag);
	return err == 0 ? cli_options_check_output(options, diag) : err;
}

void cli_options_help(FILE *out, enum command command)
{
	for (const struct option_spec *spec = cli_option_specs; spec->name != NULL; spec++) {
		char left[48];
		if (!(spec->commands & command))
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", spec->name, spec->arg != NULL ? " " : "",
			spec->arg != NULL ? spec->arg : "");
		fprintf(out, "  %-30s %s", left, spec->help);
		if (spec->fallback != NULL)
			fprintf(out, " (%s)", spec->fallback);
		fputc('\n', out);
	}
}

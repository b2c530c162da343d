/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's options as axes of experiments. */
#include "options.h"

#include "tickvm/experiment.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define AXES_MAX 32

static struct axis axes[AXES_MAX + 1];

/* Options of the same name for different commands are one axis. */
static const struct option_spec *find(const char *name)
{
	for (const struct option_spec *spec = cli_option_specs; spec->name != NULL; spec++)
		if (spec->show != NULL && spec->commands & COMMAND_BENCH &&
			strcmp(spec->name, name) == 0)
			return spec;
	return NULL;
}

/* ---- what it is now ---- */

struct value cli_show_irqchip(const struct options *options, const struct option_spec *spec)
{
	(void)spec;
	return value_word(irqchip_name(options->machine.irqchip));
}

/* As one would type it; each, where experiments are left to place vCPUs. */
struct value cli_show_pin(const struct options *options, const struct option_spec *spec)
{
	const int *cpu = options->machine.vcpu_cpu;
	char text[VM_MAX_VCPUS * 5 + 1] = "";

	(void)spec;
	if (!(options->machine_set & BENCH_SET_PIN))
		return value_word("each");
	for (unsigned i = 0; i < VM_MAX_VCPUS && cpu[i] >= 0; i++) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s%d", used > 0 ? "," : "", cpu[i]);
	}
	return value_word(text[0] != '\0' ? text : "none");
}

/* auto: left to whoever knows better. */
struct value cli_show_amount(const struct options *options, const struct option_spec *spec)
{
	const void *field = (const char *)options + spec->offset;
	double number = spec->kind == OPTION_UNSIGNED ? *(const unsigned *)field
			: spec->kind == OPTION_INT    ? *(const int *)field
			: spec->kind == OPTION_AUTO   ? (double)*(const int64_t *)field
						      : (double)*(const uint64_t *)field;

	return number < 0 ? value_word("auto") : value_number(number);
}

/* ---- tickvm/experiment.h ---- */

static struct options options_of(const struct bench_context *context)
{
	struct options options;

	cli_options_init(&options);
	options.machine = context->machine;
	options.machine_set = context->machine_set;
	return options;
}

static int set(struct bench_context *context, const char *axis, const char *text, struct diag *diag)
{
	struct options options = options_of(context);
	char where[128];

	snprintf(where, sizeof(where), "--%s %s", axis, text);
	int err = cli_options_set(&options, find(axis), text, where, diag);

	if (err == 0)
		err = cli_options_check_host(&options, diag);
	context->machine = options.machine;
	context->machine_set = options.machine_set;
	return err;
}

static bool given(const struct bench_context *context, const char *axis)
{
	const struct options now = options_of(context);
	const struct option_spec *spec = find(axis);
	struct options untouched;

	if (spec->set != 0)
		return context->machine_set & spec->set;
	cli_options_init(&untouched);
	return !value_same(spec->show(&now, spec), spec->show(&untouched, spec));
}

static struct value show(const struct bench_context *context, const char *axis)
{
	const struct options options = options_of(context);
	const struct option_spec *spec = find(axis);

	/* The value's text is a word, which outlives them. */
	/* cppcheck-suppress returnDanglingLifetime */
	return spec->show(&options, spec);
}

static enum unit unit_of_kind(enum option_kind kind)
{
	switch (kind) {
	case OPTION_UNSIGNED:
		return UNIT_COUNT;
	case OPTION_SIZE:
		return UNIT_BYTES;
	case OPTION_NSEC:
	case OPTION_AUTO:
		return UNIT_NS;
	default:
		return UNIT_NONE;
	}
}

/* The first of that name says it for all commands. */
static const char *help_of(const char *name)
{
	const struct option_spec *spec = cli_option_specs;

	while (strcmp(spec->name, name) != 0)
		spec++;
	return spec->help;
}

void cli_machine_axes_register(void)
{
	static const struct machine_axes machine = {
		.axes = axes, .set = set, .given = given, .show = show};
	struct options untouched;
	size_t n = 0;

	cli_options_init(&untouched);
	for (const struct option_spec *spec = cli_option_specs; spec->name != NULL; spec++)
		if (find(spec->name) == spec && n < AXES_MAX)
			axes[n++] = (struct axis){.id = spec->name,
				.unit = unit_of_kind(spec->kind),
				.fallback = spec->show(&untouched, spec).text,
				.help = help_of(spec->name)};
	axes[n] = (struct axis){.id = NULL};
	machine_axes_register(&machine);
}

/* ---- lists ---- */

static void forget(struct options *options, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < options->n_lists; i++)
		if (strcmp(options->lists[i].axis, name) != 0)
			options->lists[kept++] = options->lists[i];
	options->n_lists = kept;
}

/* CPUs with commas are one placement. */
static bool is_list(const struct option_spec *spec, const char *value)
{
	return strchr(value, ',') != NULL &&
	       !(spec->show == cli_show_pin && value[strspn(value, "0123456789,")] == '\0');
}

bool cli_machine_axes_keep(
	struct options *options, const struct option_spec *spec, const char *value)
{
	if (spec->show == NULL)
		return false;
	/* The last one counts. */
	forget(options, spec->name);
	if (!is_list(spec, value) || options->n_lists == AXIS_LISTS_MAX)
		return false;
	options->lists[options->n_lists++] =
		(struct axis_list){.axis = spec->name, .values = value};
	return true;
}

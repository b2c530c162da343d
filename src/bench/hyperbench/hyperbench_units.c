/* SPDX-License-Identifier: BSD-2-Clause */
/* What one of each costs here and now: a transition, an emulated instruction, an exit within KVM, a
 * page fault, an interrupt. Each is calibrated by another benchmark than the rows it explains. */
#include "hyperbench.h"

#include "tickvm/bare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define ROUNDS          21
#define ROUND_NS        1000000
#define TRANSITIONS     100
#define CALIBRATION_MEM (128ULL << 20)

__attribute__((format(printf, 2, 3))) static void say(
	struct hyper_source *source, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(source->text, sizeof(source->text), format, args);
	va_end(args);
}

/* ---- without a VM of ours ---- */

struct transition {
	uint64_t ticks;
	int err;
	struct diag diag;
};

static void transition_thread(void *arg, unsigned thread)
{
	struct transition *t = arg;

	(void)thread;
	t->err = vm_bare_transition(TRANSITIONS, ROUNDS, &t->ticks, &t->diag);
}

/* On a thread placed as vCPU 0's is. */
static int transition(struct hyper_session *session, struct hyper_table *table)
{
	struct transition t = {.diag = {""}};
	struct hyper_source *source = &table->sources[HYPER_TRANSITION];
	struct launch launch;

	launch_begin(&launch, &session->context, 1);
	int err = native_run(&launch.config, 1, transition_thread, &t, &t.diag);

	if (err == 0)
		err = t.err;
	if (err < 0) {
		say(source, "%.200s", t.diag.text);
		return err;
	}
	table->units.transition = (double)t.ticks;
	say(source, "KVM_RUN told to leave at once: in and out of the kernel, no guest");
	return 0;
}

/* ---- from the idle row ---- */

static void emulation(struct hyper_table *table)
{
	const struct hyper_figures *idle = &table->idle;
	const struct cost_row row = {.guest = idle->control_cycles,
		.native = (double)NAN,
		.pieces = 1,
		.counts = {.emulated = idle->control_counts.emulated}};
	struct hyper_source *source = &table->sources[HYPER_EMULATION];

	table->units.emulation = cost_unit(&row, &table->units, row.counts.emulated);
	if (isnan(row.counts.emulated))
		say(source, "this KVM does not count emulated instructions");
	else if (isnan(table->units.emulation))
		say(source, "CPL 0 runs natively");
	else
		say(source, "the idle row's empty loop at CPL 0, by KVM's insn_emulation");
}

/* ---- from a benchmark in a VM of its own ---- */

struct calibration {
	enum hyper_unit unit;
	struct hyper_shot shot;
	const char *text;
};

/* In this order: what is known by then is subtracted. */
static const struct calibration calibrations[] = {
	{HYPER_KERNEL_EXIT, {.name = "cpuid", .cpl = 0}, "CPUID at CPL 0"},
	{HYPER_KERNEL_EXIT, {.name = "lapic-read", .cpl = 3}, "a LAPIC register read at CPL 3"},
	{HYPER_KERNEL_EXIT, {.name = "mmio-eventfd", .cpl = 3}, "an ioeventfd write at CPL 3"},
	{HYPER_INTERRUPT, {.name = "hlt", .cpl = 0}, "HLT with an interrupt on its way"},
	{HYPER_FAULT,
		{.name = "cold-memory",
			.cpl = 3,
			.mem_bytes = CALIBRATION_MEM,
			.small_pages = true},
		"first touch of guest pages that the host has backed before"},
};
_Static_assert(sizeof(calibrations) / sizeof(calibrations[0]) == HYPER_CALIBRATIONS, "steps");

static const char *const unit_names[HYPER_UNITS] = {
	"transition", "emulation", "kernel_exit", "fault", "interrupt"};

static double *unit_of(struct cost_units *units, enum hyper_unit unit)
{
	switch (unit) {
	case HYPER_TRANSITION:
		return &units->transition;
	case HYPER_EMULATION:
		return &units->emulation;
	case HYPER_KERNEL_EXIT:
		return &units->kernel_exit;
	case HYPER_FAULT:
		return &units->fault;
	default:
		return &units->interrupt;
	}
}

static double count_of(const struct cost_counts *counts, enum hyper_unit unit)
{
	switch (unit) {
	case HYPER_KERNEL_EXIT:
		return cost_kernel_exits(counts);
	case HYPER_FAULT:
		return counts->faults;
	default:
		return counts->interrupts;
	}
}

static int calibrate(struct hyper_session *session, struct hyper_table *table,
	const struct calibration *calibration)
{
	struct hyper_source *source = &table->sources[calibration->unit];
	double *unit = unit_of(&table->units, calibration->unit);
	struct hyper_shot shot = calibration->shot;
	struct hyper_round *rounds = NULL;
	struct launch launch;
	struct diag diag = {""};
	size_t n = 0;

	if (!isnan(*unit)) /* by the calibration before */
		return 0;
	shot.vcpus = 1;
	shot.rounds = ROUNDS;
	shot.round_ns = ROUND_NS;
	progress_step(&session->progress, "calibration: %s", shot.name);
	int err = hyper_shoot(session, &shot, &launch, &rounds, &n, &diag);

	if (err < 0) {
		say(source, "%.200s", diag.text);
		return err;
	}
	hyper_run_json(
		session, &shot, table->pin, unit_names[calibration->unit], &launch, rounds, n);
	launch_end(&launch);
	struct hyper_figures f = hyper_figures(rounds, n, 0, 1);

	free(rounds);
	const struct cost_row row = {
		.guest = f.cycles, .native = (double)NAN, .pieces = 1, .counts = f.counts};

	double count = count_of(&row.counts, calibration->unit);

	*unit = cost_unit(&row, &table->units, count);
	if (!isnan(*unit))
		say(source, "%s", calibration->text);
	else if (count >= 0.5)
		say(source, "%s costs less than the exits and instructions in it by themselves",
			calibration->text);
	else
		say(source, "%s has none here", calibration->text);
	return 0;
}

int hyper_units(struct hyper_session *session, struct hyper_table *table)
{
	const double none = (double)NAN;

	table->units = (struct cost_units){none, none, none, none, none};
	if (isnan(table->idle.cycles)) {
		for (unsigned i = 0; i < HYPER_UNITS; i++)
			say(&table->sources[i], "the idle row failed");
		return 0;
	}
	if (transition(session, table) == -EINTR)
		return -EINTR;
	emulation(table);
	for (unsigned i = 0; i < HYPER_CALIBRATIONS; i++) {
		if (calibrate(session, table, &calibrations[i]) == -EINTR)
			return -EINTR;
	}
	return 0;
}

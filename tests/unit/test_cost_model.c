/* SPDX-License-Identifier: BSD-2-Clause */
/* HyperBench's arithmetic on a recorded run: rounds and signals to figures, figures and unit costs
 * to the cost model's terms, linearity, ratios. No KVM: the data are a PVM host's (TSC 2.6 GHz). */
#include "../../src/bench/hyperbench/hyperbench.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <math.h>
#include <string.h>

static void near(double got, double want, double tolerance, const char *what)
{
	cr_expect(fabs(got - want) <= tolerance, "%s: got %.9g, expected %.9g", what, got, want);
}

/* ---- the cost model ---- */

static const struct cost_units recorded_units = {.transition = 13236,
	.emulation = 1377.111767186841,
	.kernel_exit = 4988.241965983294,
	.fault = 6926.7463981459205,
	.interrupt = 6564.280145428082};

/* What was measured; what the model must make of it, worked out apart from it. */
static const struct recorded {
	const char *name;
	struct cost_row row;
	enum cost_direct direct_from;
	double virt, cpu, memory, io, unattributed, explained;
} recorded[] = {
	{"out", {18867.038, (double)NAN, 1, true, {1, 0.99845, 1, 0, 0, 438.011, 86.568}},
		COST_EMULATED, 18867.038, 0, 0, 15051.123, 3815.915, 0.797747},
	{"print", {511119.917, (double)NAN, 1, true, {26, 26, 27, 0, 0, 11567.833, 2366}},
		COST_EMULATED, 511119.917, 0, 0, 392885.851, 118234.066, 0.768676},
	{"sgdt", {2213.864, 1666.469, 1, false, {0, 0.000703, 1, 0, 0, 0, 0}}, COST_EMULATED,
		2213.864, 1380.619, 0, 0, 833.245, 0.623624},
	{"ipi-halted", {50480.857, (double)NAN, 1, false, {0, 3.987013, 31, 0, 2, 0, 0}},
		COST_EMULATED, 50480.857, 75707.211, 0, 0, -25226.354, 1.499721},
	{"hot-memory", {17.829, 17.168, 1, false, {0, 0, 0, 0, 0, 0, 0}}, COST_NATIVE, 0.661, 0, 0,
		0, 0.661, 0},
	{"cold-memory", {8378.802, (double)NAN, 1, false, {0, 1.000287, 0, 1, 0, 0, 0}},
		COST_UNKNOWN, 8378.802, 1.432, 6926.746, 0, 1450.624, 0.826870},
	/* 8,192 pages an operation: five emulated instructions do not make it an emulated one. */
	{"set-page-table", {95837.507, (double)NAN, 8192, false, {0, 8.006588, 5, 4, 0, 0, 0}},
		COST_UNKNOWN, 95837.507, 26871.390, 27706.986, 0, 41259.131, 0.569489},
};

Test(cost_model, recorded_rows)
{
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		const struct recorded *r = &recorded[i];
		struct cost cost = cost_of(&r->row, &recorded_units);

		cr_expect_eq(cost.direct_from, r->direct_from, "%s", r->name);
		near(cost.virt, r->virt, 0.01, r->name);
		near(cost.cpu, r->cpu, 0.01, r->name);
		near(cost.memory, r->memory, 0.01, r->name);
		near(cost.io, r->io, 0.01, r->name);
		near(cost.unattributed, r->unattributed, 0.01, r->name);
		near(cost.explained, r->explained, 1e-5, r->name);
		near(cost.direct + cost.cpu + cost.memory + cost.io + cost.unattributed,
			r->row.guest, 1e-6, r->name);
	}
}

Test(cost_model, parts_of_out)
{
	struct cost cost = cost_of(&recorded[0].row, &recorded_units);

	near(cost.part[COST_TRANSITION], 13236, 1e-6, "transition");
	near(cost.part[COST_EMULATION], 1377.112, 1e-3, "emulation");
	near(cost.part[COST_DISPATCH], 351.443, 1e-3, "dispatch");
	near(cost.part[COST_MODEL], 86.568, 1e-3, "model");
	near(cost.part[COST_KERNEL_EXIT], 0, 0, "fewer exits of the CPU than to userspace");
}

/* Hardware: the port access is one exit and no emulation; the SGDT is the CPU's own. */
Test(cost_model, hardware_virtualization)
{
	const struct cost_units units = {.transition = 2000,
		.emulation = (double)NAN,
		.kernel_exit = 1200,
		.fault = 1500,
		.interrupt = (double)NAN};
	const struct cost_row out = {8000, 3000, 1, true, {1, 1, 0, 0, 0, 500, 100}};
	const struct cost_row sgdt = {9, 9, 1, false, {0, 0, 0, 0, 0, 0, 0}};
	const struct cost_row cpuid = {1300, (double)NAN, 1, false, {0, 1, 0, 0, 0, 0, 0}};
	struct cost cost = cost_of(&out, &units);

	cr_expect_eq(cost.direct_from, COST_EMULATED);
	near(cost.io, 2500, 1e-9, "out");
	near(cost.unattributed, 5500, 1e-9, "out");
	cost = cost_of(&sgdt, &units);
	cr_expect_eq(cost.direct_from, COST_NATIVE);
	near(cost.virt, 0, 0, "sgdt");
	cr_expect(isnan(cost.explained));
	cost = cost_of(&cpuid, &units);
	near(cost.cpu, 1200, 1e-9, "cpuid");
}

Test(cost_model, what_is_not_counted_explains_nothing)
{
	const double none = (double)NAN;
	const struct cost_row row = {1000, none, 1, true, {1, none, none, none, none, 300, 100}};
	const struct cost_units units = {none, 10, 10, 10, 10};
	struct cost cost = cost_of(&row, &units);

	near(cost.io, 300, 0, "dispatch and model alone");
	near(cost.unattributed, 700, 0, "the rest");
	cr_expect(isnan(cost_kernel_exits(&row.counts)));
}

Test(cost_model, unit_costs)
{
	struct cost_units units = recorded_units;
	/* 0.1 an operation is an accident; 1.0 is what the loop does. */
	const struct cost_row rare = {6000, (double)NAN, 1, false, {0, 0.1, 1, 0, 0, 0, 0}};
	const struct cost_row one = {6365.354, (double)NAN, 1, false, {0, 1, 1, 0, 0, 0, 0}};
	const struct cost_row cheap = {1300, (double)NAN, 1, false, {0, 1, 1, 0, 0, 0, 0}};

	units.kernel_exit = (double)NAN;
	cr_expect(isnan(cost_unit(&rare, &units, cost_kernel_exits(&rare.counts))));
	near(cost_unit(&one, &units, 1), 4988.242, 1e-3, "less the emulated instruction");
	cr_expect(isnan(cost_unit(&cheap, &units, 1)), "nothing is left for it");
	cr_expect(isnan(cost_unit(&one, &units, (double)NAN)), "not counted");
}

/* ---- rounds ---- */

#define ROUNDS 11
#define STEP   528 /* iterations */

/* OUT: run and control by the guest, then by the monitor. The sixth lost the CPU for a while. */
static const uint64_t out_rounds[ROUNDS][4] = {
	{11579984, 1473888, 11649924, 1538446},
	{11481964, 1477164, 11549772, 1541046},
	{11355110, 1471470, 11421956, 1535092},
	{11431654, 1469858, 11499774, 1534182},
	{11321414, 1478282, 11388754, 1543334},
	{36195562, 1473862, 36269948, 1539044},
	{11452454, 1480830, 11520782, 1544712},
	{11388546, 1472380, 11454586, 1539330},
	{11372114, 1478542, 11439194, 1542996},
	{11465610, 1476488, 11532040, 1541228},
	{11305866, 1468610, 11373284, 1532778},
};

static struct guest_bench_round rounds[ROUNDS];
static struct vm_signal signals[4 * ROUNDS];

/* One exit and one emulated instruction an iteration more in the run; the loop itself has two. */
static void record(void)
{
	uint64_t tsc = 1000, exits = 5, insns = 7;

	for (size_t i = 0; i < ROUNDS; i++) {
		rounds[i] = (struct guest_bench_round){STEP, out_rounds[i][0], out_rounds[i][1]};
		for (size_t s = 0; s < 4; s++) {
			struct vm_signal *signal = &signals[4 * i + s];

			if (s % 2 == 1) {
				tsc += out_rounds[i][2 + s / 2];
				insns += s == 1 ? 3 * STEP : 2 * STEP;
				exits += s == 1 ? STEP : 0;
			}
			*signal = (struct vm_signal){.begin = s % 2 == 0,
				.tsc = tsc,
				.exits = exits,
				.userspace_ticks = 438 * exits,
				.model_ticks = 87 * exits};
			for (unsigned k = 0; k < VM_KVM_COUNTERS; k++)
				signal->kvm[k] = UINT64_MAX;
			signal->kvm[VM_KVM_INSN_EMULATION] = insns;
			signal->kvm[VM_KVM_EXITS] = exits;
			tsc += 100000; /* between the signals */
			exits++;       /* the signal's own */
		}
	}
}

static struct hyper_figures recorded_figures(void)
{
	static struct hyper_round joined[ROUNDS];
	struct diag diag;

	record();
	cr_assert_eq(hyper_join(rounds, ROUNDS, signals, 4 * ROUNDS, joined, &diag), 0);
	return hyper_figures(joined, ROUNDS, 0, 1);
}

Test(cost_model, figures_of_recorded_rounds)
{
	struct hyper_figures f = recorded_figures();

	cr_expect_eq(f.iterations, STEP);
	/* As the run itself printed them. */
	near(f.cycles, 18867.03787878788, 1e-6, "cycles");
	near(f.spread, 102.60890151515196, 1e-6, "spread");
	near(f.low, 18734.256, 0.001, "first quartiles");
	near(f.low_spread, 115.646, 0.001, "down to the least");
	near(f.external, 18874.227272727272, 1e-6, "external");
	near(f.gap, 3250, 0, "gap");
	near(f.counts.user_exits, 1, 0, "exits");
	near(f.counts.emulated, 1, 0, "emulated");
	near(f.counts.userspace, 438, 0, "userspace");
	near(f.counts.model, 87, 0, "model");
	near(f.control_counts.emulated, 2, 0, "the control's");
	near(f.control_cycles, 1473888.0 / STEP, 1e-9, "control");
	cr_expect(isnan(f.counts.faults), "this KVM does not count them");
	cr_expect_not(hyper_lost(&f));
}

Test(cost_model, both_timings_agree_within_the_idle_spread)
{
	struct hyper_figures f = recorded_figures(), idle = {.total_spread = 55763.5};

	cr_expect_eq(hyper_agrees(&f, &idle), 1);
	idle.total_spread = 3249;
	cr_expect_eq(hyper_agrees(&f, &idle), 0);
	idle.total_spread = (double)NAN;
	cr_expect_eq(hyper_agrees(&f, &idle), -1);
}

/* The guest decides what it signals and what it writes down. */
Test(cost_model, signals_that_do_not_fit)
{
	static struct hyper_round joined[ROUNDS];
	struct diag diag;

	record();
	cr_expect_eq(hyper_join(rounds, ROUNDS, signals, 4 * ROUNDS - 1, joined, &diag), -EPROTO);
	cr_expect(
		strstr(diag.text, "43 signals in 11 rounds; expected 44") != NULL, "%s", diag.text);
	signals[9].begin = true;
	cr_expect_eq(hyper_join(rounds, ROUNDS, signals, 4 * ROUNDS, joined, &diag), -EPROTO);
	record();
	rounds[3].iterations = 0;
	cr_expect_eq(hyper_join(rounds, ROUNDS, signals, 4 * ROUNDS, joined, &diag), -EPROTO);
	record();
	rounds[3] = (struct guest_bench_round){UINT64_MAX, 0, UINT64_MAX};
	cr_expect_eq(hyper_join(rounds, ROUNDS, signals, 4 * ROUNDS, joined, &diag), 0);
	cr_expect(isfinite(hyper_figures(joined, ROUNDS, 0, 1).cycles));
}

Test(cost_model, one_round_has_no_spread)
{
	static struct hyper_round joined[1];
	struct diag diag;

	record();
	cr_assert_eq(hyper_join(rounds, 1, signals, 4, joined, &diag), 0);
	struct hyper_figures f = hyper_figures(joined, 1, 0, 1);

	cr_expect(isfinite(f.cycles));
	cr_expect(isnan(f.spread));
	cr_expect_not(hyper_lost(&f));
}

/* ---- linearity, ratios, words ---- */

static enum hyper_linear verdict(double one, double spread, double four, double sixteen)
{
	const struct hyper_figures f[HYPER_SCALES] = {
		{.low = one, .low_spread = spread}, {.low = four}, {.low = sixteen}};

	return hyper_scaling(f).verdict;
}

Test(cost_model, linear_or_not)
{
	cr_expect_eq(verdict(19749, 71.2, 19413, 19315), HYPER_LINEAR);
	cr_expect_eq(verdict(14.7, 0.127, 16.9, 17.1), HYPER_NOT_LINEAR);
	cr_expect_eq(verdict(100, 1, 109.9, 90.1), HYPER_LINEAR);
	cr_expect_eq(verdict(100, 1, 100, 110.1), HYPER_NOT_LINEAR);
	/* A wide spread, of any of the three, widens the tolerance, until nothing can be said. */
	cr_expect_eq(verdict(100, 10, 100, 125), HYPER_LINEAR);
	cr_expect_eq(verdict(3.61, 17.3, -12.3, 14.2), HYPER_UNDECIDED);
	cr_expect_eq(verdict(-10, 1, -10, -10), HYPER_UNDECIDED);
	cr_expect_eq(verdict((double)NAN, 1, 1, 1), HYPER_UNDECIDED);
}

Test(cost_model, ratio_of_figures_that_are_there)
{
	const struct hyper_figures f = {.cycles = 18, .spread = 1},
				   lost = {.cycles = 1, .spread = 2};

	near(hyper_gnr(&f, 9, 1), 2, 0, "ratio");
	cr_expect(isnan(hyper_gnr(&lost, 9, 1)));
	cr_expect(isnan(hyper_gnr(&f, 0.5, 1)));
	cr_expect(isnan(hyper_gnr(&f, (double)NAN, (double)NAN)));
}

Test(cost_model, cycles_as_people_write_them)
{
	static const struct {
		double cycles;
		const char *text;
	} cases[] = {{18050, "18,050"}, {1234567.4, "1,234,567"}, {999.6, "1,000"}, {100, "100"},
		{99.96, "100"}, {85.38, "85.4"}, {2.614, "2.61"}, {0, "0"}, {-5145, "-5,145"},
		{-36.3, "-36.3"}};
	char text[32];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_str_eq(hyper_cycles(text, sizeof(text), cases[i].cycles), cases[i].text);
}

Test(cost_model, iterations_out_of_a_rows_range)
{
	struct hyper_plan plan = {.rows = 1ULL << HYPERBENCH_SGDT, .iterations = 10000000};
	struct diag diag;

	cr_expect_eq(hyper_check_iterations(&plan, &diag), 0);
	plan.scale = true;
	cr_expect_eq(hyper_check_iterations(&plan, &diag), -EINVAL);
	cr_expect(
		strstr(diag.text, "sgdt takes 10 to 625000 with --scale") != NULL, "%s", diag.text);
	plan.iterations = 9;
	cr_expect_eq(hyper_check_iterations(&plan, &diag), -EINVAL);
	plan.iterations = 0;
	cr_expect_eq(hyper_check_iterations(&plan, &diag), 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounds and their signals to figures: medians, spreads, counts an operation, linearity.
 * Pure arithmetic: it has no VM and prints nothing. */
#include "hyperbench.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define SIGNALS_A_ROUND 4

/* ---- joining ---- */

static struct hyper_side side(
	uint64_t internal, const struct vm_signal *begin, const struct vm_signal *end)
{
	struct hyper_side s = {
		.internal = internal,
		.external = end->tsc - begin->tsc,
		.exits = end->exits - begin->exits,
		.userspace = end->userspace_ticks - begin->userspace_ticks,
		.model = end->model_ticks - begin->model_ticks,
	};

	for (unsigned i = 0; i < VM_KVM_COUNTERS; i++)
		s.kvm[i] = end->kvm[i] - begin->kvm[i];
	return s;
}

int hyper_join(const struct guest_bench_round *rounds, size_t n, const struct vm_signal *signals,
	size_t n_signals, struct hyper_round *out, struct diag *diag)
{
	if (n_signals != n * SIGNALS_A_ROUND)
		return diag_set(diag, -EPROTO,
			"the guest sent %zu signals in %zu rounds; expected %zu", n_signals, n,
			n * SIGNALS_A_ROUND);
	for (size_t i = 0; i < n; i++) {
		const struct vm_signal *s = signals + i * SIGNALS_A_ROUND;

		if (!s[0].begin || s[1].begin || !s[2].begin || s[3].begin)
			return diag_set(diag, -EPROTO,
				"the guest's signals of round %zu are not begin, end, begin, end",
				i);
		if (rounds[i].iterations == 0)
			return diag_set(
				diag, -EPROTO, "the guest's round %zu has no iterations", i);
		out[i] = (struct hyper_round){
			.iterations = rounds[i].iterations,
			.run = side(rounds[i].run_cycles, &s[0], &s[1]),
			.control = side(rounds[i].control_cycles, &s[2], &s[3]),
		};
		for (unsigned k = 0; k < VM_KVM_COUNTERS; k++)
			out[i].counted[k] = s[0].kvm[k] != UINT64_MAX;
	}
	return 0;
}

/* ---- figures ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Linear between the neighbouring ranks. */
static double quantile(const double *sorted, size_t n, double q)
{
	double rank = q * (double)(n - 1);
	size_t below = (size_t)rank, above = below + 1 < n ? below + 1 : below;

	return sorted[below] + (rank - (double)below) * (sorted[above] - sorted[below]);
}

struct middle {
	double median, spread, low, low_spread;
};

static struct middle middle_of(double *values, size_t n)
{
	if (n == 0)
		return (struct middle){NAN, NAN, NAN, NAN};
	qsort(values, n, sizeof(values[0]), compare);
	double low = quantile(values, n, 0.25), high = quantile(values, n, 0.75);

	return (struct middle){.median = quantile(values, n, 0.5),
		.spread = n == 1 ? (double)NAN : (high - low) / 2,
		.low = low,
		.low_spread = low - values[0]};
}

/* Differences of counters fit an int64_t however the guest lies about its own. */
static double less(uint64_t a, uint64_t b)
{
	return (double)(int64_t)(a - b);
}

static double total(const struct hyper_round *r)
{
	return less(r->run.internal, r->control.internal);
}

static double external_total(const struct hyper_round *r)
{
	return less(r->run.external, r->control.external);
}

/* One value a round. */
enum value {
	VALUE_CYCLES,
	VALUE_RUN,
	VALUE_EXTERNAL,
	VALUE_EXTERNAL_TOTAL,
	VALUE_GAP,
	VALUE_USERSPACE,
	VALUE_MODEL,
	VALUE_CONTROL,
	VALUE_CONTROL_USERSPACE,
	VALUE_CONTROL_MODEL
};

static double value_of(const struct hyper_round *r, enum value value)
{
	double n = (double)r->iterations;

	switch (value) {
	case VALUE_CYCLES:
		return total(r) / n;
	case VALUE_RUN:
		return less(r->run.internal, 0) / n;
	case VALUE_EXTERNAL:
		return external_total(r) / n;
	case VALUE_EXTERNAL_TOTAL:
		return external_total(r);
	case VALUE_GAP:
		return external_total(r) - total(r);
	case VALUE_USERSPACE:
		return less(r->run.userspace, r->control.userspace) / n;
	case VALUE_MODEL:
		return less(r->run.model, r->control.model) / n;
	case VALUE_CONTROL:
		return less(r->control.internal, 0) / n;
	case VALUE_CONTROL_USERSPACE:
		return less(r->control.userspace, 0) / n;
	case VALUE_CONTROL_MODEL:
		return less(r->control.model, 0) / n;
	}
	return (double)NAN;
}

struct selection {
	const struct hyper_round *rounds;
	size_t n, first, step;
};

static struct middle middle(const struct selection *s, enum value value)
{
	double values[HYPER_ROUNDS_MAX];
	size_t used = 0;

	for (size_t i = s->first; i < s->n && used < HYPER_ROUNDS_MAX; i += s->step)
		values[used++] = value_of(&s->rounds[i], value);
	return middle_of(values, used);
}

/* Counts are exact: their mean loses nothing, and rare ones have no median. */
static struct cost_counts counts(const struct selection *s, bool control_alone)
{
	static const struct hyper_side nothing;
	double exits = 0, kvm[VM_KVM_COUNTERS] = {0}, iterations = 0;

	for (size_t i = s->first; i < s->n; i += s->step) {
		const struct hyper_round *r = &s->rounds[i];
		const struct hyper_side *a = control_alone ? &r->control : &r->run;
		const struct hyper_side *b = control_alone ? &nothing : &r->control;

		iterations += (double)r->iterations;
		exits += less(a->exits, b->exits);
		for (unsigned k = 0; k < VM_KVM_COUNTERS; k++)
			kvm[k] += r->counted[k] ? less(a->kvm[k], b->kvm[k]) : (double)NAN;
	}
	return (struct cost_counts){
		.user_exits = exits / iterations,
		.kvm_exits = kvm[VM_KVM_EXITS] / iterations,
		.emulated = kvm[VM_KVM_INSN_EMULATION] / iterations,
		.faults = kvm[VM_KVM_PF_FIXED] / iterations,
		.interrupts = kvm[VM_KVM_IRQ_INJECTIONS] / iterations,
		.userspace =
			middle(s, control_alone ? VALUE_CONTROL_USERSPACE : VALUE_USERSPACE).median,
		.model = middle(s, control_alone ? VALUE_CONTROL_MODEL : VALUE_MODEL).median,
	};
}

struct hyper_figures hyper_figures(
	const struct hyper_round *rounds, size_t n, size_t first, size_t step)
{
	const struct selection s = {rounds, n, first, step};
	struct middle cycles = middle(&s, VALUE_CYCLES), run = middle(&s, VALUE_RUN);
	struct middle control = middle(&s, VALUE_CONTROL);

	return (struct hyper_figures){
		.iterations = rounds[first].iterations,
		.cycles = cycles.median,
		.spread = cycles.spread,
		.low = run.low - control.low,
		.low_spread = run.low_spread + control.low_spread,
		.external = middle(&s, VALUE_EXTERNAL).median,
		.gap = middle(&s, VALUE_GAP).median,
		.total_spread = middle(&s, VALUE_EXTERNAL_TOTAL).spread,
		.counts = counts(&s, false),
		.control_cycles = control.median,
		.control_counts = counts(&s, true),
	};
}

void hyper_native_figures(
	const struct guest_bench_round *rounds, size_t n, double *cycles, double *spread)
{
	double values[HYPER_ROUNDS_MAX];
	size_t used = 0;

	for (size_t i = 0; i < n && used < HYPER_ROUNDS_MAX; i++)
		values[used++] = less(rounds[i].run_cycles, rounds[i].control_cycles) /
				 (double)rounds[i].iterations;

	struct middle m = middle_of(values, used);

	*cycles = m.median;
	*spread = m.spread;
}

static bool lost(double cycles, double spread)
{
	return !(cycles > (isnan(spread) ? 0 : spread));
}

bool hyper_lost(const struct hyper_figures *figures)
{
	return lost(figures->cycles, figures->spread);
}

double hyper_gnr(const struct hyper_figures *figures, double native, double native_spread)
{
	bool none = hyper_lost(figures) || lost(native, native_spread);

	return none ? (double)NAN : figures->cycles / native;
}

struct hyper_scaling hyper_scaling(const struct hyper_figures figures[HYPER_SCALES])
{
	double one = figures[0].low;
	struct hyper_scaling s = {.tolerance = HYPER_TOLERANCE_MIN, .verdict = HYPER_LINEAR};

	for (unsigned i = 0; i < HYPER_SCALES; i++) {
		double spreads = HYPER_TOLERANCE_SPREADS * fabs(figures[i].low_spread / one);

		if (spreads > s.tolerance)
			s.tolerance = spreads;
	}
	for (unsigned i = 0; i < HYPER_SCALES; i++) {
		s.ratio[i] = figures[i].low / one;
		if (!(fabs(s.ratio[i] - 1) <= s.tolerance))
			s.verdict = HYPER_NOT_LINEAR;
	}
	/* Within a tolerance of 1 and more, anything is linear. */
	if (!(s.tolerance < 1) || !(one > 0))
		s.verdict = HYPER_UNDECIDED;
	return s;
}

int hyper_agrees(const struct hyper_figures *figures, const struct hyper_figures *idle)
{
	return isnan(idle->total_spread) ? -1 : fabs(figures->gap) <= idle->total_spread;
}

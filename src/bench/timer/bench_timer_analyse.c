/* SPDX-License-Identifier: BSD-2-Clause */
/* One run of bench timer, reduced: lateness, stages, exits, flags.
 * It measures nothing and compares nothing. */
#include "bench_timer.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double per_event(uint64_t count, size_t n)
{
	return n == 0 ? (double)NAN : (double)count / (double)n;
}

static uint64_t userspace_exits(struct vm *vm, unsigned vcpus)
{
	uint64_t exits = 0;

	for (unsigned v = 0; v < vcpus; v++) {
		size_t n;
		const struct exit_row *rows = exit_stats_rows(vm_exit_stats(vm, v), &n);

		for (size_t i = 0; i < n; i++)
			exits += rows[i].time.count;
	}
	return exits;
}

/* KVM's counters of all vCPUs, or NAN where it has no such counter. */
static void add_kvm_counters(struct vm *vm, struct timer_run *run)
{
	const struct {
		const char *name;
		double *value;
	} wanted[] = {{"exits", &run->kvm_exits}, {"halt_exits", &run->halts},
		{"halt_wakeup", &run->halt_wakeups}, {"signal_exits", &run->kicks}};
	size_t n;
	const struct kvm_stat *stats = vm_kvm_stats(vm, &n);

	for (size_t i = 0; i < n; i++) {
		for (size_t w = 0; w < sizeof(wanted) / sizeof(wanted[0]); w++) {
			if (stats[i].vcpu < 0 || strcmp(stats[i].name, wanted[w].name) != 0)
				continue;
			if (isnan(*wanted[w].value))
				*wanted[w].value = 0;
			*wanted[w].value += (double)stats[i].value;
		}
	}
}

static void count_exits(const struct measurement *m, unsigned vcpus, struct timer_run *run)
{
	uint64_t exits = 0;

	for (size_t i = 0; i < m->n_vms; i++) {
		exits += userspace_exits(m->vms[i].launch.vm, vcpus);
		add_kvm_counters(m->vms[i].launch.vm, run);
	}
	run->exits = per_event(exits, m->n);
	run->kvm_exits /= (double)m->n;
	run->halts /= (double)m->n;
	run->halt_wakeups /= (double)m->n;
	run->kicks /= (double)m->n;
}

/* Of several VMs: the mean over all, and the worst thread's percentiles. */
static void wake_error(const struct measurement *m, struct timer_run *run)
{
	uint64_t sum = 0, count = 0;

	for (size_t i = 0; i < m->n_vms; i++) {
		const struct timer_thread_stats *thread =
			vm_timer_thread_stats(m->vms[i].launch.vm);
		const struct histogram *h = &thread->wake_error;

		if (h->count == 0)
			continue;
		run->spin = fmax(run->spin, (double)thread->spin_ns);
		sum += h->sum;
		count += h->count;
		run->wake_p99 = fmax(
			run->wake_p99, clock_ticks_to_ns_f((int64_t)histogram_quantile(h, 0.99)));
		run->wake_max = fmax(run->wake_max, clock_ticks_to_ns_f((int64_t)h->max));
	}
	if (count > 0)
		run->wake_mean = clock_ticks_to_ns_f((int64_t)sum) / (double)count;
}

static void add_thread_facts(const struct measurement *m, struct detector_facts *f)
{
	f->offset_verified = true;
	for (size_t i = 0; i < m->n_vms; i++) {
		struct vm *vm = m->vms[i].launch.vm;
		const struct timer_thread_stats *thread = vm_timer_thread_stats(vm);

		f->coalesced += vm_coalesced(vm);
		f->offset_verified &= vm_tsc_offset(vm).verified;
		f->spin_capped += thread->spin_capped;
		f->early += thread->early;
		f->records_dropped += thread->records_dropped;
	}
}

static void judge(const struct timer_plan *plan, const struct timer_cell *cell,
	const struct host_facts *facts, const struct measurement *m,
	const struct signed_histogram *histogram, struct timer_run *run)
{
	enum timer_path path = cell->source->path;
	const struct vm_config *config = m->n_vms > 0 ? &m->vms[0].launch.config : NULL;
	int64_t halt_poll = config != NULL ? config->halt_poll_ns : 0;
	/* A periodic device counts by a clock of its own. */
	bool leads = cell->source == &timer_sources[SOURCE_DEDICATED] || plan->residual ||
		     plan->mode == MODE_PERIODIC;
	struct detector_facts f = {.path = path,
		.periodic = plan->mode == MODE_PERIODIC,
		.halts = plan->wait == WAIT_HLT &&
			 (path == TIMER_PATH_KERNEL || path == TIMER_PATH_THREAD),
		.interval_ns = cell->interval_ns,
		.halt_poll_ns = halt_poll == VM_AUTO ? facts->halt_poll_ns : halt_poll,
		/* In a userspace LAPIC's HLT KVM has no part. */
		.halt_wakeups = config != NULL && config->irqchip == IRQCHIP_USER
					? (double)NAN
					: run->halt_wakeups,
		.min_timer_period_us = facts->min_timer_period_us,
		.events_asked = plan->count * cell->vcpus * cell->vms,
		.events = m->n,
		.missed = m->missed,
		.unjoined = m->n - m->joined,
		.fifo = m->fifo,
		.dma_latency = m->dma_latency,
		.earliest_ns = leads ? 0 : (int64_t)run->min,
		.steal_ticks = m->steal_ticks,
		.histogram_overflow = signed_histogram_overflow(histogram)};

	if (m->n_vms > 0)
		add_thread_facts(m, &f);
	run->flags = detectors_judge(&f);
	run->has_stages = path != TIMER_PATH_THREAD || f.offset_verified;
}

/* ---- load ---- */

/* With one vCPU all that a window can hold is the load's. Its messages are all taken, but for one
 * that may be on its way at the end. The disk's line is level-triggered: there is no second message
 * before the first is taken. An edge that finds the one before it pending merges with it in the
 * local APIC; of those, what the window itself kept is counted. */
static void see_window(
	const struct timer_cell *cell, const struct measurement *m, struct timer_load_seen *seen)
{
	struct vm *vm = m->vms[0].launch.vm;
	const struct guest_result *result = m->vms[0].launch.result;
	struct dedicated_timer_stats stats = vm_dedicated_stats(vm);

	seen->held = (double)stats.held;
	seen->longest_hold_ns = (double)stats.longest_hold;
	seen->by_cap = (double)stats.released_by_cap;
	seen->sent = (double)stats.offered;
	seen->merged = (double)stats.merged;
	seen->taken = (double)result->load_taken;
	double rest = fmax(0, seen->sent - seen->merged - seen->taken - 1);

	if (cell->load->kind == LOAD_INTERRUPTS)
		seen->apic_merged = rest;
	seen->lost = cell->load->kind == LOAD_INTERRUPTS
			     ? (double)(stats.held - stats.merged - stats.waiting - stats.released)
			     : rest;
}

static void see_guest(
	const struct timer_cell *cell, const struct measurement *m, struct timer_load_seen *seen)
{
	const struct guest_result *result = m->vms[0].launch.result;
	double seconds = (double)(result->end_tsc - result->begin_tsc) / (double)clock_tsc_hz();

	if (load_interrupts(cell->load))
		seen->interrupts_hz = (double)result->load_interrupts / seconds;
	if (cell->load->kind == LOAD_IO) {
		seen->reads_hz = (double)result->load_requests / seconds;
		seen->read_errors = (double)result->load_errors;
		seen->direct = vm_disk_stats(m->vms[0].launch.vm).direct;
	}
	if (cell->quiet_ns > 0 && m->n_vms == 1 && cell->vcpus == 1)
		see_window(cell, m, seen);
}

static struct timer_load_seen load_seen(const struct timer_cell *cell, const struct measurement *m)
{
	const double none = (double)NAN;
	struct timer_load_seen seen = {.busy_percent = m->host.busy_percent,
		.interrupts_hz = none,
		.reads_hz = m->host.reads_hz,
		.read_errors = none,
		.direct = m->host.direct,
		.held = none,
		.longest_hold_ns = none,
		.by_cap = none,
		.sent = none,
		.taken = none,
		.merged = none,
		.apic_merged = none,
		.lost = none};

	if (m->n_vms > 0)
		see_guest(cell, m, &seen);
	return seen;
}

/* ---- the whole ---- */

static double ns(double ticks)
{
	return ticks * clock_ticks_to_ns_f(1000000) / 1000000;
}

static void in_nanoseconds(struct timer_run *run)
{
	const struct summary *s = &run->lateness;

	run->mean = ns(s->mean);
	run->sd = ns(s->sd);
	run->ci99 = ns(s->ci99);
	run->min = ns((double)s->min);
	run->p50 = ns((double)s->p50);
	run->p90 = ns((double)s->p90);
	run->p99 = ns((double)s->p99);
	run->p999 = ns((double)s->p999);
	run->max = ns((double)s->max);
}

/* Sums and squares of each stage over the events. */
struct stage_sums {
	double sum[STAGES], squares[STAGES];
};

static void add_stages(const struct joined_event *event, enum timer_path path,
	struct timer_run *run, struct stage_sums *sums)
{
	int64_t stages[STAGES] = {0};

	timer_stages(event, path, stages);
	for (unsigned s = 0; s < STAGES; s++) {
		double value = ns((double)stages[s]);

		run->stages[s] += stages[s];
		sums->sum[s] += value;
		sums->squares[s] += value * value;
	}
}

static void stage_deviations(const struct stage_sums *sums, size_t n, struct timer_run *run)
{
	for (unsigned s = 0; s < STAGES && n > 0; s++) {
		double mean = sums->sum[s] / (double)n;

		run->stage_sd[s] = sqrt(fmax(0, sums->squares[s] / (double)n - mean * mean));
	}
}

/* A few events of milliseconds hold nearly all of a variance, and much of a mean. Lateness is
 * sorted. */
static void without_far(const int64_t *lateness, size_t n, struct timer_run *run)
{
	double sum = 0, squares = 0, near = 0;
	size_t middle = n / 2, first = n;

	for (size_t i = 0; i < n; i++) {
		double off = ns((double)(lateness[i] - lateness[middle]));

		if (fabs(off) > TIMER_FAR_NS)
			continue;
		sum += off;
		squares += off * off;
		near++;
		first = first < i ? first : i;
	}
	run->far = (double)n - near;
	run->near_mean = ns((double)lateness[middle]) + (near > 0 ? sum / near : 0);
	run->near_p99 =
		near > 0 ? ns((double)lateness[first + (size_t)(0.99 * (near - 1))]) : (double)NAN;
	run->near_sd = near > 0 ? sqrt(fmax(0, squares / near - sum / near * (sum / near))) : 0;
}

/* Each timer's own 99th percentile. Sorts the lateness of each. */
static double worst_p99(int64_t *lateness, const struct measurement *m)
{
	size_t each = m->groups > 0 ? m->n / m->groups : 0;
	double worst = (double)NAN;

	for (size_t g = 0; g < m->groups; g++)
		worst = fmax(worst, ns((double)stats_summarize(lateness + g * each, each).p99));
	return worst;
}

static struct timer_run nothing_yet(const struct measurement *m)
{
	const double none = (double)NAN;

	return (struct timer_run){.missed = (double)m->missed,
		.wake_mean = none,
		.wake_p99 = none,
		.wake_max = none,
		.spin = none,
		.exits = none,
		.kvm_exits = none,
		.halts = none,
		.halt_wakeups = none,
		.kicks = none,
		.crowded = m->crowded,
		.spin_off = m->spin_off};
}

int timer_analyse(const struct timer_plan *plan, const struct timer_cell *cell,
	const struct host_facts *facts, const struct measurement *m, struct timer_run *run,
	struct signed_histogram *histogram)
{
	int64_t *lateness = calloc(m->n + 1, sizeof(*lateness));
	struct stage_sums sums = {.sum = {0}};
	uint64_t done = 0;

	*run = nothing_yet(m);
	if (lateness == NULL)
		return -ENOMEM;
	signed_histogram_reset(histogram);
	for (size_t i = 0; i < m->n; i++) {
		const struct joined_event *event = &m->events[i];

		lateness[i] = (int64_t)(event->guest.enter - event->guest.deadline);
		signed_histogram_add(histogram, lateness[i]);
		add_stages(event, cell->source->path, run, &sums);
		done += event->guest.done - event->guest.enter;
	}
	stage_deviations(&sums, m->n, run);
	run->worst_p99 = worst_p99(lateness, m);
	run->lateness = stats_summarize(lateness, m->n);
	in_nanoseconds(run);
	without_far(lateness, m->n, run);
	free(lateness);
	run->done = clock_ticks_to_ns_f((int64_t)done) / (double)(m->n == 0 ? 1 : m->n);
	if (m->n_vms > 0) {
		count_exits(m, cell->vcpus, run);
		if (cell->source->path == TIMER_PATH_THREAD)
			wake_error(m, run);
	}
	run->load = load_seen(cell, m);
	judge(plan, cell, facts, m, histogram, run);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* One run of bench timer: launch, collect, join, summarise.
 * It compares nothing and prints nothing. */
#include "bench_timer.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP 16

static void configure(struct launch *launch, const struct bench_context *context,
	const struct timer_plan *plan, const struct timer_source *source, uint64_t interval_ns)
{
	struct vm_config *config = &launch->config;
	uint64_t events = plan->count + WARM_UP;
	uint64_t need = GUEST_RECORDS_GPA + plan->count * sizeof(struct guest_timer_event);

	launch_begin(launch, context, 1);
	if (!source->any_irqchip || !(context->machine_set & BENCH_SET_IRQCHIP))
		config->irqchip = source->irqchip;
	if (!(context->machine_set & BENCH_SET_HALT_POLL))
		config->halt_poll_ns = launch_halt_poll(interval_ns);
	/* Records, and what the payload itself wants above them; whole 2 MiB pages. */
	need = (need + (4ULL << 20)) & ~((2ULL << 20) - 1);
	if (!(context->machine_set & BENCH_SET_MEM) && config->mem_bytes < need)
		config->mem_bytes = need;
	/* A source that cannot keep up takes some hundred microseconds an event. */
	if (!(context->machine_set & BENCH_SET_TIMEOUT))
		config->timeout_ns = 10000000000ULL + events * (4 * interval_ns + 1000000);
	config->dedicated_ioeventfd = plan->arm == ARM_IOEVENTFD;
	/* Merged and missed ticks leave records too. */
	config->timer_log = source->device != NULL ? 4 * events + 1024 : 0;

	/* Nothing repeats by itself where there is no device: the same grid of deadlines instead.
	 */
	unsigned mode = source->path == TIMER_PATH_POLL && plan->mode == MODE_PERIODIC
				? MODE_DEADLINE
				: plan->mode;

	launch_append(launch, "test=timer source=%s mode=%s interval_ns=%llu count=%llu warmup=%d",
		source->guest, timer_mode_names[mode], (unsigned long long)interval_ns,
		(unsigned long long)plan->count, WARM_UP);
	launch_append(launch, "wait=%s arm=%s residual=%d", timer_wait_names[plan->wait],
		timer_arm_names[plan->arm], plan->residual);
}

static int collect(struct measurement *m, const struct timer_source *source, struct diag *diag)
{
	const struct guest_timer_event *events =
		launch_records(&m->launch, sizeof(*events), &m->n, diag);
	struct timer_join join = {.events = events, .n = m->n, .device = source->device};

	if (events == NULL)
		return -EPROTO;
	m->events = calloc(m->n + 1, sizeof(*m->events));
	if (m->events == NULL)
		return diag_set(diag, -ENOMEM, "out of memory for %zu events", m->n);
	if (source->device != NULL && vm_tsc_offset(m->launch.vm).verified) {
		join.records = vm_timer_records(m->launch.vm, &join.n_records);
		join.tsc_offset = vm_tsc_offset(m->launch.vm).offset;
	}
	m->joined = timer_join(&join, m->events);
	m->missed = m->launch.result->missed;
	m->spurious = m->launch.result->spurious;
	m->fifo = vm_timer_thread_stats(m->launch.vm)->fifo;
	m->dma_latency = vm_timer_thread_stats(m->launch.vm)->dma_latency;
	return 0;
}

static int measure_host(const struct bench_context *context, const struct timer_plan *plan,
	uint64_t interval_ns, struct measurement *m, struct diag *diag)
{
	struct native_outcome outcome;

	launch_begin(&m->launch, context, 1);
	struct native_config config = {.interval_ns = interval_ns,
		.count = plan->count,
		.relative = plan->mode == MODE_ONESHOT,
		.cpu = m->launch.config.timer_cpu,
		.priority = m->launch.config.timer_priority};

	m->events = calloc(plan->count, sizeof(*m->events));
	if (m->events == NULL)
		return diag_set(diag, -ENOMEM, "out of memory for %llu events",
			(unsigned long long)plan->count);
	int err = native_measure(&config, m->events, &outcome, diag);

	m->n = plan->count;
	m->missed = outcome.missed;
	m->fifo = outcome.fifo;
	m->dma_latency = outcome.dma_latency;
	return err;
}

static int64_t steal_ticks(void)
{
	struct host_facts facts;

	host_facts_read(&facts);
	return facts.steal_ticks;
}

int timer_measure(const struct bench_context *context, const struct timer_plan *plan,
	const struct timer_source *source, uint64_t interval_ns, struct measurement *m,
	struct diag *diag)
{
	int64_t steal_before = steal_ticks();
	int err;

	*m = (struct measurement){.n = 0};
	if (source->guest == NULL) {
		err = measure_host(context, plan, interval_ns, m, diag);
	} else {
		configure(&m->launch, context, plan, source, interval_ns);
		err = launch_run(&m->launch, diag);
		if (err == 0)
			err = collect(m, source, diag);
	}
	if (err < 0) {
		measurement_end(m);
		return err;
	}
	m->steal_ticks = steal_before < 0 ? -1 : steal_ticks() - steal_before;
	return 0;
}

void measurement_end(struct measurement *m)
{
	launch_end(&m->launch);
	free(m->events);
	m->events = NULL;
}

/* ---- analysis ---- */

static double per_event(uint64_t count, size_t n)
{
	return n == 0 ? (double)NAN : (double)count / (double)n;
}

static void count_exits(const struct measurement *m, struct timer_run *run)
{
	struct vm *vm = m->launch.vm;
	size_t n;
	const struct exit_row *rows = exit_stats_rows(vm_exit_stats(vm, 0), &n);
	const struct kvm_stat *stats;
	uint64_t exits = 0;
	const struct {
		const char *name;
		double *value;
	} wanted[] = {{"exits", &run->kvm_exits}, {"halt_exits", &run->halts},
		{"halt_wakeup", &run->halt_wakeups}, {"signal_exits", &run->kicks}};

	for (size_t i = 0; i < n; i++)
		exits += rows[i].time.count;
	run->exits = per_event(exits, m->n);
	stats = vm_kvm_stats(vm, &n);
	for (size_t i = 0; i < n; i++) {
		for (size_t w = 0; w < sizeof(wanted) / sizeof(wanted[0]); w++) {
			if (stats[i].vcpu == 0 && strcmp(stats[i].name, wanted[w].name) == 0)
				*wanted[w].value = per_event(stats[i].value, m->n);
		}
	}
}

static void wake_error(const struct measurement *m, struct timer_run *run)
{
	const struct histogram *h = &vm_timer_thread_stats(m->launch.vm)->wake_error;

	if (h->count == 0)
		return;
	run->wake_mean = clock_ticks_to_ns_f((int64_t)h->sum) / (double)h->count;
	run->wake_p99 = clock_ticks_to_ns_f((int64_t)histogram_quantile(h, 0.99));
	run->wake_max = clock_ticks_to_ns_f((int64_t)h->max);
}

static void judge(const struct timer_plan *plan, const struct timer_source *source,
	uint64_t interval_ns, const struct host_facts *facts, const struct measurement *m,
	const struct signed_histogram *histogram, struct timer_run *run)
{
	int64_t halt_poll = m->launch.config.halt_poll_ns;
	struct detector_facts f = {.path = source->path,
		.periodic = plan->mode == MODE_PERIODIC,
		.halts = plan->wait == WAIT_HLT &&
			 (source->path == TIMER_PATH_KERNEL || source->path == TIMER_PATH_THREAD),
		.interval_ns = interval_ns,
		.halt_poll_ns = halt_poll == VM_AUTO ? facts->halt_poll_ns : halt_poll,
		/* In a userspace LAPIC's HLT KVM has no part. */
		.halt_wakeups =
			m->launch.config.irqchip == IRQCHIP_USER ? (double)NAN : run->halt_wakeups,
		.min_timer_period_us = facts->min_timer_period_us,
		.events_asked = plan->count,
		.events = m->n,
		.missed = m->missed,
		.unjoined = m->n - m->joined,
		.fifo = m->fifo,
		.dma_latency = m->dma_latency,
		.steal_ticks = m->steal_ticks,
		.histogram_overflow = signed_histogram_overflow(histogram)};

	if (m->launch.vm != NULL) {
		const struct timer_thread_stats *thread = vm_timer_thread_stats(m->launch.vm);

		f.coalesced = vm_coalesced(m->launch.vm);
		f.offset_verified = vm_tsc_offset(m->launch.vm).verified;
		f.spin_capped = thread->spin_capped;
		f.early = thread->early;
		f.records_dropped = thread->records_dropped;
	}
	run->flags = detectors_judge(&f);
	run->has_stages = source->path != TIMER_PATH_THREAD || f.offset_verified;
}

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

int timer_analyse(const struct timer_plan *plan, const struct timer_source *source,
	uint64_t interval_ns, const struct host_facts *facts, const struct measurement *m,
	struct timer_run *run, struct signed_histogram *histogram)
{
	int64_t *lateness = calloc(m->n + 1, sizeof(*lateness));
	uint64_t done = 0;
	const double none = (double)NAN;

	*run = (struct timer_run){.missed = (double)m->missed,
		.wake_mean = none,
		.wake_p99 = none,
		.wake_max = none,
		.exits = none,
		.kvm_exits = none,
		.halts = none,
		.halt_wakeups = none,
		.kicks = none};
	if (lateness == NULL)
		return -ENOMEM;
	signed_histogram_reset(histogram);
	for (size_t i = 0; i < m->n; i++) {
		const struct joined_event *event = &m->events[i];

		lateness[i] = (int64_t)(event->guest.enter - event->guest.deadline);
		signed_histogram_add(histogram, lateness[i]);
		timer_stages(event, source->path, run->stages);
		done += event->guest.done - event->guest.enter;
	}
	run->lateness = stats_summarize(lateness, m->n);
	in_nanoseconds(run);
	free(lateness);
	run->done = clock_ticks_to_ns_f((int64_t)done) / (double)(m->n == 0 ? 1 : m->n);
	if (m->launch.vm != NULL) {
		count_exits(m, run);
		if (source->path == TIMER_PATH_THREAD)
			wake_error(m, run);
	}
	judge(plan, source, interval_ns, facts, m, histogram, run);
	return 0;
}

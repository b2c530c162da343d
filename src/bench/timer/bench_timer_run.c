/* SPDX-License-Identifier: BSD-2-Clause */
/* One run of bench timer: machines and load set up, launched, collected, events and records joined.
 * What they come to is bench_timer_analyse.c's. */
#include "bench_timer.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#define WARM_UP 16

/* ---- the machine and what it is told ---- */

static bool is_taken(const struct vm_config *config, int cpu)
{
	bool taken = cpu == config->timer_cpu;

	for (unsigned i = 0; i < config->vcpus; i++)
		taken |= cpu == config->vcpu_cpu[i];
	return taken;
}

/* A CPU that no other thread of the machine is pinned to, or -1. */
static int free_cpu(const struct vm_config *config)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -1;
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
		if (CPU_ISSET((size_t)cpu, &set) && !is_taken(config, cpu))
			return cpu;
	}
	return -1;
}

/* What the timer thread learns to spin it keeps short; half an interval is left to others. */
static bool spin_leaves_time(const struct vm_config *config, uint64_t interval_ns)
{
	return config->timer_spin_ns == VM_AUTO ||
	       (uint64_t)config->timer_spin_ns <= interval_ns / 2;
}

/* Beside the vCPU the disk's thread would stop it. Beside the timer thread, which goes before it,
 * it only has to wait; but where that one spins all the time it would starve, and the load with it:
 * then it is left to the scheduler. */
int timer_disk_cpu(const struct vm_config *config, uint64_t interval_ns)
{
	int cpu = config->disk_cpu >= 0 ? config->disk_cpu : free_cpu(config);

	return cpu < 0 && spin_leaves_time(config, interval_ns) ? config->timer_cpu : cpu;
}

static void place_load(
	struct vm_config *config, const struct timer_plan *plan, const struct timer_cell *cell)
{
	if (cell->load->kind == LOAD_IO) {
		config->disk_path = plan->disk;
		config->disk_read_only = true;
		config->disk_cpu = timer_disk_cpu(config, cell->interval_ns);
	} else if (cell->load->kind == LOAD_INTERRUPTS) {
		config->irq_load_hz = cell->load->amount;
	}
}

/* Records, and what the payload itself wants above them; whole 2 MiB pages. */
static uint64_t memory_for(uint64_t events)
{
	uint64_t need = GUEST_RECORDS_GPA + events * sizeof(struct guest_timer_event);

	return (need + (4ULL << 20)) & ~((2ULL << 20) - 1);
}

static void tell_guest(
	struct launch *launch, const struct timer_plan *plan, const struct timer_cell *cell)
{
	/* Nothing repeats by itself where there is no device: the same grid of deadlines instead.
	 */
	unsigned mode = cell->source->path == TIMER_PATH_POLL && plan->mode == MODE_PERIODIC
				? MODE_DEADLINE
				: plan->mode;

	launch_append(launch, "test=timer source=%s mode=%s interval_ns=%llu count=%llu warmup=%d",
		cell->source->guest, timer_mode_names[mode], (unsigned long long)cell->interval_ns,
		(unsigned long long)plan->count, WARM_UP);
	launch_append(launch, "wait=%s arm=%s residual=%d", timer_wait_names[plan->wait],
		timer_arm_names[plan->arm], plan->residual);
	if (cell->vcpus > 1)
		launch_append(launch, "vcpus=%u", cell->vcpus);
	if (cell->load->kind == LOAD_IO)
		launch_append(launch, "load=io depth=%llu record=%llu",
			(unsigned long long)plan->depth, (unsigned long long)plan->record);
	else if (cell->load->kind == LOAD_INTERRUPTS)
		launch_append(launch, "load=interrupts");
}

static void configure(struct launch *launch, const struct bench_context *context,
	const struct timer_plan *plan, const struct timer_cell *cell, struct measurement *m)
{
	struct vm_config *config = &launch->config;
	uint64_t events = (plan->count + WARM_UP) * cell->vcpus;
	uint64_t need = memory_for(events);

	launch_begin(launch, context, cell->vcpus);
	if (!cell->source->any_irqchip || !(context->machine_set & BENCH_SET_IRQCHIP))
		config->irqchip = cell->source->irqchip;
	if (!(context->machine_set & BENCH_SET_HALT_POLL))
		config->halt_poll_ns = launch_halt_poll(cell->interval_ns);
	if (!(context->machine_set & BENCH_SET_MEM) && config->mem_bytes < need)
		config->mem_bytes = need;
	/* A source that cannot keep up takes some hundred microseconds an event. */
	if (!(context->machine_set & BENCH_SET_TIMEOUT))
		config->timeout_ns =
			LAUNCH_PATIENCE_NS + events * cell->vms * (4 * cell->interval_ns + 1000000);
	config->dedicated_ioeventfd = plan->arm == ARM_IOEVENTFD;
	config->quiet_window_ns = cell->quiet_ns;
	/* Merged and missed ticks leave records too. */
	config->timer_log = cell->source->device != NULL ? 4 * events + 1024 : 0;
	if (m->crowded)
		m->spin_off = concurrent_vms_crowded(
			config, context->machine_set, cell->vms, cell->interval_ns, m->cpus);
	place_load(config, plan, cell);
	tell_guest(launch, plan, cell);
}

/* ---- what it left behind ---- */

/* The events of one VM, each timer's joined with its own records. */
static int collect_vm(struct measurement *m, const struct timer_cell *cell,
	const struct launch *launch, struct diag *diag)
{
	size_t n;
	const struct guest_timer_event *events = launch_records(launch, sizeof(*events), &n, diag);
	struct timer_join join = {.n = n / cell->vcpus, .device = cell->source->device};
	struct tsc_offset offset = vm_tsc_offset(launch->vm);

	if (events == NULL)
		return -EPROTO;
	struct joined_event *all = realloc(m->events, (m->n + n + 1) * sizeof(*all));

	if (all == NULL)
		return diag_set(diag, -ENOMEM, "out of memory for %zu events", m->n + n);
	m->events = all;
	if (cell->source->device != NULL && offset.verified) {
		join.records = vm_timer_records(launch->vm, &join.n_records);
		join.tsc_offset = offset.offset;
	}
	for (join.vcpu = 0; join.vcpu < cell->vcpus; join.vcpu++) {
		join.events = events + join.vcpu * join.n;
		m->joined += timer_join(&join, m->events + m->n);
		m->n += join.n;
		m->groups++;
	}
	m->missed += launch->result->missed;
	m->spurious += launch->result->spurious;
	m->fifo &= vm_timer_thread_stats(launch->vm)->fifo;
	m->dma_latency &= vm_timer_thread_stats(launch->vm)->dma_latency;
	return 0;
}

static int collect(struct measurement *m, const struct timer_cell *cell, struct diag *diag)
{
	m->fifo = m->dma_latency = true;
	for (size_t i = 0; i < m->n_vms; i++) {
		struct concurrent_vm *vm = &m->vms[i];

		if (vm->err < 0)
			return diag_set(diag, vm->err, "%s", vm->diag.text);
		int err = collect_vm(m, cell, &vm->launch, diag);

		if (err < 0)
			return err;
	}
	return 0;
}

/* ---- a run ---- */

static int run_guests(const struct bench_context *context, const struct timer_plan *plan,
	const struct timer_cell *cell, struct measurement *m, struct diag *diag)
{
	struct host_load *load = NULL;
	int err = 0;

	m->vms = calloc(cell->vms, sizeof(*m->vms));
	if (m->vms == NULL)
		return diag_set(
			diag, -ENOMEM, "out of memory for %llu VMs", (unsigned long long)cell->vms);
	m->n_vms = cell->vms;
	for (size_t i = 0; i < m->n_vms; i++)
		configure(&m->vms[i].launch, context, plan, cell, m);
	err = concurrent_vms_create(m->vms, m->n_vms, diag);
	if (err == 0 && cell->load->kind == LOAD_CPU)
		err = host_load_cpu(&load, cell->load->amount, diag);
	if (err == 0)
		err = concurrent_vms_run(m->vms, m->n_vms, diag);
	m->host = host_load_stop(load);
	return err == 0 ? collect(m, cell, diag) : err;
}

static int start_native_load(struct host_load **load, const struct timer_plan *plan,
	const struct timer_cell *cell, int cpu, struct diag *diag)
{
	const struct host_reads reads = {
		.path = plan->disk, .record = plan->record, .depth = plan->depth, .cpu = cpu};

	switch (cell->load->kind) {
	case LOAD_CPU:
		return host_load_cpu(load, cell->load->amount, diag);
	case LOAD_IO:
		return host_load_reads(load, &reads, diag);
	default:
		return 0;
	}
}

static int run_native(const struct bench_context *context, const struct timer_plan *plan,
	const struct timer_cell *cell, struct measurement *m, struct diag *diag)
{
	struct native_outcome outcome = {.missed = 0};
	struct host_load *load = NULL;
	struct launch place;

	launch_begin(&place, context, 1);
	struct native_config config = {.interval_ns = cell->interval_ns,
		.count = plan->count,
		.relative = plan->mode == MODE_ONESHOT,
		.cpu = place.config.timer_cpu,
		.priority = place.config.timer_priority};

	m->events = calloc(plan->count, sizeof(*m->events));
	if (m->events == NULL)
		return diag_set(diag, -ENOMEM, "out of memory for %llu events",
			(unsigned long long)plan->count);
	int err = start_native_load(&load, plan, cell, config.cpu, diag);

	if (err == 0)
		err = timer_native_measure(&config, m->events, &outcome, diag);
	m->host = host_load_stop(load);
	if (err < 0)
		return err;
	m->n = plan->count;
	m->groups = 1;
	m->missed = outcome.missed;
	m->fifo = outcome.fifo;
	m->dma_latency = outcome.dma_latency;
	return 0;
}

static int64_t steal_ticks(void)
{
	struct host_facts facts;

	host_facts_read(&facts);
	return facts.steal_ticks;
}

int timer_measure(const struct bench_context *context, const struct timer_plan *plan,
	const struct timer_cell *cell, int cpus, struct measurement *m, struct diag *diag)
{
	int64_t steal_before = steal_ticks();

	*m = (struct measurement){.cpus = cpus,
		.crowded =
			cell->vms * cell->vcpus > 1 && cell->vms * cell->vcpus + 1 > (uint64_t)cpus,
		.host = host_load_stop(NULL)};
	int err = cell->source->guest == NULL ? run_native(context, plan, cell, m, diag)
					      : run_guests(context, plan, cell, m, diag);

	if (err < 0) {
		measurement_end(m);
		return err;
	}
	m->steal_ticks = steal_before < 0 ? -1 : steal_ticks() - steal_before;
	return 0;
}

void measurement_end(struct measurement *m)
{
	for (size_t i = 0; i < m->n_vms; i++)
		launch_end(&m->vms[i].launch);
	free(m->vms);
	free(m->events);
	m->vms = NULL;
	m->n_vms = 0;
	m->events = NULL;
}

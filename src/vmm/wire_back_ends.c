/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands behind a machine's devices: locks, the timer thread and its log, the log of signals,
 * the terminal, an eventfd; made before the devices and unmade after them. It models nothing. */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WATCH_NS    200000ULL /* the shared page is watched this long after a tick */
#define CLIENTS_MAX 64

/* ---- locks ---- */

static const size_t locks[] = {
	WIRE_LOCK(irqchip.lock),
	WIRE_LOCK(serial_lock),
	WIRE_LOCK(pit_lock),
	WIRE_LOCK(plain_lock),
	WIRE_LOCK(disk_lock),
};
#define LOCKS (sizeof(locks) / sizeof(locks[0]))

static pthread_mutex_t *lock_at(struct vm *vm, unsigned i)
{
	return (pthread_mutex_t *)((char *)vm + locks[i]);
}

void wire_locks(struct vm *vm)
{
	pthread_mutexattr_t attr;

	/* The timer thread runs at real-time priority: it must not wait for a preempted vCPU
	 * thread. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_mutex_init(lock_at(vm, i), &attr);
	pthread_mutexattr_destroy(&attr);
}

static void destroy_locks(struct vm *vm)
{
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(lock_at(vm, i));
}

/* ---- the timer thread and its log ---- */

static void log_fire(void *ctx, const struct bus_slot *slot, uint64_t armed_tsc, nsec_t target,
	uint64_t wake_tsc, uint64_t injected_tsc)
{
	struct vm *vm = ctx;
	uint64_t target_tsc = vm_clock_to_tsc(&vm->clock, target);
	struct timer_record record = {
		.device = slot->device.ops->name,
		.vcpu = slot->vcpu,
		.armed = armed_tsc,
		.deadline = target_tsc,
		.target = target_tsc,
		.wake = wake_tsc,
		.injected = injected_tsc,
	};

	if (!vm->config.timer_log)
		return;
	if (wire_is_dedicated(slot) && !wire_dedicated_fired(slot, &record))
		return; /* a retry of the quiet window, not an event */
	if (vm->record_count == vm->config.timer_log)
		vm->records_dropped++;
	else
		vm->records[vm->record_count++] = record;
}

static void timer_thread_begins(void *ctx)
{
	struct vm *vm = ctx;

	host_recorder_attach(vm->host, HOST_THREAD_TIMER);
}

static void timer_thread_stalled(void *ctx, uint64_t begin_tsc, uint64_t end_tsc)
{
	struct vm *vm = ctx;

	host_recorder_stall(vm->host, begin_tsc, end_tsc);
}

static int wire_timers(struct vm *vm, struct diag *diag)
{
	struct timer_thread_config config = {.clock = &vm->clock,
		.cpu = vm->config.timer_cpu,
		.priority = vm->config.timer_priority,
		.spin_ns = vm->config.timer_spin_ns,
		.watch_ns = WATCH_NS,
		.clients_max = CLIENTS_MAX,
		.begin = timer_thread_begins,
		.stalled = vm->host ? timer_thread_stalled : NULL,
		.ctx = vm};
	int rc;

	if (vm->config.timer_log) {
		vm->records = calloc(vm->config.timer_log, sizeof(*vm->records));
		if (!vm->records)
			return diag_set(diag, -ENOMEM, "out of memory for %zu timer records",
				vm->config.timer_log);
	}
	rc = timer_thread_create(&vm->timers, &config, diag);
	if (!rc)
		bus_set_timers(vm->bus, vm->timers, log_fire, vm);
	return rc;
}

/* ---- the guest's signals ---- */

static void sum_exits(const struct vm *vm, struct vm_signal *signal)
{
	for (unsigned i = 0; i < vm->config.vcpus; i++) {
		const struct exit_totals *totals = &vm->vcpus[i].totals;

		signal->exits += atomic_load_explicit(&totals->exits, memory_order_relaxed);
		signal->userspace_ticks +=
			atomic_load_explicit(&totals->userspace_ticks, memory_order_relaxed);
		signal->model_ticks +=
			atomic_load_explicit(&totals->model_ticks, memory_order_relaxed);
	}
}

/* What is slow here is before a BEGIN's stamp and after an END's; that the
 * log is written in place keeps its page faults there too. */
void wire_log_signal(void *ctx, bool begin)
{
	uint64_t tsc = clock_tsc();
	struct vm *vm = ctx;
	struct vm_signal *signal;

	if (vm->signal_count == vm->config.signal_log) {
		vm->signals_dropped++;
		return;
	}
	signal = &vm->signals[vm->signal_count++];
	signal->begin = begin;
	sum_exits(vm, signal);
	kvm_stats_counters(vm->kvm_stats, signal->kvm);
	signal->tsc = begin ? clock_tsc() : tsc;
}

static int wire_signals(struct vm *vm, struct diag *diag)
{
	size_t n = vm->config.signal_log;

	vm->signals = n ? calloc(n, sizeof(*vm->signals)) : NULL;
	return n && !vm->signals ? diag_set(diag, -ENOMEM, "out of memory for %zu signals", n) : 0;
}

/* ---- the terminal ---- */

static unsigned terminal_input(void *ctx, const uint8_t *bytes, unsigned n)
{
	struct vm *vm = ctx;
	unsigned taken;

	pthread_mutex_lock(&vm->serial_lock);
	/* The terminal is there first: until the UART is, its bytes are offered again. */
	taken = vm->serial ? serial_receive(vm->serial, vm_clock_now(&vm->clock), bytes, n) : 0;
	pthread_mutex_unlock(&vm->serial_lock);
	return taken;
}

static void terminal_quit(void *ctx)
{
	vm_stop(ctx);
}

static int wire_terminal(struct vm *vm, struct diag *diag)
{
	return terminal_create(&vm->terminal, vm->config.serial, vm->config.serial_path,
		terminal_input, vm, terminal_quit, diag);
}

/* ---- the rest, and all of them ---- */

static int wire_bus(struct vm *vm, struct diag *diag)
{
	vm->bus = bus_create(&vm->clock);
	return vm->bus ? 0 : diag_set(diag, -ENOMEM, "out of memory for the bus");
}

static int wire_irqchip(struct vm *vm, struct diag *diag)
{
	return vm->irqchip.ops->create(vm, diag);
}

static int wire_probe_eventfd(struct vm *vm, struct diag *diag)
{
	vm->probe_eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return vm->probe_eventfd < 0 ? diag_set(diag, -errno, "cannot create an eventfd") : 0;
}

int wire_devices(struct vm *vm, struct diag *diag)
{
	static int (*const steps[])(struct vm * vm, struct diag * diag) = {
		wire_bus,
		wire_timers,
		wire_irqchip,
		wire_doorbell,
		wire_probe_eventfd,
		wire_signals,
		wire_terminal,
		wire_table,
	};
	int rc = 0;

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]) && !rc; i++)
		rc = steps[i](vm, diag);
	return rc;
}

/* Load for a guest's timers: edges on a line that nothing else drives. */
static void irq_load_tick(void *ctx)
{
	struct vm *vm = ctx;

	vm->irqchip.ops->isa_line(vm, IRQ_LOAD, true);
	vm->irqchip.ops->isa_line(vm, IRQ_LOAD, false);
}

int wire_start(struct vm *vm, struct diag *diag)
{
	int rc = wire_disk_start(vm, diag);

	if (!rc && vm->config.irq_load_hz)
		rc = irq_load_create(
			&vm->irq_load, vm->config.irq_load_hz, irq_load_tick, vm, diag);
	return rc;
}

void wire_stop(struct vm *vm)
{
	if (vm->stopped)
		return;
	vm->stopped = true;
	vm->disk_hangs = !wire_disk_stop(vm, &vm->disk_diag);
	irq_load_stop(vm->irq_load);
	doorbell_destroy(vm->doorbell);
	if (vm->timers)
		timer_thread_stop(vm->timers);
	vm->serial_errno = terminal_destroy(vm->terminal);
}

void wire_destroy(struct vm *vm)
{
	if (vm->timers)
		timer_thread_destroy(vm->timers);
	disk_close(vm->disk);
	irq_load_destroy(vm->irq_load);
	wiring_destroy(vm);
	if (vm->irqchip.ops->destroy)
		vm->irqchip.ops->destroy(vm);
	bus_destroy(vm->bus);
	if (vm->probe_eventfd >= 0)
		close(vm->probe_eventfd);
	free(vm->records);
	free(vm->signals);
	destroy_locks(vm);
}

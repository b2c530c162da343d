/* SPDX-License-Identifier: BSD-2-Clause */
/* Places every device and connects its outputs: the one function that reads like a wiring diagram
 * is wire_devices(). It models nothing. */
#include "wire.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SERIAL_IRQ  4
#define PIT_IRQ     0
#define WATCH_NS    200000ULL /* the shared page is watched this long after a tick */
#define CLIENTS_MAX 64

static void pi_mutex_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	/* The timer thread runs at real-time priority: it must not wait for a preempted vCPU
	 * thread. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
}

void wire_locks(struct vm *vm)
{
	pi_mutex_init(&vm->irqchip.lock);
	pi_mutex_init(&vm->serial_lock);
	pi_mutex_init(&vm->pit_lock);
	pi_mutex_init(&vm->plain_lock);
	pi_mutex_init(&vm->disk_lock);
}

static nsec_t now(const struct vm *vm)
{
	return vm_clock_now(&vm->clock);
}

/* ---- outputs ---- */

static void isa_line(void *ctx, unsigned line, bool level)
{
	struct vm *vm = ctx;

	vm->irqchip.ops->isa_line(vm, line, level);
}

static void guest_exits(void *ctx, uint8_t status)
{
	vm_end(ctx, VM_END_EXIT, status, NULL);
}

static unsigned terminal_input(void *ctx, const uint8_t *bytes, unsigned n)
{
	struct vm *vm = ctx;
	unsigned taken;

	pthread_mutex_lock(&vm->serial_lock);
	/* The terminal is there first: until the UART is, its bytes are offered again. */
	taken = vm->serial ? serial_receive(vm->serial, now(vm), bytes, n) : 0;
	pthread_mutex_unlock(&vm->serial_lock);
	return taken;
}

static void terminal_quit(void *ctx)
{
	vm_stop(ctx);
}

int wire_ioeventfd(
	struct vm *vm, int fd, uint64_t addr, unsigned len, unsigned flags, struct diag *diag)
{
	struct kvm_ioeventfd io = {.addr = addr, .len = len, .fd = fd, .flags = flags};

	if (ioctl(vm->fd, KVM_IOEVENTFD, &io) < 0)
		return kvm_failed(diag, "KVM_IOEVENTFD");
	return 0;
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

/* With plain_lock held. What is slow here is before a BEGIN's stamp and after an END's; that the
 * log is written in place keeps its page faults there too. */
static void log_signal(void *ctx, bool begin)
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
	vm->signal_port = signal_port_create(log_signal, vm);
	if (!vm->signal_port || (n && !vm->signals))
		return diag_set(diag, -ENOMEM, "out of memory for %zu signals", n);
	return bus_map_pio(vm->bus,
		bus_attach(vm->bus, signal_port_device(vm->signal_port), &vm->plain_lock),
		PORT_SIGNAL, 1, 0);
}

/* ---- devices ---- */

static int out_of_memory(struct diag *diag)
{
	return diag_set(diag, -ENOMEM, "out of memory for the devices");
}

static int wire_serial(struct vm *vm, struct diag *diag)
{
	struct irq_sink isa = {.set = isa_line, .ctx = vm};
	struct serial *serial;
	struct bus_slot *slot;
	int rc;

	rc = terminal_create(&vm->terminal, vm->config.serial, vm->config.serial_path,
		terminal_input, vm, terminal_quit, diag);
	if (rc)
		return rc;
	serial = serial_create(isa, SERIAL_IRQ, terminal_sink(vm->terminal));
	if (!serial)
		return out_of_memory(diag);
	pthread_mutex_lock(&vm->serial_lock);
	vm->serial = serial;
	pthread_mutex_unlock(&vm->serial_lock);
	slot = bus_attach(vm->bus, serial_device(serial), &vm->serial_lock);
	return bus_map_pio(vm->bus, slot, PORT_SERIAL, 8, 0);
}

static int wire_probes(struct vm *vm, struct diag *diag)
{
	int rc;

	vm->probe_eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->probe_eventfd < 0)
		return diag_set(diag, -errno, "cannot create an eventfd");
	rc = wire_ioeventfd(
		vm, vm->probe_eventfd, PORT_PROBE_EVENTFD, 1, KVM_IOEVENTFD_FLAG_PIO, diag);
	return rc ? rc : wire_ioeventfd(vm, vm->probe_eventfd, GPA_PROBE + 0x800, 8, 0, diag);
}

int wire_devices(struct vm *vm, struct diag *diag)
{
	struct irq_sink isa = {.set = isa_line, .ctx = vm};
	struct bus_slot *slot;
	int rc;

	vm->bus = bus_create(&vm->clock);
	if (!vm->bus)
		return out_of_memory(diag);
	rc = wire_timers(vm, diag);
	if (!rc)
		rc = vm->irqchip.ops->create(vm, diag);
	if (!rc)
		rc = wire_dedicated(vm, diag);
	if (!rc)
		rc = wire_probes(vm, diag);
	if (!rc)
		rc = wire_signals(vm, diag);
	if (rc)
		return rc;

	vm->exit_port = exit_port_create(guest_exits, vm);
	vm->probe_pio = probe_create();
	vm->probe_mmio = probe_create();
	vm->sync = sync_port_create();
	if (!vm->exit_port || !vm->probe_pio || !vm->probe_mmio || !vm->sync)
		return out_of_memory(diag);
	bus_map_pio(vm->bus, bus_attach(vm->bus, exit_port_device(vm->exit_port), &vm->plain_lock),
		PORT_EXIT, 1, 0);
	bus_map_pio(vm->bus, bus_attach(vm->bus, probe_device(vm->probe_pio), &vm->plain_lock),
		PORT_PROBE, 8, 0);
	bus_map_pio(vm->bus, bus_attach(vm->bus, sync_port_device(vm->sync), &vm->plain_lock),
		PORT_SYNC, 1, 0);
	slot = bus_attach(vm->bus, probe_device(vm->probe_mmio), &vm->plain_lock);
	bus_map_mmio(vm->bus, &slot, 0, GPA_PROBE, 0x1000);

	if (vm->config.irqchip != IRQCHIP_KERNEL) { /* whose PIT and port 0x61 are KVM's */
		vm->pit = pit_create(isa, PIT_IRQ);
		if (!vm->pit)
			return out_of_memory(diag);
		slot = bus_attach(vm->bus, pit_device(vm->pit), &vm->pit_lock);
		bus_map_pio(vm->bus, slot, 0x40, 4, 0);
		bus_map_pio(vm->bus, slot, 0x61, 1, 4);
	}

	rc = wire_disk(vm, diag);
	return rc ? rc : wire_serial(vm, diag);
}

/* Load for a guest's timers: edges on a line that nothing else drives. */
static void nuisance_tick(void *ctx)
{
	isa_line(ctx, IRQ_NUISANCE, true);
	isa_line(ctx, IRQ_NUISANCE, false);
}

int wire_start(struct vm *vm, struct diag *diag)
{
	int rc = wire_disk_start(vm, diag);

	if (!rc && vm->config.nuisance_hz)
		rc = nuisance_create(
			&vm->nuisance, vm->config.nuisance_hz, nuisance_tick, vm, diag);
	return rc;
}

void wire_stop(struct vm *vm)
{
	if (vm->stopped)
		return;
	vm->stopped = true;
	vm->disk_hangs = !wire_disk_stop(vm, &vm->disk_diag);
	nuisance_stop(vm->nuisance);
	doorbell_destroy(vm->doorbell);
	if (vm->timers)
		timer_thread_stop(vm->timers);
	vm->serial_errno = terminal_destroy(vm->terminal);
}

void wire_destroy(struct vm *vm)
{
	if (vm->timers)
		timer_thread_destroy(vm->timers);
	wire_disk_destroy(vm);
	nuisance_destroy(vm->nuisance);
	serial_destroy(vm->serial);
	exit_port_destroy(vm->exit_port);
	probe_destroy(vm->probe_pio);
	probe_destroy(vm->probe_mmio);
	sync_port_destroy(vm->sync);
	signal_port_destroy(vm->signal_port);
	pit_destroy(vm->pit);
	wire_dedicated_destroy(vm);
	vm->irqchip.ops->destroy(vm);
	bus_destroy(vm->bus);
	if (vm->probe_eventfd >= 0)
		close(vm->probe_eventfd);
	free(vm->records);
	free(vm->signals);
	pthread_mutex_destroy(&vm->irqchip.lock);
	pthread_mutex_destroy(&vm->serial_lock);
	pthread_mutex_destroy(&vm->pit_lock);
	pthread_mutex_destroy(&vm->plain_lock);
	pthread_mutex_destroy(&vm->disk_lock);
}

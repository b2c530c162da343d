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

#define SERIAL_IRQ   4
#define PIT_IRQ      0
#define WATCH_NS     200000ULL  /* the shared page is watched this long after a tick */
#define QUIET_CAP_NS 1000000ULL /* nothing is held longer than this after its deadline */
#define CLIENTS_MAX  64

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

/* ---- the dedicated timer; all with the interrupt lock held, but for the watching ---- */

static void dedicated_fire(void *ctx, unsigned dest, uint8_t vector)
{
	struct vm *vm = ctx;
	struct apic_msg msg = {
		.dest = dest, .vector = vector, .delivery = APIC_FIXED, .assert = true};

	vm->irqchip.ops->message(vm, &msg);
}

static void dedicated_release(void *ctx, const struct apic_msg *msg)
{
	struct vm *vm = ctx;

	vm->irqchip.ops->message(vm, msg);
}

static struct dedicated_page *dedicated_map(void *ctx, uint64_t gpa)
{
	struct vm *vm = ctx;
	struct dedicated_page *page = memory_at(&vm->memory, gpa, 4096);

	atomic_store(&vm->dedicated_page, page);
	return page;
}

/* True when a new deadline was there. */
static bool dedicated_look(struct vm *vm)
{
	bool armed;

	pthread_mutex_lock(&vm->irqchip.lock);
	armed = dedicated_timer_poll(vm->dedicated, now(vm));
	bus_rearm(vm->dedicated_slot, clock_tsc());
	pthread_mutex_unlock(&vm->irqchip.lock);
	return armed;
}

static struct vm *slot_vm(void *slot)
{
	return ((struct bus_slot *)slot)->owner;
}

static bool wants_watch(void *slot)
{
	struct vm *vm = slot_vm(slot);
	bool wanted;

	pthread_mutex_lock(&vm->irqchip.lock);
	wanted = dedicated_timer_shared(vm->dedicated);
	pthread_mutex_unlock(&vm->irqchip.lock);
	return wanted;
}

/* Thousands of times a tick: the lock is taken only when the page has changed. */
static bool watch(void *slot)
{
	struct vm *vm = slot_vm(slot);
	struct dedicated_page *page = atomic_load(&vm->dedicated_page);
	uint64_t seq;

	if (!page)
		return false;
	seq = __atomic_load_n(&page->arm_seq, __ATOMIC_ACQUIRE);
	if (seq == vm->dedicated_seen)
		return false;
	vm->dedicated_seen = seq;
	return dedicated_look(vm);
}

static void watched(void *slot, bool watching)
{
	struct vm *vm = slot_vm(slot);

	pthread_mutex_lock(&vm->irqchip.lock);
	dedicated_timer_need_doorbell(vm->dedicated, !watching);
	pthread_mutex_unlock(&vm->irqchip.lock);
}

static void doorbell_rings(void *ctx)
{
	dedicated_look(ctx);
}

static int ioeventfd(
	struct vm *vm, int fd, uint64_t addr, unsigned len, unsigned flags, struct diag *diag)
{
	struct kvm_ioeventfd io = {.addr = addr, .len = len, .fd = fd, .flags = flags};

	if (ioctl(vm->fd, KVM_IOEVENTFD, &io) < 0)
		return kvm_failed(diag, "KVM_IOEVENTFD");
	return 0;
}

static int wire_dedicated(struct vm *vm, struct diag *diag)
{
	struct dedicated_timer_config config = {
		.tsc = vm->tsc,
		.vcpus = vm->config.vcpus,
		.advance_ns = vm->config.timer_advance_ns == VM_AUTO ? DEDICATED_ADVANCE_AUTO
								     : vm->config.timer_advance_ns,
		.quiet_window_ns = vm->config.quiet_window_ns,
		.quiet_cap_ns = QUIET_CAP_NS,
	};
	struct dedicated_timer_sink sink = {.fire = dedicated_fire,
		.release = dedicated_release,
		.map = dedicated_map,
		.ctx = vm};
	struct timer_client *client;
	int rc;

	vm->dedicated = dedicated_timer_create(&config, sink);
	if (!vm->dedicated)
		return diag_set(diag, -ENOMEM, "out of memory for the dedicated timer");
	vm->dedicated_slot =
		bus_attach(vm->bus, dedicated_timer_device(vm->dedicated), &vm->irqchip.lock);
	bus_map_mmio(vm->bus, &vm->dedicated_slot, 0, GPA_DEDICATED, 0x1000);
	vm->dedicated_slot->owner = vm;
	client = &vm->dedicated_slot->client;
	client->wants_watch = wants_watch;
	client->watch = watch;
	client->watched = watched;
	timer_thread_watch(vm->timers, client);
	if (!vm->config.dedicated_ioeventfd)
		return 0;
	rc = doorbell_create(&vm->doorbell, vm->config.timer_priority, doorbell_rings, vm, diag);
	return rc ? rc
		  : ioeventfd(
			    vm, doorbell_fd(vm->doorbell), GPA_DEDICATED + DT_DOORBELL, 8, 0, diag);
}

/* ---- the timer thread and its log ---- */

static void log_fire(void *ctx, const struct bus_slot *slot, uint64_t armed_tsc, nsec_t target,
	uint64_t wake_tsc, uint64_t injected_tsc)
{
	struct vm *vm = ctx;
	nsec_t deadline = target;

	if (!vm->config.timer_log)
		return;
	if (slot == vm->dedicated_slot) {
		uint64_t fired = dedicated_timer_stats(vm->dedicated).fired;

		if (fired == vm->dedicated_fired)
			return; /* a retry of the quiet window, not an event */
		vm->dedicated_fired = fired;
		deadline = dedicated_timer_last_deadline(vm->dedicated);
		armed_tsc = vm_clock_to_tsc(&vm->clock, dedicated_timer_last_armed(vm->dedicated));
	}
	if (vm->record_count == vm->config.timer_log) {
		vm->records_dropped++;
		return;
	}
	vm->records[vm->record_count++] = (struct timer_record){
		.device = slot->device.ops->name,
		.armed = armed_tsc,
		.deadline = vm_clock_to_tsc(&vm->clock, deadline),
		.target = vm_clock_to_tsc(&vm->clock, target),
		.wake = wake_tsc,
		.injected = injected_tsc,
	};
}

static int wire_timers(struct vm *vm, struct diag *diag)
{
	struct timer_thread_config config = {.clock = &vm->clock,
		.cpu = vm->config.timer_cpu,
		.priority = vm->config.timer_priority,
		.spin_ns = vm->config.timer_spin_ns,
		.watch_ns = WATCH_NS,
		.clients_max = CLIENTS_MAX};
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
	rc = ioeventfd(vm, vm->probe_eventfd, PORT_PROBE_EVENTFD, 1, KVM_IOEVENTFD_FLAG_PIO, diag);
	return rc ? rc : ioeventfd(vm, vm->probe_eventfd, GPA_PROBE + 0x800, 8, 0, diag);
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

	return wire_serial(vm, diag);
}

void wire_stop(struct vm *vm)
{
	if (vm->stopped)
		return;
	vm->stopped = true;
	doorbell_destroy(vm->doorbell);
	if (vm->timers)
		timer_thread_stop(vm->timers);
	terminal_destroy(vm->terminal);
}

void wire_destroy(struct vm *vm)
{
	if (vm->timers)
		timer_thread_destroy(vm->timers);
	serial_destroy(vm->serial);
	exit_port_destroy(vm->exit_port);
	probe_destroy(vm->probe_pio);
	probe_destroy(vm->probe_mmio);
	sync_port_destroy(vm->sync);
	pit_destroy(vm->pit);
	dedicated_timer_destroy(vm->dedicated);
	vm->irqchip.ops->destroy(vm);
	bus_destroy(vm->bus);
	if (vm->probe_eventfd >= 0)
		close(vm->probe_eventfd);
	free(vm->records);
	pthread_mutex_destroy(&vm->irqchip.lock);
	pthread_mutex_destroy(&vm->serial_lock);
	pthread_mutex_destroy(&vm->pit_lock);
	pthread_mutex_destroy(&vm->plain_lock);
}

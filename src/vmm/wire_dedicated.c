/* SPDX-License-Identifier: BSD-2-Clause */
/* Wires one dedicated timer for each vCPU: registers, shared page, doorbell, quiet window.
 * The model is in devices/dedicated_timer.c; when to wake is the timer thread's. */
#include "wire.h"

#define QUIET_CAP_NS 1000000ULL /* nothing is held longer than this after its deadline */

static nsec_t now(const struct vm *vm)
{
	return vm_clock_now(&vm->clock);
}

/* ---- what the model asks for, with the interrupt lock held ---- */

static void fire(void *ctx, unsigned dest, uint8_t vector)
{
	struct vm *vm = ((struct dedicated *)ctx)->vm;
	struct apic_msg msg = {
		.dest = dest, .vector = vector, .delivery = APIC_FIXED, .assert = true};

	vm->irqchip.ops->message(vm, &msg);
}

static void release(void *ctx, const struct apic_msg *msg)
{
	struct vm *vm = ((struct dedicated *)ctx)->vm;

	vm->irqchip.ops->message(vm, msg);
}

static struct dedicated_page *map(void *ctx, uint64_t gpa)
{
	struct dedicated *dedicated = ctx;
	struct dedicated_page *page = memory_at(&dedicated->vm->memory, gpa, 4096);

	atomic_store(&dedicated->page, page);
	return page;
}

/* ---- the shared page ---- */

/* True when a new deadline was there. */
static bool look(struct dedicated *dedicated)
{
	struct vm *vm = dedicated->vm;
	bool armed;

	pthread_mutex_lock(&vm->irqchip.lock);
	armed = dedicated_timer_poll(dedicated->timer, now(vm));
	bus_rearm(dedicated->slot, clock_tsc());
	pthread_mutex_unlock(&vm->irqchip.lock);
	return armed;
}

static struct dedicated *owner(void *slot)
{
	return ((struct bus_slot *)slot)->owner;
}

static bool wants_watch(void *slot)
{
	struct dedicated *dedicated = owner(slot);
	bool wanted;

	pthread_mutex_lock(&dedicated->vm->irqchip.lock);
	wanted = dedicated_timer_shared(dedicated->timer);
	pthread_mutex_unlock(&dedicated->vm->irqchip.lock);
	return wanted;
}

/* Thousands of times a tick: the lock is taken only when the page has changed. */
static bool watch(void *slot)
{
	struct dedicated *dedicated = owner(slot);
	struct dedicated_page *page = atomic_load(&dedicated->page);
	uint64_t seq;

	if (!page)
		return false;
	seq = __atomic_load_n(&page->arm_seq, __ATOMIC_ACQUIRE);
	if (seq == dedicated->seen)
		return false;
	dedicated->seen = seq;
	return look(dedicated);
}

static void watched(void *slot, bool watching)
{
	struct dedicated *dedicated = owner(slot);

	pthread_mutex_lock(&dedicated->vm->irqchip.lock);
	dedicated_timer_need_doorbell(dedicated->timer, !watching);
	pthread_mutex_unlock(&dedicated->vm->irqchip.lock);
}

/* One eventfd for the doorbells of all: which it was the pages say. */
static void doorbell_rings(void *ctx)
{
	struct vm *vm = ctx;

	for (unsigned i = 0; i < vm->config.vcpus; i++)
		look(&vm->dedicated[i]);
}

/* ---- for the rest of the monitor ---- */

bool wire_dedicated_hold(struct vm *vm, uint64_t tsc, const struct apic_msg *msg)
{
	nsec_t at = vm_clock_from_tsc(&vm->clock, tsc);

	for (unsigned i = 0; i < vm->config.vcpus; i++) {
		struct dedicated *dedicated = &vm->dedicated[i];

		if (dedicated_timer_hold(dedicated->timer, at, msg)) {
			bus_rearm(dedicated->slot, tsc);
			return true;
		}
	}
	return false;
}

bool wire_is_dedicated(const struct bus_slot *slot)
{
	return slot->client.watch == watch;
}

bool wire_dedicated_fired(const struct bus_slot *slot, struct timer_record *record)
{
	struct dedicated *dedicated = slot->owner;
	struct vm *vm = dedicated->vm;
	uint64_t fired = dedicated_timer_stats(dedicated->timer).fired;

	if (fired == dedicated->fired)
		return false;
	dedicated->fired = fired;
	record->deadline =
		vm_clock_to_tsc(&vm->clock, dedicated_timer_last_deadline(dedicated->timer));
	record->armed = vm_clock_to_tsc(&vm->clock, dedicated_timer_last_armed(dedicated->timer));
	return true;
}

/* ---- making them ---- */

void *wire_dedicated_create(struct wired *wired)
{
	struct vm *vm = wired->vm;
	struct dedicated *dedicated = &vm->dedicated[wired->vcpu];
	struct dedicated_timer_config config = {
		.tsc = vm->tsc,
		.vcpus = vm->config.vcpus,
		.dest = wired->vcpu,
		.advance_ns = vm->config.timer_advance_ns == VM_AUTO ? DEDICATED_ADVANCE_AUTO
								     : vm->config.timer_advance_ns,
		.quiet_window_ns = vm->config.quiet_window_ns,
		.quiet_cap_ns = QUIET_CAP_NS,
	};
	struct dedicated_timer_sink sink = {
		.fire = fire, .release = release, .map = map, .ctx = dedicated};

	dedicated->vm = vm;
	dedicated->timer = dedicated_timer_create(&config, sink);
	return dedicated->timer;
}

void wire_dedicated_attached(struct wired *wired)
{
	struct dedicated *dedicated = &wired->vm->dedicated[wired->vcpu];
	struct timer_client *client = &wired->slot->client;

	dedicated->slot = wired->slot;
	wired->slot->owner = dedicated;
	client->wants_watch = wants_watch;
	client->watch = watch;
	client->watched = watched;
	timer_thread_watch(wired->vm->timers, client);
}

int wire_doorbell_eventfd(const struct vm *vm)
{
	return vm->doorbell ? doorbell_fd(vm->doorbell) : -1;
}

int wire_doorbell(struct vm *vm, struct diag *diag)
{
	return vm->config.dedicated_ioeventfd
		       ? doorbell_create(&vm->doorbell, vm->config.timer_priority,
				 vm->config.timer_cpu, doorbell_rings, vm, diag)
		       : 0;
}

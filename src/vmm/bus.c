/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus: O(1) from port to device, a short scan for MMIO, and the one place where a device is
 * called. It knows nothing of KVM and decides nothing about interrupts. */
#include "bus.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS  64
#define RANGES 32
#define PORTS  65536

struct range {
	uint64_t first, size, offset;
	struct bus_slot *slots[VM_MAX_VCPUS];
	unsigned per_vcpu;                /* 0: slots[0] serves everyone */
	uint64_t own_first[VM_MAX_VCPUS]; /* per_vcpu: in place of first */
};

struct bus {
	const struct vm_clock *clock;
	struct timer_thread *timers;
	bus_fired_fn fired;
	void *fired_ctx;
	unsigned slots, pio_ranges, mmio_ranges;
	struct bus_slot slot[SLOTS];
	struct range pio[RANGES], mmio[RANGES];
	uint8_t pio_range[PORTS]; /* 0: nobody; else index into pio, plus 1 */
};

struct bus *bus_create(const struct vm_clock *clock)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (bus)
		bus->clock = clock;
	return bus;
}

void bus_destroy(struct bus *bus)
{
	free(bus);
}

void bus_set_timers(struct bus *bus, struct timer_thread *timers, bus_fired_fn fired, void *ctx)
{
	bus->timers = timers;
	bus->fired = fired;
	bus->fired_ctx = ctx;
}

void bus_rearm(struct bus_slot *slot, uint64_t tsc)
{
	nsec_t deadline;

	if (!slot->timed)
		return;
	deadline = slot->device.ops->deadline(slot->device.self);
	if (deadline == slot->armed)
		return;
	slot->armed = deadline;
	slot->armed_tsc = tsc;
	timer_thread_arm(slot->bus->timers, &slot->client, deadline);
}

/* With the slot's lock held: the model's time at a host stamp. An exit may be older than the last
 * expiry. */
static nsec_t slot_time(struct bus_slot *slot, uint64_t tsc)
{
	nsec_t now = vm_clock_from_tsc(slot->bus->clock, tsc);

	if (now > slot->now)
		slot->now = now;
	return slot->now;
}

static void slot_fire(void *ctx, nsec_t target, uint64_t wake_tsc)
{
	struct bus_slot *slot = ctx;
	struct bus *bus = slot->bus;
	uint64_t armed_tsc, injected_tsc;

	pthread_mutex_lock(slot->lock);
	armed_tsc = slot->armed_tsc;
	slot->device.ops->expire(slot->device.self, slot_time(slot, clock_tsc()));
	injected_tsc = clock_tsc();
	/* The queue entry is gone: even an unchanged deadline must be given anew. */
	slot->armed = NSEC_NEVER;
	bus_rearm(slot, injected_tsc);
	bus->fired(bus->fired_ctx, slot, armed_tsc, target, wake_tsc, injected_tsc);
	pthread_mutex_unlock(slot->lock);
}

struct bus_slot *bus_attach(struct bus *bus, struct device device, pthread_mutex_t *lock)
{
	struct bus_slot *slot;

	if (bus->slots == SLOTS)
		return NULL;
	slot = &bus->slot[bus->slots++];
	*slot = (struct bus_slot){
		.device = device,
		.lock = lock,
		.client = {.entry = {.deadline = NSEC_NEVER, .index = DEADLINE_IDLE},
			.fire = slot_fire,
			.ctx = slot},
		.armed = NSEC_NEVER,
		.bus = bus,
		.timed = device.ops->deadline != NULL,
	};
	return slot;
}

int bus_map_pio(
	struct bus *bus, struct bus_slot *slot, uint16_t port, unsigned count, uint64_t offset)
{
	if (bus->pio_ranges == RANGES || port + count > PORTS)
		return -ENOSPC;
	for (unsigned i = 0; i < count; i++) {
		if (bus->pio_range[port + i])
			return -EBUSY;
	}
	bus->pio[bus->pio_ranges++] =
		(struct range){.first = port, .size = count, .offset = offset, .slots = {slot}};
	for (unsigned i = 0; i < count; i++)
		bus->pio_range[port + i] = (uint8_t)bus->pio_ranges;
	return 0;
}

int bus_map_mmio(struct bus *bus, struct bus_slot *const *slots, unsigned per_vcpu, uint64_t gpa,
	uint64_t size)
{
	struct range *range;

	if (bus->mmio_ranges == RANGES || per_vcpu > VM_MAX_VCPUS)
		return -ENOSPC;
	range = &bus->mmio[bus->mmio_ranges++];
	*range = (struct range){.first = gpa, .size = size, .per_vcpu = per_vcpu};
	for (unsigned i = 0; i < (per_vcpu ? per_vcpu : 1); i++) {
		range->slots[i] = slots[i];
		range->own_first[i] = gpa;
	}
	return 0;
}

void bus_move_mmio(struct bus_slot *slot, uint64_t gpa)
{
	struct bus *bus = slot->bus;

	for (unsigned i = 0; i < bus->mmio_ranges; i++) {
		struct range *range = &bus->mmio[i];

		if (slot->vcpu < range->per_vcpu && range->slots[slot->vcpu] == slot)
			range->own_first[slot->vcpu] = gpa;
	}
}

static void call(struct bus_slot *slot, uint64_t offset, struct bus_access *access)
{
	const struct device_ops *ops = slot->device.ops;
	nsec_t now;

	access->device = ops->name;
	pthread_mutex_lock(slot->lock);
	now = slot_time(slot, access->exit_tsc);
	access->begin_tsc = clock_tsc();
	if (access->write)
		ops->write(slot->device.self, now, offset, access->size, access->value);
	else
		access->value = ops->read(slot->device.self, now, offset, access->size) &
				all_ones(access->size);
	access->end_tsc = clock_tsc();
	bus_rearm(slot, access->end_tsc);
	pthread_mutex_unlock(slot->lock);
}

static void nobody(struct bus_access *access)
{
	access->device = "unknown";
	access->begin_tsc = access->end_tsc = access->exit_tsc;
	if (!access->write)
		access->value = all_ones(access->size);
}

/* Where a range begins for a vCPU, and the slot that it reaches there. */
static uint64_t range_first(const struct range *range, unsigned vcpu)
{
	return range->per_vcpu ? range->own_first[vcpu] : range->first;
}

static struct bus_slot *range_slot(const struct range *range, unsigned vcpu)
{
	return range->slots[range->per_vcpu ? vcpu : 0];
}

void bus_pio(struct bus *bus, struct bus_access *access)
{
	uint8_t index = bus->pio_range[access->address & (PORTS - 1)];
	const struct range *range;

	if (!index) {
		nobody(access);
		return;
	}
	range = &bus->pio[index - 1];
	call(range_slot(range, access->vcpu), access->address - range->first + range->offset,
		access);
}

void bus_mmio(struct bus *bus, struct bus_access *access)
{
	for (unsigned i = 0; i < bus->mmio_ranges; i++) {
		const struct range *range = &bus->mmio[i];
		uint64_t offset = access->address - range_first(range, access->vcpu);

		if (offset < range->size) {
			call(range_slot(range, access->vcpu), offset, access);
			return;
		}
	}
	nobody(access);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus: O(1) from port to device, a short scan for MMIO, and the one place where a device is
 * called. It knows nothing of KVM and decides nothing about interrupts. */
#include "bus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RANGES 96
#define PORTS  65536
_Static_assert(RANGES < UINT8_MAX, "a port knows its range by a byte");

/* Whose a place is. Events are of a layer of their own over their device's registers. */
struct claim {
	const struct bus_slot *slot;
	enum bus_space space;
	bool event;
	uint64_t first, size;
};

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
	unsigned slots, claims, pio_ranges, mmio_ranges;
	struct bus_slot slot[BUS_SLOTS];
	struct claim claim[RANGES];
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

struct bus_slot *bus_attach(
	struct bus *bus, struct device device, pthread_mutex_t *lock, struct diag *diag)
{
	struct bus_slot *slot;

	if (bus->slots == BUS_SLOTS) {
		diag_set(diag, -ENOSPC, "device %s: the bus has room for %u devices",
			device.ops->name, BUS_SLOTS);
		return NULL;
	}
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

/* ---- who is where ---- */

/* "pit at ports 0x40 to 0x43". */
static const char *show(char text[128], const struct claim *claim)
{
	uint64_t last = claim->first + claim->size - 1;
	const char *place = claim->space == BUS_MEMORY ? "address" : "port";

	if (claim->size > 1)
		snprintf(text, 128, "%s at %s%s 0x%" PRIx64 " to 0x%" PRIx64,
			claim->slot->device.ops->name, place,
			claim->space == BUS_MEMORY ? "es" : "s", claim->first, last);
	else
		snprintf(text, 128, "%s at %s 0x%" PRIx64, claim->slot->device.ops->name, place,
			claim->first);
	return text;
}

static bool collide(const struct claim *a, const struct claim *b)
{
	return a->space == b->space && a->first < b->first + b->size &&
	       b->first < a->first + a->size && (a->slot != b->slot || a->event == b->event);
}

/* Is there such a place, and room to remember it? */
static int check_place(const struct bus *bus, const struct claim *claim, struct diag *diag)
{
	uint64_t end = claim->space == BUS_PORTS ? PORTS : BUS_NOWHERE;
	char text[128];

	if (!claim->size || claim->size > end || claim->first > end - claim->size)
		return diag_set(diag, -ENOSPC,
			"device %s, %" PRIu64 " from 0x%" PRIx64 ": expected at least 1, the last "
			"at most 0x%" PRIx64,
			claim->slot->device.ops->name, claim->size, claim->first, end - 1);
	if (bus->claims == RANGES)
		return diag_set(diag, -ENOSPC, "device %s: the bus has room for %u ranges",
			show(text, claim), RANGES);
	return 0;
}

static int make_claim(struct bus *bus, const struct claim *claim, struct diag *diag)
{
	char mine[128], other[128];
	int rc = check_place(bus, claim, diag);

	if (rc)
		return rc;
	for (unsigned i = 0; i < bus->claims; i++) {
		if (collide(claim, &bus->claim[i]))
			return diag_set(diag, -EBUSY, "device %s overlaps device %s",
				show(mine, claim), show(other, &bus->claim[i]));
	}
	bus->claim[bus->claims++] = *claim;
	return 0;
}

int bus_claim_event(struct bus *bus, const struct bus_slot *slot, enum bus_space space,
	uint64_t first, uint64_t size, struct diag *diag)
{
	struct claim claim = {slot, space, true, first, size};

	return make_claim(bus, &claim, diag);
}

int bus_map_pio(struct bus *bus, struct bus_slot *slot, uint64_t port, uint64_t count,
	uint64_t offset, struct diag *diag)
{
	struct claim claim = {slot, BUS_PORTS, false, port, count};
	int rc = make_claim(bus, &claim, diag);

	if (rc)
		return rc;
	bus->pio[bus->pio_ranges++] =
		(struct range){.first = port, .size = count, .offset = offset, .slots = {slot}};
	for (uint64_t i = 0; i < count; i++)
		bus->pio_range[port + i] = (uint8_t)bus->pio_ranges;
	return 0;
}

int bus_map_mmio(struct bus *bus, struct bus_slot *const *slots, unsigned per_vcpu, uint64_t gpa,
	uint64_t size, uint64_t offset, struct diag *diag)
{
	struct claim claim = {slots[0], BUS_MEMORY, false, gpa, size};
	int rc = make_claim(bus, &claim, diag);
	struct range *range;

	if (rc)
		return rc;
	range = &bus->mmio[bus->mmio_ranges++];
	*range = (struct range){.first = gpa, .size = size, .offset = offset, .per_vcpu = per_vcpu};
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
			call(range_slot(range, access->vcpu), offset + range->offset, access);
			return;
		}
	}
	nobody(access);
}

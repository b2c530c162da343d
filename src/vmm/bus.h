/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports and MMIO ranges to devices; lock, operation, deadline, re-arm in one place.
 *
 * Locks: a slot's lock guards its model. Interrupt controllers and the dedicated timer share one
 * (the interrupt lock). Order: another device's lock -> the interrupt lock -> the timer thread's
 * queue lock. */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include "timer_thread.h"

#include <pthread.h>

struct bus;

/* A model on the bus: its lock, and its place in the timer thread's queue. */
struct bus_slot {
	struct device device;
	pthread_mutex_t *lock;
	struct timer_client client;
	nsec_t armed;       /* deadline last given to the timer thread */
	uint64_t armed_tsc; /* host TSC of the access that changed it */
	struct bus *bus;
	void *owner;   /* for callbacks that are given the slot */
	unsigned vcpu; /* whose device it is, where each vCPU has one */
	nsec_t now;    /* latest time the model has seen: it never runs backwards */
	bool timed;    /* the model has deadlines */
};

/* What the timer thread did, for the log: called after each expire, with the slot's lock held. */
typedef void (*bus_fired_fn)(void *ctx, const struct bus_slot *slot, uint64_t armed_tsc,
	nsec_t target, uint64_t wake_tsc, uint64_t injected_tsc);

/* The outcome of one access, for the exit accounting. */
struct bus_access {
	uint64_t address;
	unsigned size; /* 1, 2, 4 or 8 */
	bool write;
	unsigned vcpu;
	uint64_t exit_tsc;           /* when the exit happened: the device's "now" */
	uint64_t value;              /* in for writes, out for reads */
	const char *device;          /* set: who answered */
	uint64_t begin_tsc, end_tsc; /* set: around the model */
};

struct bus *bus_create(const struct vm_clock *clock);
void bus_destroy(struct bus *bus);
/* Before any slot is armed. */
void bus_set_timers(struct bus *bus, struct timer_thread *timers, bus_fired_fn fired, void *ctx);
/* Puts a model on the bus; NULL with diag set: the bus is full (BUS_SLOTS). The slot lives as long
 * as the bus. */
#define BUS_SLOTS 64
struct bus_slot *bus_attach(
	struct bus *bus, struct device device, pthread_mutex_t *lock, struct diag *diag);

/* A place on the bus is one device's: what overlaps another's is refused, with a sentence that
 * names both. 0; -EBUSY: somebody is there; -ENOSPC: there is no such place, or no room in the
 * bus's tables. */

/* Ports [port, port + count) reach the slot at offsets from offset on. */
int bus_map_pio(struct bus *bus, struct bus_slot *slot, uint64_t port, uint64_t count,
	uint64_t offset, struct diag *diag);
/* The same for MMIO. With per_vcpu, vCPU i reaches slots[i] (each CPU's own LAPIC at one address).
 */
int bus_map_mmio(struct bus *bus, struct bus_slot *const *slots, unsigned per_vcpu, uint64_t gpa,
	uint64_t size, uint64_t offset, struct diag *diag);
/* Writes there never reach the bus (an ioeventfd, KVM's to ring): the place is only claimed. It may
 * lie in a range of the same slot. */
enum bus_space { BUS_PORTS, BUS_MEMORY };
int bus_claim_event(struct bus *bus, const struct bus_slot *slot, enum bus_space space,
	uint64_t first, uint64_t size, struct diag *diag);

#define BUS_NOWHERE (1ULL << 63) /* above every guest-physical address (52 bits) */
/* The slot of one vCPU (slot->vcpu) in a range mapped with per_vcpu moves; the others' stay. On
 * that vCPU's thread, the only one that looks there. Where it then lies over another device's
 * range, the one mapped first answers. */
void bus_move_mmio(struct bus_slot *slot, uint64_t gpa);

void bus_pio(struct bus *bus, struct bus_access *access);
void bus_mmio(struct bus *bus, struct bus_access *access);
/* With the slot's lock held: give the timer thread the model's deadline if it changed. */
void bus_rearm(struct bus_slot *slot, uint64_t tsc);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The form of a row in the wiring table (wire.c), and the loop that makes devices of rows: creates
 * the models, attaches and maps them, and unmakes them again. It knows no device. */
#ifndef VMM_WIRING_H
#define VMM_WIRING_H

#include "bus.h"

#include <stddef.h>

struct vm;
struct wiring;

/* A device as made: one of its row's, or the one of a vCPU. */
struct wired {
	struct vm *vm;
	const struct wiring *row;
	unsigned vcpu; /* 0 where it is one a machine */
	void *model;
	struct bus_slot *slot;
};

enum wire_kind { WIRE_NOTHING, WIRE_PORTS, WIRE_MMIO, WIRE_EVENT_PORTS, WIRE_EVENT_MMIO };

/* Where a device is reached. An event is an ioeventfd: a write of just this size, any value, is
 * KVM's to pass on and reaches no model. */
struct wire_range {
	enum wire_kind kind;
	uint64_t first, size;
	uint64_t offset; /* what the model calls first; not of events */
	/* One a vCPU: from one's range to the next's. 0: all are at one place, where each vCPU
	 * reaches its own (MMIO; bus_move_mmio() may move it from there). */
	uint64_t stride;
	int (*eventfd)(const struct vm *vm); /* events: -1: there is none in this machine */
};

#define WIRE_RANGES 4

struct wiring {
	const char *name;                     /* as device_ops.name */
	bool (*present)(const struct vm *vm); /* NULL: in every machine */
	bool per_vcpu;                        /* one a vCPU; else one a machine */
	size_t lock;                          /* its lock's offset in struct vm: WIRE_LOCK() */
	unsigned irq;                         /* the ISA line it drives, if any: wired_irq() */
	/* A model in its state after reset; NULL: no memory. wired->model and ->slot come later. */
	void *(*create)(struct wired *wired);
	struct device (*device)(void *model);
	void (*attached)(struct wired *wired); /* wired->slot is known; NULL: nothing to do */
	void (*destroy)(void *model);          /* NULL: the model goes with what it is part of */
	struct wire_range ranges[WIRE_RANGES]; /* up to the first WIRE_NOTHING */
};

/* The offset of a lock, as it is named in struct vm; nothing but a mutex compiles. */
#define WIRE_LOCK(FIELD)                                                                           \
	_Generic(((struct vm *)0)->FIELD, pthread_mutex_t : offsetof(struct vm, FIELD))

/* The row's interrupt line: irq.set(irq.ctx, wired->row->irq, level). */
struct irq_sink wired_irq(const struct wired *wired);

/* Makes every device of the table, which must outlive vm, that is present, in its order. 0, or a
 * negative errno with a sentence that names the device; what was made until then is
 * wiring_destroy()'s. */
int wiring_create(struct vm *vm, const struct wiring *table, unsigned n, struct diag *diag);
/* In reverse order. After a creation that failed too, and twice. */
void wiring_destroy(struct vm *vm);

#endif

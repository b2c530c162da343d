/* SPDX-License-Identifier: BSD-2-Clause */
/* The device interface: what a model offers and what it is given.
 * It knows no VM, no KVM, no thread and no clock: time is an argument, locking is the owner's. */
#ifndef TICKVM_DEVICE_H
#define TICKVM_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

/* Absolute nanoseconds on the VM's clock (0 = VM creation). */
typedef uint64_t nsec_t;
#define NSEC_NEVER UINT64_MAX

/* An ISA line (level) or an interrupt vector (edge: only level = true means anything). */
struct irq_sink {
	void (*set)(void *ctx, unsigned n, bool level);
	void *ctx;
};

/* Bytes leaving a device for the host (a terminal, a file). Never blocks: the other end queues. */
struct byte_sink {
	void (*put)(void *ctx, uint8_t byte);
	void *ctx;
};

/* Where a model puts what it has counted. name: a literal, lower case, its unit at the end if it
 * has one ("longest_hold_ns"). */
struct counter_sink {
	void (*put)(void *ctx, const char *name, uint64_t value);
	void *ctx;
};

/* What nobody drives: an access of size bytes (1 to 8) reads ones. */
static inline uint64_t all_ones(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ULL << 8 * size) - 1;
}

/* Every op is called with the device's lock held by its owner; none blocks or reads a clock.
 * size is 1, 2, 4 or 8 bytes. A read returns a value zero-extended from size bytes; a register
 * that does not exist reads as all-ones of that size unless its data sheet says otherwise. */
struct device_ops {
	const char *name; /* the name under which exits are attributed */
	uint64_t (*read)(void *self, nsec_t now, uint64_t offset, unsigned size);
	void (*write)(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value);
	nsec_t (*deadline)(const void *self);   /* next event, or NSEC_NEVER; pure */
	void (*expire)(void *self, nsec_t now); /* do everything due at or before now */
	void (*reset)(void *self, nsec_t now);
	void (*counters)(const void *self, struct counter_sink sink); /* all of them; pure */
};

/* A model and its operations. ops->deadline and ops->expire may be NULL for a timeless device,
 * ops->counters for one that counts nothing. */
struct device {
	const struct device_ops *ops;
	void *self;
};

/* The TSC as the guest sees it, on the VM's clock: guest_tsc(now) = base + now * hz / 10^9.
 * Conversions are 128-bit and saturate at 0 and NSEC_NEVER. */
struct guest_tsc {
	uint64_t base; /* guest TSC at nsec_t 0 (modulo 2^64) */
	uint64_t hz;   /* ticks a second, never 0 */
};

uint64_t guest_tsc_at(const struct guest_tsc *tsc, nsec_t now);
/* The first nanosecond at which the guest TSC has reached ticks (0 when that is in the past). */
nsec_t guest_tsc_to_nsec(const struct guest_tsc *tsc, uint64_t ticks);

/* a * b / c without overflow in between; UINT64_MAX when the quotient does not fit. c is not 0. */
uint64_t mul_div_u64(uint64_t a, uint64_t b, uint64_t c);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Exits to userspace, counted by reason, address and device, with the time spent in userspace.
 * One table a vCPU, written by that vCPU's thread only; read when it has stopped. */
#ifndef TICKVM_EXIT_STATS_H
#define TICKVM_EXIT_STATS_H

#include "tickvm/histogram.h"

#include <stdbool.h>
#include <stddef.h>

/* What an exit was, in words perf kvm stat users know. KVM's exit reasons map onto these. */
enum exit_kind {
	EXIT_KIND_PIO_IN,
	EXIT_KIND_PIO_OUT,
	EXIT_KIND_MMIO_READ,
	EXIT_KIND_MMIO_WRITE,
	EXIT_KIND_RDMSR,
	EXIT_KIND_WRMSR,
	EXIT_KIND_HLT,
	EXIT_KIND_IRQ_WINDOW,
	EXIT_KIND_IOAPIC_EOI,
	EXIT_KIND_TPR_ACCESS,
	EXIT_KIND_HYPERCALL,
	EXIT_KIND_KICK, /* KVM_RUN interrupted by our own signal or immediate_exit */
	EXIT_KIND_SHUTDOWN,
	EXIT_KIND_SYSTEM_EVENT,
	EXIT_KIND_INTERNAL_ERROR,
	EXIT_KIND_FAIL_ENTRY,
	EXIT_KIND_OTHER, /* address is KVM's exit reason */
	EXIT_KINDS
};
const char *exit_kind_name(enum exit_kind kind); /* "pio-in", "mmio-write", "hlt" ... */

struct exit_row {
	enum exit_kind kind;
	uint64_t address;      /* port, GPA or MSR; 0 where the kind has none */
	const char *device;    /* ops->name, "unknown" where nobody answered, "vcpu" for the rest */
	struct histogram time; /* TSC ticks from KVM_RUN's return to the next KVM_RUN */
	struct histogram
		model; /* TSC ticks of them inside the device model (0 entries where none) */
};

#define EXIT_STATS_ROWS 256

struct exit_stats;

/* NULL: no memory. Reserves all it will ever need: 4 MB of address space, of which a row takes
 * memory, by page faults, only when it is first used. */
struct exit_stats *exit_stats_create(void);
void exit_stats_destroy(struct exit_stats *stats);
/* One exit. Constant time, no allocation. A 257th distinct (kind, address, device) goes to the row
 * (EXIT_KIND_OTHER, UINT64_MAX, "table-full"). device is compared by pointer. */
void exit_stats_add(struct exit_stats *stats, enum exit_kind kind, uint64_t address,
	const char *device, uint64_t time, bool has_model, uint64_t model);
/* Rows sorted by total time, descending; *n is their count. Valid until the next add or destroy. */
const struct exit_row *exit_stats_rows(struct exit_stats *stats, size_t *n);
void exit_stats_merge(struct exit_stats *into, const struct exit_stats *from);

#endif

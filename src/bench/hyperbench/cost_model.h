/* SPDX-License-Identifier: BSD-2-Clause */
/* Where an operation's cycles go: the equations of Wei, Zhang, Tu 2019, section 4, over unit costs
 * and counts that were both measured. Pure arithmetic: no clock, no VM, no constant of any host. */
#ifndef BENCH_COST_MODEL_H
#define BENCH_COST_MODEL_H

#include <stdbool.h>

/* Cycles of one; NAN: not measured here, and what there is of it stays unattributed. */
struct cost_units {
	double transition;  /* out of KVM_RUN and in again */
	double emulation;   /* one instruction by KVM's emulator */
	double kernel_exit; /* an exit that KVM handles by itself */
	double fault;       /* a page fault that KVM repairs, the host's page being there */
	double interrupt;   /* injecting one, until its handler runs */
};

/* Per operation, the control loop's already subtracted. NAN: not counted by this KVM. */
struct cost_counts {
	double user_exits, kvm_exits; /* the second includes the first, on hardware */
	double emulated, faults, interrupts;
	double userspace, model; /* cycles in userspace, and of these in device models */
};

struct cost_row {
	double guest, native; /* cycles an operation; native NAN: there is none */
	double pieces;        /* instructions or pages an operation is made of, at least 1 */
	bool io;              /* an I/O row: its exits and its emulation are T_io, else T_cpu */
	struct cost_counts counts;
};

enum cost_part {
	COST_TRANSITION,
	COST_EMULATION,
	COST_KERNEL_EXIT,
	COST_DISPATCH,
	COST_MODEL,
	COST_FAULT,
	COST_INTERRUPT,
	COST_PARTS
};

/* Where T_direct is from. */
enum cost_direct {
	COST_NATIVE,   /* the native figure */
	COST_EMULATED, /* KVM or a device model does most of it, the guest's CPU never: 0 */
	COST_UNKNOWN   /* there is no native figure: 0 */
};

/* T_guest = T_direct + T_virt, T_virt = T_cpu + T_memory + T_io + unattributed, all in cycles. */
struct cost {
	double direct;
	enum cost_direct direct_from;
	double virt;
	double part[COST_PARTS];
	double cpu, memory, io; /* sums of the parts */
	double unattributed;    /* the paper's eta; negative when the parts come to more */
	double explained;       /* (cpu + memory + io) / virt; NAN when virt is 0 */
};
struct cost cost_of(const struct cost_row *row, const struct cost_units *units);

/* A unit cost from a calibration: what the known units leave of row.guest, over count an operation.
 * NAN where it happens less than once in two operations, or leaves nothing: no calibration. */
double cost_unit(const struct cost_row *row, const struct cost_units *known, double count);

/* Exits an operation that KVM handled by itself and that are no page faults; NAN: not counted. */
double cost_kernel_exits(const struct cost_counts *counts);

#endif

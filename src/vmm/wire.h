/* SPDX-License-Identifier: BSD-2-Clause */
/* The wiring diagram: which device is where, and what its outputs drive. */
#ifndef VMM_WIRE_H
#define VMM_WIRE_H

#include "vm_internal.h"

void wire_locks(struct vm *vm);
/* Interrupt back end, devices, bus, timer thread, terminal. Before any vCPU exists. */
int wire_devices(struct vm *vm, struct diag *diag);
/* Begins the threads that raise interrupts by themselves. After the vCPUs exist. */
int wire_start(struct vm *vm, struct diag *diag);
/* Stops disk, nuisance line, timer thread and terminal; no device is called after this. May be
 * repeated. */
void wire_stop(struct vm *vm);
void wire_destroy(struct vm *vm);

/* The guest's write of len bytes at addr rings fd; flags: KVM_IOEVENTFD_FLAG_*. */
int wire_ioeventfd(
	struct vm *vm, int fd, uint64_t addr, unsigned len, unsigned flags, struct diag *diag);

/* ---- wire_disk.c ---- */

/* Opens the image, where there is to be a disk: before anything else, for what is wrong with it. */
int wire_disk_open(struct vm *vm, struct diag *diag);
int wire_disk(struct vm *vm, struct diag *diag);
/* Waits for the disk as long as the run may take (vm->limit_ns), and a while. False: it hangs, and
 * vm is not to be destroyed. */
bool wire_disk_stop(struct vm *vm, struct diag *diag);
int wire_disk_start(struct vm *vm, struct diag *diag);
void wire_disk_destroy(struct vm *vm);

/* ---- wire_dedicated.c ---- */

/* A dedicated timer for each vCPU. After bus, timer thread and interrupt back end. */
int wire_dedicated(struct vm *vm, struct diag *diag);
void wire_dedicated_destroy(struct vm *vm);
/* Does a quiet window keep the message, to release it later? With the interrupt lock held. */
bool wire_dedicated_hold(struct vm *vm, uint64_t tsc, const struct apic_msg *msg);
bool wire_is_dedicated(const struct bus_slot *slot);
/* For the log: the guest's deadline and when it was armed. False: nothing fired, it was a retry of
 * the quiet window. With the interrupt lock held. */
bool wire_dedicated_fired(const struct bus_slot *slot, struct timer_record *record);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a machine is made of: back ends (threads, files, KVM's controllers), then the devices of the
 * wiring table (wire.c). */
#ifndef VMM_WIRE_H
#define VMM_WIRE_H

#include "vm_internal.h"

/* ---- wire.c ---- */

/* The devices of the table, on the bus. After the back ends, before any vCPU exists. */
int wire_table(struct vm *vm, struct diag *diag);

/* ---- wire_back_ends.c ---- */

void wire_locks(struct vm *vm);
/* Interrupt back end, devices, bus, timer thread, terminal. Before any vCPU exists. */
int wire_devices(struct vm *vm, struct diag *diag);
/* Begins the threads that raise interrupts by themselves. After the vCPUs exist. */
int wire_start(struct vm *vm, struct diag *diag);
/* Stops disk, interrupt load's line, timer thread and terminal; no device is called after this. May
 * be repeated. */
void wire_stop(struct vm *vm);
void wire_destroy(struct vm *vm);
/* With plain_lock held: a signal of the guest's, into the log. */
void wire_log_signal(void *ctx, bool begin);

/* ---- wire_disk.c ---- */

/* Opens the image, where there is to be a disk: before anything else, for what is wrong with it. */
int wire_disk_open(struct vm *vm, struct diag *diag);
/* The model's row: present where there is a disk, its eventfd, and its making. */
bool wire_disk_present(const struct vm *vm);
int wire_disk_eventfd(const struct vm *vm);
void *wire_disk_create(struct wired *wired);
/* Waits for the disk as long as the run may take (vm->limit_ns), and a while. False: it hangs, and
 * vm is not to be destroyed. */
bool wire_disk_stop(struct vm *vm, struct diag *diag);
int wire_disk_start(struct vm *vm, struct diag *diag);

/* ---- wire_dedicated.c ---- */

/* The doorbell's thread, where the machine has it. */
int wire_doorbell(struct vm *vm, struct diag *diag);
/* The model's row, one a vCPU. After timer thread and interrupt back end. */
int wire_doorbell_eventfd(const struct vm *vm);
void *wire_dedicated_create(struct wired *wired);
void wire_dedicated_attached(struct wired *wired);
/* Does a quiet window keep the message, to release it later? With the interrupt lock held. */
bool wire_dedicated_hold(struct vm *vm, uint64_t tsc, const struct apic_msg *msg);
bool wire_is_dedicated(const struct bus_slot *slot);
/* For the log: the guest's deadline and when it was armed. False: nothing fired, it was a retry of
 * the quiet window. With the interrupt lock held. */
bool wire_dedicated_fired(const struct bus_slot *slot, struct timer_record *record);

#endif

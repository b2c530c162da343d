/* SPDX-License-Identifier: BSD-2-Clause */
/* The wiring diagram: which device is where, and what its outputs drive. */
#ifndef VMM_WIRE_H
#define VMM_WIRE_H

#include "vm_internal.h"

void wire_locks(struct vm *vm);
/* Interrupt back end, devices, bus, timer thread, terminal. Before any vCPU exists. */
int wire_devices(struct vm *vm, struct diag *diag);
/* Stops the timer thread and the terminal; no device is called after this. May be repeated. */
void wire_stop(struct vm *vm);
void wire_destroy(struct vm *vm);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The yardstick: KVM with nothing of ours around it, measured in the same process. */
#ifndef TICKVM_BARE_H
#define TICKVM_BARE_H

#include "tickvm/diag.h"

/* Mean host TSC ticks of one KVM_RUN round trip: a guest that does nothing but OUT, a loop that
 * does nothing but KVM_RUN. 0 or a negative errno. */
int vm_bare_exit_loop(uint64_t iterations, uint64_t *ticks_per_exit, struct diag *diag);
/* Host TSC ticks from open(/dev/kvm) to the guest's first exit, by the shortest sequence of ioctls
 * that can run a guest: VM, RAM of mem_bytes, split irqchip, one vCPU. */
int vm_bare_startup(uint64_t mem_bytes, uint64_t *ticks, struct diag *diag);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The yardstick: KVM with nothing of ours around it, measured in the same process. */
#ifndef TICKVM_BARE_H
#define TICKVM_BARE_H

#include "tickvm/diag.h"

/* TSC ticks of one PIO exit: the payload's own pio-out benchmark (iterations a round, its control
 * loop subtracted, median of rounds), run by a loop that does nothing but KVM_RUN. What tickvm adds
 * is the difference to the same benchmark under tickvm. 0 or a negative errno. */
int vm_bare_exit_loop(
	uint64_t iterations, uint64_t rounds, uint64_t *ticks_per_exit, struct diag *diag);
/* Host TSC ticks from open(/dev/kvm) to the guest's first exit, by the shortest sequence of ioctls
 * that can run a guest: VM, RAM of mem_bytes, split irqchip, one vCPU and its
 * CPUID. */
int vm_bare_startup(uint64_t mem_bytes, uint64_t *ticks, struct diag *diag);

#endif

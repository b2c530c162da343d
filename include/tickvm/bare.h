/* SPDX-License-Identifier: BSD-2-Clause */
/* Yardsticks: KVM with nothing of ours around it, and parts of ours with nothing around them,
 * measured in the same process. */
#ifndef TICKVM_BARE_H
#define TICKVM_BARE_H

#include "tickvm/diag.h"

/* TSC ticks of one PIO exit: the payload's own pio-out benchmark (iterations a round, its control
 * loop subtracted, median of rounds), run by a loop that does nothing but KVM_RUN. What tickvm adds
 * is the difference to the same benchmark under tickvm. 0 or a negative errno. */
int vm_bare_exit_loop(
	uint64_t iterations, uint64_t rounds, uint64_t *ticks_per_exit, struct diag *diag);
/* From a signal handler: the loop that runs, and each that would be run, ends with -EINTR. */
void vm_bare_stop(void);
/* TSC ticks of KVM_RUN with immediate_exit set, median of rounds: into the kernel, KVM's own entry
 * and exit work, and back, without running the guest. The floor under every exit to userspace. */
int vm_bare_transition(uint64_t iterations, uint64_t rounds, uint64_t *ticks, struct diag *diag);
/* Host TSC ticks from open(/dev/kvm) to the guest's first exit, by the shortest sequence of ioctls
 * that can run a guest: VM, RAM of mem_bytes, split irqchip, one vCPU and its
 * CPUID. */
int vm_bare_startup(uint64_t mem_bytes, uint64_t *ticks, struct diag *diag);

/* TSC ticks that a timer thread of ours takes to fire a timer and arm two while armed timers (1 up)
 * are armed in it, in random order: what a timer that fires and is armed again costs, and one more
 * arming. Median of rounds of iterations each. cpu, priority: of the thread, as in vm_config. */
int vm_bare_timer(unsigned armed, int cpu, int priority, uint64_t iterations, uint64_t rounds,
	uint64_t *ticks, struct diag *diag);

#endif

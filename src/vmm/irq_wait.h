/* SPDX-License-Identifier: BSD-2-Clause */
/* A vector waits for a guest that could not take it: what the last exit says about that. KVM looks
 * out for the moment itself (KVM_EXIT_IRQ_WINDOW_OPEN), but where it emulates the guest, an exit of
 * any other kind comes first: so each exit is looked at. */
#ifndef VMM_IRQ_WAIT_H
#define VMM_IRQ_WAIT_H

#include <linux/kvm.h>
#include <stdbool.h>

struct irq_wait {
	bool exited;   /* KVM_RUN returned 0: KVM finishes that instruction at the next KVM_RUN */
	bool finished; /* that was tried in vain: what is in the way is no shadow */
};

/* What the vCPU thread does next. */
enum irq_step {
	IRQ_STEP_ENTER,  /* nothing waits, or it cannot go in yet */
	IRQ_STEP_ATTEND, /* it can go in now */
	IRQ_STEP_FINISH, /* KVM finishes the instruction that exited, and does not enter the guest
			  */
};

/* Would KVM take a vector now? ready_for_interrupt_injection: no shadow, nothing injected before
 * it. if_flag as well: PVM takes a KVM_INTERRUPT even with IF = 0. */
static inline bool irq_wait_open(const struct kvm_run *run)
{
	return run->ready_for_interrupt_injection && run->if_flag;
}

/* After KVM_INTERRUPT: the handler will begin with IF = 0. */
static inline void irq_wait_injected(struct kvm_run *run)
{
	run->ready_for_interrupt_injection = run->if_flag = 0;
}

/* After each KVM_RUN. exited: it returned 0; finishing: it was told not to enter the guest. */
static inline void irq_wait_returned(
	struct irq_wait *wait, const struct kvm_run *run, bool exited, bool finishing)
{
	wait->exited = exited;
	wait->finished = run->request_interrupt_window && (wait->finished || finishing) &&
			 run->if_flag && !run->ready_for_interrupt_injection;
}

/* Before each KVM_RUN; request_interrupt_window says that a vector waits. Interrupts are inhibited
 * for one instruction after STI (Intel SDM vol. 3, 6.8.3). When that one exits, the shadow lies on
 * it until it is finished; were the guest entered then, it would be the exit after that before the
 * vector goes in. */
static inline enum irq_step irq_wait_step(const struct irq_wait *wait, const struct kvm_run *run)
{
	if (!run->request_interrupt_window || !run->if_flag)
		return IRQ_STEP_ENTER;
	if (run->ready_for_interrupt_injection)
		return IRQ_STEP_ATTEND;
	return wait->exited && !wait->finished ? IRQ_STEP_FINISH : IRQ_STEP_ENTER;
}

#endif

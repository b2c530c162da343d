/* SPDX-License-Identifier: BSD-2-Clause */
/* One vCPU: its KVM file, its thread, and the kick that cannot be lost. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include "irq_wait.h"
#include "load.h"
#include "tickvm/clock.h"
#include "tickvm/vm.h"

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

/* Where the vCPU thread is, for the kicker. */
enum vcpu_state {
	VCPU_USER,      /* in our code: looks at `attention` before it enters KVM_RUN */
	VCPU_IN_KERNEL, /* in or about to enter KVM_RUN: needs immediate_exit and a signal */
	VCPU_POLLING,   /* halted in userspace, reading `attention` */
	VCPU_SLEEPING,  /* halted in userspace, asleep on `attention` (futex) */
	VCPU_STOPPED,
};

/* What the `user` back end tracks itself: KVM knows nothing of INIT and SIPI without its LAPIC. */
enum vcpu_power { VCPU_RUNNING, VCPU_HALTED, VCPU_WAIT_SIPI };

/* Sums over a vCPU's exits; its own thread alone writes them. */
struct exit_totals {
	_Atomic uint64_t exits, userspace_ticks, model_ticks;
};

struct vcpu {
	struct vm *vm;
	unsigned id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	pid_t tid; /* the thread's own, before its first VCPU_IN_KERNEL */
	bool started;

	_Atomic uint32_t
		attention; /* 1: something waits for this thread (an interrupt, INIT, the end) */
	_Atomic uint32_t state; /* enum vcpu_state */

	/* `user` back end; guarded by the interrupt lock. */
	enum vcpu_power power;
	bool init_pending, sipi_pending, nmi_pending, smi_pending;
	uint8_t sipi_vector;
	uint8_t cr8; /* as last given to KVM; only the vCPU thread */

	struct irq_wait irq_wait; /* only the vCPU thread */

	/* The exit being handled, accounted for when the next one has begun: so the accounting's
	 * own cost is inside a measured interval. Only the vCPU thread. */
	struct trace_event event;
	bool event_valid;
	struct exit_stats *stats;
	struct trace_ring *ring;
	struct exit_totals totals; /* for other threads to read: signals */
	uint64_t first_entry_tsc;
	uint64_t msr_probe; /* MSR_PROBE */
	uint32_t warned;    /* guest misdeeds already reported once, by bit */
};

int vcpu_create(struct vm *vm, struct vcpu *vcpu, unsigned id, struct diag *diag);
/* Registers of the boot processor as the boot protocol demands. */
int vcpu_boot(struct vcpu *vcpu, const struct boot_state *boot, struct diag *diag);
/* The `user` back end's IA32_APIC_BASE.EN, which CPUID.01H:EDX[9] follows. 0 or a negative errno.
 */
int vcpu_enable_apic(struct vcpu *vcpu, bool enable);
/* The `user` back end's INIT: registers as after power-up. SIPI: start at vector << 12. 0 or a
 * negative errno. */
int vcpu_reset_registers(struct vcpu *vcpu);
int vcpu_start_at(struct vcpu *vcpu, uint8_t sipi_vector);
int vcpu_start(struct vcpu *vcpu, struct diag *diag);
void vcpu_join(struct vcpu *vcpu);
void vcpu_destroy(struct vcpu *vcpu);

/* From any thread: the vCPU thread will look at what waits for it, however it is occupied. Never
 * lost: attention is set before the state is read here, and the state before attention is read
 * there. */
void vcpu_kick(struct vcpu *vcpu);
/* vCPU thread: wait until attention (or the VM's end), polling poll_ns before sleeping. */
void vcpu_wait(struct vcpu *vcpu, uint64_t poll_ns);

/* The loop, in exit.c: until the VM ends. */
void vcpu_loop(struct vcpu *vcpu);
/* Registers, code bytes and the last exits, as lines. malloc'ed; NULL: no memory. In crash.c. */
char *vcpu_crash_report(struct vcpu *vcpu, const char *what);

#endif

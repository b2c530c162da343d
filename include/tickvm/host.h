/* SPDX-License-Identifier: BSD-2-Clause */
/* Facts about the host that are recorded with every result, and what doctor judges. */
#ifndef TICKVM_HOST_H
#define TICKVM_HOST_H

#include "tickvm/diag.h"

#include <stdbool.h>
#include <stdint.h>

enum kvm_backend { KVM_BACKEND_UNKNOWN, KVM_BACKEND_VMX, KVM_BACKEND_SVM, KVM_BACKEND_PVM };
const char *kvm_backend_name(enum kvm_backend backend); /* "vmx", "svm", "pvm", "unknown" */
enum kvm_backend kvm_backend_find(void);

/* Everything is what could be read; numbers are -1 and strings "" where the host does not say. */
struct host_facts {
	char cpu_model[64];
	char kernel[128];    /* uname: release and version */
	char hypervisor[16]; /* CPUID 0x40000000 signature when nested */
	enum kvm_backend backend;
	int cpus_online, cpus_allowed;
	int64_t mem_bytes, mem_available_bytes;
	int64_t tsc_hz; /* as KVM reports it */
	bool tsc_invariant;
	char clocksource[32], governor[32], idle_driver[32], preempt[32], thp[32];
	int64_t rt_runtime_us, rt_period_us; /* runtime -1: no limit; both -1: unknown */
	int64_t halt_poll_ns;                /* KVM's module parameter */
	int64_t min_timer_period_us;
	int rtprio_limit;      /* highest SCHED_FIFO priority this process may take; 0: none */
	int64_t memlock_limit; /* bytes; -1: unlimited */
	bool cpu_dma_latency_writable;
	int smt_active;      /* 1, 0, -1 */
	double load1;        /* one-minute load average; -1 where unknown */
	int64_t steal_ticks; /* sum over CPUs, /proc/stat; -1 where unknown */
	/* /dev/kvm: */
	int kvm_errno;       /* 0, or why it could not be opened */
	int kvm_api_version; /* 12 since Linux 2.6.22; -1 where unknown */
	bool has_irqchip, has_split_irqchip, has_pit2, has_user_msr, has_ioeventfd, has_signal_msi,
		has_halt_poll, has_binary_stats, has_immediate_exit, has_tsc_deadline, has_x2apic;
	int max_vcpus;
};

/* Reads all of it. Never fails: what cannot be read stays unknown. */
void host_facts_read(struct host_facts *facts);

enum check_level { CHECK_OK, CHECK_WARN, CHECK_FAIL };
struct host_check {
	const char *name; /* "kvm", "fifo", "memlock", "dma-latency", "tsc", "halt-poll",
			     "rt-throttle", ... */
	enum check_level level;
	char found[128];  /* what is */
	char remedy[192]; /* what to do, a command where there is one; "" when OK */
};
#define HOST_CHECKS_MAX 32
/* Judges the facts. Returns how many checks were filled. Pure. */
unsigned host_checks(const struct host_facts *facts, struct host_check checks[HOST_CHECKS_MAX]);

#endif

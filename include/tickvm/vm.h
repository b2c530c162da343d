/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor as its users see it: configure, create, run, read what happened, destroy. */
#ifndef TICKVM_VM_H
#define TICKVM_VM_H

#include "tickvm/device.h"
#include "tickvm/diag.h"
#include "tickvm/exit_stats.h"
#include "tickvm/host.h"
#include "tickvm/dedicated_timer.h"
#include "tickvm/trace.h"

#define VM_MAX_VCPUS 16
#define VM_MIN_MEM   (4ULL << 20)
#define VM_AUTO      INT64_MIN /* an option left to tickvm */

enum irqchip_kind { IRQCHIP_KERNEL, IRQCHIP_SPLIT, IRQCHIP_USER, IRQCHIP_KINDS };
const char *irqchip_name(enum irqchip_kind kind); /* "kernel", "split", "user" */

enum serial_kind { SERIAL_NULL, SERIAL_STDIO, SERIAL_FILE };

struct vm_config {
	const char *kernel; /* path, or NULL: the built-in payload */
	const char *append; /* guest command line, may be NULL */
	unsigned vcpus;     /* 1 to VM_MAX_VCPUS */
	uint64_t mem_bytes; /* VM_MIN_MEM up; multiple of 4 KiB, below 3 GiB */
	enum irqchip_kind irqchip;
	enum serial_kind serial;
	const char *serial_path;    /* SERIAL_FILE */
	int vcpu_cpu[VM_MAX_VCPUS]; /* host CPU of each vCPU thread, -1: not pinned */
	int vcpu_fifo_priority;     /* 0: SCHED_OTHER; 1 to 99: SCHED_FIFO */
	int timer_cpu;              /* host CPU of the timer thread, -1: not pinned */
	int timer_priority;         /* SCHED_FIFO 1 to 99 (default 80); 0: SCHED_OTHER */
	uint64_t timer_spin_ns;     /* last part of the wait is spun (default 60000) */
	int64_t timer_advance_ns;   /* VM_AUTO: learned */
	int64_t halt_poll_ns;       /* VM_AUTO: KVM's own for kernel and split, 200000 for user */
	uint64_t quiet_window_ns;
	uint64_t timeout_ns;      /* 0: none */
	size_t trace_events;      /* ring size a vCPU; 0: only the last 16, for crash reports */
	bool dedicated_ioeventfd; /* DT_DOORBELL is an ioeventfd */
	size_t timer_log;         /* timer records kept; 0: none */
	bool prefault;            /* touch all guest RAM before the first entry (benchmarks do) */
};
/* The documented defaults (see tickvm run --help); everything may then be changed. */
void vm_config_default(struct vm_config *config);

enum vm_end {
	VM_END_EXIT, /* the guest wrote its status */
	VM_END_TIMEOUT,
	VM_END_CRASH,   /* triple fault, emulation failure, ...: report is filled */
	VM_END_STOPPED, /* vm_stop(): the user */
	VM_END_ERROR,   /* the monitor or the host failed: diag says what */
};

struct vm_outcome {
	enum vm_end end;
	uint8_t status; /* VM_END_EXIT */
	char *report;   /* VM_END_CRASH: registers, bytes at RIP, the last 16 exits; lines; owned by
			   the vm */
};

/* One delivery by the timer thread, stamps on the host's TSC. */
struct timer_record {
	const char *device; /* ops->name */
	uint64_t armed; /* the model took the arming access (or the thread saw it on the page) */
	uint64_t
		deadline; /* what the model was asked for: after its rounding, before any advance */
	uint64_t target;  /* when the thread meant to act: deadline less advance */
	uint64_t wake;    /* thread awake and about to call the model */
	uint64_t injected; /* the injecting call has returned */
};

struct timer_thread_stats {
	bool fifo;                /* got SCHED_FIFO */
	int fifo_errno;           /* why not */
	bool locked, dma_latency; /* mlock, /dev/cpu_dma_latency held */
	uint64_t wakeups, expiries;
	struct histogram wake_error; /* TSC ticks, wake - target, >= 0 */
	uint64_t early;              /* woke before the target (must be 0) */
	uint64_t spin_capped;        /* spins cut short to stay below sched_rt_runtime_us */
	uint64_t records_dropped;
};

/* KVM_GET_STATS_FD: name -> after - before (cumulative counters) or after (the rest). */
struct kvm_stat {
	char name[48];
	int vcpu; /* -1: the VM */
	uint64_t value;
};

struct tsc_offset {
	bool verified;        /* bounds at start and end both admit offset */
	int64_t offset;       /* guest - host, TSC ticks */
	uint64_t uncertainty; /* half width of the tightest bound, ticks; 0 when KVM stated it */
	char why[96];         /* when not verified */
};

struct vm;

int vm_create(struct vm **out, const struct vm_config *config, struct diag *diag);
/* Runs until the end; not again. outcome->end == VM_END_ERROR with diag set is returned as a
 * negative errno too. */
int vm_run(struct vm *vm, struct vm_outcome *outcome, struct diag *diag);
/* From any thread or a signal handler: the run ends with VM_END_STOPPED. */
void vm_stop(struct vm *vm);
void vm_destroy(struct vm *vm);

/* Below: after vm_run only. */
struct exit_stats *vm_exit_stats(struct vm *vm, unsigned vcpu);
struct trace_ring *vm_trace(struct vm *vm, unsigned vcpu);
const struct kvm_stat *vm_kvm_stats(struct vm *vm, size_t *n);
const struct timer_record *vm_timer_records(struct vm *vm, size_t *n);
const struct timer_thread_stats *vm_timer_thread_stats(struct vm *vm);
struct dedicated_timer_stats vm_dedicated_stats(struct vm *vm);
/* Interrupts merged by a device because an earlier one was still pending: pit, lapic timers. */
uint64_t vm_coalesced(struct vm *vm);
/* Checked view of guest RAM; NULL when [gpa, gpa + len) is not all RAM. */
const void *vm_guest_memory(struct vm *vm, uint64_t gpa, uint64_t len);
/* The payload's result block, checked (magic, version, sizes, terminated strings); NULL when there
 * is none. */
const struct guest_result *vm_guest_result(struct vm *vm);
/* Its records, checked against record_size; *n their count. NULL when they do not lie in RAM. */
const void *vm_guest_records(
	struct vm *vm, const struct guest_result *result, size_t record_size, size_t *n);
struct tsc_offset vm_tsc_offset(struct vm *vm);
/* Host TSC when vm_create began, when the guest was first entered, and resident bytes without guest
 * RAM. */
struct vm_startup {
	uint64_t create_tsc, first_entry_tsc, end_tsc;
	uint64_t guest_first_tsc; /* from the result block, on the host's TSC; 0 unknown */
};
struct vm_startup vm_startup(struct vm *vm);

#endif

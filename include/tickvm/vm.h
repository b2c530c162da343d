/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor as its users see it: configure, create, run, read what happened, destroy. */
#ifndef TICKVM_VM_H
#define TICKVM_VM_H

#include "tickvm/device.h"
#include "tickvm/diag.h"
#include "tickvm/exit_stats.h"
#include "tickvm/host.h"
#include "tickvm/host_events.h"
#include "tickvm/dedicated_timer.h"
#include "tickvm/trace.h"

#include <stdio.h>

#define VM_MAX_VCPUS              16
#define VM_MIN_MEM                (4ULL << 20)
#define VM_AUTO                   INT64_MIN /* an option left to tickvm */
#define VM_TIMER_SPIN_AUTO_MAX_NS 60000     /* a learned spin is no longer */

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
	int64_t timer_spin_ns;    /* last part of a wait is spun; VM_AUTO: learned from the waits */
	int64_t timer_advance_ns; /* VM_AUTO: learned */
	int64_t halt_poll_ns;     /* VM_AUTO: KVM's own for kernel and split, 200000 for user */
	uint64_t quiet_window_ns;
	uint64_t timeout_ns;      /* 0: none */
	size_t trace_events;      /* ring size a vCPU; 0: only the last 16, for crash reports */
	bool dedicated_ioeventfd; /* DT_DOORBELL is an ioeventfd */
	size_t timer_log;         /* timer records kept; 0: none */
	size_t host_events;       /* of each thread and CPU kept; 0: none is recorded */
	bool prefault;            /* touch all guest RAM before the first entry (benchmarks do) */
	bool small_pages; /* back guest RAM with 4 KiB pages; else with huge ones where the host can
			   */
	const char *disk_path; /* raw image or block device; NULL: no disk */
	bool disk_read_only;
	int disk_cpu;         /* host CPU of its thread, -1: not pinned */
	uint64_t irq_load_hz; /* IRQ_LOAD is raised so often; 0: never */
	size_t signal_log;    /* signals of the guest kept (PORT_SIGNAL); 0: none */
	/* vm_create() calls it when image, disk and KVM are open, before it looks into the image
	 * and before there is a second thread: for who confines the process. 0 or a negative errno
	 * with diag set; NULL: nothing. */
	int (*confine)(void *ctx, struct diag *diag);
	void *confine_ctx;
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
	unsigned vcpu;      /* whose timer, where each vCPU has one */
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
	uint64_t spin_ns;            /* in force at the end: as told, or learned */
	uint64_t spin_capped;        /* spins cut short to stay below sched_rt_runtime_us */
	uint64_t records_dropped;
};

/* KVM_GET_STATS_FD: name -> after - before (cumulative counters) or after (the rest). */
struct kvm_stat {
	char name[48];
	int vcpu; /* -1: the VM */
	uint64_t value;
};

/* Counters of KVM's that a signal keeps, summed over the VM's vCPUs. */
enum vm_kvm_counter {
	VM_KVM_EXITS,
	VM_KVM_INSN_EMULATION,
	VM_KVM_HALT_EXITS,
	VM_KVM_HALT_WAKEUP,
	VM_KVM_IRQ_INJECTIONS,
	VM_KVM_HYPERCALLS,
	VM_KVM_PF_TAKEN,
	VM_KVM_PF_FIXED,
	VM_KVM_PF_EMULATE,
	VM_KVM_TLB_FLUSH,
	VM_KVM_COUNTERS
};
const char *vm_kvm_counter_name(
	enum vm_kvm_counter counter); /* as KVM calls it: "insn_emulation" */

/* A write to PORT_SIGNAL. BEGIN is stamped last, END first, so that reading the counters is outside
 * what they enclose. Signals' own exits are not in exits and ticks; of KVM's counters END's own
 * exit is in the difference, as it is in a control loop's. */
struct vm_signal {
	bool begin;
	uint64_t tsc;             /* host TSC */
	uint64_t exits;           /* to userspace, all vCPUs, until now */
	uint64_t userspace_ticks; /* spent in userspace for them, from KVM_RUN's return to the next
				     KVM_RUN */
	uint64_t model_ticks;     /* of these inside device models */
	uint64_t kvm[VM_KVM_COUNTERS]; /* UINT64_MAX: this KVM does not count it */
};

struct tsc_offset {
	bool verified;        /* bounds at start and end both admit offset */
	int64_t offset;       /* guest - host, TSC ticks */
	uint64_t uncertainty; /* half width of the tightest bound, ticks; 0 when KVM stated it */
	char why[96];         /* when not verified */
};

struct vm_disk_stats {
	bool present, io_uring, direct;
	uint64_t reads, writes, flushes, bytes_read, bytes_written;
	uint64_t failed;     /* requests answered with an error */
	uint64_t interrupts; /* times its line rose */
	uint64_t broken;     /* times the guest broke the ring */
	uint64_t most_in_flight;
};

struct vm;

int vm_create(struct vm **out, const struct vm_config *config, struct diag *diag);
/* Runs until the end; not again. outcome->end == VM_END_ERROR with diag set is returned as a
 * negative errno too. */
int vm_run(struct vm *vm, struct vm_outcome *outcome, struct diag *diag);
/* From any thread or a signal handler: the run ends with VM_END_STOPPED. */
void vm_stop(struct vm *vm);
void vm_destroy(struct vm *vm);
/* A thread of some VM hangs in the kernel (a disk that does not answer): this process cannot end
 * before it. */
bool vm_left_threads(void);

/* Below: after vm_run only. */
struct exit_stats *vm_exit_stats(struct vm *vm, unsigned vcpu);
struct trace_ring *vm_trace(struct vm *vm, unsigned vcpu);
const struct kvm_stat *vm_kvm_stats(struct vm *vm, size_t *n);
const struct timer_record *vm_timer_records(struct vm *vm, size_t *n);
const struct timer_thread_stats *vm_timer_thread_stats(struct vm *vm);
/* NULL: none were asked for. */
const struct host_events *vm_host_events(struct vm *vm);
/* Sums over the vCPUs' timers; longest_hold and advance_ns are the largest. */
struct dedicated_timer_stats vm_dedicated_stats(struct vm *vm);
struct vm_disk_stats vm_disk_stats(struct vm *vm);
/* The positive errno with which the serial line's output could not be written (it has been said),
 * or 0. */
int vm_serial_errno(struct vm *vm);
/* IRQ_LOAD: edges raised, and those that were due while its thread was late. */
uint64_t vm_irq_load_raised(struct vm *vm);
uint64_t vm_irq_load_missed(struct vm *vm);
/* What a device model counted since the VM's creation. */
struct vm_device_counter {
	const char *device; /* ops->name */
	int vcpu;           /* whose it is, where each vCPU has one; else -1 */
	const char *name;
	uint64_t value;
};
/* each(ctx, counter) for all counters of all devices. */
void vm_device_counters(
	struct vm *vm, void (*each)(void *ctx, const struct vm_device_counter *counter), void *ctx);
/* Of these the sum of "coalesced": interrupts merged by a device because an earlier one was still
 * pending. */
uint64_t vm_coalesced(struct vm *vm);
/* In the order of their coming; *dropped (may be NULL): those that found the log full. */
const struct vm_signal *vm_signals(struct vm *vm, size_t *n, size_t *dropped);
/* Checked view of guest RAM; NULL when [gpa, gpa + len) is not all RAM. */
const void *vm_guest_memory(struct vm *vm, uint64_t gpa, uint64_t len);
/* The payload's result block, checked (magic, version, sizes, terminated strings); NULL when there
 * is none. */
const struct guest_result *vm_guest_result(struct vm *vm);
/* General registers as they are printed of a crash, four lines of them indented by two columns. */
struct guest_registers;
void vm_print_registers(FILE *out, const struct guest_registers *r);
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

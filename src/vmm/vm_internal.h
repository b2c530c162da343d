/* SPDX-License-Identifier: BSD-2-Clause */
/* struct vm, for the files of this room that make it up. */
#ifndef VMM_VM_INTERNAL_H
#define VMM_VM_INTERNAL_H

#include "bus.h"
#include "disk.h"
#include "doorbell.h"
#include "host_events.h"
#include "irqchip.h"
#include "kvm.h"
#include "kvm_stats.h"
#include "memory.h"
#include "irq_load.h"
#include "terminal.h"
#include "vcpu.h"
#include "wiring.h"

#include "tickvm/probe.h"
#include "tickvm/serial.h"

#include <semaphore.h>

/* Intel without unrestricted guests needs one page for an identity map and three for a task state:
 * just below 4 GiB - 256 KiB, away from RAM and APICs (KVM API 4.36 and 4.40). */
#define KVM_PAGES_GPA  0xfffbc000UL
#define KVM_PAGES_SIZE 0x4000UL

/* A vCPU's dedicated timer. */
struct dedicated {
	struct vm *vm;
	struct dedicated_timer *timer;
	struct bus_slot *slot;
	_Atomic(struct dedicated_page *) page; /* for the timer thread's look without the lock */
	uint64_t seen;                         /* arm_seq already taken; the timer thread's */
	uint64_t fired;                        /* fires already logged */
};

struct vm {
	struct vm_config config;
	struct kvm kvm;
	int fd;
	struct vm_clock clock;
	struct guest_tsc tsc; /* the guest's TSC on the VM's clock */
	struct guest_memory memory;
	char *cmdline;
	struct kvm_cpuid2 *cpuid; /* what KVM offers, as last patched for a vCPU */

	struct bus *bus;
	struct timer_thread *timers;
	bool stopped; /* wire_stop() has been here */
	struct timer_thread_stats timer_stats;
	struct irqchip irqchip;
	struct terminal *terminal;
	int serial_errno; /* once it has stopped: of a write that failed, or 0 */

	/* The devices, and of them those that somebody asks for by name. */
	struct wired wired[BUS_SLOTS];
	unsigned wired_count;
	struct serial *serial; /* serial_lock */
	struct sync_port *sync;
	struct dedicated dedicated[VM_MAX_VCPUS];
	struct disk *disk;      /* NULL: there is none */
	struct virtio_blk *blk; /* disk_lock */
	bool disk_warned;       /* disk_lock */
	struct irq_load *irq_load;
	pthread_mutex_t serial_lock, pit_lock, plain_lock, disk_lock;
	int probe_eventfd;
	struct doorbell *doorbell;

	struct vcpu vcpus[VM_MAX_VCPUS];

	/* The end: the first to claim it writes outcome, then posts. */
	_Atomic bool ending;
	_Atomic bool end_claimed;
	_Atomic uint64_t limit_ns; /* CLOCK_MONOTONIC: of --timeout or a signal, the earlier */
	bool disk_hangs;           /* its thread was left, and uses all of this */
	struct diag disk_diag;
	struct vm_outcome outcome;
	struct diag end_diag;
	sem_t ended;

	struct kvm_stats *kvm_stats;
	struct host_recorder *host;   /* NULL: nobody asked */
	struct timer_record *records; /* the timer thread's until wire_stop() */
	size_t record_count;
	uint64_t records_dropped;
	struct vm_signal *signals; /* plain_lock */
	size_t signal_count, signals_dropped;
	bool tsc_offset_known; /* KVM let us set it to 0 */
	struct vm_startup startup;
};

/* The run is over, for this reason; only the first call counts. From any thread. */
void vm_end(struct vm *vm, enum vm_end end, uint8_t status, char *report);
void vm_end_error(struct vm *vm, const struct diag *diag);

#endif

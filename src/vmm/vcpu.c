/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's KVM file and thread: creation, boot registers, affinity and scheduling class, kick and
 * wait. What its exits mean is exit.c's business; what is injected is the interrupt back end's. */
#include "cpuid.h"
#include "thread.h"
#include "vm_internal.h"

#include <errno.h>
#include <immintrin.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KICK_SIGNAL SIGUSR1
#define RING_MIN    16

#define ACCESS_PIECES 8 /* more than any instruction's access is split into */

/* Flat segments, as both boot protocols ask for. Slots 2 and 3 so that the selectors are Linux's.
 */
#define BOOT_CS 0x10
#define BOOT_DS 0x18

static const uint64_t boot_gdt[] = {0, 0, 0x00cf9b000000ffffULL, 0x00cf93000000ffffULL};
_Static_assert(sizeof(boot_gdt) <= BOOT_GDT_BYTES, "it has room");

static void set_affinity_failed(struct diag *diag, unsigned id, int cpu, int err)
{
	if (err == EINVAL)
		diag_set(diag, -err,
			"vCPU %u cannot be pinned to CPU %d: expected an online CPU this process "
			"may use",
			id, cpu);
	else if (err == EPERM)
		diag_set(diag, -err,
			"vCPU %u: no right to SCHED_FIFO: raise RLIMIT_RTPRIO (ulimit -r) or run "
			"as root",
			id);
	else
		diag_set(diag, -err, "vCPU %u: cannot start its thread: %s", id, strerror(err));
}

static int write_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(msrs->entries[0]));
	int n, error;

	if (!msrs)
		return -ENOMEM;
	msrs->nmsrs = 1;
	msrs->entries[0] = (struct kvm_msr_entry){.index = index, .data = value};
	n = ioctl(vcpu->fd, KVM_SET_MSRS, msrs); /* how many it took */
	error = errno;
	free(msrs);
	return n == 1 ? 0 : n == 0 ? -EINVAL : -error;
}

/* KVM keeps an IA32_APIC_BASE without a LAPIC of its own too, and sets the guest's CPUID by it. It
 * is ours to write: a guest's WRMSR comes to us. */
int vcpu_enable_apic(struct vcpu *vcpu, bool enable)
{
	return write_msr(vcpu, MSR_APIC_BASE,
		GPA_LAPIC | (vcpu->id == 0 ? 1u << 8 : 0) | (enable ? 1u << 11 : 0));
}

/* Guest TSC = host TSC: then no device needs to guess. vm_tsc_offset() verifies what came of it. */
static void set_tsc_offset(struct vcpu *vcpu)
{
	int64_t offset = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uint64_t)(uintptr_t)&offset,
	};

	vcpu->vm->tsc_offset_known = ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attr) == 0;
	/* Before Linux 5.16 an offset cannot be set; a TSC written as the host's is off by the time
	 * of the call. If that fails as well, the offset is measured all the same. */
	if (!vcpu->vm->tsc_offset_known)
		write_msr(vcpu, 0x10 /* IA32_TSC */, clock_tsc());
}

int vcpu_create(struct vm *vm, struct vcpu *vcpu, unsigned id, struct diag *diag)
{
	size_t events = vm->config.trace_events > RING_MIN ? vm->config.trace_events : RING_MIN;
	int rc;

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (vcpu->fd < 0)
		return kvm_failed(diag, "KVM_CREATE_VCPU");
	vcpu->run = mmap(NULL, vm->kvm.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		vcpu->run = NULL;
		return kvm_failed(diag, "mmap of struct kvm_run");
	}
	vcpu->stats = exit_stats_create();
	vcpu->ring = trace_ring_create(events);
	if (!vcpu->stats || !vcpu->ring)
		return diag_set(
			diag, -ENOMEM, "out of memory for the exit counters of vCPU %u", id);
	rc = cpuid_set(vcpu, diag);
	if (rc)
		return rc;
	set_tsc_offset(vcpu);
	return vm->irqchip.ops->vcpu_create(vcpu, diag);
}

void vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vm->kvm.run_size);
	if (vcpu->fd > 0)
		close(vcpu->fd);
	exit_stats_destroy(vcpu->stats);
	trace_ring_destroy(vcpu->ring);
}

/* ---- registers ---- */

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1};
}

int vcpu_boot(struct vcpu *vcpu, const struct boot_state *boot, struct diag *diag)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = boot->eip,
		.rax = boot->eax,
		.rbx = boot->ebx,
		.rsp = boot->esp,
		.rflags = 2};
	void *gdt = memory_at(&vcpu->vm->memory, boot->gdt, sizeof(boot_gdt));

	memcpy(gdt, boot_gdt, sizeof(boot_gdt));
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return kvm_failed(diag, "KVM_GET_SREGS");
	sregs.cs = flat(BOOT_CS, 0xb);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat(BOOT_DS, 0x3);
	/* A busy 32-bit TSS of the minimal limit, as PVH asks for. */
	sregs.tr = (struct kvm_segment){.limit = 0x67, .type = 0xb, .present = 1};
	sregs.gdt.base = boot->gdt;
	sregs.gdt.limit = sizeof(boot_gdt) - 1;
	sregs.idt.limit = 0;
	sregs.cr0 = 0x11; /* PE, ET */
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0)
		return kvm_failed(diag, "KVM_SET_SREGS");
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0)
		return kvm_failed(diag, "KVM_SET_REGS");
	return 0;
}

static struct kvm_segment real_mode(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){.base = (uint64_t)selector << 4,
		.limit = 0xffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1};
}

/* What the last exit left open (an IN, a load, an RDMSR) KVM finishes when KVM_RUN is called next,
 * over whatever registers were set meanwhile (KVM API 5, KVM_EXIT_IO). An access may come in
 * pieces. */
static void finish_access(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < ACCESS_PIECES && ioctl(vcpu->fd, KVM_RUN, 0) == 0; i++)
		;
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

/* Intel SDM vol. 3, table 9-1: the state after INIT. Interrupts KVM has taken but not delivered are
 * lost, and NMIs are no longer blocked. */
int vcpu_reset_registers(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = {
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW};
	struct kvm_debugregs debug = {.dr6 = 0xffff0ff0, .dr7 = 0x400};
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = 0xfff0, .rflags = 2};

	finish_access(vcpu);
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	sregs.cs = real_mode(0xf000, 0xb);
	sregs.cs.base = 0xffff0000;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = real_mode(0, 0x3);
	sregs.ldt = (struct kvm_segment){.limit = 0xffff, .type = 0x2, .present = 1};
	sregs.tr = (struct kvm_segment){.limit = 0xffff, .type = 0xb, .present = 1};
	sregs.gdt = sregs.idt = (struct kvm_dtable){.limit = 0xffff};
	sregs.cr0 = 0x60000010; /* CD, NW, ET */
	sregs.cr2 = sregs.cr3 = sregs.cr4 = sregs.efer = 0;
	memset(sregs.interrupt_bitmap, 0, sizeof(sregs.interrupt_bitmap));
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0 ||
		ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0 ||
		ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &debug) < 0 ||
		ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events) < 0)
		return -errno;
	/* What the last exit said of the registers before: nothing may go in on its word. */
	vcpu->run->if_flag = vcpu->run->ready_for_interrupt_injection = 0;
	return 0;
}

int vcpu_start_at(struct vcpu *vcpu, uint8_t sipi_vector)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0 || ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0)
		return -errno;
	sregs.cs.selector = (uint16_t)(sipi_vector << 8);
	sregs.cs.base = (uint64_t)sipi_vector << 12;
	regs.rip = 0;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0)
		return -errno;
	return 0;
}

/* ---- thread ---- */

static void on_kick(int signal)
{
	(void)signal; /* its only purpose is to make KVM_RUN return */
}

static void *thread_main(void *arg)
{
	struct vcpu *vcpu = arg;
	sigset_t kick;

	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	vcpu->tid = gettid();
	host_recorder_attach(vcpu->vm->host, (int)vcpu->id);
	vcpu_loop(vcpu);
	atomic_store(&vcpu->state, VCPU_STOPPED);
	return NULL;
}

int vcpu_start(struct vcpu *vcpu, struct diag *diag)
{
	const struct vm_config *config = &vcpu->vm->config;
	int cpu = config->vcpu_cpu[vcpu->id], err = 0;
	const struct thread_job job = {SANDBOX_VCPU, vcpu->id, thread_main, vcpu};
	struct sigaction action = {.sa_handler = on_kick};
	pthread_attr_t attr;

	sigaction(KICK_SIGNAL, &action, NULL); /* no SA_RESTART: KVM_RUN must return */
	pthread_attr_init(&attr);
	if (cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		if (cpu < CPU_SETSIZE)
			CPU_SET((size_t)cpu, &set);
		err = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	if (!err && config->vcpu_fifo_priority) {
		struct sched_param param = {.sched_priority = config->vcpu_fifo_priority};

		pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
		err = pthread_attr_setschedparam(&attr, &param);
	}
	if (!err)
		err = thread_create(&vcpu->thread, &attr, &job);
	pthread_attr_destroy(&attr);
	if (err) {
		set_affinity_failed(diag, vcpu->id, cpu, err);
		return -err;
	}
	vcpu->started = true;
	return 0;
}

void vcpu_join(struct vcpu *vcpu)
{
	if (vcpu->started)
		pthread_join(vcpu->thread, NULL);
	vcpu->started = false;
}

/* ---- kick and wait ---- */

static void futex(_Atomic uint32_t *word, int op, uint32_t value)
{
	syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

void vcpu_kick(struct vcpu *vcpu)
{
	atomic_store(&vcpu->attention, 1);
	switch (atomic_load(&vcpu->state)) {
	case VCPU_IN_KERNEL:
		/* Not entered yet: immediate_exit turns KVM_RUN back. Entered: the signal ends it.
		 * By thread ID: a device's thread may come here when the vCPU has left KVM_RUN for
		 * good and is being joined, and pthread_kill() may not name a joined thread. */
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		tgkill(getpid(), vcpu->tid, KICK_SIGNAL);
		break;
	case VCPU_SLEEPING:
		futex(&vcpu->attention, FUTEX_WAKE, 1);
		break;
	default:
		break;
	}
}

void vcpu_wait(struct vcpu *vcpu, uint64_t poll_ns)
{
	uint64_t end = clock_tsc() + clock_ns_to_ticks(poll_ns);

	atomic_store(&vcpu->state, VCPU_POLLING);
	while (!atomic_load_explicit(&vcpu->attention, memory_order_acquire)) {
		if (clock_tsc() < end) {
			_mm_pause();
			continue;
		}
		atomic_store(&vcpu->state, VCPU_SLEEPING);
		futex(&vcpu->attention, FUTEX_WAIT, 0);
	}
	atomic_store(&vcpu->state, VCPU_USER);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM of a page of RAM and a vCPU that stands at its beginning, by bare ioctls: for tests of what
 * KVM and the processor do, tickvm left out. */
#ifndef TESTS_BARE_MACHINE_H
#define TESTS_BARE_MACHINE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define BARE_GPA          0x1000u
#define BARE_BYTES        4096u
#define BARE_CPUID_LEAVES 256u

struct bare_machine {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	size_t run_bytes;
	uint8_t *ram;
};

static inline void bare_close(struct bare_machine *m)
{
	if (m->run)
		munmap(m->run, m->run_bytes);
	if (m->vcpu >= 0)
		close(m->vcpu);
	if (m->vm >= 0)
		close(m->vm);
	if (m->kvm >= 0)
		close(m->kvm);
	if (m->ram)
		munmap(m->ram, BARE_BYTES);
}

static inline bool bare_memory(struct bare_machine *m, const void *code, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = BARE_GPA, .memory_size = BARE_BYTES};
	void *ram =
		mmap(NULL, BARE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (ram == MAP_FAILED)
		return false;
	m->ram = ram;
	memcpy(m->ram, code, size);
	region.userspace_addr = (uintptr_t)m->ram;
	return ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region) == 0;
}

static inline bool bare_vcpu(struct bare_machine *m)
{
	void *run;

	m->vcpu = ioctl(m->vm, KVM_CREATE_VCPU, 0L);
	m->run_bytes = (size_t)ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0L);
	run = mmap(NULL, m->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	m->run = run == MAP_FAILED ? NULL : run;
	return m->run != NULL;
}

/* CPUID as KVM offers it. */
static inline bool bare_cpuid(const struct bare_machine *m)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + BARE_CPUID_LEAVES * sizeof(cpuid->entries[0]));
	bool set;

	if (!cpuid)
		return false;
	cpuid->nent = BARE_CPUID_LEAVES;
	set = ioctl(m->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) == 0 &&
	      ioctl(m->vcpu, KVM_SET_CPUID2, cpuid) == 0;
	free(cpuid);
	return set;
}

/* At the first byte of code, with flat segments: real mode, or 32-bit protected mode. */
static inline bool bare_registers(const struct bare_machine *m, bool protected, uint64_t rflags)
{
	struct kvm_segment flat = {.limit = 0xffffffff, .present = 1, .db = 1, .s = 1, .g = 1};
	struct kvm_regs regs = {.rip = BARE_GPA, .rflags = rflags | 2};
	struct kvm_sregs sregs;

	if (ioctl(m->vcpu, KVM_GET_SREGS, &sregs) < 0)
		return false;
	sregs.cs.base = sregs.cs.selector = 0;
	if (protected) {
		flat.type = 0x3;
		flat.selector = 0x18;
		sregs.ds = sregs.es = sregs.ss = flat;
		flat.type = 0xb;
		flat.selector = 0x10;
		sregs.cs = flat;
		sregs.cr0 = 0x13; /* PE, MP, ET */
	}
	return ioctl(m->vcpu, KVM_SET_SREGS, &sregs) == 0 &&
	       ioctl(m->vcpu, KVM_SET_REGS, &regs) == 0;
}

/* A vCPU in real mode at code. False: errno says why; bare_close() in either case. */
static inline bool bare_open(struct bare_machine *m, const void *code, size_t size)
{
	*m = (struct bare_machine){
		.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), .vm = -1, .vcpu = -1};
	if (m->kvm < 0)
		return false;
	m->vm = ioctl(m->kvm, KVM_CREATE_VM, 0L);
	return m->vm >= 0 && bare_memory(m, code, size) && bare_vcpu(m) &&
	       bare_registers(m, false, 0);
}

/* KVM_RUN until it is no signal that ends it. */
static inline bool bare_run(const struct bare_machine *m)
{
	int rc;

	do
		rc = ioctl(m->vcpu, KVM_RUN, 0L);
	while (rc < 0 && errno == EINTR);
	return rc == 0;
}

static inline uint64_t bare_rip(const struct bare_machine *m)
{
	struct kvm_regs regs = {.rip = 0};

	ioctl(m->vcpu, KVM_GET_REGS, &regs);
	return regs.rip;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The yardstick for our own cost: the fewest ioctls that run a guest, and nothing around them.
 * No bus, no counters, no threads: what is measured here is KVM. */
#include "tickvm/bare.h"

#include "kvm.h"
#include "memory.h"
#include "tickvm/clock.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define OUTS     64
#define CODE_GPA 0x1000
#define WARM_UP  256

struct bare {
	struct kvm kvm;
	struct guest_memory memory;
	int vm_fd, vcpu_fd;
	struct kvm_run *run;
};

/* 32-bit flat: OUTS times `out %al, %dx`, then back to the first. The jump is 1 in 65 instructions.
 */
static void write_code(struct bare *bare)
{
	uint8_t *code = memory_at(&bare->memory, CODE_GPA, OUTS + 2);

	memset(code, 0xee, OUTS);
	code[OUTS] = 0xeb;
	code[OUTS + 1] = (uint8_t) - (OUTS + 2);
}

static int set_registers(struct bare *bare, struct diag *diag)
{
	struct kvm_segment flat = {.limit = 0xffffffff, .present = 1, .db = 1, .s = 1, .g = 1};
	struct kvm_regs regs = {.rip = CODE_GPA, .rdx = 0xe0, .rflags = 2};
	struct kvm_sregs sregs;

	if (ioctl(bare->vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return kvm_failed(diag, "KVM_GET_SREGS");
	flat.type = 0x3;
	flat.selector = 0x18;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat;
	flat.type = 0xb;
	flat.selector = 0x10;
	sregs.cs = flat;
	sregs.cr0 = 0x11;
	if (ioctl(bare->vcpu_fd, KVM_SET_SREGS, &sregs) < 0)
		return kvm_failed(diag, "KVM_SET_SREGS");
	if (ioctl(bare->vcpu_fd, KVM_SET_REGS, &regs) < 0)
		return kvm_failed(diag, "KVM_SET_REGS");
	return 0;
}

static void bare_destroy(struct bare *bare)
{
	if (bare->run)
		munmap(bare->run, bare->kvm.run_size);
	if (bare->vcpu_fd >= 0)
		close(bare->vcpu_fd);
	if (bare->vm_fd >= 0)
		close(bare->vm_fd);
	memory_destroy(&bare->memory);
	kvm_close(&bare->kvm);
}

static int bare_create(struct bare *bare, uint64_t mem_bytes, struct diag *diag)
{
	struct kvm_userspace_memory_region region;
	int rc;

	*bare = (struct bare){.vm_fd = -1, .vcpu_fd = -1, .kvm = {.fd = -1}};
	rc = kvm_open(&bare->kvm, diag);
	if (rc)
		return rc;
	rc = memory_create(&bare->memory, mem_bytes, false, diag);
	if (rc)
		goto fail;
	bare->vm_fd = ioctl(bare->kvm.fd, KVM_CREATE_VM, 0);
	if (bare->vm_fd < 0) {
		rc = kvm_failed(diag, "KVM_CREATE_VM");
		goto fail;
	}
	region = (struct kvm_userspace_memory_region){
		.memory_size = bare->memory.size, .userspace_addr = (uintptr_t)bare->memory.host};
	if (ioctl(bare->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
		rc = kvm_failed(diag, "KVM_SET_USER_MEMORY_REGION");
		goto fail;
	}
	if (kvm_cap(&bare->kvm, KVM_CAP_SPLIT_IRQCHIP)) {
		rc = kvm_enable_cap(
			bare->vm_fd, KVM_CAP_SPLIT_IRQCHIP, 24, "KVM_CAP_SPLIT_IRQCHIP", diag);
		if (rc)
			goto fail;
	}
	bare->vcpu_fd = ioctl(bare->vm_fd, KVM_CREATE_VCPU, 0);
	if (bare->vcpu_fd < 0) {
		rc = kvm_failed(diag, "KVM_CREATE_VCPU");
		goto fail;
	}
	bare->run = mmap(
		NULL, bare->kvm.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, bare->vcpu_fd, 0);
	if (bare->run == MAP_FAILED) {
		bare->run = NULL;
		rc = kvm_failed(diag, "mmap of struct kvm_run");
		goto fail;
	}
	rc = set_registers(bare, diag);
	if (rc)
		goto fail;
	write_code(bare);
	return 0;
fail:
	bare_destroy(bare);
	return rc;
}

static int run(const struct bare *bare, uint64_t times, struct diag *diag)
{
	for (uint64_t i = 0; i < times; i++) {
		int rc;

		do
			rc = ioctl(bare->vcpu_fd, KVM_RUN, 0);
		while (rc < 0 && errno == EINTR);
		if (rc < 0)
			return kvm_failed(diag, "KVM_RUN");
		if (bare->run->exit_reason != KVM_EXIT_IO)
			return diag_set(diag, -EIO,
				"bare loop: KVM exit reason %u, expected %u (KVM_EXIT_IO)",
				bare->run->exit_reason, KVM_EXIT_IO);
	}
	return 0;
}

int vm_bare_exit_loop(uint64_t iterations, uint64_t *ticks_per_exit, struct diag *diag)
{
	struct bare bare;
	uint64_t begin;
	int rc = bare_create(&bare, 4 << 20, diag);

	if (rc)
		return rc;
	rc = run(&bare, WARM_UP, diag);
	begin = clock_tsc();
	if (!rc)
		rc = run(&bare, iterations, diag);
	*ticks_per_exit = (clock_tsc() - begin) / (iterations ? iterations : 1);
	bare_destroy(&bare);
	return rc;
}

int vm_bare_startup(uint64_t mem_bytes, uint64_t *ticks, struct diag *diag)
{
	struct bare bare;
	uint64_t begin = clock_tsc();
	int rc = bare_create(&bare, mem_bytes, diag);

	if (rc)
		return rc;
	rc = run(&bare, 1, diag);
	*ticks = clock_tsc() - begin;
	bare_destroy(&bare);
	return rc;
}

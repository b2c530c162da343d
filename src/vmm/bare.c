/* SPDX-License-Identifier: BSD-2-Clause */
/* The yardstick for our own cost: the fewest ioctls that run a guest, and nothing around them.
 * No bus, no counters, no threads: what is measured here is KVM. */
#include "tickvm/bare.h"

#include "bare_rounds.h"
#include "kvm.h"
#include "load.h"
#include "tickvm/clock.h"
#include "tickvm/guest_abi.h"

#include <errno.h>
#include <linux/kvm.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CODE_GPA      0x1000
#define LOOP_MEM      GUEST_MIN_MEM
#define CPUID_ENTRIES 256

struct bare {
	struct kvm kvm;
	struct guest_memory memory;
	int vm_fd, vcpu_fd;
	struct kvm_run *run;
};

static int set_registers(struct bare *bare, const struct boot_state *boot, struct diag *diag)
{
	struct kvm_segment flat = {.limit = 0xffffffff, .present = 1, .db = 1, .s = 1, .g = 1};
	struct kvm_regs regs = {.rip = boot->eip,
		.rax = boot->eax,
		.rbx = boot->ebx,
		.rsp = boot->esp,
		.rflags = 2};
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
	rc = memory_create(&bare->memory, mem_bytes, false, false, diag);
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
	return 0;
fail:
	bare_destroy(bare);
	return rc;
}

static atomic_bool stopped;

void vm_bare_stop(void)
{
	atomic_store(&stopped, true);
}

static int run(const struct bare *bare, struct diag *diag)
{
	int rc;

	do {
		if (atomic_load_explicit(&stopped, memory_order_relaxed))
			return diag_set(diag, -EINTR, "interrupted");
		rc = ioctl(bare->vcpu_fd, KVM_RUN, 0);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? kvm_failed(diag, "KVM_RUN") : 0;
}

static int unexpected_exit(const struct bare *bare, struct diag *diag)
{
	return diag_set(
		diag, -EIO, "bare loop: unexpected KVM exit reason %u", bare->run->exit_reason);
}

/* ---- the same benchmark as ours, in a loop that does nothing else ---- */

/* Whatever the payload reads is all ones, and the only write that means anything is its exit
 * status. */
static int run_payload(const struct bare *bare, struct diag *diag)
{
	struct kvm_run *io = bare->run;
	int rc;

	while (!(rc = run(bare, diag))) {
		if (io->exit_reason == KVM_EXIT_MMIO)
			memset(io->mmio.data, 0xff, sizeof(io->mmio.data));
		else if (io->exit_reason != KVM_EXIT_IO)
			return unexpected_exit(bare, diag);
		else if (io->io.direction == KVM_EXIT_IO_IN)
			memset((uint8_t *)io + io->io.data_offset, 0xff,
				(size_t)io->io.size * io->io.count);
		else if (io->io.port == PORT_EXIT)
			return 0;
	}
	return rc;
}

/* The payload needs long mode: CPUID as KVM offers it. */
static int set_cpuid(const struct bare *bare, struct diag *diag)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(cpuid->entries[0]));
	int rc = 0;

	if (!cpuid)
		return diag_set(diag, -ENOMEM, "out of memory for CPUID");
	cpuid->nent = CPUID_ENTRIES;
	if (ioctl(bare->kvm.fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
		rc = kvm_failed(diag, "KVM_GET_SUPPORTED_CPUID");
	else if (ioctl(bare->vcpu_fd, KVM_SET_CPUID2, cpuid) < 0)
		rc = kvm_failed(diag, "KVM_SET_CPUID2");
	free(cpuid);
	return rc;
}

static int64_t *alloc_rounds(uint64_t rounds, struct diag *diag)
{
	int64_t *cycles = calloc(rounds, sizeof(*cycles));

	if (!cycles)
		diag_set(diag, -ENOMEM, "out of memory for %" PRIu64 " rounds", rounds);
	return cycles;
}

static int check_counts(uint64_t iterations, uint64_t rounds, struct diag *diag)
{
	if (iterations && rounds)
		return 0;
	return diag_set(diag, -EINVAL, "bare loop: expected at least one iteration and round");
}

/* Median over the rounds of (run - control) / iterations, as the payload left them. */
static int read_rounds(const struct bare *bare, uint64_t iterations, uint64_t rounds,
	uint64_t *ticks, struct diag *diag)
{
	const struct guest_bench_round *records =
		memory_at(&bare->memory, GUEST_RECORDS_GPA, rounds * sizeof(*records));
	const struct guest_result *result =
		memory_at(&bare->memory, GUEST_RESULT_GPA, sizeof(*result));
	int64_t *cycles;

	if (!records || result->magic != GUEST_RESULT_MAGIC || result->status != GUEST_DONE ||
		result->record_count != rounds)
		return diag_set(
			diag, -EPROTO, "bare loop: the payload did not finish its benchmark");
	cycles = alloc_rounds(rounds, diag);
	if (!cycles)
		return -ENOMEM;
	for (uint64_t i = 0; i < rounds; i++)
		cycles[i] = (int64_t)(records[i].run_cycles - records[i].control_cycles);
	int rc = bare_median(cycles, rounds, iterations, ticks, diag);

	free(cycles);
	return rc;
}

int vm_bare_exit_loop(
	uint64_t iterations, uint64_t rounds, uint64_t *ticks_per_exit, struct diag *diag)
{
	struct load_request request = {.image = payload_image,
		.size = (size_t)(payload_image_end - payload_image),
		.name = "the built-in payload",
		.machine = {.vcpus = 1}};
	struct boot_state boot;
	struct bare bare;
	char cmdline[160];
	int rc = check_counts(iterations, rounds, diag);

	if (rc)
		return rc;
	snprintf(cmdline, sizeof(cmdline),
		"test=bench name=pio-out iterations=%" PRIu64 " rounds=%" PRIu64 " tsc_hz=%" PRIu64
		" lapic_hz=1000000000",
		iterations, rounds, clock_tsc_hz());
	request.cmdline = cmdline;
	rc = bare_create(&bare, LOOP_MEM, diag);
	if (rc)
		return rc;
	rc = set_cpuid(&bare, diag);
	if (!rc)
		rc = load_image(&bare.memory, &request, &boot, diag);
	if (!rc)
		rc = set_registers(&bare, &boot, diag);
	if (!rc)
		rc = run_payload(&bare, diag);
	if (!rc)
		rc = read_rounds(&bare, iterations, rounds, ticks_per_exit, diag);
	bare_destroy(&bare);
	return rc;
}

/* ---- into KVM and back, the guest left out ---- */

static int time_turns(const struct bare *bare, uint64_t n, int64_t *ticks, struct diag *diag)
{
	uint64_t begin = clock_tsc();

	for (uint64_t i = 0; i < n; i++) {
		/* Turned back before the guest: KVM API 5, immediate_exit. */
		if (ioctl(bare->vcpu_fd, KVM_RUN, 0) == 0)
			return unexpected_exit(bare, diag);
		if (errno != EINTR)
			return kvm_failed(diag, "KVM_RUN");
	}
	*ticks = (int64_t)(clock_tsc() - begin);
	return 0;
}

static int time_rounds(const struct bare *bare, uint64_t iterations, uint64_t rounds,
	uint64_t *ticks, struct diag *diag)
{
	int64_t *cycles = alloc_rounds(rounds, diag);
	int rc = cycles ? time_turns(bare, iterations, cycles, diag) : -ENOMEM; /* warm-up */

	for (uint64_t i = 0; i < rounds && !rc; i++)
		rc = time_turns(bare, iterations, &cycles[i], diag);
	if (!rc)
		rc = bare_median(cycles, rounds, iterations, ticks, diag);
	free(cycles);
	return rc;
}

int vm_bare_transition(uint64_t iterations, uint64_t rounds, uint64_t *ticks, struct diag *diag)
{
	static const struct boot_state boot = {.eip = CODE_GPA};
	struct bare bare;
	int rc = check_counts(iterations, rounds, diag);

	if (!rc)
		rc = bare_create(&bare, LOOP_MEM, diag);
	if (rc)
		return rc;
	rc = kvm_require(&bare.kvm, KVM_CAP_IMMEDIATE_EXIT, "immediate_exit", diag);
	if (!rc)
		rc = set_cpuid(&bare, diag);
	if (!rc)
		rc = set_registers(&bare, &boot, diag);
	bare.run->immediate_exit = 1;
	if (!rc)
		rc = time_rounds(&bare, iterations, rounds, ticks, diag);
	bare_destroy(&bare);
	return rc;
}

/* ---- the shortest way to a guest's first instruction ---- */

int vm_bare_startup(uint64_t mem_bytes, uint64_t *ticks, struct diag *diag)
{
	static const uint8_t code[] = {0xe6, PORT_PROBE}; /* out %al, PORT_PROBE */
	static const struct boot_state boot = {.eip = CODE_GPA};
	struct bare bare;
	uint64_t begin = clock_tsc();
	int rc = bare_create(&bare, mem_bytes, diag);

	if (rc)
		return rc;
	memcpy(memory_at(&bare.memory, CODE_GPA, sizeof(code)), code, sizeof(code));
	rc = set_cpuid(&bare, diag); /* a 64-bit guest cannot do without */
	if (!rc)
		rc = set_registers(&bare, &boot, diag);
	if (!rc)
		rc = run(&bare, diag);
	*ticks = clock_tsc() - begin;
	if (!rc && bare.run->exit_reason != KVM_EXIT_IO)
		rc = unexpected_exit(&bare, diag);
	bare_destroy(&bare);
	return rc;
}

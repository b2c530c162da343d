/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's own counters around a run whose exits are known, on a bare VM of this file's own.
 * Skipped, with the reason, where there is no /dev/kvm or no KVM_GET_STATS_FD. */
#include "../../src/vmm/kvm_stats.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CODE_GPA 0x1000

struct machine {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	uint8_t *ram;
};

/* Real mode, one page of RAM at CODE_GPA: out %al, $0xe0; jmp back. */
static void load_loop(struct machine *m)
{
	static const uint8_t code[] = {0xe6, 0xe0, 0xeb, 0xfc};
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = CODE_GPA, .memory_size = 4096};
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = CODE_GPA, .rflags = 2};

	m->ram = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq((void *)m->ram, MAP_FAILED);
	memcpy(m->ram, code, sizeof(code));
	region.userspace_addr = (uintptr_t)m->ram;
	cr_assert_eq(ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region), 0);
	cr_assert_eq(ioctl(m->vcpu, KVM_GET_SREGS, &sregs), 0);
	sregs.cs.base = sregs.cs.selector = 0;
	cr_assert_eq(ioctl(m->vcpu, KVM_SET_SREGS, &sregs), 0);
	cr_assert_eq(ioctl(m->vcpu, KVM_SET_REGS, &regs), 0);
}

static struct machine make_machine(void)
{
	struct machine m = {.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC)};

	if (m.kvm < 0)
		cr_skip_test("/dev/kvm: %s", strerror(errno));
	if (ioctl(m.kvm, KVM_CHECK_EXTENSION, KVM_CAP_BINARY_STATS_FD) <= 0)
		cr_skip_test("this kernel's KVM has no KVM_GET_STATS_FD");
	m.vm = ioctl(m.kvm, KVM_CREATE_VM, 0L);
	cr_assert_geq(m.vm, 0);
	m.vcpu = ioctl(m.vm, KVM_CREATE_VCPU, 0L);
	cr_assert_geq(m.vcpu, 0);
	long size = ioctl(m.kvm, KVM_GET_VCPU_MMAP_SIZE, 0L);
	m.run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, m.vcpu, 0);
	cr_assert_neq((void *)m.run, MAP_FAILED);
	load_loop(&m);
	return m;
}

static void run_exits(struct machine *m, int n)
{
	for (int i = 0; i < n; i++) {
		int ret;

		do {
			ret = ioctl(m->vcpu, KVM_RUN, 0L);
		} while (ret < 0 && errno == EINTR);
		cr_assert_eq(ret, 0, "%s", strerror(errno));
		cr_assert_eq(m->run->exit_reason, KVM_EXIT_IO);
		cr_assert_eq(m->run->io.port, 0xe0);
	}
}

static const struct kvm_stat *find(const struct kvm_stats *stats, int vcpu, const char *name)
{
	size_t n;
	const struct kvm_stat *stat = kvm_stats_get(stats, &n);

	for (size_t i = 0; i < n; i++)
		if (stat[i].vcpu == vcpu && strcmp(stat[i].name, name) == 0)
			return &stat[i];
	cr_assert_fail("no counter %s of vcpu %d", name, vcpu);
	return NULL;
}

static struct kvm_stats *make_stats(const struct machine *m)
{
	struct kvm_stats *stats = kvm_stats_create();
	struct diag diag = {""};

	cr_assert_eq(kvm_stats_add(stats, m->vm, -1, &diag), 0, "%s", diag.text);
	cr_assert_eq(kvm_stats_add(stats, m->vcpu, 0, &diag), 0, "%s", diag.text);
	return stats;
}

/* A port access to userspace is an exit on hardware, an emulated instruction on PVM. */
Test(kvm_stats_fd, a_run_moves_the_counters_by_its_exits)
{
	struct machine m = make_machine();
	struct kvm_stats *stats = make_stats(&m);
	uint64_t counters[VM_KVM_COUNTERS];

	run_exits(&m, 10); /* must not show: before() comes later */
	kvm_stats_before(stats);
	run_exits(&m, 1000);
	kvm_stats_after(stats);
	kvm_stats_counters(stats, counters);
	cr_assert_geq(counters[VM_KVM_EXITS], find(stats, 0, "exits")->value);
	uint64_t exits = find(stats, 0, "exits")->value;
	uint64_t emulated = find(stats, 0, "insn_emulation")->value;
	cr_assert(exits >= 1000 || emulated >= 1000, "%ju exits, %ju emulated", (uintmax_t)exits,
		(uintmax_t)emulated);
	cr_assert_lt(exits, 4000);
	cr_assert_lt(emulated, 4000);
	find(stats, -1, "remote_tlb_flush");
	kvm_stats_destroy(stats);
}

Test(kvm_stats_fd, without_a_run_nothing_moves)
{
	struct machine m = make_machine();
	struct kvm_stats *stats = make_stats(&m);

	run_exits(&m, 10);
	kvm_stats_before(stats);
	kvm_stats_after(stats);
	cr_assert_eq(find(stats, 0, "exits")->value, 0);
	cr_assert_eq(find(stats, 0, "insn_emulation")->value, 0);
	kvm_stats_destroy(stats);
}

Test(kvm_stats_fd, a_file_without_statistics_is_not_supported)
{
	struct kvm_stats *stats = kvm_stats_create();
	struct diag diag = {""};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint64_t counters[VM_KVM_COUNTERS];
	size_t n;

	cr_assert_eq(kvm_stats_add(stats, fd, -1, &diag), -ENOTSUP);
	cr_assert_str_neq(diag.text, "");
	kvm_stats_before(stats);
	kvm_stats_after(stats);
	kvm_stats_get(stats, &n);
	cr_assert_eq(n, 0);
	kvm_stats_counters(stats, counters);
	for (unsigned i = 0; i < VM_KVM_COUNTERS; i++)
		cr_assert_eq(counters[i], UINT64_MAX);
	kvm_stats_destroy(stats);
	kvm_stats_destroy(NULL);
	close(fd);
}

Test(kvm_stats_fd, after_without_before_gives_nothing)
{
	struct machine m = make_machine();
	struct kvm_stats *stats = make_stats(&m);
	size_t n;

	kvm_stats_after(stats);
	kvm_stats_get(stats, &n);
	cr_assert_eq(n, 0);
	kvm_stats_destroy(stats);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's own counters around a run whose exits are known, on a bare VM of this file's own.
 * Skipped, with the reason, where there is no /dev/kvm or no KVM_GET_STATS_FD. */
#include "../../src/vmm/kvm_stats.h"

#include "bare_machine.h"

#include <criterion/criterion.h>

/* 1: out %al, $0xe0; jmp 1b */
static const uint8_t loop[] = {0xe6, 0xe0, 0xeb, 0xfc};

static struct bare_machine make_machine(void)
{
	struct bare_machine m;
	bool opened = bare_open(&m, loop, sizeof(loop));

	if (m.kvm < 0)
		cr_skip_test("/dev/kvm: %s", strerror(errno));
	cr_assert(opened, "%s", strerror(errno));
	if (ioctl(m.kvm, KVM_CHECK_EXTENSION, KVM_CAP_BINARY_STATS_FD) <= 0)
		cr_skip_test("this kernel's KVM has no KVM_GET_STATS_FD");
	return m;
}

static void run_exits(const struct bare_machine *m, int n)
{
	for (int i = 0; i < n; i++) {
		cr_assert(bare_run(m), "%s", strerror(errno));
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

static struct kvm_stats *make_stats(const struct bare_machine *m)
{
	struct kvm_stats *stats = kvm_stats_create();
	struct diag diag = {""};

	cr_assert_eq(kvm_stats_add(stats, m->vm, -1, &diag), 0, "%s", diag.text);
	cr_assert_eq(kvm_stats_add(stats, m->vcpu, 0, &diag), 0, "%s", diag.text);
	return stats;
}

#define EXITS 1000u

/* A port access to userspace is an exit for I/O where there is hardware for it, and an emulated
 * instruction on PVM, whose KVM counts no exit for I/O. (It may count more of other exits, for the
 * host's interrupts: as many as come.) */
Test(kvm_stats_fd, a_run_moves_the_counters_by_its_exits)
{
	struct bare_machine m = make_machine();
	struct kvm_stats *stats = make_stats(&m);
	uint64_t counters[VM_KVM_COUNTERS];

	run_exits(&m, 10); /* must not show: before() comes later */
	kvm_stats_before(stats);
	run_exits(&m, EXITS);
	kvm_stats_after(stats);
	kvm_stats_counters(stats, counters);
	uint64_t exits = find(stats, 0, "exits")->value;
	uint64_t io = find(stats, 0, "io_exits")->value;
	uint64_t emulated = find(stats, 0, "insn_emulation")->value;

	cr_expect_geq(counters[VM_KVM_EXITS], exits + (io == EXITS ? 10 : 0));
	if (io == 0) {
		cr_expect_geq(emulated, EXITS);
		cr_expect_lt(emulated, 4 * EXITS);
	} else {
		cr_expect_eq(io, EXITS, "%ju exits for I/O", (uintmax_t)io);
		cr_expect_geq(exits, EXITS);
	}
	find(stats, -1, "remote_tlb_flush");
	kvm_stats_destroy(stats);
	bare_close(&m);
}

Test(kvm_stats_fd, without_a_run_nothing_moves)
{
	struct bare_machine m = make_machine();
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
	struct bare_machine m = make_machine();
	struct kvm_stats *stats = make_stats(&m);
	size_t n;

	kvm_stats_after(stats);
	kvm_stats_get(stats, &n);
	cr_assert_eq(n, 0);
	kvm_stats_destroy(stats);
}

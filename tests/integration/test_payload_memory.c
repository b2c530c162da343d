/* SPDX-License-Identifier: BSD-2-Clause */
/* test=memory in a guest: every cell, every round, on one and two vCPUs, with either kind of pages;
 * and what it refuses. Bandwidths are nobody's promise. */
#include "guest_code.h"

#include "tickvm/guest_abi.h"
#include "tickvm/workload.h"

TestSuite(payload_memory, .timeout = WATCHDOG_S);

static struct vm_config memory_config(unsigned vcpus, const char *append)
{
	struct vm_config config = quiet_config(IRQCHIP_SPLIT);

	config.vcpus = vcpus;
	config.mem_bytes = 32ULL << 20;
	config.append = append;
	return config;
}

static const struct guest_memory_round *records_of(
	struct vm *vm, const struct vm_outcome *outcome, size_t *n)
{
	const struct guest_result *result = vm_guest_result(vm);
	const struct guest_memory_round *records;

	cr_assert_eq(outcome->end, VM_END_EXIT);
	cr_assert_not_null(result);
	cr_assert_eq(result->status, GUEST_DONE, "%s", result->message);
	records = vm_guest_records(vm, result, sizeof(*records), n);
	cr_assert_not_null(records);
	return records;
}

static void expect_sweep(struct vm_config config)
{
	const struct guest_memory_round *records;
	struct vm_outcome outcome;
	size_t n;
	struct vm *vm = run_vm(&config, &outcome);

	records = records_of(vm, &outcome, &n);
	/* 256 B to 4 KiB: five lengths, five operations, three rounds. */
	cr_expect_eq(n, 75);
	for (size_t i = 0; i < n; i++) {
		cr_expect_eq(records[i].op, i % 25 / 5);
		cr_expect_eq(records[i].vcpus, config.vcpus);
		cr_expect_eq(records[i].bytes, 256u << i % 5);
		cr_expect_gt(records[i].passes, 0);
		cr_expect_gt(records[i].cycles, 0);
	}
	vm_destroy(vm);
}

#define SWEEP "test=memory max_bytes=4096 rounds=3 round_ns=50000"

Test(payload_memory, sweeps_on_one_vcpu)
{
	REQUIRE_KVM();
	expect_sweep(memory_config(1, SWEEP " pages=2m"));
	expect_sweep(memory_config(1, SWEEP " pages=4k"));
}

Test(payload_memory, sweeps_on_two_vcpus)
{
	REQUIRE_KVM();
	expect_sweep(memory_config(2, SWEEP " vcpus=2 pages=2m"));
	expect_sweep(memory_config(2, SWEEP " vcpus=2 pages=4k"));
}

Test(payload_memory, sweeps_over_small_host_pages)
{
	struct vm_config config = memory_config(1, SWEEP);

	REQUIRE_KVM();
	config.small_pages = true;
	config.prefault = true;
	expect_sweep(config);
}

Test(payload_memory, measures_the_operations_asked_for)
{
	struct vm_config config =
		memory_config(1, "test=memory max_bytes=256 rounds=2 round_ns=50000 ops=20");
	const struct guest_memory_round *records;
	struct vm_outcome outcome;
	size_t n;
	struct vm *vm;

	REQUIRE_KVM();
	vm = run_vm(&config, &outcome);
	records = records_of(vm, &outcome, &n);
	cr_assert_eq(n, 4);
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(records[i].op, i % 2 == 0 ? WORKLOAD_RMW : WORKLOAD_COPY);
	vm_destroy(vm);
}

Test(payload_memory, touches_memory_first)
{
	struct vm_config config =
		memory_config(2, "test=memory touch=1 vcpus=2 pages=4k max_bytes=1048576 rounds=4");
	const struct guest_memory_round *records;
	struct vm_outcome outcome;
	size_t n;
	struct vm *vm;

	REQUIRE_KVM();
	vm = run_vm(&config, &outcome);
	records = records_of(vm, &outcome, &n);
	cr_assert_eq(n, 4);
	for (size_t i = 0; i < n; i++) {
		cr_expect_eq(records[i].op, GUEST_MEMORY_FIRST_TOUCH);
		cr_expect_eq(records[i].bytes, 1 << 20);
		cr_expect_eq(records[i].vcpus, 2);
	}
	vm_destroy(vm);
}

static void expect_failure(struct vm_config config, enum guest_status status, const char *says)
{
	const struct guest_result *result;
	struct vm_outcome outcome;
	struct vm *vm = run_vm(&config, &outcome);

	cr_assert_eq(outcome.end, VM_END_EXIT);
	result = vm_guest_result(vm);
	cr_assert_not_null(result);
	cr_expect_eq(result->status, status, "%s", config.append);
	cr_expect_not_null(strstr(result->message, says), "%s: %s", config.append, result->message);
	vm_destroy(vm);
}

Test(payload_memory, says_what_it_cannot_do)
{
	REQUIRE_KVM();
	expect_failure(memory_config(1, "test=memory max_bytes=67108864"), GUEST_FAILED, "--mem");
	expect_failure(memory_config(1, "test=memory vcpus=2"), GUEST_UNAVAILABLE, "2 CPUs");
	expect_failure(memory_config(1, "test=memory touch=1 max_bytes=5000"), GUEST_FAILED,
		"multiple of 4096");
	expect_failure(memory_config(1, "test=memory ops=0"), GUEST_FAILED, "ops=0");
	expect_failure(memory_config(1, "test=memory max_bytes=255"), GUEST_FAILED, "max_bytes");
}

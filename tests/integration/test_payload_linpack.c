/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's test=linpack: every system is solved, on one vCPU and on two, and what it cannot do
 * it says. */
#include "guest_code.h"

#include "tickvm/guest_abi.h"
#include "tickvm/workload.h"

TestSuite(payload_linpack, .timeout = WATCHDOG_S);

static struct vm *run_linpack(const char *append, unsigned vcpus)
{
	struct vm_config config = quiet_config(IRQCHIP_KERNEL);
	struct vm_outcome outcome;
	struct vm *vm;

	config.append = append;
	config.vcpus = vcpus;
	vm = run_vm(&config, &outcome);
	cr_assert_eq(outcome.end, VM_END_EXIT, "%s", append);
	cr_assert_not_null(vm_guest_result(vm));
	return vm;
}

static void expect_solved(const char *append, uint64_t n, unsigned vcpus, uint64_t simd)
{
	struct vm *vm = run_linpack(append, vcpus);
	const struct guest_result *result = vm_guest_result(vm);
	const struct guest_linpack_run *runs;
	size_t count;

	if (result->status == GUEST_UNAVAILABLE)
		cr_skip_test("%s", result->message);
	cr_assert_eq(result->status, GUEST_DONE, "%s: %s", append, result->message);
	runs = vm_guest_records(vm, result, sizeof(*runs), &count);
	cr_assert_not_null(runs);
	cr_assert_eq(count, 3);
	for (size_t i = 0; i < count; i++) {
		double residual;

		memcpy(&residual, &runs[i].residual_bits, sizeof(residual));
		cr_expect(residual >= 0 && residual < 16, "%s: %g", append, residual);
		cr_expect_eq(runs[i].n, n);
		cr_expect_eq(runs[i].vcpus, vcpus);
		cr_expect_eq(runs[i].simd, simd);
		cr_expect_gt(runs[i].cycles, 0);
	}
	vm_destroy(vm);
}

Test(payload_linpack, sse2)
{
	REQUIRE_KVM();
	expect_solved("test=linpack n=1 vcpus=1 simd=sse2 rounds=3", 1, 1, WORKLOAD_SSE2);
	expect_solved("test=linpack n=203 vcpus=1 simd=sse2 rounds=3", 203, 1, WORKLOAD_SSE2);
	expect_solved("test=linpack n=203 vcpus=2 simd=sse2 rounds=3", 203, 2, WORKLOAD_SSE2);
}

Test(payload_linpack, avx2)
{
	REQUIRE_KVM();
	if (!processor_shows_xsetbv())
		cr_skip_test("%s", PROCESSOR_NO_XSETBV);
	expect_solved("test=linpack n=203 vcpus=1 simd=avx2 rounds=3", 203, 1, WORKLOAD_AVX2);
	expect_solved("test=linpack n=203 vcpus=2 simd=avx2 rounds=3", 203, 2, WORKLOAD_AVX2);
}

static void expect_refused(
	const char *append, unsigned vcpus, enum guest_status status, const char *says)
{
	struct vm *vm = run_linpack(append, vcpus);

	cr_expect_eq(vm_guest_result(vm)->status, status, "%s", append);
	cr_expect_not_null(strstr(vm_guest_result(vm)->message, says), "%s: %s", append,
		vm_guest_result(vm)->message);
	vm_destroy(vm);
}

Test(payload_linpack, what_it_cannot_do_is_said)
{
	REQUIRE_KVM();
	expect_refused("test=linpack n=5000 vcpus=1 rounds=1", 1, GUEST_FAILED, "more RAM");
	expect_refused("test=linpack n=10 vcpus=2 rounds=1", 1, GUEST_UNAVAILABLE, "2 CPUs");
	expect_refused("test=linpack n=0 vcpus=1 rounds=1", 1, GUEST_FAILED, "n=0");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* test=ctx of the payload: the rounds it leaves, that its contexts have pages of their own, and
 * what it refuses. */
#include "guest_code.h"

#include "tickvm/guest_abi.h"

TestSuite(payload_ctx, .timeout = WATCHDOG_S);

static struct vm *run_ctx(
	uint64_t mem_bytes, const char *append, const struct guest_result **result)
{
	struct vm_config config = quiet_config(IRQCHIP_SPLIT);
	struct vm_outcome outcome;

	config.mem_bytes = mem_bytes;
	config.append = append;
	struct vm *vm = run_vm(&config, &outcome);

	cr_assert_eq(outcome.end, VM_END_EXIT, "%s", outcome.report != NULL ? outcome.report : "");
	*result = vm_guest_result(vm);
	cr_assert_not_null(*result);
	return vm;
}

static void expect_rounds(const char *append, uint32_t contexts, uint32_t stride, unsigned sets)
{
	const struct guest_result *result;
	struct vm *vm = run_ctx(32 << 20, append, &result);
	size_t n;

	cr_assert_eq(result->status, GUEST_DONE, "%s: %s", append, result->message);
	const struct guest_ctx_round *rounds = vm_guest_records(vm, result, sizeof(*rounds), &n);

	cr_assert_not_null(rounds);
	cr_assert_eq(n, sets * 6, "%s: %zu rounds", append, n);
	for (size_t i = 0; i < n; i++) {
		unsigned set = (unsigned)(i % sets);

		cr_expect_eq(rounds[i].contexts, contexts);
		cr_expect_eq(rounds[i].stride, stride);
		cr_expect_eq(rounds[i].bytes, set == 0 ? 0 : 4096ULL << (set - 1));
		cr_expect_gt(rounds[i].switches, 0);
		cr_expect_eq(rounds[i].switches % contexts, 0);
		cr_expect_gt(rounds[i].control_cycles, 0);
		cr_expect_gt(rounds[i].switch_cycles, 0);
	}
	vm_destroy(vm);
}

Test(payload_ctx, every_round_of_every_working_set)
{
	REQUIRE_KVM();
	expect_rounds("test=ctx contexts=2 stride=64 max_bytes=65536 rounds=6", 2, 64, 6);
	expect_rounds("test=ctx contexts=16 stride=4096 max_bytes=1048576 rounds=6", 16, 4096, 10);
	expect_rounds("test=ctx contexts=3 stride=64 max_bytes=4095 rounds=6", 3, 64, 1);
	expect_rounds("test=ctx contexts=64 stride=8 max_bytes=4096 rounds=6", 64, 8, 2);
}

/* How often a page was touched with a stride of 64, going by what that leaves in it; 0: it was not,
 * or it is no page of a working set. */
static uint64_t touches(const uint64_t *page)
{
	for (unsigned i = 0; i < 512; i++) {
		if (page[i] != (i % 8 == 0 ? page[0] : 0))
			return 0;
	}
	return page[0];
}

Test(payload_ctx, each_context_touches_pages_of_its_own)
{
	const uint64_t mem_bytes = 32 << 20;
	const struct guest_result *result;
	unsigned touched = 0;

	REQUIRE_KVM();
	struct vm *vm = run_ctx(mem_bytes,
		"test=ctx contexts=4 stride=64 max_bytes=4096 rounds=2 round_ns=100000", &result);

	cr_assert_eq(result->status, GUEST_DONE, "%s", result->message);
	for (uint64_t gpa = GUEST_RECORDS_GPA; gpa < mem_bytes; gpa += 4096)
		touched += touches(vm_guest_memory(vm, gpa, 4096)) > 0;
	cr_expect_eq(touched, 4, "%u pages", touched);
	vm_destroy(vm);
}

static void expect_refusal(uint64_t mem_bytes, const char *append, const char *says)
{
	const struct guest_result *result;
	struct vm *vm = run_ctx(mem_bytes, append, &result);

	cr_expect_eq(result->status, GUEST_FAILED, "%s: %u", append, result->status);
	cr_expect(strstr(result->message, says) != NULL, "%s: %s", append, result->message);
	vm_destroy(vm);
}

Test(payload_ctx, refusals_name_what_is_wrong)
{
	REQUIRE_KVM();
	expect_refusal(32 << 20, "test=ctx stride=12", "stride: expected a multiple of 8");
	expect_refusal(32 << 20, "test=ctx contexts=65", "contexts");
	expect_refusal(16 << 20, "test=ctx contexts=16 max_bytes=1048576", "--mem");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The yardsticks against each other, and a guest's rounds against what they were to last. */
#include "tickvm/bare.h"
#include "tickvm/guest_abi.h"
#include "tickvm/vm.h"

#include <criterion/criterion.h>
#include <unistd.h>

TestSuite(yardsticks, .timeout = 120);

static void require_kvm(void)
{
	if (access("/dev/kvm", R_OK | W_OK) < 0)
		cr_skip_test("no rights to /dev/kvm");
}

/* Into KVM and back is a part of the way to the guest and back. */
Test(yardsticks, the_floor_is_below_an_exit)
{
	struct diag diag = {.text = ""};
	uint64_t exit_ticks, transition_ticks;

	require_kvm();
	cr_assert_eq(vm_bare_exit_loop(10000, 11, &exit_ticks, &diag), 0, "%s", diag.text);
	cr_assert_eq(vm_bare_transition(10000, 11, &transition_ticks, &diag), 0, "%s", diag.text);
	cr_expect_gt(transition_ticks, 100);
	cr_expect_lt(transition_ticks, exit_ticks, "%ju ticks without a guest, %ju with one",
		(uintmax_t)transition_ticks, (uintmax_t)exit_ticks);
}

/* The iterations of the only round of a guest. */
static uint64_t iterations_of(const char *append)
{
	const struct guest_bench_round *rounds;
	const struct guest_result *result;
	struct diag diag = {.text = ""};
	struct vm_config config;
	struct vm_outcome outcome;
	uint64_t iterations;
	struct vm *vm;
	size_t n;

	vm_config_default(&config);
	config.serial = SERIAL_NULL;
	config.append = append;
	config.timeout_ns = 60000000000ULL;
	cr_assert_eq(vm_create(&vm, &config, &diag), 0, "%s", diag.text);
	cr_assert_eq(vm_run(vm, &outcome, &diag), 0, "%s", diag.text);
	result = vm_guest_result(vm);
	cr_assert(result && result->status == GUEST_DONE, "%s", append);
	rounds = vm_guest_records(vm, result, sizeof(*rounds), &n);
	cr_assert_eq(n, 1);
	iterations = rounds[0].iterations;
	vm_destroy(vm);
	return iterations;
}

/* Of 100 times the length, with the pilot's own time off both. */
Test(yardsticks, a_longer_round_has_more_iterations)
{
	require_kvm();
	uint64_t few = iterations_of("test=bench name=sgdt cpl=3 rounds=1 round_ns=200000");
	uint64_t many = iterations_of("test=bench name=sgdt cpl=3 rounds=1 round_ns=20000000");

	cr_expect(many > 50 * few && many < 200 * few, "%ju in 0.2 ms, %ju in 20 ms",
		(uintmax_t)few, (uintmax_t)many);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A dedicated timer on each vCPU, armed in each of the three ways: every event comes, on its own
 * vCPU, and leaves records of its own. */
#include "guest_code.h"

#include "tickvm/guest_abi.h"

#define COUNT 50
#define VCPUS 3

TestSuite(vcpu_timers, .timeout = WATCHDOG_S);

static unsigned records_of(const struct timer_record *records, size_t n, unsigned vcpu)
{
	unsigned count = 0;

	for (size_t i = 0; i < n; i++)
		count += !strcmp(records[i].device, "dedicated") && records[i].vcpu == vcpu;
	return count;
}

static void each_has_its_own(enum irqchip_kind irqchip, const char *arm, const char *wait)
{
	struct vm_config config = quiet_config(irqchip);
	struct vm_outcome outcome;
	char append[128];
	size_t n;

	snprintf(append, sizeof(append),
		"test=timer source=dedicated interval_ns=500000 count=%d vcpus=%d arm=%s wait=%s",
		COUNT, VCPUS, arm, wait);
	config.append = append;
	config.vcpus = VCPUS;
	config.timer_log = 1000;
	config.dedicated_ioeventfd = !strcmp(arm, "ioeventfd");
	config.timer_priority = 0;

	struct vm *vm = run_vm(&config, &outcome);
	const struct guest_result *result = vm_guest_result(vm);

	cr_assert_not_null(result, "%s", arm);
	cr_assert_eq(result->status, GUEST_DONE, "%s: %s", arm, result->message);
	const struct guest_timer_event *events = vm_guest_records(vm, result, sizeof(*events), &n);

	cr_assert_eq(n, COUNT * VCPUS);
	for (size_t i = 0; i < n; i++)
		cr_assert_gt(events[i].enter, events[i].arm, "%s: event %zu", arm, i);
	const struct timer_record *records = vm_timer_records(vm, &n);

	for (unsigned vcpu = 0; vcpu < VCPUS; vcpu++)
		cr_expect_geq(records_of(records, n, vcpu), COUNT, "%s: vCPU %u", arm, vcpu);
	cr_expect_geq(vm_dedicated_stats(vm).fired, COUNT * VCPUS);
	cr_expect_eq(vm_dedicated_stats(vm).bad_writes, 0);
	vm_destroy(vm);
}

static void each_way(const char *wait)
{
	for (unsigned irqchip = 0; irqchip < IRQCHIP_KINDS; irqchip++)
		each_has_its_own((enum irqchip_kind)irqchip, "mmio", wait);
	each_has_its_own(IRQCHIP_SPLIT, "shared", wait);
	each_has_its_own(IRQCHIP_SPLIT, "ioeventfd", wait);
}

Test(vcpu_timers, armed_in_each_way_by_spinning_guests)
{
	REQUIRE_KVM();
	each_way("user");
}

Test(vcpu_timers, armed_in_each_way_by_halting_guests)
{
	REQUIRE_KVM();
	REQUIRE_INTERRUPT_SHADOW();
	each_way("hlt");
}

/* How many are held depends on when they come; test_quiet_vm.c has one that certainly is. */
Test(vcpu_timers, every_interrupt_that_is_held_is_released)
{
	struct vm_config config = quiet_config(IRQCHIP_SPLIT);
	struct vm_outcome outcome;

	REQUIRE_KVM();
	config.append = "test=timer source=dedicated interval_ns=200000 count=500 load=interrupts "
			"each=1 wait=user";
	config.irq_load_hz = 3000;
	config.quiet_window_ns = 100000;

	struct vm *vm = run_vm(&config, &outcome);
	const struct guest_result *result = vm_guest_result(vm);
	struct dedicated_timer_stats stats = vm_dedicated_stats(vm);

	cr_assert_not_null(result);
	cr_assert_eq(result->status, GUEST_DONE, "%s", result->message);
	cr_expect_eq(stats.held, stats.merged + stats.waiting + stats.released);
	cr_expect_geq(stats.offered, result->load_taken);
	cr_expect_geq(result->load_taken, result->load_interrupts);
	cr_expect_geq(result->load_interrupts, 500);
	vm_destroy(vm);
}

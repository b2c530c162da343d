/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's tests on every interrupt back end: counts must be exact, ticks must not be lost. */
#include "guest_code.h"

#include "tickvm/clock.h"
#include "tickvm/dedicated_timer.h"
#include "tickvm/guest_abi.h"

#include <criterion/parameterized.h>

TestSuite(payload, .timeout = WATCHDOG_S);

static enum irqchip_kind all_irqchips[] = {IRQCHIP_KERNEL, IRQCHIP_SPLIT, IRQCHIP_USER};

#define EACH_IRQCHIP(name)                                                                         \
	ParameterizedTestParameters(payload, name)                                                 \
	{                                                                                          \
		return cr_make_param_array(enum irqchip_kind, all_irqchips,                        \
			sizeof(all_irqchips) / sizeof(all_irqchips[0]));                           \
	}                                                                                          \
	ParameterizedTest(enum irqchip_kind *irqchip, payload, name)

EACH_IRQCHIP(exits_are_counted_exactly)
{
	struct vm_config config = quiet_config(*irqchip);
	bool user = *irqchip == IRQCHIP_USER, kernel = *irqchip == IRQCHIP_KERNEL;
	struct vm_outcome outcome;
	const struct guest_result *result;
	struct vm *vm;

	REQUIRE_KVM();
	config.append =
		"test=exits pio-out=7 pio-in=5 pio-unknown=3 mmio-write=11 mmio-read=13 msr-read=4 "
		"msr-write=6 hlt=9 cpuid=3 pio-eventfd=4 mmio-eventfd=5 pic-port=2 lapic-read=3";
	vm = run_vm(&config, &outcome);
	cr_assert_eq(outcome.end, VM_END_EXIT);
	result = vm_guest_result(vm);
	cr_assert_not_null(result);
	cr_assert_eq(result->status, GUEST_DONE, "%s", result->message);
	cr_expect_eq(result->done[GUEST_EXIT_HLT], 9);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_PIO_OUT, PORT_PROBE, "probe"), 7);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_PIO_IN, PORT_PROBE, "probe"), 5);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_MMIO_WRITE, GPA_PROBE, "probe"), 11);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_MMIO_READ, GPA_PROBE, "probe"), 13);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_RDMSR, MSR_PROBE, "probe"), 4);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_WRMSR, MSR_PROBE, "probe"), 6);
	/* What the kernel handles must not reach userspace, and what it does not must. */
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_PIO_OUT, PORT_PROBE_EVENTFD, "unknown"), 0);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_MMIO_WRITE, GPA_PROBE + 0x800, "probe"), 0);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_PIO_IN, 0x21, "pic"), kernel ? 0 : 2);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_HLT, 0, "vcpu"), user ? 9 : 0);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_PIO_OUT, PORT_EXIT, "exit"), 1);
	vm_destroy(vm);
}

/* Conversions between clocks, the PIT's tick of 0.84 us among them. */
#define ROUNDING_NS 10000u

/* Every event comes, or is known to be missed; none comes earlier than the timer may be on purpose.
 */
static void expect_timer(
	struct vm_config config, const char *append, unsigned count, uint64_t early_ns)
{
	struct vm_outcome outcome;
	const struct guest_result *result;
	const struct guest_timer_event *events;
	uint64_t early;
	size_t n;
	struct vm *vm;

	config.append = append;
	config.timer_log = 4096;
	vm = run_vm(&config, &outcome);
	cr_assert_eq(outcome.end, VM_END_EXIT, "%s", append);
	result = vm_guest_result(vm);
	cr_assert_not_null(result);
	cr_assert_eq(result->status, GUEST_DONE, "%s: %s", append, result->message);
	events = vm_guest_records(vm, result, sizeof(*events), &n);
	cr_assert_not_null(events);
	cr_expect_eq(n + result->missed, count, "%s: %zu events and %llu missed of %u", append, n,
		(unsigned long long)result->missed, count);
	early = clock_ns_to_ticks(early_ns + ROUNDING_NS);
	for (size_t i = 0; i < n; i++) {
		cr_expect_gt(
			events[i].enter + early, events[i].deadline, "%s: event %zu", append, i);
		cr_expect_geq(events[i].done, events[i].enter);
	}
	cr_expect(vm_tsc_offset(vm).verified, "%s", vm_tsc_offset(vm).why);
	vm_destroy(vm);
}

/* In either wait, each of them in a test of its own. */
#define TO_EITHER_GUEST(name, expect)                                                              \
	EACH_IRQCHIP(name##_to_a_spinning_guest)                                                   \
	{                                                                                          \
		REQUIRE_KVM();                                                                     \
		expect(quiet_config(*irqchip), "user");                                            \
	}                                                                                          \
	EACH_IRQCHIP(name##_to_a_halted_guest)                                                     \
	{                                                                                          \
		REQUIRE_KVM();                                                                     \
		REQUIRE_INTERRUPT_SHADOW();                                                        \
		expect(quiet_config(*irqchip), "hlt");                                             \
	}

static void expect_200(
	struct vm_config config, const char *wait, const char *how, uint64_t early_ns)
{
	char append[128];

	snprintf(append, sizeof(append),
		"test=timer mode=oneshot interval_ns=200000 count=200 wait=%s %s", wait, how);
	expect_timer(config, append, 200, early_ns);
}

static void expect_lapic(struct vm_config config, const char *wait)
{
	expect_200(config, wait, "source=lapic", 0);
	expect_200(config, wait, "source=lapic lapic_timer=oneshot", 0);
}

static void expect_pit(struct vm_config config, const char *wait)
{
	expect_200(config, wait, "source=pit", 0);
}

static void expect_each_arm(struct vm_config config, const char *wait, uint64_t early_ns)
{
	config.dedicated_ioeventfd = false;
	expect_200(config, wait, "source=dedicated arm=mmio", early_ns);
	expect_200(config, wait, "source=dedicated arm=shared", early_ns);
	config.dedicated_ioeventfd = true;
	expect_200(config, wait, "source=dedicated arm=ioeventfd", early_ns);
}

/* It may be early by what it learned of its lateness, or not at all. */
static void expect_dedicated(struct vm_config config, const char *wait)
{
	expect_each_arm(config, wait, DEDICATED_ADVANCE_MAX_NS);
	config.timer_advance_ns = 0;
	expect_each_arm(config, wait, 0);
}

TO_EITHER_GUEST(lapic_timer_delivers_every_event, expect_lapic)
TO_EITHER_GUEST(pit_delivers_every_event, expect_pit)
TO_EITHER_GUEST(dedicated_timer_delivers_every_event, expect_dedicated)

static void expect_pingpong(struct vm_config config, const char *wait)
{
	struct vm_outcome outcome;
	const struct guest_result *result;
	const struct guest_ipi_event *events;
	char append[64];
	size_t n;
	struct vm *vm;

	snprintf(append, sizeof(append), "test=ipi mode=pingpong count=100 wait=%s", wait);
	config.vcpus = 2;
	config.append = append;
	vm = run_vm(&config, &outcome);
	cr_assert_eq(outcome.end, VM_END_EXIT);
	result = vm_guest_result(vm);
	cr_assert_not_null(result);
	cr_assert_eq(result->status, GUEST_DONE, "%s", result->message);
	events = vm_guest_records(vm, result, sizeof(*events), &n);
	cr_assert_eq(n, 100);
	for (size_t i = 0; i < n; i++)
		cr_expect(events[i].send < events[i].enter && events[i].enter < events[i].reply);
	vm_destroy(vm);
}

TO_EITHER_GUEST(ipis_come_from_another_vcpu, expect_pingpong)

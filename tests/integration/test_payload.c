/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's tests on every interrupt back end: counts must be exact, ticks must not be lost. */
#include "guest_code.h"

#include "tickvm/guest_abi.h"

#include <criterion/parameterized.h>

TestSuite(payload, .timeout = 120);

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

static void expect_timer(struct vm_config config, const char *append, unsigned count)
{
	struct vm_outcome outcome;
	const struct guest_result *result;
	const struct guest_timer_event *events;
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
	for (size_t i = 0; i < n; i++) {
		/* Never before time by more than the residual of a learned advance. */
		cr_expect_gt(
			events[i].enter + 300000, events[i].deadline, "%s: event %zu", append, i);
		cr_expect_geq(events[i].done, events[i].enter);
	}
	cr_expect(vm_tsc_offset(vm).verified, "%s", vm_tsc_offset(vm).why);
	vm_destroy(vm);
}

EACH_IRQCHIP(lapic_timer_delivers_every_event)
{
	REQUIRE_KVM();
	expect_timer(quiet_config(*irqchip),
		"test=timer source=lapic mode=oneshot interval_ns=200000 count=200", 200);
	expect_timer(quiet_config(*irqchip),
		"test=timer source=lapic mode=oneshot lapic_timer=oneshot interval_ns=200000 "
		"count=100",
		100);
	expect_timer(quiet_config(*irqchip),
		"test=timer source=lapic mode=oneshot wait=user interval_ns=200000 count=100", 100);
}

EACH_IRQCHIP(pit_delivers_every_event)
{
	REQUIRE_KVM();
	expect_timer(quiet_config(*irqchip),
		"test=timer source=pit mode=oneshot interval_ns=200000 count=200", 200);
}

EACH_IRQCHIP(dedicated_timer_delivers_every_event_however_it_is_armed)
{
	struct vm_config config = quiet_config(*irqchip);

	REQUIRE_KVM();
	expect_timer(config,
		"test=timer source=dedicated mode=oneshot arm=mmio interval_ns=200000 count=200",
		200);
	expect_timer(config,
		"test=timer source=dedicated mode=oneshot arm=shared interval_ns=200000 count=200",
		200);
	config.dedicated_ioeventfd = true;
	expect_timer(config,
		"test=timer source=dedicated mode=oneshot arm=ioeventfd interval_ns=200000 "
		"count=200",
		200);
}

EACH_IRQCHIP(ipis_reach_another_vcpu)
{
	struct vm_config config = quiet_config(*irqchip);
	struct vm_outcome outcome;
	const struct guest_result *result;
	const struct guest_ipi_event *events;
	size_t n;
	struct vm *vm;

	REQUIRE_KVM();
	config.vcpus = 2;
	config.append = "test=ipi mode=pingpong wait=hlt count=100";
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

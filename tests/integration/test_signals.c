/* SPDX-License-Identifier: BSD-2-Clause */
/* What the monitor keeps of a guest's signals: stamps, exits and KVM's counters, exact around a
 * known number of exits, and whole when every vCPU writes at once. */
#include "guest_code.h"

#include <criterion/parameterized.h>

TestSuite(signals, .timeout = WATCHDOG_S);

static enum irqchip_kind all_irqchips[] = {IRQCHIP_KERNEL, IRQCHIP_SPLIT, IRQCHIP_USER};

#define EACH_IRQCHIP(name)                                                                         \
	ParameterizedTestParameters(signals, name)                                                 \
	{                                                                                          \
		return cr_make_param_array(enum irqchip_kind, all_irqchips,                        \
			sizeof(all_irqchips) / sizeof(all_irqchips[0]));                           \
	}                                                                                          \
	ParameterizedTest(enum irqchip_kind *irqchip, signals, name)

#define EXITS 300

/* clang-format off */

/* Begin and end around nothing, twice, with exits between the pairs. */
static const uint8_t around_nothing[] = {
	0xb0, 0x01, 0xe6, 0xed,             /* mov $1, %al; out %al, PORT_SIGNAL */
	0x30, 0xc0, 0xe6, 0xed,             /* xor %al, %al; out %al, PORT_SIGNAL */
	0xe6, 0xe0, 0xe4, 0xe0,             /* out, in: PORT_PROBE */
	0xb0, 0x01, 0xe6, 0xed,
	0x30, 0xc0, 0xe6, 0xed,
	0xe6, 0xf4, 0xf4,                   /* exit 0 */
};

static const uint8_t around_exits[] = {
	0xb9, EXITS & 0xff, EXITS >> 8, 0, 0, /* mov $EXITS, %ecx */
	0xb0, 0x01, 0xe6, 0xed,             /* begin */
	0xe6, 0xe0, 0x49, 0x75, 0xfb,       /* 1: out %al, PORT_PROBE; dec %ecx; jnz 1b */
	0x30, 0xc0, 0xe6, 0xed,             /* end */
	0xe6, 0xf4, 0xf4,
};

/* Three more processors, which write their 400 begins when they are told to go; the boot processor
 * waits for all of them, tells them, writes 800 ends, and waits for theirs.
 *
 *   .code32
 *   start:
 *   movl $0x1ff, 0xfee000f0
 *   cld; mov $ap, %esi; mov $0x8000, %edi; mov $(ap_end - ap), %ecx; rep movsb
 *   movl $0xc4500, 0xfee00300
 *   movl $0xc4608, 0xfee00300
 *   1: inb $0xe0, %al; cmpl $3, 0x9000; jne 1b      # ready
 *   movl $1, 0x9004                                 # go
 *   mov $800, %ecx
 *   xor %eax, %eax
 *   2: outb %al, $0xed; dec %ecx; jnz 2b
 *   3: inb $0xe0, %al; cmpl $3, 0x9008; jne 3b      # done
 *   xor %eax, %eax; outb %al, $0xf4; hlt
 *   ap:
 *   .code16
 *   xor %ax, %ax; mov %ax, %ds
 *   lock incl 0x9000
 *   4: inb $0xe0, %al; cmpl $0, 0x9004; je 4b
 *   mov $400, %cx
 *   mov $1, %al
 *   5: outb %al, $0xed; dec %cx; jnz 5b
 *   lock incl 0x9008
 *   6: hlt; jmp 6b
 *   ap_end:
 */
static const uint8_t from_all_at_once[] = {
	0xc7, 0x05, 0xf0, 0x00, 0xe0, 0xfe, 0xff, 0x01, 0x00, 0x00, 0xfc, 0xbe, 0x81, 0x00, 0x10,
	0x00, 0xbf, 0x00, 0x80, 0x00, 0x00, 0xb9, 0x27, 0x00, 0x00, 0x00, 0xf3, 0xa4, 0xc7, 0x05,
	0x00, 0x03, 0xe0, 0xfe, 0x00, 0x45, 0x0c, 0x00, 0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, 0x08,
	0x46, 0x0c, 0x00, 0xe4, 0xe0, 0x83, 0x3d, 0x00, 0x90, 0x00, 0x00, 0x03, 0x75, 0xf5, 0xc7,
	0x05, 0x04, 0x90, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0xb9, 0x20, 0x03, 0x00, 0x00, 0x31,
	0xc0, 0xe6, 0xed, 0x49, 0x75, 0xfb, 0xe4, 0xe0, 0x83, 0x3d, 0x08, 0x90, 0x00, 0x00, 0x03,
	0x75, 0xf5, 0x31, 0xc0, 0xe6, 0xf4, 0xf4, 0x31, 0xc0, 0x8e, 0xd8, 0x66, 0xf0, 0xff, 0x06,
	0x00, 0x90, 0xe4, 0xe0, 0x66, 0x83, 0x3e, 0x04, 0x90, 0x00, 0x74, 0xf6, 0xb9, 0x90, 0x01,
	0xb0, 0x01, 0xe6, 0xed, 0x49, 0x75, 0xfb, 0x66, 0xf0, 0xff, 0x06, 0x08, 0x90, 0xf4, 0xeb,
	0xfd,
};
/* clang-format on */

/* The signals of a run that had room for all of them. */
static const struct vm_signal *all_signals(struct vm *vm, size_t expected)
{
	size_t n, dropped;
	const struct vm_signal *signals = vm_signals(vm, &n, &dropped);

	cr_assert_eq(n, expected, "%zu signals", n);
	cr_expect_eq(dropped, 0);
	for (size_t i = 0; i < n; i++) {
		cr_expect_eq(signals[i].begin, i % 2 == 0);
		if (i != 0)
			cr_expect_gt(signals[i].tsc, signals[i - 1].tsc);
	}
	return signals;
}

EACH_IRQCHIP(nothing_between_them_is_no_exit)
{
	struct vm_config config = quiet_config(*irqchip);
	struct vm_outcome outcome;
	const struct vm_signal *s;
	struct vm *vm;

	REQUIRE_KVM();
	config.signal_log = 4;
	vm = run_code(config, around_nothing, sizeof(around_nothing), &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT);
	s = all_signals(vm, 4);
	for (unsigned i = 0; i < 4; i += 2) {
		cr_expect_eq(s[i + 1].exits, s[i].exits);
		cr_expect_eq(s[i + 1].userspace_ticks, s[i].userspace_ticks);
		cr_expect_eq(s[i + 1].model_ticks, s[i].model_ticks);
	}
	cr_expect_eq(s[2].exits - s[1].exits, 2);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_PIO_OUT, 0xed, "signal"), 4);
	vm_destroy(vm);
}

EACH_IRQCHIP(exits_between_them_are_counted_exactly)
{
	struct vm_config config = quiet_config(*irqchip);
	struct vm_outcome outcome;
	const struct vm_signal *s;
	uint64_t userspace, model;
	struct vm *vm;

	REQUIRE_KVM();
	config.signal_log = 2;
	vm = run_code(config, around_exits, sizeof(around_exits), &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT);
	s = all_signals(vm, 2);
	userspace = s[1].userspace_ticks - s[0].userspace_ticks;
	model = s[1].model_ticks - s[0].model_ticks;
	cr_expect_eq(s[1].exits - s[0].exits, EXITS);
	cr_expect_gt(model, 0);
	cr_expect_gt(userspace, model);
	cr_expect_gt(s[1].tsc - s[0].tsc, userspace);
	vm_destroy(vm);
}

/* A port access to userspace is an exit on hardware, an emulated instruction on PVM. */
Test(signals, kvm_counts_between_them_too)
{
	struct vm_config config = quiet_config(IRQCHIP_SPLIT);
	struct vm_outcome outcome;
	const struct vm_signal *s;
	uint64_t exits, emulated;
	struct vm *vm;
	size_t n;

	REQUIRE_KVM();
	config.signal_log = 2;
	config.vcpus = 2;
	vm = run_code(config, around_exits, sizeof(around_exits), &outcome);
	if (!vm_kvm_stats(vm, &n) || n == 0)
		cr_skip_test("this kernel's KVM has no KVM_GET_STATS_FD");
	s = all_signals(vm, 2);
	cr_assert_neq(s[0].kvm[VM_KVM_EXITS], UINT64_MAX);
	exits = s[1].kvm[VM_KVM_EXITS] - s[0].kvm[VM_KVM_EXITS];
	emulated = s[1].kvm[VM_KVM_INSN_EMULATION] - s[0].kvm[VM_KVM_INSN_EMULATION];
	cr_expect(exits >= EXITS || emulated >= EXITS, "%ju exits, %ju emulated", (uintmax_t)exits,
		(uintmax_t)emulated);
	for (unsigned i = 0; i < VM_KVM_COUNTERS; i++)
		cr_expect_geq(s[1].kvm[i], s[0].kvm[i], "%s", vm_kvm_counter_name(i));
	vm_destroy(vm);
}

Test(signals, a_full_log_counts_what_it_drops)
{
	struct vm_config config = quiet_config(IRQCHIP_SPLIT);
	struct vm_outcome outcome;
	struct vm *vm;
	size_t n, dropped;

	REQUIRE_KVM();
	config.signal_log = 3;
	vm = run_code(config, around_nothing, sizeof(around_nothing), &outcome);
	vm_signals(vm, &n, &dropped);
	cr_expect_eq(n, 3);
	cr_expect_eq(dropped, 1);
	vm_destroy(vm);
	config.signal_log = 0;
	vm = run_code(config, around_nothing, sizeof(around_nothing), &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT);
	vm_signals(vm, &n, NULL);
	cr_expect_eq(n, 0);
	vm_destroy(vm);
}

#define BEGINS (3 * 400)
#define ENDS   800

/* Of each kind, no more than were written; in order of their stamps, and of the exits before them.
 */
static void expect_whole(const struct vm_signal *s, size_t n)
{
	size_t begins = 0;

	for (size_t i = 0; i < n; i++) {
		begins += s[i].begin;
		if (i == 0)
			continue;
		cr_expect_gt(s[i].tsc, s[i - 1].tsc);
		cr_expect_geq(s[i].exits, s[i - 1].exits);
	}
	cr_expect_leq(begins, BEGINS, "%zu begins", begins);
	cr_expect_leq(n - begins, ENDS, "%zu ends", n - begins);
}

/* All signals of four vCPUs into a log with that much room. */
static void write_all_at_once(enum irqchip_kind irqchip, size_t room)
{
	size_t fit = room < BEGINS + ENDS ? room : BEGINS + ENDS, n, dropped;
	struct vm_config config = quiet_config(irqchip);
	struct vm_outcome outcome;
	const struct vm_signal *s;
	struct vm *vm;

	config.vcpus = 4;
	config.signal_log = room;
	vm = run_code(config, from_all_at_once, sizeof(from_all_at_once), &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT);
	s = vm_signals(vm, &n, &dropped);
	cr_assert_eq(n, fit, "%zu signals", n);
	cr_expect_eq(dropped, BEGINS + ENDS - fit, "%zu dropped", dropped);
	expect_whole(s, n);
	vm_destroy(vm);
}

EACH_IRQCHIP(every_vcpu_at_once_leaves_whole_entries)
{
	REQUIRE_KVM();
	write_all_at_once(*irqchip, BEGINS + ENDS);
	write_all_at_once(*irqchip, 1500);
}

Test(signals, counters_are_called_as_kvm_calls_them)
{
	cr_expect_str_eq(vm_kvm_counter_name(VM_KVM_EXITS), "exits");
	cr_expect_str_eq(vm_kvm_counter_name(VM_KVM_TLB_FLUSH), "tlb_flush");
	cr_expect_str_eq(vm_kvm_counter_name(VM_KVM_COUNTERS), "unknown");
}

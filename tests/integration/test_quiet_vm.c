/* SPDX-License-Identifier: BSD-2-Clause */
/* The quiet window of the dedicated timer as a guest sees it: an interrupt that comes in it comes
 * when it is over. */
#include "guest_assembler.h"

#include <criterion/parameterized.h>

TestSuite(quiet_vm, .timeout = WATCHDOG_S);

#define IRQ_SERIAL 4
#define BEFORE     TEST_DATA /* the counter while the window was open */

/* 8 bytes to a register, without SSE: cmpxchg8b twice, for the first reads what the second compares
 * with. mov $register, %edi; mov $low, %ebx; mov $high, %ecx */
static void set_timer(uint32_t reg, uint32_t high, uint32_t low)
{
	byte(0xbf);
	word((uint32_t)GPA_DEDICATED + reg);
	byte(0xbb);
	word(low);
	byte(0xb9);
	word(high);
	EMIT("\x0f\xc7\x0f\x0f\xc7\x0f");
}

/* mov $port, %edx; mov $value, %al; out %al, %dx */
static void out_dx(uint16_t port, uint8_t value)
{
	byte(0xba);
	word(port);
	byte(0xb0);
	byte(value);
	byte(0xee);
}

/* An empty transmitter has something to say as soon as it may (PC16550D data sheet, table IV): the
 * line falls, and rises. */
static void raise_serial_line(void)
{
	out_dx(PORT_SERIAL + 1, 0);
	out_dx(PORT_SERIAL + 1, 2);
}

/* Interrupts are open around two exits; the counter afterwards to BEFORE. */
static void look(void)
{
	store(RESUME, here() + STORE_BYTES);
	/* sti; in $0xe0, %al; in $0xe0, %al; cli; mov COUNTER, %eax; mov %eax, BEFORE */
	EMIT("\xfb\xe4\xe0\xe4\xe0\xfa\xa1");
	word(COUNTER);
	byte(0xa3);
	word(BEFORE);
}

static enum irqchip_kind chips[] = {IRQCHIP_SPLIT, IRQCHIP_USER};

ParameterizedTestParameters(quiet_vm, an_interrupt_waits_for_the_end_of_the_window)
{
	return cr_make_param_array(enum irqchip_kind, chips, sizeof(chips) / sizeof(chips[0]));
}

/* A window that is open from the arming on, and a deadline in some decades. Two edges on one
 * line are one interrupt then, and disarming the timer lets it through. */
ParameterizedTest(
	enum irqchip_kind *irqchip, quiet_vm, an_interrupt_waits_for_the_end_of_the_window)
{
	struct vm_config config = quiet_config(*irqchip);
	struct dedicated_timer_stats stats;
	struct vm_outcome outcome;
	struct vm *vm;

	REQUIRE_KVM();
	begin();
	take_interrupts(IRQ_SERIAL, false, NULL);
	out_dx(PORT_SERIAL + 4, 8); /* OUT2, which lets the line out */
	store(BEFORE, 99);
	set_timer(DT_CONTROL, 0, DT_CONTROL_ENABLE);
	set_timer(DT_DEADLINE, 1u << 30, 0);
	raise_serial_line();
	raise_serial_line();
	look();
	set_timer(DT_DEADLINE, 0, 0);
	wait_for_interrupts(1);
	leave(0);
	config.quiet_window_ns = INT64_MAX;
	vm = run_code(config, code, size, &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT, "%s", outcome.report ? outcome.report : "");
	cr_expect_eq(*(const uint32_t *)vm_guest_memory(vm, BEFORE, 4), 0);
	cr_expect_eq(*(const uint32_t *)vm_guest_memory(vm, COUNTER, 4), 1);
	stats = vm_dedicated_stats(vm);
	cr_expect_eq(stats.fired, 0);
	cr_expect_eq(stats.offered, 2);
	cr_expect_eq(stats.held, 2);
	cr_expect_eq(stats.merged, 1);
	cr_expect_eq(stats.released, 1);
	cr_expect_eq(stats.waiting, 0);
	vm_destroy(vm);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A run of the payload: read the command line, do one test, leave the result, exit.
 * The tests themselves are in files of their names. */
#include "guest.h"
#include "guest_text.h"

#define STAMP_PAIRS    63
#define PORT_KEYBOARD  0x64
#define KEYBOARD_RESET 0xfe

extern uint64_t boot_tsc;
void guest_main(void);

static struct cmdline cmdline;
static bool console; /* results also leave on the serial port */

static void (*const tests[TESTS])(const struct cmdline *) = {
	[TEST_HELLO] = test_hello,
	[TEST_EXITS] = test_exits,
	[TEST_TIMER] = test_timer,
	[TEST_IPI] = test_ipi,
	[TEST_BENCH] = test_bench,
	[TEST_MEMORY] = test_memory,
	[TEST_LINPACK] = test_linpack,
	[TEST_CTX] = test_ctx,
	[TEST_DISK] = test_disk,
};

/* The compiler may call these whatever its options are. */
void *memset(void *to, int value, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);

void *memset(void *to, int value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = (char)value;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return to;
}

static bool at_cpl0(void)
{
	uint16_t cs;

	__asm__("movw %%cs, %0" : "=r"(cs));
	return (cs & 3) == 0;
}

uint64_t in_kernel(kernel_fn fn, uint64_t a, uint64_t b, uint64_t c)
{
	return at_cpl0() ? fn(a, b, c) : kernel_call(fn, a, b, c);
}

/* CPL 0. Where no exit port answers, the keyboard controller's reset line ends most machines. */
_Noreturn static uint64_t stop(uint64_t code, uint64_t b, uint64_t c)
{
	(void)b, (void)c;
	out8(PORT_EXIT, (uint8_t)code);
	out8(PORT_KEYBOARD, KEYBOARD_RESET);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void test_end(enum guest_status status, enum exit_status code)
{
	result->spurious += irq_spurious_count;
	if (console)
		report_json(cmdline.test, status);
	*(volatile uint32_t *)&result->status = status;
	in_kernel(stop, code, 0, 0);
	__builtin_unreachable();
}

static void message(const char *what, const char *detail)
{
	struct text text = text_in(result->message, sizeof(result->message));

	text_add(&text, what);
	text_add(&text, detail);
}

void test_failed(const char *what, const char *detail)
{
	message(what, detail);
	test_end(GUEST_FAILED, EXIT_FAILED);
}

void test_unavailable(const char *what, const char *detail)
{
	message(what, detail);
	test_end(GUEST_UNAVAILABLE, EXIT_UNAVAILABLE);
}

void test_cmdline(const char *what)
{
	message(what, "");
	test_end(GUEST_FAILED, EXIT_CMDLINE);
}

static uint64_t ram_free = GUEST_RECORDS_GPA;

void *records_prepare(uint64_t count, size_t size)
{
	uint64_t *area = (uint64_t *)GUEST_RECORDS_GPA;

	if (machine.ram_end <= GUEST_RECORDS_GPA ||
		count > (machine.ram_end - GUEST_RECORDS_GPA) / size)
		test_cmdline("count: the records do not fit in this machine's memory");
	for (uint64_t i = 0; i < count * size / sizeof(*area); i++)
		area[i] = 0;
	result->record_gpa = GUEST_RECORDS_GPA;
	result->record_size = (uint32_t)size;
	ram_free = GUEST_RECORDS_GPA + count * size;
	return area;
}

uint64_t ram_left(uint64_t align)
{
	uint64_t at = (ram_free + align - 1) & -align;

	return at < machine.ram_end ? machine.ram_end - at : 0;
}

void *ram_take(uint64_t bytes, uint64_t align)
{
	uint64_t at = (ram_free + align - 1) & -align;

	if (bytes > ram_left(align))
		test_failed("this test needs more RAM than the machine has (tickvm's --mem)", "");
	ram_free = at + bytes;
	return (void *)at;
}

/* CPL 0. */
static uint64_t sync_rounds(uint64_t rounds, uint64_t b, uint64_t c)
{
	struct guest_sync *round = (struct guest_sync *)rounds;

	(void)b, (void)c;
	for (unsigned i = 0; i < GUEST_SYNC_ROUNDS; i++, round++) {
		round->before = rdtsc();
		out8(PORT_SYNC, 0);
		round->after = rdtsc();
	}
	return 0;
}

void measure_begin(void)
{
	in_kernel(sync_rounds, (uintptr_t)result->sync_begin, 0, 0);
	result->begin_tsc = rdtsc_fenced();
}

void measure_end(void)
{
	result->end_tsc = rdtsc_fenced();
	in_kernel(sync_rounds, (uintptr_t)result->sync_end, 0, 0);
}

/* Any CPL. */
static uint64_t stamp_pairs(uint64_t costs, uint64_t b, uint64_t c)
{
	uint64_t *cost = (uint64_t *)costs;

	(void)b, (void)c;
	for (unsigned i = 0; i < STAMP_PAIRS; i++) {
		uint32_t first, second, high;

		__asm__ volatile("rdtsc; movl %%eax, %0; rdtsc"
				 : "=&r"(first), "=a"(second), "=&d"(high));
		cost[i] = second - first;
	}
	return 0;
}

void stamp_cost(bool cpl3)
{
	uint64_t cost[STAMP_PAIRS];

	if (cpl3)
		stamp_pairs((uintptr_t)cost, 0, 0);
	else
		kernel_call(stamp_pairs, (uintptr_t)cost, 0, 0);
	for (unsigned i = 1; i < STAMP_PAIRS; i++) {
		uint64_t value = cost[i];
		unsigned at = i;

		for (; at && cost[at - 1] > value; at--)
			cost[at] = cost[at - 1];
		cost[at] = value;
	}
	result->stamp_cycles = cost[STAMP_PAIRS / 2];
}

static bool foreign_monitor(void)
{
	return mmio_read64(GPA_DEDICATED + DT_ID) != DT_ID_VALUE;
}

void guest_main(void)
{
	bool good;

	idt_init();
	machine_init();
	*result = (struct guest_result){
		.magic = GUEST_RESULT_MAGIC,
		.version = GUEST_ABI_VERSION,
		.size = sizeof(*result),
		.status = GUEST_RUNNING,
		.first_tsc = boot_tsc,
		.record_gpa = GUEST_RECORDS_GPA,
	};
	good = cmdline_parse(&cmdline, machine.cmdline, result->message, sizeof(result->message));
	struct text name = text_in(result->test, sizeof(result->test));
	text_add(&name, test_names[cmdline.test]);
	result->tsc_hz = cmdline.tsc_hz;
	console = cmdline.console == CONSOLE_SERIAL || foreign_monitor();
	if (console || cmdline.test == TEST_HELLO)
		serial_init();
	if (!good)
		test_end(GUEST_FAILED, EXIT_CMDLINE);
	stamp_cost(false);
	tests[cmdline.test](&cmdline);
	test_end(GUEST_DONE, EXIT_DONE);
}

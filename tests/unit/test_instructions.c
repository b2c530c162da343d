/* SPDX-License-Identifier: BSD-2-Clause */
/* The loops of instructions.c as a process may run them: what they leave behind, and how often they
 * did it. Ports and privileged levels are the payload's (tests/integration). */
#include "tickvm/workload.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

Test(instructions, idle_is_its_own_control)
{
	cr_expect_eq(workload_idle.run, workload_idle.control);
}

/* ---- how often: each operation faults, is counted and skipped ---- */

/* The bytes of each that has an operand (Intel SDM vol. 2): at a page that may not be touched, or
 * at a port without the right to it, it faults before it has done anything. */
static const struct operation {
	const char *name;
	const struct workload_pair *pair;
	size_t length;
	uint8_t code[7];
} operations[] = {
	{"sgdt", &workload_sgdt, 3, {0x0f, 0x01, 0x02}},
	{"sldt", &workload_sldt, 3, {0x0f, 0x00, 0x02}},
	{"sidt", &workload_sidt, 3, {0x0f, 0x01, 0x0a}},
	{"smsw", &workload_smsw, 3, {0x0f, 0x01, 0x22}},
	{"load of a page", &workload_pages, 7, {0x48, 0x8b, 0x82, 0x00, 0xf0, 0xff, 0xff}},
	{"load of a hot page", &workload_hot_pages, 4, {0x48, 0x03, 0x04, 0x32}},
	{"in", &workload_in, 1, {0xec}},
	{"out", &workload_out, 1, {0xee}},
	{"rep outsb", &workload_print, 2, {0xf3, 0x6e}},
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static const struct operation *looked_for;
static unsigned found;

static void count_and_skip(int number, siginfo_t *info, void *context)
{
	greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	(void)info;
	if (memcmp((const void *)*rip, looked_for->code, looked_for->length) != 0) {
		signal(number, SIG_DFL); /* another instruction: it faults again, for good */
		return;
	}
	found++;
	*rip += (greg_t)looked_for->length;
}

#define TIMES_MAX 1000u

/* How often a loop does what operation says, when it is told to n times: at pages that are not
 * there, of which a load of each takes one. */
static unsigned times(const struct operation *operation, workload_loop loop, uint64_t n)
{
	const size_t bytes = (size_t)TIMES_MAX * WORKLOAD_PAGE;
	const struct sigaction action = {
		.sa_sigaction = count_and_skip, .sa_flags = (int)(SA_SIGINFO | SA_NODEFER)};
	uint8_t *nowhere = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(nowhere, MAP_FAILED);
	cr_assert_eq(sigaction(SIGSEGV, &action, NULL), 0);
	looked_for = operation;
	found = 0;
	loop(n, (uintptr_t)nowhere, 0);
	munmap(nowhere, bytes);
	return found;
}

Test(instructions, a_run_does_it_n_times_and_a_control_never)
{
	static const uint64_t counts[] = {0, 1, 2, 3, 64, TIMES_MAX};

	for (size_t i = 0; i < OPERATIONS; i++) {
		const struct operation *operation = &operations[i];

		for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++)
			cr_expect_eq(times(operation, operation->pair->run, counts[j]), counts[j],
				"%s: %u of %lu", operation->name, found, counts[j]);
		cr_expect_eq(times(operation, operation->pair->control, TIMES_MAX), 0, "%s",
			operation->name);
	}
}

/* The value is the last load's, and there was none. */
Test(instructions, what_loads_nothing_returns_0)
{
	for (size_t i = 0; i < OPERATIONS; i++) {
		cr_expect_eq(operations[i].pair->run(0, 0, 0), 0, "%s", operations[i].name);
		cr_expect_eq(operations[i].pair->control(0, 0, 0), 0, "%s", operations[i].name);
		cr_expect_eq(operations[i].pair->control(1000, 0, 0), 0, "%s", operations[i].name);
	}
	cr_expect_eq(workload_idle.run(1000, 0, 0), 0);
	cr_expect_eq(workload_pushf_popf.run(1000, 0, 0), 0);
	cr_expect_eq(workload_pushf_popf.control(1000, 0, 0), 0);
}

/* ---- what it leaves behind ---- */

Test(instructions, stores_stay_within_their_scratch)
{
	static const struct {
		const struct workload_pair *pair;
		size_t most; /* bytes it may store: limit and base, or a 16-bit word */
	} stores[] = {{&workload_sgdt, 10}, {&workload_sidt, 10}, {&workload_sldt, 2},
		{&workload_smsw, 2}};
	uint8_t scratch[32];

	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
		memset(scratch, 0xa5, sizeof(scratch));
		stores[i].pair->run(3, (uintptr_t)scratch, 0);
		for (size_t j = stores[i].most; j < sizeof(scratch); j++)
			cr_expect_eq(scratch[j], 0xa5, "store %zu, byte %zu", i, j);
	}
}

/* Protected mode, as Intel SDM vol. 3, 2.5 has it: PE is set. */
Test(instructions, smsw_stores_the_machine_status_word)
{
	uint16_t word = 0;

	workload_smsw.run(1, (uintptr_t)&word, 0);
	cr_expect(word & 1);
}

/* RFLAGS.ID, which any level may change and no arithmetic does (Intel SDM vol. 1, 3.4.3): what POPF
 * loads is what PUSHF stored. */
Test(instructions, flags_survive)
{
	const uint64_t id = 1 << 21;
	uint64_t flags[2];

	for (unsigned set = 0; set < 2; set++) {
		__asm__ volatile("pushfq; andq %0, (%%rsp); orq %1, (%%rsp); popfq"
				 :
				 : "r"(~id), "r"(set ? id : 0)
				 : "cc", "memory");
		workload_pushf_popf.run(100, 0, 0);
		__asm__ volatile("pushfq; popq %0" : "=r"(flags[set]));
	}
	cr_expect_eq(flags[0] & id, 0);
	cr_expect_eq(flags[1] & id, id);
	cr_expect_eq(flags[0] & 0x200, 0x200, "interrupts");
}

/* The word of the last page is what the last load left. */
Test(instructions, pages_loads_the_first_word_of_each)
{
	enum { PAGES = 8 };
	uint8_t *area = mmap(NULL, (PAGES + 1) * WORKLOAD_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(area, MAP_FAILED);
	for (uint64_t i = 0; i < PAGES; i++)
		memcpy(area + i * WORKLOAD_PAGE, &i, sizeof(i));
	for (uint64_t n = 1; n <= PAGES; n++)
		cr_expect_eq(workload_pages.run(n, (uintptr_t)area, 0), n - 1);
	/* Not one page further. */
	cr_assert_eq(mprotect(area + PAGES * WORKLOAD_PAGE, WORKLOAD_PAGE, PROT_NONE), 0);
	cr_expect_eq(workload_pages.run(PAGES, (uintptr_t)area, 0), PAGES - 1);
	munmap(area, (PAGES + 1) * WORKLOAD_PAGE);
}

/* Whatever register values they begin with, and however often the ring is gone round. */
Test(instructions, hot_pages_stay_in_their_ring)
{
	size_t bytes = (WORKLOAD_HOT_BYTES + WORKLOAD_PAGE - 1) / WORKLOAD_PAGE * WORKLOAD_PAGE;
	uint8_t *area = mmap(
		NULL, bytes + 2 * WORKLOAD_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(area, MAP_FAILED);
	area += WORKLOAD_PAGE;
	cr_assert_eq(mprotect(area, bytes, PROT_READ | PROT_WRITE), 0);
	for (uint64_t n = 1; n <= 3 * WORKLOAD_HOT_PAGES; n += 5)
		cr_expect_eq(workload_hot_pages.run(n, (uintptr_t)area, 0), 0);
	cr_expect_eq(workload_hot_pages.control(10 * WORKLOAD_HOT_PAGES, (uintptr_t)area, 0), 0);
	munmap(area - WORKLOAD_PAGE, bytes + 2 * WORKLOAD_PAGE);
}

/* They are the instructions they are named after: without the right to the port, #GP. */
Test(instructions, in_needs_the_right, .signal = SIGSEGV)
{
	signal(SIGSEGV, SIG_DFL); /* a sanitizer would make it its own */
	workload_in.run(1, 0x3ff, 0);
}

Test(instructions, out_needs_the_right, .signal = SIGSEGV)
{
	signal(SIGSEGV, SIG_DFL);
	workload_out.run(1, 0x3ff, 0);
}

Test(instructions, print_needs_the_right, .signal = SIGSEGV)
{
	signal(SIGSEGV, SIG_DFL);
	workload_print.run(1, 0x3ff, 0);
}

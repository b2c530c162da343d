/* SPDX-License-Identifier: BSD-2-Clause */
/* The loops of instructions.c as a process may run them: what they leave behind, and how often they
 * did it. Ports and privileged levels are the payload's (tests/integration). */
#include "tickvm/workload.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

static const struct workload_pair *const all[] = {&workload_idle, &workload_sgdt, &workload_sldt,
	&workload_sidt, &workload_smsw, &workload_pushf_popf, &workload_pages, &workload_in,
	&workload_out, &workload_print};

Test(instructions, idle_is_its_own_control)
{
	cr_expect_eq(workload_idle.run, workload_idle.control);
}

/* With n = 0 nothing is done: not even an IN, which would be fatal here. */
Test(instructions, none_is_none)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		all[i]->run(0, 0, 0);
		all[i]->control(0, 0, 0);
	}
}

/* No control touches its operand: b is no address and no port here. */
Test(instructions, controls_do_not_do_it)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		all[i]->control(1000, 0, 0);
}

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

Test(instructions, flags_survive)
{
	uint64_t before, after;

	__asm__ volatile("pushfq; popq %0" : "=r"(before));
	workload_pushf_popf.run(100, 0, 0);
	__asm__ volatile("pushfq; popq %0" : "=r"(after));
	cr_expect_eq(before & 0x200, after & 0x200);
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

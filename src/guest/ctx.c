/* SPDX-License-Identifier: BSD-2-Clause */
/* test=ctx: switches around a ring of address spaces, each with a working set of its own at one and
 * the same virtual address, after Li, Ding and Shen 2007. A switch is a write to CR3 and what it
 * makes the next context refill; it schedules nothing and saves no registers. */
#include "guest.h"

#include "tickvm/workload.h"

#define SMALL_PAGE  4096ULL
#define LARGE_PAGE  (2ULL << 20)
#define WINDOWS_END (3ULL << 30)
/* The sets of a ring begin at places spread over this, about one way of a second-level cache:
 * otherwise small sets would fight for the same few lines of it and leave the others empty. */
#define CACHE_WAY    (128ULL << 10)
#define CONTEXTS_MAX 64

static struct {
	uint64_t contexts, stride;
	uint64_t cr3[CONTEXTS_MAX];
	void *window;
} ring;

/* CPL 0. The two differ in one instruction, which is what a switch is more than a gate. */
static uint64_t switch_to(uint64_t cr3, uint64_t b, uint64_t c)
{
	(void)b, (void)c;
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	return 0;
}

static uint64_t stay(uint64_t cr3, uint64_t b, uint64_t c)
{
	(void)b, (void)c;
	__asm__ volatile("" : : "r"(cr3) : "memory");
	return 0;
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void ring_init(const struct cmdline *cmdline)
{
	uint64_t bytes = max(round_up(cmdline->max_bytes, SMALL_PAGE), SMALL_PAGE);
	uint64_t window = WINDOWS_END - round_up(bytes, LARGE_PAGE);

	ring.contexts = cmdline->contexts;
	ring.stride = cmdline->stride;
	ring.window = (void *)window;
	if (ring.stride % sizeof(uint64_t))
		test_cmdline("stride: expected a multiple of 8");
	if (window < machine.ram_end)
		test_unavailable("test=ctx needs address space between the RAM and 3 GiB", "");
	uint64_t apart = bytes + max(CACHE_WAY / ring.contexts, SMALL_PAGE);
	uint64_t sets = (uint64_t)ram_take(ring.contexts * apart, LARGE_PAGE);

	for (uint64_t i = 0; i < ring.contexts; i++)
		ring.cr3[i] = paging_window(window, sets + i * apart, bytes, true);
}

/* Cycles of so many gates into CPL 0 and touchings of a working set, each in the context that gate
 * leads to. */
static uint64_t run(kernel_fn gate, uint64_t bytes, uint64_t switches)
{
	uint64_t at = 0;
	uint64_t begin = rdtsc_fenced();

	for (; switches; switches--) {
		kernel_call(gate, ring.cr3[at], 0, 0);
		workload_touch(ring.window, bytes, ring.stride);
		at = at + 1 < ring.contexts ? at + 1 : 0;
	}
	return rdtsc_fenced() - begin;
}

/* With a turn before it, so that what is timed is the steady state. */
static uint64_t run_warm(kernel_fn gate, uint64_t bytes, uint64_t switches)
{
	kernel_call(switch_to, ring.cr3[0], 0, 0);
	run(gate, bytes, ring.contexts);
	return run(gate, bytes, switches);
}

/* Of three, so that the pilot is not misled by what the host does meanwhile. */
static uint64_t quickest(uint64_t bytes, uint64_t switches)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t cycles = run_warm(switch_to, bytes, switches);

		best = cycles < best ? cycles : best;
	}
	return best;
}

/* Whole turns that take about ticks. */
static uint64_t pilot(uint64_t bytes, uint64_t ticks)
{
	uint64_t switches = ring.contexts, cycles;

	while ((cycles = quickest(bytes, switches)) < ticks / 4)
		switches *= 2;
	return max(switches * ticks / cycles / ring.contexts, 1) * ring.contexts;
}

/* Which comes first changes from round to round, so that a drift cancels. */
static void measure(struct guest_ctx_round *round, uint64_t bytes, uint64_t switches, bool swap)
{
	*round = (struct guest_ctx_round){
		.contexts = (uint32_t)ring.contexts,
		.stride = (uint32_t)ring.stride,
		.bytes = bytes,
		.switches = switches,
	};
	if (swap)
		round->control_cycles = run_warm(stay, bytes, switches);
	round->switch_cycles = run_warm(switch_to, bytes, switches);
	if (!swap)
		round->control_cycles = run_warm(stay, bytes, switches);
}

void test_ctx(const struct cmdline *cmdline)
{
	uint64_t switches[64], sizes = 1;

	while (SMALL_PAGE << (sizes - 1) <= cmdline->max_bytes)
		sizes++;
	struct guest_ctx_round *rounds = records_prepare(cmdline->rounds * sizes, sizeof(*rounds));

	clocks_init(cmdline);
	ring_init(cmdline);
	stamp_cost(true);
	for (uint64_t i = 0; i < sizes; i++)
		switches[i] = pilot(i ? SMALL_PAGE << (i - 1) : 0, ns_to_tsc(cmdline->round_ns));
	measure_begin();
	for (uint64_t i = 0; i < cmdline->rounds * sizes; i++) {
		uint64_t size = i % sizes;

		measure(&rounds[i], size ? SMALL_PAGE << (size - 1) : 0, switches[size],
			i / sizes % 2);
	}
	measure_end();
	paging_use(0);
	result->record_count = (uint32_t)(cmdline->rounds * sizes);
}

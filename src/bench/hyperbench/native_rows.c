/* SPDX-License-Identifier: BSD-2-Clause */
/* What each row of tickvm/hyperbench.h is in a process of the host, and why some are not.
 * It times nothing: native_time.c does. */
#include "native_rows.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <immintrin.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PORT_POST          0x80 /* diagnostic port: Linux itself writes to it as a delay */
#define HUGE_PAGE          (2UL << 20)
#define SETTLE_NS          20000 /* by then the answering thread sleeps again */
#define SPINS_BEFORE_YIELD 10000

/* ---- instructions ---- */

static int begin_scratch(struct native_measurement *m)
{
	m->b = (uintptr_t)m->scratch;
	return 0;
}

/* The right is this thread's alone and ends with it. */
static int begin_port(struct native_measurement *m)
{
	m->b = PORT_POST;
	if (ioperm(PORT_POST, 1, 1) < 0)
		return diag_set(m->diag, -ENOTSUP, "no way to port 0x%x (ioperm: %s)", PORT_POST,
			strerror(errno));
	return 0;
}

/* ---- memory ---- */

static int map_area(struct native_measurement *m, size_t bytes, int advice)
{
	m->area = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->area == MAP_FAILED) {
		m->area = NULL;
		return diag_set(
			m->diag, -ENOMEM, "cannot map %zu MiB: %s", bytes >> 20, strerror(errno));
	}
	m->area_bytes = bytes;
	/* Advice: a kernel without huge pages does as it must. */
	(void)madvise(m->area, bytes, advice);
	return 0;
}

static void unmap_area(struct native_measurement *m)
{
	if (m->area != NULL)
		munmap(m->area, m->area_bytes);
	m->area = NULL;
}

static int begin_hot(struct native_measurement *m)
{
	bool small = m->machine->small_pages;
	int err = map_area(
		m, WORKLOAD_HOT_BYTES + HUGE_PAGE, small ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);

	if (err < 0)
		return err;
	m->b = ((uintptr_t)m->area + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	snprintf(m->note->text, sizeof(m->note->text),
		"%u pages in turn, in L1 and its TLB; %s, as guest RAM", WORKLOAD_HOT_PAGES,
		small ? "4 KiB pages" : "2 MiB pages where the host has them");
	return 0;
}

/* The first access, which writes: pages only read would all be the kernel's one zero page. */
static int prepare_hot(struct native_measurement *m, uint64_t n)
{
	(void)n;
	for (uint64_t at = 0; at < WORKLOAD_HOT_BYTES; at += WORKLOAD_HOT_STRIDE)
		*(volatile uint64_t *)(m->b + at) = 0;
	return 0;
}

static int prepare_cold(struct native_measurement *m, uint64_t n)
{
	unmap_area(m);
	int err = map_area(m, n * WORKLOAD_PAGE, MADV_NOHUGEPAGE);

	m->b = (uintptr_t)m->area;
	return err;
}

/* ---- two threads ---- */

static bool sleeps(const struct native_measurement *m)
{
	return m->row == HYPERBENCH_IPI_HALTED;
}

static void futex(_Atomic uint32_t *word, int op, uint32_t value)
{
	syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

/* Spins until word is, or is no longer, value. */
static void spin(const _Atomic uint32_t *word, uint32_t value, bool is)
{
	for (unsigned spins = 1; (atomic_load_explicit(word, memory_order_acquire) == value) != is;
		spins++) {
		_mm_pause();
		if (spins % SPINS_BEFORE_YIELD == 0)
			sched_yield(); /* the other may want this CPU */
	}
}

static void ring(struct native_measurement *m)
{
	struct native_ping *ping = &m->ping;
	uint32_t request = atomic_load_explicit(&ping->request, memory_order_relaxed) + 1;

	atomic_store_explicit(&ping->request, request, memory_order_release);
	if (sleeps(m))
		futex(&ping->request, FUTEX_WAKE, 1);
	spin(&ping->answer, request, true);
}

/* Gives the answering thread the time to fall asleep. In both loops. */
static void settle(const struct native_measurement *m)
{
	uint64_t begin, ticks;

	if (!sleeps(m))
		return;
	begin = clock_tsc();
	ticks = clock_ns_to_ticks(SETTLE_NS);
	while (clock_tsc() - begin < ticks)
		_mm_pause();
}

static uint64_t run_ping(uint64_t n, uint64_t b, uint64_t c)
{
	struct native_measurement *m = (struct native_measurement *)b;

	(void)c;
	for (; n != 0; n--) {
		ring(m);
		settle(m);
	}
	return 0;
}

static uint64_t control_ping(uint64_t n, uint64_t b, uint64_t c)
{
	const struct native_measurement *m = (const struct native_measurement *)b;

	(void)c;
	for (; n != 0; n--)
		settle(m);
	return 0;
}

static const struct workload_pair ping_loops = {run_ping, control_ping};

static int begin_ping(struct native_measurement *m)
{
	m->b = (uintptr_t)m;
	return 0;
}

static void answer(struct native_measurement *m)
{
	struct native_ping *ping = &m->ping;

	for (uint32_t seen = 0; !atomic_load(&ping->stop);) {
		if (sleeps(m))
			futex(&ping->request, FUTEX_WAIT, seen);
		else
			spin(&ping->request, seen, false);
		seen = atomic_load_explicit(&ping->request, memory_order_acquire);
		atomic_store_explicit(&ping->answer, seen, memory_order_release);
	}
}

static void stop_answers(struct native_measurement *m)
{
	atomic_store(&m->ping.stop, true);
	atomic_fetch_add(&m->ping.request, 1);
	futex(&m->ping.request, FUTEX_WAKE, 1);
}

/* ---- which is which ---- */

#define RING0 "needs ring 0: a bare-metal run"
/* clang-format off */
const struct native_operation native_operations[HYPERBENCH_COUNT] = {
	[HYPERBENCH_IDLE] = {.loops = &workload_idle, .note = ""},
	[HYPERBENCH_SGDT] = {.loops = &workload_sgdt, .note = "", .begin = begin_scratch, .umip = true},
	[HYPERBENCH_SLDT] = {.loops = &workload_sldt, .note = "", .begin = begin_scratch, .umip = true},
	[HYPERBENCH_SIDT] = {.loops = &workload_sidt, .note = "", .begin = begin_scratch, .umip = true},
	[HYPERBENCH_SMSW] = {.loops = &workload_smsw, .note = "", .begin = begin_scratch, .umip = true},
	[HYPERBENCH_PUSHF_POPF] = {.loops = &workload_pushf_popf, .note = ""},
	[HYPERBENCH_LGDT] = {.note = RING0},
	[HYPERBENCH_SET_CR3] = {.note = RING0},
	[HYPERBENCH_HYPERCALL] = {.note = RING0},
	[HYPERBENCH_IPI_HALTED] = {.loops = &ping_loops, .begin = begin_ping, .end = stop_answers,
		.second = answer, .note = "futex wake-up of a sleeping thread: not an IPI alone"},
	[HYPERBENCH_IPI_RUNNING] = {.loops = &ping_loops, .begin = begin_ping, .end = stop_answers,
		.second = answer,
		.note = "a spinning thread answers through a shared cache line: no interrupt"},
	[HYPERBENCH_HOT_MEMORY] = {.loops = &workload_hot_pages, .begin = begin_hot,
		.prepare = prepare_hot, .end = unmap_area, .note = ""},
	[HYPERBENCH_COLD_MEMORY] = {.loops = &workload_pages, .prepare = prepare_cold,
		.end = unmap_area,
		.note = "first read of a fresh 4 KiB page: the kernel maps its zero page"},
	[HYPERBENCH_SET_PAGE_TABLE] = {.note = RING0},
	[HYPERBENCH_IN] = {.loops = &workload_in, .begin = begin_port, .note = "port 0x80"},
	[HYPERBENCH_OUT] = {.loops = &workload_out, .begin = begin_port, .note = "port 0x80"},
	[HYPERBENCH_PRINT] = {.note = "needs a serial port of the host"},
};
/* clang-format on */

/* SPDX-License-Identifier: BSD-2-Clause */
/* Native threads and rows: who runs, what is timed, by a clock of the test's, what is refused and
 * why. No KVM. What rows cost on a host: tests/timing. */
#include "../../src/bench/hyperbench/native_rows.h"

#include "tickvm/bench.h"
#include "tickvm/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

TestSuite(native, .timeout = 300);

#define THREADS   4
#define MEETINGS  100
#define ROUNDS    5
#define ROUNDS_NS 50000

static struct vm_config machine(void)
{
	struct vm_config config;

	vm_config_default(&config);
	return config;
}

/* ---- threads ---- */

struct work {
	struct native_barrier barrier;
	unsigned calls[THREADS];
	unsigned arrived; /* all threads, all meetings */
	unsigned wrong;
};

static void meet(void *arg, unsigned thread)
{
	struct work *work = arg;

	work->calls[thread]++;
	for (unsigned i = 1; i <= MEETINGS; i++) {
		__atomic_add_fetch(&work->arrived, 1, __ATOMIC_RELAXED);
		native_barrier_wait(&work->barrier, THREADS);
		if (__atomic_load_n(&work->arrived, __ATOMIC_RELAXED) != i * THREADS)
			__atomic_add_fetch(&work->wrong, 1, __ATOMIC_RELAXED);
		native_barrier_wait(&work->barrier, THREADS);
	}
}

Test(native, each_thread_runs_once_and_they_wait_for_each_other)
{
	struct vm_config config = machine();
	struct diag diag = {""};
	struct work work = {.arrived = 0};

	cr_assert_eq(native_run(&config, THREADS, meet, &work, &diag), 0, "%s", diag.text);
	for (unsigned i = 0; i < THREADS; i++)
		cr_expect_eq(work.calls[i], 1);
	cr_expect_eq(work.wrong, 0);
}

Test(native, a_thread_that_cannot_start_lets_none_run)
{
	struct vm_config config = machine();
	struct diag diag = {""};
	struct work work = {.arrived = 0};

	config.vcpu_cpu[THREADS - 1] = 1000;
	cr_expect_eq(native_run(&config, THREADS, meet, &work, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "CPU 1000"), "%s", diag.text);
	cr_expect_eq(work.arrived, 0);
}

Test(native, numbers_of_threads_have_a_range)
{
	struct vm_config config = machine();
	struct diag diag = {""};

	cr_expect_eq(native_run(&config, 0, meet, NULL, &diag), -EINVAL);
	cr_expect_eq(native_run(&config, VM_MAX_VCPUS + 1, meet, NULL, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "expected 1 to 16"), "%s", diag.text);
}

/* ---- rows ---- */

static int measure(enum hyperbench_row row, const struct native_plan *plan,
	struct guest_bench_round *rounds, size_t *n, struct diag *diag)
{
	struct vm_config config = machine();
	struct native_note note;

	return native_row(&config, row, plan, rounds, n, &note, diag);
}

#define RANGE(id, name, category, min, max, levels, level) {name, min, max},
static const struct {
	const char *name;
	uint64_t min, max;
} rows[] = {HYPERBENCH_ROWS(RANGE)};

Test(native, every_row_has_rounds_or_a_reason)
{
	const struct native_plan plan = {.rounds = ROUNDS, .round_ns = ROUNDS_NS};
	struct guest_bench_round rounds[ROUNDS];

	for (unsigned row = 0; row < HYPERBENCH_COUNT; row++) {
		struct diag diag = {""};
		size_t n = 99;
		int err = measure(row, &plan, rounds, &n, &diag);

		if (err != 0) {
			cr_expect_eq(err, -ENOTSUP, "%s: %d", rows[row].name, err);
			cr_expect_str_neq(diag.text, "", "%s", rows[row].name);
			cr_expect_eq(n, 0);
			continue;
		}
		cr_assert_eq(n, ROUNDS, "%s: %zu rounds", rows[row].name, n);
		for (size_t i = 0; i < n; i++) {
			cr_expect_geq(rounds[i].iterations, rows[row].min, "%s", rows[row].name);
			cr_expect_leq(rounds[i].iterations, rows[row].max, "%s", rows[row].name);
			cr_expect_gt(rounds[i].run_cycles, 0, "%s", rows[row].name);
			cr_expect_gt(rounds[i].control_cycles, 0, "%s", rows[row].name);
		}
	}
}

Test(native, plain_instructions_and_memory_are_always_there)
{
	static const enum hyperbench_row always[] = {HYPERBENCH_IDLE, HYPERBENCH_PUSHF_POPF,
		HYPERBENCH_HOT_MEMORY, HYPERBENCH_COLD_MEMORY};
	const struct native_plan plan = {.rounds = ROUNDS, .round_ns = ROUNDS_NS};
	struct guest_bench_round rounds[ROUNDS];

	for (unsigned i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		struct diag diag = {""};
		size_t n;

		cr_assert_eq(measure(always[i], &plan, rounds, &n, &diag), 0, "%s", diag.text);
		cr_expect_eq(n, ROUNDS);
	}
}

Test(native, what_needs_ring_0_says_so)
{
	static const enum hyperbench_row ring0[] = {HYPERBENCH_LGDT, HYPERBENCH_SET_CR3,
		HYPERBENCH_HYPERCALL, HYPERBENCH_SET_PAGE_TABLE};
	const struct native_plan plan = {.rounds = 1, .round_ns = ROUNDS_NS};
	struct guest_bench_round rounds[1];
	struct diag diag;
	size_t n;

	for (unsigned i = 0; i < sizeof(ring0) / sizeof(ring0[0]); i++) {
		diag.text[0] = '\0';
		cr_expect_eq(measure(ring0[i], &plan, rounds, &n, &diag), -ENOTSUP);
		cr_expect_not_null(strstr(diag.text, "ring 0"), "%s", diag.text);
	}
	cr_expect_eq(measure(HYPERBENCH_PRINT, &plan, rounds, &n, &diag), -ENOTSUP);
	cr_expect_not_null(strstr(diag.text, "serial port"), "%s", diag.text);
}

Test(native, scale_interleaves_one_four_sixteen)
{
	const struct native_plan plan = {.rounds = ROUNDS, .round_ns = ROUNDS_NS, .scale = true};
	struct guest_bench_round rounds[3 * ROUNDS];
	struct diag diag = {""};
	size_t n;

	cr_assert_eq(measure(HYPERBENCH_HOT_MEMORY, &plan, rounds, &n, &diag), 0, "%s", diag.text);
	cr_assert_eq(n, 3 * ROUNDS);
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(rounds[i].iterations, rounds[0].iterations << 2 * (i % 3));
}

Test(native, iterations_are_taken_or_refused_with_the_range)
{
	struct native_plan plan = {.iterations = 1234, .rounds = 1};
	struct guest_bench_round rounds[3];
	struct diag diag = {""};
	size_t n;

	cr_assert_eq(measure(HYPERBENCH_PUSHF_POPF, &plan, rounds, &n, &diag), 0, "%s", diag.text);
	cr_expect_eq(rounds[0].iterations, 1234);
	plan.iterations = 9;
	cr_expect_eq(measure(HYPERBENCH_PUSHF_POPF, &plan, rounds, &n, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "expected 10 to 10000000"), "%s", diag.text);
	plan.iterations = 10000000;
	plan.scale = true;
	cr_expect_eq(measure(HYPERBENCH_PUSHF_POPF, &plan, rounds, &n, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "to 625000"), "%s", diag.text);
	plan.rounds = 0;
	cr_expect_eq(measure(HYPERBENCH_PUSHF_POPF, &plan, rounds, &n, &diag), -EINVAL);
}

Test(native, an_interrupted_row_stops)
{
	const struct native_plan plan = {.rounds = 1, .round_ns = ROUNDS_NS};
	struct guest_bench_round rounds[1];
	struct diag diag = {""};
	size_t n;

	bench_interrupted = 1;
	cr_expect_eq(measure(HYPERBENCH_IDLE, &plan, rounds, &n, &diag), -EINTR);
	cr_expect_lt(measure(HYPERBENCH_IPI_RUNNING, &plan, rounds, &n, &diag), 0);
	bench_interrupted = 0;
}

Test(native, an_ipi_needs_two_cpus)
{
	const struct native_plan plan = {.rounds = 1, .round_ns = ROUNDS_NS};
	struct vm_config config = machine();
	struct guest_bench_round rounds[1];
	struct native_note note;
	struct diag diag = {""};
	size_t n;

	config.vcpu_cpu[0] = config.vcpu_cpu[1] = 0;
	cr_expect_eq(native_row(&config, HYPERBENCH_IPI_HALTED, &plan, rounds, &n, &note, &diag),
		-ENOTSUP);
	cr_expect_not_null(strstr(diag.text, "two CPUs"), "%s", diag.text);
}

/* ---- what is timed: an operation that takes 90 ticks, in a loop of 10, by a clock of ours ---- */

#define RUN_TICKS     100
#define CONTROL_TICKS 10
#define LOOK_TICKS    7 /* a reading of the clock */
#define FAKE_ROUNDS   4

static struct {
	uint64_t ticks, prepared, run, control, runs;
	bool disturbed; /* two of three runs of a pilot take a while longer */
} fake;

static uint64_t fake_now(void)
{
	return fake.ticks += LOOK_TICKS;
}

static int fake_prepare(struct native_measurement *m, uint64_t n)
{
	(void)m;
	cr_expect_eq(fake.prepared, 0, "%lu iterations were prepared and not run", fake.prepared);
	fake.prepared = n;
	return 0;
}

static uint64_t fake_run(uint64_t n, uint64_t b, uint64_t c)
{
	(void)c;
	cr_expect_eq(b, 77);
	cr_expect_eq(fake.prepared, n);
	fake.prepared = 0;
	fake.run += n;
	fake.ticks += n * RUN_TICKS;
	/* The first is to warm up; a round comes after a whole number of threes. */
	if (fake.disturbed && fake.runs % 3 != 1)
		fake.ticks += 1000000;
	fake.runs++;
	return 0;
}

static uint64_t fake_control(uint64_t n, uint64_t b, uint64_t c)
{
	(void)c;
	cr_expect_eq(b, 77);
	fake.control += n;
	fake.ticks += n * CONTROL_TICKS;
	return 0;
}

static const struct workload_pair fake_loops = {fake_run, fake_control};
static const struct native_operation fake_operation = {
	.loops = &fake_loops, .note = "a note", .prepare = fake_prepare};

/* By most iterations of a round; returns how many records there are. */
static size_t measure_fake(
	const struct native_plan *plan, uint64_t most, struct guest_bench_round *rounds)
{
	struct vm_config config = machine();
	struct native_note note;
	struct diag diag = {""};
	struct native_measurement m = {.machine = &config,
		.operation = &fake_operation,
		.plan = plan,
		.now = fake_now,
		.min = 10,
		.most = most,
		.b = 77,
		.rounds = rounds,
		.note = &note,
		.diag = &diag};

	clock_set_tsc_hz(1000000000);
	cr_assert_eq(native_measure_operation(&m), 0, "%s", diag.text);
	cr_expect_str_eq(note.text, "a note");
	for (size_t i = 0; i < m.n; i++) {
		cr_expect_eq(rounds[i].run_cycles, rounds[i].iterations * RUN_TICKS + LOOK_TICKS);
		cr_expect_eq(rounds[i].control_cycles,
			rounds[i].iterations * CONTROL_TICKS + LOOK_TICKS);
	}
	return m.n;
}

Test(native, run_and_control_are_timed_for_as_many_iterations)
{
	const struct native_plan plan = {.iterations = 123, .rounds = FAKE_ROUNDS};
	struct guest_bench_round rounds[FAKE_ROUNDS];

	cr_assert_eq(measure_fake(&plan, 10000, rounds), FAKE_ROUNDS);
	for (size_t i = 0; i < FAKE_ROUNDS; i++)
		cr_expect_eq(rounds[i].iterations, 123);
	/* And once before all rounds. */
	cr_expect_eq(fake.run, 1 + FAKE_ROUNDS * 123);
	cr_expect_eq(fake.control, 1 + FAKE_ROUNDS * 123);
}

Test(native, scales_are_times_four)
{
	const struct native_plan plan = {.iterations = 100, .rounds = 2, .scale = true};
	static const uint64_t expected[] = {100, 400, 1600, 100, 400, 1600};
	struct guest_bench_round rounds[6];

	cr_assert_eq(measure_fake(&plan, 10000, rounds), 6);
	for (size_t i = 0; i < 6; i++)
		cr_expect_eq(rounds[i].iterations, expected[i]);
}

static void expect_pilot(uint64_t round_ns, uint64_t most, uint64_t least, uint64_t greatest)
{
	const struct native_plan plan = {.rounds = 1, .round_ns = round_ns};
	struct guest_bench_round round;

	cr_assert_eq(measure_fake(&plan, most, &round), 1);
	cr_expect(round.iterations >= least && round.iterations <= greatest,
		"%lu iterations for %lu ns", round.iterations, round_ns);
}

/* A tick is a nanosecond. */
Test(native, a_pilot_finds_the_iterations_of_a_round)
{
	expect_pilot(50000, 10000, 495, 500);
	expect_pilot(1000000, 100000, 9950, 10000);
	expect_pilot(1, 10000, 10, 10);
	expect_pilot(UINT64_MAX / 4, 4000, 4000, 4000);
}

Test(native, a_pilot_that_is_interrupted_is_not_misled)
{
	fake.disturbed = true;
	expect_pilot(50000, 10000, 495, 500);
}

/* ---- instructions that fault ---- */

static uint64_t fault(uint64_t n, uint64_t b, uint64_t c)
{
	(void)c;
	return n + *(volatile uint64_t *)b;
}

static uint64_t undefined(uint64_t n, uint64_t b, uint64_t c)
{
	(void)b;
	(void)c;
	__asm__ volatile("ud2");
	return n;
}

static uint64_t harmless(uint64_t n, uint64_t b, uint64_t c)
{
	return n + b + c;
}

static void before(int number)
{
	(void)number;
}

Test(native, a_fault_ends_the_try_and_nothing_else)
{
	struct sigaction mine = {.sa_handler = before}, now;

	cr_assert_eq(sigaction(SIGSEGV, &mine, NULL), 0);
	cr_expect_eq(native_try_loop(fault, 8), SIGSEGV);
	cr_expect_eq(native_try_loop(undefined, 0), SIGILL);
	cr_expect_eq(native_try_loop(fault, 8), SIGSEGV, "not only once");
	cr_expect_eq(native_try_loop(harmless, 0), 0);
	cr_assert_eq(sigaction(SIGSEGV, NULL, &now), 0);
	cr_expect_eq(now.sa_handler, before, "the process's own handler is back");
}

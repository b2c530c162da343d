/* SPDX-License-Identifier: BSD-2-Clause */
/* test=bench: times one registered benchmark and its control loop, round by round.
 * Subtracting and averaging is left to the reader of the records. */
#include "bench.h"
#include "pilot.h"
#include "guest_text.h"

#define SCALES       3 /* with scale=1: x1, x4, x16 */
#define SCALE_LARGER 16
#define SCALE_TOTAL  21

extern const struct benchmark benchmarks_start[], benchmarks_end[];

static struct {
	const struct benchmark *bench;
	bool cpl0;
	uint64_t max; /* iterations of x1 */
} run;

const struct benchmark *bench_find(const char *name)
{
	const struct benchmark *bench;

	for (bench = benchmarks_start; bench != benchmarks_end; bench++)
		if (text_is(name, text_length(name), bench->name))
			return bench;
	return NULL;
}

const char *bench_init(const struct benchmark *bench, const struct cmdline *cmdline)
{
	return bench->operation->init ? bench->operation->init(cmdline) : NULL;
}

void bench_cleanup(const struct benchmark *bench)
{
	if (bench->operation->cleanup)
		bench->operation->cleanup();
}

static void choose_level(enum cpl wanted)
{
	const struct benchmark *bench = run.bench;
	unsigned level = wanted == CPL_0 ? 0 : wanted == CPL_3 ? 3 : bench->level;

	if (!(bench->levels & (level ? LEVEL_CPL3 : LEVEL_CPL0)))
		test_cmdline(level ? "cpl: this benchmark is for CPL 0 only"
				   : "cpl: this benchmark is for CPL 3 only");
	run.cpl0 = level == 0 && !bench->operation->from_cpl3;
}

/* Stamped at CPL 3, where fences work everywhere; the way to CPL 0 and back is in both loops. */
static uint64_t time(kernel_fn loop, uint64_t n, uint64_t b)
{
	uint64_t begin = rdtsc_fenced();

	if (!run.cpl0)
		loop(n, b, 0);
	else if (!kernel_try(loop, n, b, 0))
		exception_end();
	return rdtsc_fenced() - begin;
}

static uint64_t signalled(bool signals, kernel_fn loop, uint64_t n, uint64_t b)
{
	uint64_t cycles;

	if (signals)
		out8(PORT_SIGNAL, SIGNAL_BEGIN);
	cycles = time(loop, n, b);
	if (signals)
		out8(PORT_SIGNAL, SIGNAL_END);
	return cycles;
}

static struct guest_bench_round do_round(uint64_t n, bool signals)
{
	const struct operation *operation = run.bench->operation;
	uint64_t b = operation->prepare ? operation->prepare(n) : operation->operand;
	struct guest_bench_round round = {.iterations = n};

	round.run_cycles = signalled(signals, operation->loops->run, n, b);
	round.control_cycles = signalled(signals, operation->loops->control, n, b);
	return round;
}

/* The first execution, alone. An instruction that this machine has not ends the run here. */
static void probe(void)
{
	exceptions_in(run.bench->name, true);
	do_round(1, false);
	exceptions_in(run.bench->name, false);
}

static uint64_t round_cycles(uint64_t n)
{
	struct guest_bench_round round = do_round(n, false);

	return round.run_cycles + round.control_cycles;
}

_Noreturn static void out_of_range(uint64_t n)
{
	char message[96];
	struct text text = text_in(message, sizeof(message));

	text_add(&text, "iterations: ");
	text_add_decimal(&text, n);
	text_add(&text, " is out of range: ");
	text_add_decimal(&text, run.bench->min);
	text_add(&text, " to ");
	text_add_decimal(&text, run.max);
	test_cmdline(message);
}

/* All rounds of a scale together take as long as three of one count. */
static uint64_t choose_iterations(const struct cmdline *cmdline)
{
	uint64_t goal = ns_to_tsc(cmdline->round_ns);

	if (!cmdline->iterations)
		return pilot_iterations(run.bench->min, run.max,
			cmdline->scale ? goal * SCALES / SCALE_TOTAL : goal, round_cycles);
	if (cmdline->iterations < run.bench->min || cmdline->iterations > run.max)
		out_of_range(cmdline->iterations);
	return cmdline->iterations;
}

static void find_max(const struct cmdline *cmdline)
{
	uint64_t larger = cmdline->scale ? SCALE_LARGER : 1;
	uint64_t total = cmdline->rounds * (cmdline->scale ? SCALE_TOTAL : 1);

	run.max = run.bench->max / larger;
	if (run.bench->operation->most) {
		uint64_t most = run.bench->operation->most(larger, total + BENCH_PILOT_ROUNDS);

		run.max = most < run.max ? most : run.max;
	}
	if (run.max < run.bench->min)
		test_unavailable(
			"this machine's RAM is too small for so many rounds ", "(tickvm's --mem)");
}

void test_bench(const struct cmdline *cmdline)
{
	uint64_t scales = cmdline->scale ? SCALES : 1;
	struct guest_bench_round *record =
		records_prepare(cmdline->rounds * scales, sizeof(*record));
	const char *lacking;

	run.bench = bench_find(cmdline->name);
	if (!run.bench)
		test_cmdline("name: no such benchmark");
	choose_level(cmdline->cpl);
	clocks_init(cmdline);
	lacking = bench_init(run.bench, cmdline);
	if (lacking)
		test_unavailable(lacking, "");
	find_max(cmdline);
	stamp_cost(true);
	probe();
	uint64_t n = choose_iterations(cmdline);
	measure_begin();
	for (uint64_t i = 0; i < cmdline->rounds; i++)
		for (uint64_t scale = 0; scale < scales; scale++)
			*record++ = do_round(n << 2 * scale, cmdline->signals);
	measure_end();
	bench_cleanup(run.bench);
	result->record_count = (uint32_t)(cmdline->rounds * scales);
}

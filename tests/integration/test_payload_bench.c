/* SPDX-License-Identifier: BSD-2-Clause */
/* test=bench: every row of HyperBench ends with figures or with a reason, iterations stay within
 * their ranges, and what a round did is what the monitor counts. Nothing here is about how long
 * anything takes. */
#include "guest_code.h"

#include "tickvm/guest_abi.h"
#include "tickvm/hyperbench.h"

TestSuite(payload_bench, .timeout = WATCHDOG_S);

static const struct row {
	const char *name;
	uint64_t min, max;
	unsigned levels;
} rows[] = {
#define ROW(id, name, category, min, max, levels, level) {name, min, max, levels},
	HYPERBENCH_ROWS(ROW)};

struct run {
	struct vm *vm;
	const struct guest_result *result;
	const struct guest_bench_round *rounds;
	size_t n;
	uint8_t status; /* the payload's exit status */
};

static struct run run_bench_with(struct vm_config config, const char *append)
{
	struct vm_outcome outcome;
	struct run run;

	config.vcpus = 2;
	config.append = append;
	run.vm = run_vm(&config, &outcome);
	cr_assert_eq(outcome.end, VM_END_EXIT, "%s: %s", append, outcome.report);
	run.status = outcome.status;
	run.result = vm_guest_result(run.vm);
	cr_assert_not_null(run.result, "%s", append);
	run.rounds = vm_guest_records(run.vm, run.result, sizeof(*run.rounds), &run.n);
	return run;
}

static struct run run_bench(const char *append)
{
	struct vm_config config = quiet_config(IRQCHIP_KERNEL);

	config.mem_bytes = 64ULL << 20;
	return run_bench_with(config, append);
}

static void expect_figures_or_reason(const struct row *row, int level)
{
	char append[128];
	struct run run;

	snprintf(append, sizeof(append), "test=bench name=%s cpl=%d rounds=2 round_ns=100000",
		row->name, level);
	run = run_bench(append);
	if (run.result->status == GUEST_UNAVAILABLE) {
		cr_expect_eq(run.status, 3);
		cr_expect_gt(strlen(run.result->message), 10, "%s", append);
	} else {
		cr_assert_eq(run.result->status, GUEST_DONE, "%s: %s", append, run.result->message);
		cr_assert_eq(run.n, 2);
		for (size_t i = 0; i < run.n; i++) {
			cr_expect(run.rounds[i].iterations >= row->min &&
					  run.rounds[i].iterations <= row->max,
				"%s: %llu iterations", append,
				(unsigned long long)run.rounds[i].iterations);
			cr_expect_gt(run.rounds[i].run_cycles, 0, "%s", append);
			cr_expect_gt(run.rounds[i].control_cycles, 0, "%s", append);
		}
	}
	vm_destroy(run.vm);
}

Test(payload_bench, every_row_ends_with_figures_or_a_reason_at_cpl0)
{
	REQUIRE_KVM();
	for (size_t i = 0; i < HYPERBENCH_COUNT; i++)
		if (rows[i].levels & LEVEL_CPL0)
			expect_figures_or_reason(&rows[i], 0);
}

Test(payload_bench, every_row_ends_with_figures_or_a_reason_at_cpl3)
{
	REQUIRE_KVM();
	for (size_t i = 0; i < HYPERBENCH_COUNT; i++)
		if (rows[i].levels & LEVEL_CPL3)
			expect_figures_or_reason(&rows[i], 3);
}

static void expect_end(
	const char *append, enum guest_status status, uint8_t code, const char *message)
{
	struct run run = run_bench(append);

	cr_expect_eq(run.result->status, status, "%s", append);
	cr_expect_eq(run.status, code, "%s", append);
	cr_expect_not_null(
		strstr(run.result->message, message), "%s: %s", append, run.result->message);
	vm_destroy(run.vm);
}

Test(payload_bench, what_cannot_be_done_says_why)
{
	REQUIRE_KVM();
	expect_end("test=bench name=sgdt iterations=9", GUEST_FAILED, 2,
		"iterations: 9 is out of range: 10 to 10000000");
	expect_end("test=bench name=idle scale=1 iterations=62501", GUEST_FAILED, 2,
		"iterations: 62501 is out of range: 10 to 62500");
	expect_end("test=bench name=set-page-table iterations=101", GUEST_FAILED, 2, "1 to 100");
	expect_end("test=bench name=lgdt cpl=3", GUEST_FAILED, 2, "CPL 0 only");
	expect_end("test=bench name=sgdtt", GUEST_FAILED, 2, "no such benchmark");
	expect_end("test=bench name=cold-memory rounds=10000", GUEST_UNAVAILABLE, 3, "RAM");
	expect_end("test=bench name=hypercall hypercalls=0", GUEST_UNAVAILABLE, 3, "hypercalls=1");
}

Test(payload_bench, a_guest_that_dies_leaves_its_registers)
{
	REQUIRE_KVM();
	for (int cpl = 0; cpl <= 3; cpl += 3) {
		char append[64];

		snprintf(append, sizeof(append), "test=bench name=fault cpl=%d", cpl);
		struct run run = run_bench(append);
		const struct guest_registers *r = &run.result->died;

		cr_expect(r->rip >= 0x100000 && r->rip < 0x200000, "in the payload: %#llx",
			(unsigned long long)r->rip);
		cr_expect_eq(r->rdx, 1ULL << 40, "the address that nothing is mapped at");
		cr_expect_neq(r->rsp, 0);
		vm_destroy(run.vm);
	}
	/* An exception that the probe expected is none that ended the run. */
	struct run run = run_bench("test=bench name=undefined cpl=0");

	cr_expect_eq(run.result->died.rip, 0);
	vm_destroy(run.vm);
}

/* It returns with hardware virtualization; elsewhere the guest has found that out and says so. */
Test(payload_bench, a_hypercall_returns_or_is_undefined_but_never_hangs)
{
	REQUIRE_KVM();
	struct run run = run_bench("test=bench name=hypercall rounds=3 round_ns=100000");

	if (run.status == 0) {
		cr_expect_eq(run.result->status, GUEST_DONE);
		cr_expect_eq(run.result->record_count, 3);
	} else {
		cr_expect_eq(run.result->status, GUEST_UNAVAILABLE);
		cr_expect_not_null(
			strstr(run.result->message, "#UD at CPL 0"), "%s", run.result->message);
	}
	vm_destroy(run.vm);
}

Test(payload_bench, a_machine_of_one_cpu_has_no_ipi)
{
	struct vm_config config = quiet_config(IRQCHIP_KERNEL);
	struct vm_outcome outcome;
	struct vm *vm;

	REQUIRE_KVM();
	config.append = "test=bench name=ipi-halted";
	vm = run_vm(&config, &outcome);
	cr_expect_eq(outcome.status, 3);
	cr_expect_str_eq(vm_guest_result(vm)->message, "this test needs 2 CPUs in the ACPI MADT");
	vm_destroy(vm);
}

/* A benchmark that dies is named, with what the processor said. */
Test(payload_bench, an_exception_names_the_benchmark)
{
	REQUIRE_KVM();
	expect_end("test=bench name=fault cpl=0", GUEST_FAILED, 1,
		"fault: unexpected exception 14, error code 0x0, rip 0x1");
	expect_end("test=bench name=fault cpl=3", GUEST_FAILED, 1,
		"fault: unexpected exception 14, error code 0x4, rip 0x1");
	expect_end("test=bench name=fault cpl=3", GUEST_FAILED, 1, "cs 0x33, cr2 0x10000000000");
	expect_end("test=bench name=undefined cpl=0", GUEST_UNAVAILABLE, 3, "#UD at CPL 0");
	expect_end("test=bench name=undefined cpl=3", GUEST_UNAVAILABLE, 3, "#UD at CPL 3");
}

Test(payload_bench, scale_interleaves_three_counts)
{
	static const uint64_t factors[] = {1, 4, 16};
	struct run run;

	REQUIRE_KVM();
	run = run_bench("test=bench name=print scale=1 rounds=4 iterations=3");
	cr_assert_eq(run.result->status, GUEST_DONE, "%s", run.result->message);
	cr_assert_eq(run.n, 12);
	for (size_t i = 0; i < run.n; i++)
		cr_expect_eq(run.rounds[i].iterations, 3 * factors[i % 3]);
	vm_destroy(run.vm);
	run = run_bench("test=bench name=idle cpl=3 scale=1 rounds=2");
	cr_assert_eq(run.n, 6);
	cr_expect(run.rounds[2].iterations <= 1000000, "x16 is within the range too");
	vm_destroy(run.vm);
}

/* Cold memory never gets the same page twice: KVM maps each of them once. */
Test(payload_bench, cold_memory_stays_within_ram)
{
	struct run run;

	REQUIRE_KVM();
	run = run_bench("test=bench name=cold-memory scale=1 rounds=8 round_ns=10000000");
	cr_assert_eq(run.result->status, GUEST_DONE, "%s", run.result->message);
	cr_assert_eq(run.n, 24);
	uint64_t pages = 0;
	for (size_t i = 0; i < run.n; i++)
		pages += run.rounds[i].iterations;
	cr_expect_leq(pages, (64ULL << 20) / 4096);
	vm_destroy(run.vm);
}

/* Two signals around each run and two around each control, and between them the exits of that loop
 * and no other. */
Test(payload_bench, signals_enclose_the_loops_alone)
{
	struct vm_config config = quiet_config(IRQCHIP_KERNEL);
	const struct vm_signal *signals;
	struct run run;
	size_t n, dropped;

	REQUIRE_KVM();
	config.signal_log = 64;
	run = run_bench_with(config, "test=bench name=out rounds=3 iterations=50 signals=1");
	cr_assert_eq(run.result->status, GUEST_DONE, "%s", run.result->message);
	signals = vm_signals(run.vm, &n, &dropped);
	cr_assert_eq(n, 12);
	for (size_t i = 0; i < n; i += 4) {
		cr_expect(signals[i].begin && !signals[i + 1].begin);
		cr_expect(signals[i + 2].begin && !signals[i + 3].begin);
		cr_expect_eq(signals[i + 1].exits - signals[i].exits, 50);
		cr_expect_eq(signals[i + 3].exits - signals[i + 2].exits, 0);
		cr_expect_geq(signals[i + 1].tsc - signals[i].tsc, run.rounds[i / 4].run_cycles);
	}
	vm_destroy(run.vm);
}

Test(payload_bench, without_signals_there_are_none)
{
	struct vm_config config = quiet_config(IRQCHIP_KERNEL);
	struct run run;
	size_t n, dropped;

	REQUIRE_KVM();
	config.signal_log = 64;
	run = run_bench_with(config, "test=bench name=out rounds=3 iterations=50");
	vm_signals(run.vm, &n, &dropped);
	cr_expect_eq(n, 0);
	vm_destroy(run.vm);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of bench timer under load, from rows that nobody measured: the paper's beside ours and
 * never in them, the quiet window's account, the goals. */
#include "../../src/bench/timer/bench_timer.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct bench_context context;
static struct timer_plan plan;
static struct timer_run runs[3];
static struct timer_row rows[3];
static struct timer_outcome outcome;
static struct page *page;
static char *last; /* as printed() made it */

static void fill(size_t i, enum timer_source_id source, bool quiet, double mean_ns, double sd_ns)
{
	const double none = (double)NAN;

	runs[i] = (struct timer_run){.mean = mean_ns,
		.sd = sd_ns,
		.ci99 = 10,
		.p999 = 50000,
		.max = 90000,
		.far = 2,
		.near_mean = mean_ns / 2,
		.near_sd = sd_ns / 2,
		.has_stages = true,
		.load = {.busy_percent = none,
			.interrupts_hz = 1733,
			.reads_hz = 100,
			.direct = 1,
			.held = quiet ? 7 : none,
			.longest_hold_ns = quiet ? 41000 : none,
			.by_cap = quiet ? 0 : none,
			.sent = quiet ? 20 : none,
			.taken = quiet ? 20 : none,
			.merged = quiet ? 0 : none,
			.apic_merged = none,
			.lost = quiet ? 0 : none}};
	runs[i].stage_sd[STAGE_DELIVER] = sd_ns;
	runs[i].lateness.n = 4500;
	rows[i] = (struct timer_row){.cell = {.source = &timer_sources[source],
					     .interval_ns = 50000,
					     .load = &plan.loads.item[0],
					     .quiet_ns = quiet ? 60000 : 0,
					     .vcpus = 1,
					     .vms = 1},
		.quiet = quiet,
		.runs = &runs[i],
		.n = 1};
}

static void setup(void)
{
	struct diag diag;

	plan = (struct timer_plan){.intervals = {.ns = {50000}, .n = 1},
		.count = 4500,
		.runs = 1,
		.sources = (1ULL << TIMER_SOURCES) - 1,
		.vcpus = 1,
		.vms = 1,
		.quiet_on = true,
		.depth = 4,
		.record = 65536};
	cr_assert_eq(loads_parse(&plan.loads, "io", &diag), 0);
	fill(0, SOURCE_KVM_LAPIC, false, 26000, 21000);
	fill(1, SOURCE_DEDICATED, false, 4000, 9000);
	fill(2, SOURCE_DEDICATED, true, 300, 1000);
	outcome = (struct timer_outcome){
		.context = &context, .plan = &plan, .rows = rows, .n = 3, .seconds = 100};
	page = page_create();
}

static void teardown(void)
{
	page_destroy(page);
	free(last);
}

TestSuite(timer_tables, .init = setup, .fini = teardown);

/* The page as it is printed, until it is printed again. */
static const char *printed(enum page_format format)
{
	size_t size;
	FILE *out;

	free(last);
	out = open_memstream(&last, &size);
	page_print(page, format, out);
	fclose(out);
	return last;
}

static void expect(const char *text, const char *part)
{
	cr_expect_not_null(strstr(text, part), "no \"%s\" in:\n%s", part, text);
}

static void expect_not(const char *text, const char *part)
{
	cr_expect_null(strstr(text, part), "\"%s\" in:\n%s", part, text);
}

Test(timer_tables, published_figures_have_tables_of_their_own)
{
	timer_paper_tables(&outcome, page);
	const char *csv = printed(PAGE_CSV);

	expect(csv, "intervals-io,50 us,kvm-lapic,76.000,26.000,21.000,75.990,76.010,");
	expect(csv, "intervals-io,50 us,dedicated+quiet,50.300,0.300,1.000,");
	expect(csv, "published-io,50 us,KVM,76.398,26.398,21.001,75.778,77.019");
	expect(csv, "published-io,50 us,new timers,50.054,0.054,0.156,");
	expect(csv, "published-io,50 us,VMWare,427.037,377.037,3558.000,");
	expect_not(csv, "intervals-io,50 us,KVM");
	expect_not(csv, "published-io,100 us");
	expect(printed(PAGE_TEXT), "PUBLISHED, io: not measured here");
}

Test(timer_tables, what_was_not_published_has_no_table)
{
	plan.intervals.ns[0] = 60000;
	rows[0].cell.interval_ns = 60000;
	timer_paper_tables(&outcome, page);
	expect_not(printed(PAGE_TEXT), "PUBLISHED");
	page_destroy(page);
	page = page_create();
	timer_published_tables(&outcome, page);
	cr_expect_str_empty(printed(PAGE_TEXT));
}

Test(timer_tables, load_and_holds)
{
	timer_load_tables(&outcome, page);
	const char *csv = printed(PAGE_CSV);

	expect(csv, "load,io,50 us,kvm-lapic,,1733,100,");
	expect(csv, "quiet,io,50 us,60.000,20,7,0,41.000,0,20,,0");
	expect(printed(PAGE_TEXT), "ok: the quiet window lost no interrupts (limit 0)");
	expect(printed(PAGE_TEXT), "O_DIRECT: they come from the disk itself");
}

Test(timer_tables, a_lost_interrupt_is_no_small_matter)
{
	runs[2].load.lost = 1;
	timer_load_tables(&outcome, page);
	expect(printed(PAGE_TEXT), "NOT MET: the quiet window lost");
}

Test(timer_tables, the_page_cache_is_not_called_a_disk)
{
	for (size_t i = 0; i < 3; i++)
		runs[i].load.direct = 0;
	timer_load_tables(&outcome, page);
	expect(printed(PAGE_TEXT), "page cache");
}

Test(timer_tables, goals)
{
	timer_load_verdicts(&outcome, page);
	const char *text = printed(PAGE_TEXT);

	expect(text, "standard deviation 1.00 us; kvm-lapic's is 21.0 times that");
	expect(text, "`deliver`");
	expect(text, "ok: dedicated+quiet every 50 us, io: mean error 0.30 us");
	expect(printed(PAGE_CSV),
		"contrast-io,50 us,dedicated+quiet,1733,1.000,21.0,2,0.500,21.0,0.300,0.150");
}

Test(timer_tables, no_goal_is_met_without_load)
{
	runs[2].load.interrupts_hz = 800;
	timer_load_verdicts(&outcome, page);
	expect(printed(PAGE_MARKDOWN), "under less than half of its load");
	expect_not(printed(PAGE_TEXT), "ok: dedicated+quiet every 50 us, io: standard");
}

Test(timer_tables, goals_that_are_missed)
{
	runs[2].sd = 2000;
	runs[2].mean = -1500;
	timer_load_verdicts(&outcome, page);
	expect(printed(PAGE_TEXT), "NOT MET: dedicated+quiet every 50 us, io: standard deviation");
	expect(printed(PAGE_TEXT), "NOT MET: dedicated+quiet every 50 us, io: mean error -1.50 us");
}

/* Rows 1 (io) and 2 (idle), of the same timer. */
static void share_a_cpu(double p99_io, double p99_idle, size_t n)
{
	static struct timer_run more[2][3];
	struct diag diag;

	cr_assert_eq(loads_parse(&plan.loads, "io,idle", &diag), 0);
	context.machine.timer_cpu = context.machine.disk_cpu = 0;
	context.machine_set = BENCH_SET_TIMER_CPU;
	fill(2, SOURCE_DEDICATED, false, 300, 1000);
	rows[2].cell.load = &plan.loads.item[1];
	for (size_t i = 0; i < 3; i++) {
		more[0][i] = runs[1];
		more[1][i] = runs[2];
		more[0][i].p99 = p99_io;
		more[1][i].p99 = p99_idle;
	}
	rows[1].runs = more[0];
	rows[2].runs = more[1];
	rows[1].n = rows[2].n = n;
	timer_load_verdicts(&outcome, page);
}

Test(timer_tables, the_disks_thread_beside_the_timer_thread)
{
	share_a_cpu(3900, 2000, 3);
	expect(printed(PAGE_TEXT), "ok: dedicated every 50 us, the disk's thread");
	expect(printed(PAGE_TEXT), "p99 3.90 us under io, 2.00");
}

Test(timer_tables, the_disks_thread_in_the_timer_threads_way)
{
	share_a_cpu(4100, 2000, 3);
	expect(printed(PAGE_TEXT), "NOT MET: dedicated every 50 us, the disk's thread");
}

Test(timer_tables, one_run_says_nothing_of_the_disks_thread)
{
	share_a_cpu(3900, 2000, 1);
	expect(printed(PAGE_TEXT), "unknown: dedicated every 50 us, the disk's thread");
}

Test(timer_tables, events_beyond_the_chart_are_counted)
{
	float late[] = {1, 2, 3, 200};

	rows[0].plot = late;
	rows[0].plotted = 4;
	timer_plots(&outcome, page);
	expect(printed(PAGE_TEXT),
		"not in the chart: 1 of 4 events of kvm-lapic, beyond 100 us (to 90 us)");
}

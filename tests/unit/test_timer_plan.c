/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench timer makes of its options: rows, their order, and which it knows beforehand cannot
 * be. */
#include "../../src/bench/timer/bench_timer.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct bench_context context;
static struct timer_plan plan;
static struct timer_table table;
static struct diag diag;

static int parse(const char *line)
{
	static char words[256];
	static char name[] = "timer", *argv[32] = {name};
	int argc = 1;

	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
		argv[argc++] = word;
	return timer_plan_parse(&plan, &context, argc, argv, &diag);
}

static void rows_of(const char *line)
{
	cr_assert_eq(parse(line), 0, "%s: %s", line, diag.text);
	table = (struct timer_table){.context = &context, .plan = &plan};
	cr_assert_eq(timer_make_rows(&table), 0);
}

static void setup(void)
{
	vm_config_default(&context.machine);
}

static void teardown(void)
{
	for (size_t i = 0; i < table.n; i++)
		free(table.rows[i].runs);
	free(table.rows);
}

TestSuite(timer_plan, .init = setup, .fini = teardown);

static size_t count(enum load_kind load, bool quiet, bool refused)
{
	size_t n = 0;

	for (size_t i = 0; i < table.n; i++) {
		const struct timer_row *row = &table.rows[i];

		n += row->cell.load->kind == load && row->quiet == quiet &&
		     (row->err < 0) == refused;
	}
	return n;
}

Test(timer_plan, as_before_where_no_load_is_named)
{
	rows_of("");
	cr_expect_eq(table.n, 2 * TIMER_SOURCES);
	cr_expect_eq(count(LOAD_IDLE, false, false), table.n);
	cr_expect_eq(plan.count, 4500);
	cr_expect_eq(plan.mode, MODE_ONESHOT);
	cr_expect_eq(table.rows[0].cell.vcpus, 1);
	cr_expect_eq(table.rows[0].cell.vms, 1);
	cr_expect_not(timer_row_is_plotted(&plan, &table.rows[0]));
}

Test(timer_plan, the_papers_table)
{
	rows_of("--paper");
	cr_expect_eq(plan.intervals.n, 4);
	cr_expect_eq(plan.loads.n, 5);
	cr_expect_eq(plan.count, 4500);
	cr_expect_eq(
		table.n, 5 * 4 * (TIMER_SOURCES + 1), "dedicated without a window and with one");
	cr_expect_eq(count(LOAD_IO, false, true), 4, "tsc-poll takes no interrupts");
	cr_expect_eq(count(LOAD_IO, true, false), 4);
	cr_expect_eq(count(LOAD_CPU, false, true), 0);
}

Test(timer_plan, a_window_and_none)
{
	context.machine_set = BENCH_SET_QUIET_ON | BENCH_SET_QUIET_OFF;
	rows_of("--source kvm-lapic,dedicated --interval 50us --load idle,io");
	cr_expect_eq(table.n, 6);
	cr_expect_not(table.rows[1].quiet);
	cr_expect(table.rows[2].quiet);
	cr_expect_str_eq(timer_row_name(&plan, &table.rows[2]).text, "dedicated+quiet");
	cr_expect_eq(plan.quiet_ns[0], 0, "to be found out");
	cr_expect(timer_row_is_plotted(&plan, &table.rows[2]));
}

Test(timer_plan, a_window_of_a_given_length)
{
	context.machine.quiet_window_ns = 70000;
	rows_of("--source kvm-lapic,dedicated --interval 50us --residual");
	cr_expect_eq(table.n, 2, "no row without the window that was asked for");
	cr_expect(table.rows[1].quiet);
	cr_expect_eq(plan.quiet_ns[0], 70000);
	cr_expect_str_eq(timer_row_name(&plan, &table.rows[1]).text, "dedicated+quiet+residual");
}

Test(timer_plan, what_cannot_be_is_said)
{
	context.machine_set = BENCH_SET_VCPUS | BENCH_SET_IRQCHIP | BENCH_SET_QUIET_ON;
	context.machine.vcpus = 4;
	context.machine.irqchip = IRQCHIP_KERNEL;
	rows_of("--interval 1ms --load interrupts:10");
	for (size_t i = 0; i < table.n; i++) {
		const struct timer_row *row = &table.rows[i];
		const char *name = row->cell.source->name;
		bool can = strcmp(name, "kvm-lapic") == 0 || strcmp(name, "user-lapic") == 0;

		cr_expect_eq(row->cell.vcpus, 4);
		cr_expect_eq(row->err, can ? 0 : -ENOTSUP, "%s", name);
		if (strcmp(name, "dedicated") == 0)
			cr_expect_not_null(strstr(row->diag.text, "--irqchip split or user"));
		if (strcmp(name, "kvm-pit") == 0)
			cr_expect_not_null(strstr(row->diag.text, "not one for each vCPU"));
	}
}

Test(timer_plan, scale)
{
	rows_of("--scale --source kvm-lapic,kvm-pit,dedicated");
	cr_expect_eq(table.n, (5 + 6) * 3);
	cr_expect_eq(plan.mode, MODE_DEADLINE);
	cr_expect_eq(plan.intervals.ns[0], 1000000);
	cr_expect_eq(count(LOAD_IDLE, false, true), 4, "a PIT at 2, 4, 8 and 16 vCPUs");
	cr_expect_eq(table.rows[table.n - 1].cell.vms, 64);
	cr_expect_eq(table.rows[table.n - 1].cell.vcpus, 1);
	cr_expect_not(timer_row_is_plotted(&plan, &table.rows[0]));
}

static void bad(const char *line, const char *says)
{
	cr_expect_eq(parse(line), -EINVAL, "%s was accepted", line);
	cr_expect_not_null(
		strstr(diag.text, says), "%s: \"%s\" does not say \"%s\"", line, diag.text, says);
}

Test(timer_plan, mistakes)
{
	bad("--load cpu:200", "PERCENT from 1 to 100");
	bad("--vms 65", "from 1 to 64");
	bad("--vms 0", "from 1 to 64");
	bad("--record 513", "multiples of 512");
	bad("--record 2M", "out of range");
	bad("--depth 65", "from 1 to 64");
	bad("--paper --scale", "one or the other");
	bad("--scale --vms 4", "--scale chooses");
	bad("--paper=yes", "takes no value");
}

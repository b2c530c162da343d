/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench timer is asked for, and the rows that makes: which source at which interval under
 * which load, how many machines. It runs none of them. */
#include "bench_timer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VMS_MAX         64
#define POLL_AND_NATIVE (1ULL << SOURCE_TSC_POLL | 1ULL << SOURCE_NATIVE)

const char *const timer_mode_names[] = {"oneshot", "deadline", "periodic", NULL};
const char *const timer_wait_names[] = {"hlt", "user", NULL};
const char *const timer_arm_names[] = {"mmio", "ioeventfd", "shared", NULL};

/* ---- what is asked ---- */

/* What was not said follows from what was. */
static void fill_in(struct timer_plan *plan, const struct bench_context *context)
{
	static const struct durations usual = {.ns = {50000, 100000}, .n = 2};
	static const struct durations paper = {.ns = {10000, 50000, 100000, 150000}, .n = 4};
	static const struct durations scale = {.ns = {1000000}, .n = 1};
	bool quiet_list = context->machine_set & (BENCH_SET_QUIET_ON | BENCH_SET_QUIET_OFF);
	uint64_t quiet_ns = context->machine.quiet_window_ns;

	if (plan->intervals.n == 0)
		plan->intervals = plan->paper ? paper : plan->scale ? scale : usual;
	if (plan->count == 0)
		plan->count = plan->scale ? 500 : 4500;
	if (plan->mode == MODE_DEFAULT)
		plan->mode = plan->scale ? MODE_DEADLINE : MODE_ONESHOT;
	if (plan->sources == 0)
		plan->sources =
			((1ULL << TIMER_SOURCES) - 1) & (plan->scale ? ~POLL_AND_NATIVE : ~0ULL);
	plan->quiet_on = context->machine_set & BENCH_SET_QUIET_ON || quiet_ns > 0 ||
			 (plan->paper && !quiet_list);
	plan->quiet_off = context->machine_set & BENCH_SET_QUIET_OFF || !plan->quiet_on ||
			  (plan->paper && !quiet_list);
	for (unsigned i = 0; i < LOADS_MAX; i++)
		plan->quiet_ns[i] = quiet_ns;
	if (context->machine_set & BENCH_SET_VCPUS)
		plan->vcpus = context->machine.vcpus;
	plan->disk = context->machine.disk_path;
}

static int check(const struct timer_plan *plan, struct diag *diag)
{
	if (plan->record % 512 != 0)
		return diag_set(
			diag, -EINVAL, "--record: disks are read in multiples of 512 bytes");
	if (plan->paper && plan->scale)
		return diag_set(diag, -EINVAL, "--paper and --scale: one or the other");
	if (plan->scale && (plan->vms > 1 || plan->vcpus > 1))
		return diag_set(diag, -EINVAL, "--scale chooses --vcpus and --vms itself");
	return 0;
}

int timer_plan_parse(struct timer_plan *plan, const struct bench_context *context, int argc,
	char **argv, struct diag *diag)
{
	const char *loads = NULL;

	*plan = (struct timer_plan){
		.mode = MODE_DEFAULT, .runs = 1, .vcpus = 1, .vms = 1, .depth = 4, .record = 65536};
	const struct option_spec specs[] = {
		{"source", OPTION_CHOICES, &plan->sources, .names = timer_source_names},
		{"interval", OPTION_DURATIONS, &plan->intervals, .min = 1000, .max = 1000000000},
		{"count", OPTION_NUMBER, &plan->count, .min = 1, .max = 10000000},
		{"mode", OPTION_CHOICE, &plan->mode, .names = timer_mode_names},
		{"wait", OPTION_CHOICE, &plan->wait, .names = timer_wait_names},
		{"arm", OPTION_CHOICE, &plan->arm, .names = timer_arm_names},
		{"residual", OPTION_FLAG, &plan->residual, .min = 0},
		{"runs", OPTION_NUMBER, &plan->runs, .min = 1, .max = TIMER_RUNS_MAX},
		{"load", OPTION_TEXT, &loads, .min = 0},
		{"depth", OPTION_NUMBER, &plan->depth, .min = 1, .max = 64},
		{"record", OPTION_SIZE, &plan->record, .min = 512, .max = 1 << 20},
		{"vms", OPTION_NUMBER, &plan->vms, .min = 1, .max = VMS_MAX},
		{"plots", OPTION_FLAG, &plan->plots, .min = 0},
		{"paper", OPTION_FLAG, &plan->paper, .min = 0},
		{"scale", OPTION_FLAG, &plan->scale, .min = 0},
		{.name = NULL},
	};
	int err = options_parse(specs, argc, argv, diag);

	if (err == 0 && loads == NULL)
		loads = plan->paper ? "idle,cpu:30,cpu:60,cpu:100,io" : "idle";
	if (err == 0)
		err = loads_parse(&plan->loads, loads, diag);
	if (err == 0)
		err = check(plan, diag);
	if (err == 0)
		fill_in(plan, context);
	return err;
}

/* ---- rows ---- */

/* Said before it is tried. */
static void refuse(struct timer_row *row, const char *why)
{
	row->err = diag_set(&row->diag, -ENOTSUP, "%s", why);
}

static void foresee(const struct timer_table *table, struct timer_row *row)
{
	const struct timer_cell *cell = &row->cell;
	enum irqchip_kind irqchip =
		cell->source->any_irqchip && table->context->machine_set & BENCH_SET_IRQCHIP
			? table->context->machine.irqchip
			: cell->source->irqchip;
	bool each = cell->source->guest != NULL &&
		    (strcmp(cell->source->guest, "lapic") == 0 ||
			    strcmp(cell->source->guest, "dedicated") == 0);

	if (cell->vcpus > 1 && !each)
		refuse(row, "there is one of it a machine, not one for each vCPU");
	else if (cell->vms > 1 && cell->source->guest == NULL)
		refuse(row, "it has no machines");
	else if (cell->load->kind == LOAD_INTERRUPTS && cell->source->guest == NULL)
		refuse(row, "a host thread takes none of a guest's interrupts");
	else if (load_interrupts(cell->load) && cell->source->path == TIMER_PATH_POLL)
		refuse(row, "a guest that only polls takes no interrupts");
	else if (row->quiet && irqchip == IRQCHIP_KERNEL)
		refuse(row, "a quiet window needs --irqchip split or user: what KVM's own IOAPIC "
			    "sends cannot be held back");
}

static int add_row(struct timer_table *table, const struct timer_cell *cell, bool quiet)
{
	if (table->n == table->max) {
		size_t max = 2 * table->max + 16;
		struct timer_row *rows = realloc(table->rows, max * sizeof(*rows));

		if (rows == NULL)
			return -ENOMEM;
		table->rows = rows;
		table->max = max;
	}
	struct timer_row *row = &table->rows[table->n];

	*row = (struct timer_row){.cell = *cell, .quiet = quiet};
	row->runs = calloc(table->plan->runs, sizeof(*row->runs));
	if (row->runs == NULL)
		return -ENOMEM;
	table->n++;
	foresee(table, row);
	return 0;
}

/* All sources under one load at one interval. */
static int add_rows(struct timer_table *table, struct timer_cell cell)
{
	const struct timer_plan *plan = table->plan;
	int err = 0;

	for (unsigned s = 0; s < TIMER_SOURCES && err == 0; s++) {
		bool window = s == SOURCE_DEDICATED && plan->quiet_on;

		if (!(plan->sources & (1ULL << s)))
			continue;
		cell.source = &timer_sources[s];
		if (!window || plan->quiet_off)
			err = add_row(table, &cell, false);
		if (window && err == 0)
			err = add_row(table, &cell, true);
	}
	return err;
}

/* More vCPUs, then more machines. */
static int add_sizes(struct timer_table *table, struct timer_cell cell)
{
	int err = 0;

	for (cell.vcpus = 1; cell.vcpus <= VM_MAX_VCPUS && err == 0; cell.vcpus *= 2)
		err = add_rows(table, cell);
	cell.vcpus = 1;
	for (cell.vms = 2; cell.vms <= VMS_MAX && err == 0; cell.vms *= 2)
		err = add_rows(table, cell);
	return err;
}

/* In the order of the tables: by load, by interval, then by source. */
int timer_make_rows(struct timer_table *table)
{
	const struct timer_plan *plan = table->plan;
	int err = 0;

	for (unsigned l = 0; l < plan->loads.n; l++) {
		for (unsigned i = 0; i < plan->intervals.n && err == 0; i++) {
			struct timer_cell cell = {.load = &plan->loads.item[l],
				.interval_ns = plan->intervals.ns[i],
				.vcpus = plan->vcpus,
				.vms = plan->vms};

			err = plan->scale ? add_sizes(table, cell) : add_rows(table, cell);
		}
	}
	return err;
}

bool timer_row_is_plotted(const struct timer_plan *plan, const struct timer_row *row)
{
	bool contrast = row->cell.source == &timer_sources[SOURCE_KVM_LAPIC] ||
			row->cell.source == &timer_sources[SOURCE_DEDICATED];
	bool wanted = plan->plots || plan->paper || plan->loads.n > 1 ||
		      plan->loads.item[0].kind != LOAD_IDLE;

	return wanted && (plan->plots || contrast) && !plan->scale && row->cell.vcpus == 1 &&
	       row->cell.vms == 1;
}

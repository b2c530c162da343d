/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench hyperbench: what each privileged thing costs a guest, beside the host, and where the
 * cycles go (Wei, Zhang, Tu 2019). One VM a row, so that a guest that dies takes one row along. */
#include "hyperbench.h"
#include "../bench_options.h"
#include "../registry.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS  11
#define LIMIT_S 60

static const char help[] =
	"  --row LIST           of "
	"idle,sgdt,sldt,sidt,smsw,pushf-popf,lgdt,set-cr3,hypercall,ipi-halted,\n"
	"                       ipi-running,hot-memory,cold-memory,set-page-table,in,out,print "
	"(default: all)\n"
	"  --cpl 0|3|both       privilege level (default: each row's own)\n"
	"  --scale              each row with x1, x4 and x16 iterations: is its cost linear?\n"
	"  --iterations N       operations a round (default: a pilot chooses)\n"
	"  --rounds N           rounds a row, their median is taken (default 11)\n"
	"  --no-native          leave out the host's own figures\n"
	"  --reference          print the paper's published table too\n"
	"  (--pin both: one table with unpinned vCPUs, one with each on a CPU of its own)\n";

static const char *const cpl_names[] = {"auto", "0", "3", "both", NULL};

static int parse(struct hyper_plan *plan, int argc, char **argv, struct diag *diag)
{
	*plan = (struct hyper_plan){.rows = (1ULL << HYPERBENCH_COUNT) - 1, .rounds = ROUNDS};
	const struct option_spec specs[] = {
		{"row", OPTION_CHOICES, &plan->rows, .names = hyper_row_names},
		{"cpl", OPTION_CHOICE, &plan->cpl, .names = cpl_names},
		{"scale", OPTION_FLAG, &plan->scale, .names = NULL},
		{"iterations", OPTION_NUMBER, &plan->iterations, .min = 1, .max = 10000000},
		{"rounds", OPTION_NUMBER, &plan->rounds, .min = 1, .max = HYPER_ROUNDS_MAX},
		{"no-native", OPTION_FLAG, &plan->no_native, .names = NULL},
		{"reference", OPTION_FLAG, &plan->reference, .names = NULL},
		{.name = NULL},
	};
	int err = options_parse(specs, argc, argv, diag);

	return err < 0 ? err : hyper_check_iterations(plan, diag);
}

/* ---- rows ---- */

static bool wanted(const struct hyper_plan *plan, unsigned row, unsigned cpl)
{
	unsigned level = cpl == 0 ? LEVEL_CPL0 : LEVEL_CPL3;

	if ((plan->rows & (1ULL << row)) == 0)
		return false;
	switch (plan->cpl) {
	case HYPER_CPL_0:
		return cpl == 0;
	case HYPER_CPL_3:
		return cpl == 3;
	case HYPER_CPL_BOTH:
		return (hyper_rows[row].levels & level) != 0;
	default:
		return cpl == hyper_rows[row].cpl;
	}
}

static bool agreement_asked(const struct hyper_plan *plan)
{
	return wanted(plan, HYPERBENCH_HOT_MEMORY, 3) && !plan->no_native;
}

/* False: stop. */
static bool judge(struct hyper_session *session, const struct hyper_result *r, int err)
{
	if (err == 0)
		return true;
	if (err == -EINTR || err == -EINVAL || (err == -ENOTSUP && !launch_has_kvm()))
		session->status = launch_exit_status(err);
	else if (err != -ENOTSUP)
		session->status = 1;
	if (err != -EINTR && (err != -ENOTSUP || !launch_has_kvm()))
		fprintf(stderr, "tickvm: bench hyperbench: %s at CPL %u: %s\n",
			hyper_rows[r->row].name, r->cpl, r->why.text);
	return session->status != 130 && session->status != 2 && session->status != 77;
}

static bool measure_row(struct hyper_session *session, const char *pin, struct hyper_result *r)
{
	unsigned level = r->cpl == 0 ? LEVEL_CPL0 : LEVEL_CPL3;

	progress_step(&session->progress, "%s, CPL %u", hyper_rows[r->row].name, r->cpl);
	if ((hyper_rows[r->row].levels & level) == 0) {
		r->state = HYPER_NOT_AVAILABLE;
		diag_set(&r->why, -ENOTSUP, "it means something at CPL 0 only");
		return true;
	}
	return judge(session, r, hyper_measure(session, pin, r));
}

static void native_of(
	const struct hyper_session *session, struct hyper_table *table, struct hyper_result *r)
{
	const struct hyper_plan *plan = &session->plan;
	bool cold = r->row == HYPERBENCH_COLD_MEMORY;
	/* What a first load costs depends on how many pages there are. */
	uint64_t iterations =
		cold && r->state == HYPER_MEASURED ? r->figures.iterations : plan->iterations;

	if (plan->no_native)
		r->native = (struct hyper_native){.cycles = (double)NAN, .spread = (double)NAN};
	else if (!cold && r > table->results && r[-1].row == r->row)
		r->native = r[-1].native;
	else
		hyper_measure_native(&session->context, plan, r->row, iterations, &r->native);
}

static bool run_row(struct hyper_session *session, struct hyper_table *table, unsigned row,
	unsigned cpl, const struct hyper_result *idle)
{
	struct hyper_result *r = &table->results[table->n];
	bool go_on = true;

	*r = (struct hyper_result){.row = row, .cpl = cpl};
	if (row == HYPERBENCH_IDLE && cpl == 0)
		*r = *idle;
	else
		go_on = measure_row(session, table->pin, r);
	if (session->status == 130)
		return false;
	native_of(session, table, r);
	table->n++;
	return go_on;
}

/* The idle row at CPL 0 comes first, asked for or not: others are judged by it. */
static bool run_idle(
	struct hyper_session *session, struct hyper_table *table, struct hyper_result *idle)
{
	struct hyper_plan plan = session->plan;

	*idle = (struct hyper_result){.row = HYPERBENCH_IDLE};
	if (!wanted(&plan, HYPERBENCH_IDLE, 0))
		session->plan.iterations = 0;
	bool go_on = measure_row(session, table->pin, idle);

	session->plan = plan;
	table->idle = idle->figures;
	if (idle->state != HYPER_MEASURED)
		table->idle = (struct hyper_figures){.cycles = (double)NAN,
			.total_spread = (double)NAN,
			.control_cycles = (double)NAN};
	return go_on;
}

static void run_table(struct hyper_session *session, struct hyper_table *table)
{
	struct hyper_result idle;

	if (!run_idle(session, table, &idle))
		return;
	if (hyper_units(session, table) < 0) {
		session->status = 130;
		return;
	}
	for (unsigned row = 0; row < HYPERBENCH_COUNT; row++) {
		for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
			if (wanted(&session->plan, row, cpl) &&
				!run_row(session, table, row, cpl, &idle))
				return;
		}
	}
	if (agreement_asked(&session->plan) && hyper_agree(session, table) < 0)
		session->status = 130;
}

static void add_costs(struct hyper_table *table)
{
	for (size_t i = 0; i < table->n; i++) {
		struct hyper_result *r = &table->results[i];
		/* A thread's wake-up is no part of an interrupt between vCPUs, nor a page fault of
		 * the host's a part of a load in the guest, where there is none. */
		bool two = hyper_has_two_vcpus(r->row);
		bool same = !two && r->row != HYPERBENCH_COLD_MEMORY;
		const struct cost_row row = {.guest = r->figures.cycles,
			.native = same ? r->native.cycles : (double)NAN,
			.pieces = r->pieces,
			.io = strcmp(hyper_rows[r->row].category, "I/O") == 0,
			.counts = r->figures.counts};

		if (r->state == HYPER_MEASURED)
			r->cost = cost_of(&row, &table->units);
		if (two)
			r->cost.unattributed = r->cost.explained = (double)NAN;
	}
}

/* ---- placements ---- */

struct placement {
	char name[80];
	struct vm_config machine;
	uint64_t machine_set;
};

static struct placement placed(const struct bench_context *context, bool pinned)
{
	struct placement p = {.machine = context->machine,
		.machine_set = context->machine_set & ~(uint64_t)BENCH_SET_PIN};

	snprintf(p.name, sizeof(p.name), "%s", pinned ? "each" : "none");
	if (pinned)
		return p;
	p.machine_set |= BENCH_SET_PIN;
	for (unsigned i = 0; i < VM_MAX_VCPUS; i++)
		p.machine.vcpu_cpu[i] = -1;
	return p;
}

/* As the user said. */
static struct placement as_given(const struct bench_context *context)
{
	struct placement p = {.machine = context->machine, .machine_set = context->machine_set};
	const int *cpu = context->machine.vcpu_cpu;

	if ((context->machine_set & BENCH_SET_PIN) == 0)
		return placed(context, true);
	if (cpu[0] < 0)
		return placed(context, false);
	for (unsigned i = 0; i < VM_MAX_VCPUS && cpu[i] >= 0; i++) {
		size_t used = strlen(p.name);

		snprintf(p.name + used, sizeof(p.name) - used, i == 0 ? "%d" : ",%d", cpu[i]);
	}
	return p;
}

static unsigned placements(const struct bench_context *context, struct placement out[2])
{
	if (context->machine_set & BENCH_SET_PIN_BOTH) {
		out[0] = placed(context, false);
		out[1] = placed(context, true);
		return 2;
	}
	out[0] = as_given(context);
	return 1;
}

static void run_placement(
	struct hyper_session *session, const struct placement *placement, struct page *page)
{
	struct hyper_table *table = calloc(1, sizeof(*table));

	if (table == NULL) {
		fprintf(stderr, "tickvm: bench hyperbench: out of memory\n");
		session->status = 1;
		return;
	}
	table->pin = placement->name;
	session->context.machine = placement->machine;
	session->context.machine_set = placement->machine_set;
	run_table(session, table);
	progress_end(&session->progress);
	add_costs(table);
	if (table->n > 0) {
		hyper_report(session, table, page);
		hyper_table_json(&session->results, &session->plan, table);
	}
	free(table);
}

/* ---- the bench ---- */

/* The idle row and the calibrations are there whatever was asked for. */
static unsigned steps(const struct hyper_plan *plan)
{
	unsigned n = 1 + HYPER_CALIBRATIONS + agreement_asked(plan);

	for (unsigned row = 0; row < HYPERBENCH_COUNT; row++)
		n += wanted(plan, row, 0) + wanted(plan, row, 3);
	return wanted(plan, HYPERBENCH_IDLE, 0) ? n - 1 : n;
}

static bool is_full_default(const struct hyper_session *session, unsigned tables)
{
	const struct hyper_plan *plan = &session->plan;

	return plan->rows == (1ULL << HYPERBENCH_COUNT) - 1 && plan->iterations == 0 &&
	       plan->rounds == ROUNDS && plan->cpl == HYPER_CPL_AUTO && !plan->scale && tables == 1;
}

static void run_all(struct hyper_session *session, struct page *page)
{
	struct placement p[2];
	unsigned n = placements(&session->context, p);
	uint64_t begin = clock_monotonic_ns();

	session->progress = progress_begin(n * steps(&session->plan), session->context.quiet);
	for (unsigned i = 0; i < n && (session->status == 0 || session->status == 1); i++)
		run_placement(session, &p[i], page);

	double seconds = (double)(clock_monotonic_ns() - begin) / 1e9;

	if (is_full_default(session, n) && session->status == 0)
		page_verdict(page, seconds <= LIMIT_S ? VERDICT_GOOD : VERDICT_BAD,
			"hyperbench: a full run took %.1f s (limit %d s)", seconds, LIMIT_S);
	if (session->plan.reference)
		hyper_report_reference(page);
}

static int run(struct bench_context *context, int argc, char **argv)
{
	struct hyper_session session = {.context = *context};
	struct page *page;
	struct diag diag;

	if (parse(&session.plan, argc, argv, &diag) < 0)
		return bench_refuse(context, "hyperbench", &diag);
	if (context->check != NULL)
		return 0;
	page = page_create();
	results_begin(&session.results, context, "hyperbench");
	results_add(&session.results, session.results.root, "skipped", json_array());
	results_add(&session.results, session.results.root, "rows", json_array());
	results_add(&session.results, session.results.root, "units", json_array());
	run_all(&session, page);
	if (session.status == 0 && session.measured == 0)
		session.status = 77;
	int status = results_publish(&session.results, page, context, session.status);

	page_destroy(page);
	results_end(&session.results);
	return status;
}

const struct bench bench_hyperbench = {
	.name = "hyperbench",
	.summary = "what each privileged thing costs a guest, beside the host, and where it goes",
	.help = help,
	.run = run,
	.takes_pin_both = true,
};

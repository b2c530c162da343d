/* SPDX-License-Identifier: BSD-2-Clause */
/* The figures by which runs of bench timer are compared (results.h), with names that tell rows
 * apart. Everything else of a run is in bench_timer_json.c. */
#include "bench_timer.h"

#include "tickvm/clock.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define LATE_NS 50000

struct name {
	char text[128];
};

__attribute__((format(printf, 2, 3))) static void add_word(
	struct name *name, const char *format, ...)
{
	size_t used = strlen(name->text);
	va_list args;

	va_start(args, format);
	vsnprintf(name->text + used, sizeof(name->text) - used, format, args);
	va_end(args);
}

/* "timer/dedicated/100us", and a word for what is not as usual. */
static struct name name_of(const struct timer_plan *plan, const struct timer_row *row)
{
	const struct timer_cell *cell = &row->cell;
	struct name name = {""};

	add_word(&name, "timer/%s/%gus", timer_row_name(plan, row).text,
		(double)cell->interval_ns / 1000);
	if (plan->mode != MODE_ONESHOT)
		add_word(&name, "/%s", timer_mode_names[plan->mode]);
	if (plan->wait != WAIT_HLT)
		add_word(&name, "/%s", timer_wait_names[plan->wait]);
	if (plan->arm != ARM_MMIO)
		add_word(&name, "/%s", timer_arm_names[plan->arm]);
	if (cell->load->kind != LOAD_IDLE)
		add_word(&name, "/%s", cell->load->name);
	if (cell->vcpus > 1)
		add_word(&name, "/vcpus%u", cell->vcpus);
	if (cell->vms > 1)
		add_word(&name, "/vms%u", (unsigned)cell->vms);
	return name;
}

/* Of a million events. */
static double late_ppm(const struct measurement *m)
{
	int64_t limit = (int64_t)clock_ns_to_ticks(LATE_NS);
	size_t late = 0;

	for (size_t i = 0; i < m->n; i++) {
		const struct guest_timer_event *event = &m->events[i].guest;

		late += (int64_t)(event->enter - event->deadline) > limit;
	}
	return m->n > 0 ? 1e6 * (double)late / (double)m->n : (double)NAN;
}

/* The mean and the median count by their distance from 0: an interrupt before its time is no better
 * than one as much behind it. */
void timer_metrics(struct results *results, const struct timer_plan *plan,
	const struct timer_row *row, const struct measurement *m, const struct timer_run *run)
{
	struct name name = name_of(plan, row);
	const struct {
		const char *word, *unit;
		double value;
	} figures[] = {{"mean", "ns", fabs(run->mean)}, {"p50", "ns", fabs(run->p50)},
		{"p90", "ns", fabs(run->p90)}, {"p99", "ns", run->p99}, {"p999", "ns", run->p999},
		{"max", "ns", run->max}, {"sd", "ns", run->sd}, {"missed", "events", run->missed},
		{"over-50us", "ppm", late_ppm(m)}};

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		results_metric(results, LOWER_IS_BETTER, figures[i].unit, figures[i].value, "%s/%s",
			name.text, figures[i].word);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench hyperbench leaves in a results file (docs/results.md): runs with their rounds, rows
 * with their figures, unit costs. It computes nothing. */
#include "hyperbench.h"

#include <math.h>

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *round_json(const struct hyper_round *r)
{
	return json_pack("[I, I, I, I, I]", (json_int_t)r->iterations, (json_int_t)r->run.internal,
		(json_int_t)r->control.internal, (json_int_t)r->run.external,
		(json_int_t)r->control.external);
}

/* Sums over the rounds, of the run and of the control. */
static json_t *counters_json(struct results *results, const struct hyper_round *rounds, size_t n)
{
	json_t *counters = json_object();
	uint64_t run[3] = {0}, control[3] = {0};
	static const char *const names[3] = {"user_exits", "userspace_ticks", "model_ticks"};

	for (size_t i = 0; i < n; i++) {
		const struct hyper_side *a = &rounds[i].run, *b = &rounds[i].control;

		run[0] += a->exits, run[1] += a->userspace, run[2] += a->model;
		control[0] += b->exits, control[1] += b->userspace, control[2] += b->model;
	}
	for (unsigned i = 0; i < 3; i++)
		results_add(results, counters, names[i],
			json_pack("[I, I]", (json_int_t)run[i], (json_int_t)control[i]));
	for (unsigned k = 0; k < VM_KVM_COUNTERS; k++) {
		uint64_t sums[2] = {0};

		if (n == 0 || !rounds[0].counted[k])
			continue;
		for (size_t i = 0; i < n; i++) {
			sums[0] += rounds[i].run.kvm[k];
			sums[1] += rounds[i].control.kvm[k];
		}
		results_add(results, counters, vm_kvm_counter_name(k),
			json_pack("[I, I]", (json_int_t)sums[0], (json_int_t)sums[1]));
	}
	return counters;
}

void hyper_run_json(struct hyper_session *session, const struct hyper_shot *shot, const char *pin,
	const char *unit, const struct launch *launch, const struct hyper_round *rounds, size_t n)
{
	struct results *results = &session->results;

	if (session->context.json == NULL && session->context.collect == NULL)
		return;
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		results_add(results, list, NULL, round_json(&rounds[i]));
	json_t *run = json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "row", shot->name,
		"cpl", (int)shot->cpl, "pin", pin, "irqchip", irqchip_name(launch->config.irqchip),
		"machine", machine_json(&launch->config), "rounds", list, "counters",
		counters_json(results, rounds, n), "exits",
		results_exits(results, launch->vm, launch->config.vcpus), "kvm_stats",
		results_kvm_stats(results, launch->vm));

	if (unit != NULL)
		results_add(results, run, "calibrates", json_string(unit));
	results_add(results, results->runs, NULL, run);
}

/* ---- rows ---- */

static json_t *cost_json(struct results *results, const struct cost *cost)
{
	static const char *const names[COST_PARTS] = {
		[COST_TRANSITION] = "transition",
		[COST_EMULATION] = "emulation",
		[COST_KERNEL_EXIT] = "kernel_exits",
		[COST_DISPATCH] = "dispatch",
		[COST_MODEL] = "model",
		[COST_FAULT] = "faults",
		[COST_INTERRUPT] = "interrupts",
	};
	static const char *const sources[] = {"native", "emulated", "unknown"};
	json_t *parts = json_object();

	for (unsigned i = 0; i < COST_PARTS; i++)
		results_add(results, parts, names[i], number(cost->part[i]));
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "direct",
		number(cost->direct), "direct_from", sources[cost->direct_from], "virt",
		number(cost->virt), "cpu", number(cost->cpu), "memory", number(cost->memory), "io",
		number(cost->io), "unattributed", number(cost->unattributed), "explained",
		number(cost->explained), "parts", parts);
}

static json_t *counts_json(const struct cost_counts *c)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "user_exits", number(c->user_exits),
		"kvm_exits", number(c->kvm_exits), "kernel_exits", number(cost_kernel_exits(c)),
		"emulated", number(c->emulated), "faults", number(c->faults), "interrupts",
		number(c->interrupts));
}

static json_t *scaling_json(struct results *results, const struct hyper_result *result)
{
	static const char *const words[] = {"linear", "not linear", "undecided"};
	struct hyper_scaling s = hyper_scaling(result->scaled);
	json_t *points = json_array();

	for (unsigned i = 0; i < HYPER_SCALES; i++)
		results_add(results, points, NULL,
			json_pack("{s:I, s:o, s:o}", "iterations",
				(json_int_t)result->scaled[i].iterations, "cycles",
				number(result->scaled[i].low), "ratio", number(s.ratio[i])));
	return json_pack("{s:s, s:o, s:o}", "verdict", words[s.verdict], "tolerance",
		number(s.tolerance), "points", points);
}

static json_t *row_json(struct results *results, const struct hyper_plan *plan,
	const struct hyper_table *table, const struct hyper_result *result)
{
	const struct hyper_figures *f = &result->figures;
	json_t *row = json_pack("{s:s, s:s, s:i, s:s, s:s, s:o, s:o, s:o}", "row",
		hyper_rows[result->row].name, "category", hyper_rows[result->row].category, "cpl",
		(int)result->cpl, "pin", table->pin, "state", hyper_state_names[result->state],
		"native_cycles", number(result->native.cycles), "native_spread",
		number(result->native.spread), "native_note", json_text(result->native.note));

	if (result->state != HYPER_MEASURED) {
		results_add(results, row, "reason", json_text(result->why.text));
		return row;
	}
	int agrees = hyper_agrees(f, &table->idle);

	results_add(results, row, "iterations", json_integer((json_int_t)f->iterations));
	results_add(results, row, "cycles", number(f->cycles));
	results_add(results, row, "spread", number(f->spread));
	results_add(results, row, "external_cycles", number(f->external));
	results_add(results, row, "gap_ticks", number(f->gap));
	results_add(results, row, "agrees", agrees < 0 ? json_null() : json_boolean(agrees));
	results_add(results, row, "gnr",
		number(hyper_gnr(f, result->native.cycles, result->native.spread)));
	results_add(results, row, "counts", counts_json(&f->counts));
	results_add(results, row, "cost", cost_json(results, &result->cost));
	if (plan->scale)
		results_add(results, row, "scale", scaling_json(results, result));
	return row;
}

static json_t *units_json(const struct hyper_table *table)
{
	const struct cost_units *u = &table->units;

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "pin", table->pin, "transition",
		number(u->transition), "emulation", number(u->emulation), "kernel_exit",
		number(u->kernel_exit), "fault", number(u->fault), "interrupt",
		number(u->interrupt), "idle_spread_ticks", number(table->idle.total_spread));
}

void hyper_table_json(
	struct results *results, const struct hyper_plan *plan, const struct hyper_table *table)
{
	json_t *rows = json_object_get(results->root, "rows");
	json_t *skipped = json_object_get(results->root, "skipped");

	for (size_t i = 0; i < table->n; i++) {
		const struct hyper_result *r = &table->results[i];

		results_add(results, rows, NULL, row_json(results, plan, table, r));
		if (r->state == HYPER_MEASURED)
			results_metric(results, LOWER_IS_BETTER, "cycles", r->figures.cycles,
				"hyperbench/%s/cpl%u/pin-%s", hyper_rows[r->row].name, r->cpl,
				table->pin);
		else
			results_add(results, skipped, NULL,
				json_pack("{s:s, s:i, s:s, s:o}", "row", hyper_rows[r->row].name,
					"cpl", (int)r->cpl, "pin", table->pin, "reason",
					json_text(r->why.text)));
	}
	results_add(results, json_object_get(results->root, "units"), NULL, units_json(table));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A run of bench timer in the results file: parameters, statistics, stages, flags and every event.
 * The members are described in docs/results.md. */
#include "bench_timer.h"

#include <math.h>

/* Stamps are relative to the run's first, so that they stay short. */
static json_int_t relative(uint64_t stamp, uint64_t origin)
{
	return (json_int_t)(stamp - origin);
}

static json_t *event_json(const struct joined_event *e, uint64_t origin)
{
	json_t *event = json_pack("[I, I, I, I]",
		e->guest.arm == 0 ? (json_int_t)0 : relative(e->guest.arm, origin),
		relative(e->guest.deadline, origin), relative(e->guest.enter, origin),
		relative(e->guest.done, origin));

	if (event == NULL || !e->has_record)
		return event;
	json_t *record = json_pack("[I, I, I, I, I]", relative(e->armed, origin),
		relative(e->device_deadline, origin), relative(e->target, origin),
		relative(e->wake, origin), relative(e->injected, origin));

	json_array_extend(event, record);
	json_decref(record);
	return event;
}

static json_t *events_json(struct results *results, const struct measurement *m)
{
	/* The deadline: arm is missing where the device repeats by itself. */
	uint64_t origin = m->n > 0 ? m->events[0].guest.deadline : 0;
	json_t *rows = json_array();

	for (size_t i = 0; i < m->n; i++)
		results_add(results, rows, NULL, event_json(&m->events[i], origin));
	return json_pack("{s:[s, s, s, s, s, s, s, s, s], s:I, s:o}", "columns", "arm", "deadline",
		"enter", "done", "armed", "device_deadline", "target", "wake", "injected",
		"origin_tsc", (json_int_t)origin, "rows", rows);
}

static json_t *stages_json(struct results *results, const struct timer_run *run)
{
	json_t *stages = json_object();

	for (unsigned s = 0; s < STAGES; s++)
		results_add(results, stages, stage_names[s], json_integer(run->stages[s]));
	results_add(results, stages, "total", json_integer(run->lateness.sum));
	return stages;
}

static json_t *flags_json(struct results *results, uint32_t flags)
{
	json_t *array = json_array();

	for (unsigned d = 0; d < DETECTORS; d++) {
		if (flags & (1u << d))
			results_add(results, array, NULL, json_string(detector_texts[d].name));
	}
	return array;
}

/* Of several VMs the first. */
static void add_vm(struct results *results, json_t *run, const struct measurement *m)
{
	const struct launch *launch = &m->vms[0].launch;
	struct vm *vm = launch->vm;

	results_add(results, run, "machine", machine_json(&launch->config));
	results_add(results, run, "stamp_cycles",
		json_integer((json_int_t)launch->result->stamp_cycles));
	results_add(results, run, "coalesced", json_integer((json_int_t)vm_coalesced(vm)));
	results_add(results, run, "tsc_offset", results_tsc_offset(vm));
	results_add(results, run, "timer_thread", results_timer_thread(vm));
	results_add(results, run, "dedicated", results_dedicated(vm));
	results_add(results, run, "exits", results_exits(results, vm, launch->config.vcpus));
	results_add(results, run, "kvm_stats", results_kvm_stats(results, vm));
	results_add(results, run, "device_counters", results_device_counters(results, vm));
}

/* What is not known is left out. */
static json_t *load_json(struct results *results, const struct timer_load_seen *seen)
{
	const struct {
		const char *name;
		double value;
	} members[] = {{"busy_percent", seen->busy_percent}, {"interrupts_hz", seen->interrupts_hz},
		{"reads_hz", seen->reads_hz}, {"read_errors", seen->read_errors},
		{"sent", seen->sent}, {"taken", seen->taken}, {"lost", seen->lost}};
	json_t *json = json_object();

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (!isnan(members[i].value))
			results_add(results, json, members[i].name, json_real(members[i].value));
	}
	if (!isnan(seen->reads_hz))
		results_add(results, json, "direct", json_boolean(seen->direct > 0));
	return json;
}

static json_t *parameters_json(const struct timer_plan *plan, const struct timer_cell *cell)
{
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:b, s:s, s:I, s:i, s:I}", "source",
		cell->source->name, "interval_ns", (json_int_t)cell->interval_ns, "mode",
		timer_mode_names[plan->mode], "wait", timer_wait_names[plan->wait], "arm",
		timer_arm_names[plan->arm], "residual", plan->residual, "load", cell->load->name,
		"quiet_window_ns", (json_int_t)cell->quiet_ns, "vcpus", (int)cell->vcpus, "vms",
		(json_int_t)cell->vms);
}

void timer_run_json(struct results *results, const struct timer_plan *plan,
	const struct timer_cell *cell, const struct measurement *m, const struct timer_run *run,
	const struct signed_histogram *histogram)
{
	json_t *json = parameters_json(plan, cell);

	results_add(results, results->runs, NULL, json);
	results_add(results, json, "lateness", results_summary(&run->lateness));
	results_add(results, json, "missed", json_integer((json_int_t)m->missed));
	results_add(results, json, "spurious", json_integer((json_int_t)m->spurious));
	results_add(results, json, "overflow",
		json_integer((json_int_t)signed_histogram_overflow(histogram)));
	results_add(results, json, "steal_ticks", json_integer(m->steal_ticks));
	results_add(results, json, "histogram", results_histogram(histogram));
	results_add(results, json, "load_seen", load_json(results, &run->load));
	if (m->groups > 1)
		results_add(results, json, "worst_p99_ns", json_real(run->worst_p99));
	if (run->has_stages)
		results_add(results, json, "stages_ticks", stages_json(results, run));
	results_add(results, json, "flags", flags_json(results, run->flags));
	if (m->n_vms > 0)
		add_vm(results, json, m);
	/* Hundreds of runs: their events would be tens of megabytes. */
	if (!plan->paper && !plan->scale)
		results_add(results, json, "events", events_json(results, m));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A run of bench timer in the results file: parameters, statistics, stages, flags and every event.
 * The members are described in docs/results.md. */
#include "bench_timer.h"

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

static void add_vm(struct results *results, json_t *run, const struct measurement *m)
{
	struct vm *vm = m->launch.vm;
	const struct vm_config *config = &m->launch.config;

	results_add(results, run, "machine", machine_json(config));
	results_add(results, run, "stamp_cycles",
		json_integer((json_int_t)m->launch.result->stamp_cycles));
	results_add(results, run, "coalesced", json_integer((json_int_t)vm_coalesced(vm)));
	results_add(results, run, "tsc_offset", results_tsc_offset(vm));
	results_add(results, run, "timer_thread", results_timer_thread(vm));
	results_add(results, run, "dedicated", results_dedicated(vm));
	results_add(results, run, "exits", results_exits(results, vm, config->vcpus));
	results_add(results, run, "kvm_stats", results_kvm_stats(results, vm));
}

void timer_run_json(struct results *results, const struct timer_plan *plan,
	const struct timer_source *source, uint64_t interval_ns, const struct measurement *m,
	const struct timer_run *run, const struct signed_histogram *histogram)
{
	json_t *json = json_pack("{s:s, s:I, s:s, s:s, s:s, s:b}", "source", source->name,
		"interval_ns", (json_int_t)interval_ns, "mode", timer_mode_names[plan->mode],
		"wait", timer_wait_names[plan->wait], "arm", timer_arm_names[plan->arm], "residual",
		plan->residual);

	results_add(results, results->runs, NULL, json);
	results_add(results, json, "lateness", results_summary(&run->lateness));
	results_add(results, json, "missed", json_integer((json_int_t)m->missed));
	results_add(results, json, "spurious", json_integer((json_int_t)m->spurious));
	results_add(results, json, "overflow",
		json_integer((json_int_t)signed_histogram_overflow(histogram)));
	results_add(results, json, "steal_ticks", json_integer(m->steal_ticks));
	results_add(results, json, "histogram", results_histogram(histogram));
	if (run->has_stages)
		results_add(results, json, "stages_ticks", stages_json(results, run));
	results_add(results, json, "flags", flags_json(results, run->flags));
	if (m->launch.vm != NULL)
		add_vm(results, json, m);
	results_add(results, json, "events", events_json(results, m));
}

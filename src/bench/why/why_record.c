/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes what the host and the exits did in a run into its results: member "host_events",
 * docs/results.md. */
#include "why_file.h"

static json_t *stamp(uint64_t tsc, uint64_t origin)
{
	return json_integer((json_int_t)(tsc - origin));
}

static json_t *events_json(
	struct results *results, const struct host_thread *thread, uint64_t origin)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < thread->n; i++) {
		const struct host_event *e = &thread->events[i];

		results_add(results, rows, NULL,
			json_pack("[s, o, o, i, i]", host_event_name(e->kind),
				stamp(e->begin, origin), stamp(e->end, origin), e->cpu,
				e->cpu_after));
	}
	return rows;
}

static json_t *threads_json(
	struct results *results, const struct host_events *host, uint64_t origin)
{
	json_t *threads = json_array();

	for (size_t i = 0; i < host->n_threads; i++) {
		const struct host_thread *t = &host->threads[i];

		results_add(results, threads, NULL,
			json_pack("{s:i, s:i, s:i, s:b, s:o, s:o, s:I, s:o}", "vcpu", t->vcpu,
				"tid", t->tid, "errno", -t->err, "full", t->full, "begin",
				stamp(t->begin, origin), "until", stamp(t->until, origin),
				"faults_lost", (json_int_t)t->faults_lost, "events",
				events_json(results, t, origin)));
	}
	return threads;
}

static json_t *cpus_json(struct results *results, const struct host_events *host, uint64_t origin)
{
	json_t *cpus = json_array();

	for (size_t i = 0; i < host->n_cpus; i++) {
		const struct host_cpu *cpu = &host->cpus[i];
		json_t *runs = json_array();

		for (size_t k = 0; k < cpu->n; k++)
			results_add(results, runs, NULL,
				json_pack("[o, I]", stamp(cpu->runs[k].begin, origin),
					(json_int_t)cpu->runs[k].task));
		results_add(results, cpus, NULL,
			json_pack("{s:i, s:b, s:o, s:o}", "cpu", cpu->cpu, "full", cpu->full,
				"until", stamp(cpu->until, origin), "runs", runs));
	}
	return cpus;
}

static json_t *tasks_json(struct results *results, const struct host_events *host)
{
	json_t *tasks = json_array();

	for (size_t i = 0; i < host->n_tasks; i++)
		results_add(results, tasks, NULL,
			json_pack("[i, s]", host->tasks[i].tid, host->tasks[i].name));
	return tasks;
}

static json_t *exits_json(struct results *results, const struct trace_ring *ring, uint64_t origin)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < trace_ring_count(ring); i++) {
		const struct trace_event *e = trace_ring_get(ring, i);

		results_add(results, rows, NULL,
			json_pack("[o, o, o, o, s, I, s]", stamp(e->exit_tsc, origin),
				stamp(e->entry_tsc, origin), stamp(e->model_begin_tsc, origin),
				stamp(e->model_end_tsc, origin),
				exit_kind_name((enum exit_kind)e->kind), (json_int_t)e->address,
				e->device != NULL ? e->device : "unknown"));
	}
	return json_pack(
		"{s:I, s:o}", "dropped", (json_int_t)trace_ring_dropped(ring), "rows", rows);
}

/* Stamps are relative to the timer thread's first, so that they stay short. */
json_t *why_record(struct results *results, struct vm *vm, unsigned vcpus, uint64_t rt_rest_ticks)
{
	const struct host_events *host = vm_host_events(vm);
	uint64_t origin = host->n_threads > 0 ? host->threads[0].begin : 0;
	json_t *exits = json_array();

	for (unsigned v = 0; v < vcpus; v++)
		results_add(results, exits, NULL, exits_json(results, vm_trace(vm, v), origin));
	return json_pack("{s:I, s:I, s:I, s:o, s:i, s:o, s:o, s:o}", "origin_tsc",
		(json_int_t)origin, "uncertainty_ticks", (json_int_t)host->uncertainty,
		"rt_rest_ticks", (json_int_t)rt_rest_ticks, "threads",
		threads_json(results, host, origin), "others_errno", -host->others_err, "cpus",
		cpus_json(results, host, origin), "tasks", tasks_json(results, host), "exits",
		exits);
}

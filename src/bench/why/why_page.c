/* SPDX-License-Identifier: BSD-2-Clause */
/* The page of tickvm why: a sentence an event, the tables behind it, and what the figures cannot
 * tell. It explains nothing itself: why.c does. */
#include "why_file.h"

#include "tickvm/clock.h"
#include "tickvm/facts_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EXITS_BEFORE 3 /* exits that began before the deadline and are shown */
#define EXITS_SHOWN  8 /* of an event */

struct report {
	struct results *results;
	struct page *page;
	const struct why_read *read;
	const struct why_event *worst;
	size_t n;
};

static double ns(uint64_t ticks)
{
	return clock_ticks_to_ns_f((int64_t)ticks);
}

static json_int_t member(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value != NULL ? value : "unknown";
}

static const char *thread_name(int vcpu, char to[16])
{
	if (vcpu == HOST_THREAD_TIMER)
		return "timer thread";
	snprintf(to, 16, "vCPU %d", vcpu);
	return to;
}

/* ---- sentences ---- */

static void sentences(const struct report *r)
{
	const struct why_run *run = &r->read->run;
	const json_t *json = r->read->json;
	char sentence[WHY_TEXT_MAX];

	page_heading(r->page, "WHY THE %zu WORST OF %zu EVENTS WERE LATE: %s every %g us, %s", r->n,
		run->n, text(json, "source"), (double)member(json, "interval_ns") / 1000,
		text(json, "load"));
	for (size_t i = 0; i < r->n; i++) {
		why_sentence(run, &r->worst[i], sentence);
		page_note(r->page, "%zu. %s", i + 1, sentence);
	}
	if (r->n == 0)
		page_note(r->page, "No event was late.");
}

/* What each kind of cause has of the worst events' lateness together. */
static void shares(const struct report *r)
{
	static const char *const names[] = {"threads preempted", "threads asleep or woken late",
		"a spinning thread stood still", "exits to tickvm", "unexplained", "as usual"};
	uint64_t sums[WHY_KINDS] = {0}, all = 0;
	char line[256] = "";

	_Static_assert(sizeof(names) / sizeof(names[0]) == WHY_KINDS, "one name each");
	for (size_t i = 0; i < r->n; i++) {
		for (unsigned c = 0; c < r->worst[i].n; c++)
			sums[r->worst[i].causes[c].kind] += r->worst[i].causes[c].ticks;
		all += r->worst[i].ticks;
	}
	if (all == 0)
		return;
	for (unsigned shown = 0; shown < WHY_KINDS; shown++) {
		unsigned most = 0;
		size_t used = strlen(line);

		for (unsigned k = 1; k < WHY_KINDS; k++)
			most = sums[k] > sums[most] ? k : most;
		if (sums[most] == 0)
			break;
		snprintf(line + used, sizeof(line) - used, "%s%s %.3g %%", used > 0 ? ", " : "",
			names[most], 100 * (double)sums[most] / (double)all);
		sums[most] = 0;
	}
	page_note(r->page, "Together %.0f us late: %s.", ns(all) / 1000, line);
}

/* ---- tables ---- */

static void causes_table(const struct report *r)
{
	static const char *const titles[] = {"event", "vcpu", "late us", "cause", "where", "thread",
		"us", "times", "ran instead"};
	struct table *table = page_table(r->page, "causes", "rrrlllrrl", titles);
	char name[16];

	for (size_t i = 0; i < r->n; i++) {
		const struct why_event *event = &r->worst[i];

		for (unsigned c = 0; c < event->n; c++) {
			const struct why_cause *cause = &event->causes[c];

			table_cell(table, "%zu", event->number);
			table_cell(table, "%u", event->vcpu);
			table_cell_us(table, ns(event->ticks));
			table_cell(table, "%s", why_kind_names[cause->kind]);
			table_cell(table, "%s", why_place_names[cause->place]);
			table_cell(table, "%s", thread_name(cause->thread, name));
			table_cell_us(table, ns(cause->ticks));
			table_cell(table, "%u", cause->count);
			table_cell(table, "%s", cause->who != NULL ? cause->who->name : "");
		}
	}
}

static void exit_rows(const struct report *r, const struct why_event *event, struct table *table)
{
	const struct why_exits *exits = &r->read->run.exits[event->vcpu];
	size_t begin = 0, end;

	while (begin < exits->n && exits->exit[begin].exit_tsc < event->deadline)
		begin++;
	begin -= begin < EXITS_BEFORE ? begin : EXITS_BEFORE;
	for (end = begin; end < exits->n && end - begin < EXITS_SHOWN &&
			  exits->exit[end].exit_tsc < event->enter;)
		end++;
	for (size_t i = begin; i < end; i++) {
		const struct trace_event *e = &exits->exit[i];

		table_cell(table, "%zu", event->number);
		table_cell_us(table, clock_ticks_to_ns_f((int64_t)(e->exit_tsc - event->deadline)));
		table_cell(table, "%s", exit_kind_name((enum exit_kind)e->kind));
		table_cell(table, "0x%" PRIx64, e->address);
		table_cell(table, "%s", e->device);
		table_cell_us(table, ns(e->entry_tsc - e->exit_tsc));
		table_cell_us(table, ns(e->model_end_tsc - e->model_begin_tsc));
	}
}

static void exits_table(const struct report *r)
{
	static const char *const titles[] = {
		"event", "at us", "exit", "address", "handled by", "out us", "model us"};

	page_note(r->page,
		"exits to tickvm of the event's vCPU: the %d before its deadline, and those until "
		"its handler (at: after the deadline)",
		EXITS_BEFORE);
	struct table *table = page_table(r->page, "exits", "rrlllrr", titles);

	for (size_t i = 0; i < r->n; i++)
		exit_rows(r, &r->worst[i], table);
}

static void thread_row(const struct host_thread *thread, struct table *table)
{
	uint64_t sum[HOST_EVENT_KINDS] = {0}, longest = 0;
	size_t count[HOST_EVENT_KINDS] = {0}, moved = 0;
	char name[16];

	for (size_t i = 0; i < thread->n; i++) {
		const struct host_event *e = &thread->events[i];

		sum[e->kind] += e->end - e->begin;
		count[e->kind]++;
		moved += e->cpu != e->cpu_after;
		if (e->kind == HOST_PREEMPTED && e->end - e->begin > longest)
			longest = e->end - e->begin;
	}
	table_cell(table, "%s", thread_name(thread->vcpu, name));
	table_cell(table, "%.1f", ns(thread->until - thread->begin) / 1e6);
	table_cell(table, "%zu", count[HOST_PREEMPTED]);
	table_cell_us(table, ns(sum[HOST_PREEMPTED]));
	table_cell_us(table, ns(longest));
	table_cell(table, "%zu", count[HOST_SLEPT]);
	table_cell(table, "%.1f", ns(sum[HOST_SLEPT]) / 1e6);
	table_cell(table, "%zu", moved);
	table_cell(table, "%zu", count[HOST_FAULT] + thread->faults_lost);
}

static void threads_table(const struct report *r)
{
	static const char *const titles[] = {"thread", "seen ms", "preempted", "us", "longest us",
		"slept", "ms", "moved", "page faults"};
	struct table *table = page_table(r->page, "threads", "lrrrrrrrr", titles);

	for (size_t i = 0; i < r->read->host.n_threads; i++) {
		if (r->read->host.threads[i].err == 0)
			thread_row(&r->read->host.threads[i], table);
	}
}

/* KVM's counters that bear on lateness, summed over the vCPUs. */
static void counters_table(const struct report *r)
{
	static const char *const titles[] = {"counter", "in the run", "an event"};
	static const char *const wanted[] = {"exits", "halt_exits", "halt_attempted_poll",
		"halt_successful_poll", "halt_poll_invalid", "halt_wakeup", "irq_injections",
		"irq_window_exits", "signal_exits", "insn_emulation", "pf_taken", "pf_fixed",
		"tlb_flush"};
	const json_t *stats = json_object_get(r->read->json, "kvm_stats");
	struct table *table = page_table(r->page, "kvm", "lrr", titles);

	for (size_t w = 0; w < sizeof(wanted) / sizeof(wanted[0]); w++) {
		double sum = 0;
		size_t i;
		json_t *stat;

		json_array_foreach(stats, i, stat)
		{
			if (member(stat, "vcpu") >= 0 && strcmp(text(stat, "name"), wanted[w]) == 0)
				sum += (double)member(stat, "value");
		}
		if (sum == 0)
			continue;
		table_cell(table, "%s", wanted[w]);
		table_cell(table, "%.0f", sum);
		table_cell_figure(table, sum / (double)(r->read->run.n > 0 ? r->read->run.n : 1));
	}
}

/* ---- what the figures cannot tell ---- */

static uint64_t unexplained(const struct report *r)
{
	uint64_t ticks = 0;

	for (size_t i = 0; i < r->n; i++) {
		for (unsigned c = 0; c < r->worst[i].n; c++) {
			if (r->worst[i].causes[c].kind == WHY_UNEXPLAINED)
				ticks += r->worst[i].causes[c].ticks;
		}
	}
	return ticks;
}

static void thread_notes(const struct report *r)
{
	char name[16];

	for (size_t i = 0; i < r->read->host.n_threads; i++) {
		const struct host_thread *thread = &r->read->host.threads[i];

		thread_name(thread->vcpu, name);
		if (thread->err < 0)
			page_note(r->page,
				"Not recorded: what the host did to %s (%s). It takes perf events: "
				"kernel.perf_event_paranoid 2 or less, or root.",
				thread_name(thread->vcpu, name), strerror(-thread->err));
		else if (thread->full)
			page_note(r->page,
				"The record of %s was full after %.1f ms: later events are "
				"unexplained for that. Ask for fewer (--count).",
				thread_name(thread->vcpu, name),
				ns(thread->until - thread->begin) / 1e6);
	}
	for (size_t i = 0; i < r->read->host.n_cpus; i++) {
		if (r->read->host.cpus[i].full)
			page_note(r->page,
				"The record of who ran on CPU %d was full before the end: later "
				"causes have no name for that.",
				r->read->host.cpus[i].cpu);
	}
	if (r->read->host.others_err < 0)
		page_note(r->page,
			"Not known: who ran instead (%s). It takes kernel.perf_event_paranoid 0 "
			"or less, CAP_PERFMON or root.",
			strerror(-r->read->host.others_err));
}

static void outside_notes(const struct report *r)
{
	const json_t *host = json_object_get(r->results->root, "host");
	const char *below = json_string_value(json_object_get(host, "hypervisor"));
	json_int_t steal = member(r->read->json, "steal_ticks");

	if (unexplained(r) == 0)
		return;
	if (steal > 0)
		page_note(r->page,
			"Steal time grew by %" JSON_INTEGER_FORMAT
			" ticks (of 10 ms, all CPUs) in this run: the hypervisor below this host "
			"may be the cause of what is unexplained, and nothing here tells when.",
			steal);
	else if (below != NULL && below[0] != '\0')
		page_note(r->page,
			"This host is itself a virtual machine, and reports no steal time for this "
			"run: what the hypervisor below takes can only show as unexplained.");
}

static void notes(const struct report *r)
{
	const struct why_run *run = &r->read->run;
	json_int_t held = member(json_object_get(r->read->json, "dedicated"), "held");

	page_note(r->page,
		"As usual: what half of the run's events take in the same place besides such "
		"causes. Unexplained: what they do not cover, the thread being on its CPU: "
		"interrupts of the host, its page tables, its hypervisor. Stamps of the host are "
		"right to %.0f ns.",
		ns(r->read->host.uncertainty));
	if (!run->offset_verified)
		page_note(r->page,
			"Guest and host TSC could not be related: the causes may belong to other "
			"events.");
	thread_notes(r);
	outside_notes(r);
	for (unsigned v = 0; v < run->vcpus; v++) {
		if (run->exits[v].dropped > 0)
			page_note(r->page, "%" PRIu64 " exits of vCPU %u were overwritten.",
				run->exits[v].dropped, v);
	}
	if (run->spin_capped > 0)
		page_note(r->page,
			"The timer thread cut %" PRIu64
			" spins short to stay below sched_rt_runtime_us.",
			run->spin_capped);
	if (held > 0)
		page_note(r->page,
			"The quiet window held %" JSON_INTEGER_FORMAT " other interrupts.", held);
	page_note(r->page,
		"host-events: recording them cost time itself, docs/why.md says how much.");
}

/* ---- kept in the results ---- */

static json_t *causes_json(const struct report *r, const struct why_event *event)
{
	json_t *causes = json_array();

	for (unsigned c = 0; c < event->n; c++) {
		const struct why_cause *cause = &event->causes[c];

		results_add(r->results, causes, NULL,
			json_pack("{s:s, s:s, s:i, s:I, s:i, s:i, s:b}", "kind",
				why_kind_names[cause->kind], "place", why_place_names[cause->place],
				"thread", cause->thread, "ns", json_whole(ns(cause->ticks)),
				"count", (int)cause->count, "page_faults", (int)cause->faults,
				"known", cause->known));
	}
	return causes;
}

static json_t *worst_json(const struct report *r)
{
	json_t *worst = json_array();
	char sentence[WHY_TEXT_MAX];

	for (size_t i = 0; i < r->n; i++) {
		const struct why_event *event = &r->worst[i];

		why_sentence(&r->read->run, event, sentence);
		results_add(r->results, worst, NULL,
			json_pack("{s:I, s:i, s:I, s:s, s:o}", "event", (json_int_t)event->number,
				"vcpu", (int)event->vcpu, "late_ns", json_whole(ns(event->ticks)),
				"sentence", sentence, "causes", causes_json(r, event)));
	}
	return worst;
}

int why_page(struct results *results, const struct why_read *read, size_t worst, struct page *page)
{
	/* One more than asked for: where the next one is tried. */
	struct why_event *events = calloc(worst + 1, sizeof(*events));
	struct report r = {.results = results, .page = page, .read = read, .worst = events};
	json_t *why = json_object_get(results->root, "why");

	r.n = worst;
	if (events == NULL || why_explain(&read->run, events, &r.n) < 0) {
		free(events);
		return -ENOMEM;
	}
	sentences(&r);
	shares(&r);
	causes_table(&r);
	exits_table(&r);
	page_note(page, "the whole run: threads of tickvm on the host, and KVM's counters");
	threads_table(&r);
	counters_table(&r);
	notes(&r);
	if (why == NULL) {
		results_add(results, results->root, "why", json_array());
		why = json_object_get(results->root, "why");
	}
	results_add(results, why, NULL, worst_json(&r));
	free(events);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What tickvm tune found, as a page and as member "tune" of its results file.
 * It decides nothing. */
#include "tune.h"
#include "tune_host.h"

#include <string.h>

#define ALPHA 0.05

static const struct tune_point *reference(const struct tune_result *result)
{
	return &result->search->points[0];
}

static struct vm_config machine_of(const struct tune_result *result, const struct tune_point *point)
{
	return tune_machine(&result->search->space, point->choice);
}

static unsigned settings_of(const struct tune_result *result, const struct host_facts *facts,
	struct host_setting settings[HOST_SETTINGS_MAX])
{
	const struct tune_point *best = tune_recommend(result->search);

	return host_settings(
		facts, best != NULL && machine_of(result, best).halt_poll_ns != VM_AUTO, settings);
}

/* ---- the table ---- */

static const char *const knobs[] = {"halt-poll", "timer-spin", "timer-advance", "pin", "timer-cpu",
	"timer-priority", "vcpu-priority", "quiet-window"};
#define COLUMNS (sizeof(knobs) / sizeof(knobs[0]))

static const char *text_of(const struct tune_text *texts, unsigned n, const char *key)
{
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(texts[i].key, key) == 0)
			return texts[i].value;
	}
	return "-";
}

struct p_text {
	char text[16];
};

static struct p_text show_p(double p)
{
	struct p_text shown;

	if (p < 0.001)
		snprintf(shown.text, sizeof(shown.text), "<0.001");
	else
		snprintf(shown.text, sizeof(shown.text), "%.3f", p);
	return shown;
}

static void add_row(struct table *table, const struct tune_result *result,
	const struct tune_point *point, const struct tune_point *best)
{
	struct vm_config machine = machine_of(result, point);
	struct tune_text texts[TUNE_TEXTS_MAX];
	unsigned n = tune_texts(&machine, texts);

	table_cell(
		table, "%s%zu", point == best ? "*" : "", (size_t)(point - result->search->points));
	for (size_t i = 0; i < COLUMNS; i++)
		table_cell(table, "%s", text_of(texts, n, knobs[i]));
	table_cell_us(table, point->p999_median);
	table_cell_us(table, point->p999_min);
	table_cell_us(table, point->p999_max);
	table_cell(table, "%.2f", point->cpu_median);
	table_cell(table, "%zu", point->rounds);
	if (point == best || best == NULL)
		table_cell(table, "-");
	else
		table_cell(table, "%s", show_p(tune_same_p(best, point)).text);
}

/* From the least late to the cheapest. */
static const struct tune_point *next_on_front(
	const struct tune_search *search, const struct tune_point *last)
{
	const struct tune_point *next = NULL;

	for (const struct tune_point *p = search->points; p < search->points + search->n; p++) {
		bool later = last == NULL || p->p999_median > last->p999_median ||
			     (p->p999_median == last->p999_median && p > last);

		if (p->front && later && (next == NULL || p->p999_median < next->p999_median))
			next = p;
	}
	return next;
}

static void add_front(struct page *page, const struct tune_result *result)
{
	static const char *const titles[] = {"#", "halt", "spin", "advance", "pin", "timer", "prio",
		"vcpu", "quiet", "p99.9", "least", "most", "CPUs", "rounds", "p"};
	struct table *table = page_table(page, "front", "lrrrrrrrrrrrrrr", titles);
	const struct tune_point *best = tune_recommend(result->search), *point = NULL;

	while ((point = next_on_front(result->search, point)) != NULL)
		add_row(table, result, point, best);
	if (!reference(result)->front)
		add_row(table, result, reference(result), best);
}

static void say_columns(struct page *page, const struct tune_result *result)
{
	size_t dominated = 0, early = 0, dropped = 0;

	for (size_t i = 0; i < result->search->n; i++) {
		const struct tune_point *point = &result->search->points[i];

		dropped += point->dropped;
		early += !point->dropped && point->rounds < TUNE_ROUNDS_MIN;
		dominated += !point->dropped && point->rounds >= TUNE_ROUNDS_MIN && !point->front;
	}
	page_note(page,
		"%zu more machines are dominated: another is no worse in both figures and better "
		"in one%s. %zu ended before round %d, %zu cannot run here.",
		dominated - (!reference(result)->front && dominated > 0),
		reference(result)->front ? "" : " (as is #0, the start)", early, TUNE_ROUNDS_MIN,
		dropped);
	page_note(page,
		"p99.9: lateness in us, the median of the rounds (launches of %u events), the "
		"least and the most of them. CPUs: user, system and guest time of all of tickvm's "
		"threads (the timer thread's spinning, the vCPUs' halt-polling) for each second "
		"of guest time; what a launch of one event takes is subtracted. Kernel threads, "
		"interrupts on other CPUs and an outer hypervisor are not in it. #0: where the "
		"search began; *: recommended; p: chance of so large a difference in p99.9 from "
		"the recommended one, if they were the same.",
		result->events);
}

/* ---- verdicts ---- */

static void say_indistinct(struct page *page, const struct tune_result *result)
{
	const struct tune_point *best = tune_recommend(result->search), *point = NULL;
	char list[200] = "";
	size_t used = 0;

	while ((point = next_on_front(result->search, point)) != NULL) {
		if (point != best && tune_same_p(best, point) >= ALPHA && used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, " #%zu",
				(size_t)(point - result->search->points));
	}
	if (used > 0)
		page_note(page,
			"Not distinguishable from the recommended one in p99.9 (p >= %.2f):%s.%s",
			ALPHA, list,
			best->rounds == TUNE_ROUNDS_MIN
				? " Three rounds against three give no p below 0.100: more "
				  "--budget can tell."
				: "");
}

static void say_gain(struct page *page, const struct tune_result *result)
{
	const struct tune_point *old = reference(result), *best = tune_recommend(result->search);
	size_t number = (size_t)(best - result->search->points);
	double p = tune_same_p(old, best);

	if (best == old)
		page_verdict(page, VERDICT_GOOD,
			"nothing found is worth changing: p99.9 %.1f us for %.2f CPUs",
			old->p999_median / 1000, old->cpu_median);
	else if (p >= ALPHA)
		page_verdict(page, VERDICT_UNKNOWN,
			"#%zu is not distinguishable from the start in p99.9 (%.1f and %.1f us, p "
			"%.3f); CPUs %.2f, at the start %.2f",
			number, best->p999_median / 1000, old->p999_median / 1000, p,
			best->cpu_median, old->cpu_median);
	else
		page_verdict(page,
			best->p999_median < old->p999_median ? VERDICT_GOOD : VERDICT_UNKNOWN,
			"#%zu: p99.9 from %.1f to %.1f us (p %s), CPUs from %.2f to %.2f", number,
			old->p999_median / 1000, best->p999_median / 1000, show_p(p).text,
			old->cpu_median, best->cpu_median);
}

/* The reference is in every round: did its first half differ from the second? */
static void say_drift(struct page *page, const struct tune_result *result)
{
	const struct tune_point *start = reference(result);
	struct tune_search halves = {.n = 2};
	size_t half = start->rounds / 2;

	for (size_t i = 0; i < half; i++) {
		halves.points[0].p999[i] = start->p999[i];
		halves.points[1].p999[i] = start->p999[start->rounds - half + i];
	}
	halves.points[0].rounds = halves.points[1].rounds = half;
	tune_judge(&halves);
	double p = tune_same_p(&halves.points[0], &halves.points[1]);

	if (half < 4)
		page_verdict(page, VERDICT_UNKNOWN,
			"too few rounds (%zu) to see whether the host drifted", start->rounds);
	else
		page_verdict(page, p < ALPHA ? VERDICT_BAD : VERDICT_GOOD,
			"the host %s: #0 was %.1f us in the first half of its rounds, %.1f in the "
			"second (p %.3f)",
			p < ALPHA ? "drifted while it was measured" : "did not drift visibly",
			halves.points[0].p999_median / 1000, halves.points[1].p999_median / 1000,
			p);
}

/* ---- what to do ---- */

static void say_command(struct page *page, const struct tune_result *result)
{
	const struct tune_request *request = result->request;
	struct vm_config machine = machine_of(result, tune_recommend(result->search));
	char options[512];

	tune_command(&machine, true, options, sizeof(options));
	page_heading(page, "RECOMMENDED MACHINE");
	page_note(page, "tickvm run %s", options);
	if (request->ini != NULL)
		page_note(page, "The same as a file: tickvm run --config %s", request->ini);
	else
		page_note(page, "-o FILE.ini writes the same for --config.");
}

static void say_settings(
	struct page *page, const struct tune_result *result, const struct host_facts *facts)
{
	static const char *const titles[] = {"setting", "is", "command"};
	struct host_setting settings[HOST_SETTINGS_MAX];
	unsigned n = settings_of(result, facts, settings);

	page_heading(page, "HOST SETTINGS");
	if (n == 0) {
		page_note(page, "None of those that tickvm doctor looks at needs a change.");
		return;
	}
	struct table *table = page_table(page, "host-settings", "lll", titles);

	for (unsigned i = 0; i < n; i++) {
		table_cell(table, "%s", settings[i].name);
		table_cell(table, "%s", settings[i].is);
		table_cell(table, "%s", settings[i].command);
	}
	page_note(page,
		"%s They were not tried: the figures above are of the host as it is. "
		"tickvm doctor says what each is good for.",
		result->request->apply
			? "Those with a path are written after this."
			: "Nothing was changed; --apply does those that tee writes.");
}

/* ---- the page ---- */

static void add_chart(struct page *page, const struct tune_search *search)
{
	struct chart *chart = page_chart(page, CHART_POINTS, CHART_LOG_X | CHART_LOG_Y,
		"p99.9 lateness over host CPU time", "CPUs (s/s)", "p99.9 lateness (us)");

	for (size_t i = 0; i < search->n; i++) {
		const struct tune_point *point = &search->points[i];

		if (point->rounds >= TUNE_ROUNDS_MIN)
			chart_point(chart, point->front ? "front" : "dominated", point->cpu_median,
				point->p999_median / 1000);
	}
}

struct page *tune_page(const struct tune_result *result, const struct host_facts *facts)
{
	const struct tune_request *request = result->request;
	struct page *page = page_create();

	page_heading(page, "TUNE: %s every %s, %s: p99.9 lateness against host CPU time",
		request->source, request->interval, request->load);
	if (tune_recommend(result->search) == NULL) {
		page_verdict(page, VERDICT_UNKNOWN,
			"ended before round %d of any machine: nothing can be said",
			TUNE_ROUNDS_MIN);
		return page;
	}
	add_front(page, result);
	say_columns(page, result);
	add_chart(page, result->search);
	say_gain(page, result);
	say_indistinct(page, result);
	say_drift(page, result);
	say_command(page, result);
	say_settings(page, result, facts);
	return page;
}

/* ---- the results file ---- */

static json_t *numbers(const double *values, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_real(values[i]));
	return array;
}

static json_t *point_json(const struct tune_result *result, const struct tune_point *point)
{
	struct vm_config machine = machine_of(result, point);
	char options[512];

	tune_command(&machine, false, options, sizeof(options));
	return json_pack("{s:s, s:o, s:o, s:b, s:b, s:b}", "options", options, "p999_ns",
		numbers(point->p999, point->rounds), "cpu_seconds_per_second",
		numbers(point->cpu, point->rounds), "front", point->front, "recommended",
		point == tune_recommend(result->search), "dropped", point->dropped);
}

static json_t *setting_json(const struct host_setting *setting)
{
	return json_pack("{s:s, s:s, s:s, s:b}", "name", setting->name, "is", setting->is,
		"command", setting->command, "plain_write", setting->path != NULL);
}

json_t *tune_json(const struct tune_result *result, const struct host_facts *facts)
{
	const struct tune_search *search = result->search;
	struct host_setting settings[HOST_SETTINGS_MAX];
	unsigned n = settings_of(result, facts, settings);
	json_t *points = json_array(), *hosts = json_array();

	for (size_t i = 0; i < search->n; i++)
		json_array_append_new(points, point_json(result, &search->points[i]));
	for (unsigned i = 0; i < n; i++)
		json_array_append_new(hosts, setting_json(&settings[i]));
	return json_pack("{s:s, s:I, s:s, s:I, s:I, s:o, s:o}", "source", result->request->source,
		"interval_ns", (json_int_t)search->space.interval_ns, "load", result->request->load,
		"events", (json_int_t)result->events, "budget_ns",
		(json_int_t)result->request->budget_ns, "points", points, "host_settings", hosts);
}

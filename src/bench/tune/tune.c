/* SPDX-License-Identifier: BSD-2-Clause */
/* Candidates, the Pareto front, the recommendation, and a machine's options as text.
 * It measures nothing. */
#include "tune.h"

#include "tickvm/output.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define VCPU_FIFO_PRIORITY 10 /* below the timer thread's */

/* ---- machines ---- */

/* What the user chose himself is not searched. */
static bool is_given(const struct vm_config *machine, enum tune_knob knob)
{
	struct vm_config usual;

	vm_config_default(&usual);
	switch (knob) {
	case TUNE_HALT_POLL:
		return machine->halt_poll_ns != usual.halt_poll_ns;
	case TUNE_SPIN:
		return machine->timer_spin_ns != usual.timer_spin_ns;
	case TUNE_ADVANCE:
		return machine->timer_advance_ns != usual.timer_advance_ns;
	case TUNE_PLACE:
		return machine->vcpu_cpu[0] >= 0 || machine->timer_cpu >= 0;
	case TUNE_TIMER_PRIORITY:
		return machine->timer_priority != usual.timer_priority;
	case TUNE_VCPU_PRIORITY:
		return machine->vcpu_fifo_priority != usual.vcpu_fifo_priority;
	case TUNE_QUIET_WINDOW:
		return machine->quiet_window_ns != usual.quiet_window_ns;
	default:
		return true;
	}
}

/* Without the given one. */
static unsigned other_values(const struct tune_space *space, enum tune_knob knob)
{
	switch (knob) {
	case TUNE_HALT_POLL:
		return 4;
	case TUNE_SPIN:
		return space->thread ? 3 : 0;
	case TUNE_ADVANCE:
		return space->dedicated ? 1 : 0;
	case TUNE_PLACE:
		return space->n_cpus > 1 ? 2 : 0;
	case TUNE_TIMER_PRIORITY:
		return space->thread && space->fifo ? 1 : 0;
	case TUNE_VCPU_PRIORITY:
		return space->fifo ? 1 : 0;
	case TUNE_QUIET_WINDOW:
		return space->dedicated && space->interrupts ? 2 : 0;
	default:
		return 0;
	}
}

unsigned tune_values(const struct tune_space *space, enum tune_knob knob)
{
	return is_given(&space->machine, knob) ? 1 : 1 + other_values(space, knob);
}

/* 1: vCPUs on the first CPUs, the timer thread on the last; 2: the other way round. */
static void place(const struct tune_space *space, unsigned value, struct vm_config *machine)
{
	int last = space->n_cpus - 1;

	for (unsigned i = 0; i < machine->vcpus; i++) {
		int cpu = (int)i % space->n_cpus;

		machine->vcpu_cpu[i] = space->cpus[value == 1 ? cpu : last - cpu];
	}
	machine->timer_cpu = space->cpus[value == 1 ? last : 0];
}

static void turn(const struct tune_space *space, enum tune_knob knob, unsigned value,
	struct vm_config *machine)
{
	const int64_t interval = (int64_t)space->interval_ns;
	const int64_t polls[] = {0, interval / 2, 2 * interval, 10 * interval};
	static const int64_t spins[] = {0, 20000, 100000};
	static const uint64_t windows[] = {10000, 40000};

	switch (knob) {
	case TUNE_HALT_POLL:
		machine->halt_poll_ns = polls[value - 1];
		break;
	case TUNE_SPIN:
		machine->timer_spin_ns = spins[value - 1];
		break;
	case TUNE_ADVANCE:
		machine->timer_advance_ns = 0;
		break;
	case TUNE_PLACE:
		place(space, value, machine);
		break;
	case TUNE_TIMER_PRIORITY:
		machine->timer_priority = 0;
		break;
	case TUNE_VCPU_PRIORITY:
		machine->vcpu_fifo_priority = VCPU_FIFO_PRIORITY;
		break;
	case TUNE_QUIET_WINDOW:
		machine->quiet_window_ns = windows[value - 1];
		break;
	default:
		break;
	}
}

struct vm_config tune_machine(const struct tune_space *space, struct tune_choice choice)
{
	struct vm_config machine = space->machine;

	for (unsigned knob = 0; knob < TUNE_KNOBS; knob++) {
		if (choice.value[knob] != 0)
			turn(space, (enum tune_knob)knob, choice.value[knob], &machine);
	}
	return machine;
}

/* ---- candidates ---- */

static bool is_there(const struct tune_search *search, const struct tune_choice *choice)
{
	for (size_t i = 0; i < search->n; i++) {
		if (memcmp(&search->points[i].choice, choice, sizeof(*choice)) == 0)
			return true;
	}
	return false;
}

static void add(struct tune_search *search, struct tune_choice choice)
{
	if (search->n < TUNE_POINTS_MAX && !is_there(search, &choice))
		search->points[search->n++] = (struct tune_point){.choice = choice};
}

void tune_add_coordinates(struct tune_search *search)
{
	add(search, (struct tune_choice){{0}});
	for (unsigned knob = 0; knob < TUNE_KNOBS; knob++) {
		unsigned values = tune_values(&search->space, (enum tune_knob)knob);

		for (unsigned value = 1; value < values; value++) {
			struct tune_choice choice = {{0}};

			choice.value[knob] = (unsigned char)value;
			add(search, choice);
		}
	}
}

static double latest_allowed(double best)
{
	return best + fmax(TUNE_TOLERANCE * fabs(best), TUNE_TOLERANCE_MIN_NS);
}

/* Of the reference and the points that turn this knob alone. */
static unsigned char best_alone(const struct tune_search *search, unsigned knob, bool cheapest)
{
	const struct tune_point *best = &search->points[0];

	for (size_t i = 1; i < search->n; i++) {
		const struct tune_point *point = &search->points[i];
		struct tune_choice alone = {{0}};

		alone.value[knob] = point->choice.value[knob];
		if (memcmp(&alone, &point->choice, sizeof(alone)) != 0 || point->dropped ||
			point->rounds == 0)
			continue;
		if (cheapest ? point->cpu_median < best->cpu_median
			     : point->p999_median < best->p999_median)
			best = point;
	}
	return best->choice.value[knob];
}

void tune_add_combinations(struct tune_search *search)
{
	struct tune_choice punctual, cheap;

	for (unsigned knob = 0; knob < TUNE_KNOBS; knob++) {
		punctual.value[knob] = best_alone(search, knob, false);
		cheap.value[knob] = best_alone(search, knob, true);
	}
	add(search, punctual);
	add(search, cheap);
	for (unsigned knob = 0; knob < TUNE_KNOBS; knob++) {
		struct tune_choice between = punctual;

		between.value[knob] = cheap.value[knob];
		add(search, between);
	}
}

/* ---- the front ---- */

static bool counts(const struct tune_point *point)
{
	return !point->dropped && point->rounds >= TUNE_ROUNDS_MIN;
}

static bool dominates(const struct tune_point *a, const struct tune_point *b)
{
	return a->p999_median <= b->p999_median && a->cpu_median <= b->cpu_median &&
	       (a->p999_median < b->p999_median || a->cpu_median < b->cpu_median);
}

static struct spread spread_of(const double *values, size_t n)
{
	double sorted[TUNE_ROUNDS_MAX];

	memcpy(sorted, values, n * sizeof(*values));
	return stats_spread(sorted, n);
}

void tune_judge(struct tune_search *search)
{
	for (size_t i = 0; i < search->n; i++) {
		struct tune_point *point = &search->points[i];
		struct spread late = spread_of(point->p999, point->rounds);

		point->p999_median = late.median;
		point->p999_min = late.min;
		point->p999_max = late.max;
		point->cpu_median = spread_of(point->cpu, point->rounds).median;
	}
	for (size_t i = 0; i < search->n; i++) {
		struct tune_point *point = &search->points[i];

		point->dominators = 0;
		for (size_t j = 0; j < search->n; j++)
			point->dominators +=
				counts(&search->points[j]) && dominates(&search->points[j], point);
		point->front = counts(point) && point->dominators == 0;
	}
}

static bool is_better(const struct tune_point *a, const struct tune_point *b)
{
	if (a->dominators != b->dominators)
		return a->dominators < b->dominators;
	return a->p999_median < b->p999_median;
}

size_t tune_survivors(
	const struct tune_search *search, size_t keep, size_t survivors[TUNE_POINTS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < search->n; i++) {
		const struct tune_point *point = &search->points[i];
		size_t better = 0;

		if (point->dropped)
			continue;
		for (size_t j = 0; j < search->n; j++)
			better +=
				!search->points[j].dropped && is_better(&search->points[j], point);
		if (i == 0 || better < keep)
			survivors[n++] = i;
	}
	return n;
}

const struct tune_point *tune_recommend(const struct tune_search *search)
{
	const struct tune_point *best = NULL, *choice = NULL;

	for (const struct tune_point *p = search->points; p < search->points + search->n; p++) {
		if (p->front && (best == NULL || p->p999_median < best->p999_median))
			best = p;
	}
	for (const struct tune_point *p = search->points; p < search->points + search->n; p++) {
		if (p->front && p->p999_median <= latest_allowed(best->p999_median) &&
			(choice == NULL || p->cpu_median < choice->cpu_median))
			choice = p;
	}
	return choice;
}

double tune_same_p(const struct tune_point *a, const struct tune_point *b)
{
	struct permutation test;
	int err = permutation_test(a->p999, a->rounds, b->p999, b->rounds, 0, &test);

	return err == 0 ? test.p : 1;
}

/* ---- written down ---- */

static void say(struct tune_text **at, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct tune_text **at, const char *key, const char *format, ...)
{
	va_list args;

	snprintf((*at)->key, sizeof((*at)->key), "%s", key);
	va_start(args, format);
	vsnprintf((*at)->value, sizeof((*at)->value), format, args);
	va_end(args);
	++*at;
}

static void say_ns(struct tune_text **at, const char *key, int64_t ns)
{
	if (ns == VM_AUTO)
		say(at, key, "auto");
	else if (ns % 1000 == 0 && ns != 0)
		say(at, key, "%lldus", (long long)(ns / 1000));
	else
		say(at, key, "%lld", (long long)ns);
}

static void say_pins(struct tune_text **at, const struct vm_config *machine)
{
	char pins[sizeof((*at)->value)] = "none";
	size_t used = 0;

	for (unsigned i = 0; i < machine->vcpus && machine->vcpu_cpu[i] >= 0; i++)
		used += (size_t)snprintf(pins + used, sizeof(pins) - used, "%s%d", i > 0 ? "," : "",
			machine->vcpu_cpu[i]);
	say(at, "pin", "%s", pins);
}

unsigned tune_texts(const struct vm_config *machine, struct tune_text texts[TUNE_TEXTS_MAX])
{
	struct tune_text *at = texts;

	say(&at, "irqchip", "%s", irqchip_name(machine->irqchip));
	say(&at, "vcpus", "%u", machine->vcpus);
	say_ns(&at, "halt-poll", machine->halt_poll_ns);
	say_ns(&at, "timer-spin", machine->timer_spin_ns);
	say_ns(&at, "timer-advance", machine->timer_advance_ns);
	say_pins(&at, machine);
	if (machine->timer_cpu >= 0)
		say(&at, "timer-cpu", "%d", machine->timer_cpu);
	say(&at, "timer-priority", "%d", machine->timer_priority);
	say(&at, "vcpu-priority", "%d", machine->vcpu_fifo_priority);
	say_ns(&at, "quiet-window", (int64_t)machine->quiet_window_ns);
	return (unsigned)(at - texts);
}

void tune_difference(const struct tune_search *search, size_t point, char *text, size_t size)
{
	const struct vm_config begin = tune_machine(&search->space, search->points[0].choice),
			       machine = tune_machine(&search->space, search->points[point].choice);
	struct tune_text from[TUNE_TEXTS_MAX], to[TUNE_TEXTS_MAX];
	unsigned n_from = tune_texts(&begin, from), n_to = tune_texts(&machine, to);
	size_t used = 0;

	snprintf(text, size, "as it began");
	for (unsigned i = 0; i < n_to; i++) {
		unsigned same = 0;

		while (same < n_from && (strcmp(from[same].key, to[i].key) != 0 ||
						strcmp(from[same].value, to[i].value) != 0))
			same++;
		if (same == n_from && used < size)
			used += (size_t)snprintf(text + used, size - used, "%s--%s %s",
				used > 0 ? " " : "", to[i].key, to[i].value);
	}
}

void tune_command(const struct vm_config *machine, bool lines, char *text, size_t size)
{
	struct tune_text texts[TUNE_TEXTS_MAX];
	unsigned n = tune_texts(machine, texts);
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s--%s %s",
			i == 0                ? ""
			: lines && i % 4 == 0 ? " \\\n"
					      : " ",
			texts[i].key, texts[i].value);
}

int tune_write_ini(
	const struct vm_config *machine, const char *comment, const char *path, struct diag *diag)
{
	struct tune_text texts[TUNE_TEXTS_MAX];
	unsigned n = tune_texts(machine, texts);
	struct output *output;
	int err = output_open(&output, path, diag);

	if (err < 0)
		return err;
	fprintf(output_stream(output), "# %s\n[machine]\n", comment);
	for (unsigned i = 0; i < n; i++)
		fprintf(output_stream(output), "%s = %s\n", texts[i].key, texts[i].value);
	return output_commit(output, diag);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Measures the sentinel through the experiments that know how. */
#include "sweep_sentinel.h"

#include "../bare_exit.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define EXITS       200 /* a round */
#define EXIT_ROUNDS 11

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* The first value of the first metric whose name ends so; NAN: there is none. */
static double find_figure(const json_t *document, const char *end)
{
	size_t i;
	json_t *metric;

	json_array_foreach(json_object_get(document, "metrics"), i, metric)
	{
		const json_t *value = json_array_get(json_object_get(metric, "values"), 0);

		if (ends_with(json_string_value(json_object_get(metric, "name")), end) &&
			json_is_number(value))
			return json_number_value(value);
	}
	return (double)NAN;
}

static double measure_poll(int *err)
{
	struct cell poll = {.name = "sentinel",
		.bench = cell_find_bench("timer"),
		.options = {"--source=tsc-poll", "--interval=50us", "--count=1000"},
		.n_options = 3};
	json_t *document = NULL;
	struct diag diag;

	/* The machine as the experiment chooses it: the sweep's cells vary theirs. */
	vm_config_default(&poll.machine);
	poll.machine_set = BENCH_SET_IRQCHIP;
	*err = cell_run(&poll, &document, &diag);
	double figure = *err == 0 ? find_figure(document, "/p99") : (double)NAN;

	json_decref(document);
	return figure;
}

/* Without tickvm: when it moves, the host did, whatever became of this program. */
static double measure_exit(void)
{
	struct bench_context context = {.quiet = true};
	struct diag diag;
	double ticks;

	vm_config_default(&context.machine);
	if (bare_exit_measure(&context, EXITS, EXIT_ROUNDS, &ticks, &diag) < 0)
		return (double)NAN;
	return ticks / (double)clock_tsc_hz() * 1e9;
}

int sweep_sentinel_measure(struct sweep_sentinel *sentinel)
{
	int err;

	sentinel->ns[SENTINEL_EXIT] = measure_exit();
	sentinel->ns[SENTINEL_TSC_POLL] = measure_poll(&err);
	return err == -EINTR ? err : 0;
}

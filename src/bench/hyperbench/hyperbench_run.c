/* SPDX-License-Identifier: BSD-2-Clause */
/* One row of HyperBench, in a VM of its own or on the host: from the payload's command line to
 * figures. What the figures mean is not its business. */
#include "hyperbench.h"

#include "tickvm/workload.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Long enough to drown a stamp, and shorter than a time slice: a busy host disturbs some rounds and
 * not all. With scale a third of the three together, and x1 still many operations. */
#define ROUND_NS       2000000
#define ROUND_NS_SCALE 3000000
#define COLD_MEM       (512ULL << 20) /* fresh pages in each round */
#define SLOWEST_NS     200000         /* of one operation */

#define ROW_INFO(id, name, category, min, max, levels, cpl)                                        \
	[HYPERBENCH_##id] = {name, category, min, max, levels, cpl},
const struct hyper_row hyper_rows[HYPERBENCH_COUNT] = {HYPERBENCH_ROWS(ROW_INFO)};

#define ROW_NAME(id, name, category, min, max, levels, cpl) name,
const char *const hyper_row_names[] = {HYPERBENCH_ROWS(ROW_NAME) NULL};

const char *const hyper_state_names[] = {"measured", "n/a", "failed"};

int hyper_check_iterations(const struct hyper_plan *plan, struct diag *diag)
{
	uint64_t most = plan->scale ? 16 : 1;

	if (plan->iterations == 0)
		return 0;
	for (unsigned i = 0; i < HYPERBENCH_COUNT; i++) {
		const struct hyper_row *row = &hyper_rows[i];

		if ((plan->rows & (1ULL << i)) == 0)
			continue;
		if (plan->iterations < row->min || plan->iterations > row->max / most)
			return diag_set(diag, -EINVAL,
				"--iterations %" PRIu64 ": %s takes %" PRIu64 " to %" PRIu64
				"%s; choose rows with --row",
				plan->iterations, row->name, row->min, row->max / most,
				plan->scale ? " with --scale (x16 is done too)" : "");
	}
	return 0;
}

/* ---- a VM ---- */

static uint64_t timeout_ns(const struct hyper_shot *shot)
{
	uint64_t round_ns = 50 * shot->round_ns + shot->iterations * SLOWEST_NS;

	return LAUNCH_PATIENCE_NS + shot->rounds * round_ns * (shot->scale ? 21 : 1);
}

static int shot_rounds(const struct hyper_shot *shot, const struct launch *launch,
	struct hyper_round **rounds, size_t *n, struct diag *diag)
{
	size_t n_signals;
	const struct vm_signal *signals = vm_signals(launch->vm, &n_signals, NULL);
	size_t expected = shot->rounds * (shot->scale ? HYPER_SCALES : 1);
	const struct guest_bench_round *records = launch_records(launch, sizeof(*records), n, diag);

	if (records == NULL)
		return -EPROTO;
	if (*n != expected)
		return diag_set(
			diag, -EPROTO, "the guest left %zu rounds; expected %zu", *n, expected);
	*rounds = calloc(*n, sizeof(**rounds));
	if (*rounds == NULL)
		return diag_set(diag, -ENOMEM, "out of memory for %zu rounds", *n);
	int err = hyper_join(records, *n, signals, n_signals, *rounds, diag);

	if (err < 0)
		free(*rounds);
	return err;
}

int hyper_shoot(const struct hyper_session *session, const struct hyper_shot *shot,
	struct launch *launch, struct hyper_round **rounds, size_t *n, struct diag *diag)
{
	const struct bench_context *context = &session->context;

	launch_begin(launch, context, shot->vcpus);
	if (bench_interrupted)
		return diag_set(diag, -EINTR, "interrupted");
	launch->config.signal_log = 4 * shot->rounds * (shot->scale ? HYPER_SCALES : 1);
	launch->config.prefault = !shot->fresh;
	launch->config.small_pages = shot->small_pages;
	if (shot->mem_bytes != 0 && !(context->machine_set & BENCH_SET_MEM))
		launch->config.mem_bytes = shot->mem_bytes;
	if (!(context->machine_set & BENCH_SET_TIMEOUT))
		launch->config.timeout_ns = timeout_ns(shot);
	launch_append(launch,
		"test=bench name=%s rounds=%" PRIu64 " round_ns=%" PRIu64 " cpl=%u scale=%d "
		"signals=1",
		shot->name, shot->rounds, shot->round_ns, shot->cpl, shot->scale);
	if (shot->iterations != 0)
		launch_append(launch, "iterations=%" PRIu64, shot->iterations);
	int err = launch_run(launch, diag);

	if (err < 0)
		return err;
	err = shot_rounds(shot, launch, rounds, n, diag);
	if (err < 0)
		launch_end(launch);
	return err;
}

/* ---- a row ---- */

bool hyper_has_two_vcpus(enum hyperbench_row row)
{
	return row == HYPERBENCH_IPI_HALTED || row == HYPERBENCH_IPI_RUNNING;
}

static struct hyper_shot shot_of(const struct hyper_plan *plan, const struct hyper_result *result)
{
	bool cold = result->row == HYPERBENCH_COLD_MEMORY;

	return (struct hyper_shot){
		.name = hyper_rows[result->row].name,
		.cpl = result->cpl,
		.vcpus = hyper_has_two_vcpus(result->row) ? 2 : 1,
		.iterations = plan->iterations,
		.rounds = plan->rounds,
		.round_ns = plan->scale ? ROUND_NS_SCALE : ROUND_NS,
		.mem_bytes = cold ? COLD_MEM : 0,
		.scale = plan->scale,
		.fresh = cold,
		.small_pages = cold,
	};
}

/* The device that most exits went to: signals and synchronisation are few. */
static void find_device(struct vm *vm, struct hyper_result *result)
{
	size_t n;
	const struct exit_row *rows = exit_stats_rows(vm_exit_stats(vm, 0), &n);
	uint64_t most = 0;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].model.count <= most)
			continue;
		most = rows[i].model.count;
		snprintf(result->device, sizeof(result->device), "%s", rows[i].device);
	}
}

int hyper_measure(struct hyper_session *session, const char *pin, struct hyper_result *result)
{
	const struct hyper_plan *plan = &session->plan;
	struct hyper_shot shot = shot_of(plan, result);
	struct hyper_round *rounds = NULL;
	struct launch launch;
	size_t n = 0, scales = plan->scale ? HYPER_SCALES : 1;
	int err = hyper_shoot(session, &shot, &launch, &rounds, &n, &result->why);

	if (err < 0) {
		result->state = err == -ENOTSUP ? HYPER_NOT_AVAILABLE : HYPER_FAILED;
		return err;
	}
	result->state = HYPER_MEASURED;
	for (size_t i = 0; i < scales; i++)
		result->scaled[i] = hyper_figures(rounds, n, i, scales);
	result->figures = result->scaled[scales - 1];
	result->pieces = result->row == HYPERBENCH_SET_PAGE_TABLE
				 ? (double)launch.config.mem_bytes / WORKLOAD_PAGE
				 : 1;
	find_device(launch.vm, result);
	hyper_run_json(session, &shot, pin, NULL, &launch, rounds, n);
	free(rounds);
	launch_end(&launch);
	session->measured++;
	return 0;
}

/* ---- the host ---- */

void hyper_measure_native(const struct bench_context *context, const struct hyper_plan *plan,
	unsigned row, uint64_t iterations, struct hyper_native *native)
{
	const struct native_plan how = {
		.iterations = iterations, .rounds = plan->rounds, .round_ns = ROUND_NS};
	struct guest_bench_round rounds[HYPER_ROUNDS_MAX];
	struct native_note note = {""};
	struct diag diag = {""};
	struct launch launch;
	size_t n = 0;

	*native = (struct hyper_native){.cycles = (double)NAN, .spread = (double)NAN};
	launch_begin(&launch, context, 2);
	int err = native_row(&launch.config, row, &how, rounds, &n, &note, &diag);

	snprintf(native->note, sizeof(native->note), "%s", err < 0 ? diag.text : note.text);
	if (err < 0 || n == 0)
		return;
	native->iterations = rounds[0].iterations;
	hyper_native_figures(rounds, n, &native->cycles, &native->spread);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench linpack: how fast a guest solves linear systems, beside this host without a guest.
 * Here: what is varied and launched; the rest is in linpack_*.c. */
#include "linpack.h"
#include "../agreement.h"
#include "../attach.h"
#include "../registry.h"
#include "../sides.h"

#include "tickvm/experiment.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define BATCH_FLOPS  2e9 /* a batch unless told: some 50 ms, or one system */
#define SYSTEMS_MOST 200

/* ---- options ---- */

struct linpack_parameters {
	uint64_t n, batches;
	unsigned side, simd;
};

static const struct parameter parameters[] = {
	PARAMETER_AMOUNT("n", PARAMETER_NUMBER, UNIT_COUNT, 0, "100,200,500,1000,2000", 1,
		LINPACK_N_MAX, struct linpack_parameters, n, "orders of the systems"),
	PARAMETER_WORDS("simd", NULL, linpack_simd_names, "auto", struct linpack_parameters, simd,
		"auto: AVX2 and FMA where CPU and guest have them"),
	PARAMETER_SIDE(struct linpack_parameters, side),
	PARAMETER_AMOUNT("batches", PARAMETER_NUMBER, UNIT_COUNT, AXIS_EFFORT, "1", 1,
		LINPACK_SYSTEMS_MAX, struct linpack_parameters, batches,
		"systems a launch, their median is taken; unless told 1 to 200, by order"),
	PARAMETERS_END,
};

static int cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : CPU_COUNT(&set);
}

/* With one thread, and with two where there are CPUs. */
static const char *preset(const struct session *session, const char *axis)
{
	(void)session;
	if (strcmp(axis, "vcpus") != 0)
		return NULL;
	return cpus() > 1 ? "1,2" : "1";
}

static uint64_t systems_of(uint64_t n)
{
	return (uint64_t)fmin(fmax(BATCH_FLOPS / linpack_flops((uint32_t)n), 1), SYSTEMS_MOST);
}

static struct linpack_batch batch_of(const struct point *point)
{
	const struct linpack_parameters *p = point->parameters;

	return (struct linpack_batch){.n = (uint32_t)p->n,
		.threads = point->context.machine.vcpus,
		.simd = p->simd == LINPACK_AVX2 ? WORKLOAD_AVX2 : WORKLOAD_SSE2,
		.systems = p->batches};
}

static void settle_batches(struct point *point)
{
	const struct linpack_parameters *p = point->parameters;
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, systems_of(p->n));
	if (!point_given(point, "batches"))
		point_set(point, "batches", text);
}

static int settle(struct session *session, struct point *point, struct diag *why)
{
	static const char *const of_native[] = {
		"vcpus", "n", "simd", "side", "batches", "pin", "vcpu-priority", NULL};
	const struct linpack_parameters *p = point->parameters;

	(void)session;
	if (p->simd == LINPACK_AVX2 && !linpack_host_has_avx2())
		return diag_set(
			why, -ENOTSUP, "this CPU has not AVX2 and FMA; --simd sse2 does without");
	if (p->simd == LINPACK_AUTO)
		point_set(point, "simd", linpack_simd_name(linpack_choose_simd(&point->context)));
	settle_batches(point);
	if (p->side == SIDE_NATIVE) {
		point_keep(point, of_native);
		return 0;
	}
	const struct linpack_batch batch = batch_of(point);

	return point_need_mem(point, linpack_guest_memory(&batch), why);
}

/* ---- one launch ---- */

/* JSON has neither infinity nor "not a number". */
static json_t *batches_json(const struct guest_linpack_run *runs, size_t n)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < n; i++) {
		double residual = linpack_residual(&runs[i]);

		json_array_append_new(
			rows, json_pack("[I, o]", (json_int_t)runs[i].cycles,
				      isfinite(residual) ? json_real(residual) : json_null()));
	}
	return json_pack("{s:[s, s], s:o}", "columns", "cycles", "residual", "rows", rows);
}

static const struct flag flags[] = {
	{"wrong", FLAG_FAIL, "a solution's residual is too great, or not a number"}};

static void yield(
	const struct linpack_batch *batch, const struct guest_linpack_run *runs, struct sink *sink)
{
	double figures[LINPACK_FIGURES];

	linpack_reduce(batch, runs, figures);
	sink_row(sink, NULL, figures);
	sink_flags(sink, figures[LINPACK_WRONG] > 0);
	if ((int)batch->threads > cpus())
		sink_label(sink, LINPACK_CROWDED, LINPACK_CROWDED);
	if (sink_wants(sink))
		sink_attach(sink, "batches", batches_json(runs, batch->systems));
}

static int measure(
	struct session *session, const struct point *point, struct sink *sink, struct diag *diag)
{
	static struct guest_linpack_run runs[LINPACK_SYSTEMS_MAX];
	const struct linpack_parameters *p = point->parameters;
	const struct linpack_batch batch = batch_of(point);
	struct launch launch;
	bool guest = p->side == SIDE_GUEST;
	int err = guest ? linpack_guest(&launch, &point->context, &batch, runs, diag)
			: linpack_native(&point->context, &batch, runs, diag);

	(void)session;
	if (err < 0)
		return err;
	yield(&batch, runs, sink);
	if (guest) {
		attach_counters(sink, launch.vm, batch.threads);
		launch_end(&launch);
	}
	return 0;
}

static const struct series speed = {
	.id = "speed",
	.title = "LU factorization",
	.axes = (const char *const[]){"vcpus", "n", "simd", "side", "batches", MACHINE_AXES, NULL},
	.preset = preset,
	.figures = linpack_figures,
	.n_figures = LINPACK_FIGURES,
	.flags = flags,
	.n_flags = sizeof(flags) / sizeof(flags[0]),
	.rounds = AGREEMENT_PAIRS,
	.settle = settle,
	.measure = measure,
};

static void conclude(struct session *session)
{
	linpack_say(session->document, session_set(session, "speed"), cpus());
}

static const struct experiment experiment = {
	.name = "linpack",
	.parameters = parameters,
	.parameters_size = sizeof(struct linpack_parameters),
	.series = (const struct series *const[]){&speed, NULL},
	.conclude = conclude,
};

static int run(struct bench_context *context, int argc, char **argv)
{
	return drive(&experiment, context, argc, argv);
}

const struct bench bench_linpack = {
	.name = "linpack",
	.summary = "how fast a guest solves linear systems (GFLOP/s), beside native",
	.experiment = &experiment,
	.run = run,
};

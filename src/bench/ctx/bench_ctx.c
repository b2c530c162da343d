/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench ctx: what a switch of address spaces costs a guest, and a switch of processes the
 * host, directly and with the refilling of caches after it (Li, Ding, Shen, "Quantifying the cost
 * of context switch", ExpCS 2007). The two are different things, so no ratio of them is printed. */
#include "ctx.h"
#include "../launch.h"
#include "../options.h"
#include "../progress.h"
#include "../registry.h"
#include "../results.h"

#include "tickvm/clock.h"
#include "tickvm/page.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Short against a time slice of the host, so that what another process takes is in few rounds,
 * which the median leaves out. */
#define ROUND_NS   300000
#define ROUNDS_MAX 1000
#define STRIDE_MAX (1u << 20)

static const char help[] =
	"  --contexts LIST      contexts in the ring, each 2 to 64 (default 2,4,8,16)\n"
	"  --max SIZE           working sets are 0, then 4K to this by powers of two (default 1M)\n"
	"  --stride LIST        bytes between the words a context touches (default 64,4096)\n"
	"  --rounds N           of each working set (default 100)\n"
	"  --no-native          the guest only\n";

struct plan {
	struct numbers contexts, strides;
	uint64_t max_bytes, rounds;
	bool no_native;
};

enum side { GUEST, NATIVE, SIDES };
static const char *const side_names[SIDES] = {"guest", "native"};

struct session {
	const struct bench_context *context;
	struct plan plan;
	struct results results;
	struct progress progress;
	struct page *page;
	struct table *table;
	struct chart *charts[SIDES];
	bool no_guest; /* this host cannot run one: said once */
	unsigned guests;
	int status;
};

/* ---- results ---- */

static json_t *rounds_json(
	struct results *results, const struct ctx_ring *ring, const struct guest_ctx_round *rounds)
{
	json_t *array = json_array();

	for (size_t i = 0; i < ring->rounds * ctx_sets(ring->max_bytes); i++)
		results_add(results, array, NULL,
			json_pack("[I, I, I, I]", (json_int_t)rounds[i].bytes,
				(json_int_t)rounds[i].switches, (json_int_t)rounds[i].switch_cycles,
				(json_int_t)rounds[i].control_cycles));
	return array;
}

static json_t *sets_json(
	struct results *results, const struct ctx_ring *ring, const struct ctx_figures *figures)
{
	json_t *array = json_array();

	for (unsigned set = 0; set < ctx_sets(ring->max_bytes); set++)
		results_add(results, array, NULL,
			json_pack("{s:I, s:o}", "bytes", (json_int_t)ctx_set_bytes(set), "total",
				results_summary(&figures->sets[set].total)));
	return array;
}

/* vm: the guest's, or NULL. */
static int keep(struct session *session, enum side side, const struct ctx_ring *ring,
	const struct guest_ctx_round *rounds, const struct vm_config *machine, struct vm *vm,
	struct ctx_figures *figures, struct diag *diag)
{
	struct results *results = &session->results;
	int err = ctx_figures(figures, ring, rounds, diag);

	if (err < 0)
		return err;
	for (unsigned set = 0; set < ctx_sets(ring->max_bytes); set++)
		results_metric(results, LOWER_IS_BETTER, "ns",
			clock_ticks_to_ns_f(figures->sets[set].total.p50),
			"ctx/%s/contexts%u/stride%" PRIu64 "/set%" PRIu64 "/p50", side_names[side],
			ring->contexts, ring->stride, ctx_set_bytes(set));
	json_t *run = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o}", "system", side_names[side],
		"contexts", (json_int_t)ring->contexts, "stride", (json_int_t)ring->stride,
		"machine", machine_json(machine), "sets", sets_json(results, ring, figures),
		"rounds", rounds_json(results, ring, rounds));

	if (vm != NULL) {
		results_add(results, run, "exits", results_exits(results, vm, 1));
		results_add(results, run, "kvm_stats", results_kvm_stats(results, vm));
	}
	results_add(results, results->runs, NULL, run);
	return 0;
}

static double ns(double ticks)
{
	return ticks * 1e9 / (double)clock_tsc_hz();
}

/* Total, its spread, and its two parts: the empty set's total, and the rest. */
static void side_cells(struct table *table, const struct ctx_figures *figures, unsigned set)
{
	double total = (double)figures->sets[set].total.p50;
	double direct = (double)figures->sets[0].total.p50;
	const double cells[] = {total, figures->sets[set].spread, direct, total - direct};

	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		table_cell_us(table, figures->measured ? ns(cells[i]) : NAN);
}

static void show(struct session *session, const struct ctx_ring *ring,
	const struct ctx_figures figures[SIDES])
{
	char series[32];

	snprintf(series, sizeof(series), "%u contexts", ring->contexts);
	for (unsigned set = 0; set < ctx_sets(ring->max_bytes); set++) {
		uint64_t bytes = ctx_set_bytes(set);

		table_cell(session->table, "%u", ring->contexts);
		table_cell(session->table, "%" PRIu64 "%s", bytes / 1024, bytes > 0 ? " KiB" : "");
		for (enum side side = 0; side < SIDES; side++) {
			double total = (double)figures[side].sets[set].total.p50;

			side_cells(session->table, &figures[side], set);
			if (figures[side].measured && bytes > 0)
				chart_point(session->charts[side], series, (double)bytes,
					ns(total) / 1e3);
		}
	}
}

/* ---- measuring ---- */

static uint64_t guest_memory(const struct ctx_ring *ring)
{
	/* Payload, results and records; sets, their distances and page tables. */
	uint64_t bytes = (24ULL << 20) + ring->contexts * (ring->max_bytes + (256ULL << 10));

	return bytes & ~((2ULL << 20) - 1);
}

/* Twice as long as the slowest caches make it. */
static uint64_t guest_timeout_ns(const struct ctx_ring *ring)
{
	uint64_t turn_ns = ring->contexts * ring->max_bytes;

	return LAUNCH_PATIENCE_NS +
	       ring->rounds * ctx_sets(ring->max_bytes) * (8 * ring->round_ns + 4 * turn_ns);
}

static int measure_guest(struct session *session, const struct ctx_ring *ring,
	struct ctx_figures *figures, struct diag *diag)
{
	struct launch launch;
	size_t n;

	launch_begin(&launch, session->context, 1);
	if (!(session->context->machine_set & BENCH_SET_MEM))
		launch.config.mem_bytes = guest_memory(ring);
	if (!(session->context->machine_set & BENCH_SET_TIMEOUT))
		launch.config.timeout_ns = guest_timeout_ns(ring);
	launch_append(&launch,
		"test=ctx contexts=%u stride=%" PRIu64 " max_bytes=%" PRIu64 " rounds=%" PRIu64
		" round_ns=%" PRIu64,
		ring->contexts, ring->stride, ring->max_bytes, ring->rounds, ring->round_ns);
	int err = launch_run(&launch, diag);

	if (err < 0)
		return err;
	const struct guest_ctx_round *rounds = launch_records(&launch, sizeof(*rounds), &n, diag);

	err = rounds == NULL ? -EPROTO : ctx_check(rounds, n, ring, diag);
	if (err == 0)
		err = keep(session, GUEST, ring, rounds, &launch.config, launch.vm, figures, diag);
	launch_end(&launch);
	return err;
}

/* Between two guests, when this process has one thread. */
static int measure_native(struct session *session, const struct ctx_ring *ring,
	struct ctx_figures *figures, struct diag *diag)
{
	struct launch place; /* only to learn where a vCPU would run */
	struct guest_ctx_round *rounds =
		calloc(ring->rounds * ctx_sets(ring->max_bytes), sizeof(*rounds));

	if (rounds == NULL)
		return diag_set(
			diag, -ENOMEM, "out of memory for %" PRIu64 " rounds", ring->rounds);
	launch_begin(&place, session->context, 1);
	int err = ctx_native(ring, &place.config, rounds, diag);

	if (err == 0)
		err = keep(session, NATIVE, ring, rounds, &place.config, NULL, figures, diag);
	free(rounds);
	return err;
}

static void skipped(struct session *session, enum side side, const struct ctx_ring *ring, int err,
	const char *reason)
{
	page_note(session->page, "not measured: %s, ring of %u, stride %" PRIu64 ": %s",
		side_names[side], ring->contexts, ring->stride, reason);
	results_add(&session->results, json_object_get(session->results.root, "skipped"), NULL,
		json_pack("{s:s, s:I, s:I, s:o}", "system", side_names[side], "contexts",
			(json_int_t)ring->contexts, "stride", (json_int_t)ring->stride, "reason",
			json_text(reason)));
	if (err != -ENOTSUP)
		session->status = launch_exit_status(err);
	if (side == GUEST && !launch_has_kvm())
		session->no_guest = true;
}

/* False: stop. */
static bool measure_side(struct session *session, enum side side, const struct ctx_ring *ring,
	struct ctx_figures *figures)
{
	struct diag diag = {""};

	if ((side == GUEST && session->no_guest) || (side == NATIVE && session->plan.no_native))
		return true;
	progress_step(&session->progress, "%s, ring of %u, stride %" PRIu64, side_names[side],
		ring->contexts, ring->stride);
	int err = bench_interrupted ? diag_set(&diag, -EINTR, "interrupted")
		  : side == GUEST   ? measure_guest(session, ring, figures, &diag)
				    : measure_native(session, ring, figures, &diag);

	if (err < 0)
		skipped(session, side, ring, err, diag.text);
	else if (side == GUEST)
		session->guests++;
	return err != -EINTR && err != -EINVAL;
}

static bool measure_ring(struct session *session, const struct ctx_ring *ring)
{
	struct ctx_figures figures[SIDES] = {{.measured = false}};
	bool go_on = measure_side(session, GUEST, ring, &figures[GUEST]) &&
		     measure_side(session, NATIVE, ring, &figures[NATIVE]);

	if (figures[GUEST].measured || figures[NATIVE].measured)
		show(session, ring, figures);
	return go_on;
}

static void begin_stride(struct session *session, uint64_t stride)
{
	static const char *const titles[] = {"contexts", "set", "guest", "guest +-", "g direct",
		"g indirect", "native", "native +-", "n direct", "n indirect"};
	struct page *page = session->page;
	char name[32];

	snprintf(name, sizeof(name), "ctx-stride-%" PRIu64, stride);
	page_heading(
		page, "Context switches, a word every %" PRIu64 " bytes (us a switch)", stride);
	session->table = page_table(page, name, "rrrrrrrrrr", titles);
	session->charts[GUEST] = page_chart(page, CHART_LINES, CHART_LOG_X | CHART_BYTES_X,
		"Guest: switch of address space", "working set", "total (us a switch)");
	session->charts[NATIVE] =
		session->plan.no_native ? NULL
					: page_chart(page, CHART_LINES, CHART_LOG_X | CHART_BYTES_X,
						  "Native: switch of process", "working set",
						  "total (us a switch)");
}

static void measure_all(struct session *session)
{
	const struct plan *plan = &session->plan;
	unsigned rings = plan->contexts.n * plan->strides.n;

	session->progress =
		progress_begin(rings * (plan->no_native ? 1 : 2), session->context->quiet);
	for (unsigned s = 0; s < plan->strides.n; s++) {
		begin_stride(session, plan->strides.value[s]);
		for (unsigned c = 0; c < plan->contexts.n; c++) {
			const struct ctx_ring ring = {
				.contexts = (unsigned)plan->contexts.value[c],
				.stride = plan->strides.value[s],
				.max_bytes = plan->max_bytes,
				.rounds = plan->rounds,
				.round_ns = ROUND_NS,
			};

			if (!measure_ring(session, &ring))
				return;
		}
	}
}

static void explain(struct page *page)
{
	page_note(page,
		"set: what each context touches a word of, every so many bytes, whenever it runs. "
		"guest, native: total cost of a switch, median over the rounds; +-: half the "
		"distance between the quartiles. direct: the total with an empty set; indirect: "
		"the rest, what the others in the ring made the next one refill. Subtracted is the "
		"same without switching: one context that does all the touching, through the same "
		"gate or a pipe to itself.");
	page_note(page,
		"A switch in the guest is a write to CR3 at CPL 0 and no more: no scheduler, no "
		"registers saved. A native one is a whole switch of processes by the host's "
		"scheduler, around a ring of pipes. They are not the same thing.");
}

static int parse(struct plan *plan, int argc, char **argv, struct diag *diag)
{
	*plan = (struct plan){.contexts = {.value = {2, 4, 8, 16}, .n = 4},
		.strides = {.value = {64, 4096}, .n = 2},
		.max_bytes = 1 << 20,
		.rounds = 100};
	const struct option_spec specs[] = {
		{"contexts", OPTION_NUMBERS, &plan->contexts, .min = 2, .max = CTX_CONTEXTS_MAX},
		{"max", OPTION_SIZE, &plan->max_bytes, .min = CTX_SET_MIN, .max = CTX_SET_MAX},
		{"stride", OPTION_NUMBERS, &plan->strides, .min = 8, .max = STRIDE_MAX},
		{"rounds", OPTION_NUMBER, &plan->rounds, .min = 1, .max = ROUNDS_MAX},
		{"no-native", OPTION_FLAG, &plan->no_native, .min = 0},
		{.name = NULL},
	};
	int err = options_parse(specs, argc, argv, diag);

	for (unsigned i = 0; err == 0 && i < plan->strides.n; i++) {
		if (plan->strides.value[i] % sizeof(uint64_t) != 0)
			err = diag_set(diag, -EINVAL, "--stride: %" PRIu64 " is no multiple of 8",
				plan->strides.value[i]);
	}
	return err;
}

static int run(struct bench_context *context, int argc, char **argv)
{
	struct session session = {.context = context};
	struct diag diag;

	if (parse(&session.plan, argc, argv, &diag) < 0)
		return bench_refuse(context, "ctx", &diag);
	if (context->check != NULL)
		return 0;
	results_begin(&session.results, context, "ctx");
	results_add(&session.results, session.results.root, "skipped", json_array());
	session.page = page_create();
	measure_all(&session);
	progress_end(&session.progress);
	explain(session.page);
	if (session.status == 0 && session.guests == 0)
		session.status = 77;
	int status = results_publish(&session.results, session.page, context, session.status);

	page_destroy(session.page);
	results_end(&session.results);
	return status;
}

const struct bench bench_ctx = {
	.name = "ctx",
	.summary = "switches of address space in a guest, of processes natively: direct and total",
	.help = help,
	.run = run,
	.forks = true,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole search of tickvm tune in a world whose clock, costs and lateness are made up: how often
 * what is measured, when it ends, what it recommends and writes. Starts no guest. */
#include "../../src/bench/tune/tune.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENT_NS 100000 /* the interval */
#define SECOND   1000000000ULL

/* ---- the world ---- */

static struct {
	uint64_t now_ns;
	double cpu_s, guest_s;
	uint64_t start_ns;         /* of a launch, before its first event */
	double auto_ns, none_ns;   /* p99.9 with and without --timer-advance auto */
	unsigned runs, stop_at;    /* the run that the user interrupts; 0: none */
	bool starts_are_slow_ones; /* a launch of one event takes longer than others in the guest */
} world;

static unsigned events_of(const struct cell *cell)
{
	for (size_t i = 0; i < cell->n_options; i++) {
		if (strncmp(cell->options[i], "--count=", 8) == 0)
			return (unsigned)atoi(cell->options[i] + 8);
	}
	cr_assert_fail("no --count");
	return 0;
}

static int run(const struct cell *cell, json_t **document, struct diag *diag)
{
	unsigned events = events_of(cell);
	double late = cell->machine.timer_advance_ns == VM_AUTO ? world.auto_ns : world.none_ns;

	*document = NULL;
	if (++world.runs == world.stop_at) {
		bench_interrupted = 1;
		return diag_set(diag, -EINTR, "interrupted");
	}
	world.now_ns += world.start_ns + events * (uint64_t)EVENT_NS;
	world.cpu_s += 0.01 + events * 1e-9 * EVENT_NS / 2;
	world.guest_s += 0.01 + events * 1e-9 * EVENT_NS;
	if (world.starts_are_slow_ones && events == 1)
		world.guest_s += 3600;
	*document = json_pack("{s:[{s:s, s:s, s:s, s:[f]}]}", "metrics", "name",
		"timer/dedicated/100us/p999", "unit", "ns", "better", "lower", "values",
		late + world.runs % 7);
	return 0;
}

static uint64_t now_ns(void)
{
	return world.now_ns;
}

static struct tune_cost cost_now(void)
{
	return (struct tune_cost){.cpu_s = world.cpu_s, .guest_s = world.guest_s};
}

static const struct tune_world made_up = {.run = run, .now_ns = now_ns, .cost_now = cost_now};

/* ---- the request: --timer-advance alone is left to search, whatever this host has ---- */

static char ini[] = "/tmp/tickvm-tune-XXXXXX.ini", json[] = "/tmp/tickvm-tune-XXXXXX.json";

static struct tune_request request(void)
{
	struct tune_request r = {.source = "dedicated",
		.interval = "100us",
		.load = "idle",
		.budget_ns = 10 * SECOND,
		.ini = ini,
		.context = {.json = json, .quiet = true, .command_line = "tickvm tune"}};
	struct vm_config *machine = &r.context.machine;

	vm_config_default(machine);
	machine->halt_poll_ns = 200000;
	machine->timer_spin_ns = 10000;
	machine->timer_priority = 70;
	machine->vcpu_fifo_priority = 1;
	machine->vcpu_cpu[0] = machine->timer_cpu = 0;
	return r;
}

static void begin(void)
{
	world.start_ns = SECOND / 20;
	world.auto_ns = 5000;
	world.none_ns = 9000;
	close(mkstemps(ini, 4));
	close(mkstemps(json, 5));
	unlink(ini);
	unlink(json);
	cr_redirect_stdout();
	cr_redirect_stderr();
}

static void end(void)
{
	unlink(ini);
	unlink(json);
}

TestSuite(tune_run, .init = begin, .fini = end);

/* ---- what it left ---- */

static bool file_says(const char *path, const char *text)
{
	char bytes[4096] = "";
	FILE *file = fopen(path, "re");

	cr_assert_not_null(file, "%s", path);
	size_t n = fread(bytes, 1, sizeof(bytes) - 1, file);

	bytes[n] = '\0';
	fclose(file);
	return strstr(bytes, text) != NULL;
}

/* Of two points: rounds of each, which is recommended, their CPU figures. */
struct found {
	bool interrupted;
	size_t n, rounds[2], recommended;
	double cpu;
};

static struct found found(void)
{
	json_t *root = json_load_file(json, 0, NULL), *point, *value;
	struct found f = {.interrupted = json_is_true(json_object_get(root, "interrupted"))};
	size_t i, k;

	json_array_foreach(json_object_get(json_object_get(root, "tune"), "points"), i, point)
	{
		cr_assert_lt(i, 2);
		f.n++;
		f.rounds[i] = json_array_size(json_object_get(point, "p999_ns"));
		if (json_is_true(json_object_get(point, "recommended")))
			f.recommended = i;
		json_array_foreach(json_object_get(point, "cpu_seconds_per_second"), k, value)
			f.cpu = json_number_value(value);
	}
	json_decref(root);
	return f;
}

/* ---- the search ---- */

/* Three launches of one event, then two of a thousand in each round. */
Test(tune_run, goes_on_until_the_budget_is_spent)
{
	struct tune_request r = request();

	cr_expect_eq(tune_in(&made_up, &r), 0);
	struct found f = found();

	cr_expect_eq(f.n, 2);
	cr_expect_not(f.interrupted);
	cr_expect_eq(f.rounds[0], f.rounds[1]);
	cr_expect_eq(world.runs, 3 + 2 * f.rounds[0]);
	/* The round that is begun before the end is finished. */
	cr_expect_geq(world.now_ns, 10 * SECOND);
	cr_expect_lt(world.now_ns, 10 * SECOND + 2 * (SECOND / 10 + SECOND / 20));
	cr_expect_float_eq(f.cpu, 0.5, 0.01, "%f", f.cpu);
}

Test(tune_run, recommends_and_writes_the_less_late_machine)
{
	struct tune_request r = request();

	cr_expect_eq(tune_in(&made_up, &r), 0);
	cr_expect_eq(found().recommended, 0);
	cr_expect(file_says(ini, "\ntimer-advance = auto\n"));
	world.auto_ns = 12000;
	cr_expect_eq(tune_in(&made_up, &r), 0);
	cr_expect_eq(found().recommended, 1);
	cr_expect(file_says(ini, "\ntimer-advance = 0\n"));
	cr_expect(file_says(ini, "\ntimer-spin = 10us\n"));
}

/* In the fifth round, after its first point. */
Test(tune_run, interrupted_it_leaves_what_was_found)
{
	struct tune_request r = request();

	world.stop_at = 3 + 2 * 4 + 2;
	cr_expect_eq(tune_in(&made_up, &r), 130);
	struct found f = found();

	cr_expect(f.interrupted);
	cr_expect_eq(f.rounds[0] + f.rounds[1], 9);
	cr_expect(file_says(ini, "\ntimer-advance = auto\n"));
}

/* Two points, three times, and each launch takes 100 s. */
Test(tune_run, a_slow_host_is_told_what_it_needs)
{
	struct tune_request r = request();

	world.start_ns = 100 * SECOND;
	cr_expect_eq(tune_in(&made_up, &r), 2);
	cr_expect_eq(world.runs, 3);
	cr_expect_neq(access(ini, F_OK), 0);
	fflush(stderr);
	cr_assert_stderr_eq_str(
		"tickvm tune: --budget: 1000 events every 100us on 2 machines 3 times "
		"take 601 s at least\n");
}

/* What a launch costs besides its events was measured when the host was busy. */
Test(tune_run, a_start_that_was_slow_leaves_the_cpu_figure_sane)
{
	struct tune_request r = request();

	world.starts_are_slow_ones = true;
	cr_expect_eq(tune_in(&made_up, &r), 0);
	cr_expect_float_eq(found().cpu, 0.5, 0.01, "%f", found().cpu);
}

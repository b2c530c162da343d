/* SPDX-License-Identifier: BSD-2-Clause */
/* The search of tickvm tune on made-up figures: candidates, front, recommendation, and what is
 * written of it; host settings on files of the test's own. It measures nothing. */
#include "../../src/bench/tune/tune.h"
#include "../../src/bench/tune/tune_host.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct tune_search search;

static void setup(void)
{
	search = (struct tune_search){.space = {.interval_ns = 100000,
					      .thread = true,
					      .dedicated = true,
					      .fifo = true,
					      .cpus = {0, 1, 5},
					      .n_cpus = 3}};
	vm_config_default(&search.space.machine);
}

TestSuite(tune, .init = setup);

static void measure(size_t i, size_t rounds, double p999, double cpu)
{
	struct tune_point *point = &search.points[i];

	point->rounds = rounds;
	for (size_t round = 0; round < rounds; round++) {
		point->p999[round] = p999 + 10 * (double)round - 5 * (double)(rounds - 1);
		point->cpu[round] = cpu;
	}
}

/* ---- candidates ---- */

Test(tune, coordinates_turn_one_knob_each)
{
	tune_add_coordinates(&search);
	cr_assert_gt(search.n, 8);
	for (size_t i = 0; i < search.n; i++) {
		unsigned turned = 0;

		for (unsigned knob = 0; knob < TUNE_KNOBS; knob++)
			turned += search.points[i].choice.value[knob] != 0;
		cr_expect_eq(turned, i > 0, "point %zu turns %u", i, turned);
	}
}

Test(tune, no_two_points_are_the_same_machine)
{
	char texts[TUNE_POINTS_MAX][512];

	search.space.interrupts = true;
	tune_add_coordinates(&search);
	for (size_t i = 0; i < search.n; i++) {
		struct vm_config machine = tune_machine(&search.space, search.points[i].choice);

		tune_command(&machine, false, texts[i], sizeof(texts[i]));
		for (size_t j = 0; j < i; j++)
			cr_expect_str_neq(texts[i], texts[j]);
	}
}

Test(tune, a_given_option_is_kept)
{
	search.space.machine.timer_spin_ns = 7000;
	search.space.machine.timer_cpu = 1;
	cr_expect_eq(tune_values(&search.space, TUNE_SPIN), 1);
	cr_expect_eq(tune_values(&search.space, TUNE_PLACE), 1);
	cr_expect_gt(tune_values(&search.space, TUNE_HALT_POLL), 1);
	tune_add_coordinates(&search);
	for (size_t i = 0; i < search.n; i++)
		cr_expect_eq(
			tune_machine(&search.space, search.points[i].choice).timer_spin_ns, 7000);
}

Test(tune, knobs_without_effect_are_not_searched)
{
	cr_expect_eq(tune_values(&search.space, TUNE_QUIET_WINDOW), 1);
	search.space.thread = search.space.dedicated = search.space.fifo = false;
	search.space.n_cpus = 1;
	for (unsigned knob = 0; knob < TUNE_KNOBS; knob++)
		cr_expect_eq(tune_values(&search.space, (enum tune_knob)knob) > 1,
			knob == TUNE_HALT_POLL, "knob %u", knob);
}

Test(tune, places_are_apart)
{
	struct tune_choice choice = {{0}};

	search.space.machine.vcpus = 2;
	for (unsigned char value = 1; value <= 2; value++) {
		choice.value[TUNE_PLACE] = value;
		struct vm_config machine = tune_machine(&search.space, choice);

		cr_expect_eq(machine.vcpu_cpu[0], value == 1 ? 0 : 5);
		cr_expect_eq(machine.vcpu_cpu[1], 1);
		cr_expect_eq(machine.timer_cpu, value == 1 ? 5 : 0);
	}
}

Test(tune, combinations_hold_the_best_of_each_knob)
{
	tune_add_coordinates(&search);
	size_t coordinates = search.n;

	for (size_t i = 0; i < coordinates; i++)
		measure(i, 3, 50000, 1);
	measure(1, 3, 90000, 0.2);         /* halt-poll 0: cheap */
	measure(3, 3, 20000, 1.2);         /* halt-poll 200 us: punctual */
	measure(coordinates - 1, 3, 5, 1); /* the last knob: punctual, and no dearer */
	tune_judge(&search);
	tune_add_combinations(&search);
	cr_assert_gt(search.n, coordinates);
	struct tune_choice both = search.points[3].choice;

	for (unsigned knob = 0; knob < TUNE_KNOBS; knob++)
		both.value[knob] |= search.points[coordinates - 1].choice.value[knob];
	cr_expect_eq(memcmp(&search.points[coordinates].choice, &both, sizeof(both)), 0);
	for (size_t i = 0; i < search.n; i++) {
		for (size_t j = 0; j < i; j++)
			cr_expect_neq(memcmp(&search.points[i].choice, &search.points[j].choice,
					      sizeof(both)),
				0, "points %zu and %zu are the same", i, j);
	}
}

/* ---- front and recommendation ---- */

Test(tune, front_has_what_nothing_dominates)
{
	search.n = 6;
	measure(0, 5, 50000, 1.0);
	measure(1, 5, 10000, 2.0);
	measure(2, 5, 20000, 0.5);
	measure(3, 5, 20000, 0.6); /* as 2, dearer */
	measure(4, 2, 1000, 0.1);  /* too few rounds */
	measure(5, 5, 900, 0.1);
	search.points[5].dropped = true;
	tune_judge(&search);
	for (size_t i = 0; i < search.n; i++)
		cr_expect_eq(search.points[i].front, i == 1 || i == 2, "point %zu", i);
	cr_expect_eq(search.points[3].dominators, 1);
	cr_expect_eq(search.points[0].dominators, 2);
	cr_expect_float_eq(search.points[1].p999_median, 10000, 1e-6);
	cr_expect_float_eq(search.points[1].p999_max, 10020, 1e-6);
}

Test(tune, equal_points_are_both_on_the_front)
{
	search.n = 2;
	measure(0, 3, 50000, 1.0);
	measure(1, 3, 50000, 1.0);
	tune_judge(&search);
	cr_expect(search.points[0].front && search.points[1].front);
}

Test(tune, recommends_the_cheapest_of_the_nearly_best)
{
	search.n = 4;
	measure(0, 5, 10000, 2.0);
	measure(1, 5, 10900, 1.0); /* 9 % */
	measure(2, 5, 11100, 0.5); /* 11 % */
	measure(3, 5, 50000, 0.1);
	tune_judge(&search);
	cr_expect_eq(tune_recommend(&search), &search.points[1]);
}

Test(tune, early_is_no_reason_to_divide_by_it)
{
	search.n = 2;
	measure(0, 5, -100, 2.0);
	measure(1, 5, 50, 1.0);
	tune_judge(&search);
	cr_expect_eq(tune_recommend(&search), &search.points[1]);
}

Test(tune, nothing_measured_is_nothing_recommended)
{
	tune_add_coordinates(&search);
	tune_judge(&search);
	cr_expect_null(tune_recommend(&search));
}

Test(tune, survivors_are_the_best_and_the_reference)
{
	size_t survivors[TUNE_POINTS_MAX];

	search.n = 5;
	measure(0, 3, 90000, 3.0);
	measure(1, 3, 10000, 2.0);
	measure(2, 3, 60000, 2.5);
	measure(3, 3, 20000, 0.5);
	measure(4, 3, 1000, 0.1);
	search.points[4].dropped = true;
	tune_judge(&search);
	cr_assert_eq(tune_survivors(&search, 2, survivors), 3);
	cr_expect_eq(survivors[0], 0);
	cr_expect_eq(survivors[1], 1);
	cr_expect_eq(survivors[2], 3);
}

Test(tune, differences_are_told_from_noise)
{
	search.n = 3;
	measure(0, 8, 10000, 1);
	measure(1, 8, 10003, 1);
	measure(2, 8, 20000, 1);
	cr_expect_gt(tune_same_p(&search.points[0], &search.points[1]), 0.05);
	cr_expect_lt(tune_same_p(&search.points[0], &search.points[2]), 0.01);
}

/* ---- written down ---- */

Test(tune, command_is_what_one_types)
{
	char text[512];
	struct vm_config machine = search.space.machine;

	machine.halt_poll_ns = 200000;
	machine.timer_spin_ns = 0;
	machine.vcpu_cpu[0] = 0;
	machine.timer_cpu = 5;
	tune_command(&machine, false, text, sizeof(text));
	cr_expect_str_eq(text,
		"--irqchip split --vcpus 1 --halt-poll 200us --timer-spin 0 --timer-advance auto "
		"--pin 0 --timer-cpu 5 --timer-priority 80 --vcpu-priority 0 --quiet-window 0");
	machine.vcpu_cpu[0] = machine.timer_cpu = -1;
	machine.timer_spin_ns = 1234;
	tune_command(&machine, true, text, sizeof(text));
	cr_expect_str_eq(text,
		"--irqchip split --vcpus 1 --halt-poll 200us --timer-spin 1234 \\\n"
		"--timer-advance auto --pin none --timer-priority 80 --vcpu-priority 0 \\\n"
		"--quiet-window 0");
}

/* ---- host settings ---- */

Test(tune, a_good_host_needs_no_settings)
{
	struct host_setting settings[HOST_SETTINGS_MAX];
	const struct host_facts facts = {.governor = "performance",
		.cpu_dma_latency_writable = true,
		.halt_poll_ns = 200000,
		.rt_runtime_us = 950000,
		.rt_period_us = 1000000};

	cr_expect_eq(host_settings(&facts, false, settings), 0);
}

Test(tune, what_is_unknown_is_left_alone)
{
	struct host_setting settings[HOST_SETTINGS_MAX];
	const struct host_facts facts = {.cpu_dma_latency_writable = true,
		.halt_poll_ns = -1,
		.min_timer_period_us = -1,
		.rt_runtime_us = -1,
		.rt_period_us = -1};

	cr_expect_eq(host_settings(&facts, false, settings), 0);
}

Test(tune, a_bad_host_needs_all)
{
	struct host_setting settings[HOST_SETTINGS_MAX];
	const struct host_facts facts = {.governor = "powersave",
		.min_timer_period_us = 200,
		.rt_runtime_us = 500000,
		.rt_period_us = 1000000};

	cr_assert_eq(host_settings(&facts, false, settings), 5);
	cr_expect_str_eq(settings[0].is, "powersave");
	cr_expect_null(settings[1].path, "dma-latency is held open, not written");
	cr_expect_str_eq(settings[2].command,
		"echo 200000 | sudo tee /sys/module/kvm/parameters/halt_poll_ns");
	cr_expect_eq(host_settings(&facts, true, settings), 4, "the machine sets its own window");
}

static char directory[] = "/tmp/tickvm-tune-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static void expect_file(const char *name, const char *text)
{
	char path[128], got[64] = "";

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "r");

	cr_assert_not_null(file);
	cr_expect_not_null(fgets(got, sizeof(got), file));
	fclose(file);
	cr_expect_str_eq(got, text);
	unlink(path);
}

Test(tune, apply_says_what_it_does_and_the_way_back)
{
	char pattern[128], *said;
	size_t size;
	struct diag diag;
	FILE *out = open_memstream(&said, &size);

	cr_assert_not_null(mkdtemp(directory));
	snprintf(pattern, sizeof(pattern), "%s/cpu[0-9]", directory);
	write_file("cpu0", "powersave\n");
	write_file("cpu1", "schedutil\n");
	const struct host_setting setting = {
		.name = "governor", .path = pattern, .value = "performance"};

	cr_expect_eq(host_setting_apply(&setting, out, &diag), 0);
	fclose(out);
	cr_expect_not_null(strstr(said, "(undo: echo powersave >"), "%s", said);
	cr_expect_not_null(strstr(said, "(undo: echo schedutil >"), "%s", said);
	free(said);
	expect_file("cpu0", "performance");
	expect_file("cpu1", "performance");
	rmdir(directory);
}

Test(tune, apply_refuses_what_is_not_there)
{
	struct diag diag = {""};
	const struct host_setting absent = {
		.name = "halt-poll", .path = "/nonexistent/tickvm/*", .value = "1"};
	const struct host_setting unwritable = {.name = "dma-latency", .command = "setfacl"};

	cr_expect_eq(host_setting_apply(&absent, stderr, &diag), -ENOENT);
	cr_expect_not_null(strstr(diag.text, "/nonexistent/tickvm/*"), "%s", diag.text);
	cr_expect_eq(host_setting_apply(&unwritable, stderr, &diag), -EINVAL);
}

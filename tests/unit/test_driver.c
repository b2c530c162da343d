/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver, with an experiment that computes its figures and a machine of two options. */
#include "tickvm/experiment.h"

#include "../../src/bench/driver/points.h"
#include "../../src/bench/launch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

/* ---- a machine: irqchip and mem ---- */

static const struct axis machine_options[] = {
	{.id = "irqchip"}, {.id = "mem", .unit = UNIT_BYTES}, {.id = NULL}};

static int set(struct bench_context *context, const char *axis, const char *text, struct diag *diag)
{
	if (strcmp(axis, "mem") == 0) {
		context->machine.mem_bytes = strtoull(text, NULL, 10);
		context->machine_set |= BENCH_SET_MEM;
		return 0;
	}
	for (int kind = 0; kind < IRQCHIP_KINDS; kind++) {
		if (strcmp(text, irqchip_name((enum irqchip_kind)kind)) != 0)
			continue;
		context->machine.irqchip = (enum irqchip_kind)kind;
		context->machine_set |= BENCH_SET_IRQCHIP;
		return 0;
	}
	return diag_set(diag, -EINVAL, "--irqchip %s: expected another", text);
}

static bool given(const struct bench_context *context, const char *axis)
{
	return context->machine_set &
	       (strcmp(axis, "mem") == 0 ? BENCH_SET_MEM : BENCH_SET_IRQCHIP);
}

static struct value show(const struct bench_context *context, const char *axis)
{
	return strcmp(axis, "mem") == 0 ? value_number((double)context->machine.mem_bytes)
					: value_word(irqchip_name(context->machine.irqchip));
}

static const struct machine_axes machine = {
	.axes = machine_options, .set = set, .given = given, .show = show};

/* ---- an experiment ---- */

struct parameters {
	uint64_t count, wait, sounds;
	unsigned color;
	bool wide;
	const char *where;
};
static const char *const sounds[] = {"low", "high", NULL};
static const char *const colors[] = {"red", "green", "blue", NULL};
static const struct parameter parameters[] = {
	PARAMETER_WORDS("color", NULL, colors, NULL, struct parameters, color, "which"),
	PARAMETER_AMOUNT("count", PARAMETER_NUMBER, UNIT_COUNT, AXIS_EFFORT, "10", 1, 100,
		struct parameters, count, "how many"),
	PARAMETER_AMOUNT("wait", PARAMETER_NSEC, UNIT_NS, 0, "1us", 1, 1000000, struct parameters,
		wait, "how long"),
	PARAMETER_GATHER("sound", sounds, struct parameters, sounds, "which, all at once"),
	PARAMETER_FLAG("wide", struct parameters, wide, "shown wide"),
	{.axis = {.id = "where", .help = "a place"},
		.kind = PARAMETER_TEXT,
		.offset = FIELD_AT(struct parameters, where, const char *),
		.typed = "it is a place"},
	PARAMETERS_END,
};
static const struct figure figures[] = {{.id = "late", .unit = UNIT_NS, .good = GOOD_LOW}};
static const struct flag flags[] = {
	{"loud", FLAG_WARN, "it was loud"}, {"broken", FLAG_FAIL, "it broke"}};
static const struct axis yielded[] = {{.id = "what"}};

static unsigned launches, fails_at;
static const char *only_mem;
static uint64_t flagged;
static int error;
static char order[400];

static int settle(struct session *session, struct point *point, struct diag *why)
{
	const struct parameters *p = point->parameters;

	(void)session;
	if (p->color == 1 && point->context.machine.irqchip == IRQCHIP_USER)
		return diag_set(why, -ENOENT, "there is no green user");
	if (p->color == 2 && !point_given(point, "irqchip"))
		point_set(point, "irqchip", "user");
	if (p->color == 0)
		point_unset(point, "mem");
	return only_mem != NULL ? point_only(point, "mem", only_mem, why) : 0;
}

static int measure(
	struct session *session, const struct point *point, struct sink *sink, struct diag *diag)
{
	const struct parameters *p = point->parameters;

	(void)session;
	strncat(order, colors[p->color], 1);
	if (++launches == fails_at)
		return diag_set(diag, error, "it fails here");
	for (unsigned i = 0; i < 2; i++) {
		const double late = (double)(100 * p->color + 10 * i + launches);

		sink_row(sink, &(struct value){value_word(i == 0 ? "begin" : "end").text, NAN},
			&late);
		sink_flags(sink, flagged);
	}
	return 0;
}

static void conclude(struct session *session)
{
	(void)session;
}

/* As a host with two sizes of memory would decide it, once memory is left to it. */
static const char *host_mem;
static const char *preset(const struct session *session, const char *axis)
{
	(void)session;
	return strcmp(axis, "mem") == 0 ? host_mem : NULL;
}

static const struct series lateness = {.id = "lateness",
	.title = "Lateness",
	.axes = (const char *const[]){"color", "count", "wait", MACHINE_AXES, NULL},
	.yielded = yielded,
	.n_yielded = N(yielded),
	.figures = figures,
	.n_figures = N(figures),
	.flags = flags,
	.n_flags = N(flags),
	.rounds = 2,
	.preset = preset,
	.settle = settle,
	.measure = measure};
static const struct experiment experiment = {.name = "model",
	.parameters = parameters,
	.parameters_size = sizeof(struct parameters),
	.series = (const struct series *const[]){&lateness, NULL},
	.conclude = conclude};

/* ---- what it came to ---- */

static struct bench_context context;
static json_t *collected;

static void begin(void)
{
	machine_axes_register(&machine);
	context = (struct bench_context){
		.quiet = true, .collect = &collected, .command_line = "test"};
	vm_config_default(&context.machine);
}

TestSuite(driver, .init = begin);

/* A line's words, as bench.run() takes them. */
static int split(const char *line, char **words)
{
	static char text[2000];
	int n = 0;

	snprintf(text, sizeof(text), "model %s", line);
	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
		words[n++] = word;
	words[n] = NULL;
	return n;
}

static int run(const char *line)
{
	char *words[32];
	int n = split(line, words);

	return drive(&experiment, &context, n, words);
}

static size_t metrics(void)
{
	return json_array_size(json_object_get(collected, "metrics"));
}

static struct choices choices;
static struct diag diag;
static int make(struct points *points, const char *line)
{
	static struct session session;
	char *words[32];
	int n = split(line, words);

	document_destroy(session.document);
	session = (struct session){.experiment = &experiment, .document = document_create()};
	int err = choices_parse(&choices, &experiment, &context, n, words, &diag);

	return err < 0 ? err : points_make(points, &session, &choices, &lateness, &diag);
}

Test(driver, points_are_the_product_settled_and_each_once)
{
	const struct axis_list list = {"mem", "1000,2000"};
	struct points points;

	context.lists = &list;
	context.n_lists = 1;
	cr_assert_eq(make(&points, "--color red,blue --wait 1us,2us"), 0, "%s", diag.text);
	/* red has no memory: both of its are one. */
	cr_assert_eq(points.n, 2 + 4, "%zu", points.n);
	cr_expect_str_eq(point_text(&points.point[0], "color"), "red");
	cr_expect_str_eq(point_text(&points.point[0], "mem"), "-");
	cr_expect_str_eq(point_text(&points.point[1], "wait"), "2000");
	cr_expect_str_eq(point_text(&points.point[2], "mem"), "1000");
	cr_expect_str_eq(point_text(&points.point[2], "irqchip"), "user", "blue's own choice");
	cr_expect_eq(points.point[3].context.machine.mem_bytes, 2000);
	cr_expect_eq(((struct parameters *)points.point[5].parameters)->wait, 2000);
	cr_expect_not(point_given(&points.point[5], "count"));
	points_free(&points);
}

Test(driver, what_is_no_axis_is_decoded_all_the_same)
{
	const struct parameters *p;
	struct points points;

	cr_assert_eq(make(&points, "--color red"), 0, "%s", diag.text);
	p = points.point[0].parameters;
	cr_expect_eq(p->sounds, 3, "all");
	cr_expect_not(p->wide);
	cr_expect_null(p->where);
	points_free(&points);
	cr_assert_eq(make(&points, "--color red,blue --sound high --wide --where a,b/c"), 0, "%s",
		diag.text);
	cr_expect_eq(points.n, 2, "%zu", points.n);
	p = points.point[1].parameters;
	cr_expect_eq(p->sounds, 2);
	cr_expect(p->wide);
	cr_expect_str_eq(p->where, "a,b/c", "commas are its own");
	points_free(&points);
}

static const char *host_preset(const struct session *session, const char *axis)
{
	(void)session;
	return strcmp(axis, "color") == 0 ? "blue,red" : NULL;
}

Test(driver, presets_of_a_series)
{
	static const char *const presets[] = {"wait", "3us,4us", NULL};
	static const char *const fixed[] = {"count", "7", NULL};
	struct series series = lateness;
	struct session session = {.experiment = &experiment, .document = document_create()};
	struct points points;
	char *words[4];
	int n = split("--count 8", words);

	series.presets = presets;
	series.fixed = fixed;
	series.preset = host_preset;
	cr_assert_eq(choices_parse(&choices, &experiment, &context, n, words, &diag), 0);
	cr_assert_eq(points_make(&points, &session, &choices, &series, &diag), 0, "%s", diag.text);
	cr_expect_eq(points.n, 4, "%zu", points.n);
	for (size_t i = 0; i < points.n; i++)
		cr_expect_str_eq(point_text(&points.point[i], "count"), "7",
			"what is fixed the user does not choose");
	cr_expect_str_eq(point_text(&points.point[0], "color"), "red");
	cr_expect_str_eq(point_text(&points.point[0], "wait"), "3000");
	points_free(&points);
	document_destroy(session.document);
}

Test(driver, what_the_host_decides_is_a_preset)
{
	struct points points;

	host_mem = "4096,8192";
	cr_assert_eq(make(&points, "--color blue"), 0, "%s", diag.text);
	cr_assert_eq(points.n, 2);
	cr_expect_eq(points.point[1].context.machine.mem_bytes, 8192);
	cr_expect_not(point_given(&points.point[1], "mem"));
	points_free(&points);
	const struct axis_list list = {"mem", "1,2,3"};

	context.lists = &list;
	context.n_lists = 1;
	cr_assert_eq(make(&points, "--color blue"), 0, "%s", diag.text);
	cr_expect_eq(points.n, 3, "the user's word counts more");
	points_free(&points);
}

Test(driver, memory_that_a_guest_needs)
{
	struct points points;

	cr_assert_eq(make(&points, "--color blue"), 0, "%s", diag.text);
	cr_expect_eq(point_need_mem(&points.point[0], (1 << 20) + 1, &diag), 0);
	cr_expect_eq(points.point[0].context.machine.mem_bytes, (1 << 20) + 4096);
	cr_expect_str_eq(point_text(&points.point[0], "mem"), "1052672");
	cr_expect_eq(point_need_mem(&points.point[0], 1ULL << 60, &diag), -ENOTSUP);
	cr_expect_not_null(strstr(diag.text, "this host has"), "%s", diag.text);
	points_free(&points);
}

Test(driver, memory_that_the_user_gave)
{
	struct points points;

	context.machine.mem_bytes = 4096;
	context.machine_set = BENCH_SET_MEM;
	cr_assert_eq(make(&points, "--color blue"), 0, "%s", diag.text);
	cr_expect_eq(point_need_mem(&points.point[0], 1 << 20, &diag), 0);
	cr_expect_eq(points.point[0].context.machine.mem_bytes, 4096);
	points_free(&points);
}

Test(driver, a_combination_that_does_not_exist_is_left_out)
{
	const struct axis_list list = {"irqchip", "kernel,user"};
	struct points points;

	context.lists = &list;
	context.n_lists = 1;
	cr_assert_eq(make(&points, "--color green,red"), 0, "%s", diag.text);
	cr_expect_eq(points.n, 3);
	points_free(&points);
}

Test(driver, where_none_exists_the_reason_is_said)
{
	context.machine.irqchip = IRQCHIP_USER;
	context.check = &diag;
	cr_expect_eq(run("--color green"), 2);
	cr_expect_str_eq(diag.text, "there is no green user");
}

Test(driver, what_can_have_one_value_alone_is_set_unless_given)
{
	struct axis_list list = {"mem", "4096"};
	struct points points;

	only_mem = "4096";
	cr_assert_eq(make(&points, "--color blue"), 0, "%s", diag.text);
	cr_expect_str_eq(point_text(&points.point[0], "mem"), "4096");
	cr_expect_eq(points.point[0].context.machine.mem_bytes, 4096);
	cr_expect_eq(point_only(&points.point[0], "no-such", "1", &diag), 0);
	points_free(&points);
	context.lists = &list;
	context.n_lists = 1;
	cr_expect_eq(make(&points, "--color blue"), 0, "%s", diag.text);
	points_free(&points);
	list.values = "4096,8192";
	cr_expect_eq(make(&points, "--color blue"), -EINVAL);
	cr_expect_str_eq(diag.text, "--mem 8192: expected 4096, as model runs with no other", "%s",
		diag.text);
	points_free(&points);
}

static void refused(const char *line, const char *said)
{
	context.check = &diag;
	cr_expect_eq(run(line), 2, "%s", line);
	cr_expect_not_null(strstr(diag.text, said), "%s: %s", said, diag.text);
}

Test(driver, wrong_words)
{
	refused("--color red,red", "--color: red twice");
	refused("--count 1,1", "--count: 1 twice");
	refused("--count 1,,2", "values with single commas between them");
	refused("--count 101", "no number from 1 to 100");
	refused("--color rot", "unknown 'rot'");
	refused("--series late", "unknown 'late'; did you mean 'lateness'?");
	refused("--rounds 0", "--rounds: '0'");
	refused("--runs 3", "launches are --rounds now");
	refused("--colour red", "did you mean --color?");
	refused("--sound low,low", "--sound: low twice");
	refused("--wide=yes", "--wide takes no value");
	refused("--where", "--where needs a value");
	refused("--of-file --where x", "--where belongs on the command line");
}

Test(driver, wrong_lists_of_machines)
{
	struct axis_list list = {"irqchip", "kernel,kernel"};

	context.lists = &list;
	context.n_lists = 1;
	refused("--color red", "--irqchip: kernel twice");
	list.values = "kernel,";
	refused("--color red", "single commas between them");
	list.values = "kernel,xen";
	refused("--color red", "--irqchip xen: expected another");
	list = (struct axis_list){"pin", "each,none"};
	refused("--color red", "--pin each,none: model does not vary it");
}

Test(driver, too_many_points)
{
	char list[1000] = "1", words[16] = "";
	struct axis_list lists[] = {{"mem", list}, {"irqchip", "kernel,split,user"}};

	for (int i = 2; i <= 64; i++) {
		snprintf(words, sizeof(words), ",%d", i);
		strcat(list, words);
	}
	context.lists = lists;
	context.n_lists = 2;
	refused("--count 1,2,3,4,5,6,7,8 --wait 1,2,3,4,5,6,7,8",
		"more than 10000 points of lateness");
}

Test(driver, rounds_are_launches_in_a_drawn_order)
{
	char first[sizeof(order)];

	cr_expect_eq(run("--color red,green,blue --rounds 60"), 0);
	cr_expect_eq(launches, 180);
	/* Each round has each point once. */
	for (size_t i = 0; i < 180; i += 3)
		cr_expect(strchr("rgb", order[i]) && order[i] != order[i + 1] &&
				  order[i + 1] != order[i + 2] && order[i] != order[i + 2],
			"%.3s", order + i);
	/* 60 rounds of one order: 6^-59. */
	strcpy(first, order);
	for (size_t i = 3; i < 180 && strncmp(order + i, first, 3) == 0; i += 3)
		cr_expect_lt(i, 177, "the order never changes");
	json_decref(collected);
}

Test(driver, flags_that_fail_make_the_status_1)
{
	flagged = 1;
	cr_expect_eq(run("--color red"), 0);
	json_decref(collected);
	flagged = 2;
	cr_expect_eq(run("--color red"), 1);
	json_decref(collected);
}

static const char *reason(void)
{
	return json_string_value(json_object_get(
		json_array_get(json_object_get(collected, "skipped"), 0), "reason"));
}

Test(driver, what_the_user_stopped_is_written)
{
	fails_at = 4;
	error = -EINTR;
	cr_expect_eq(run("--color red,blue --rounds 9"), 130);
	cr_expect_eq(launches, 4, "nothing is launched after it");
	cr_expect(json_is_true(json_object_get(collected, "interrupted")));
	cr_expect_str_eq(reason(), "it fails here");
	json_decref(collected);
}

Test(driver, what_failed_is_not_tried_again_and_the_rest_is_measured)
{
	if (!launch_has_kvm())
		cr_skip_test("/dev/kvm: without it what this host cannot is 77");
	fails_at = 1;
	error = -EIO;
	cr_expect_eq(run("--color red,blue --rounds 5"), 1);
	cr_expect_eq(launches, 1 + 5);
	json_decref(collected);
	launches = 0;
	error = -ENOTSUP;
	cr_expect_eq(run("--color red,blue --rounds 5"), 0, "this host cannot: no failure");
	json_decref(collected);
}

Test(driver, nothing_measured_is_77)
{
	fails_at = 1;
	error = -ENOTSUP;
	cr_expect_eq(run("--color red --rounds 5"), 77);
	cr_expect_eq(metrics(), 0);
	json_decref(collected);
}

Test(driver, rows_come_as_they_were_asked_for)
{
	char path[] = "/tmp/tickvm-driver-XXXXXX";

	close(mkstemp(path));
	context.collect = NULL;
	context.csv = "/dev/null";
	context.json = path;
	cr_assert_eq(run("--color red,green,blue --rounds 3"), 0);
	json_t *root = json_load_file(path, 0, NULL);
	const json_t *rows =
		json_object_get(json_array_get(json_object_get(root, "datasets"), 0), "rows");
	static const char *const expected[] = {"red", "red", "green", "green", "blue", "blue"};

	cr_assert_eq(json_array_size(rows), N(expected));
	for (size_t i = 0; i < N(expected); i++)
		cr_expect_str_eq(json_string_value(json_object_get(
					 json_object_get(json_array_get(rows, i), "at"), "color")),
			expected[i]);
	cr_expect_eq(json_array_size(json_object_get(
			     json_array_get(json_object_get(root, "invocations"), 0), "order")),
		9);
	json_decref(root);
	unlink(path);
}

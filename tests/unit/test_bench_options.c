/* SPDX-License-Identifier: BSD-2-Clause */
/* An experiment's options: what is taken, and what each mistake is told. */
#include "../../src/bench/bench_options.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

static const char *const modes[] = {"oneshot", "deadline", "periodic", NULL};
static const char *const sources[] = {"kvm-lapic", "user-lapic", "native", NULL};

struct values {
	bool residual, destroy;
	uint64_t count;
	struct numbers orders;
	uint64_t set;
	struct durations interval;
	unsigned mode;
	uint64_t sources;
};

/* Parses words after the experiment's name. */
static int parse(struct values *v, struct diag *diag, const char *a, const char *b)
{
	const struct option_spec specs[] = {
		{"residual", OPTION_FLAG, &v->residual, .min = 0},
		{"count", OPTION_NUMBER, &v->count, .min = 1, .max = 1000},
		{"n", OPTION_NUMBERS, &v->orders, .min = 1, .max = 1000},
		{"set", OPTION_SIZE, &v->set, .min = 4096, .max = 1ULL << 30},
		{"interval", OPTION_DURATIONS, &v->interval, .min = 1000, .max = 1000000000},
		{"mode", OPTION_CHOICE, &v->mode, .names = modes},
		{"source", OPTION_CHOICES, &v->sources, .names = sources},
		{"destroy", OPTION_FLAG, &v->destroy, .typed = "a file may not"},
		{.name = NULL},
	};
	char words[3][80] = {"timer"};
	char *argv[] = {words[0], words[1], words[2], NULL};

	*v = (struct values){
		.count = 4500, .interval = {.ns = {50000, 100000}, .n = 2}, .sources = 7};
	diag->text[0] = '\0';
	strncpy(words[1], a, sizeof(words[1]) - 1);
	strncpy(words[2], b != NULL ? b : "", sizeof(words[2]) - 1);
	return options_parse(specs, b != NULL ? 3 : 2, argv, diag);
}

static void assert_refused(const char *a, const char *b, const char *expected)
{
	struct values v;
	struct diag diag;

	cr_assert_eq(parse(&v, &diag, a, b), -EINVAL, "%s %s was taken", a, b ? b : "");
	cr_assert_not_null(strstr(diag.text, expected), "'%s' lacks '%s'", diag.text, expected);
	cr_assert_null(strchr(diag.text, '\n'));
}

Test(bench_options, what_only_the_command_line_may_say)
{
	struct values v;
	struct diag diag;

	cr_assert_eq(parse(&v, &diag, "--destroy", NULL), 0);
	cr_assert(v.destroy);
	assert_refused(OPTIONS_OF_FILE, "--destroy",
		"--destroy belongs on the command line of tickvm bench: a file may not");
	cr_assert_eq(parse(&v, &diag, OPTIONS_OF_FILE, "--residual"), 0);
	cr_assert(v.residual);
	assert_refused("--residual", OPTIONS_OF_FILE, "unknown option '--of-file'");
}

Test(bench_options, both_spellings)
{
	struct values v;
	struct diag diag;

	cr_assert_eq(parse(&v, &diag, "--count", "7"), 0);
	cr_assert_eq(v.count, 7);
	cr_assert_eq(parse(&v, &diag, "--count=8", NULL), 0);
	cr_assert_eq(v.count, 8);
	cr_assert_eq(parse(&v, &diag, "--mode", "periodic"), 0);
	cr_assert_eq(v.mode, 2);
	cr_assert_eq(parse(&v, &diag, "--residual", NULL), 0);
	cr_assert(v.residual);
}

Test(bench_options, lists_replace_the_default)
{
	struct values v;
	struct diag diag;

	cr_assert_eq(parse(&v, &diag, "--interval", "10us,50us,150us"), 0);
	cr_assert_eq(v.interval.n, 3);
	cr_assert_eq(v.interval.ns[0], 10000);
	cr_assert_eq(v.interval.ns[2], 150000);
	cr_assert_eq(parse(&v, &diag, "--source=native,kvm-lapic", NULL), 0);
	cr_assert_eq(v.sources, 5);
}

Test(bench_options, untouched_defaults_stay)
{
	struct values v;
	struct diag diag;

	cr_assert_eq(parse(&v, &diag, "--residual", NULL), 0);
	cr_assert_eq(v.count, 4500);
	cr_assert_eq(v.interval.n, 2);
	cr_assert_eq(v.sources, 7);
}

Test(bench_options, mistakes_get_one_line_with_the_remedy)
{
	assert_refused("--intervall", "1us", "did you mean --interval?");
	assert_refused("--source", "kvm-lapik", "did you mean 'kvm-lapic'?");
	assert_refused("--source", "hpet", "expected one of: kvm-lapic, user-lapic, native");
	assert_refused("--mode", "fast", "oneshot, deadline, periodic");
	assert_refused("--count", "0", "from 1 to 1000");
	assert_refused("--count", "1001", "from 1 to 1000");
	assert_refused("--count", "12a", "from 1 to 1000");
	assert_refused("--count", "-1", "from 1 to 1000");
	assert_refused("--count", NULL, "needs a value");
	assert_refused("--interval", "10", "out of range");
	assert_refused("--interval", "10us,", "single commas");
	assert_refused("--interval", "10us,,20us", "single commas");
	assert_refused("--interval", "ten", "no duration");
	assert_refused("--residual=1", NULL, "takes no value");
	assert_refused("--zzzzzz", NULL, "tickvm bench timer --help");
	assert_refused("word", NULL, "unknown argument 'word'");
}

Test(bench_options, at_most_sixteen_durations)
{
	assert_refused("--interval",
		"1us,1us,1us,1us,1us,1us,1us,1us,1us,1us,1us,1us,1us,1us,1us,1us,1us",
		"at most 16");
}

Test(bench_options, numbers)
{
	struct values v;
	struct diag diag;

	cr_assert_eq(parse(&v, &diag, "--n", "100,7,1000"), 0);
	cr_assert_eq(v.orders.n, 3);
	cr_assert_eq(v.orders.value[0], 100);
	cr_assert_eq(v.orders.value[2], 1000);
	assert_refused("--n", "100,,7", "single commas");
	assert_refused("--n", "100,1001", "'1001' is no number from 1 to 1000");
	assert_refused("--n", "1e3", "'1e3' is no number");
	assert_refused("--n", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "at most 16");
}

Test(bench_options, sizes)
{
	struct values v;
	struct diag diag;

	cr_assert_eq(parse(&v, &diag, "--set", "5000"), 0);
	cr_assert_eq(v.set, 5000);
	cr_assert_eq(parse(&v, &diag, "--set", "64K"), 0);
	cr_assert_eq(v.set, 65536);
	cr_assert_eq(parse(&v, &diag, "--set", "1G"), 0);
	cr_assert_eq(v.set, 1ULL << 30);
	assert_refused("--set", "1KB", "no size");
	assert_refused("--set", "M", "no size");
	assert_refused("--set", "99999999999999999999", "no size");
	assert_refused("--set", "18446744073709551615G", "no size");
	assert_refused("--set", "1K", "1K is out of range: 4096 to 1073741824 bytes");
}

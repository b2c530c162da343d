/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm-results/2: what is written is read back as it was, and what is wrong is one line. */
#include "tickvm/document.h"
#include "tickvm/word.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

static const struct axis axes[] = {{.id = "source", .help = "which timer"},
	{.id = "interval", .unit = UNIT_NS},
	{.id = "count", .flags = AXIS_EFFORT, .fallback = "4500"}};
static const struct figure figures[] = {{.id = "p50",
						.title = "p50",
						.unit = UNIT_NS,
						.good = GOOD_NEAR_ZERO,
						.flags = FIGURE_GATED},
	{.id = "kernel", .unit = UNIT_NS, .over = OVER_MIDDLE, .middle_of = "p50"}};
static const struct flag flags[] = {
	{"steal", FLAG_WARN, "a hypervisor took time"}, {"lost", FLAG_FAIL, NULL}};

static struct row *row_at(struct dataset *set, const char *source)
{
	return dataset_row(set, (const struct value[]){value_word(source), value_number(100000),
					value_number(4500)});
}

static struct document *example(void)
{
	struct document *document = document_create();
	struct dataset *set = dataset_create(
		"timer.lateness", "Lateness", axes, N(axes), figures, N(figures), flags, N(flags));
	struct row *row = row_at(set, "dedicated");

	row_sample(set, row, 0, 1, (const double[]){-12.5, 3})->flags = 1;
	row_sample(set, row, 0, 2, (const double[]){(double)NAN, 1e300});
	row_sample(set, row, 0, 4, NULL);
	row_sample(set, row, 1, 1, (const double[]){0, 9007199254740993.0})->attachments =
		json_pack("{s:[i, i]}", "histogram", 1, 2);
	row_label(row, "handled by", "probe");
	row_sample(set, row_at(set, "kvm-lapic"), 0, 1, (const double[]){(double)NAN, (double)NAN});
	document_add(document, set);
	json_object_set_new(document->about, "clock", json_string("tsc"));
	json_array_append_new(document->invocations, json_pack("{s:s}", "time", "2026-01-01"));
	document_heading(document, "Lateness of %s", "timers");
	document_view(document,
		&(struct view){.dataset = "timer.lateness", .across = "", .flags = VIEW_JOINS});
	document_note(document, "100 %% of it");
	document_judge(document,
		(struct judgement){.id = "lost",
			.outcome = OUTCOME_BAD,
			.value = 3,
			.limit = (double)NAN,
			.unit = UNIT_COUNT},
		"%d interrupts were lost", 3);
	document_skip(document,
		&(struct skip){"timer.lateness", "source=hpet", SKIP_UNAVAILABLE, "no HPET"});
	document_skip(document,
		&(struct skip){"timer.lateness", "source=hpet", SKIP_UNAVAILABLE, "no HPET"});
	document->status = 1;
	return document;
}

static json_t *written(const struct document *document)
{
	char path[] = "/tmp/tickvm-results-XXXXXX";
	struct diag diag;
	json_error_t error;
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	cr_assert_eq(document_write(document, path, &diag), 0, "%s", diag.text);
	json_t *root = json_load_file(path, 0, &error);

	unlink(path);
	cr_assert_not_null(root, "%d: %s", error.line, error.text);
	return root;
}

Test(results_2, what_is_written_is_read_back)
{
	struct document *document = example(), *again;
	json_t *root = written(document);
	struct diag diag;

	cr_assert_eq(document_from_json(&again, root, "f", &diag), 0, "%s", diag.text);
	json_t *root_again = written(again);

	cr_expect(json_equal(root, root_again), "%s", json_dumps(root_again, 0));
	const struct dataset *set = document_set(again, "timer.lateness");
	const struct row *row = &set->rows[0];

	cr_assert_eq(set->n_rows, 2);
	cr_assert_eq(row->n_samples, 4);
	cr_expect_eq(row->samples[0].figures[0], -12.5);
	cr_expect(isnan(row->samples[1].figures[0]));
	cr_expect_eq(row->samples[1].figures[1], 1e300);
	cr_expect_null(row->samples[2].figures, "a failed round is one again");
	cr_expect_eq(row->samples[2].round, 4);
	cr_expect_eq(row->samples[3].invocation, 1);
	cr_expect_eq(row->samples[0].flags, 1);
	cr_expect_str_eq(row_text(row, "handled by"), "probe");
	cr_expect_not_null(row->samples[3].attachments);
	cr_expect_not_null(set->rows[1].samples[0].figures, "nothing known is not failed");
	cr_expect_str_eq(set->axes[2].fallback, "4500");
	cr_expect_eq(set->figures[1].middle_of, word("p50"));
	cr_assert_eq(again->n_items, 4);
	cr_expect_str_eq(again->items[1].view.across, "", "an empty list is not none");
	cr_expect_str_eq(again->items[2].text, "100 % of it");
	cr_expect_eq(again->items[3].judgement.outcome, OUTCOME_BAD);
	cr_expect(isnan(again->items[3].judgement.limit));
	cr_expect_eq(again->n_skips, 1, "said once");
	cr_expect_eq(again->status, 1);
	json_decref(root);
	json_decref(root_again);
	document_destroy(document);
	document_destroy(again);
}

Test(results_2, what_does_not_vary_is_said_once)
{
	struct document *document = example();
	json_t *root = written(document),
	       *set = json_array_get(json_object_get(root, "datasets"), 0);
	const json_t *interval = json_array_get(json_object_get(set, "axes"), 1);
	const json_t *row = json_array_get(json_object_get(set, "rows"), 0);

	cr_expect_eq(json_integer_value(json_object_get(interval, "value")), 100000);
	cr_expect_eq(json_object_size(json_object_get(row, "at")), 1);
	cr_expect_eq(json_array_size(json_object_get(row, "rounds")), 3,
		"runs of rounds: 1 and 2, 4, and one of the second invocation");
	json_decref(root);
	document_destroy(document);
}

/* A file of one dataset, with these members. */
static int read_text(const char *text, struct diag *diag)
{
	struct document *document;
	json_error_t error;
	json_t *root = json_loads(text, 0, &error);
	int err;

	cr_assert_not_null(root, "%s in %s", error.text, text);
	err = document_from_json(&document, root, "f.json", diag);
	json_decref(root);
	document_destroy(document);
	return err;
}

Test(results_2, what_is_wrong_is_one_line)
{
	static const struct {
		const char *datasets, *said;
	} cases[] = {
		{"[{}]", "dataset without an id: expected an id of its own"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[]},{\"id\":\"a\"}]", "an id of its own"},
		{"[{\"id\":\"a\",\"axes\":3,\"figures\":[]}]", "an array of at most 64 axes"},
		{"[{\"id\":\"a\",\"axes\":[{\"id\":\"x\"},{\"id\":\"x\"}],\"figures\":[]}]",
			"each axis once"},
		{"[{\"id\":\"a\",\"axes\":[{\"id\":\"x\",\"value\":[]}],\"figures\":[]}]",
			"a text or a number as an axis' value"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[{\"id\":\"f\",\"better\":\"red\"}]}]",
			"better: lower, higher or nearest-zero"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[{\"id\":\"f\",\"over\":\"middle\"}]}]",
			"middle_of with over: middle"},
		{"[{\"id\":\"a\",\"axes\":[{\"id\":\"x\"}],\"figures\":[],\"rows\":[{\"at\":{}}]}]",
			"dataset a, row 1: expected a text or a number for each axis that varies"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[],\"rows\":[{\"rounds\":[],\"figures\":{}"
		 "},"
		 "{\"rounds\":[],\"figures\":{}}]}]",
			"row 2: expected each row once"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[],\"rows\":[{\"rounds\":[[0,1]]}]}]",
			"rounds as [invocation, first, how many]"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[],\"rows\":[{\"rounds\":[[0,1,-1]]}]}]",
			"rounds as [invocation, first, how many]"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[],\"rows\":[{\"rounds\":[[0,1,1000000],"
		 "[0,2000000,1]]}]}]",
			"at most a million rounds"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[{\"id\":\"f\"}],\"rows\":[{\"rounds\":"
		 "[[0,1,2]],\"figures\":{\"f\":[1]}}]}]",
			"as many values of each figure as there are rounds"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[{\"id\":\"f\"}],\"rows\":[{\"rounds\":"
		 "[[0,1,1]],\"figures\":{\"f\":[\"1\"]}}]}]",
			"numbers, or null, as values of figures"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[],\"rows\":[{\"rounds\":[[0,1,1]],"
		 "\"figures\":{\"g\":[1]}}]}]",
			"figures that the dataset describes"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[],\"rows\":[{\"rounds\":"
		 "[[0,1,1000000]],\"figures\":{}}]}]",
			"figures or flags of each round"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[],\"rows\":[{\"rounds\":[[0,1,1]],"
		 "\"figures\":{},\"flags\":[]}]}]",
			"as many lists of flags as there are rounds"},
		{"[{\"id\":\"a\",\"axes\":[],\"figures\":[],\"rows\":[{\"rounds\":[[0,1,1]],"
		 "\"figures\":{},\"attachments\":[]}]}]",
			"as many attachments as there are rounds"},
	};

	for (size_t i = 0; i < N(cases); i++) {
		struct diag diag = {""};
		char text[512];

		snprintf(text, sizeof(text), "{\"schema\":\"tickvm-results/2\",\"datasets\":%s}",
			cases[i].datasets);
		cr_expect_eq(read_text(text, &diag), -EINVAL, "%s", text);
		cr_expect_not_null(strstr(diag.text, cases[i].said), "%s: %s", text, diag.text);
		cr_expect_eq(strncmp(diag.text, "f.json: ", 8), 0, "%s", diag.text);
	}
}

Test(results_2, other_schemas_are_named)
{
	struct diag diag;

	cr_expect_eq(read_text("{\"schema\":\"tickvm-results/9\"}", &diag), -EINVAL);
	cr_expect_str_eq(diag.text,
		"f.json: schema tickvm-results/9: expected tickvm-results/1 or tickvm-results/2");
	cr_expect_eq(read_text("[]", &diag), -EINVAL);
	cr_expect_str_eq(diag.text,
		"f.json: schema is missing: expected tickvm-results/1 or tickvm-results/2");
}

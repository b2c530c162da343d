/* SPDX-License-Identifier: BSD-2-Clause */
/* Views as pages: columns, sections, pivots, headings, forms; and contrasts of one file by an axis.
 */
#include "tickvm/compare_by.h"
#include "tickvm/view.h"
#include "tickvm/word.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

static const struct axis axes[] = {{.id = "irqchip"}, {.id = "kind", .title = "exit"},
	{.id = "pause", .unit = UNIT_NS}, {.id = "cpu", .flags = AXIS_FOLLOWS}};
static const struct figure figures[] = {
	{.id = "round-trip", .title = "round trip", .unit = UNIT_NS, .good = GOOD_LOW},
	{.id = "model", .unit = UNIT_NS, .good = GOOD_LOW},
	{.id = "batch", .unit = UNIT_NS, .good = GOOD_LOW, .flags = FIGURE_DETAIL},
	{.id = "never", .unit = UNIT_NS, .good = GOOD_LOW}};
static const struct flag flags[] = {{"steal", FLAG_WARN, "a hypervisor took time"},
	{"lost", FLAG_FAIL, "interrupts were lost"}};

static struct row *add(struct dataset *set, const char *irqchip, const char *kind, double pause,
	double round_trip, double model)
{
	struct row *row =
		dataset_row(set, (const struct value[]){value_word(irqchip), value_word(kind),
					 value_number(pause), value_word(irqchip)});

	for (unsigned i = 0; i < 2; i++)
		row_sample(set, row, 0, i,
			(const double[]){round_trip + 1000 * i, model, 1, (double)NAN});
	return row;
}

static struct document *example(void)
{
	struct document *document = document_create();
	struct dataset *set = dataset_create("exits.cost", "Cost of an exit", axes, N(axes),
		figures, N(figures), flags, N(flags));

	add(set, "kernel", "pio-out", 100000, 3000, 300);
	row_label(add(set, "kernel", "hlt", 100000, 2000, (double)NAN), "handled by", "KVM");
	add(set, "user", "pio-out", 100000, 4000, 400)->samples[1].flags = 3;
	document_add(document, set);
	return document;
}

/* What the view looks like as text. free() it. */
static char *shown(struct document *document, const struct view *view)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	document_view(document, view);
	struct page *page = document_page(document);

	page_print(page, PAGE_TEXT, out);
	fclose(out);
	page_destroy(page);
	document_destroy(document);
	return text;
}

/* Takes the document over. */
static void expect_of(struct document *document, const struct view *view, const char *text)
{
	char *got = shown(document, view);

	cr_expect_str_eq(got, text, "is:\n%s.", got);
	free(got);
}

static void expect(const struct view *view, const char *text)
{
	expect_of(example(), view, text);
}

Test(view, what_varies_is_shown_whether_named_or_not)
{
	expect(&(struct view){.dataset = "exits.cost"}, "irqchip  exit     round trip  model\n"
							"kernel   pio-out       3.500  0.300\n"
							"kernel   hlt           2.500      -\n"
							"user     pio-out       4.500  0.400\n");
}

Test(view, sections_headings_labels_and_spread)
{
	expect(&(struct view){.heading = "Of {irqchip}, every {pause}[, {rounds} rounds]",
		       .dataset = "exits.cost",
		       .sections = "irqchip",
		       .down = "kind=Kind",
		       .across = "model=ours,round-trip:spread,n,handled by,nothing"},
		"Of kernel, every 100 us, 2 rounds\n\n"
		"Kind      ours  spread  n  handled by\n"
		"pio-out  0.300   1.000  2\n"
		"hlt          -   1.000  2  KVM\n"
		"\n\n"
		"Of user, every 100 us, 2 rounds\n\n"
		"Kind      ours  spread  n  handled by\n"
		"pio-out  0.400   1.000  2\n");
}

Test(view, a_label_with_an_axis_name_is_shown_for_its_value)
{
	struct document *document = example();
	struct dataset *set = document->sets[0];
	const struct view view = {.dataset = "exits.cost",
		.heading = "OF {irqchip}",
		.sections = "irqchip",
		.down = "kind",
		.across = "model"};

	row_label(&set->rows[0], "irqchip", "KVM's own");
	row_label(&set->rows[0], "kind", "an OUT");
	expect_of(document, &view,
		"OF KVM's own\n\n"
		"exit    model\n"
		"an OUT  0.300\n\n\n"
		"OF user\n\n"
		"exit     model\n"
		"pio-out  0.400\n");
}

Test(view, a_heading_may_have_a_number_without_its_unit)
{
	expect(&(struct view){.heading = "A line every {pause:plain} ns",
		       .dataset = "exits.cost",
		       .down = "irqchip,kind",
		       .across = "model",
		       .where = "irqchip=user"},
		"A line every 100000 ns\n\n"
		"irqchip  exit     model\n"
		"user     pio-out  0.400\n");
}

static size_t points_of_line(unsigned view_flags)
{
	struct document *document = example();

	add(document->sets[0], "user", "pio-out", 0, 1000, 400);
	document_view(document, &(struct view){.dataset = "exits.cost",
					.down = "pause",
					.across = "model",
					.where = "irqchip=user",
					.series = "irqchip,kind",
					.form = "lines",
					.flags = view_flags});
	struct page *page = document_page(document);
	json_t *json = page_json(page);
	const json_t *chart =
		json_object_get(json_array_get(json_object_get(json, "items"), 0), "chart");
	size_t n = json_array_size(
		json_object_get(json_array_get(json_object_get(chart, "series"), 0), "points"));

	json_decref(json);
	page_destroy(page);
	document_destroy(document);
	return n;
}

Test(view, a_logarithmic_axis_has_no_zero)
{
	cr_expect_eq(points_of_line(0), 2);
	cr_expect_eq(points_of_line(VIEW_LOG_X), 1);
}

Test(view, a_pivot_has_a_column_a_series)
{
	expect(&(struct view){.dataset = "exits.cost",
		       .down = "kind",
		       .across = "round-trip",
		       .series = "irqchip"},
		"exit     kernel   user\n"
		"pio-out   3.500  4.500\n"
		"hlt       2.500      -\n");
}

Test(view, where_selects)
{
	expect(&(struct view){.dataset = "exits.cost", .across = "model", .where = "irqchip=user"},
		"irqchip  exit     model\n"
		"user     pio-out  0.400\n");
	expect(&(struct view){.dataset = "exits.cost", .across = "n", .where = "handled by"},
		"irqchip  exit  n\n"
		"kernel   hlt   2\n");
}

/* "series x=y" of a chart's points. */
static void list_points(const json_t *chart, char *text, size_t size)
{
	size_t s, p, used = 0;
	const json_t *series, *point;

	json_array_foreach(json_object_get(chart, "series"), s, series) json_array_foreach(
		json_object_get(series, "points"), p, point) used += (size_t)snprintf(text + used,
		size - used, "%s %g=%g\n", json_string_value(json_object_get(series, "name")),
		json_number_value(json_array_get(point, 0)),
		json_number_value(json_array_get(point, 1)));
}

Test(view, points_are_told_apart_by_figures_and_by_what_varies)
{
	struct document *document = example();
	char got[400] = "";

	document_view(document, &(struct view){.heading = "Kind {kind}",
					.dataset = "exits.cost",
					.sections = "kind",
					.down = "pause",
					.across = "round-trip,model",
					.form = "points"});
	struct page *page = document_page(document);
	json_t *json = page_json(page);
	const json_t *chart =
		json_object_get(json_array_get(json_object_get(json, "items"), 0), "chart");

	cr_expect_str_eq(json_string_value(json_object_get(chart, "kind")), "points");
	cr_expect_str_eq(json_string_value(json_object_get(chart, "title")), "Kind pio-out");
	list_points(chart, got, sizeof(got));
	cr_expect_str_eq(got,
		"kernel round trip 100000=3.5\n"
		"kernel model 100000=0.3\n"
		"user round trip 100000=4.5\n"
		"user model 100000=0.4\n",
		"%s", got);
	json_decref(json);
	page_destroy(page);
	document_destroy(document);
}

Test(view, flags_are_said_with_their_rows)
{
	expect(&(struct view){.dataset = "exits.cost", .form = "flags"},
		"warning: a hypervisor took time\n"
		"    user pio-out\n\n"
		"NOT MET: user pio-out: interrupts were lost\n");
}

Test(view, a_dataset_that_is_not_there_shows_nothing)
{
	expect(&(struct view){.dataset = "other"}, "");
	expect(&(struct view){.heading = "x"}, "");
}

/* ---- contrasts along an axis ---- */

static struct document *eight_rounds(double user)
{
	struct document *document = document_create();
	struct dataset *set = dataset_create(
		"exits.cost", "Cost of an exit", axes, N(axes), figures, N(figures), NULL, 0);

	for (unsigned k = 0; k < 2; k++) {
		struct row *row =
			dataset_row(set, (const struct value[]){value_word(k ? "user" : "kernel"),
						 value_word("hlt"), value_number(0), value_none()});

		for (unsigned i = 0; i < 8; i++)
			row_sample(set, row, 0, i,
				(const double[]){k ? user : 1000, 10 + i, i, (double)NAN});
	}
	document_add(document, set);
	return document;
}

Test(compare_by, each_value_against_the_first)
{
	struct document *document = eight_rounds(1500), *comparison;
	struct diag diag;

	cr_assert_eq(compare_by(&comparison, document, "irqchip", &diag), 0, "%s", diag.text);
	const struct dataset *set = document_set(comparison, "exits.cost-by-irqchip-ns");

	cr_assert_not_null(set);
	cr_assert_eq(set->n_rows, 2, "figures that are measured and no detail");
	cr_expect_str_eq(set->rows[0].at[4].text, "round-trip");
	cr_expect_eq(row_value(set, &set->rows[0], (size_t)dataset_figure(set, "difference")), 500);
	cr_expect_eq(row_value(set, &set->rows[0], (size_t)dataset_figure(set, "change")), 50);
	cr_expect_str_eq(row_text(&set->rows[0], "outcome"), "worse");
	cr_expect_str_eq(row_text(&set->rows[0], "paired"), "paired");
	cr_expect_str_eq(row_text(&set->rows[1], "outcome"), "same");
	document_destroy(comparison);
	document_destroy(document);
}

Test(compare_by, a_small_difference_is_none)
{
	struct document *document = eight_rounds(1040), *comparison;
	struct diag diag;

	cr_assert_eq(compare_by(&comparison, document, "irqchip", &diag), 0);
	cr_expect_str_eq(row_text(&comparison->sets[0]->rows[0], "outcome"), "same",
		"below 5 %% and 100 ns");
	document_destroy(comparison);
	document_destroy(document);
}

Test(compare_by, what_cannot_be_is_said)
{
	struct document *document = eight_rounds(1500), *comparison;
	struct diag diag;

	cr_expect_eq(compare_by(&comparison, document, "colour", &diag), -EINVAL);
	cr_expect_str_eq(diag.text, "--by colour: no dataset of this file has such an axis");
	cr_expect_eq(compare_by(&comparison, document, "kind", &diag), -EINVAL);
	cr_expect_str_eq(diag.text, "--by kind: it has one value only in this file");
	cr_expect_null(comparison);
	document_destroy(document);
}

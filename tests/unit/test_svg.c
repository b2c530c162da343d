/* SPDX-License-Identifier: BSD-2-Clause */
/* Axes, figures and charts: where ticks are, what they say, what is drawn and what is left out. How
 * it looks is for eyes and scripts/check-page. */
#include "../../src/report/axis.h"
#include "../../src/report/markup.h"
#include "../../src/report/svg.h"

#include <criterion/criterion.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- axes ---- */

/* The ticks' labels, with blanks between; until the next call. */
static const char *labels(unsigned flags, double min, double max)
{
	static char text[512];
	struct axis axis;
	size_t used = 0;

	axis_init(&axis, flags, min, max, 0, 100);
	text[0] = '\0';
	for (unsigned i = 0; i < axis.ticks; i++) {
		char label[48];

		axis_label(label, sizeof(label), &axis, axis.tick[i]);
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "", label);
	}
	return text;
}

Test(axis, linear_ticks_are_one_two_five)
{
	cr_expect_str_eq(labels(0, 0, 24), "0 5 10 15 20 25");
	cr_expect_str_eq(labels(0, 0, 0.9), "0.0 0.2 0.4 0.6 0.8");
	cr_expect_str_eq(labels(0, 0, 11500), "0 2,000 4,000 6,000 8,000 10,000 12,000");
	cr_expect_str_eq(labels(0, -4, 22), "−5 0 5 10 15 20");
	cr_expect_str_eq(labels(0, 0, 0.0036), "0.000 0.001 0.002 0.003");
}

Test(axis, logarithmic_ticks_are_decades)
{
	cr_expect_str_eq(labels(AXIS_LOG, 0.3, 650), "0.1 1 10 100 1,000");
	cr_expect_str_eq(labels(AXIS_LOG, 1, 3e6), "10⁰ 10¹ 10² 10³ 10⁴ 10⁵ 10⁶ 10⁷");
	cr_expect_str_eq(labels(AXIS_LOG, 200, 90000), "100 1,000 10,000 100,000");
	cr_expect_str_eq(labels(AXIS_LOG, 1.2, 4), "1 2 5");
	cr_expect_str_eq(labels(AXIS_LOG, 0.06, 0.9), "0.05 0.1 0.2 0.5 1");
	cr_expect_str_eq(labels(AXIS_LOG, 1e-6, 1), "10⁻⁶ 10⁻⁵ 10⁻⁴ 10⁻³ 10⁻² 10⁻¹ 10⁰");
}

Test(axis, bytes_are_powers_of_two)
{
	cr_expect_str_eq(labels(AXIS_LOG | AXIS_BYTES, 256, 64 << 20),
		"256 B 1 KiB 4 KiB 16 KiB 64 KiB 256 KiB 1 MiB 4 MiB 16 MiB 64 MiB");
	cr_expect_str_eq(labels(AXIS_BYTES, 0, 1 << 20), "0 B 256 KiB 512 KiB 768 KiB 1 MiB");
}

/* Whatever the values: both are on the axis, and its ticks are few and in order. */
static void fits(unsigned flags, double min, double max)
{
	struct axis axis;

	axis_init(&axis, flags, min, max, 10, 110);
	double low = axis_at(&axis, min), high = axis_at(&axis, max);

	cr_expect(low > 9.9 && low < 110.1, "%g of %g..%g stands at %g", min, min, max, low);
	cr_expect(high > 9.9 && high < 110.1, "%g of %g..%g stands at %g", max, min, max, high);
	cr_expect(axis.ticks >= 1 && axis.ticks < AXIS_TICKS_MAX, "%g..%g: %u ticks", min, max,
		axis.ticks);
	for (unsigned i = 1; i < axis.ticks; i++)
		cr_expect_gt(axis.tick[i], axis.tick[i - 1], "%g..%g", min, max);
}

Test(axis, takes_any_range)
{
	static const double values[] = {-9e99, -1e15, -3, -1, -1e-9, -2e-100, 0, 2e-100, 1e-9, 0.1,
		0.3, 1, 1.0000000001, 2, 9.99, 1000, 12345678, 1e15, 9e99};
	size_t n = sizeof(values) / sizeof(values[0]);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = i; j < n; j++) {
			fits(0, values[i], values[j]);
			fits(AXIS_BYTES, values[i], values[j]);
			if (values[i] > 0) {
				fits(AXIS_LOG, values[i], values[j]);
				fits(AXIS_LOG | AXIS_BYTES, values[i], values[j]);
			}
		}
	}
}

Test(axis, refuses_what_has_no_place)
{
	cr_expect(axis_takes(0, -1) && axis_takes(0, 0) && axis_takes(AXIS_LOG, 0.001));
	cr_expect_not(axis_takes(AXIS_LOG, 0));
	cr_expect_not(axis_takes(AXIS_LOG, -1));
	cr_expect_not(axis_takes(AXIS_LOG, DBL_TRUE_MIN));
	cr_expect_not(axis_takes(0, NAN));
	cr_expect_not(axis_takes(0, INFINITY));
	cr_expect_not(axis_takes(0, -DBL_MAX));
}

/* ---- figures ---- */

static const char *figure(double value)
{
	static char text[48];

	markup_figure(text, sizeof(text), value);
	return text;
}

Test(markup, figures_have_the_digits_that_mean_something)
{
	cr_expect_str_eq(figure(1234567), "1,234,567");
	cr_expect_str_eq(figure(123.4), "123");
	cr_expect_str_eq(figure(-12.34), "−12.3");
	cr_expect_str_eq(figure(0.01234), "0.0123");
	cr_expect_str_eq(figure(0), "0");
	cr_expect_str_eq(figure(-0.0), "0");
	cr_expect_str_eq(figure(1e-7), "1e-07");
	cr_expect_str_eq(figure(1e99), "1e+99");
}

/* ---- charts ---- */

static struct page *page;

static void setup(void)
{
	page = page_create();
}

static void teardown(void)
{
	page_destroy(page);
}

TestSuite(svg, .init = setup, .fini = teardown);

/* The figure; the caller frees it. */
static char *drawn(const struct chart *chart)
{
	static char *text; /* GCC 12 would take its contents for its address and warn */
	static size_t size;
	FILE *out = open_memstream(&text, &size);

	svg_figure(out, chart, 1);
	fclose(out);
	return text;
}

static bool draws(const struct chart *chart, const char *what)
{
	char *text = drawn(chart);
	bool found = strstr(text, what) != NULL;

	free(text);
	return found;
}

static unsigned occurrences(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

Test(svg, chart_without_values_says_so)
{
	struct chart *chart = page_chart(page, CHART_BARS, 0, "nothing", "x", "y");

	chart_bar(chart, "series", "label", NAN);
	cr_expect(draws(chart, "no data</p>"));
	cr_expect_not(draws(chart, "<svg"));
}

Test(svg, values_without_a_logarithm_are_counted)
{
	struct chart *chart =
		page_chart(page, CHART_LINES, CHART_LOG_X | CHART_LOG_Y, "curve", "x", "y");

	chart_point(chart, "s", 0, 1);
	cr_expect(draws(chart, "no data that can be drawn"));
	chart_point(chart, "s", 1, 1);
	chart_point(chart, "s", 10, -1);
	cr_expect(draws(chart, "<svg"));
	cr_expect(draws(chart, "2 values left out: no place on a logarithmic axis"));
}

Test(svg, text_of_a_file_is_inert)
{
	struct chart *chart = page_chart(page, CHART_BARS, 0, "<script>t</script>", "<x>", "<y>");
	static const char evil[] = "\"'><script>alert(1)</script>&\x01";

	chart_bar(chart, evil, evil, 1);
	chart_bar(chart, "other", evil, 2);
	char *text = drawn(chart);

	cr_expect_null(strstr(text, "<script"));
	cr_expect_null(strstr(text, "\x01"));
	cr_expect_null(strstr(text, "\"'>"));
	cr_expect_not_null(strstr(text, "&quot;&#39;&gt;&lt;script&gt;"));
	free(text);
}

Test(svg, each_bar_has_its_figure)
{
	struct chart *chart =
		page_chart(page, CHART_BARS, CHART_LOG_Y | CHART_RATIO, "GNR", "benchmark", "GNR");

	chart_bar(chart, "GNR", "sgdt", 1234);
	chart_bar(chart, "GNR", "hot-memory", 0.98);
	char *text = drawn(chart);

	cr_expect_not_null(strstr(text, ">1,234</text>"));
	cr_expect_not_null(strstr(text, "value end\""), "below 1 it stands at the left");
	cr_expect_eq(occurrences(text, "class=\"bar s0\""), 2);
	free(text);
}

static double number_behind(const char *text, const char *what)
{
	const char *found = strstr(text, what);

	cr_assert_not_null(found);
	return strtod(found + strlen(what), NULL);
}

/* The x at which the n-th bar of the data begins. */
static double bar_begins(const char *text, unsigned n)
{
	const char *bar = strstr(text, "<g class=\"data\">");

	for (unsigned i = 0; i <= n; i++)
		bar = strstr(bar + 1, "<path class=\"bar s");
	return number_behind(bar, "d=\"M");
}

Test(svg, negative_parts_are_stacked_left_of_zero)
{
	struct chart *chart = page_chart(page, CHART_STACKED, 0, "stages", "source", "us");

	chart_bar(chart, "wake", "dedicated", 3);
	chart_bar(chart, "advance", "dedicated", -2);
	chart_bar(chart, "deliver", "dedicated", 4);
	char *text = drawn(chart);
	double zero = number_behind(text, "class=\"base\" d=\"M");

	cr_expect_float_eq(bar_begins(text, 0), zero, 0.2);
	cr_expect_lt(bar_begins(text, 1), zero - 10);
	cr_expect_gt(bar_begins(text, 2), zero + 10);
	cr_expect_not_null(strstr(text, ">5.00</text>"), "the sum");
	cr_expect_not_null(strstr(text, "<title>advance: −2.00</title>"));
	free(text);
}

Test(svg, thousands_of_points_are_one_small_path)
{
	struct chart *chart = page_chart(page, CHART_POINTS, 0, "lateness", "event", "us");

	for (int i = 0; i < 4500; i++)
		chart_point(chart, "lapic", i, (i * 7919) % 1000);
	char *text = drawn(chart);

	cr_expect_eq(occurrences(text, "class=\"s0"), 1);
	cr_expect_gt(strlen(text), 4500 * 4);
	cr_expect_lt(strlen(text), 4500 * 14);
	free(text);
}

Test(svg, points_in_one_place_are_drawn_once)
{
	struct chart *chart = page_chart(page, CHART_POINTS, 0, "lateness", "event", "us");

	for (int i = 0; i < 100000; i++)
		chart_point(chart, "lapic", i % 2, i % 2);
	char *text = drawn(chart);

	cr_expect_lt(strlen(text), 4000);
	free(text);
}

Test(svg, too_many_bars_are_not_drawn)
{
	struct chart *chart = page_chart(page, CHART_BARS, 0, "many", "x", "y");
	char label[16];

	for (int i = 0; i < 3000; i++) {
		snprintf(label, sizeof(label), "%d", i);
		chart_bar(chart, "s", label, i);
	}
	cr_expect_not(draws(chart, "<svg"));
	cr_expect(draws(chart, "3000 values left out"));
}

Test(svg, series_beyond_the_palette_differ)
{
	struct chart *chart = page_chart(page, CHART_LINES, 0, "many", "x", "y");
	char name[16];

	for (int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		chart_point(chart, name, 0, i);
		chart_point(chart, name, 1, i);
	}
	cr_expect(draws(chart, "line s0 d0"));
	cr_expect(draws(chart, "line s7 d7"));
	cr_expect(draws(chart, "line s0 d1"));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Scales and ticks, after Heckbert's "Nice numbers for graph labels" (Graphics Gems, 1990).
 * Values come from any file, so every loop here is bounded by the ticks there is room for. */
#include "axis.h"

#include "markup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define INTERVALS 6    /* about as many between ticks, at most two more */
#define ROUNDING  1e-9 /* a value so near a tick is on it */

/* Nothing measured is larger or, but for zero, smaller; and squares of it are still finite. */
#define ABSURD 1e100

bool axis_takes(unsigned flags, double value)
{
	return fabs(value) < ABSURD && (!(flags & AXIS_LOG) || value > 1 / ABSURD);
}

static double nice_step(double span, bool bytes)
{
	double least = span / INTERVALS * (1 - ROUNDING);
	double unit = pow(10, floor(log10(least)));

	if (bytes)
		return exp2(ceil(log2(least)));
	return unit >= least       ? unit
	       : 2 * unit >= least ? 2 * unit
	       : 5 * unit >= least ? 5 * unit
				   : 10 * unit;
}

static void add_tick(struct axis *axis, double value)
{
	if (axis->ticks < AXIS_TICKS_MAX)
		axis->tick[axis->ticks++] = value;
}

/* The end of an axis is a tick, but where much room between it and the last value would be lost. */
static double end_of(double tick, double value, double span)
{
	return fabs(tick - value) <= 0.08 * span ? tick
						 : value + copysign(0.02 * span, tick - value);
}

static void linear(struct axis *axis, double min, double max)
{
	double size = fmax(fabs(min), fabs(max));

	if (max - min <= size * ROUNDING) { /* one value: in the middle */
		double room = size > 1 / ABSURD ? size / 2 : 1;

		min -= room;
		max += room;
	}
	double step = nice_step(max - min, axis->flags & AXIS_BYTES);
	double first = floor(min / step + ROUNDING), last = ceil(max / step - ROUNDING);

	axis->low = end_of(first * step, min, max - min);
	axis->high = end_of(last * step, max, max - min);
	for (double i = first; i <= last && axis->ticks < AXIS_TICKS_MAX; i++)
		if (i * step >= axis->low && i * step <= axis->high)
			add_tick(axis, i * step);
	axis->decimals = step < 1 ? (int)ceil(-log10(step) - ROUNDING) : 0;
}

/* 0: 1, 1: 2, 2: 5, 3: 10, ... and -1: 0.5, ... */
static double nice_number(int n)
{
	static const double nice[] = {1, 2, 5};
	int decade = (int)floor(n / 3.0);

	return nice[n - 3 * decade] * pow(10, decade);
}

/* Every tick of a short one has a label that is a plain number. */
static void short_log(struct axis *axis, double min, double max, int first, int last)
{
	int begin = 3 * first, end = 3 * last;

	while (begin + 1 < end && nice_number(begin + 1) <= min * (1 + ROUNDING))
		begin++;
	while (end - 1 > begin && nice_number(end - 1) >= max * (1 - ROUNDING))
		end--;
	for (int n = begin; n <= end; n++)
		add_tick(axis, nice_number(n));
	axis->low = nice_number(begin);
	axis->high = nice_number(end);
}

static void logarithmic(struct axis *axis, double min, double max)
{
	double base = axis->flags & AXIS_BYTES ? 2 : 10;
	double unit = log(base);
	int first = (int)floor(log(min) / unit + ROUNDING);
	int last = (int)ceil(log(max) / unit - ROUNDING);

	last = last > first ? last : first + 1;
	if (base > 2 && last - first <= 2) {
		short_log(axis, min, max, first, last);
		return;
	}
	int step = (last - first + 9) / 10;

	for (int i = first; i <= last; i += step)
		add_tick(axis, pow(base, i));
	axis->low = pow(base, first);
	axis->high = pow(base, last);
}

void axis_init(struct axis *axis, unsigned flags, double min, double max, double from, double to)
{
	*axis = (struct axis){.flags = flags, .from = from, .to = to};
	if (flags & AXIS_LOG)
		logarithmic(axis, min, max);
	else
		linear(axis, min, max);
}

double axis_at(const struct axis *axis, double value)
{
	double part = (value - axis->low) / (axis->high - axis->low);

	if (axis->flags & AXIS_LOG)
		part = log(value / axis->low) / log(axis->high / axis->low);
	return axis->from + part * (axis->to - axis->from);
}

static void bytes_label(char *text, size_t size, double tick)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t unit = 0;

	while (fabs(tick) >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		tick /= 1024;
		unit++;
	}
	snprintf(text, size, "%.4g %s", tick, units[unit]);
}

static void power_of_ten(char *text, size_t size, int exponent)
{
	static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
	char plain[16];

	snprintf(plain, sizeof(plain), "%d", exponent < 0 ? -exponent : exponent);
	int used = snprintf(text, size, "10%s", exponent < 0 ? "⁻" : "");

	for (const char *p = plain; *p != '\0' && (size_t)used < size; p++)
		used += snprintf(text + used, size - (size_t)used, "%s", digits[*p - '0']);
}

void axis_label(char *text, size_t size, const struct axis *axis, double tick)
{
	if (axis->flags & AXIS_BYTES) {
		bytes_label(text, size, tick);
		return;
	}
	if (!(axis->flags & AXIS_LOG)) {
		markup_fixed(text, size, tick, axis->decimals);
		return;
	}
	int exponent = (int)floor(log10(tick) + ROUNDING);

	/* All of an axis' labels in one way. */
	bool powers = (axis->low < 0.0099 || axis->high > 100001) && axis->high / axis->low > 100;

	if (powers)
		power_of_ten(text, size, exponent);
	else
		markup_fixed(text, size, tick, exponent < 0 ? -exponent : 0);
}

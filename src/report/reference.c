/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures published by others, from the files in reference/ that are part of the program.
 * Nothing of ours is computed with them. */
#include "tickvm/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* embedded.S */
extern const char hyperbench_table3[], hyperbench_table3_end[];
extern const char adamczyk_table1[], adamczyk_table1_end[];
extern const char adamczyk_table2[], adamczyk_table2_end[];

/* The table's names and those of tickvm/hyperbench.h. Its IPI goes to a halted processor. */
static const struct {
	const char *published, *ours;
} names[] = {
	{"Idle", "idle"},
	{"SGDT", "sgdt"},
	{"SIDT", "sidt"},
	{"SLDT", "sldt"},
	{"SMSW", "smsw"},
	{"PUSHF-POPF", "pushf-popf"},
	{"LGDT", "lgdt"},
	{"Set CR3", "set-cr3"},
	{"Hypercall", "hypercall"},
	{"IPI", "ipi-halted"},
	{"Hot Memory Access", "hot-memory"},
	{"Cold Memory Access", "cold-memory"},
	{"Set Page Table", "set-page-table"},
	{"IN", "in"},
	{"OUT", "out"},
	{"Print", "print"},
};
#define ROWS        (sizeof(names) / sizeof(names[0]))
#define COLUMNS_MAX 7
#define TEXT_MAX    8192
#define INTERVALS   62

static const char *our_name(const char *published)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (strcmp(names[i].published, published) == 0)
			return names[i].ours;
	}
	return NULL;
}

static double figure(const char *field)
{
	return *field != '\0' ? strtod(field, NULL) : NAN;
}

/* Calls take for each row but the titles, with fields that lie in text; missing ones are empty. */
static void read_rows(const char *begin, const char *end, void (*take)(char *field[COLUMNS_MAX]))
{
	char text[TEXT_MAX], *rest = text;
	size_t size = (size_t)(end - begin);

	if (size >= sizeof(text))
		return;
	memcpy(text, begin, size);
	text[size] = '\0';
	strsep(&rest, "\n"); /* the titles */
	while (rest != NULL && *rest != '\0') {
		char *line = strsep(&rest, "\n"), *field[COLUMNS_MAX];
		static char nothing[] = "";

		for (size_t i = 0; i < COLUMNS_MAX; i++)
			field[i] = line != NULL ? strsep(&line, ",") : nothing;
		take(field);
	}
}

static struct reference_row rows[ROWS];
static size_t row_count;

/* category, benchmark, five systems */
static void take_row(char *field[COLUMNS_MAX])
{
	const char *name = our_name(field[1]);

	if (name != NULL && row_count < ROWS)
		rows[row_count++] = (struct reference_row){.name = name,
			.host = figure(field[2]),
			.qemu_tcg = figure(field[3]),
			.kvm_ept = figure(field[4]),
			.kvm_spt = figure(field[5]),
			.xen = figure(field[6])};
}

const struct reference_row *reference_hyperbench(size_t *n)
{
	if (row_count == 0)
		read_rows(hyperbench_table3, hyperbench_table3_end, take_row);
	*n = row_count;
	return rows;
}

static struct reference_interval intervals[INTERVALS];
static size_t interval_count;

/* interval, load, system, mean, sd, confidence interval (Table 2 has none) */
static void take_interval(char *field[COLUMNS_MAX])
{
	struct reference_interval *row = &intervals[interval_count];

	if (interval_count == INTERVALS)
		return;
	interval_count++;
	row->interval_us = (unsigned)strtoul(field[0], NULL, 10);
	snprintf(row->load, sizeof(row->load), "%s%s",
		*field[1] >= '0' && *field[1] <= '9' ? "cpu:" : "", field[1]);
	snprintf(row->system, sizeof(row->system), "%s", field[2]);
	row->mean = figure(field[3]);
	row->sd = figure(field[4]);
	row->ci99_low = figure(field[5]);
	row->ci99_high = figure(field[6]);
}

const struct reference_interval *reference_adamczyk(size_t *n)
{
	if (interval_count == 0) {
		read_rows(adamczyk_table1, adamczyk_table1_end, take_interval);
		read_rows(adamczyk_table2, adamczyk_table2_end, take_interval);
	}
	*n = interval_count;
	return intervals;
}

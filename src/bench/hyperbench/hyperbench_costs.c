/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a row's cycles go: the cost model's table, a sentence a row, and the unit costs with how
 * they were measured. The arithmetic is cost_model.c's. */
#include "hyperbench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Groups of three, as people write them. */
static void group(char *text, size_t size, double whole)
{
	char digits[32];
	int length = snprintf(digits, sizeof(digits), "%.0f", fabs(whole));
	size_t used = 0;

	if (whole < 0 && used + 1 < size)
		text[used++] = '-';
	for (int i = 0; i < length && used + 2 < size; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			text[used++] = ',';
		text[used++] = digits[i];
	}
	text[used] = '\0';
}

const char *hyper_cycles(char *text, size_t size, double cycles)
{
	double a = fabs(cycles);

	if (a >= 99.95 && a < 1e15)
		group(text, size, round(cycles));
	else
		snprintf(text, size, "%.3g", cycles);
	return text;
}

/* ---- a sentence ---- */

#define WORTH_SAYING 0.002 /* of T_guest */

static void say_part(
	FILE *out, const char **separator, double cycles, double guest, const char *what)
{
	char text[32];

	if (!(fabs(cycles) > WORTH_SAYING * fabs(guest)))
		return;
	fprintf(out, "%s%s %s", *separator, hyper_cycles(text, sizeof(text), cycles), what);
	*separator = ", ";
}

static void sentence(FILE *out, const struct hyper_result *r)
{
	const struct cost *c = &r->cost;
	double guest = r->figures.cycles;
	const char *separator =
		hyper_has_two_vcpus(r->row) ? "; the two vCPUs spend, partly at once: " : ": ";
	char text[32], model[48];

	snprintf(model, sizeof(model), "%s model", r->device);
	fprintf(out, "%s at CPL %u costs %s cycles", hyper_rows[r->row].name, r->cpl,
		hyper_cycles(text, sizeof(text), guest));
	say_part(out, &separator, c->direct, guest, "as on the host");
	say_part(out, &separator, c->part[COST_TRANSITION], guest, "KVM transition");
	say_part(out, &separator, c->part[COST_EMULATION], guest, "emulation");
	/* Below that they are the host's own interrupts. */
	if (cost_kernel_exits(&r->figures.counts) >= 0.01)
		say_part(out, &separator, c->part[COST_KERNEL_EXIT], guest, "exits within KVM");
	say_part(out, &separator, c->part[COST_INTERRUPT], guest, "interrupts");
	say_part(out, &separator, c->part[COST_FAULT], guest, "page faults in KVM");
	say_part(out, &separator, c->part[COST_DISPATCH], guest, "dispatch");
	say_part(out, &separator, c->part[COST_MODEL], guest, model);
	say_part(out, &separator, c->unattributed, guest, "unattributed");
	fprintf(out, ".\n");
}

static bool has_parts(const struct hyper_result *r)
{
	return r->state == HYPER_MEASURED && !hyper_lost(&r->figures) &&
	       fabs(r->cost.cpu) + fabs(r->cost.memory) + fabs(r->cost.io) >
		       WORTH_SAYING * fabs(r->figures.cycles);
}

static void sentences(const struct hyper_table *t, struct page *page)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return;
	for (size_t i = 0; i < t->n; i++) {
		if (has_parts(&t->results[i]))
			sentence(out, &t->results[i]);
	}
	if (fclose(out) == 0 && size > 0)
		page_note(page, "%.*s", (int)size - 1, text);
	free(text);
}

/* ---- tables ---- */

/* The parts come to more than the row took, and not by its spread. */
static bool exceeds(const struct hyper_result *r)
{
	double spread = isnan(r->figures.spread) ? 0 : r->figures.spread;

	return r->state == HYPER_MEASURED && r->cost.explained > 1 &&
	       r->cost.unattributed < -spread;
}

static void cost_cells(struct table *table, const struct hyper_result *r)
{
	const struct cost *c = &r->cost;
	const struct hyper_figures *f = &r->figures;
	/* A share of what is lost in the spread says nothing, nor does one of more than the whole.
	 */
	bool lost = hyper_lost(f) || fabs(c->virt) <= f->spread || exceeds(r);

	table_cell(table, "%s", hyper_rows[r->row].name);
	table_cell(table, "%u", r->cpl);
	hyper_figure_cell(table, f->cycles);
	hyper_figure_cell(table, c->direct_from == COST_UNKNOWN ? (double)NAN : c->direct);
	hyper_figure_cell(table, c->virt);
	hyper_figure_cell(table, c->cpu);
	hyper_figure_cell(table, c->memory);
	hyper_figure_cell(table, c->io);
	hyper_figure_cell(table, c->unattributed);
	if (lost || isnan(c->explained))
		table_cell(table, "-");
	else
		table_cell(table, "%.0f %%", 100 * c->explained);
}

static void cost_table(const struct hyper_table *t, struct page *page)
{
	static const char *const titles[] = {"benchmark", "CPL", "T_guest", "T_direct", "T_virt",
		"T_cpu", "T_memory", "T_io", "unattributed", "explained"};
	struct table *table = page_table(page, "cost", "lrrrrrrrrr", titles);

	for (size_t i = 0; i < t->n; i++) {
		if (t->results[i].state == HYPER_MEASURED)
			cost_cells(table, &t->results[i]);
	}
}

static void note_of_exceeding(const struct hyper_table *t, struct page *page)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += exceeds(&t->results[i]);
	if (n > 0)
		page_note(page,
			"In %u row%s the parts come to more than the whole: no share is given. "
			"Their unit costs were measured moments before, when this host was slower; "
			"or one of them is dearer than what the row has of it.",
			n, n == 1 ? "" : "s");
}

static void unit_table(const struct hyper_table *t, struct page *page)
{
	static const char *const titles[] = {"unit", "cycles", "measured by"};
	const struct cost_units *u = &t->units;
	const struct {
		const char *name;
		double cycles;
	} units[HYPER_UNITS] = {
		[HYPER_TRANSITION] = {"transition", u->transition},
		[HYPER_EMULATION] = {"emulated instruction", u->emulation},
		[HYPER_KERNEL_EXIT] = {"exit within KVM", u->kernel_exit},
		[HYPER_FAULT] = {"page fault in KVM", u->fault},
		[HYPER_INTERRUPT] = {"interrupt", u->interrupt},
	};
	struct table *table = page_table(page, "units", "lrl", titles);

	for (unsigned i = 0; i < HYPER_UNITS; i++) {
		table_cell(table, "%s", units[i].name);
		table_cell_figure(table, units[i].cycles);
		table_cell(table, "%s", isnan(units[i].cycles) ? "-" : t->sources[i].text);
	}
	for (unsigned i = 0; i < HYPER_UNITS; i++) {
		if (isnan(units[i].cycles))
			page_note(page, "no cost of one %s: %s", units[i].name, t->sources[i].text);
	}
}

void hyper_report_costs(
	const struct hyper_table *table, enum irqchip_kind irqchip, struct page *page)
{
	page_heading(page, "WHERE THE CYCLES GO, --pin %s (cycles an operation)", table->pin);
	cost_table(table, page);
	page_note(page,
		"T_guest = T_direct + T_virt; T_virt = T_cpu + T_memory + T_io + unattributed. "
		"T_direct: the native figure; 0 where KVM or tickvm does the operation in the "
		"guest CPU's place; - where the host has no such operation, counted as 0. T_io: "
		"exits, emulation and "
		"device models of I/O rows; T_cpu: of the others, and interrupts; T_memory: page "
		"faults that KVM repaired. Each is a count of this run's times a unit cost of this "
		"run's (below), but dispatch and model, which are stamped. In rows with two vCPUs "
		"the parts are what both spend, partly at once%s: no shares of T_virt, so nothing "
		"is said of the rest.",
		irqchip == IRQCHIP_USER ? ", a halted one's waiting in dispatch included" : "");
	note_of_exceeding(table, page);
	sentences(table, page);
	unit_table(table, page);
}

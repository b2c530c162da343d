/* SPDX-License-Identifier: BSD-2-Clause */
/* The paper's cost model, evaluated: counts times unit costs, and what they leave unexplained.
 * It measures nothing and decides nothing about a figure but where it belongs. */
#include "cost_model.h"

#include <math.h>

static double or_zero(double value)
{
	return isnan(value) ? 0 : value;
}

double cost_kernel_exits(const struct cost_counts *counts)
{
	double rest = counts->kvm_exits - or_zero(counts->user_exits) - or_zero(counts->faults);

	/* Where KVM emulates CPL 0 an exit to userspace need not be one of the CPU's. */
	return rest < 0 ? 0 : rest;
}

/* The guest's CPU does not do what is handed to KVM's emulator or to a device model instead. */
static bool is_emulated(const struct cost_row *row)
{
	const struct cost_counts *c = &row->counts;

	return (or_zero(c->user_exits) + or_zero(c->emulated)) / row->pieces >= 0.5;
}

struct cost cost_of(const struct cost_row *row, const struct cost_units *units)
{
	const struct cost_counts *c = &row->counts;
	struct cost cost = {.direct_from = is_emulated(row)     ? COST_EMULATED
					   : isnan(row->native) ? COST_UNKNOWN
								: COST_NATIVE};
	double *part = cost.part;

	cost.direct = cost.direct_from == COST_NATIVE ? row->native : 0;
	cost.virt = row->guest - cost.direct;
	part[COST_TRANSITION] = or_zero(c->user_exits * units->transition);
	part[COST_EMULATION] = or_zero(c->emulated * units->emulation);
	part[COST_KERNEL_EXIT] = or_zero(cost_kernel_exits(c) * units->kernel_exit);
	part[COST_DISPATCH] = or_zero(c->userspace - c->model);
	part[COST_MODEL] = or_zero(c->model);
	part[COST_FAULT] = or_zero(c->faults * units->fault);
	part[COST_INTERRUPT] = or_zero(c->interrupts * units->interrupt);

	double handled = part[COST_TRANSITION] + part[COST_EMULATION] + part[COST_KERNEL_EXIT] +
			 part[COST_DISPATCH] + part[COST_MODEL];

	cost.memory = part[COST_FAULT];
	cost.cpu = part[COST_INTERRUPT] + (row->io ? 0 : handled);
	cost.io = row->io ? handled : 0;

	double known = cost.cpu + cost.memory + cost.io;

	cost.unattributed = cost.virt - known;
	cost.explained = cost.virt != 0 ? known / cost.virt : (double)NAN;
	return cost;
}

double cost_unit(const struct cost_row *row, const struct cost_units *known, double count)
{
	double unit = cost_of(row, known).unattributed / count;

	return count >= 0.5 && unit > 0 ? unit : (double)NAN;
}

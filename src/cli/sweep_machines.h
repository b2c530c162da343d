/* SPDX-License-Identifier: BSD-2-Clause */
/* Machines for the cells of a sweep's file. Whoever runs or checks one lends the sweep a maker. */
#ifndef CLI_SWEEP_MACHINES_H
#define CLI_SWEEP_MACHINES_H

#include "options.h"

#include "tickvm/sweep.h"

struct sweep_machines {
	enum command command; /* whose line argv is */
	int argc;
	char **argv;          /* as main() got it */
	struct options *made; /* the cells' machines use their texts */
	size_t n;
};

/* argv is copied, its words are not. 0, or -ENOMEM with diag set; sweep_machines_end() is due in
 * any case, when no cell is used any more. */
int sweep_machines_begin(struct sweep_machines *machines, enum command command, int argc,
	char **argv, struct diag *diag);
void sweep_machines_end(struct sweep_machines *machines);

struct machine_maker sweep_machines_maker(struct sweep_machines *machines);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What tickvm tune is asked for, and what this host lets it choose from.
 * It searches nothing. */
#include "../timer/timer_load.h"
#include "../timer/timer_sources.h"
#include "tune.h"

#include "tickvm/amount.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

static int find_source(const char *name)
{
	for (int i = 0; i < TIMER_SOURCES; i++) {
		if (strcmp(name, timer_source_names[i]) == 0 &&
			(timer_sources[i].path == TIMER_PATH_KERNEL ||
				timer_sources[i].path == TIMER_PATH_THREAD))
			return i;
	}
	return -1;
}

static int read_load(struct tune_space *space, const char *text, struct diag *diag)
{
	struct loads loads;
	struct diag why;

	if (loads_parse(&loads, text, &why) < 0)
		return diag_set(diag, -EINVAL, "--load: %s", why.text);
	if (loads.n != 1 || loads.item[0].kind == LOAD_CPU)
		return diag_set(diag, -EINVAL,
			"--load %s: expected one of idle, io, interrupts:RATE: a CPU load's time "
			"cannot be told from the machine's; run it beside tickvm instead",
			text);
	space->interrupts = load_interrupts(&loads.item[0]);
	return 0;
}

static int read_interval(struct tune_space *space, const char *text, struct diag *diag)
{
	if (amount_parse(AMOUNT_NSEC, text, &space->interval_ns) < 0 || space->interval_ns < 1000 ||
		space->interval_ns > 1000000000)
		return diag_set(diag, -EINVAL, "--interval %s: expected one from 1us to 1s", text);
	return 0;
}

static void find_cpus(struct tune_space *space)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return;
	int all = CPU_COUNT(&set), seen = 0;

	/* The first ones and the last, where there are more than vCPUs could use. */
	for (int cpu = 0; cpu < CPU_SETSIZE && seen < all; cpu++) {
		if (!CPU_ISSET((size_t)cpu, &set))
			continue;
		seen++;
		if (space->n_cpus < VM_MAX_VCPUS || seen == all)
			space->cpus[space->n_cpus++] = cpu;
	}
}

int tune_space_read(struct tune_space *space, const struct tune_request *request, struct diag *diag)
{
	struct host_facts facts;
	int source = find_source(request->source);

	if (source < 0)
		return diag_set(diag, -EINVAL,
			"--source %s: expected one of kvm-lapic, user-lapic, kvm-pit, user-pit, "
			"dedicated",
			request->source);
	host_facts_read(&facts);
	space->machine = request->context.machine;
	space->thread = timer_sources[source].path == TIMER_PATH_THREAD;
	space->dedicated = source == SOURCE_DEDICATED;
	space->fifo = facts.rtprio_limit >= space->machine.timer_priority;
	if (!(request->context.machine_set & BENCH_SET_IRQCHIP) ||
		!timer_sources[source].any_irqchip)
		space->machine.irqchip = timer_sources[source].irqchip;
	find_cpus(space);
	int err = read_interval(space, request->interval, diag);

	return err == 0 ? read_load(space, request->load, diag) : err;
}

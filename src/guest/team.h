/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUs that do one test together: they begin at once, and none disturbs the others when it is
 * done. What they do is the test's. */
#ifndef GUEST_TEAM_H
#define GUEST_TEAM_H

/* Calls function with 0 on this CPU and with 1 to n - 1 on others (as cpus_start() does), each at
 * CPL 3; each ends with team_part(). Returns when all have. Takes VECTOR_DRAIN. */
void team_start(unsigned n, void (*function)(unsigned cpu));
/* All come here before one goes on. They spin: nothing is measured yet. */
void team_meet(void);
/* This CPU is done. CPU 0 comes back when all are, the others never. They halt, since spinning
 * would take time from those that still measure. */
void team_part(unsigned cpu);

#endif

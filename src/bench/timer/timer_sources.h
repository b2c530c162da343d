/* SPDX-License-Identifier: BSD-2-Clause */
/* The timers that bench timer compares, and what each needs. */
#ifndef BENCH_TIMER_SOURCES_H
#define BENCH_TIMER_SOURCES_H

#include "tickvm/vm.h"

/* Who stamps what between the guest's request and its handler. */
enum timer_path {
	TIMER_PATH_KERNEL, /* KVM's own device: nothing between deadline and handler is seen */
	TIMER_PATH_THREAD, /* our timer thread */
	TIMER_PATH_POLL,   /* floor: the guest spins on the TSC */
	TIMER_PATH_HOST,   /* floor: a host thread's sleep, no guest */
};

struct timer_source {
	const char *name;
	const char *guest; /* source= of the payload; NULL: no guest */
	enum irqchip_kind irqchip;
	bool any_irqchip; /* honours --irqchip */
	enum timer_path path;
	const char *device; /* in timer records; NULL where there are none */
};

enum timer_source_id {
	SOURCE_KVM_LAPIC,
	SOURCE_USER_LAPIC,
	SOURCE_KVM_PIT,
	SOURCE_USER_PIT,
	SOURCE_DEDICATED,
	SOURCE_TSC_POLL,
	SOURCE_NATIVE,
	TIMER_SOURCES
};
extern const struct timer_source timer_sources[TIMER_SOURCES];
extern const char *const timer_source_names[]; /* the same order, ends with NULL */

#endif

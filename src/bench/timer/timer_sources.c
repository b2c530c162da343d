/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of timers that bench timer compares.
 * It runs nothing: bench_timer.c does. */
#include "timer_sources.h"

#include <stddef.h>

const struct timer_source timer_sources[] = {
	[SOURCE_KVM_LAPIC] = {.name = "kvm-lapic",
		.guest = "lapic",
		.irqchip = IRQCHIP_SPLIT,
		.path = TIMER_PATH_KERNEL},
	[SOURCE_USER_LAPIC] = {.name = "user-lapic",
		.guest = "lapic",
		.irqchip = IRQCHIP_USER,
		.path = TIMER_PATH_THREAD,
		.device = "lapic"},
	[SOURCE_KVM_PIT] = {.name = "kvm-pit",
		.guest = "pit",
		.irqchip = IRQCHIP_KERNEL,
		.path = TIMER_PATH_KERNEL},
	[SOURCE_USER_PIT] = {.name = "user-pit",
		.guest = "pit",
		.irqchip = IRQCHIP_SPLIT,
		.path = TIMER_PATH_THREAD,
		.device = "pit"},
	[SOURCE_DEDICATED] = {.name = "dedicated",
		.guest = "dedicated",
		.irqchip = IRQCHIP_SPLIT,
		.any_irqchip = true,
		.path = TIMER_PATH_THREAD,
		.device = "dedicated"},
	[SOURCE_TSC_POLL] = {.name = "tsc-poll",
		.guest = "tsc-poll",
		.irqchip = IRQCHIP_SPLIT,
		.path = TIMER_PATH_POLL},
	[SOURCE_NATIVE] = {.name = "native", .path = TIMER_PATH_HOST},
};

const char *const timer_source_names[] = {
	"kvm-lapic", "user-lapic", "kvm-pit", "user-pit", "dedicated", "tsc-poll", "native", NULL};

_Static_assert(
	sizeof(timer_sources) / sizeof(timer_sources[0]) == TIMER_SOURCES &&
		sizeof(timer_source_names) / sizeof(timer_source_names[0]) == TIMER_SOURCES + 1,
	"one row and one name each");

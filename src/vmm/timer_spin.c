/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer thread's spin, learned: twice what covers nearly all of its last sleeps, and a little.
 * It does not cover the outliers: spinning for them would take a CPU to save one event in many. */
#include "timer_spin.h"

#include "tickvm/vm.h"

#define FIRST_NS     20000
#define MARGIN_NS    5000
#define SHRINK_SHIFT 10

void timer_spin_init(struct timer_spin *spin, int64_t ns)
{
	advance_reset(&spin->lateness);
	spin->learned = ns == VM_AUTO;
	spin->ns = spin->learned ? FIRST_NS : (uint64_t)ns;
}

void timer_spin_slept(struct timer_spin *spin, uint64_t late_ns)
{
	struct advance *lateness = &spin->lateness;

	if (!spin->learned)
		return;
	if (late_ns > VM_TIMER_SPIN_AUTO_MAX_NS)
		late_ns = VM_TIMER_SPIN_AUTO_MAX_NS;
	advance_add(lateness, (uint32_t)late_ns);
	spin->ns = MARGIN_NS + 2 * (uint64_t)lateness->sorted[(lateness->count - 1) * 15 / 16];
	if (spin->ns > VM_TIMER_SPIN_AUTO_MAX_NS)
		spin->ns = VM_TIMER_SPIN_AUTO_MAX_NS;
}

void timer_spin_spun(struct timer_spin *spin)
{
	if (spin->learned)
		spin->ns -= spin->ns >> SHRINK_SHIFT;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Judges a timer run's facts and names what it finds.
 * It gathers no facts and decides no exit status. */
#include "detectors.h"

#include <math.h>

/* Sleeps per event from which they show in a p90. */
#define SLEPT_SHARE 0.1
/* KVM sets its timers up to 5 us early, and a PIT counts by 0.8. */
#define PREMATURE_NS 10000

const struct detector_text detector_texts[] = {
	[DETECT_MIN_PERIOD] = {"min-timer-period", DETECTOR_WARN,
		"KVM lengthens this period to min_timer_period_us: ticks are lost"},
	[DETECT_VCPU_SLEPT] = {"vcpu-slept", DETECTOR_WARN,
		"the halted vCPU slept instead of polling: its wake-up is in the figure"},
	[DETECT_POLL_HIDES_SLEEP] = {"halt-poll-hides-sleep", DETECTOR_NOTE,
		"the halted vCPU polled: after a longer idle time a wake-up comes on top"},
	[DETECT_TICKS_LOST] = {"ticks-lost", DETECTOR_WARN,
		"deadlines passed without an interrupt of their own (column missed)"},
	[DETECT_TICKS_MERGED] = {"ticks-merged", DETECTOR_WARN,
		"interrupts were merged while an earlier one was pending"},
	[DETECT_RECORDS_MISSING] = {"records-missing", DETECTOR_FAIL,
		"the guest recorded fewer events than asked for"},
	[DETECT_STAGES_MISSING] = {"stages-missing", DETECTOR_WARN,
		"some events were not the timer thread's (armed too late?): unattributed"},
	[DETECT_RECORDS_DROPPED] = {"records-dropped", DETECTOR_WARN,
		"the timer log was too short: later events are unattributed"},
	[DETECT_SPIN_CAPPED] = {"spin-capped", DETECTOR_WARN,
		"the timer thread spun less than told, to stay below sched_rt_runtime_us"},
	[DETECT_NO_FIFO] = {"no-fifo", DETECTOR_WARN,
		"the timing thread had no SCHED_FIFO: run as root or raise ulimit -r"},
	[DETECT_NO_DMA_LATENCY] = {"no-dma-latency", DETECTOR_NOTE,
		"/dev/cpu_dma_latency could not be held at 0: CPUs may sleep deeply"},
	[DETECT_OFFSET_UNVERIFIED] = {"tsc-offset-unverified", DETECTOR_WARN,
		"guest and host TSC could not be related: no stages"},
	[DETECT_STEAL] = {"steal", DETECTOR_WARN, "the outer hypervisor took CPU time meanwhile"},
	[DETECT_HISTOGRAM_OVERFLOW] = {"histogram-overflow", DETECTOR_WARN,
		"a histogram bucket is full"},
	[DETECT_EARLY] = {"early", DETECTOR_FAIL, "the timer thread woke before its target"},
	[DETECT_PREMATURE] = {"premature", DETECTOR_WARN,
		"an event came long before its deadline: the host paused while KVM set the timer, "
		"or "
		"an earlier interrupt was taken for it"},
};
_Static_assert(sizeof(detector_texts) / sizeof(detector_texts[0]) == DETECTORS, "one text each");
_Static_assert(DETECTORS <= 32, "a bit each");

static bool period_clamped(const struct detector_facts *f)
{
	return f->periodic && f->path == TIMER_PATH_KERNEL && f->min_timer_period_us > 0 &&
	       f->interval_ns < (uint64_t)f->min_timer_period_us * 1000;
}

/* What KVM counted decides; where it does not count, what was configured. */
static uint32_t judge_halt(const struct detector_facts *f)
{
	bool slept;

	if (!f->halts)
		return 0;
	if (!isnan(f->halt_wakeups))
		slept = f->halt_wakeups > SLEPT_SHARE;
	else if (f->halt_poll_ns >= 0)
		slept = f->interval_ns > (uint64_t)f->halt_poll_ns;
	else
		return 0;
	return 1u << (slept ? DETECT_VCPU_SLEPT : DETECT_POLL_HIDES_SLEEP);
}

static uint32_t judge_thread(const struct detector_facts *f)
{
	uint32_t flags = 0;

	if (f->path != TIMER_PATH_THREAD && f->path != TIMER_PATH_HOST)
		return 0;
	flags |= (uint32_t)!f->fifo << DETECT_NO_FIFO;
	flags |= (uint32_t)!f->dma_latency << DETECT_NO_DMA_LATENCY;
	flags |= (uint32_t)(f->spin_capped > 0) << DETECT_SPIN_CAPPED;
	flags |= (uint32_t)(f->early > 0) << DETECT_EARLY;
	flags |= (uint32_t)(f->records_dropped > 0) << DETECT_RECORDS_DROPPED;
	if (f->path == TIMER_PATH_HOST)
		return flags;
	if (!f->offset_verified)
		flags |= 1u << DETECT_OFFSET_UNVERIFIED;
	else if (f->unjoined > 0)
		flags |= 1u << DETECT_STAGES_MISSING;
	return flags;
}

uint32_t detectors_judge(const struct detector_facts *f)
{
	uint32_t flags = judge_halt(f) | judge_thread(f);

	flags |= (uint32_t)period_clamped(f) << DETECT_MIN_PERIOD;
	flags |= (uint32_t)(f->missed > 0) << DETECT_TICKS_LOST;
	flags |= (uint32_t)(f->coalesced > 0) << DETECT_TICKS_MERGED;
	flags |= (uint32_t)(f->events < f->events_asked) << DETECT_RECORDS_MISSING;
	flags |= (uint32_t)(f->earliest_ns < -PREMATURE_NS) << DETECT_PREMATURE;
	flags |= (uint32_t)(f->steal_ticks > 0) << DETECT_STEAL;
	flags |= (uint32_t)(f->histogram_overflow > 0) << DETECT_HISTOGRAM_OVERFLOW;
	return flags;
}

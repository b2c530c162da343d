/* SPDX-License-Identifier: BSD-2-Clause */
/* Each detector: a clean run raises nothing, and each fact raises its own flag and no other. */
#include "../../src/bench/timer/detectors.h"

#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#define BIT(detector) (1u << (detector))

/* A busy guest and our timer thread: nothing to report. */
static struct detector_facts clean(void)
{
	return (struct detector_facts){
		.path = TIMER_PATH_THREAD,
		.interval_ns = 100000,
		.halt_poll_ns = 200000,
		.halt_wakeups = (double)NAN,
		.min_timer_period_us = 200,
		.events_asked = 4500,
		.events = 4500,
		.offset_verified = true,
		.fifo = true,
		.dma_latency = true,
		.steal_ticks = 0,
	};
}

#define ASSERT_FLAGS(facts, expected)                                                              \
	cr_assert_eq(detectors_judge(&(facts)), (expected), "got %#x", detectors_judge(&(facts)))

Test(detectors, a_clean_run_has_no_flags)
{
	struct detector_facts f = clean();

	ASSERT_FLAGS(f, 0);
	f.path = TIMER_PATH_KERNEL;
	ASSERT_FLAGS(f, 0);
	f.path = TIMER_PATH_POLL;
	f.fifo = false; /* nobody's business here */
	ASSERT_FLAGS(f, 0);
}

Test(detectors, short_periods_of_kvms_own_timers)
{
	struct detector_facts f = clean();

	f.path = TIMER_PATH_KERNEL;
	f.periodic = true;
	ASSERT_FLAGS(f, BIT(DETECT_MIN_PERIOD));
	f.interval_ns = 200000; /* exactly the least */
	ASSERT_FLAGS(f, 0);
	f.interval_ns = 199999;
	f.min_timer_period_us = -1; /* not known */
	ASSERT_FLAGS(f, 0);
	f.min_timer_period_us = 200;
	f.path = TIMER_PATH_THREAD; /* ours are not clamped */
	ASSERT_FLAGS(f, 0);
	f.path = TIMER_PATH_KERNEL;
	f.periodic = false;
	ASSERT_FLAGS(f, 0);
}

Test(detectors, halts_by_configuration_when_kvm_does_not_count)
{
	struct detector_facts f = clean();

	f.halts = true;
	ASSERT_FLAGS(f, BIT(DETECT_POLL_HIDES_SLEEP));
	f.interval_ns = 200001;
	ASSERT_FLAGS(f, BIT(DETECT_VCPU_SLEPT));
	f.halt_poll_ns = -1;
	ASSERT_FLAGS(f, 0);
}

Test(detectors, halts_by_kvms_count)
{
	struct detector_facts f = clean();

	f.halts = true;
	f.halt_wakeups = 1.0; /* the window was long enough, yet KVM did not poll */
	ASSERT_FLAGS(f, BIT(DETECT_VCPU_SLEPT));
	f.halt_wakeups = 0.01;
	f.interval_ns = 1000000;
	ASSERT_FLAGS(f, BIT(DETECT_POLL_HIDES_SLEEP));
	f.halts = false;
	ASSERT_FLAGS(f, 0);
}

Test(detectors, each_fact_raises_its_flag)
{
	struct detector_facts f;

	f = clean(), f.missed = 1;
	ASSERT_FLAGS(f, BIT(DETECT_TICKS_LOST));
	f = clean(), f.coalesced = 1;
	ASSERT_FLAGS(f, BIT(DETECT_TICKS_MERGED));
	f = clean(), f.events = 4499;
	ASSERT_FLAGS(f, BIT(DETECT_RECORDS_MISSING));
	f = clean(), f.unjoined = 1;
	ASSERT_FLAGS(f, BIT(DETECT_STAGES_MISSING));
	f = clean(), f.records_dropped = 1;
	ASSERT_FLAGS(f, BIT(DETECT_RECORDS_DROPPED));
	f = clean(), f.spin_capped = 1;
	ASSERT_FLAGS(f, BIT(DETECT_SPIN_CAPPED));
	f = clean(), f.fifo = false;
	ASSERT_FLAGS(f, BIT(DETECT_NO_FIFO));
	f = clean(), f.dma_latency = false;
	ASSERT_FLAGS(f, BIT(DETECT_NO_DMA_LATENCY));
	f = clean(), f.steal_ticks = 1;
	ASSERT_FLAGS(f, BIT(DETECT_STEAL));
	f = clean(), f.histogram_overflow = 1;
	ASSERT_FLAGS(f, BIT(DETECT_HISTOGRAM_OVERFLOW));
	f = clean(), f.earliest_ns = -10001;
	ASSERT_FLAGS(f, BIT(DETECT_PREMATURE));
	f = clean(), f.earliest_ns = -9999;
	ASSERT_FLAGS(f, 0);
	f = clean(), f.early = 1;
	ASSERT_FLAGS(f, BIT(DETECT_EARLY));
}

Test(detectors, without_an_offset_missing_stages_are_no_news)
{
	struct detector_facts f = clean();

	f.offset_verified = false;
	f.unjoined = 4500;
	ASSERT_FLAGS(f, BIT(DETECT_OFFSET_UNVERIFIED));
}

Test(detectors, the_native_floor_has_a_thread_but_no_guest)
{
	struct detector_facts f = clean();

	f.path = TIMER_PATH_HOST;
	f.offset_verified = false;
	f.unjoined = 4500;
	ASSERT_FLAGS(f, 0);
	f.fifo = false;
	ASSERT_FLAGS(f, BIT(DETECT_NO_FIFO));
}

Test(detectors, unknown_steal_is_not_steal)
{
	struct detector_facts f = clean();

	f.steal_ticks = -1;
	ASSERT_FLAGS(f, 0);
}

Test(detectors, names_are_there_and_differ)
{
	for (unsigned i = 0; i < DETECTORS; i++) {
		cr_assert_not_null(detector_texts[i].name);
		cr_assert_not_null(detector_texts[i].text);
		for (unsigned k = 0; k < i; k++)
			cr_assert_str_neq(detector_texts[i].name, detector_texts[k].name);
	}
}

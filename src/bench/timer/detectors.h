/* SPDX-License-Identifier: BSD-2-Clause */
/* What would make a timer figure a lie. Pure: facts of a run in, flags out. */
#ifndef BENCH_DETECTORS_H
#define BENCH_DETECTORS_H

#include "timer_sources.h"

enum detector {
	DETECT_MIN_PERIOD,       /* KVM lengthens short periods of its own timers */
	DETECT_VCPU_SLEPT,       /* halts outlasted the halt-poll window, or KVM did not poll */
	DETECT_POLL_HIDES_SLEEP, /* they did not: a guest idle for longer would be slower */
	DETECT_TICKS_LOST,
	DETECT_TICKS_MERGED,
	DETECT_RECORDS_MISSING, /* fewer events than asked for */
	DETECT_STAGES_MISSING,  /* events without the timer thread's stamps */
	DETECT_RECORDS_DROPPED,
	DETECT_SPIN_CAPPED, /* the thread spun less to stay below the real-time throttle */
	DETECT_NO_FIFO,
	DETECT_NO_DMA_LATENCY,
	DETECT_OFFSET_UNVERIFIED,
	DETECT_STEAL,
	DETECT_HISTOGRAM_OVERFLOW,
	DETECT_EARLY,     /* the thread woke before its target: our defect */
	DETECT_PREMATURE, /* an event before its deadline, where nothing leads it */
	DETECTORS
};

enum detector_level {
	DETECTOR_NOTE, /* how to read the figure */
	DETECTOR_WARN, /* the figure is worse or better than the mechanism */
	DETECTOR_FAIL, /* the figure is wrong */
};

struct detector_text {
	const char *name; /* in results files */
	enum detector_level level;
	const char *text; /* for people */
};
extern const struct detector_text detector_texts[DETECTORS];

/* Facts of one run; 0, false and -1 (where marked) mean nothing to report. */
struct detector_facts {
	enum timer_path path;
	bool periodic; /* the device repeats by itself */
	bool halts;    /* the guest waits in HLT */
	uint64_t interval_ns;
	int64_t halt_poll_ns; /* window in force; -1 unknown */
	double halt_wakeups; /* halts that ended in sleep, per event, as KVM counted; NAN unknown */
	int64_t min_timer_period_us; /* -1 unknown */
	uint64_t events_asked, events;
	uint64_t missed, coalesced;
	uint64_t unjoined; /* thread path: events without stamps */
	bool offset_verified;
	bool fifo, dma_latency; /* of the timer thread, or of the native loop's */
	uint64_t spin_capped, early, records_dropped;
	int64_t earliest_ns; /* event, from its deadline; 0 where the device means to be early */
	int64_t steal_ticks; /* during the run; -1 unknown */
	uint64_t histogram_overflow;
};

/* Bit d for enum detector d. */
uint32_t detectors_judge(const struct detector_facts *facts);

#endif

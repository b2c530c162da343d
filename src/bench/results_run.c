/* SPDX-License-Identifier: BSD-2-Clause */
/* What one run leaves in a results file: statistics, exits, KVM's counters, the timer thread.
 * Ticks are kept where they are exact; nanoseconds are rounded to integers. */
#include "results.h"

#include "tickvm/clock.h"

#include <math.h>

static json_int_t whole_ns(double ticks)
{
	/* 1e9 ticks: the rounding of clock_ticks_to_ns_f()'s integer argument is lost in the
	 * quotient. */
	return isnan(ticks) ? 0
			    : (json_int_t)llround(ticks * clock_ticks_to_ns_f(1000000000) / 1e9);
}

json_t *results_summary(const struct summary *s)
{
	json_t *json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "n",
		(json_int_t)s->n, "sum_ticks", (json_int_t)s->sum, "mean_ns", whole_ns(s->mean),
		"sd_ns", whole_ns(s->sd), "min_ns", whole_ns((double)s->min), "p50_ns",
		whole_ns((double)s->p50), "p90_ns", whole_ns((double)s->p90), "p99_ns",
		whole_ns((double)s->p99), "p999_ns", whole_ns((double)s->p999), "max_ns",
		whole_ns((double)s->max));

	/* One sample has no interval. */
	json_t *ci99 = s->n > 1 ? json_integer(whole_ns(s->ci99)) : json_null();
	if (json_object_set_new(json, "ci99_ns", ci99) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static int append_bin(json_t *bins, const struct histogram *h, unsigned bucket, bool negative)
{
	json_int_t low = (json_int_t)histogram_bucket_low(bucket);
	json_int_t high = (json_int_t)histogram_bucket_high(bucket);

	if (h->buckets[bucket] == 0)
		return 0;
	return json_array_append_new(
		bins, json_pack("[I, I, I]", negative ? -high : low, negative ? -low : high,
			      (json_int_t)h->buckets[bucket]));
}

json_t *results_histogram(const struct signed_histogram *h)
{
	json_t *bins = json_array();
	int err = 0;

	for (unsigned i = HISTOGRAM_BUCKETS; i-- > 0;)
		err |= append_bin(bins, &h->negative, i, true);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		err |= append_bin(bins, &h->positive, i, false);
	if (err != 0) {
		json_decref(bins);
		return NULL;
	}
	return bins;
}

json_t *results_ticks(const struct histogram *h)
{
	double mean = h->count == 0 ? 0 : (double)h->sum / (double)h->count;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "n", (json_int_t)h->count, "sum_ticks",
		(json_int_t)h->sum, "mean_ns", whole_ns(mean), "p50_ns",
		whole_ns((double)histogram_quantile(h, 0.5)), "p99_ns",
		whole_ns((double)histogram_quantile(h, 0.99)), "max_ns", whole_ns((double)h->max));
}

json_t *results_exits(struct results *results, struct vm *vm, unsigned vcpus)
{
	json_t *exits = json_array();

	for (unsigned vcpu = 0; vcpu < vcpus; vcpu++) {
		size_t n;
		const struct exit_row *rows = exit_stats_rows(vm_exit_stats(vm, vcpu), &n);

		for (size_t i = 0; i < n; i++)
			results_add(results, exits, NULL,
				json_pack("{s:i, s:s, s:I, s:s, s:o, s:o}", "vcpu", (int)vcpu,
					"kind", exit_kind_name(rows[i].kind), "address",
					(json_int_t)rows[i].address, "device", rows[i].device,
					"userspace", results_ticks(&rows[i].time), "model",
					results_ticks(&rows[i].model)));
	}
	return exits;
}

json_t *results_kvm_stats(struct results *results, struct vm *vm)
{
	json_t *stats = json_array();
	size_t n;
	const struct kvm_stat *stat = vm_kvm_stats(vm, &n);

	/* Most of the hundred or so counters never move in so short a run. */
	for (size_t i = 0; i < n; i++) {
		if (stat[i].value != 0)
			results_add(results, stats, NULL,
				json_pack("{s:s, s:i, s:I}", "name", stat[i].name, "vcpu",
					stat[i].vcpu, "value", (json_int_t)stat[i].value));
	}
	return stats;
}

struct counter_rows {
	struct results *results;
	json_t *rows;
};

static void add_device_counter(void *ctx, const struct vm_device_counter *counter)
{
	struct counter_rows *to = ctx;

	if (counter->value != 0)
		results_add(to->results, to->rows, NULL,
			json_pack("{s:s, s:i, s:s, s:I}", "device", counter->device, "vcpu",
				counter->vcpu, "name", counter->name, "value",
				(json_int_t)counter->value));
}

json_t *results_device_counters(struct results *results, struct vm *vm)
{
	struct counter_rows to = {results, json_array()};

	vm_device_counters(vm, add_device_counter, &to);
	return to.rows;
}

json_t *results_timer_thread(struct vm *vm)
{
	const struct timer_thread_stats *t = vm_timer_thread_stats(vm);

	return json_pack("{s:b, s:i, s:b, s:b, s:I, s:I, s:o, s:I, s:I, s:I, s:I}", "fifo", t->fifo,
		"fifo_errno", t->fifo_errno, "locked", t->locked, "dma_latency", t->dma_latency,
		"wakeups", (json_int_t)t->wakeups, "expiries", (json_int_t)t->expiries,
		"wake_error", results_ticks(&t->wake_error), "early", (json_int_t)t->early,
		"spin_ns", (json_int_t)t->spin_ns, "spin_capped", (json_int_t)t->spin_capped,
		"records_dropped", (json_int_t)t->records_dropped);
}

json_t *results_dedicated(struct vm *vm)
{
	struct dedicated_timer_stats d = vm_dedicated_stats(vm);

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "armed",
		(json_int_t)d.armed, "fired", (json_int_t)d.fired, "missed", (json_int_t)d.missed,
		"replaced", (json_int_t)d.replaced, "offered", (json_int_t)d.offered, "held",
		(json_int_t)d.held, "merged", (json_int_t)d.merged, "released_by_cap",
		(json_int_t)d.released_by_cap, "longest_hold_ns", (json_int_t)d.longest_hold,
		"advance_ns", (json_int_t)d.advance_ns, "advance_samples",
		(json_int_t)d.advance_samples, "bad_writes", (json_int_t)d.bad_writes);
}

json_t *results_tsc_offset(struct vm *vm)
{
	struct tsc_offset o = vm_tsc_offset(vm);
	json_t *json = json_pack("{s:b, s:I, s:I}", "verified", o.verified, "offset_ticks",
		(json_int_t)o.offset, "uncertainty_ticks", (json_int_t)o.uncertainty);

	if (!o.verified && json_object_set_new(json, "why", json_string(o.why)) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

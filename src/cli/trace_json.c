/* SPDX-License-Identifier: BSD-2-Clause */
/* One guest's run as JSON, schema tickvm-trace/1 (docs/trace.md): everything the monitor can be
 * asked. Durations are TSC cycles, as measured; tsc_hz converts. It computes no statistics of its
 * own. */
#include "cli.h"
#include "tickvm/clock.h"
#include "tickvm/guest_abi.h"

/* Above INT64_MAX: a string of digits. */
static json_t *json_unsigned(uint64_t value)
{
	char digits[24];
	if (value <= INT64_MAX)
		return json_integer((json_int_t)value);
	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	return json_string(digits);
}

static json_t *histogram_json(const struct histogram *h)
{
	if (h->count == 0)
		return json_pack("{s:i}", "count", 0);
	json_t *buckets = json_array();
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (h->buckets[i] != 0)
			json_array_append_new(
				buckets, json_pack("[o, I]", json_unsigned(histogram_bucket_low(i)),
						 (json_int_t)h->buckets[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "count",
		json_unsigned(h->count), "sum", json_unsigned(h->sum), "min", json_unsigned(h->min),
		"mean", json_unsigned(h->sum / h->count), "p50",
		json_unsigned(histogram_quantile(h, 0.5)), "p90",
		json_unsigned(histogram_quantile(h, 0.9)), "p99",
		json_unsigned(histogram_quantile(h, 0.99)), "max", json_unsigned(h->max), "buckets",
		buckets);
}

static json_t *exits_json(struct exit_stats *stats)
{
	size_t n;
	const struct exit_row *rows = exit_stats_rows(stats, &n);
	json_t *exits = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(exits,
			json_pack("{s:s, s:o, s:s, s:o, s:o}", "exit", exit_kind_name(rows[i].kind),
				"address", json_unsigned(rows[i].address), "device", rows[i].device,
				"time", histogram_json(&rows[i].time), "model",
				histogram_json(&rows[i].model)));
	return exits;
}

static json_t *vcpus_json(struct vm *vm, unsigned vcpus)
{
	json_t *all = json_array();
	for (unsigned i = 0; i < vcpus; i++) {
		struct trace_ring *ring = vm_trace(vm, i);
		json_array_append_new(
			all, json_pack("{s:o, s:o}", "exits", exits_json(vm_exit_stats(vm, i)),
				     "events_dropped",
				     json_unsigned(ring != NULL ? trace_ring_dropped(ring) : 0)));
	}
	return all;
}

static json_t *kvm_stats_json(struct vm *vm)
{
	size_t n;
	const struct kvm_stat *stats = vm_kvm_stats(vm, &n);
	json_t *all = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			all, json_pack("{s:s, s:i, s:o}", "name", stats[i].name, "vcpu",
				     stats[i].vcpu, "value", json_unsigned(stats[i].value)));
	return all;
}

static void add_device_counter(void *ctx, const struct vm_device_counter *counter)
{
	json_array_append_new(ctx,
		json_pack("{s:s, s:i, s:s, s:o}", "device", counter->device, "vcpu", counter->vcpu,
			"name", counter->name, "value", json_unsigned(counter->value)));
}

static json_t *device_counters_json(struct vm *vm)
{
	json_t *all = json_array();
	vm_device_counters(vm, add_device_counter, all);
	return all;
}

static json_t *timer_thread_json(struct vm *vm)
{
	const struct timer_thread_stats *s = vm_timer_thread_stats(vm);
	if (s == NULL)
		return json_null();
	return json_pack("{s:b, s:i, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "fifo", s->fifo,
		"fifo_errno", s->fifo_errno, "memory_locked", s->locked, "cpu_dma_latency_held",
		s->dma_latency, "wakeups", json_unsigned(s->wakeups), "expiries",
		json_unsigned(s->expiries), "early", json_unsigned(s->early), "spin_capped",
		json_unsigned(s->spin_capped), "spin_ns", json_unsigned(s->spin_ns), "wake_error",
		histogram_json(&s->wake_error));
}

static json_t *dedicated_json(struct vm *vm)
{
	struct dedicated_timer_stats s = vm_dedicated_stats(vm);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "armed",
		json_unsigned(s.armed), "fired", json_unsigned(s.fired), "missed",
		json_unsigned(s.missed), "replaced", json_unsigned(s.replaced), "held",
		json_unsigned(s.held), "released_by_cap", json_unsigned(s.released_by_cap),
		"longest_hold_ns", json_unsigned(s.longest_hold), "advance_ns",
		json_unsigned(s.advance_ns), "advance_samples", json_unsigned(s.advance_samples),
		"bad_writes", json_unsigned(s.bad_writes));
}

static json_t *disk_json(struct vm *vm)
{
	struct vm_disk_stats s = vm_disk_stats(vm);
	if (!s.present)
		return json_null();
	return json_pack("{s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "io_uring",
		s.io_uring, "direct", s.direct, "reads", json_unsigned(s.reads), "writes",
		json_unsigned(s.writes), "flushes", json_unsigned(s.flushes), "bytes_read",
		json_unsigned(s.bytes_read), "bytes_written", json_unsigned(s.bytes_written),
		"failed", json_unsigned(s.failed), "interrupts", json_unsigned(s.interrupts),
		"broken", json_unsigned(s.broken), "most_in_flight",
		json_unsigned(s.most_in_flight));
}

static json_t *startup_json(struct vm *vm)
{
	struct vm_startup s = vm_startup(vm);
	return json_pack("{s:o, s:o, s:o, s:o}", "create_tsc", json_unsigned(s.create_tsc),
		"first_entry_tsc", json_unsigned(s.first_entry_tsc), "guest_first_tsc",
		json_unsigned(s.guest_first_tsc), "end_tsc", json_unsigned(s.end_tsc));
}

static json_t *offset_json(struct vm *vm)
{
	struct tsc_offset o = vm_tsc_offset(vm);
	return json_pack("{s:b, s:I, s:o, s:s}", "verified", o.verified, "offset",
		(json_int_t)o.offset, "uncertainty", json_unsigned(o.uncertainty), "why", o.why);
}

/* What the payload says of itself; null for other guests. */
static json_t *guest_json(struct vm *vm)
{
	static const char *const names[] = GUEST_EXIT_NAMES;
	const struct guest_result *r = vm_guest_result(vm);
	if (r == NULL)
		return json_null();
	json_t *done = json_object();
	for (int i = 0; i < GUEST_EXIT_KINDS; i++)
		json_object_set_new(done, names[i], json_unsigned(r->done[i]));
	return json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "test", json_text(r->test),
		"status", (int)r->status, "message", json_text(r->message), "missed",
		json_unsigned(r->missed), "spurious", json_unsigned(r->spurious), "record_count",
		json_unsigned(r->record_count), "done", done);
}

static const char *const end_names[] = {
	[VM_END_EXIT] = "exit",
	[VM_END_TIMEOUT] = "timeout",
	[VM_END_CRASH] = "crash",
	[VM_END_STOPPED] = "stopped",
	[VM_END_ERROR] = "error",
};

json_t *trace_json(const struct launch *launch, const struct options *options)
{
	struct vm *vm = launch->vm;
	const struct vm_outcome *outcome = &launch->outcome;
	struct host_facts facts;
	host_facts_read(&facts);
	json_t *status = outcome->end == VM_END_EXIT ? json_integer(outcome->status) : json_null();
	json_t *outcome_json = json_pack("{s:s, s:o, s:i, s:o}", "end", end_names[outcome->end],
		"guest_status", status, "exit_status", launch->status, "report",
		json_text(outcome->report));
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o}",
		"schema", "tickvm-trace/1", "version", TICKVM_VERSION, "command_line",
		json_text(launch->command_line), "host", facts_json(&facts), "machine",
		machine_json(&options->machine), "outcome", outcome_json, "tsc_hz",
		json_unsigned(clock_tsc_hz()), "startup", startup_json(vm), "tsc_offset",
		offset_json(vm), "vcpus", vcpus_json(vm, options->machine.vcpus), "kvm_stats",
		kvm_stats_json(vm), "device_counters", device_counters_json(vm), "timer_thread",
		timer_thread_json(vm), "dedicated_timer", dedicated_json(vm), "disk", disk_json(vm),
		"coalesced", json_unsigned(vm_coalesced(vm)), "guest", guest_json(vm));
}

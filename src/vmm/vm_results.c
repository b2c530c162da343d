/* SPDX-License-Identifier: BSD-2-Clause */
/* What a finished run left behind, checked: a guest wrote the result block and may have written
 * anything. It interprets no experiment. */
#include "vm_internal.h"

#include <stdio.h>
#include <string.h>

const void *vm_guest_memory(struct vm *vm, uint64_t gpa, uint64_t len)
{
	return memory_at(&vm->memory, gpa, len);
}

static bool terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

const struct guest_result *vm_guest_result(struct vm *vm)
{
	const struct guest_result *r = memory_at(&vm->memory, GUEST_RESULT_GPA, sizeof(*r));

	if (!r || r->magic != GUEST_RESULT_MAGIC || r->version != GUEST_ABI_VERSION ||
		r->size != sizeof(*r) || r->status > GUEST_UNAVAILABLE)
		return NULL;
	if (!terminated(r->test, sizeof(r->test)) || !terminated(r->message, sizeof(r->message)))
		return NULL;
	return r;
}

const void *vm_guest_records(
	struct vm *vm, const struct guest_result *result, size_t record_size, size_t *n)
{
	const void *records = NULL;

	*n = 0;
	if (result->record_size != record_size || result->record_gpa % 8)
		return NULL;
	records = memory_at(
		&vm->memory, result->record_gpa, (uint64_t)result->record_count * record_size);
	if (records)
		*n = result->record_count;
	return records;
}

struct exit_stats *vm_exit_stats(struct vm *vm, unsigned vcpu)
{
	return vcpu < vm->config.vcpus ? vm->vcpus[vcpu].stats : NULL;
}

struct trace_ring *vm_trace(struct vm *vm, unsigned vcpu)
{
	return vcpu < vm->config.vcpus ? vm->vcpus[vcpu].ring : NULL;
}

const struct host_events *vm_host_events(struct vm *vm)
{
	return host_recorder_events(vm->host);
}

const struct kvm_stat *vm_kvm_stats(struct vm *vm, size_t *n)
{
	return kvm_stats_get(vm->kvm_stats, n);
}

const struct timer_record *vm_timer_records(struct vm *vm, size_t *n)
{
	*n = vm->record_count;
	return vm->records;
}

const struct vm_signal *vm_signals(struct vm *vm, size_t *n, size_t *dropped)
{
	*n = vm->signal_count;
	if (dropped)
		*dropped = vm->signals_dropped;
	return vm->signals;
}

const struct timer_thread_stats *vm_timer_thread_stats(struct vm *vm)
{
	vm->timer_stats = *timer_thread_stats(vm->timers);
	vm->timer_stats.records_dropped = vm->records_dropped;
	return &vm->timer_stats;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct dedicated_timer_stats vm_dedicated_stats(struct vm *vm)
{
	struct dedicated_timer_stats sum = {0};

	for (unsigned i = 0; i < vm->config.vcpus; i++) {
		struct dedicated_timer_stats one = dedicated_timer_stats(vm->dedicated[i].timer);

		sum.armed += one.armed;
		sum.fired += one.fired;
		sum.missed += one.missed;
		sum.replaced += one.replaced;
		sum.offered += one.offered;
		sum.held += one.held;
		sum.merged += one.merged;
		sum.waiting += one.waiting;
		sum.released += one.released;
		sum.released_by_cap += one.released_by_cap;
		sum.longest_hold = larger(sum.longest_hold, one.longest_hold);
		sum.advance_ns = larger(sum.advance_ns, one.advance_ns);
		sum.advance_samples += one.advance_samples;
		sum.bad_writes += one.bad_writes;
	}
	return sum;
}

struct vm_disk_stats vm_disk_stats(struct vm *vm)
{
	struct virtio_blk_stats model;
	struct disk_stats disk;

	if (!vm->blk)
		return (struct vm_disk_stats){.present = false};
	model = virtio_blk_stats(vm->blk);
	disk = disk_stats(vm->disk);
	return (struct vm_disk_stats){
		.present = true,
		.io_uring = disk.io_uring,
		.direct = disk.direct,
		.reads = model.requests[VIRTIO_BLK_READ],
		.writes = model.requests[VIRTIO_BLK_WRITE],
		.flushes = model.requests[VIRTIO_BLK_FLUSH],
		.bytes_read = model.bytes_read,
		.bytes_written = model.bytes_written,
		.failed = model.failed,
		.interrupts = model.interrupts,
		.broken = model.broken,
		.most_in_flight = disk.most_in_flight,
	};
}

int vm_serial_errno(struct vm *vm)
{
	return vm->serial_errno;
}

uint64_t vm_irq_load_raised(struct vm *vm)
{
	return vm->irq_load ? irq_load_ticks(vm->irq_load) : 0;
}

uint64_t vm_irq_load_missed(struct vm *vm)
{
	return vm->irq_load ? irq_load_missed(vm->irq_load) : 0;
}

static void add_coalesced(void *ctx, const struct vm_device_counter *counter)
{
	uint64_t *sum = ctx;

	if (!strcmp(counter->name, "coalesced"))
		*sum += counter->value;
}

uint64_t vm_coalesced(struct vm *vm)
{
	uint64_t sum = 0;

	vm_device_counters(vm, add_coalesced, &sum);
	return sum;
}

/* ---- the guest's TSC against the host's ---- */

struct bounds {
	int64_t low, high; /* guest - host lies in [low, high] */
	unsigned rounds;
};

/* Each round: the host's stamp fell between the guest's two readings. A stamp on the VM's clock is
 * good to 1 ns. */
static struct bounds sync_bounds(
	const struct vm *vm, const struct guest_sync *sync, const nsec_t *stamps, unsigned n)
{
	struct bounds b = {.low = INT64_MIN, .high = INT64_MAX};
	uint64_t ns_ticks = vm->clock.hz / 1000000000 + 1;

	for (unsigned i = 0; i < n; i++) {
		/* Unsigned until the end: the guest may have written any stamps. */
		uint64_t host = vm_clock_to_tsc(&vm->clock, stamps[i]);
		int64_t low = (int64_t)(sync[i].before - host - ns_ticks);
		int64_t high = (int64_t)(sync[i].after - host + ns_ticks);

		if (!sync[i].before || sync[i].after < sync[i].before)
			continue;
		b.rounds++;
		if (low > b.low)
			b.low = low;
		if (high < b.high)
			b.high = high;
	}
	return b;
}

/* Half of high - low, which may exceed INT64_MAX. */
static uint64_t half_width(const struct bounds *b)
{
	return ((uint64_t)b->high - (uint64_t)b->low) / 2;
}

static bool admits(const struct bounds *b, int64_t offset)
{
	return b->rounds && b->low <= offset && offset <= b->high;
}

static struct tsc_offset unverified(const char *why)
{
	struct tsc_offset o = {.verified = false};

	snprintf(o.why, sizeof(o.why), "%s", why);
	return o;
}

struct tsc_offset vm_tsc_offset(struct vm *vm)
{
	const struct guest_result *r = vm_guest_result(vm);
	struct tsc_offset o = {.verified = true};
	struct bounds begin, end;
	const nsec_t *stamps;
	unsigned n;

	if (!r)
		return unverified("the guest left no result block");
	stamps = sync_port_stamps(vm->sync, &n);
	if (n != 2 * GUEST_SYNC_ROUNDS)
		return unverified("the guest did not write its synchronisation stamps");
	begin = sync_bounds(vm, r->sync_begin, stamps, GUEST_SYNC_ROUNDS);
	end = sync_bounds(vm, r->sync_end, stamps + GUEST_SYNC_ROUNDS, GUEST_SYNC_ROUNDS);
	/* 0 is what we asked KVM for; where it had no say, the middle of what both ends admit. */
	if (admits(&begin, 0) && admits(&end, 0)) {
		if (!vm->tsc_offset_known)
			o.uncertainty = half_width(&begin);
		return o;
	}
	begin.low = begin.low > end.low ? begin.low : end.low;
	begin.high = begin.high < end.high ? begin.high : end.high;
	if (!begin.rounds || !end.rounds || begin.low > begin.high)
		return unverified("the guest's TSC drifted against the host's during the run");
	o.uncertainty = half_width(&begin);
	o.offset = begin.low + (int64_t)o.uncertainty;
	return o;
}

struct vm_startup vm_startup(struct vm *vm)
{
	const struct guest_result *r = vm_guest_result(vm);
	struct tsc_offset offset = vm_tsc_offset(vm);

	if (r && r->first_tsc && offset.verified)
		vm->startup.guest_first_tsc = r->first_tsc - (uint64_t)offset.offset;
	return vm->startup;
}

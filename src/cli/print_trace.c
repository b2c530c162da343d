/* SPDX-License-Identifier: BSD-2-Clause */
/* The page of a trace: exits with perf kvm stat's columns and one for the device model, totals,
 * then KVM's own counters. It only shows; time is what passed in userspace, from KVM_RUN's return
 * to the next KVM_RUN. */
#include "cli.h"
#include "tickvm/clock.h"

#include <inttypes.h>
#include <string.h>

static double microseconds(uint64_t ticks)
{
	return (double)ticks * 1e6 / (double)clock_tsc_hz();
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

static void exit_label(char *label, size_t size, const struct exit_row *row)
{
	const char *name = exit_kind_name(row->kind);
	if (row->kind == EXIT_KIND_OTHER && row->address == UINT64_MAX)
		snprintf(label, size, "(table full)");
	else if (row->kind == EXIT_KIND_OTHER)
		snprintf(label, size, "%s %" PRIu64, name, row->address);
	else if (row->address != 0)
		snprintf(label, size, "%s 0x%" PRIx64, name, row->address);
	else
		snprintf(label, size, "%s", name);
}

static void say_row(struct table *table, const char *label, const struct histogram *time,
	uint64_t samples, uint64_t ticks, const char *device)
{
	double average = time->count == 0 ? 0 : microseconds(time->sum) / (double)time->count;
	table_cell(table, "%s", label);
	table_cell(table, "%" PRIu64, time->count);
	table_cell(table, "%.2f", percent(time->count, samples));
	table_cell(table, "%.2f", percent(time->sum, ticks));
	table_cell(table, "%.2f", microseconds(time->count == 0 ? 0 : time->min));
	table_cell(table, "%.2f", microseconds(time->max));
	table_cell(table, "%.2f", average);
	table_cell(table, "%s", device);
}

/* name: of the table; title: of its section. */
static void say_exits(
	struct page *page, const char *name, const char *title, struct exit_stats *stats)
{
	static const char *const titles[] = {
		"EXIT", "Samples", "Samples%", "Time%", "Min us", "Max us", "Avg us", "DEVICE"};
	size_t n;
	const struct exit_row *rows = exit_stats_rows(stats, &n);
	struct histogram total;
	histogram_reset(&total);
	for (size_t i = 0; i < n; i++)
		histogram_merge(&total, &rows[i].time);
	page_heading(page, "%s", title);
	struct table *table = page_table(page, name, "lrrrrrrl", titles);
	for (size_t i = 0; i < n; i++) {
		char label[40];
		exit_label(label, sizeof(label), &rows[i]);
		say_row(table, label, &rows[i].time, total.count, total.sum, rows[i].device);
	}
	say_row(table, "total", &total, total.count, total.sum, "");
	page_note(page, "Total exits: %" PRIu64 ", total time in userspace: %.2f us", total.count,
		microseconds(total.sum));
}

/* Counters of the same name are added over the vCPUs, unless wanted one by one. */
static void say_kvm_stats(
	struct page *page, const char *name, const char *title, struct vm *vm, int vcpu)
{
	static const char *const titles[] = {"COUNTER", "Value", "OF"};
	size_t n;
	const struct kvm_stat *stats = vm_kvm_stats(vm, &n);
	page_heading(page, "%s", title);
	struct table *table = page_table(page, name, "lrl", titles);
	for (size_t i = 0; i < n; i++) {
		bool first = stats[i].vcpu >= 0;
		uint64_t sum = 0;
		if (vcpu >= 0 ? stats[i].vcpu != vcpu : stats[i].vcpu > 0)
			continue;
		for (size_t j = i; j < n; j++)
			if (strcmp(stats[i].name, stats[j].name) == 0 &&
				(stats[j].vcpu >= 0) == first && (vcpu < 0 || j == i))
				sum += stats[j].value;
		if (sum == 0)
			continue;
		table_cell(table, "%s", stats[i].name);
		table_cell(table, "%" PRIu64, sum);
		table_cell(table, "%s", first ? "vCPU" : "VM");
	}
}

static void say_vcpu(struct page *page, struct vm *vm, unsigned vcpu)
{
	char name[32], title[64];
	snprintf(name, sizeof(name), "exits-%u", vcpu);
	snprintf(title, sizeof(title), "vCPU %u: exits to userspace", vcpu);
	say_exits(page, name, title, vm_exit_stats(vm, vcpu));
	snprintf(name, sizeof(name), "kvm-%u", vcpu);
	snprintf(title, sizeof(title), "vCPU %u: KVM's own counters", vcpu);
	say_kvm_stats(page, name, title, vm, (int)vcpu);
}

static void say_disk(struct page *page, struct vm *vm)
{
	struct vm_disk_stats s = vm_disk_stats(vm);
	if (!s.present)
		return;
	page_note(page,
		"Disk: %" PRIu64 " reads (%" PRIu64 " bytes), %" PRIu64 " writes (%" PRIu64
		" bytes), %" PRIu64 " flushes; %" PRIu64 " interrupts, %" PRIu64 " errors",
		s.reads, s.bytes_read, s.writes, s.bytes_written, s.flushes, s.interrupts,
		s.failed);
	if (s.broken != 0)
		page_note(page, "Disk: the guest broke its ring, times: %" PRIu64, s.broken);
}

struct counters_said {
	struct page *page;
	struct table *table; /* NULL: none has moved so far */
};

static struct table *counters_table(struct counters_said *said)
{
	static const char *const titles[] = {"DEVICE", "COUNTER", "Value", "OF"};
	if (said->table == NULL) {
		page_heading(said->page, "The device models' own counters");
		said->table = page_table(said->page, "devices", "llrl", titles);
	}
	return said->table;
}

/* Those that did not move are left out. */
static void say_device_counter(void *ctx, const struct vm_device_counter *counter)
{
	if (counter->value == 0)
		return;
	struct table *table = counters_table(ctx);
	table_cell(table, "%s", counter->device);
	table_cell(table, "%s", counter->name);
	table_cell(table, "%" PRIu64, counter->value);
	if (counter->vcpu < 0)
		table_cell(table, "VM");
	else
		table_cell(table, "vCPU %d", counter->vcpu);
}

struct page *trace_page(struct vm *vm, unsigned vcpus, bool per_vcpu)
{
	struct page *page = page_create();
	struct exit_stats *all = exit_stats_create();
	for (unsigned i = 0; i < vcpus; i++) {
		if (per_vcpu)
			say_vcpu(page, vm, i);
		if (all != NULL)
			exit_stats_merge(all, vm_exit_stats(vm, i));
	}
	if (all != NULL)
		say_exits(page, "exits", "All vCPUs: exits to userspace", all);
	exit_stats_destroy(all);
	say_disk(page, vm);
	vm_device_counters(vm, say_device_counter, &(struct counters_said){.page = page});
	say_kvm_stats(page, "kvm", "KVM's own counters, exits that the kernel handled among them",
		vm, -1);
	return page;
}

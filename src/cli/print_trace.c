/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of exits: perf kvm stat's columns and one for the device model, totals, then KVM's own
 * counters. It only prints; time is what passed in userspace, from KVM_RUN's return to the next
 * KVM_RUN. */
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

static void print_row(FILE *out, const char *label, const struct histogram *time, uint64_t samples,
	uint64_t ticks, const char *device)
{
	double average = time->count == 0 ? 0 : microseconds(time->sum) / (double)time->count;
	fprintf(out, "%-24s %10" PRIu64 " %8.2f%% %8.2f%% %10.2fus %10.2fus %10.2fus  %s\n", label,
		time->count, percent(time->count, samples), percent(time->sum, ticks),
		microseconds(time->count == 0 ? 0 : time->min), microseconds(time->max), average,
		device);
}

static void print_exits(FILE *out, const char *title, struct exit_stats *stats)
{
	size_t n;
	const struct exit_row *rows = exit_stats_rows(stats, &n);
	struct histogram total;
	histogram_reset(&total);
	for (size_t i = 0; i < n; i++)
		histogram_merge(&total, &rows[i].time);
	fprintf(out, "%s\n\n%-24s %10s %9s %9s %12s %12s %12s  %s\n", title, "EXIT", "Samples",
		"Samples%", "Time%", "Min", "Max", "Avg", "DEVICE");
	for (size_t i = 0; i < n; i++) {
		char label[40];
		exit_label(label, sizeof(label), &rows[i]);
		print_row(out, label, &rows[i].time, total.count, total.sum, rows[i].device);
	}
	print_row(out, "total", &total, total.count, total.sum, "");
	fprintf(out, "\nTotal exits: %" PRIu64 ", total time in userspace: %.2fus\n\n", total.count,
		microseconds(total.sum));
}

/* Counters of the same name are added over the vCPUs, unless wanted one by one. */
static void print_kvm_stats(FILE *out, struct vm *vm, int vcpu)
{
	size_t n;
	const struct kvm_stat *stats = vm_kvm_stats(vm, &n);
	for (size_t i = 0; i < n; i++) {
		bool first = stats[i].vcpu >= 0;
		uint64_t sum = 0;
		if (vcpu >= 0 ? stats[i].vcpu != vcpu : stats[i].vcpu > 0)
			continue;
		for (size_t j = i; j < n; j++)
			if (strcmp(stats[i].name, stats[j].name) == 0 &&
				(stats[j].vcpu >= 0) == first && (vcpu < 0 || j == i))
				sum += stats[j].value;
		if (sum != 0)
			fprintf(out, "  %-34s %14" PRIu64 "%s\n", stats[i].name, sum,
				first ? "" : "  (VM)");
	}
}

void print_trace(FILE *out, struct vm *vm, unsigned vcpus, bool per_vcpu)
{
	struct exit_stats *all = exit_stats_create();
	for (unsigned i = 0; i < vcpus; i++) {
		char title[64];
		snprintf(title, sizeof(title), "vCPU %u: exits to userspace", i);
		if (per_vcpu)
			print_exits(out, title, vm_exit_stats(vm, i));
		if (all != NULL)
			exit_stats_merge(all, vm_exit_stats(vm, i));
	}
	if (all != NULL)
		print_exits(out, "All vCPUs: exits to userspace", all);
	exit_stats_destroy(all);
	for (unsigned i = 0; per_vcpu && i < vcpus; i++) {
		fprintf(out, "vCPU %u: KVM's own counters\n\n", i);
		print_kvm_stats(out, vm, (int)i);
		fputc('\n', out);
	}
	fprintf(out, "KVM's own counters, exits that the kernel handled among them\n\n");
	print_kvm_stats(out, vm, -1);
}

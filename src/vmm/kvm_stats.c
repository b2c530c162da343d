/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads KVM's binary statistics twice and keeps the difference. KVM API 4.133.
 * It interprets no counter: names and values are passed on as KVM gives them. */
#include "kvm_stats.h"
#include "kvm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* KVM has some 60 counters under names of 48 bytes; beyond these limits it is not KVM that speaks.
 */
#define DESC_MAX       4096u
#define NAME_MAX_BYTES 256u

static const char *const counter_names[] = {
	[VM_KVM_EXITS] = "exits",
	[VM_KVM_INSN_EMULATION] = "insn_emulation",
	[VM_KVM_HALT_EXITS] = "halt_exits",
	[VM_KVM_HALT_WAKEUP] = "halt_wakeup",
	[VM_KVM_IRQ_INJECTIONS] = "irq_injections",
	[VM_KVM_HYPERCALLS] = "hypercalls",
	[VM_KVM_PF_TAKEN] = "pf_taken",
	[VM_KVM_PF_FIXED] = "pf_fixed",
	[VM_KVM_PF_EMULATE] = "pf_emulate",
	[VM_KVM_TLB_FLUSH] = "tlb_flush",
};
_Static_assert(sizeof(counter_names) / sizeof(counter_names[0]) == VM_KVM_COUNTERS, "one each");

const char *vm_kvm_counter_name(enum vm_kvm_counter counter)
{
	return (unsigned)counter < VM_KVM_COUNTERS ? counter_names[counter] : "unknown";
}

/* One statistics fd. */
struct source {
	int fd, vcpu;
	struct kvm_stats_item *items;
	size_t count;
	uint32_t data_offset;
	size_t data_len;        /* bytes, to the end of the last item; never 0 */
	uint64_t *before, *now; /* data_len bytes each */
	bool before_ok;
	size_t counter[VM_KVM_COUNTERS]; /* index into now; NOWHERE */
};
#define NOWHERE SIZE_MAX

struct kvm_stats {
	struct source *sources;
	size_t count;
	struct kvm_stat *result;
	size_t result_count, result_capacity;
};

static bool is_scalar(const struct kvm_stats_desc *desc)
{
	uint32_t type = desc->flags & KVM_STATS_TYPE_MASK;

	return desc->size == 1 &&
	       (type == KVM_STATS_TYPE_CUMULATIVE || type == KVM_STATS_TYPE_INSTANT ||
		       type == KVM_STATS_TYPE_PEAK);
}

int kvm_stats_parse(const struct kvm_stats_header *header, const void *block, size_t len,
	struct kvm_stats_item *items)
{
	size_t stride = sizeof(struct kvm_stats_desc) + header->name_size;
	int count = 0;

	if (header->name_size == 0 || header->name_size > NAME_MAX_BYTES ||
		header->num_desc > DESC_MAX || len / stride < header->num_desc)
		return -EINVAL;
	for (uint32_t i = 0; i < header->num_desc; i++) {
		const char *at = (const char *)block + i * stride;
		struct kvm_stats_item *item = &items[count];
		struct kvm_stats_desc desc;

		memcpy(&desc, at, sizeof(desc));
		if (!is_scalar(&desc))
			continue;
		if (desc.offset % sizeof(uint64_t) != 0)
			return -EINVAL;
		snprintf(item->name, sizeof(item->name), "%.*s", (int)header->name_size,
			at + sizeof(desc));
		item->cumulative = (desc.flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_CUMULATIVE;
		item->offset = desc.offset;
		count++;
	}
	return count;
}

static int read_at(int fd, void *buffer, size_t len, off_t offset)
{
	for (char *at = buffer; len > 0;) {
		ssize_t n = pread(fd, at, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		len -= (size_t)n;
		offset += n;
	}
	return 0;
}

static int read_descriptors(struct source *source, const struct kvm_stats_header *header)
{
	size_t len = header->num_desc * (sizeof(struct kvm_stats_desc) + header->name_size);
	void *block = malloc(len);
	int err = -ENOMEM;

	source->items = calloc(header->num_desc, sizeof(*source->items));
	if (block != NULL && source->items != NULL)
		err = read_at(source->fd, block, len, header->desc_offset);
	if (err == 0)
		err = kvm_stats_parse(header, block, len, source->items);
	free(block);
	if (err < 0)
		return err;
	source->count = (size_t)err;
	return 0;
}

static size_t find_counter(const struct source *source, const char *name)
{
	for (size_t i = 0; i < source->count; i++) {
		if (strcmp(source->items[i].name, name) == 0)
			return source->items[i].offset / sizeof(uint64_t);
	}
	return NOWHERE;
}

static int source_open(struct source *source)
{
	struct kvm_stats_header header;
	int err = read_at(source->fd, &header, sizeof(header), 0);

	if (err == 0 && (header.num_desc == 0 || header.num_desc > DESC_MAX ||
				header.name_size > NAME_MAX_BYTES))
		err = -EINVAL;
	if (err == 0)
		err = read_descriptors(source, &header);
	if (err != 0)
		return err;
	source->data_offset = header.data_offset;
	source->data_len = sizeof(uint64_t);
	for (size_t i = 0; i < source->count; i++) {
		size_t end = (size_t)source->items[i].offset + sizeof(uint64_t);

		source->data_len = end > source->data_len ? end : source->data_len;
	}
	for (unsigned i = 0; i < VM_KVM_COUNTERS; i++)
		source->counter[i] = find_counter(source, counter_names[i]);
	source->before = calloc(1, source->data_len);
	source->now = calloc(1, source->data_len);
	return source->before != NULL && source->now != NULL ? 0 : -ENOMEM;
}

static void source_close(struct source *source)
{
	close(source->fd);
	free(source->items);
	free(source->before);
	free(source->now);
}

struct kvm_stats *kvm_stats_create(void)
{
	return calloc(1, sizeof(struct kvm_stats));
}

/* Room for one source more, and for its results: nothing is allocated once the guest runs. */
static int reserve(struct kvm_stats *stats, size_t results)
{
	struct source *sources =
		realloc(stats->sources, (stats->count + 1) * sizeof(*stats->sources));

	if (sources == NULL)
		return -ENOMEM;
	stats->sources = sources;
	size_t capacity = stats->result_capacity + results;
	struct kvm_stat *result = realloc(stats->result, capacity * sizeof(*result));
	if (result == NULL)
		return -ENOMEM;
	stats->result = result;
	stats->result_capacity = capacity;
	return 0;
}

int kvm_stats_add(struct kvm_stats *stats, int fd, int vcpu, struct diag *diag)
{
	struct source source = {.fd = ioctl(fd, KVM_GET_STATS_FD, NULL), .vcpu = vcpu};

	if (source.fd < 0 && (errno == ENOTTY || errno == EINVAL))
		return diag_set(diag, -ENOTSUP,
			"this kernel's KVM has no KVM_GET_STATS_FD (Linux 5.14 has): exits "
			"handled in the kernel are not counted");
	if (source.fd < 0)
		return kvm_failed(diag, "KVM_GET_STATS_FD");
	int err = source_open(&source);
	if (err == 0)
		err = reserve(stats, source.count);
	if (err != 0) {
		source_close(&source);
		return diag_set(diag, err, "KVM's statistics cannot be read: %s", strerror(-err));
	}
	stats->sources[stats->count++] = source;
	return 0;
}

static bool source_read(const struct source *source, uint64_t *data)
{
	return read_at(source->fd, data, source->data_len, source->data_offset) == 0;
}

void kvm_stats_before(struct kvm_stats *stats)
{
	for (size_t i = 0; i < stats->count; i++) {
		struct source *source = &stats->sources[i];

		source->before_ok = source_read(source, source->before);
	}
}

static struct kvm_stat item_value(const struct source *source, const struct kvm_stats_item *item)
{
	size_t index = item->offset / sizeof(uint64_t);
	struct kvm_stat stat = {.vcpu = source->vcpu, .value = source->now[index]};

	memcpy(stat.name, item->name, sizeof(stat.name));
	if (item->cumulative)
		stat.value -= source->before[index];
	return stat;
}

void kvm_stats_after(struct kvm_stats *stats)
{
	stats->result_count = 0;
	for (size_t i = 0; i < stats->count; i++) {
		struct source *source = &stats->sources[i];

		if (!source->before_ok || !source_read(source, source->now))
			continue;
		for (size_t k = 0; k < source->count; k++)
			stats->result[stats->result_count++] =
				item_value(source, &source->items[k]);
	}
}

const struct kvm_stat *kvm_stats_get(const struct kvm_stats *stats, size_t *n)
{
	*n = stats->result_count;
	return stats->result;
}

static void add_counters(const struct source *source, uint64_t counters[VM_KVM_COUNTERS])
{
	bool read = source_read(source, source->now);

	for (unsigned i = 0; i < VM_KVM_COUNTERS; i++) {
		if (!read || source->counter[i] == NOWHERE || counters[i] == UINT64_MAX)
			counters[i] = UINT64_MAX;
		else
			counters[i] += source->now[source->counter[i]];
	}
}

void kvm_stats_counters(const struct kvm_stats *stats, uint64_t counters[VM_KVM_COUNTERS])
{
	bool any = false;

	memset(counters, 0, VM_KVM_COUNTERS * sizeof(*counters));
	for (size_t i = 0; i < stats->count; i++) {
		if (stats->sources[i].vcpu < 0)
			continue;
		add_counters(&stats->sources[i], counters);
		any = true;
	}
	for (unsigned i = 0; i < VM_KVM_COUNTERS && !any; i++)
		counters[i] = UINT64_MAX;
}

void kvm_stats_destroy(struct kvm_stats *stats)
{
	if (stats == NULL)
		return;
	for (size_t i = 0; i < stats->count; i++)
		source_close(&stats->sources[i]);
	free(stats->sources);
	free(stats->result);
	free(stats);
}

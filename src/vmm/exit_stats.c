/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's exits by (kind, address, device): a fixed open-addressing table over sparse rows.
 * It reads no clock and prints nothing; times are the caller's TSC ticks. */
#include "tickvm/exit_stats.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLOT_BITS 10
#define SLOTS     (1u << SLOT_BITS)

_Static_assert(SLOTS >= 3 * (EXIT_STATS_ROWS + 1), "probe sequences stay short");

/* The key of the one row more, where whatever finds no room is counted. */
static const char table_full[] = "table-full";

struct exit_stats {
	struct exit_row *last; /* most exits repeat the one before; NULL or any row */
	struct exit_row *rows; /* EXIT_STATS_ROWS + 1, zero pages until used */
	size_t count;
	uint16_t slots[SLOTS]; /* index into rows + 1; 0: empty */
};

static const size_t rows_bytes = (EXIT_STATS_ROWS + 1) * sizeof(struct exit_row);

static const char *const kind_names[] = {
	[EXIT_KIND_PIO_IN] = "pio-in",
	[EXIT_KIND_PIO_OUT] = "pio-out",
	[EXIT_KIND_MMIO_READ] = "mmio-read",
	[EXIT_KIND_MMIO_WRITE] = "mmio-write",
	[EXIT_KIND_RDMSR] = "rdmsr",
	[EXIT_KIND_WRMSR] = "wrmsr",
	[EXIT_KIND_HLT] = "hlt",
	[EXIT_KIND_IRQ_WINDOW] = "irq-window",
	[EXIT_KIND_IOAPIC_EOI] = "ioapic-eoi",
	[EXIT_KIND_TPR_ACCESS] = "tpr-access",
	[EXIT_KIND_HYPERCALL] = "hypercall",
	[EXIT_KIND_KICK] = "kick",
	[EXIT_KIND_SHUTDOWN] = "shutdown",
	[EXIT_KIND_SYSTEM_EVENT] = "system-event",
	[EXIT_KIND_INTERNAL_ERROR] = "internal-error",
	[EXIT_KIND_FAIL_ENTRY] = "fail-entry",
	[EXIT_KIND_OTHER] = "other",
};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == EXIT_KINDS, "a name for every kind");

const char *exit_kind_name(enum exit_kind kind)
{
	return (unsigned)kind < EXIT_KINDS ? kind_names[kind] : "invalid";
}

/* Straight from mmap and never in huge pages: 4 MB of which a run touches some dozens of kilobytes.
 * calloc() may hand out recycled memory and clear all of it. */
struct exit_stats *exit_stats_create(void)
{
	struct exit_stats *stats = calloc(1, sizeof(*stats));

	if (stats == NULL)
		return NULL;
	void *rows = mmap(NULL, rows_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (rows == MAP_FAILED) {
		free(stats);
		return NULL;
	}
	(void)madvise(rows, rows_bytes, MADV_NOHUGEPAGE);
	stats->rows = rows;
	return stats;
}

void exit_stats_destroy(struct exit_stats *stats)
{
	if (stats == NULL)
		return;
	munmap(stats->rows, rows_bytes);
	free(stats);
}

static bool row_is(
	const struct exit_row *row, enum exit_kind kind, uint64_t address, const char *device)
{
	return row->address == address && row->kind == kind && row->device == device;
}

/* Fibonacci hashing of the three parts of the key. */
static unsigned first_slot(enum exit_kind kind, uint64_t address, const char *device)
{
	const uint64_t golden = 0x9e3779b97f4a7c15ULL;
	uint64_t hash = (address + (uint64_t)kind) * golden ^ (uint64_t)(uintptr_t)device;

	return (unsigned)(hash * golden >> (64 - SLOT_BITS));
}

/* The slot that holds the key, or the empty one where it belongs. */
static uint16_t *find_slot(
	struct exit_stats *stats, enum exit_kind kind, uint64_t address, const char *device)
{
	unsigned i = first_slot(kind, address, device);

	while (stats->slots[i] != 0 &&
		!row_is(&stats->rows[stats->slots[i] - 1], kind, address, device))
		i = (i + 1) % SLOTS;
	return &stats->slots[i];
}

/* Rows begin as zero pages: only what differs from an empty histogram is written. */
static struct exit_row *new_row(struct exit_stats *stats, uint16_t *slot, enum exit_kind kind,
	uint64_t address, const char *device)
{
	struct exit_row *row = &stats->rows[stats->count++];

	*slot = (uint16_t)stats->count;
	row->kind = kind;
	row->address = address;
	row->device = device;
	row->time.min = UINT64_MAX;
	row->model.min = UINT64_MAX;
	return row;
}

static struct exit_row *overflow_row(struct exit_stats *stats)
{
	uint16_t *slot = find_slot(stats, EXIT_KIND_OTHER, UINT64_MAX, table_full);

	if (*slot != 0)
		return &stats->rows[*slot - 1];
	return new_row(stats, slot, EXIT_KIND_OTHER, UINT64_MAX, table_full);
}

static struct exit_row *find_row(
	struct exit_stats *stats, enum exit_kind kind, uint64_t address, const char *device)
{
	uint16_t *slot = find_slot(stats, kind, address, device);

	if (*slot != 0)
		return &stats->rows[*slot - 1];
	if (stats->count >= EXIT_STATS_ROWS)
		return overflow_row(stats);
	return new_row(stats, slot, kind, address, device);
}

void exit_stats_add(struct exit_stats *stats, enum exit_kind kind, uint64_t address,
	const char *device, uint64_t time, bool has_model, uint64_t model)
{
	struct exit_row *row = stats->last;

	if (row == NULL || !row_is(row, kind, address, device)) {
		row = find_row(stats, kind, address, device);
		stats->last = row;
	}
	histogram_add(&row->time, time);
	if (has_model)
		histogram_add(&row->model, model);
}

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Longest total first; kind and address make the order of equals repeatable. */
static int compare_rows(const void *a, const void *b)
{
	const struct exit_row *x = a, *y = b;
	int order = compare(y->time.sum, x->time.sum);

	if (order == 0)
		order = compare(x->kind, y->kind);
	if (order == 0)
		order = compare(x->address, y->address);
	return order;
}

const struct exit_row *exit_stats_rows(struct exit_stats *stats, size_t *n)
{
	qsort(stats->rows, stats->count, sizeof(stats->rows[0]), compare_rows);

	/* The rows have moved: enter them anew. last needs no care, its key is compared at each
	 * use. */
	memset(stats->slots, 0, sizeof(stats->slots));
	for (size_t i = 0; i < stats->count; i++) {
		const struct exit_row *row = &stats->rows[i];

		*find_slot(stats, row->kind, row->address, row->device) = (uint16_t)(i + 1);
	}
	*n = stats->count;
	return stats->rows;
}

void exit_stats_merge(struct exit_stats *into, const struct exit_stats *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct exit_row *row = &from->rows[i];
		struct exit_row *sum = find_row(into, row->kind, row->address, row->device);

		histogram_merge(&sum->time, &row->time);
		histogram_merge(&sum->model, &row->model);
	}
}

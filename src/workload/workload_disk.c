/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in the records of a disk, and in which order they are taken. It reads and writes no disk.
 * Integer registers only, so that a guest needs nothing before it. */
#include "tickvm/workload.h"

/* The beginning of a record; words follow to its end. */
struct header {
	uint64_t number, generation;
	uint64_t checksum; /* of all but itself */
};

#define ODD_1 0x9e3779b97f4a7c15ULL
#define ODD_2 0xbf58476d1ce4e5b9ULL

/* ---- what is in a record ---- */

static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 32) * ODD_2;
	return value ^ value >> 29;
}

/* Four chains, so that multiplications overlap. */
static uint64_t checksum_words(const uint64_t *words, uint64_t count, uint64_t seed)
{
	uint64_t sums[4] = {seed, ~seed, seed + ODD_1, seed + ODD_2};
	uint64_t i = 0;

	for (; i + 4 <= count; i += 4)
		for (unsigned j = 0; j < 4; j++)
			sums[j] = ((sums[j] << 5 | sums[j] >> 59) ^ words[i + j]) * ODD_1;
	for (; i < count; i++)
		sums[0] = ((sums[0] << 5 | sums[0] >> 59) ^ words[i]) * ODD_1;
	return mix(mix(mix(sums[0]) + sums[1]) + sums[2]) + mix(sums[3]);
}

static uint64_t checksum(const struct workload_disk *disk, const struct header *header)
{
	uint64_t count = (disk->record_bytes - sizeof(*header)) / sizeof(uint64_t);

	return checksum_words(
		(const uint64_t *)(header + 1), count, mix(header->number) ^ header->generation);
}

/* Every word differs from record to record and from round to round: a torn record has no right
 * checksum. */
void workload_disk_fill(const struct workload_disk *disk, void *record, uint64_t number)
{
	struct header *header = record;
	uint64_t *words = record;
	uint64_t word = mix(number ^ disk->generation);

	for (uint64_t i = 0; i < disk->record_bytes / sizeof(*words); i++)
		words[i] = word += ODD_1;
	header->number = number;
	header->generation = disk->generation;
	header->checksum = checksum(disk, header);
}

bool workload_disk_check(struct workload_disk *disk, const void *record, uint64_t number)
{
	const struct header *header = record;

	if (header->number != number || header->generation == 0 ||
		header->checksum != checksum(disk, header))
		return false;
	if (disk->generation == 0)
		disk->generation = header->generation;
	return header->generation == disk->generation;
}

/* ---- which record comes next ---- */

/* A permutation of [0, 2^bits): each step can be undone. */
static uint64_t scatter(uint64_t value, unsigned bits)
{
	uint64_t mask = (1ULL << bits) - 1;
	unsigned half = (bits + 1) / 2;

	for (unsigned i = 0; i < 3; i++) {
		value = (value * ODD_1 + ODD_2) & mask;
		value ^= value >> half;
	}
	return value;
}

uint64_t workload_disk_next(struct workload_disk *disk)
{
	unsigned bits = 0;
	uint64_t number;

	if (!disk->random)
		return disk->turn++;
	while (1ULL << bits < disk->records)
		bits++;
	do
		number = scatter(disk->turn++, bits);
	while (number >= disk->records);
	return number;
}

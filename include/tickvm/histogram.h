/* SPDX-License-Identifier: BSD-2-Clause */
/* Log-linear histogram of unsigned values: 32 buckets an octave (3 % wide), all of uint64_t
 * covered, so no value is ever dropped. Adding neither allocates nor branches on the data beyond a
 * shift. */
#ifndef TICKVM_HISTOGRAM_H
#define TICKVM_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 5
#define HISTOGRAM_BUCKETS  ((64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
	uint64_t count, sum, min,
		max; /* exact; min is UINT64_MAX when empty; sum wraps modulo 2^64 */
	uint32_t buckets[HISTOGRAM_BUCKETS]; /* saturate at UINT32_MAX */
};

void histogram_reset(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);
unsigned histogram_bucket(uint64_t value);
uint64_t histogram_bucket_low(unsigned bucket);  /* smallest value of the bucket */
uint64_t histogram_bucket_high(unsigned bucket); /* largest value of the bucket */
/* Nearest-rank quantile, q in [0, 1]: the upper edge of its bucket, clamped to [min, max]; 0 when
 * empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);

#endif

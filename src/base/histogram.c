/* SPDX-License-Identifier: BSD-2-Clause */
/* Log-linear histograms: 32 linear buckets in every power of two.
 * It knows no unit and takes no lock: one writer, readers when it has stopped. */
#include "tickvm/histogram.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define SUB_BUCKETS (1u << HISTOGRAM_SUB_BITS)

void histogram_reset(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

/* Values below 2 * SUB_BUCKETS have a bucket each; above, the top SUB_BITS + 1 bits choose it. */
unsigned histogram_bucket(uint64_t value)
{
	unsigned top_bit = 63 - (unsigned)__builtin_clzll(value | SUB_BUCKETS);
	unsigned shift = top_bit - HISTOGRAM_SUB_BITS;

	return (shift << HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

static unsigned bucket_shift(unsigned bucket)
{
	return bucket < SUB_BUCKETS ? 0 : (bucket >> HISTOGRAM_SUB_BITS) - 1;
}

uint64_t histogram_bucket_low(unsigned bucket)
{
	unsigned shift = bucket_shift(bucket);

	return (uint64_t)(bucket - (shift << HISTOGRAM_SUB_BITS)) << shift;
}

uint64_t histogram_bucket_high(unsigned bucket)
{
	return histogram_bucket_low(bucket) + ((1ULL << bucket_shift(bucket)) - 1);
}

void histogram_add(struct histogram *h, uint64_t value)
{
	uint32_t *bucket = &h->buckets[histogram_bucket(value)];

	h->count++;
	h->sum += value;
	h->min = value < h->min ? value : h->min;
	h->max = value > h->max ? value : h->max;
	*bucket += *bucket != UINT32_MAX;
}

/* Only the buckets that can be filled are visited, so that pages never touched stay so. */
void histogram_merge(struct histogram *into, const struct histogram *from)
{
	if (from->count == 0)
		return;
	into->count += from->count;
	into->sum += from->sum;
	into->min = from->min < into->min ? from->min : into->min;
	into->max = from->max > into->max ? from->max : into->max;
	for (unsigned i = histogram_bucket(from->min); i <= histogram_bucket(from->max); i++) {
		uint32_t room = UINT32_MAX - into->buckets[i];
		uint32_t n = from->buckets[i];

		if (n != 0)
			into->buckets[i] += n < room ? n : room;
	}
}

/* Nearest rank, from 1. The product is taken down by its own rounding error, or 0.07 of 100 would
 * be the 8th. */
static uint64_t nearest_rank(double q, uint64_t count)
{
	double rank = ceil(q * (double)count * (1 - DBL_EPSILON));

	if (!(rank > 1))
		return 1;
	return rank < (double)count ? (uint64_t)rank : count;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
	if (h->count == 0)
		return 0;
	uint64_t rank = nearest_rank(q, h->count);
	uint64_t below = 0;
	unsigned last = histogram_bucket(h->max);

	/* Where buckets have saturated their total may fall short of the rank: that is max. */
	for (unsigned i = histogram_bucket(h->min); i < last; i++) {
		below += h->buckets[i];
		if (below >= rank)
			return histogram_bucket_high(i);
	}
	return h->max;
}

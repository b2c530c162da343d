/* SPDX-License-Identifier: BSD-2-Clause */
/* Cachebench's operations on one vector. It measures nothing: see memory_rounds.c.
 * read, write and rmw are SSE2 loops, 16 bytes an access, as any compiler makes them. memset and
 * memcpy are the CPU's own string instructions, which libraries and kernels use for long blocks: an
 * SSE2 memset would be write once more. */
#include "tickvm/workload.h"

typedef uint64_t vec __attribute__((vector_size(16), may_alias));

#define VECS_A_BLOCK (WORKLOAD_MEMORY_MIN / sizeof(vec))
_Static_assert(VECS_A_BLOCK == 16, "BLOCK");
#define BLOCK(access)                                                                              \
	do {                                                                                       \
		access(0), access(1), access(2), access(3), access(4), access(5), access(6),       \
			access(7), access(8), access(9), access(10), access(11), access(12),       \
			access(13), access(14), access(15);                                        \
	} while (0)

/* A pass may not be merged with the one before. */
static inline void pass_ends(void)
{
	__asm__ volatile("" : : : "memory");
}

/* Four sums, so that no load waits for an addition. */
static uint64_t read_passes(const vec *from, const vec *end, uint64_t passes)
{
	vec sums[4] = {{0}};

	for (; passes != 0; passes--) {
		for (const vec *at = from; at != end; at += VECS_A_BLOCK) {
#define READ(i) sums[(i) % 4] += at[i]
			BLOCK(READ);
		}
		pass_ends();
	}
	sums[0] += sums[1] + sums[2] + sums[3];
	return sums[0][0] + sums[0][1];
}

static void write_passes(vec *from, const vec *end, uint64_t passes)
{
	const vec value = {WORKLOAD_MEMORY_WRITTEN, WORKLOAD_MEMORY_WRITTEN};

	for (; passes != 0; passes--) {
		for (vec *at = from; at != end; at += VECS_A_BLOCK) {
#define WRITE(i) at[i] = value
			BLOCK(WRITE);
		}
		pass_ends();
	}
}

static void rmw_passes(vec *from, const vec *end, uint64_t passes)
{
	const vec one = {1, 1};

	for (; passes != 0; passes--) {
		for (vec *at = from; at != end; at += VECS_A_BLOCK) {
#define RMW(i) at[i] += one
			BLOCK(RMW);
		}
		pass_ends();
	}
}

static void set_passes(void *to, size_t bytes, uint64_t passes)
{
	for (; passes != 0; passes--) {
		void *at = to;
		size_t left = bytes;

		__asm__ volatile("rep stosb"
				 : "+D"(at), "+c"(left)
				 : "a"(WORKLOAD_MEMORY_SET)
				 : "memory");
	}
}

static void copy_passes(void *to, const void *from, size_t bytes, uint64_t passes)
{
	for (; passes != 0; passes--) {
		void *at = to;
		size_t left = bytes;
		const void *source = from;

		__asm__ volatile("rep movsb" : "+D"(at), "+S"(source), "+c"(left) : : "memory");
	}
}

/* Aligned, so that its loops lie alike in cache lines wherever it is linked. */
__attribute__((aligned(64))) uint64_t workload_memory(
	enum workload_memory_op op, void *vector, size_t bytes, uint64_t passes)
{
	vec *from = vector;
	const vec *end = from + bytes / sizeof(vec);

	switch (op) {
	case WORKLOAD_READ:
		return read_passes(from, end, passes);
	case WORKLOAD_WRITE:
		write_passes(from, end, passes);
		break;
	case WORKLOAD_RMW:
		rmw_passes(from, end, passes);
		break;
	case WORKLOAD_SET:
		set_passes(vector, bytes, passes);
		break;
	case WORKLOAD_COPY:
		copy_passes(vector, (char *)vector + bytes / 2, bytes / 2, passes);
		break;
	case WORKLOAD_MEMORY_OPS:
		break;
	}
	return 0;
}

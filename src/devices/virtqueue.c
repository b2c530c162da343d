/* SPDX-License-Identifier: BSD-2-Clause */
/* The device's end of a split virtqueue. VIRTIO 1.2, 2.7.
 * It moves no data and raises no interrupt. */
#include "tickvm/virtqueue.h"

#include <errno.h>
#include <string.h>

/* 2.7.5, struct virtq_desc. */
struct descriptor {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u

/* 2.7.6 and 2.7.8: flags, idx, ring, event. */
#define RING_FLAGS         0
#define RING_IDX           2
#define RING_ENTRIES       4
#define AVAIL_ENTRY        2u
#define USED_ENTRY         8u
#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY     1u

/* Longest data of a chain: what the used ring can express. */
#define CHAIN_BYTES_MAX UINT32_MAX

static uint16_t load16(const uint8_t *at)
{
	return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void store16(uint8_t *at, uint16_t value)
{
	__atomic_store_n((uint16_t *)(void *)at, value, __ATOMIC_RELEASE);
}

static const uint8_t *used_event(const struct virtqueue *vq)
{
	return vq->avail + RING_ENTRIES + AVAIL_ENTRY * vq->size;
}

static uint8_t *avail_event(const struct virtqueue *vq)
{
	return vq->used + RING_ENTRIES + USED_ENTRY * vq->size;
}

/* 2.7: descriptors at 16 bytes, the driver's ring at 2, the device's at 4. */
static void *map_aligned(const struct virtqueue *vq, uint64_t gpa, uint64_t len, uint64_t align)
{
	return gpa % align == 0 ? vq->memory.map(vq->memory.ctx, gpa, len) : NULL;
}

int virtqueue_start(struct virtqueue *vq)
{
	uint32_t size = vq->size;

	if (size == 0 || size > VIRTQUEUE_SIZE_MAX || (size & (size - 1)) != 0)
		return -EINVAL;
	vq->desc = map_aligned(vq, vq->desc_gpa, sizeof(struct descriptor) * size, 16);
	vq->avail = map_aligned(vq, vq->avail_gpa, RING_ENTRIES + AVAIL_ENTRY * size + 2, 2);
	vq->used = map_aligned(vq, vq->used_gpa, RING_ENTRIES + USED_ENTRY * size + 2, 4);
	if (vq->desc == NULL || vq->avail == NULL || vq->used == NULL)
		return -EINVAL;
	vq->last_avail = vq->used_idx = vq->signalled = 0;
	return 0;
}

/* One table of descriptors: the queue's own, or an indirect one. */
struct walk {
	const struct virtqueue *vq;
	struct virtqueue_chain *chain;
	const char **why;
	uint64_t bytes;
};

static int broken(const struct walk *walk, const char *why)
{
	*walk->why = why;
	return -EINVAL;
}

/* A copy: the guest may change the original while we look. */
static struct descriptor read_descriptor(const uint8_t *table, uint32_t index)
{
	struct descriptor desc;

	memcpy(&desc, table + sizeof(desc) * index, sizeof(desc));
	return desc;
}

static int add_segment(struct walk *walk, const struct descriptor *desc)
{
	struct virtqueue_chain *chain = walk->chain;
	unsigned n = chain->outs + chain->ins;
	void *base;

	if (n == VIRTQUEUE_SEGMENTS)
		return broken(walk, "a chain has too many buffers");
	if (!(desc->flags & DESC_WRITE) && chain->ins > 0)
		return broken(walk, "a readable buffer follows a writable one");
	if (desc->len == 0)
		return broken(walk, "a buffer of no length");
	walk->bytes += desc->len;
	if (walk->bytes > CHAIN_BYTES_MAX)
		return broken(walk, "a chain of 4 GiB or more");
	base = walk->vq->memory.map(walk->vq->memory.ctx, desc->addr, desc->len);
	if (base == NULL)
		return broken(walk, "a buffer is not in memory");
	chain->segments[n] = (struct virtqueue_segment){.base = base, .len = desc->len};
	if (desc->flags & DESC_WRITE)
		chain->ins++;
	else
		chain->outs++;
	return 0;
}

/* 2.7.5.3.1: an indirect table holds no indirect descriptors. */
static int walk_table(struct walk *walk, const uint8_t *table, uint32_t size, uint32_t index)
{
	for (uint32_t steps = 0; steps < size; steps++) {
		struct descriptor desc = read_descriptor(table, index);

		if (desc.flags & DESC_INDIRECT)
			return broken(walk, "an indirect descriptor inside a chain");
		int err = add_segment(walk, &desc);

		if (err != 0 || !(desc.flags & DESC_NEXT))
			return err;
		if (desc.next >= size)
			return broken(walk, "a descriptor index out of range");
		index = desc.next;
	}
	return broken(walk, "a chain of descriptors is a loop");
}

static int walk_indirect(struct walk *walk, const struct descriptor *desc)
{
	uint32_t size = desc->len / (uint32_t)sizeof(struct descriptor);
	const uint8_t *table;

	if (!walk->vq->indirect)
		return broken(walk, "an indirect descriptor that was not negotiated");
	if ((desc->flags & DESC_NEXT) || size == 0 || desc->len % sizeof(struct descriptor) != 0)
		return broken(walk, "a malformed indirect descriptor");
	table = walk->vq->memory.map(walk->vq->memory.ctx, desc->addr, desc->len);
	if (table == NULL)
		return broken(walk, "an indirect table is not in memory");
	return walk_table(walk, table, size, 0);
}

int virtqueue_pop(struct virtqueue *vq, struct virtqueue_chain *chain, const char **why)
{
	struct walk walk = {.vq = vq, .chain = chain, .why = why};
	uint16_t waiting = (uint16_t)(load16(vq->avail + RING_IDX) - vq->last_avail);

	if (waiting == 0)
		return 0;
	if (waiting > vq->size)
		return broken(&walk, "the driver's index ran ahead of its ring");
	uint32_t slot = vq->last_avail & (vq->size - 1u);

	chain->head = load16(vq->avail + RING_ENTRIES + AVAIL_ENTRY * slot);
	chain->outs = chain->ins = 0;
	if (chain->head >= vq->size)
		return broken(&walk, "a chain begins out of range");
	struct descriptor first = read_descriptor(vq->desc, chain->head);
	int err = first.flags & DESC_INDIRECT ? walk_indirect(&walk, &first)
					      : walk_table(&walk, vq->desc, vq->size, chain->head);

	if (err != 0)
		return err;
	vq->last_avail++;
	return 1;
}

void virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t written)
{
	uint8_t *entry = vq->used + RING_ENTRIES + USED_ENTRY * (vq->used_idx & (vq->size - 1u));
	uint32_t id = head;

	memcpy(entry, &id, sizeof(id));
	memcpy(entry + sizeof(id), &written, sizeof(written));
	vq->used_idx++;
	store16(vq->used + RING_IDX, vq->used_idx);
}

bool virtqueue_wants_interrupt(struct virtqueue *vq)
{
	uint16_t old = vq->signalled, now = vq->used_idx;

	if (old == now)
		return false;
	/* Between the index and what the driver says of interrupts: 2.7.7.2, 2.7.10. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	vq->signalled = now;
	if (!vq->event_idx)
		return !(load16(vq->avail + RING_FLAGS) & AVAIL_NO_INTERRUPT);
	/* 2.7.10: has now passed the event since old? */
	uint16_t event = load16(used_event(vq));

	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

bool virtqueue_sleep(struct virtqueue *vq)
{
	if (vq->event_idx)
		store16(avail_event(vq), vq->last_avail);
	else
		store16(vq->used + RING_FLAGS, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load16(vq->avail + RING_IDX) != vq->last_avail;
}

void virtqueue_wake(struct virtqueue *vq)
{
	/* With event indices the old avail_event is behind already, which says the same. */
	if (!vq->event_idx)
		store16(vq->used + RING_FLAGS, USED_NO_NOTIFY);
}

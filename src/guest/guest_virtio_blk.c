/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio block driver: discovery, negotiation, one split queue of chains that are laid out once
 * (header, data, status). C, at CPL 3; it halts, and its interrupts are answered, in interrupts.S.
 * VIRTIO 1.2. */
#include "virtio_blk.h"
#include "virtio.h"

#define PER_SLOT      4  /* descriptors, one of them unused: slots are found by a shift */
#define TICKS_MAX     60 /* of the watchdog, one a second */
#define LAPIC_SHIFT   2  /* a second of any LAPIC clock fits its count then */
#define RESET_TIMEOUT 60000000000

_Static_assert(VIRTIO_BLK_SLOTS_MAX == QUEUE_MAX / PER_SLOT, "the slots of a queue");

static struct virtq_desc desc[QUEUE_MAX] __attribute__((aligned(4096)));
extern volatile struct virtq_avail virtio_blk_avail;
extern volatile struct virtq_used virtio_blk_used;
volatile struct virtq_avail virtio_blk_avail __attribute__((aligned(4096)));
volatile struct virtq_used virtio_blk_used __attribute__((aligned(4096)));

static volatile struct {
	uint32_t type, reserved;
	uint64_t sector;
} headers[VIRTIO_BLK_SLOTS_MAX];
static volatile uint8_t statuses[VIRTIO_BLK_SLOTS_MAX];

/* For interrupts.S. */
extern uint32_t virtio_blk_registers;
uint32_t virtio_blk_registers;

static unsigned queue_size, slots_used;
static bool event_index, can_flush;
static uint16_t queued, reaped; /* requests so far */
static unsigned silent_ticks;
static uint64_t load_records, load_sectors, load_random = 1;

static uint32_t get(uint32_t reg)
{
	return mmio_read32(virtio_blk_registers + reg);
}

static void put(uint32_t reg, uint32_t value)
{
	mmio_write32(virtio_blk_registers + reg, value);
}

static void put64(uint32_t reg, uint64_t value)
{
	put(reg, (uint32_t)value);
	put(reg + 4, (uint32_t)(value >> 32));
}

/* ---- up and down ---- */

/* 2.4: complete when the status reads 0. */
static void reset(void)
{
	uint64_t end = rdtsc_fenced() + ns_to_tsc(RESET_TIMEOUT);

	put(REG_STATUS, 0);
	while (get(REG_STATUS) != 0)
		if (rdtsc_fenced() > end)
			test_failed("the disk does not come out of a reset", "");
}

static void identify(void)
{
	if (get(REG_MAGIC) != MAGIC)
		test_unavailable("there is no virtio device where the command line says", "");
	if (get(REG_VERSION) != VERSION)
		test_unavailable("the disk is not of virtio-mmio version 2", "");
	if (get(REG_DEVICE_ID) != DEVICE_ID_BLOCK)
		test_unavailable("the virtio device is not a disk", "");
}

static uint64_t offered_features(void)
{
	uint64_t features;

	put(REG_DEVICE_FEATURES_SEL, 1);
	features = (uint64_t)get(REG_DEVICE_FEATURES) << 32;
	put(REG_DEVICE_FEATURES_SEL, 0);
	return features | get(REG_DEVICE_FEATURES);
}

static void negotiate(enum virtio_blk_use use, bool write)
{
	uint64_t features = offered_features();

	if (write && (features & FEATURE_RO))
		test_unavailable("this machine's disk is read-only", "");
	features &= FEATURE_VERSION_1 | FEATURE_FLUSH | FEATURE_RO |
		    (use == VIRTIO_BLK_WAIT ? FEATURE_EVENT_IDX : 0);
	event_index = features & FEATURE_EVENT_IDX;
	can_flush = features & FEATURE_FLUSH;
	put(REG_DRIVER_FEATURES_SEL, 1);
	put(REG_DRIVER_FEATURES, (uint32_t)(features >> 32));
	put(REG_DRIVER_FEATURES_SEL, 0);
	put(REG_DRIVER_FEATURES, (uint32_t)features);
	put(REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	if (!(get(REG_STATUS) & STATUS_FEATURES_OK))
		test_failed("the disk does not accept the features it offers", "");
}

static void lay_out_slots(void)
{
	for (unsigned slot = 0; slot < queue_size / PER_SLOT; slot++) {
		uint16_t head = (uint16_t)(slot * PER_SLOT);

		desc[head].addr = (uintptr_t)&headers[slot];
		desc[head].len = sizeof(headers[slot]);
		desc[head].flags = DESC_NEXT;
		desc[head + 1].next = head + 2;
		desc[head + 2].addr = (uintptr_t)&statuses[slot];
		desc[head + 2].len = 1;
		desc[head + 2].flags = DESC_WRITE;
	}
}

static void set_queue_up(uint64_t depth)
{
	put(REG_QUEUE_SEL, 0);
	uint32_t most = get(REG_QUEUE_NUM_MAX);

	queue_size = QUEUE_MAX;
	while (queue_size > most)
		queue_size /= 2;
	if (depth > queue_size / PER_SLOT)
		test_unavailable("depth: this disk's queue does not hold so many requests", "");
	slots_used = (unsigned)depth;
	lay_out_slots();
	put(REG_QUEUE_NUM, queue_size);
	put64(REG_QUEUE_DESC, (uintptr_t)desc);
	put64(REG_QUEUE_DRIVER, (uintptr_t)&virtio_blk_avail);
	put64(REG_QUEUE_DEVICE, (uintptr_t)&virtio_blk_used);
	put(REG_QUEUE_READY, 1);
}

/* Wakes virtio_blk_wait() when the disk does not. */
static void start_watchdog(void)
{
	idt_set(VECTOR_TEST, irq_stamp);
	lapic_timer_mode(VECTOR_TEST | LVT_PERIODIC, LAPIC_SHIFT);
	lapic_timer_start((uint32_t)(clocks.lapic_hz >> LAPIC_SHIFT));
}

/* Edges: the line falls with the acknowledgement, so none is missed, and there is no EOI to be
 * passed on to the IOAPIC. */
static void route_interrupt(const struct cmdline *cmdline, enum virtio_blk_use use)
{
	idt_set(VECTOR_DISK, use == VIRTIO_BLK_WAIT ? irq_disk : irq_disk_load);
	ioapic_route((unsigned)cmdline->disk_irq, VECTOR_DISK, lapic_id());
	if (use == VIRTIO_BLK_WAIT)
		start_watchdog();
}

void virtio_blk_start(
	const struct cmdline *cmdline, enum virtio_blk_use use, uint64_t depth, bool write)
{
	if (cmdline->disk_gpa == 0)
		test_unavailable("this machine has no disk (tickvm's --disk)", "");
	virtio_blk_registers = (uint32_t)cmdline->disk_gpa;
	identify();
	reset();
	put(REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	negotiate(use, write);
	set_queue_up(depth);
	route_interrupt(cmdline, use);
	put(REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

uint64_t virtio_blk_bytes(void)
{
	return ((uint64_t)get(REG_CAPACITY + 4) << 32 | get(REG_CAPACITY)) * VIRTIO_BLK_SECTOR;
}

static void expect_alive(void)
{
	if (get(REG_STATUS) & STATUS_NEEDS_RESET)
		test_failed("the disk broke down: it asks for a reset", "");
}

void virtio_blk_stop(void)
{
	expect_alive();
	lapic_timer_mode(LVT_MASKED, 0);
	reset();
}

/* ---- requests ---- */

static void fill(unsigned slot, const struct virtio_blk_slot *request)
{
	unsigned data = slot * PER_SLOT + 1;

	desc[data - 1].next = (uint16_t)data; /* a flush has none */
	headers[slot].type = request->write ? TYPE_OUT : TYPE_IN;
	headers[slot].sector = request->offset / VIRTIO_BLK_SECTOR;
	desc[data].addr = (uintptr_t)request->buffer;
	desc[data].len = request->bytes;
	desc[data].flags = request->write ? DESC_NEXT : DESC_NEXT | DESC_WRITE;
	statuses[slot] = STATUS_NONE;
}

/* 2.7.10. */
static bool needs_notification(void)
{
	uint16_t event;

	if (!event_index)
		return !(virtio_blk_used.flags & USED_NO_NOTIFY);
	event = (uint16_t)virtio_blk_used.ring[queue_size].id;
	return event == (uint16_t)(queued - 1);
}

/* At once, so that the device works at it while the next one is prepared. */
static void queue(unsigned slot)
{
	virtio_blk_avail.ring[queued++ % queue_size] = (uint16_t)(slot * PER_SLOT);
	__atomic_store_n(&virtio_blk_avail.idx, queued, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (needs_notification())
		put(VIRTIO_QUEUE_NOTIFY, 0);
}

void virtio_blk_queue(unsigned slot, const struct virtio_blk_slot *request)
{
	fill(slot, request);
	queue(slot);
}

bool virtio_blk_queue_flush(unsigned slot)
{
	unsigned head = slot * PER_SLOT;

	if (!can_flush)
		return false;
	headers[slot].type = TYPE_FLUSH;
	headers[slot].sector = 0;
	desc[head].next = (uint16_t)(head + 2);
	statuses[slot] = STATUS_NONE;
	queue(slot);
	return true;
}

static uint16_t completed(void)
{
	return __atomic_load_n(&virtio_blk_used.idx, __ATOMIC_ACQUIRE);
}

int virtio_blk_reap(bool *good)
{
	unsigned slot;

	if (reaped == completed())
		return -1;
	slot = virtio_blk_used.ring[reaped++ % queue_size].id / PER_SLOT;
	if (slot >= slots_used)
		test_failed("the disk completed a request that nobody made", "");
	*good = statuses[slot] == STATUS_OK;
	return (int)slot;
}

/* Also returns for other interrupts. */
static void halt(void)
{
	uint64_t interrupts = irq_load_count;

	kernel_call(virtio_blk_halt, virtio_blk_registers, reaped, 0);
	if (irq_load_count != interrupts || completed() != reaped) {
		silent_ticks = 0;
		return;
	}
	expect_alive();
	if (++silent_ticks == TICKS_MAX)
		test_failed("the disk is silent with requests in flight", "");
}

void virtio_blk_wait(void)
{
	virtio_blk_avail.ring[queue_size] = reaped; /* an interrupt for the next one, please */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);    /* and only then the look at the ring */
	if (completed() == reaped)
		halt();
}

void virtio_blk_ask_for_interrupt(void)
{
	virtio_blk_avail.ring[queue_size] = reaped;
}

/* Interrupts are open in virtio_blk_halt() only: none has been taken since the request was queued.
 * The line must have fallen before the next one is. */
void virtio_blk_wait_for_interrupt(void)
{
	uint64_t interrupts = irq_load_count;

	while (irq_load_count == interrupts)
		kernel_call(virtio_blk_halt, virtio_blk_registers, completed(), 0);
	put(VIRTIO_INTERRUPT_ACK, VIRTIO_INTERRUPTS);
}

/* ---- load ---- */

/* Marsaglia 2003, "Xorshift RNGs". */
static uint64_t random_sector(void)
{
	load_random ^= load_random << 13;
	load_random ^= load_random >> 7;
	load_random ^= load_random << 17;
	return load_random % load_records * load_sectors;
}

/* Every entry of the ring names a slot for good, in turn. A request that is overtaken by
 * all other slots is in flight twice then: harmless, because nobody looks at what was read. */
void virtio_blk_keep_reading(uint64_t bytes, uint64_t record, uint64_t depth)
{
	unsigned slots = queue_size / PER_SLOT;
	char *buffers = ram_take(depth * record, 4096);

	load_records = bytes / record;
	load_sectors = record / VIRTIO_BLK_SECTOR;
	for (unsigned slot = 0; slot < slots; slot++)
		fill(slot, &(struct virtio_blk_slot){
				   .offset = random_sector() * VIRTIO_BLK_SECTOR,
				   .buffer = buffers + slot % depth * record,
				   .bytes = (uint32_t)record,
			   });
	for (unsigned i = 0; i < queue_size; i++)
		virtio_blk_avail.ring[i] = (uint16_t)(i * PER_SLOT % queue_size);
	irq_load_ahead = (uint32_t)depth;
	__atomic_store_n(&virtio_blk_avail.idx, (uint16_t)depth, __ATOMIC_RELEASE);
	put(VIRTIO_QUEUE_NOTIFY, 0);
}

void virtio_blk_load_turn(uint64_t *requests, uint64_t *errors)
{
	uint16_t now = completed(), new = now - reaped;

	*requests += new;
	if (new > VIRTIO_BLK_SLOTS_MAX)
		reaped = now - VIRTIO_BLK_SLOTS_MAX;
	for (; reaped != now; reaped++) {
		unsigned slot = virtio_blk_used.ring[reaped % queue_size].id / PER_SLOT %
				VIRTIO_BLK_SLOTS_MAX;

		*errors += statuses[slot] != STATUS_OK;
		headers[slot].sector = random_sector();
	}
}

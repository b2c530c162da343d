/* SPDX-License-Identifier: BSD-2-Clause */
/* load=io and load=interrupts: started, counted, stopped. The handlers that carry the load are in
 * interrupts.S; what they disturb is the test's. */
#include "guest_load.h"
#include "virtio_blk.h"

/* Intel SDM vol. 3, 11.8.4: the vectors from 32 to 63 that wait to be taken. */
#define LAPIC_IRR_GPA (GPA_LAPIC + 0x210)
#define LOAD_VECTORS  (1u << (VECTOR_DISK - 32) | 1u << (VECTOR_IRQ_LOAD - 32))

static enum load load;
static uint64_t interrupts, requests, errors;

static void start_reading(const struct cmdline *cmdline)
{
	uint64_t bytes;

	virtio_blk_start(cmdline, VIRTIO_BLK_LOAD, cmdline->depth, false);
	bytes = virtio_blk_bytes();
	if (cmdline->bytes > bytes)
		test_cmdline("bytes: the disk is smaller");
	if (cmdline->bytes)
		bytes = cmdline->bytes;
	if (bytes < cmdline->record)
		test_cmdline("record: longer than the disk, or the bytes of it to be read");
	virtio_blk_keep_reading(bytes, cmdline->record, cmdline->depth);
}

void load_start(const struct cmdline *cmdline)
{
	load = cmdline->load;
	if (load == LOAD_IO) {
		start_reading(cmdline);
	} else if (load == LOAD_INTERRUPTS) {
		idt_set(VECTOR_IRQ_LOAD, irq_count);
		ioapic_route(IRQ_LOAD, VECTOR_IRQ_LOAD, lapic_id());
	}
}

bool load_is_pending(void)
{
	return load != LOAD_NONE && (mmio_read32(LAPIC_IRR_GPA) & LOAD_VECTORS);
}

void load_wait(void)
{
	while (!load_is_pending())
		cpu_relax();
}

void load_turn(void)
{
	if (load == LOAD_IO)
		virtio_blk_load_turn(&requests, &errors);
}

void load_begin(void)
{
	load_turn();
	requests = errors = 0;
	interrupts = irq_load_count;
}

void load_end(void)
{
	load_turn();
	result->load_interrupts = irq_load_count - interrupts;
	result->load_requests = requests;
	result->load_errors = errors;
}

void load_stop(void)
{
	if (load == LOAD_IO)
		virtio_blk_stop();
	else if (load == LOAD_INTERRUPTS)
		ioapic_route(IRQ_LOAD, LVT_MASKED, lapic_id());
	result->load_taken = irq_load_count;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* test=disk: reads or writes every record of a disk once a round, so many at a time. The driver is
 * virtio_blk.c; what is in a record, and which one comes next, is the workload's. */
#include "virtio_blk.h"

#include "tickvm/workload.h"

static struct {
	const struct cmdline *cmdline;
	struct workload_disk disk;
	char *buffers; /* of each slot */
	uint64_t number[VIRTIO_BLK_SLOTS_MAX];
} run;

/* ---- a round ---- */

static void issue(unsigned slot)
{
	const struct cmdline *cmdline = run.cmdline;
	struct virtio_blk_slot request = {
		.write = cmdline->op == DISK_WRITE,
		.buffer = run.buffers + slot * cmdline->record,
		.bytes = (uint32_t)cmdline->record,
	};

	run.number[slot] = workload_disk_next(&run.disk);
	request.offset = run.number[slot] * cmdline->record;
	if (request.write && cmdline->verify)
		workload_disk_fill(&run.disk, request.buffer, run.number[slot]);
	if (cmdline->each)
		virtio_blk_ask_for_interrupt();
	virtio_blk_queue(slot, &request);
}

static void wait(void)
{
	if (run.cmdline->each)
		virtio_blk_wait_for_interrupt();
	else
		virtio_blk_wait();
}

static void complete(unsigned slot, bool good, struct guest_disk_round *round)
{
	const struct cmdline *cmdline = run.cmdline;

	if (!good)
		round->errors++;
	else if (cmdline->verify && cmdline->op == DISK_READ)
		round->mismatches += !workload_disk_check(
			&run.disk, run.buffers + slot * cmdline->record, run.number[slot]);
	round->requests++;
}

/* What has been written is on the medium, or it is an error. */
static void flush(struct guest_disk_round *round)
{
	bool good;

	if (run.cmdline->each)
		virtio_blk_ask_for_interrupt();
	if (!virtio_blk_queue_flush(0))
		return;
	do
		wait();
	while (virtio_blk_reap(&good) < 0);
	round->errors += !good;
}

static void run_round(struct guest_disk_round *round)
{
	bool write = run.cmdline->op == DISK_WRITE;
	uint64_t issued = 0, interrupts = irq_load_count;
	uint64_t begin = rdtsc_fenced();

	run.disk.turn = 0;
	run.disk.generation = write ? begin : 0;
	for (; issued < run.cmdline->depth && issued < run.disk.records; issued++)
		issue((unsigned)issued);
	while (round->requests < run.disk.records) {
		bool good;
		int slot;

		wait();
		while ((slot = virtio_blk_reap(&good)) >= 0) {
			complete((unsigned)slot, good, round);
			if (issued < run.disk.records) {
				issue((unsigned)slot);
				issued++;
			}
			if (run.cmdline->each)
				break; /* the next one's interrupt first */
		}
	}
	if (write)
		flush(round);
	round->cycles = rdtsc_fenced() - begin;
	round->bytes = round->requests * run.cmdline->record;
	round->interrupts = irq_load_count - interrupts;
}

static void plan(const struct cmdline *cmdline)
{
	uint64_t bytes = virtio_blk_bytes();

	if (cmdline->bytes > bytes)
		test_cmdline("bytes: the disk is smaller");
	if (cmdline->bytes)
		bytes = cmdline->bytes;
	run.cmdline = cmdline;
	run.disk = (struct workload_disk){.records = bytes / cmdline->record,
		.record_bytes = cmdline->record,
		.random = cmdline->pattern == PATTERN_RANDOM};
	if (run.disk.records == 0)
		test_cmdline("record: longer than the disk, or the bytes of it to be used");
	run.buffers = ram_take(cmdline->depth * cmdline->record, 4096);
	/* As records that the disk does not have: what is not read into a buffer is not right. */
	for (unsigned slot = 0; slot < cmdline->depth; slot++)
		workload_disk_fill(
			&run.disk, run.buffers + slot * cmdline->record, run.disk.records + slot);
}

void test_disk(const struct cmdline *cmdline)
{
	struct guest_disk_round *rounds = records_prepare(cmdline->rounds, sizeof(*rounds));

	lapic_init();
	clocks_init(cmdline);
	stamp_cost(true);
	virtio_blk_start(cmdline, VIRTIO_BLK_WAIT, cmdline->depth, cmdline->op == DISK_WRITE);
	plan(cmdline);
	measure_begin();
	for (uint64_t i = 0; i < cmdline->rounds; i++)
		run_round(&rounds[i]);
	measure_end();
	virtio_blk_stop();
	result->record_count = (uint32_t)cmdline->rounds;
}

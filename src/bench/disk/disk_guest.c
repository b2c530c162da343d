/* SPDX-License-Identifier: BSD-2-Clause */
/* A batch of reads or writes by the payload's test=disk.
 * What its rounds mean is disk_plan.c's matter. */
#include "disk_bench.h"
#include "../attach.h"
#include "../launch.h"

#include "tickvm/virtio_blk.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HUGE_PAGE      (2ULL << 20)
#define RAM_BESIDE     (16ULL << 20) /* rings, stacks, alignment */
#define BYTES_A_SECOND 1000000       /* far less than any disk for which this is of interest */

/* VIRTIO 1.2, 4.2.2: what is touched for each request or interrupt, unlike the rest. */
static const uint64_t data_path[] = {
	VIRTIO_BLK_NOTIFY, 0x060 /* InterruptStatus */, 0x064 /* InterruptACK */};

/* ---- the machine ---- */

static void configure(struct launch *launch, const struct bench_context *context,
	const struct disk_image *image, bool write)
{
	struct vm_config *config = &launch->config;

	launch_begin(launch, context, 1);
	config->disk_path = disk_image_path(image);
	config->disk_read_only = !write;
	config->disk_cpu = disk_cpu(context);
}

int disk_cpu(const struct bench_context *context)
{
	struct launch launch;

	/* Away from the vCPU, as the timer thread, which has nothing to do meanwhile. */
	launch_begin(&launch, context, 1);
	return context->machine.disk_cpu >= 0 ? context->machine.disk_cpu : launch.config.timer_cpu;
}

int disk_guest_check(
	const struct bench_context *context, const struct disk_image *image, struct diag *diag)
{
	struct launch launch;

	configure(&launch, context, image, !context->machine.disk_read_only);
	int err = launch_create(&launch, diag);

	if (err == 0)
		launch_end(&launch);
	return err;
}

/* ---- one batch ---- */

uint64_t disk_guest_ram(const struct disk_batch *batch)
{
	uint64_t needed = GUEST_RECORDS_GPA + batch->rounds * sizeof(struct guest_disk_round) +
			  batch->depth * batch->record + RAM_BESIDE;

	return (needed + HUGE_PAGE - 1) & -HUGE_PAGE;
}

static int launch_batch(struct launch *launch, const struct bench_context *context,
	const struct disk_image *image, const struct disk_batch *batch, struct diag *diag)
{
	configure(launch, context, image, batch->write);
	if (!(context->machine_set & BENCH_SET_TIMEOUT))
		launch->config.timeout_ns =
			LAUNCH_PATIENCE_NS +
			batch->rounds * (batch->bytes / BYTES_A_SECOND) * 1000000000ULL;
	launch_append(launch,
		"test=disk op=%s pattern=%s bytes=%" PRIu64 " record=%" PRIu64
		" depth=%u rounds=%u verify=%d",
		batch->write ? "write" : "read", batch->random ? "random" : "sequential",
		batch->bytes, batch->record, batch->depth, batch->rounds, batch->verify);
	return launch_run(launch, diag);
}

/* The guest's records are of what was asked for, or they are not used. */
static int check(const struct guest_disk_round *rounds, size_t n, const struct disk_batch *batch,
	struct diag *diag)
{
	uint64_t records = batch->bytes / batch->record;
	bool good = n == batch->rounds;

	for (size_t i = 0; i < n && good; i++)
		good = rounds[i].requests >= records && rounds[i].cycles > 0 &&
		       rounds[i].cycles <= INT64_MAX && rounds[i].bytes <= batch->bytes &&
		       rounds[i].mismatches <= records && rounds[i].errors <= rounds[i].requests;
	if (!good)
		return diag_set(diag, -EPROTO,
			"the guest's records are not of the %s that it was told to do",
			batch->write ? "writes" : "reads");
	return 0;
}

static uint64_t data_path_exits(struct vm *vm)
{
	uint64_t exits = 0;
	size_t n;
	const struct exit_row *rows = exit_stats_rows(vm_exit_stats(vm, 0), &n);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < sizeof(data_path) / sizeof(data_path[0]); j++)
			if (rows[i].address == GPA_DISK + data_path[j])
				exits += rows[i].time.count;
	return exits;
}

int disk_guest(const struct bench_context *context, const struct disk_image *image,
	const struct disk_batch *batch, struct guest_disk_round *rounds, struct disk_path *path,
	uint64_t *exits, struct disk_counters *counters, struct diag *diag)
{
	struct launch launch;
	size_t n = 0;
	int err = launch_batch(&launch, context, image, batch, diag);

	if (err < 0)
		return err;
	const struct guest_disk_round *records =
		launch_records(&launch, sizeof(*records), &n, diag);

	err = records == NULL ? -EPROTO : check(records, n, batch, diag);
	if (err == 0) {
		struct vm_disk_stats stats = vm_disk_stats(launch.vm);

		memcpy(rounds, records, n * sizeof(*rounds));
		*path = (struct disk_path){.io_uring = stats.io_uring, .direct = stats.direct};
		*exits = data_path_exits(launch.vm);
		if (counters != NULL)
			*counters = (struct disk_counters){
				attach_exits_json(launch.vm, 1), attach_stats_json(launch.vm)};
	}
	launch_end(&launch);
	return err;
}

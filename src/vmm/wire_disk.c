/* SPDX-License-Identifier: BSD-2-Clause */
/* Connects the block device's model with the disk behind it, and with the guest: registers,
 * doorbell, line. It neither models nor reads and writes. */
#include "disk_internal.h"
#include "wire.h"

#include "tickvm/guest_abi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOOK_NS  50000000ULL   /* how often it is asked whether the run's limit has come */
#define GRACE_NS 5000000000ULL /* after that, for a disk that is only slow */

/* ---- from the model, with disk_lock held ---- */

static void *map(void *ctx, uint64_t gpa, uint64_t len)
{
	struct vm *vm = ctx;

	return memory_at(&vm->memory, gpa, len);
}

static void interrupt(void *ctx, bool level)
{
	const struct wired *wired = ctx;
	struct irq_sink irq = wired_irq(wired);

	irq.set(irq.ctx, wired->row->irq, level);
}

static void notify(void *ctx)
{
	struct vm *vm = ((struct wired *)ctx)->vm;

	disk_notify(vm->disk);
}

static void broken(void *ctx, const char *why)
{
	struct vm *vm = ((struct wired *)ctx)->vm;

	if (!vm->disk_warned)
		fprintf(stderr,
			"tickvm: guest: virtio-blk: %s; the disk is dead until it is reset "
			"(reported once)\n",
			why);
	vm->disk_warned = true;
}

/* ---- from the disk's thread ---- */

static void begin(void *ctx)
{
	struct vm *vm = ctx;

	pthread_mutex_lock(&vm->disk_lock);
}

static void end(void *ctx)
{
	struct vm *vm = ctx;

	virtio_blk_flush_interrupt(vm->blk);
	pthread_mutex_unlock(&vm->disk_lock);
}

static bool pop(void *ctx, struct virtio_blk_request *request)
{
	struct vm *vm = ctx;

	return virtio_blk_pop(vm->blk, request);
}

static void complete(void *ctx, const struct virtio_blk_request *request, int error)
{
	struct vm *vm = ctx;

	virtio_blk_complete(vm->blk, request, error);
}

/* ---- wiring ---- */

/* What a driver shows as the disk's serial number: the image's name. */
static void name_disk(struct virtio_blk_config *config, const char *path)
{
	const char *slash = strrchr(path, '/');

	snprintf(config->id, sizeof(config->id), "%.*s", (int)VIRTIO_BLK_ID_BYTES,
		slash ? slash + 1 : path);
}

int wire_disk_open(struct vm *vm, struct diag *diag)
{
	const struct vm_config *config = &vm->config;

	return config->disk_path
		       ? disk_open(&vm->disk, config->disk_path, config->disk_read_only, diag)
		       : 0;
}

bool wire_disk_present(const struct vm *vm)
{
	return vm->disk != NULL;
}

/* Notifications are KVM's to take: no exit to us. */
int wire_disk_eventfd(const struct vm *vm)
{
	return disk_eventfd(vm->disk);
}

void *wire_disk_create(struct wired *wired)
{
	struct vm *vm = wired->vm;
	struct virtio_blk_config config = {.read_only = vm->config.disk_read_only,
		.sectors = disk_sectors(vm->disk),
		.block_size = disk_block_size(vm->disk)};
	struct virtio_blk_sink sink = {.memory = {.map = map, .ctx = vm},
		.interrupt = interrupt,
		.notify = notify,
		.broken = broken,
		.ctx = wired};

	name_disk(&config, vm->config.disk_path);
	return vm->blk = virtio_blk_create(&config, sink);
}

bool wire_disk_stop(struct vm *vm, struct diag *diag)
{
	disk_stop_begin(vm->disk);
	for (;;) {
		uint64_t now = clock_monotonic_ns(), limit = atomic_load(&vm->limit_ns);

		/* The limit may come nearer meanwhile: a signal. */
		if (disk_stop_wait(vm->disk, now + LOOK_NS))
			return true;
		if (now > limit && now - limit > GRACE_NS)
			break;
	}
	disk_leave(vm->disk);
	diag_set(diag, -EIO,
		"--disk %s: the host has not completed the guest's requests %llu s after the end; "
		"what was written last may be lost",
		disk_shown(vm->config.disk_path), GRACE_NS / 1000000000);
	return false;
}

int wire_disk_start(struct vm *vm, struct diag *diag)
{
	struct disk_client client = {
		.begin = begin, .end = end, .pop = pop, .complete = complete, .ctx = vm};

	return vm->disk ? disk_start(vm->disk, &client, vm->config.disk_cpu, diag) : 0;
}

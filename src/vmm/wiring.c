/* SPDX-License-Identifier: BSD-2-Clause */
/* From rows of the wiring table to devices on the bus, with every result looked at. Which devices
 * there are, and where, is the table's business (wire.c). */
#include "vm_internal.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>

static void isa_line(void *ctx, unsigned line, bool level)
{
	struct vm *vm = ctx;

	vm->irqchip.ops->isa_line(vm, line, level);
}

struct irq_sink wired_irq(const struct wired *wired)
{
	return (struct irq_sink){.set = isa_line, .ctx = wired->vm};
}

/* ---- ranges ---- */

static bool is_event(const struct wire_range *range)
{
	return range->kind == WIRE_EVENT_PORTS || range->kind == WIRE_EVENT_MMIO;
}

static int ring(const struct wired *wired, const struct wire_range *range, uint64_t first, int fd,
	struct diag *diag)
{
	struct kvm_ioeventfd io = {.addr = first,
		.len = (uint32_t)range->size,
		.fd = fd,
		.flags = range->kind == WIRE_EVENT_PORTS ? KVM_IOEVENTFD_FLAG_PIO : 0};
	char what[64];

	if (!ioctl(wired->vm->fd, KVM_IOEVENTFD, &io))
		return 0;
	snprintf(what, sizeof(what), "device %s: KVM_IOEVENTFD", wired->row->name);
	return kvm_failed(diag, what);
}

static int map_event(const struct wired *wired, const struct wire_range *range, uint64_t first,
	struct diag *diag)
{
	enum bus_space space = range->kind == WIRE_EVENT_PORTS ? BUS_PORTS : BUS_MEMORY;
	int fd = range->eventfd(wired->vm), rc;

	if (fd < 0)
		return 0;
	rc = bus_claim_event(wired->vm->bus, wired->slot, space, first, range->size, diag);
	return rc ? rc : ring(wired, range, first, fd, diag);
}

/* A range of one device, wherever it is for all vCPUs. */
static int map_own(const struct wired *wired, const struct wire_range *range, struct diag *diag)
{
	struct bus *bus = wired->vm->bus;
	uint64_t first = range->first + wired->vcpu * range->stride;

	if (is_event(range))
		return map_event(wired, range, first, diag);
	if (range->kind == WIRE_PORTS)
		return bus_map_pio(bus, wired->slot, first, range->size, range->offset, diag);
	return bus_map_mmio(bus, &wired->slot, 0, first, range->size, range->offset, diag);
}

/* A range where each vCPU reaches its own of n devices. */
static int map_shared(
	const struct wired *wired, unsigned n, const struct wire_range *range, struct diag *diag)
{
	struct bus_slot *slots[VM_MAX_VCPUS];

	for (unsigned i = 0; i < n; i++)
		slots[i] = wired[i].slot;
	return bus_map_mmio(
		wired->vm->bus, slots, n, range->first, range->size, range->offset, diag);
}

/* A range of the n devices of a row. */
static int map_range(
	const struct wired *wired, unsigned n, const struct wire_range *range, struct diag *diag)
{
	int rc = 0;

	if (wired->row->per_vcpu && range->kind == WIRE_MMIO && !range->stride)
		return map_shared(wired, n, range, diag);
	for (unsigned i = 0; i < n && !rc; i++)
		rc = map_own(&wired[i], range, diag);
	return rc;
}

static int map_ranges(const struct wired *wired, unsigned n, struct diag *diag)
{
	const struct wire_range *range = wired->row->ranges;
	int rc = 0;

	for (unsigned i = 0; i < WIRE_RANGES && range[i].kind != WIRE_NOTHING && !rc; i++)
		rc = map_range(wired, n, &range[i], diag);
	return rc;
}

/* ---- devices ---- */

static int no_model(const struct wired *wired, struct diag *diag)
{
	if (wired->row->per_vcpu)
		return diag_set(diag, -ENOMEM, "out of memory for device %s of vCPU %u",
			wired->row->name, wired->vcpu);
	return diag_set(diag, -ENOMEM, "out of memory for device %s", wired->row->name);
}

static int attach(struct wired *wired, struct diag *diag)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)((char *)wired->vm + wired->row->lock);

	wired->slot = bus_attach(wired->vm->bus, wired->row->device(wired->model), lock, diag);
	if (!wired->slot)
		return -ENOSPC;
	wired->slot->vcpu = wired->vcpu;
	if (wired->row->attached)
		wired->row->attached(wired);
	return 0;
}

static int make_one(struct vm *vm, const struct wiring *row, unsigned vcpu, struct diag *diag)
{
	struct wired *wired = &vm->wired[vm->wired_count];

	if (vm->wired_count == BUS_SLOTS)
		return diag_set(diag, -ENOSPC, "device %s: expected at most %u devices", row->name,
			BUS_SLOTS);
	*wired = (struct wired){.vm = vm, .row = row, .vcpu = vcpu};
	wired->model = row->create(wired);
	if (!wired->model)
		return no_model(wired, diag);
	vm->wired_count++;
	return attach(wired, diag);
}

static int make_row(struct vm *vm, const struct wiring *row, struct diag *diag)
{
	unsigned first = vm->wired_count, n = row->per_vcpu ? vm->config.vcpus : 1;
	int rc = 0;

	if (row->present && !row->present(vm))
		return 0;
	for (unsigned i = 0; i < n && !rc; i++)
		rc = make_one(vm, row, i, diag);
	return rc ? rc : map_ranges(&vm->wired[first], n, diag);
}

int wiring_create(struct vm *vm, const struct wiring *table, unsigned n, struct diag *diag)
{
	int rc = 0;

	for (unsigned i = 0; i < n && !rc; i++)
		rc = make_row(vm, &table[i], diag);
	return rc;
}

void wiring_destroy(struct vm *vm)
{
	while (vm->wired_count) {
		const struct wired *wired = &vm->wired[--vm->wired_count];

		if (wired->row->destroy)
			wired->row->destroy(wired->model);
	}
}

/* ---- what they counted ---- */

struct counting {
	const struct wired *wired;
	void (*each)(void *ctx, const struct vm_device_counter *counter);
	void *ctx;
};

static void put_counter(void *ctx, const char *name, uint64_t value)
{
	const struct counting *counting = ctx;
	const struct wired *wired = counting->wired;
	struct vm_device_counter counter = {.device = wired->slot->device.ops->name,
		.vcpu = wired->row->per_vcpu ? (int)wired->vcpu : -1,
		.name = name,
		.value = value};

	counting->each(counting->ctx, &counter);
}

void vm_device_counters(
	struct vm *vm, void (*each)(void *ctx, const struct vm_device_counter *counter), void *ctx)
{
	for (unsigned i = 0; i < vm->wired_count; i++) {
		struct counting counting = {&vm->wired[i], each, ctx};
		const struct device *device = &vm->wired[i].slot->device;

		if (device->ops->counters)
			device->ops->counters(device->self,
				(struct counter_sink){.put = put_counter, .ctx = &counting});
	}
}

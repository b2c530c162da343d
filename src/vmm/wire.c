/* SPDX-License-Identifier: BSD-2-Clause */
/* The wiring diagram: a row for each device, with what it is, where it is reached and what its
 * outputs drive. How rows become devices: wiring.c; how to add one: docs/extending.md. */
#include "wire.h"

#include "tickvm/exit_port.h"
#include "tickvm/pit.h"

/* ---- conditions ---- */

static bool lapic_is_ours(const struct vm *vm)
{
	return vm->config.irqchip == IRQCHIP_USER;
}

/* PIC, IOAPIC, PIT with port 0x61: else they are KVM's. */
static bool isa_is_ours(const struct vm *vm)
{
	return vm->config.irqchip != IRQCHIP_KERNEL;
}

/* ---- making the models, and what their outputs drive ---- */

static void guest_exits(void *ctx, uint8_t status)
{
	vm_end(ctx, VM_END_EXIT, status, NULL);
}

static void *create_exit(struct wired *wired)
{
	return exit_port_create(guest_exits, wired->vm);
}

static void *create_signal(struct wired *wired)
{
	return signal_port_create(wire_log_signal, wired->vm);
}

static void *create_probe(struct wired *wired)
{
	(void)wired;
	return probe_create();
}

static int probe_eventfd(const struct vm *vm)
{
	return vm->probe_eventfd;
}

static void *create_sync(struct wired *wired)
{
	return wired->vm->sync = sync_port_create();
}

static void *create_pit(struct wired *wired)
{
	return pit_create(wired_irq(wired), wired->row->irq);
}

static void *create_serial(struct wired *wired)
{
	struct vm *vm = wired->vm;
	struct serial *serial =
		serial_create(wired_irq(wired), wired->row->irq, terminal_sink(vm->terminal));

	/* The terminal's thread is there already, and looks. */
	pthread_mutex_lock(&vm->serial_lock);
	vm->serial = serial;
	pthread_mutex_unlock(&vm->serial_lock);
	return serial;
}

/* A model's functions in the form of the table's. */
#define MODEL(NAME)                                                                                \
	static struct device NAME##_plug(void *model)                                              \
	{                                                                                          \
		return NAME##_device(model);                                                       \
	}                                                                                          \
	static void NAME##_unmake(void *model)                                                     \
	{                                                                                          \
		NAME##_destroy(model);                                                             \
	}
#define IS(NAME) .device = NAME##_plug, .destroy = NAME##_unmake

MODEL(pic)
MODEL(ioapic)
MODEL(dedicated_timer)
MODEL(probe)
MODEL(signal_port)
MODEL(exit_port)
MODEL(sync_port)
MODEL(pit)
MODEL(virtio_blk)
MODEL(serial)

static struct device lapic_plug(void *model)
{
	return lapic_device(model);
}

/* ---- the table ---- */

#define PAGE 0x1000

/* In the order in which MMIO is searched: the LAPICs first, for where a guest moves them over
 * another device. */
static const struct wiring table[] = {
	{"lapic", lapic_is_ours, .per_vcpu = true, .lock = WIRE_LOCK(irqchip.lock),
		.create = irqchip_lapic_create, .device = lapic_plug,
		.attached = irqchip_lapic_attached,
		.ranges = {{WIRE_MMIO, GPA_LAPIC, PAGE, .stride = 0}}},
	{"pic", isa_is_ours, .lock = WIRE_LOCK(irqchip.lock), .create = irqchip_pic_create, IS(pic),
		.ranges = {{WIRE_PORTS, 0x20, 2, .offset = 0}, {WIRE_PORTS, 0xa0, 2, .offset = 2},
			{WIRE_PORTS, 0x4d0, 2, .offset = 4}}},
	{"ioapic", isa_is_ours, .lock = WIRE_LOCK(irqchip.lock), .create = irqchip_ioapic_create,
		IS(ioapic), .ranges = {{WIRE_MMIO, GPA_IOAPIC, PAGE, .offset = 0}}},
	{"dedicated", .per_vcpu = true, .lock = WIRE_LOCK(irqchip.lock),
		.create = wire_dedicated_create, IS(dedicated_timer),
		.attached = wire_dedicated_attached,
		.ranges = {{WIRE_MMIO, GPA_DEDICATED, PAGE, .stride = PAGE},
			{WIRE_EVENT_MMIO, GPA_DEDICATED + DT_DOORBELL, 8, .stride = PAGE,
				.eventfd = wire_doorbell_eventfd}}},
	{"signal", .lock = WIRE_LOCK(plain_lock), .create = create_signal, IS(signal_port),
		.ranges = {{WIRE_PORTS, PORT_SIGNAL, 1, .offset = 0}}},
	{"exit", .lock = WIRE_LOCK(plain_lock), .create = create_exit, IS(exit_port),
		.ranges = {{WIRE_PORTS, PORT_EXIT, 1, .offset = 0}}},
	{"probe", .lock = WIRE_LOCK(plain_lock), .create = create_probe, IS(probe),
		.ranges = {{WIRE_PORTS, PORT_PROBE, 8, .offset = 0},
			{WIRE_EVENT_PORTS, PORT_PROBE_EVENTFD, 1, .eventfd = probe_eventfd}}},
	{"sync", .lock = WIRE_LOCK(plain_lock), .create = create_sync, IS(sync_port),
		.ranges = {{WIRE_PORTS, PORT_SYNC, 1, .offset = 0}}},
	{"probe", .lock = WIRE_LOCK(plain_lock), .create = create_probe, IS(probe),
		.ranges = {{WIRE_MMIO, GPA_PROBE, PAGE, .offset = 0},
			{WIRE_EVENT_MMIO, GPA_PROBE + 0x800, 8, .eventfd = probe_eventfd}}},
	{"pit", isa_is_ours, .lock = WIRE_LOCK(pit_lock), .irq = 0, .create = create_pit, IS(pit),
		.ranges = {{WIRE_PORTS, 0x40, 4, .offset = 0}, {WIRE_PORTS, 0x61, 1, .offset = 4}}},
	{"virtio-blk", wire_disk_present, .lock = WIRE_LOCK(disk_lock), .irq = IRQ_DISK,
		.create = wire_disk_create, IS(virtio_blk),
		.ranges = {{WIRE_MMIO, GPA_DISK, VIRTIO_BLK_MMIO_SIZE, .offset = 0},
			{WIRE_EVENT_MMIO, GPA_DISK + VIRTIO_BLK_NOTIFY, 4,
				.eventfd = wire_disk_eventfd}}},
	{"serial", .lock = WIRE_LOCK(serial_lock), .irq = 4, .create = create_serial, IS(serial),
		.ranges = {{WIRE_PORTS, PORT_SERIAL, 8, .offset = 0}}},
};

int wire_table(struct vm *vm, struct diag *diag)
{
	return wiring_create(vm, table, sizeof(table) / sizeof(table[0]), diag);
}

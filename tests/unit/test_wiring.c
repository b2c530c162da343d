/* SPDX-License-Identifier: BSD-2-Clause */
/* From rows to devices: who is made, where it is reached, and that what goes wrong has a sentence
 * and leaves nothing. With a table of its own and no KVM. */
#include "../../src/vmm/vm_internal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VCPUS 3

static struct vm *vm;
static struct diag diag;
static unsigned made, unmade, attached;        /* models */
static unsigned fails_at;                      /* this many are made, then there is no memory */
static unsigned order[2 * BUS_SLOTS], n_order; /* values of the models as they were unmade */

struct toy {
	uint64_t value; /* what a read gives, with the offset added */
};

static uint64_t toy_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	const struct toy *toy = self;

	(void)now;
	(void)size;
	return toy->value + offset;
}

static void toy_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	(void)self;
	(void)now;
	(void)offset;
	(void)size;
	(void)value;
}

static void toy_counters(const void *self, struct counter_sink sink)
{
	sink.put(sink.ctx, "value", ((const struct toy *)self)->value);
	sink.put(sink.ctx, "coalesced", 1);
}

static const struct device_ops toy_ops = {
	.name = "toy", .read = toy_read, .write = toy_write, .counters = toy_counters};

/* 0x10 for the line 1, and the vCPU. */
static void *toy_create(struct wired *wired)
{
	struct toy *toy = made == fails_at ? NULL : malloc(sizeof(*toy));

	if (!toy)
		return NULL;
	toy->value = wired->row->irq * 0x10 + wired->vcpu;
	made++;
	return toy;
}

static struct device toy_device(void *model)
{
	return (struct device){.ops = &toy_ops, .self = model};
}

static void toy_attached(struct wired *wired)
{
	cr_expect_not_null(wired->slot);
	cr_expect_eq(wired->slot->vcpu, wired->vcpu);
	attached++;
}

static void toy_destroy(void *model)
{
	order[n_order++] = (unsigned)((struct toy *)model)->value;
	unmade++;
	free(model);
}

static bool never(const struct vm *of)
{
	(void)of;
	return false;
}

static int no_eventfd(const struct vm *of)
{
	(void)of;
	return -1;
}

#define TOY                                                                                        \
	.lock = WIRE_LOCK(plain_lock), .create = toy_create, .device = toy_device,                 \
	.attached = toy_attached, .destroy = toy_destroy

static void setup(void)
{
	vm = calloc(1, sizeof(*vm));
	vm->config.vcpus = VCPUS;
	vm->clock = (struct vm_clock){.hz = 1000000000};
	vm->bus = bus_create(&vm->clock);
	pthread_mutex_init(&vm->plain_lock, NULL);
	made = unmade = attached = n_order = 0;
	fails_at = UINT32_MAX;
}

static void teardown(void)
{
	wiring_destroy(vm);
	cr_expect_eq(made, unmade, "%u made, %u unmade", made, unmade);
	bus_destroy(vm->bus);
	free(vm);
}

TestSuite(wiring, .init = setup, .fini = teardown);

static uint64_t read_port(uint64_t port)
{
	struct bus_access access = {.address = port, .size = 1};

	bus_pio(vm->bus, &access);
	return access.value;
}

static uint64_t read_mmio(uint64_t gpa, unsigned vcpu)
{
	struct bus_access access = {.address = gpa, .size = 4, .vcpu = vcpu};

	bus_mmio(vm->bus, &access);
	return access.value;
}

Test(wiring, a_device_is_reached_where_its_row_says)
{
	static const struct wiring table[] = {
		{"toy", .irq = 1, TOY,
			.ranges = {{WIRE_PORTS, 0x20, 2, .offset = 0},
				{WIRE_PORTS, 0xa0, 2, .offset = 2},
				{WIRE_MMIO, 0xf0000000, 0x1000, .offset = 8}}},
	};

	cr_assert_eq(wiring_create(vm, table, 1, &diag), 0, "%s", diag.text);
	cr_expect_eq(read_port(0x21), 0x11);
	cr_expect_eq(read_port(0xa1), 0x13);
	cr_expect_eq(read_port(0x22), 0xff);
	cr_expect_eq(read_mmio(0xf0000004, 0), 0x1c);
	cr_expect_eq(attached, 1);
}

Test(wiring, one_a_vcpu_at_one_place_or_side_by_side)
{
	static const struct wiring table[] = {
		{"toy", .irq = 1, .per_vcpu = true, TOY,
			.ranges = {{WIRE_MMIO, 0xfee00000, 0x1000, .stride = 0}}},
		{"toy", .irq = 2, .per_vcpu = true, TOY,
			.ranges = {{WIRE_MMIO, 0xfeb00000, 0x100, .stride = 0x100}}},
	};

	cr_assert_eq(wiring_create(vm, table, 2, &diag), 0, "%s", diag.text);
	for (unsigned i = 0; i < VCPUS; i++) {
		cr_expect_eq(read_mmio(0xfee00000, i), 0x10 + i);
		cr_expect_eq(read_mmio(0xfeb00000 + i * 0x100, 0), 0x20 + i);
	}
	cr_expect_eq(read_mmio(0xfeb00000 + VCPUS * 0x100, 0), UINT32_MAX);
}

struct counted {
	unsigned n, of_vcpus, of_machine;
	uint64_t sum;
};

static void add_counter(void *ctx, const struct vm_device_counter *counter)
{
	struct counted *counted = ctx;

	cr_expect_str_eq(counter->device, "toy");
	counted->n++;
	counted->of_vcpus += counter->vcpu >= 0 && counter->vcpu < VCPUS;
	counted->of_machine += counter->vcpu == -1;
	if (!strcmp(counter->name, "value"))
		counted->sum += counter->value;
}

Test(wiring, devices_bring_their_own_counters)
{
	static const struct wiring table[] = {
		{"toy", .irq = 1, TOY},
		{"toy", .irq = 2, .per_vcpu = true, TOY},
	};
	struct counted counted = {.n = 0};

	cr_assert_eq(wiring_create(vm, table, 2, &diag), 0, "%s", diag.text);
	vm_device_counters(vm, add_counter, &counted);
	cr_expect_eq(counted.n, 2 * (1 + VCPUS));
	cr_expect_eq(counted.of_machine, 2);
	cr_expect_eq(counted.of_vcpus, 2 * VCPUS);
	cr_expect_eq(counted.sum, 0x10 + 0x20 + 0x21 + 0x22);
	cr_expect_eq(vm_coalesced(vm), 1 + VCPUS);
}

Test(wiring, who_is_not_present_is_not_made)
{
	static const struct wiring table[] = {
		{"toy", never, TOY, .ranges = {{WIRE_PORTS, 0x20, 1, .offset = 0}}},
		{"toy", .irq = 1, TOY, .ranges = {{WIRE_PORTS, 0x20, 1, .offset = 0}}},
	};

	cr_assert_eq(wiring_create(vm, table, 2, &diag), 0, "%s", diag.text);
	cr_expect_eq(made, 1);
	cr_expect_eq(read_port(0x20), 0x10);
}

Test(wiring, an_event_that_nobody_hears_is_a_register)
{
	static const struct wiring table[] = {
		{"toy", .irq = 1, TOY,
			.ranges = {{WIRE_MMIO, 0xf0000000, 0x1000, .offset = 0},
				{WIRE_EVENT_MMIO, 0xf0000800, 8, .eventfd = no_eventfd}}},
	};

	cr_assert_eq(wiring_create(vm, table, 1, &diag), 0, "%s", diag.text);
	cr_expect_eq(read_mmio(0xf0000800, 0), 0x810);
}

static int some_eventfd(const struct vm *of)
{
	(void)of;
	return 0;
}

/* vm->fd is no VM's. */
Test(wiring, an_event_that_kvm_refuses_is_an_error_with_the_devices_name)
{
	static const struct wiring table[] = {
		{"toy", TOY, .ranges = {{WIRE_EVENT_PORTS, 0xe8, 1, .eventfd = some_eventfd}}},
	};

	vm->fd = -1;
	cr_expect_eq(wiring_create(vm, table, 1, &diag), -EBADF);
	cr_expect_not_null(strstr(diag.text, "device toy: KVM_IOEVENTFD"), "%s", diag.text);
}

Test(wiring, overlaps_are_errors_that_name_both)
{
	static const struct wiring ports[] = {
		{"toy", TOY, .ranges = {{WIRE_PORTS, 0x40, 4, .offset = 0}}},
		{"toy", TOY,
			.ranges = {{WIRE_PORTS, 0x20, 1, .offset = 0},
				{WIRE_PORTS, 0x43, 1, .offset = 0}}},
	};
	static const struct wiring pages[] = {
		{"toy", .per_vcpu = true, TOY,
			.ranges = {{WIRE_MMIO, 0xfee00000, 0x1000, .stride = 0x800}}},
	};

	cr_expect_eq(wiring_create(vm, ports, 2, &diag), -EBUSY);
	cr_expect_str_eq(
		diag.text, "device toy at port 0x43 overlaps device toy at ports 0x40 to 0x43");
	wiring_destroy(vm);
	cr_expect_eq(wiring_create(vm, pages, 1, &diag), -EBUSY);
	cr_expect_str_eq(diag.text,
		"device toy at addresses 0xfee00800 to 0xfee017ff overlaps device toy at addresses "
		"0xfee00000 to 0xfee00fff");
}

Test(wiring, no_memory_for_a_model_is_an_error_with_its_name)
{
	static const struct wiring table[] = {
		{"first", TOY},
		{"second", TOY},
		{"third", .per_vcpu = true, TOY},
	};

	fails_at = 1;
	cr_expect_eq(wiring_create(vm, table, 3, &diag), -ENOMEM);
	cr_expect_str_eq(diag.text, "out of memory for device second");
	wiring_destroy(vm);
	fails_at = made + 4;
	cr_expect_eq(wiring_create(vm, table, 3, &diag), -ENOMEM);
	cr_expect_str_eq(diag.text, "out of memory for device third of vCPU 2");
}

/* Whatever stage it fails at, all that was made is unmade, the last first. */
Test(wiring, a_creation_that_failed_is_undone_in_reverse_order)
{
	static const struct wiring table[] = {
		{"toy", .irq = 1, TOY},
		{"toy", .irq = 2, .per_vcpu = true, TOY},
		{"toy", .irq = 3, TOY},
	};

	for (unsigned n = 0; n <= VCPUS + 1; n++) {
		fails_at = made + n;
		n_order = 0;
		cr_expect_eq(wiring_create(vm, table, 3, &diag), -ENOMEM);
		wiring_destroy(vm);
		cr_expect_eq(made, unmade);
		cr_expect_eq(n_order, n);
		for (unsigned i = 1; i < n; i++)
			cr_expect_lt(order[i], order[i - 1]);
	}
	wiring_destroy(vm);
	cr_expect_eq(made, unmade);
}

Test(wiring, more_devices_than_there_is_room_for_are_refused)
{
	static const struct wiring table[] = {{"toy", TOY}};
	unsigned n = 0;

	while (!wiring_create(vm, table, 1, &diag) && n <= BUS_SLOTS)
		n++;
	cr_expect_eq(n, BUS_SLOTS);
	cr_expect_str_eq(diag.text, "device toy: expected at most 64 devices");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus: who is reached by which access, what nobody answers, and time that never runs backwards.
 */
#include "../../src/vmm/bus.h"

#include <criterion/criterion.h>
#include <errno.h>

struct recorder {
	uint64_t offset, value;
	unsigned size, reads, writes;
	nsec_t now;
};

static uint64_t record_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	struct recorder *r = self;

	*r = (struct recorder){.offset = offset, .size = size, .now = now, .reads = r->reads + 1};
	return UINT64_MAX; /* wider than any access: the bus cuts it */
}

static void record_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	struct recorder *r = self;

	*r = (struct recorder){.offset = offset,
		.size = size,
		.now = now,
		.value = value,
		.writes = r->writes + 1};
}

static const struct device_ops recorder_ops = {
	.name = "recorder", .read = record_read, .write = record_write};

static const struct vm_clock clock_1ghz = {.origin_tsc = 1000, .hz = 1000000000};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct bus_slot *attach(struct bus *bus, struct recorder *recorder)
{
	struct bus_slot *slot =
		bus_attach(bus, (struct device){.ops = &recorder_ops, .self = recorder}, &lock);

	cr_assert_not_null(slot);
	return slot;
}

Test(bus, ports_reach_their_device_at_its_offset)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r = {0};
	struct bus_access access = {
		.address = 0xa1, .size = 1, .write = true, .exit_tsc = 1500, .value = 7};

	cr_assert_eq(bus_map_pio(bus, attach(bus, &r), 0xa0, 2, 2), 0);
	bus_pio(bus, &access);
	cr_expect_eq(r.writes, 1);
	cr_expect_eq(r.offset, 3);
	cr_expect_eq(r.value, 7);
	cr_expect_eq(r.now, 500);
	cr_expect_str_eq(access.device, "recorder");
	cr_expect_geq(access.end_tsc, access.begin_tsc);
	bus_destroy(bus);
}

Test(bus, reads_are_cut_to_their_width)
{
	static const uint64_t ones[] = {
		[1] = 0xff, [2] = 0xffff, [4] = 0xffffffff, [8] = UINT64_MAX};
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r = {0};
	struct bus_slot *slot = attach(bus, &r);

	bus_map_pio(bus, slot, 0x10, 1, 0);
	bus_map_mmio(bus, &slot, 0, 0xf0000000, 0x1000);
	for (unsigned size = 1; size <= 8; size *= 2) {
		struct bus_access mmio = {.address = 0xf0000008, .size = size};
		struct bus_access port = {.address = 0x10, .size = size};
		struct bus_access nobody = {.address = 0x11, .size = size};

		bus_mmio(bus, &mmio);
		bus_pio(bus, &port);
		bus_pio(bus, &nobody);
		cr_expect_eq(mmio.value, ones[size]);
		cr_expect_eq(port.value, ones[size]);
		cr_expect_eq(nobody.value, ones[size]);
		cr_expect_str_eq(nobody.device, "unknown");
	}
	bus_destroy(bus);
}

Test(bus, addresses_around_a_range_are_nobodys)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r = {0};
	struct bus_slot *slot = attach(bus, &r);
	const uint64_t outside[] = {0, 0xefffffff, 0xf0001000, UINT64_MAX};

	bus_map_mmio(bus, &slot, 0, 0xf0000000, 0x1000);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		struct bus_access access = {.address = outside[i], .size = 4, .write = true};

		bus_mmio(bus, &access);
		cr_expect_str_eq(access.device, "unknown");
	}
	cr_expect_eq(r.writes + r.reads, 0);
	bus_destroy(bus);
}

Test(bus, each_vcpu_reaches_its_own_at_a_shared_address)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r[2] = {{0}, {0}};
	struct bus_slot *slots[2] = {attach(bus, &r[0]), attach(bus, &r[1])};
	struct bus_access access = {.address = 0xfee00020, .size = 4, .vcpu = 1};

	bus_map_mmio(bus, slots, 2, 0xfee00000, 0x1000);
	bus_mmio(bus, &access);
	cr_expect_eq(r[0].reads, 0);
	cr_expect_eq(r[1].reads, 1);
	cr_expect_eq(r[1].offset, 0x20);
	bus_destroy(bus);
}

static const char *who(struct bus *bus, unsigned vcpu, uint64_t address)
{
	struct bus_access access = {.address = address, .size = 4, .vcpu = vcpu};

	bus_mmio(bus, &access);
	return access.device;
}

Test(bus, one_vcpus_page_moves_and_the_others_stay)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r[2] = {{0}, {0}}, below = {0};
	struct bus_slot *slots[2] = {attach(bus, &r[0]), attach(bus, &r[1])};
	struct bus_slot *other = attach(bus, &below);

	slots[1]->vcpu = 1;
	bus_map_mmio(bus, slots, 2, 0xfee00000, 0x1000);
	bus_map_mmio(bus, &other, 0, 0xfec00000, 0x1000);
	bus_move_mmio(slots[1], 0xfec00000); /* over another device: for that vCPU alone */
	cr_expect_str_eq(who(bus, 1, 0xfee00020), "unknown");
	cr_expect_str_eq(who(bus, 1, 0xfec00ff0), "recorder");
	cr_expect_eq(r[1].offset, 0xff0);
	cr_expect_eq(below.reads, 0);
	cr_expect_str_eq(who(bus, 0, 0xfee00020), "recorder");
	cr_expect_str_eq(who(bus, 0, 0xfec00010), "recorder");
	cr_expect_eq(r[0].reads, 1);
	cr_expect_eq(below.reads, 1);
	bus_destroy(bus);
}

Test(bus, a_page_that_is_nowhere_lets_through_what_is_there)
{
	static const uint64_t anywhere[] = {
		0, 0xfff, 0xfee00000, (1ULL << 52) - 1, (1ULL << 63) - 1};
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r = {0}, below = {0};
	struct bus_slot *slot = attach(bus, &r), *other = attach(bus, &below);

	bus_map_mmio(bus, &slot, 1, 0xfee00000, 0x1000);
	bus_map_mmio(bus, &other, 0, 0xfec00000, 0x1000);
	bus_move_mmio(slot, BUS_NOWHERE);
	for (size_t i = 0; i < sizeof(anywhere) / sizeof(anywhere[0]); i++)
		cr_expect_str_eq(who(bus, 0, anywhere[i]), "unknown");
	bus_move_mmio(slot, 0xfec00000);
	who(bus, 0, 0xfec00000);
	cr_expect_eq(r.reads, 1);
	bus_move_mmio(slot, BUS_NOWHERE);
	who(bus, 0, 0xfec00000);
	cr_expect_eq(below.reads, 1);
	bus_destroy(bus);
}

/* A range that is everybody's does not move with one vCPU's slot. */
Test(bus, what_is_shared_stays)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r = {0};
	struct bus_slot *slot = attach(bus, &r);

	bus_map_mmio(bus, &slot, 0, 0xfee00000, 0x1000);
	bus_move_mmio(slot, BUS_NOWHERE);
	cr_expect_str_eq(who(bus, 0, 0xfee00000), "recorder");
	bus_destroy(bus);
}

Test(bus, a_port_belongs_to_one_device)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r[2] = {{0}, {0}};

	cr_expect_eq(bus_map_pio(bus, attach(bus, &r[0]), 0x40, 4, 0), 0);
	cr_expect_eq(bus_map_pio(bus, attach(bus, &r[1]), 0x43, 2, 0), -EBUSY);
	cr_expect_eq(bus_map_pio(bus, attach(bus, &r[1]), 0xffff, 2, 0), -ENOSPC);
	cr_expect_eq(bus_map_pio(bus, attach(bus, &r[1]), 0xffff, 1, 0), 0);
	bus_destroy(bus);
}

Test(bus, a_models_time_never_runs_backwards)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r = {0};
	struct bus_access late = {.address = 1, .size = 1, .exit_tsc = 9000};
	struct bus_access early = {.address = 1, .size = 1, .exit_tsc = 5000};

	bus_map_pio(bus, attach(bus, &r), 1, 1, 0);
	bus_pio(bus, &late);
	cr_expect_eq(r.now, 8000);
	bus_pio(bus, &early);
	cr_expect_eq(r.now, 8000);
	bus_destroy(bus);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus: who is reached by which access, what nobody answers, and time that never runs backwards.
 */
#include "../../src/vmm/bus.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

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

static struct diag diag;

static struct bus_slot *attach_as(
	struct bus *bus, const struct device_ops *ops, struct recorder *recorder)
{
	struct device device = {.ops = ops, .self = recorder};
	struct bus_slot *slot = bus_attach(bus, device, &lock, &diag);

	cr_assert_not_null(slot, "%s", diag.text);
	return slot;
}

static struct bus_slot *attach(struct bus *bus, struct recorder *recorder)
{
	return attach_as(bus, &recorder_ops, recorder);
}

static void map_mmio(
	struct bus *bus, struct bus_slot *const *slots, unsigned per_vcpu, uint64_t gpa)
{
	cr_assert_eq(bus_map_mmio(bus, slots, per_vcpu, gpa, 0x1000, 0, &diag), 0, "%s", diag.text);
}

Test(bus, ports_reach_their_device_at_its_offset)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r = {0};
	struct bus_access access = {
		.address = 0xa1, .size = 1, .write = true, .exit_tsc = 1500, .value = 7};

	cr_assert_eq(bus_map_pio(bus, attach(bus, &r), 0xa0, 2, 2, &diag), 0);
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

	cr_assert_eq(bus_map_pio(bus, slot, 0x10, 1, 0, &diag), 0);
	map_mmio(bus, &slot, 0, 0xf0000000);
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

	map_mmio(bus, &slot, 0, 0xf0000000);
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

	map_mmio(bus, slots, 2, 0xfee00000);
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
	map_mmio(bus, slots, 2, 0xfee00000);
	map_mmio(bus, &other, 0, 0xfec00000);
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

	map_mmio(bus, &slot, 1, 0xfee00000);
	map_mmio(bus, &other, 0, 0xfec00000);
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

	map_mmio(bus, &slot, 0, 0xfee00000);
	bus_move_mmio(slot, BUS_NOWHERE);
	cr_expect_str_eq(who(bus, 0, 0xfee00000), "recorder");
	bus_destroy(bus);
}

/* ---- a place is one device's ---- */

static const struct device_ops other_ops = {
	.name = "other", .read = record_read, .write = record_write};

static void expect_refusal(int rc, int error, const char *sentence)
{
	cr_expect_eq(rc, error, "%d: %s", rc, sentence);
	cr_expect_str_eq(diag.text, sentence);
	diag.text[0] = '\0';
}

Test(bus, a_port_belongs_to_one_device)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r[2] = {{0}, {0}};
	struct bus_slot *slot = attach(bus, &r[0]), *other = attach_as(bus, &other_ops, &r[1]);

	cr_expect_eq(bus_map_pio(bus, slot, 0x40, 4, 0, &diag), 0);
	expect_refusal(bus_map_pio(bus, other, 0x43, 2, 0, &diag), -EBUSY,
		"device other at ports 0x43 to 0x44 overlaps device recorder at ports 0x40 to "
		"0x43");
	expect_refusal(bus_map_pio(bus, slot, 0x3f, 2, 0, &diag), -EBUSY,
		"device recorder at ports 0x3f to 0x40 overlaps device recorder at ports 0x40 to "
		"0x43");
	cr_expect_eq(bus_map_pio(bus, other, 0x44, 1, 0, &diag), 0);
	expect_refusal(bus_map_pio(bus, slot, 0x44, 1, 0, &diag), -EBUSY,
		"device recorder at port 0x44 overlaps device other at port 0x44");
	bus_destroy(bus);
}

Test(bus, an_address_belongs_to_one_device)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r[2] = {{0}, {0}};
	struct bus_slot *slot = attach(bus, &r[0]), *other = attach_as(bus, &other_ops, &r[1]);

	map_mmio(bus, &slot, 0, 0xfee00000);
	expect_refusal(bus_map_mmio(bus, &other, 0, 0xfee00fff, 1, 0, &diag), -EBUSY,
		"device other at address 0xfee00fff overlaps device recorder at addresses "
		"0xfee00000 to 0xfee00fff");
	map_mmio(bus, &other, 0, 0xfee01000);
	expect_refusal(bus_map_mmio(bus, &slot, 0, 0xfedff000, 0x10000, 0, &diag), -EBUSY,
		"device recorder at addresses 0xfedff000 to 0xfee0efff overlaps device recorder at "
		"addresses 0xfee00000 to 0xfee00fff");
	cr_expect_eq(bus_map_pio(bus, other, 0xfee0, 1, 0, &diag), 0, "ports are no addresses");
	bus_destroy(bus);
}

Test(bus, what_is_refused_reaches_who_was_there)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r[2] = {{0}, {0}};
	struct bus_slot *slot = attach(bus, &r[0]), *other = attach_as(bus, &other_ops, &r[1]);
	struct bus_access access = {.address = 0x43, .size = 1};
	struct bus_access beside = {.address = 0x44, .size = 1};

	cr_expect_eq(bus_map_pio(bus, slot, 0x40, 4, 0, &diag), 0);
	cr_expect_eq(bus_map_pio(bus, other, 0x43, 2, 0, &diag), -EBUSY);
	bus_pio(bus, &access);
	bus_pio(bus, &beside);
	cr_expect_str_eq(access.device, "recorder");
	cr_expect_str_eq(beside.device, "unknown");
	bus_destroy(bus);
}

/* A doorbell lies among its own device's registers, and nowhere else. */
Test(bus, an_event_may_lie_over_its_own_device_only)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r[2] = {{0}, {0}};
	struct bus_slot *slot = attach(bus, &r[0]), *other = attach_as(bus, &other_ops, &r[1]);

	map_mmio(bus, &slot, 0, 0xfeb00000);
	cr_expect_eq(bus_claim_event(bus, slot, BUS_MEMORY, 0xfeb00800, 8, &diag), 0);
	expect_refusal(bus_claim_event(bus, slot, BUS_MEMORY, 0xfeb00804, 4, &diag), -EBUSY,
		"device recorder at addresses 0xfeb00804 to 0xfeb00807 overlaps device recorder at "
		"addresses 0xfeb00800 to 0xfeb00807");
	expect_refusal(bus_claim_event(bus, other, BUS_MEMORY, 0xfeb00000, 4, &diag), -EBUSY,
		"device other at addresses 0xfeb00000 to 0xfeb00003 overlaps device recorder at "
		"addresses 0xfeb00000 to 0xfeb00fff");
	cr_expect_eq(bus_claim_event(bus, slot, BUS_PORTS, 0xe8, 1, &diag), 0);
	expect_refusal(bus_map_pio(bus, other, 0xe8, 1, 0, &diag), -EBUSY,
		"device other at port 0xe8 overlaps device recorder at port 0xe8");
	bus_destroy(bus);
}

Test(bus, places_that_do_not_exist_are_refused)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r = {0};
	struct bus_slot *slot = attach(bus, &r);

	expect_refusal(bus_map_pio(bus, slot, 0xffff, 2, 0, &diag), -ENOSPC,
		"device recorder, 2 from 0xffff: expected at least 1, the last at most 0xffff");
	expect_refusal(bus_map_pio(bus, slot, 0x10, 0, 0, &diag), -ENOSPC,
		"device recorder, 0 from 0x10: expected at least 1, the last at most 0xffff");
	expect_refusal(bus_map_mmio(bus, &slot, 0, UINT64_MAX, 2, 0, &diag), -ENOSPC,
		"device recorder, 2 from 0xffffffffffffffff: expected at least 1, the last at most "
		"0x7fffffffffffffff");
	cr_expect_eq(bus_map_pio(bus, slot, 0xffff, 1, 0, &diag), 0);
	bus_destroy(bus);
}

Test(bus, a_full_bus_says_so)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r = {0};
	struct bus_slot *slot = attach(bus, &r);
	unsigned n = 0;

	while (!bus_map_pio(bus, slot, n, 1, 0, &diag))
		n++;
	cr_expect_geq(n, 2 * VM_MAX_VCPUS + 32);
	cr_expect_not_null(strstr(diag.text, "recorder at port 0x"), "%s", diag.text);
	cr_expect_not_null(strstr(diag.text, "has room for"), "%s", diag.text);
	for (unsigned i = 1; i < BUS_SLOTS; i++)
		attach(bus, &r);
	cr_expect_null(bus_attach(bus, (struct device){.ops = &other_ops}, &lock, &diag));
	cr_expect_str_eq(diag.text, "device other: the bus has room for 64 devices");
	bus_destroy(bus);
}

Test(bus, a_models_time_never_runs_backwards)
{
	struct bus *bus = bus_create(&clock_1ghz);
	struct recorder r = {0};
	struct bus_access late = {.address = 1, .size = 1, .exit_tsc = 9000};
	struct bus_access early = {.address = 1, .size = 1, .exit_tsc = 5000};

	cr_assert_eq(bus_map_pio(bus, attach(bus, &r), 1, 1, 0, &diag), 0);
	bus_pio(bus, &late);
	cr_expect_eq(r.now, 8000);
	bus_pio(bus, &early);
	cr_expect_eq(r.now, 8000);
	bus_destroy(bus);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A hostile guest at the dedicated timer: registers, page contents and interrupts in any order.
 * Checked: no crash, valid injections only, time to act always comes, every held message comes back
 * in time. */
#include "tickvm/dedicated_timer.h"

#include <stdlib.h>
#include <string.h>

#define VCPUS    3
#define PAGE_GPA 0x4000ULL
#define WINDOW   20000
#define CAP      50000
#define TIME_MAX (NSEC_NEVER / 2) /* three centuries: the world ends before the clock does */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct dedicated_timer *timer;
	struct device device;
	struct dedicated_page *page;
	nsec_t now;
	nsec_t held_since[256]; /* by vector; NSEC_NEVER: not held */
};

static void check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void on_fire(void *ctx, unsigned dest, uint8_t vector)
{
	(void)ctx;
	check(dest < VCPUS && vector >= 32);
}

static void on_release(void *ctx, const struct apic_msg *msg)
{
	struct world *world = ctx;

	check(world->held_since[msg->vector] != NSEC_NEVER);
	world->held_since[msg->vector] = NSEC_NEVER;
}

static struct dedicated_page *on_map(void *ctx, uint64_t gpa)
{
	struct world *world = ctx;

	return gpa == PAGE_GPA ? world->page : NULL;
}

/* Runs the device as the timer thread would, each deadline exactly on time, up to a bound on the
 * work. */
static void pass_time(struct world *world, uint64_t ns)
{
	const struct device_ops *ops = world->device.ops;
	nsec_t end = ns < TIME_MAX - world->now ? world->now + ns : TIME_MAX;

	for (unsigned i = 0; i < 100; i++) {
		nsec_t due = ops->deadline(world->device.self);

		if (due > end)
			break;
		if (due > world->now)
			world->now = due;
		ops->expire(world->device.self, world->now);
		check(ops->deadline(world->device.self) > world->now);
		for (unsigned v = 0; v < 256; v++)
			check(world->held_since[v] == NSEC_NEVER ||
				world->now < world->held_since[v] + WINDOW + CAP);
	}
	/* More than 100 events due: one wake-up, late, as after a pause of the host. */
	world->now = end;
	ops->expire(world->device.self, world->now);
	check(ops->deadline(world->device.self) > world->now);
}

static void interrupt(struct world *world, uint64_t value)
{
	const struct apic_msg msg = {.dest = (uint32_t)(value >> 8) & 7,
		.vector = (uint8_t)value,
		.delivery = value >> 11 & 7,
		.shorthand = value >> 14 & 3,
		.logical = value >> 16 & 1,
		.level = value >> 17 & 1,
		.assert = true,
		.x2apic = value >> 18 & 1};

	if (!dedicated_timer_hold(world->timer, world->now, &msg))
		return;
	check(msg.delivery == APIC_FIXED || msg.delivery == APIC_LOWEST);
	check(world->device.ops->deadline(world->device.self) <= world->now + WINDOW + CAP);
	if (world->held_since[msg.vector] == NSEC_NEVER)
		world->held_since[msg.vector] = world->now;
}

static void one_step(struct world *world, uint8_t op, uint8_t where, uint64_t value)
{
	const struct device_ops *ops = world->device.ops;
	/* Half the values are near the guest's present, where the interesting things happen. */
	uint64_t near = world->now + (value & 0x3ffff);

	switch (op % 8) {
	case 0:
		ops->write(world->device.self, world->now, where, 8, op & 8 ? near : value);
		break;
	case 1:
		ops->write(
			world->device.self, world->now, where % 12 * 8, 8, op & 8 ? near : value);
		break;
	case 2:
		ops->write(world->device.self, world->now, where, 1u << (op >> 3) % 4, value);
		break;
	case 3:
		ops->read(world->device.self, world->now, where, 1u << (op >> 3) % 4);
		break;
	case 4:
		((uint64_t *)(void *)world->page)[where % 8] = op & 8 ? near : value;
		if (op & 16)
			dedicated_timer_poll(world->timer, world->now);
		break;
	case 5:
		interrupt(world, value);
		break;
	case 6:
		pass_time(world, value & 0xfffff);
		break;
	default:
		pass_time(world, op & 8 ? value : value & 0xfff);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;

	const struct dedicated_timer_config config = {.tsc = {.base = 0, .hz = 1000000000},
		.vcpus = VCPUS,
		.advance_ns = data[0] & 1 ? DEDICATED_ADVANCE_AUTO : 4000,
		.quiet_window_ns = data[0] & 2 ? 0 : WINDOW,
		.quiet_cap_ns = CAP};
	struct world world = {.page = calloc(1, sizeof(*world.page))};
	const struct dedicated_timer_sink sink = {on_fire, on_release, on_map, &world};

	for (unsigned v = 0; v < 256; v++)
		world.held_since[v] = NSEC_NEVER;
	world.timer = dedicated_timer_create(&config, sink);
	check(world.page && world.timer);
	world.device = dedicated_timer_device(world.timer);

	for (size_t i = 1; i + 10 <= size; i += 10) {
		uint64_t value;

		memcpy(&value, data + i + 2, sizeof(value));
		one_step(&world, data[i], data[i + 1], value);
	}
	check(dedicated_timer_stats(world.timer).advance_ns <= DEDICATED_ADVANCE_MAX_NS);
	world.device.ops->reset(world.device.self, world.now);
	for (unsigned v = 0; v < 256; v++)
		check(world.held_since[v] == NSEC_NEVER);
	dedicated_timer_destroy(world.timer);
	free(world.page);
	return 0;
}

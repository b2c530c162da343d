/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC timer's three modes over simulated time, against Intel SDM vol. 3, 11.5.4.
 * Registers' masks and reset values are in test_lapic.c. */
#include "tickvm/lapic.h"

#include <criterion/criterion.h>

#define BUS_HZ   1000000000ULL /* a count is 1 ns with divisor 1 */
#define TSC_HZ   2500000000ULL
#define VECTOR   0x40
#define MASKED   0x10000u
#define PERIODIC 0x20000u
#define DEADLINE 0x40000u
#define DIVIDE_1 0xbu

static struct lapic_bus *bus;
static struct lapic *lapic;
static struct device dev;

static void on_event(void *ctx, unsigned id)
{
	(void)ctx, (void)id;
}

static void create(uint64_t bus_hz, struct guest_tsc tsc)
{
	const struct lapic_config config = {.bus_hz = bus_hz, .tsc = tsc, .phys_bits = 52};
	const struct lapic_sink sink = {.notify = on_event};

	lapic_bus_destroy(bus); /* the one of setup() */
	bus = lapic_bus_create(1, &config, sink);
	cr_assert_not_null(bus);
	lapic = lapic_bus_get(bus, 0);
	dev = lapic_device(lapic);
	dev.ops->write(dev.self, 0, 0xf0, 4, 0x1ff);
	dev.ops->write(dev.self, 0, 0x3e0, 4, DIVIDE_1);
	dev.ops->write(dev.self, 0, 0x320, 4, VECTOR);
}

static void setup(void)
{
	create(BUS_HZ, (struct guest_tsc){1000, TSC_HZ});
}

static void teardown(void)
{
	lapic_bus_destroy(bus);
}

TestSuite(lapic_timer, .init = setup, .fini = teardown);

static uint32_t get(nsec_t now, unsigned offset)
{
	return (uint32_t)dev.ops->read(dev.self, now, offset, 4);
}

static void put(nsec_t now, unsigned offset, uint32_t value)
{
	dev.ops->write(dev.self, now, offset, 4, value);
}

static void set_lvt(nsec_t now, uint32_t value)
{
	put(now, 0x320, value);
}

static void set_initial(nsec_t now, uint32_t value)
{
	put(now, 0x380, value);
}

static uint32_t current(nsec_t now)
{
	return get(now, 0x390);
}

static nsec_t deadline(void)
{
	return dev.ops->deadline(dev.self);
}

static void expire(nsec_t now)
{
	dev.ops->expire(dev.self, now);
	cr_expect_gt(deadline(), now);
}

/* The guest takes the timer's interrupt, if there is one. */
static bool tick(void)
{
	if (lapic_ack(lapic) != VECTOR)
		return false;
	put(0, 0xb0, 0);
	return true;
}

static uint64_t tsc_deadline(nsec_t now)
{
	uint64_t value = 1;

	cr_assert(lapic_rdmsr(lapic, now, MSR_TSC_DEADLINE, &value));
	return value;
}

static void set_tsc_deadline(nsec_t now, uint64_t value)
{
	cr_assert(lapic_wrmsr(lapic, now, MSR_TSC_DEADLINE, value));
}

Test(lapic_timer, one_shot)
{
	cr_expect_eq(deadline(), NSEC_NEVER);
	set_initial(100, 50000);
	cr_expect_eq(deadline(), 50100);
	cr_expect_eq(current(100), 50000);
	cr_expect_eq(current(101), 49999);
	cr_expect_eq(current(50099), 1);
	expire(50099);
	cr_expect_not(tick());
	cr_expect_eq(current(50100), 0);
	expire(50100);
	cr_expect(tick());
	cr_expect_eq(deadline(), NSEC_NEVER);
	cr_expect_eq(current(1000000), 0);
	cr_expect_eq(get(1000000, 0x380), 50000, "the initial count stays readable");
	expire(1000000);
	cr_expect_not(tick());
}

Test(lapic_timer, every_divisor)
{
	/* SDM figure 11-10. */
	static const struct {
		uint32_t code, divisor;
	} table[] = {{0x0, 2}, {0x1, 4}, {0x2, 8}, {0x3, 16}, {0x8, 32}, {0x9, 64}, {0xa, 128},
		{0xb, 1}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		put(0, 0x3e0, table[i].code);
		set_initial(7, 1000);
		cr_expect_eq(deadline(), 7 + 1000ULL * table[i].divisor, "code %#x", table[i].code);
		cr_expect_eq(current(7 + 10ULL * table[i].divisor), 990);
		cr_expect_eq(current(7 + 10ULL * table[i].divisor - 1), 991);
	}
}

Test(lapic_timer, new_divisor_keeps_the_count)
{
	set_initial(0, 100000);
	put(40000, 0x3e0, 0x0); /* by 2 */
	cr_expect_eq(current(40000), 60000);
	cr_expect_eq(deadline(), 40000 + 2 * 60000);
	set_lvt(40000, VECTOR | PERIODIC);
	put(50000, 0x3e0, DIVIDE_1);
	set_initial(50000, 100000);
	put(70000, 0x3e0, 0x0);
	cr_expect_eq(deadline(), 70000 + 2 * 80000);
	expire(70000 + 2 * 80000);
	cr_expect_eq(deadline(), 70000 + 2 * 180000, "the next period is whole");
}

Test(lapic_timer, zero_stops)
{
	set_initial(0, 10000);
	set_initial(5000, 0);
	cr_expect_eq(deadline(), NSEC_NEVER);
	cr_expect_eq(current(5000), 0);
	set_lvt(5000, VECTOR | PERIODIC);
	set_initial(5000, 10000);
	cr_expect_eq(deadline(), 15000);
	set_initial(6000, 0);
	cr_expect_eq(deadline(), NSEC_NEVER);
	expire(20000);
	cr_expect_not(tick());
}

Test(lapic_timer, a_write_restarts)
{
	set_initial(0, 10000);
	set_initial(9999, 10000);
	cr_expect_eq(deadline(), 19999);
}

Test(lapic_timer, periodic)
{
	set_lvt(0, VECTOR | PERIODIC);
	set_initial(0, 10000);
	for (nsec_t k = 1; k <= 5; k++) {
		cr_expect_eq(deadline(), k * 10000);
		cr_expect_eq(current(k * 10000 - 1), 1);
		expire(deadline());
		cr_expect(tick());
		cr_expect_eq(current(k * 10000), 10000, "reloaded");
	}
	cr_expect_eq(lapic_timer_coalesced(lapic), 0);
}

Test(lapic_timer, late_expiry_stays_on_the_grid)
{
	set_lvt(0, VECTOR | PERIODIC);
	set_initial(0, 10000);
	expire(39999); /* 3 periods */
	cr_expect(tick());
	cr_expect_not(tick());
	cr_expect_eq(lapic_timer_coalesced(lapic), 2);
	cr_expect_eq(deadline(), 40000);
	expire(40000);
	expire(50000); /* the guest has not taken the one before */
	cr_expect_eq(lapic_timer_coalesced(lapic), 3);
	cr_expect(tick());
	cr_expect_not(tick());
}

/* 33.333.. MHz: no period is a whole number of nanoseconds. */
Test(lapic_timer, no_drift_over_a_million_periods)
{
	const uint64_t hz = 33333333, counts = 3333;

	create(hz, (struct guest_tsc){0, TSC_HZ});
	set_lvt(12345, VECTOR | PERIODIC);
	set_initial(12345, (uint32_t)counts);
	for (uint64_t k = 1; k <= 1000000; k++) {
		nsec_t exact = 12345 + (k * counts * 1000000000 + hz - 1) / hz;

		cr_assert_eq(deadline(), exact, "period %llu", (unsigned long long)k);
		dev.ops->expire(dev.self, exact + k % 50000);
		cr_assert(tick());
	}
	cr_expect_eq(lapic_timer_coalesced(lapic), 0);
}

Test(lapic_timer, a_hostile_period_is_bounded)
{
	nsec_t now = 0;
	unsigned calls = 0;

	set_lvt(0, VECTOR | PERIODIC);
	set_initial(0, 1);
	while (now < 1000000) {
		now = deadline();
		expire(now);
		tick();
		calls++;
	}
	cr_expect_leq(calls, 201, "one call each 5 us");
	cr_expect_eq(lapic_timer_coalesced(lapic) + calls, now, "and every period counted");
	expire(1ULL << 62);
	expire(UINT64_MAX - 1);
	cr_expect_leq(current(UINT64_MAX - 1), 1);
}

Test(lapic_timer, hostile_period_on_a_fast_clock)
{
	create(UINT64_MAX, (struct guest_tsc){0, 1});
	set_lvt(0, VECTOR | PERIODIC);
	set_initial(0, 1);
	expire(1);
	expire(1ULL << 63); /* past the range of 2^64 counts: it has stopped */
	cr_expect_eq(deadline(), NSEC_NEVER);
	create(1, (struct guest_tsc){0, 1});
	put(0, 0x3e0, 0xa);
	set_initial(5, UINT32_MAX);
	cr_expect_eq(deadline(), NSEC_NEVER, "17000 years");
}

Test(lapic_timer, masked_runs_on_without_interrupts)
{
	set_lvt(0, VECTOR | PERIODIC | MASKED);
	set_initial(0, 10000);
	cr_expect_eq(deadline(), NSEC_NEVER, "nobody needs waking");
	cr_expect_eq(current(12000), 8000);
	set_lvt(25000, VECTOR | PERIODIC);
	cr_expect_not(tick(), "what passed while masked is gone");
	cr_expect_eq(deadline(), 30000);
	cr_expect_eq(lapic_timer_coalesced(lapic), 0);
	expire(30000);
	cr_expect(tick());
}

Test(lapic_timer, masking_late_does_not_lose_a_due_tick)
{
	set_initial(0, 10000);
	set_lvt(10000, VECTOR | MASKED);
	cr_expect(tick());
	set_lvt(10000, VECTOR);
	set_initial(10000, 10000);
	set_initial(20000, 0);
	cr_expect(tick());
	set_initial(20000, 10000);
	put(30000, 0xf0, 0xff);
	put(30000, 0xf0, 0x1ff);
	cr_expect(tick());
}

Test(lapic_timer, re_arming_late_does_not_lose_a_due_tick)
{
	set_initial(0, 10000);
	put(10000, 0x3e0, 0x0);
	cr_expect(tick());
	set_lvt(10000, VECTOR | DEADLINE);
	set_tsc_deadline(10000, 1000 + 50000); /* at 20000 ns */
	set_tsc_deadline(20000, 1000 + 500000);
	cr_expect(tick());
	cr_expect_eq(deadline(), 200000);
}

Test(lapic_timer, mode_change_disarms)
{
	static const uint32_t modes[] = {0, PERIODIC, DEADLINE, PERIODIC | DEADLINE};

	for (unsigned from = 0; from < 4; from++)
		for (unsigned to = 0; to < 4; to++) {
			dev.ops->reset(dev.self, 0);
			put(0, 0xf0, 0x1ff);
			set_lvt(0, VECTOR | modes[from]);
			set_initial(0, 10000);
			set_tsc_deadline(0, 1000000);
			nsec_t armed = deadline();
			cr_expect_eq(armed == NSEC_NEVER, from == 3, "mode 3 is reserved");
			set_lvt(1, VECTOR | modes[to]);
			cr_expect_eq(
				deadline(), from == to ? armed : NSEC_NEVER, "%u to %u", from, to);
			cr_expect_eq(tsc_deadline(1), from == to && to == 2 ? 1000000 : 0);
			cr_expect(from == to || current(1) == 0);
		}
}

Test(lapic_timer, tsc_deadline)
{
	set_tsc_deadline(0, 5000);
	cr_expect_eq(tsc_deadline(0), 0, "ignored in another mode");
	cr_expect_eq(deadline(), NSEC_NEVER);
	set_lvt(0, VECTOR | DEADLINE);
	set_initial(0, 10000);
	cr_expect_eq(get(0, 0x380), 0, "ignored in this mode");
	set_tsc_deadline(0, 1000 + 2501); /* 1000.4 ns ahead */
	cr_expect_eq(deadline(), 1001, "never early");
	cr_expect_eq(current(500), 0);
	cr_expect_eq(tsc_deadline(1000), 3501);
	expire(1000);
	cr_expect_not(tick());
	expire(1001);
	cr_expect(tick());
	cr_expect_eq(tsc_deadline(1001), 0);
	cr_expect_eq(deadline(), NSEC_NEVER);
}

Test(lapic_timer, tsc_deadline_zero_disarms)
{
	set_lvt(0, VECTOR | DEADLINE);
	set_tsc_deadline(0, 1000000);
	set_tsc_deadline(0, 0);
	cr_expect_eq(deadline(), NSEC_NEVER);
	expire(10000000);
	cr_expect_not(tick());
}

Test(lapic_timer, tsc_deadline_in_the_past)
{
	set_lvt(0, VECTOR | DEADLINE);
	set_tsc_deadline(1000000, 1);
	cr_expect(tick(), "at once");
	cr_expect_eq(tsc_deadline(1000000), 0);
	set_tsc_deadline(1000000, UINT64_MAX);
	cr_expect_eq(tsc_deadline(1000000), UINT64_MAX);
	cr_expect_gt(deadline(), 1000000);
}

Test(lapic_timer, tsc_deadline_read_after_it_passed)
{
	set_lvt(0, VECTOR | DEADLINE);
	set_tsc_deadline(0, 3500);
	cr_expect_eq(tsc_deadline(1000), 0, "even before the owner came by");
	cr_expect(tick());
}

Test(lapic_timer, x2apic_and_init)
{
	uint64_t value;

	set_lvt(0, VECTOR | PERIODIC);
	set_initial(0, 10000);
	cr_assert(lapic_wrmsr(lapic, 0, MSR_APIC_BASE, lapic_base(lapic) | 1u << 10));
	cr_expect_eq(deadline(), 10000, "the timer runs on");
	cr_expect(lapic_rdmsr(lapic, 3000, 0x839, &value));
	cr_expect_eq(value, 7000);
	cr_expect(lapic_wrmsr(lapic, 3000, 0x838, 5000));
	cr_expect_eq(deadline(), 8000);
	lapic_init_reset(lapic, 4000);
	cr_expect_eq(deadline(), NSEC_NEVER);
	expire(10000);
	cr_expect_eq(lapic_pending(lapic), -1);
}

Test(lapic_timer, illegal_vector_is_an_error)
{
	set_lvt(0, 0x0f);
	set_initial(0, 1000);
	expire(1000);
	cr_expect_eq(lapic_pending(lapic), -1);
	put(1000, 0x280, 0);
	cr_expect_eq(get(1000, 0x280), 0x40);
}

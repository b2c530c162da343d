/* SPDX-License-Identifier: BSD-2-Clause */
/* The signal port: which writes are signals. What the monitor does with one is
 * tests/integration/test_signals.c's. */
#include "tickvm/guest_abi.h"
#include "tickvm/probe.h"

#include <criterion/criterion.h>

static unsigned begins, ends;

static void record(void *ctx, bool begin)
{
	cr_assert_eq(ctx, &begins);
	if (begin)
		begins++;
	else
		ends++;
}

Test(signal_port, tells_begin_and_end_by_the_low_byte)
{
	struct signal_port *port = signal_port_create(record, &begins);
	struct device dev = signal_port_device(port);

	dev.ops->reset(dev.self, 0);
	cr_assert_eq(begins + ends, 0);
	dev.ops->write(dev.self, 1, 0, 1, SIGNAL_BEGIN);
	cr_assert_eq(begins, 1);
	cr_assert_eq(ends, 0);
	dev.ops->write(dev.self, 2, 0, 4, 0xabcdef00 | SIGNAL_END);
	cr_assert_eq(begins, 1);
	cr_assert_eq(ends, 1);
	cr_assert_null(dev.ops->deadline);
	signal_port_destroy(port);
}

Test(signal_port, other_values_do_nothing)
{
	struct signal_port *port = signal_port_create(record, &begins);
	struct device dev = signal_port_device(port);

	for (unsigned value = 2; value < 256; value++)
		dev.ops->write(dev.self, 0, 0, 1, value);
	cr_assert_eq(begins + ends, 0);
	signal_port_destroy(port);
}

Test(signal_port, reads_as_ones)
{
	struct signal_port *port = signal_port_create(record, &begins);
	struct device dev = signal_port_device(port);

	cr_assert_eq(dev.ops->read(dev.self, 0, 0, 1), 0xff);
	cr_assert_eq(dev.ops->read(dev.self, 0, 0, 8), UINT64_MAX);
	cr_assert_eq(begins + ends, 0);
	signal_port_destroy(port);
}

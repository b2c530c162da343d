/* SPDX-License-Identifier: BSD-2-Clause */
/* The three devices of this project's own making: exit port, probe, sync port.
 * The bus in front of them is tested elsewhere. */
#include "tickvm/exit_port.h"
#include "tickvm/probe.h"

#include <criterion/criterion.h>

static unsigned exits;
static uint8_t last_status;

static void record_exit(void *ctx, uint8_t status)
{
	cr_assert_eq(ctx, &exits);
	exits++;
	last_status = status;
}

Test(exit_port, each_write_tells_its_low_byte)
{
	struct exit_port *port = exit_port_create(record_exit, &exits);
	struct device dev = exit_port_device(port);

	dev.ops->reset(dev.self, 0);
	cr_assert_eq(exits, 0);
	dev.ops->write(dev.self, 1, 0, 1, 42);
	cr_assert_eq(exits, 1);
	cr_assert_eq(last_status, 42);
	dev.ops->write(dev.self, 2, 0, 4, 0x12345607);
	cr_assert_eq(exits, 2);
	cr_assert_eq(last_status, 7);
	cr_assert_null(dev.ops->deadline);
	exit_port_destroy(port);
}

Test(exit_port, reads_as_ones)
{
	struct exit_port *port = exit_port_create(record_exit, &exits);
	struct device dev = exit_port_device(port);

	cr_assert_eq(dev.ops->read(dev.self, 0, 0, 1), 0xff);
	cr_assert_eq(dev.ops->read(dev.self, 0, 0, 4), 0xffffffff);
	cr_assert_eq(dev.ops->read(dev.self, 0, 0, 8), UINT64_MAX);
	cr_assert_eq(exits, 0);
	exit_port_destroy(port);
}

Test(probe, keeps_the_last_value)
{
	struct probe *probe = probe_create();
	struct device dev = probe_device(probe);

	cr_assert_eq(dev.ops->read(dev.self, 0, 0, 8), 0);
	dev.ops->write(dev.self, 0, 0, 8, 0x1122334455667788);
	cr_assert_eq(dev.ops->read(dev.self, 0, 0x7f8, 8), 0x1122334455667788);
	cr_assert_eq(dev.ops->read(dev.self, 0, 0, 4), 0x55667788);
	cr_assert_eq(dev.ops->read(dev.self, 0, 3, 1), 0x88);
	dev.ops->write(dev.self, 0, 5, 1, 0xffffff21);
	cr_assert_eq(dev.ops->read(dev.self, 0, 0, 8), 0x21);
	dev.ops->reset(dev.self, 0);
	cr_assert_eq(dev.ops->read(dev.self, 0, 0, 8), 0);
	probe_destroy(probe);
}

Test(sync_port, keeps_the_first_stamps)
{
	struct sync_port *port = sync_port_create();
	struct device dev = sync_port_device(port);
	const nsec_t *stamps;
	unsigned n;

	sync_port_stamps(port, &n);
	cr_assert_eq(n, 0);
	for (unsigned i = 0; i < SYNC_PORT_STAMPS + 5; i++)
		dev.ops->write(dev.self, 1000 + i, 0, 1, 0);
	stamps = sync_port_stamps(port, &n);
	cr_assert_eq(n, SYNC_PORT_STAMPS);
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(stamps[i], 1000 + i);
	cr_assert_eq(dev.ops->read(dev.self, 0, 0, 2), 0xffff);
	dev.ops->reset(dev.self, 0);
	sync_port_stamps(port, &n);
	cr_assert_eq(n, 0);
	sync_port_destroy(port);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The signal port: tells its owner that the guest begins or ends what it measures.
 * It stamps and counts nothing: that is the owner's work. */
#include "tickvm/guest_abi.h"
#include "tickvm/probe.h"

#include <stdlib.h>

struct signal_port {
	void (*on_signal)(void *ctx, bool begin);
	void *ctx;
};

static uint64_t signal_port_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	(void)self;
	(void)now;
	(void)offset;
	return all_ones(size);
}

static void signal_port_write(
	void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	struct signal_port *port = self;
	uint8_t byte = (uint8_t)value;

	(void)now;
	(void)offset;
	(void)size;
	if (byte == SIGNAL_BEGIN || byte == SIGNAL_END)
		port->on_signal(port->ctx, byte == SIGNAL_BEGIN);
}

static void signal_port_reset(void *self, nsec_t now)
{
	(void)self;
	(void)now;
}

static const struct device_ops signal_port_ops = {
	.name = "signal",
	.read = signal_port_read,
	.write = signal_port_write,
	.reset = signal_port_reset,
};

struct signal_port *signal_port_create(void (*on_signal)(void *ctx, bool begin), void *ctx)
{
	struct signal_port *port = calloc(1, sizeof(*port));

	if (port)
		*port = (struct signal_port){.on_signal = on_signal, .ctx = ctx};
	return port;
}

void signal_port_destroy(struct signal_port *port)
{
	free(port);
}

struct device signal_port_device(struct signal_port *port)
{
	return (struct device){.ops = &signal_port_ops, .self = port};
}

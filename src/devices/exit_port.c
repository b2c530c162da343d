/* SPDX-License-Identifier: BSD-2-Clause */
/* The exit port: tells its owner the status a guest wrote.
 * It does not end anything itself, and it keeps no state: a second write is told like the first. */
#include "tickvm/exit_port.h"

#include <stdlib.h>

struct exit_port {
	void (*on_exit)(void *ctx, uint8_t status);
	void *ctx;
};

static uint64_t exit_port_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	(void)self;
	(void)now;
	(void)offset;
	return all_ones(size);
}

static void exit_port_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	struct exit_port *port = self;

	(void)now;
	(void)offset;
	(void)size;
	port->on_exit(port->ctx, (uint8_t)value);
}

static void exit_port_reset(void *self, nsec_t now)
{
	(void)self;
	(void)now;
}

static const struct device_ops exit_port_ops = {
	.name = "exit",
	.read = exit_port_read,
	.write = exit_port_write,
	.reset = exit_port_reset,
};

struct exit_port *exit_port_create(void (*on_exit)(void *ctx, uint8_t status), void *ctx)
{
	struct exit_port *port = calloc(1, sizeof(*port));

	if (port)
		*port = (struct exit_port){.on_exit = on_exit, .ctx = ctx};
	return port;
}

void exit_port_destroy(struct exit_port *port)
{
	free(port);
}

struct device exit_port_device(struct exit_port *port)
{
	return (struct device){.ops = &exit_port_ops, .self = port};
}

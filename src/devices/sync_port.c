/* SPDX-License-Identifier: BSD-2-Clause */
/* The sync port: stamps the guest's writes, for bounding the offset between guest and host TSC.
 * It computes nothing from the stamps, and drops those that do not fit. */
#include "tickvm/probe.h"

#include <stdlib.h>

struct sync_port {
	nsec_t stamps[SYNC_PORT_STAMPS];
	unsigned n;
};

static uint64_t sync_port_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	(void)self;
	(void)now;
	(void)offset;
	return all_ones(size);
}

static void sync_port_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	struct sync_port *port = self;

	(void)offset;
	(void)size;
	(void)value;
	if (port->n < SYNC_PORT_STAMPS)
		port->stamps[port->n++] = now;
}

static void sync_port_reset(void *self, nsec_t now)
{
	struct sync_port *port = self;

	(void)now;
	port->n = 0;
}

static const struct device_ops sync_port_ops = {
	.name = "sync",
	.read = sync_port_read,
	.write = sync_port_write,
	.reset = sync_port_reset,
};

struct sync_port *sync_port_create(void)
{
	return calloc(1, sizeof(struct sync_port));
}

void sync_port_destroy(struct sync_port *port)
{
	free(port);
}

struct device sync_port_device(struct sync_port *port)
{
	return (struct device){.ops = &sync_port_ops, .self = port};
}

const nsec_t *sync_port_stamps(const struct sync_port *port, unsigned *n)
{
	*n = port->n;
	return port->stamps;
}

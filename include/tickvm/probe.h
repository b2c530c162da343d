/* SPDX-License-Identifier: BSD-2-Clause */
/* Three devices for measuring, not for guests in general: a register that does nothing (the
 * cheapest exit to a device model), a port that records when it was written, and a port that marks
 * what is measured. */
#ifndef TICKVM_PROBE_H
#define TICKVM_PROBE_H

#include "tickvm/device.h"

struct probe;

/* One register at every offset: reads return the last value written, cut to the access size.
 * NULL: no memory. */
struct probe *probe_create(void);
void probe_destroy(struct probe *probe);
struct device probe_device(struct probe *probe);

#define SYNC_PORT_STAMPS 64

struct sync_port;

/* Keeps `now` of its first SYNC_PORT_STAMPS writes since creation or reset. NULL: no memory. */
struct sync_port *sync_port_create(void);
void sync_port_destroy(struct sync_port *port);
struct device sync_port_device(struct sync_port *port);
/* *n stamps, oldest first. */
const nsec_t *sync_port_stamps(const struct sync_port *port, unsigned *n);

struct signal_port;

/* on_signal(ctx, begin) is called for each write of SIGNAL_BEGIN or SIGNAL_END (low byte); other
 * values do nothing. NULL: no memory. */
struct signal_port *signal_port_create(void (*on_signal)(void *ctx, bool begin), void *ctx);
void signal_port_destroy(struct signal_port *port);
struct device signal_port_device(struct signal_port *port);

#endif

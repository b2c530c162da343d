/* SPDX-License-Identifier: BSD-2-Clause */
/* The exit port: one byte written ends the guest's run with that status. */
#ifndef TICKVM_EXIT_PORT_H
#define TICKVM_EXIT_PORT_H

#include "tickvm/device.h"

struct exit_port;

/* on_exit(ctx, status) is called for each write, status being the low byte. NULL: no memory. */
struct exit_port *exit_port_create(void (*on_exit)(void *ctx, uint8_t status), void *ctx);
void exit_port_destroy(struct exit_port *port);
struct device exit_port_device(struct exit_port *port);

#endif

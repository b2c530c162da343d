/* SPDX-License-Identifier: BSD-2-Clause */
/* 16550A UART: registers, FIFOs, interrupts, modem lines.
 * Source: National Semiconductor PC16550D data sheet (June 1995). */
#ifndef TICKVM_SERIAL_H
#define TICKVM_SERIAL_H

#include "tickvm/device.h"

struct serial;

/* irq.set(ctx, line, level) drives the interrupt line; out receives transmitted bytes. NULL: no
 * memory. */
struct serial *serial_create(struct irq_sink irq, unsigned line, struct byte_sink out);
void serial_destroy(struct serial *serial);
struct device serial_device(struct serial *serial);

/* Bytes from the host. Returns how many were taken (0 when the receive FIFO is full: offer the rest
 * later). */
unsigned serial_receive(struct serial *serial, nsec_t now, const uint8_t *bytes, unsigned n);
/* Room left in the receive FIFO, 0 to 16. */
unsigned serial_receive_room(const struct serial *serial);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* A cascaded pair of 8259A interrupt controllers as in the PC/AT.
 * Sources: Intel 8259A data sheet (231468); ELCR: Intel 82371SB (PIIX3) data sheet. */
#ifndef TICKVM_PIC_H
#define TICKVM_PIC_H

#include "tickvm/device.h"

struct pic;

/* intr.set(ctx, 0, level) follows the master's INT output. NULL: no memory.
 * Bus offsets: 0, 1 master (0x20); 2, 3 slave (0xa0); 4, 5 ELCR (0x4d0). */
struct pic *pic_create(struct irq_sink intr);
void pic_destroy(struct pic *pic);
struct device pic_device(struct pic *pic);

/* Input lines 0 to 15 (2 is the cascade and is ignored). */
void pic_set_line(struct pic *pic, unsigned line, bool level);
bool pic_intr(const struct pic *pic);
/* The INTA cycle: returns the vector and moves it into service (spurious IR7 when the request went
 * away). */
uint8_t pic_ack(struct pic *pic);

#endif

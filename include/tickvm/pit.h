/* SPDX-License-Identifier: BSD-2-Clause */
/* 8254 programmable interval timer and the PC's port 0x61 in front of channel 2.
 * Sources: Intel 82C54 data sheet (231244); IBM PC/AT Technical Reference for port 0x61. */
#ifndef TICKVM_PIT_H
#define TICKVM_PIT_H

#include "tickvm/device.h"

/* The input clock, exactly: four times the NTSC colour carrier (315/88 MHz), divided by 12. */
#define PIT_HZ_NUM 105000000ULL
#define PIT_HZ_DEN 88ULL

struct pit;

/* irq.set(ctx, line, level) follows OUT of channel 0; the one-clock low pulses of modes 2, 4 and 5
 * are told together with the rising edge that ends them. NULL: no memory. Bus offsets: 0 to 2 the
 * counters, 3 the control word, 4 port 0x61. */
struct pit *pit_create(struct irq_sink irq, unsigned line);
void pit_destroy(struct pit *pit);
struct device pit_device(struct pit *pit);

/* OUT of a channel (0 to 2) at now, which never decreases. Pure. */
bool pit_output(const struct pit *pit, unsigned channel, nsec_t now);
/* Rising edges of OUT 0 merged into another, as expire() came late by a whole period or more. */
uint64_t pit_coalesced(const struct pit *pit);

#endif

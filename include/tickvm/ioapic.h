/* SPDX-License-Identifier: BSD-2-Clause */
/* 82093AA I/O APIC with 24 pins, plus the EOI register of version 0x20 parts.
 * Source: Intel 82093AA data sheet (290566); EOI register: Intel ICH data sheets. */
#ifndef TICKVM_IOAPIC_H
#define TICKVM_IOAPIC_H

#include "tickvm/apic.h"
#include "tickvm/device.h"

#define IOAPIC_PINS 24
/* Bits 0 to 7 of the version register. 0x20, not the 82093AA's 0x11: it tells guests that there is
 * an EOI register. */
#define IOAPIC_VERSION 0x20u

struct ioapic;

/* out receives a message whenever a pin is delivered; changed(ctx, pin) follows every write that
 * alters a redirection entry (may be NULL). NULL: no memory.
 * Bus offsets: 0x00 IOREGSEL, 0x10 IOWIN, 0x40 EOI. */
struct ioapic *ioapic_create(uint8_t id, struct apic_msg_sink out,
	void (*changed)(void *ctx, unsigned pin), void *changed_ctx);
void ioapic_destroy(struct ioapic *ioapic);
struct device ioapic_device(struct ioapic *ioapic);

void ioapic_set_line(struct ioapic *ioapic, unsigned pin, bool level);
/* EOI broadcast for a level-triggered vector: clears Remote IRR and redelivers a line still high.
 */
void ioapic_eoi(struct ioapic *ioapic, uint8_t vector);
/* The redirection entry of a pin, as in the data sheet (bit 16 = masked, bit 14 = Remote IRR). */
uint64_t ioapic_redirection(const struct ioapic *ioapic, unsigned pin);
/* The message a redirection entry sends. Pure. */
struct apic_msg ioapic_message(uint64_t redirection);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What travels between interrupt controllers: one APIC message.
 * Source: Intel SDM vol. 3, 11.6 (IPIs), 11.11 (MSI); Intel 82093AA data sheet. */
#ifndef TICKVM_APIC_H
#define TICKVM_APIC_H

#include <stdbool.h>
#include <stdint.h>

/* Delivery modes, as encoded in ICR, LVT, redirection entries and MSI data. */
enum apic_delivery {
	APIC_FIXED = 0,
	APIC_LOWEST = 1,
	APIC_SMI = 2,
	APIC_NMI = 4,
	APIC_INIT = 5,
	APIC_STARTUP = 6,
	APIC_EXTINT = 7,
};

/* Destination shorthands of the ICR. */
enum apic_shorthand {
	APIC_DEST_FIELD = 0,
	APIC_DEST_SELF = 1,
	APIC_DEST_ALL = 2,
	APIC_DEST_OTHERS = 3
};

#define APIC_BROADCAST_XAPIC  0xffu
#define APIC_BROADCAST_X2APIC 0xffffffffu

struct apic_msg {
	uint32_t dest; /* APIC ID, or logical mask when logical */
	uint8_t vector;
	uint8_t delivery;  /* enum apic_delivery */
	uint8_t shorthand; /* enum apic_shorthand; only from an ICR */
	bool logical;
	bool level;  /* trigger mode: level */
	bool assert; /* false: INIT level de-assert (ignored by modern CPUs) */
	bool x2apic; /* dest is in x2APIC format (32-bit IDs, cluster logical) */
};

struct apic_msg_sink {
	void (*deliver)(void *ctx, const struct apic_msg *msg);
	void *ctx;
};

#endif

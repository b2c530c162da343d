/* SPDX-License-Identifier: BSD-2-Clause */
/* Wide accesses to a device of 8-bit ports, split into bytes at consecutive ports as the ISA bus
 * does. Knows nothing of what the ports mean. */
#ifndef DEVICES_BYTEWISE_H
#define DEVICES_BYTEWISE_H

#include "tickvm/device.h"

/* Ports from end up belong to nobody: they read as ones and swallow writes. */
static inline uint64_t bytewise_read(void *self, nsec_t now, uint64_t offset, unsigned size,
	uint64_t end, uint8_t (*read)(void *self, nsec_t now, unsigned offset))
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size && i < 8; i++) {
		uint8_t byte = offset + i < end ? read(self, now, (unsigned)offset + i) : 0xff;

		value |= (uint64_t)byte << 8 * i;
	}
	return value;
}

static inline void bytewise_write(void *self, nsec_t now, uint64_t offset, unsigned size,
	uint64_t value, uint64_t end,
	void (*write)(void *self, nsec_t now, unsigned offset, uint8_t byte))
{
	for (unsigned i = 0; i < size && i < 8 && offset + i < end; i++)
		write(self, now, (unsigned)offset + i, (uint8_t)(value >> 8 * i));
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The probe: a register that keeps what was written, so that an exit to it costs next to nothing
 * but the exit. It has no side effect, and no notion of address or byte lanes. */
#include "tickvm/probe.h"

#include <stdlib.h>

struct probe {
	uint64_t value;
};

static uint64_t probe_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	const struct probe *probe = self;

	(void)now;
	(void)offset;
	return probe->value & all_ones(size);
}

static void probe_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	struct probe *probe = self;

	(void)now;
	(void)offset;
	probe->value = value & all_ones(size);
}

static void probe_reset(void *self, nsec_t now)
{
	struct probe *probe = self;

	(void)now;
	probe->value = 0;
}

static const struct device_ops probe_ops = {
	.name = "probe",
	.read = probe_read,
	.write = probe_write,
	.reset = probe_reset,
};

struct probe *probe_create(void)
{
	return calloc(1, sizeof(struct probe));
}

void probe_destroy(struct probe *probe)
{
	free(probe);
}

struct device probe_device(struct probe *probe)
{
	return (struct device){.ops = &probe_ops, .self = probe};
}

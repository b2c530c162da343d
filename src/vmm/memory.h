/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest RAM: one block from GPA 0, 2 MiB aligned, with one checked door. */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include "tickvm/diag.h"

#include <stdbool.h>
#include <stdint.h>

struct guest_memory {
	uint8_t *host; /* mapping of size bytes, 2 MiB aligned */
	uint64_t size; /* bytes, multiple of 4 KiB, RAM is GPA [0, size) */
};

#define GUEST_MEMORY_MIN (4ULL << 20)
#define GUEST_MEMORY_MAX (3ULL << 30) /* below the APICs and our MMIO */

/* Anonymous, not yet touched; of huge pages where the host has them (MADV_HUGEPAGE), or of small
 * ones only (MADV_NOHUGEPAGE). prefault: populate now (and mlock when the limit allows, best
 * effort). */
int memory_create(struct guest_memory *mem, uint64_t bytes, bool small_pages, bool prefault,
	struct diag *diag);
/* The size alone, before anything is mapped: -EINVAL when no guest can have it, or the host, which
 * has available bytes (UINT64_MAX: it does not say). */
int memory_check_size(uint64_t bytes, uint64_t available, struct diag *diag);
void memory_destroy(struct guest_memory *mem);
/* Host pointer to [gpa, gpa + len), or NULL when any of it is not RAM. Overflow-proof. len 0 is
 * allowed at gpa <= size. */
void *memory_at(const struct guest_memory *mem, uint64_t gpa, uint64_t len);

#endif

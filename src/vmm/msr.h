/* SPDX-License-Identifier: BSD-2-Clause */
/* An access to an MSR that ends in #GP: why, in words. */
#ifndef VMM_MSR_H
#define VMM_MSR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct msr_access {
	uint32_t index;
	bool write;
	uint64_t value; /* of a write */
};

/* KVM handed it over for this reason (KVM_MSR_EXIT_REASON_*, KVM API 5, KVM_EXIT_X86_RDMSR), and
 * nobody here knows better. */
const char *msr_why(uint32_t reason, bool write);
/* One line: the access, and why it is refused. Cut to size. */
void msr_refusal(char *text, size_t size, const struct msr_access *access, const char *why);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a refused MSR access: the MSR, the value, and whose word it is. */
#include "msr.h"

#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>

const char *msr_why(uint32_t reason, bool write)
{
	switch (reason) {
	case KVM_MSR_EXIT_REASON_UNKNOWN:
		return "KVM knows no such MSR";
	case KVM_MSR_EXIT_REASON_INVAL:
		return write ? "KVM refuses the value" : "KVM refuses it";
	case KVM_MSR_EXIT_REASON_FILTER:
		return "it is kept from the guest";
	default:
		return "KVM does not say why it refuses";
	}
}

void msr_refusal(char *text, size_t size, const struct msr_access *access, const char *why)
{
	if (access->write)
		snprintf(text, size, "WRMSR of 0x%" PRIx64 " to MSR 0x%x: %s", access->value,
			access->index, why);
	else
		snprintf(text, size, "RDMSR of MSR 0x%x: %s", access->index, why);
}

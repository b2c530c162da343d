/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a refused MSR access: a refused value is not called an unknown MSR. */
#include "../../src/vmm/msr.h"

#include <criterion/criterion.h>
#include <linux/kvm.h>
#include <string.h>

Test(msr, a_refused_value_names_msr_value_and_who_refuses)
{
	const struct msr_access base = {0x1b, true, 0x8000fee00900};
	char text[96];

	msr_refusal(text, sizeof(text), &base, msr_why(KVM_MSR_EXIT_REASON_INVAL, true));
	cr_expect_str_eq(text, "WRMSR of 0x8000fee00900 to MSR 0x1b: KVM refuses the value");
}

Test(msr, an_unknown_one_is_called_so)
{
	const struct msr_access read = {0xc12345, false, 7}, write = {0xc12345, true, UINT64_MAX};
	char text[96];

	msr_refusal(text, sizeof(text), &read, msr_why(KVM_MSR_EXIT_REASON_UNKNOWN, false));
	cr_expect_str_eq(text, "RDMSR of MSR 0xc12345: KVM knows no such MSR");
	msr_refusal(text, sizeof(text), &write, msr_why(KVM_MSR_EXIT_REASON_UNKNOWN, true));
	cr_expect_str_eq(
		text, "WRMSR of 0xffffffffffffffff to MSR 0xc12345: KVM knows no such MSR");
}

Test(msr, each_reason_has_words_of_its_own)
{
	const uint32_t reasons[] = {KVM_MSR_EXIT_REASON_UNKNOWN, KVM_MSR_EXIT_REASON_INVAL,
		KVM_MSR_EXIT_REASON_FILTER, 1u << 31};

	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(msr_why(reasons[i], true), msr_why(reasons[k], true));
	cr_expect_null(strstr(msr_why(KVM_MSR_EXIT_REASON_INVAL, false), "value"));
}

Test(msr, a_small_buffer_cuts_the_line)
{
	const struct msr_access read = {1, false, 0};
	char text[8] = "";

	msr_refusal(text, sizeof(text), &read, "because");
	cr_expect_str_eq(text, "RDMSR o");
}

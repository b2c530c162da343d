/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's CPUID: its own numbers in every leaf that has them, and no feature of KVM's LAPIC where
 * the LAPIC is ours. It asks no KVM. */
#include "../../src/vmm/cpuid.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define LEAVES 7

static struct kvm_cpuid2 *offer(void)
{
	static const struct kvm_cpuid_entry2 leaves[LEAVES] = {
		{.function = 1, .ebx = 0x07020800, .ecx = 1u << 24 | 1},
		{.function = 0xb, .edx = 7},
		{.function = 0x1f, .edx = 7},
		{.function = 0x8000001e, .eax = 7, .ebx = 5},
		{.function = 0x80000026, .edx = 7},
		{.function = 0x40000001, .eax = 0x01007efb},
		{.function = 0x80000008, .eax = 0x00003028},
	};
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + sizeof(leaves));

	cr_assert_not_null(cpuid);
	cpuid->nent = LEAVES;
	for (int i = 0; i < LEAVES; i++)
		cpuid->entries[i] = leaves[i];
	return cpuid;
}

Test(cpuid, a_vcpu_finds_its_own_number_in_every_leaf)
{
	struct kvm_cpuid2 *cpuid = offer();
	struct cpuid_vcpu other = {.id = 9, .vcpus = 12, .kvm_lapic = true};
	struct cpuid_vcpu vcpu = {.id = 3, .vcpus = 12, .tsc_deadline = true, .kvm_lapic = true};

	cpuid_patch(cpuid, &other);
	cr_expect_eq(cpuid->entries[0].ecx, 1u << 31 | 1u << 21 | 1);
	cpuid_patch(cpuid, &vcpu);
	cr_expect_eq(cpuid->entries[0].ebx, 0x030c0800);
	cr_expect_eq(cpuid->entries[0].ecx, 1u << 31 | 1u << 24 | 1u << 21 | 1);
	cr_expect_eq(cpuid->entries[1].edx, 3);
	cr_expect_eq(cpuid->entries[2].edx, 3);
	cr_expect_eq(cpuid->entries[3].eax, 3);
	cr_expect_eq(cpuid->entries[3].ebx, 5);
	cr_expect_eq(cpuid->entries[4].edx, 3);
	free(cpuid);
}

Test(cpuid, kvm_features_stay_where_the_lapic_is_kvms)
{
	struct kvm_cpuid2 *cpuid = offer();
	struct cpuid_vcpu vcpu = {.vcpus = 1, .kvm_lapic = true};

	cpuid_patch(cpuid, &vcpu);
	cr_expect_eq(cpuid->entries[5].eax, 0x01007efb);
	vcpu.kvm_lapic = false;
	cpuid_patch(cpuid, &vcpu);
	cr_expect_eq(cpuid->entries[5].eax, 0x0100326b, "%x", cpuid->entries[5].eax);
	free(cpuid);
}

/* Intel SDM vol. 2A, CPUID: leaf 80000008H, EAX[7:0]. */
Test(cpuid, physical_addresses_are_as_wide_as_kvm_says)
{
	struct kvm_cpuid2 *cpuid = offer();

	cr_expect_eq(cpuid_find_phys_bits(cpuid), 40);
	cpuid->entries[6].eax = 0x3034;
	cr_expect_eq(cpuid_find_phys_bits(cpuid), 52);
	cpuid->entries[6].eax = 0x30ff;
	cr_expect_eq(cpuid_find_phys_bits(cpuid), 52);
	cpuid->entries[6].eax = 0;
	cr_expect_eq(cpuid_find_phys_bits(cpuid), 36);
	cpuid->nent = 6;
	cr_expect_eq(cpuid_find_phys_bits(cpuid), 36);
	free(cpuid);
}

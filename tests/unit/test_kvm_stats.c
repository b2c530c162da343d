/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptors of KVM_GET_STATS_FD (KVM API 4.133), from blocks made up here.
 * No KVM: tests/integration/test_kvm_stats.c reads real ones. */
#include "../../src/vmm/kvm_stats.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define NAME_SIZE 48
#define STRIDE    (sizeof(struct kvm_stats_desc) + NAME_SIZE)

static _Alignas(8) unsigned char block[8 * STRIDE];
static struct kvm_stats_item items[8];

static void describe(unsigned i, const char *name, uint32_t flags, uint16_t size, uint32_t offset)
{
	struct kvm_stats_desc desc = {.flags = flags, .size = size, .offset = offset};

	memcpy(block + i * STRIDE, &desc, sizeof(desc));
	cr_assert_leq(strlen(name), NAME_SIZE);
	memset(block + i * STRIDE + sizeof(desc), 0, NAME_SIZE);
	memcpy(block + i * STRIDE + sizeof(desc), name, strlen(name));
}

static int parse(uint32_t num_desc, size_t len)
{
	struct kvm_stats_header header = {.name_size = NAME_SIZE, .num_desc = num_desc};

	return kvm_stats_parse(&header, block, len, items);
}

Test(kvm_stats, scalars_of_each_type)
{
	describe(0, "exits", KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE, 1, 8);
	describe(1, "guest_mode", KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_BOOLEAN, 1, 16);
	describe(2, "max_rmaps", KVM_STATS_TYPE_PEAK, 1, 0);
	cr_assert_eq(parse(3, 3 * STRIDE), 3);
	cr_assert_str_eq(items[0].name, "exits");
	cr_assert(items[0].cumulative);
	cr_assert_eq(items[0].offset, 8);
	cr_assert_str_eq(items[1].name, "guest_mode");
	cr_assert_not(items[1].cumulative);
	cr_assert_str_eq(items[2].name, "max_rmaps");
	cr_assert_not(items[2].cumulative);
}

Test(kvm_stats, histograms_are_left_out)
{
	describe(0, "poll_hist", KVM_STATS_TYPE_LOG_HIST, 32, 0);
	describe(1, "linear", KVM_STATS_TYPE_LINEAR_HIST, 1, 256);
	describe(2, "vector", KVM_STATS_TYPE_CUMULATIVE, 2, 264);
	describe(3, "future", 0xf, 1, 280);
	describe(4, "exits", KVM_STATS_TYPE_CUMULATIVE, 1, 288);
	cr_assert_eq(parse(5, 5 * STRIDE), 1);
	cr_assert_str_eq(items[0].name, "exits");
	cr_assert_eq(items[0].offset, 288);
}

Test(kvm_stats, a_name_that_fills_its_field_is_terminated)
{
	char name[NAME_SIZE + 1];

	memset(name, 'x', NAME_SIZE);
	name[NAME_SIZE] = '\0';
	describe(0, name, KVM_STATS_TYPE_CUMULATIVE, 1, 0);
	cr_assert_eq(parse(1, STRIDE), 1);
	cr_assert_eq(strlen(items[0].name), NAME_SIZE - 1);
}

Test(kvm_stats, contradictions_are_refused)
{
	struct kvm_stats_header header = {.name_size = 0, .num_desc = 1};

	describe(0, "exits", KVM_STATS_TYPE_CUMULATIVE, 1, 0);
	cr_assert_eq(kvm_stats_parse(&header, block, STRIDE, items), -EINVAL);
	header.name_size = UINT32_MAX;
	cr_assert_eq(kvm_stats_parse(&header, block, STRIDE, items), -EINVAL);
	cr_assert_eq(parse(2, 2 * STRIDE - 1), -EINVAL, "the block is shorter than it says");
	cr_assert_eq(parse(UINT32_MAX, STRIDE), -EINVAL);
	describe(0, "exits", KVM_STATS_TYPE_CUMULATIVE, 1, 4);
	cr_assert_eq(parse(1, STRIDE), -EINVAL, "not a multiple of 8");
}

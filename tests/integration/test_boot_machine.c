/* SPDX-License-Identifier: BSD-2-Clause */
/* What a booted guest sees of its machine: tables that say what the registers say, and images that
 * lie where tickvm's own things usually are. */
#include "guest_code.h"

#include <criterion/parameterized.h>

TestSuite(boot_machine, .timeout = 120);

static enum irqchip_kind all_irqchips[] = {IRQCHIP_KERNEL, IRQCHIP_SPLIT, IRQCHIP_USER};

ParameterizedTestParameters(boot_machine, mp_table_says_what_the_registers_say)
{
	return cr_make_param_array(
		enum irqchip_kind, all_irqchips, sizeof(all_irqchips) / sizeof(all_irqchips[0]));
}

/* MP 1.4, 4.3.1: signature and features are CPUID's. 4.3.3: the I/O APIC's version is bits 0 to 7
 * of its version register, its ID is that of its ID register. The status is the first that differs:
 * 1 signature, 2 features, 3 version, 4 ID.
 *
 *   .code32
 *   start: movzwl 0x40e, %ebp
 *   shl $4, %ebp
 *   1: cmpl $0x5f504d5f, (%ebp)
 *   je 2f
 *   add $16, %ebp
 *   jmp 1b
 *   2: mov 4(%ebp), %ebp
 *   add $44, %ebp
 *   mov $1, %eax
 *   cpuid
 *   mov $1, %bl
 *   cmp %eax, 4(%ebp)
 *   jne 9f
 *   inc %ebx
 *   cmp %edx, 8(%ebp)
 *   jne 9f
 *   3: mov $8, %eax
 *   cmpb $2, (%ebp)
 *   je 4f
 *   cmpb $0, (%ebp)
 *   jne 5f
 *   mov $20, %eax
 *   5: add %eax, %ebp
 *   jmp 3b
 *   4: inc %ebx
 *   movl $1, 0xfec00000
 *   mov 0xfec00010, %eax
 *   cmp %al, 2(%ebp)
 *   jne 9f
 *   inc %ebx
 *   movl $0, 0xfec00000
 *   mov 0xfec00010, %eax
 *   shr $24, %eax
 *   cmp %al, 1(%ebp)
 *   jne 9f
 *   mov $0, %bl
 *   9: mov %bl, %al
 *   outb %al, $0xf4
 *   hlt
 */
ParameterizedTest(enum irqchip_kind *irqchip, boot_machine, mp_table_says_what_the_registers_say)
{
	/* clang-format off */
	static const uint8_t code[] = {
		0x0f, 0xb7, 0x2d, 0x0e, 0x04, 0x00, 0x00, 0xc1, 0xe5, 0x04, 0x81, 0x7d, 0x00, 0x5f, 0x4d,
		0x50, 0x5f, 0x74, 0x05, 0x83, 0xc5, 0x10, 0xeb, 0xf2, 0x8b, 0x6d, 0x04, 0x83, 0xc5, 0x2c,
		0xb8, 0x01, 0x00, 0x00, 0x00, 0x0f, 0xa2, 0xb3, 0x01, 0x39, 0x45, 0x04, 0x75, 0x4f, 0x43,
		0x39, 0x55, 0x08, 0x75, 0x49, 0xb8, 0x08, 0x00, 0x00, 0x00, 0x80, 0x7d, 0x00, 0x02, 0x74,
		0x0f, 0x80, 0x7d, 0x00, 0x00, 0x75, 0x05, 0xb8, 0x14, 0x00, 0x00, 0x00, 0x01, 0xc5, 0xeb,
		0xe6, 0x43, 0xc7, 0x05, 0x00, 0x00, 0xc0, 0xfe, 0x01, 0x00, 0x00, 0x00, 0xa1, 0x10, 0x00,
		0xc0, 0xfe, 0x38, 0x45, 0x02, 0x75, 0x1a, 0x43, 0xc7, 0x05, 0x00, 0x00, 0xc0, 0xfe, 0x00,
		0x00, 0x00, 0x00, 0xa1, 0x10, 0x00, 0xc0, 0xfe, 0xc1, 0xe8, 0x18, 0x38, 0x45, 0x01, 0x75,
		0x02, 0xb3, 0x00, 0x88, 0xd8, 0xe6, 0xf4, 0xf4,
	};
	/* clang-format on */
	struct vm_config config = quiet_config(*irqchip);
	struct vm_outcome outcome;

	REQUIRE_KVM();
	config.vcpus = 3;
	struct vm *vm = run_code(config, code, sizeof(code), &outcome);

	cr_assert_eq(outcome.end, VM_END_EXIT, "ended by %d", outcome.end);
	cr_assert_eq(outcome.status, 0, "%u differs", outcome.status);
	vm_destroy(vm);
}

/* A Multiboot image at gpa that reloads a segment, which needs the boot GDT, and ends with the
 * first letter of its command line.
 *
 *   mov 16(%ebx), %esi
 *   mov $0x18, %ecx
 *   mov %ecx, %ds
 *   mov (%esi), %al
 *   outb %al, $0xf4
 *   hlt
 */
static void boots_at(uint32_t gpa, uint32_t bytes)
{
	static const uint8_t code[] = {0x8b, 0x73, 0x10, 0xb9, 0x18, 0x00, 0x00, 0x00, 0x8e, 0xd9,
		0x8a, 0x06, 0xe6, 0xf4, 0xf4};
	const uint32_t header[8] = {0x1badb002u, 1u << 16, 0u - (0x1badb002u + (1u << 16)), gpa,
		gpa, 0, gpa + bytes, gpa + sizeof(header)};
	struct vm_config config = quiet_config(IRQCHIP_SPLIT);
	struct vm_outcome outcome;
	char path[64] = "/tmp/tickvm-guest-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, header, sizeof(header)), (ssize_t)sizeof(header));
	cr_assert_eq(write(fd, code, sizeof(code)), (ssize_t)sizeof(code));
	close(fd);
	config.kernel = path;
	struct vm *vm = run_vm(&config, &outcome);

	unlink(path);
	cr_assert_eq(outcome.end, VM_END_EXIT, "at 0x%x: ended by %d", gpa, outcome.end);
	cr_assert_eq(outcome.status, 't', "at 0x%x: %u", gpa, outcome.status);
	vm_destroy(vm);
}

Test(boot_machine, images_where_tickvms_own_things_usually_are)
{
	REQUIRE_KVM();
	boots_at(0, 0x1000);
	boots_at(0x1000, 0x1000);
	boots_at(0x8000, 0x1000);
	boots_at(0x400, 0x9fc00);
	boots_at(0x9fc00, 0x40400);
	boots_at(0xff000, 0x2000);
}

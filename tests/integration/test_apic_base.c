/* SPDX-License-Identifier: BSD-2-Clause */
/* IA32_APIC_BASE as a guest sees it where the LAPIC is ours, and what is said of MSR accesses that
 * are refused. */
#include "guest_code.h"

#include <criterion/parameterized.h>

TestSuite(apic_base, .timeout = 120);

#define LAPIC_VERSION 0x01050014u

/* Words of the answer: what each WRMSR of APIC_BASE did (1: #GP), and what was read behind it. */
enum {
	BIT_AT_FIRST, /* CPUID.01H:EDX[9] */
	DISABLE,
	BIT_DISABLED,
	ENABLE,
	BIT_ENABLED,
	ABOVE_MAXPHYADDR,
	RESERVED_BIT,
	FORBIDDEN_MODE, /* x2APIC without the enable bit */
	INTO_RAM,
	INTO_KVMS_PAGES,
	MOVE,
	BASE_AFTER,
	VERSION_AT_NEW_PLACE,
	VERSION_AT_OLD_PLACE,
	OVER_IOAPIC,
	VERSION_OVER_IOAPIC,
	DISABLE_OVER_IOAPIC,
	IOAPIC_VERSION,
	WORDS,
};

/* Intel SDM vol. 3, 11.4.3, 11.4.4 and 11.12.5.
 *
 *   .code32
 *   start:
 *   mov $0x201068, %edi
 *   mov $fault, %eax
 *   movzwl %ax, %edx
 *   or $0x100000, %edx
 *   mov %edx, (%edi)
 *   mov $0x8e00, %ax
 *   mov %eax, 4(%edi)
 *   lidt idtr
 *   mov $0x300000, %esp
 *   mov $0x200000, %edi
 *   call apic_bit
 *   mov $0xfee00000, %eax
 *   xor %edx, %edx
 *   call write
 *   call apic_bit
 *   mov $0xfee00800, %eax
 *   call write
 *   call apic_bit
 *   mov $0x80000008, %eax
 *   cpuid
 *   movzbl %al, %ecx
 *   sub $32, %ecx
 *   xor %edx, %edx
 *   bts %ecx, %edx
 *   mov $0xfee00800, %eax
 *   call write
 *   xor %edx, %edx
 *   mov $0xfee00802, %eax
 *   call write
 *   mov $0xfee00400, %eax
 *   call write
 *   mov $0x400800, %eax
 *   call write
 *   mov $0xfffbd800, %eax
 *   call write
 *   mov $0xfed00800, %eax
 *   call write
 *   rdmsr
 *   stosl
 *   mov 0xfed00030, %eax
 *   stosl
 *   mov 0xfee00030, %eax
 *   stosl
 *   mov $0xfec00800, %eax
 *   call write
 *   mov 0xfec00030, %eax
 *   stosl
 *   mov $0xfec00000, %eax
 *   call write
 *   movl $1, 0xfec00000
 *   mov 0xfec00010, %eax
 *   stosl
 *   xor %eax, %eax
 *   out %al, $0xf4
 *   hlt
 *   apic_bit:
 *   mov $1, %eax
 *   cpuid
 *   shr $9, %edx
 *   and $1, %edx
 *   mov %edx, %eax
 *   stosl
 *   xor %edx, %edx
 *   ret
 *   write:
 *   mov $0x1b, %ecx
 *   xor %ebx, %ebx
 *   wrmsr
 *   xchg %eax, %ebx
 *   stosl
 *   ret
 *   fault:
 *   inc %ebx
 *   add $4, %esp
 *   pop %esi
 *   add $8, %esp
 *   add $2, %esi
 *   jmp *%esi
 *   idtr: .word 0x7ff
 *   .long 0x201000
 */
Test(apic_base, cpuid_follows_reserved_bits_fault_and_the_registers_move)
{
	/* clang-format off */
	static const uint8_t code[] = {
		0xbf, 0x68, 0x10, 0x20, 0x00, 0xb8, 0x1f, 0x01, 0x10, 0x00, 0x0f, 0xb7, 0xd0, 0x81, 0xca,
		0x00, 0x00, 0x10, 0x00, 0x89, 0x17, 0x66, 0xb8, 0x00, 0x8e, 0x89, 0x47, 0x04, 0x0f, 0x01,
		0x1d, 0x2c, 0x01, 0x10, 0x00, 0xbc, 0x00, 0x00, 0x30, 0x00, 0xbf, 0x00, 0x00, 0x20, 0x00,
		0xe8, 0xae, 0x00, 0x00, 0x00, 0xb8, 0x00, 0x00, 0xe0, 0xfe, 0x31, 0xd2, 0xe8, 0xb5, 0x00,
		0x00, 0x00, 0xe8, 0x9d, 0x00, 0x00, 0x00, 0xb8, 0x00, 0x08, 0xe0, 0xfe, 0xe8, 0xa6, 0x00,
		0x00, 0x00, 0xe8, 0x8e, 0x00, 0x00, 0x00, 0xb8, 0x08, 0x00, 0x00, 0x80, 0x0f, 0xa2, 0x0f,
		0xb6, 0xc8, 0x83, 0xe9, 0x20, 0x31, 0xd2, 0x0f, 0xab, 0xca, 0xb8, 0x00, 0x08, 0xe0, 0xfe,
		0xe8, 0x85, 0x00, 0x00, 0x00, 0x31, 0xd2, 0xb8, 0x02, 0x08, 0xe0, 0xfe, 0xe8, 0x79, 0x00,
		0x00, 0x00, 0xb8, 0x00, 0x04, 0xe0, 0xfe, 0xe8, 0x6f, 0x00, 0x00, 0x00, 0xb8, 0x00, 0x08,
		0x40, 0x00, 0xe8, 0x65, 0x00, 0x00, 0x00, 0xb8, 0x00, 0xd8, 0xfb, 0xff, 0xe8, 0x5b, 0x00,
		0x00, 0x00, 0xb8, 0x00, 0x08, 0xd0, 0xfe, 0xe8, 0x51, 0x00, 0x00, 0x00, 0x0f, 0x32, 0xab,
		0xa1, 0x30, 0x00, 0xd0, 0xfe, 0xab, 0xa1, 0x30, 0x00, 0xe0, 0xfe, 0xab, 0xb8, 0x00, 0x08,
		0xc0, 0xfe, 0xe8, 0x38, 0x00, 0x00, 0x00, 0xa1, 0x30, 0x00, 0xc0, 0xfe, 0xab, 0xb8, 0x00,
		0x00, 0xc0, 0xfe, 0xe8, 0x28, 0x00, 0x00, 0x00, 0xc7, 0x05, 0x00, 0x00, 0xc0, 0xfe, 0x01,
		0x00, 0x00, 0x00, 0xa1, 0x10, 0x00, 0xc0, 0xfe, 0xab, 0x31, 0xc0, 0xe6, 0xf4, 0xf4, 0xb8,
		0x01, 0x00, 0x00, 0x00, 0x0f, 0xa2, 0xc1, 0xea, 0x09, 0x83, 0xe2, 0x01, 0x89, 0xd0, 0xab,
		0x31, 0xd2, 0xc3, 0xb9, 0x1b, 0x00, 0x00, 0x00, 0x31, 0xdb, 0x0f, 0x30, 0x93, 0xab, 0xc3,
		0x43, 0x83, 0xc4, 0x04, 0x5e, 0x83, 0xc4, 0x08, 0x83, 0xc6, 0x02, 0xff, 0xe6, 0xff, 0x07,
		0x00, 0x10, 0x20, 0x00,
	};
	/* clang-format on */
	static const uint32_t expected[WORDS] = {
		[BIT_AT_FIRST] = 1,
		[BIT_ENABLED] = 1,
		[ABOVE_MAXPHYADDR] = 1,
		[RESERVED_BIT] = 1,
		[FORBIDDEN_MODE] = 1,
		[INTO_RAM] = 1,
		[INTO_KVMS_PAGES] = 1,
		[BASE_AFTER] = 0xfed00900, /* the boot processor's bit stays */
		[VERSION_AT_NEW_PLACE] = LAPIC_VERSION,
		[VERSION_AT_OLD_PLACE] = UINT32_MAX,
		[VERSION_OVER_IOAPIC] = LAPIC_VERSION,
	};
	struct vm_outcome outcome;
	const uint32_t *words;
	struct vm *vm;

	REQUIRE_KVM();
	vm = run_code(quiet_config(IRQCHIP_USER), code, sizeof(code), &outcome);
	cr_assert_eq(outcome.end, VM_END_EXIT, "ended by %d: %s", outcome.end,
		outcome.report ? outcome.report : "no report");
	words = vm_guest_memory(vm, DATA_GPA, WORDS * sizeof(*words));
	for (unsigned i = 0; i < IOAPIC_VERSION; i++)
		cr_expect_eq(words[i], expected[i], "word %u: 0x%x", i, words[i]);
	cr_expect_neq(words[IOAPIC_VERSION], UINT32_MAX, "what lies there answers again");
	cr_expect_neq(words[IOAPIC_VERSION], LAPIC_VERSION);
	vm_destroy(vm);
}

/* ---- in words ---- */

static const char *said(char *text, size_t size)
{
	ssize_t n = pread(STDERR_FILENO, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* Runs it with standard error in a file: everything that was said. */
static const char *words_of(
	enum irqchip_kind irqchip, const uint8_t *code, size_t size, char *text, size_t room)
{
	char path[] = "/tmp/tickvm-said-XXXXXX";
	int fd = mkstemp(path), saved = dup(STDERR_FILENO);
	struct vm_outcome outcome;

	cr_assert_geq(fd, 0);
	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	vm_destroy(run_code(quiet_config(irqchip), code, size, &outcome));
	said(text, room);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	unlink(path);
	return text;
}

static enum irqchip_kind all_irqchips[] = {IRQCHIP_KERNEL, IRQCHIP_SPLIT, IRQCHIP_USER};

ParameterizedTestParameters(apic_base, a_refused_value_is_not_called_an_unknown_msr)
{
	return cr_make_param_array(
		enum irqchip_kind, all_irqchips, sizeof(all_irqchips) / sizeof(all_irqchips[0]));
}
ParameterizedTest(
	enum irqchip_kind *irqchip, apic_base, a_refused_value_is_not_called_an_unknown_msr)
{
	/* Without an IDT the #GP becomes a triple fault. */
	static const uint8_t refused[] = {
		0xb9, 0x1b, 0x00, 0x00, 0x00, /* mov $0x1b, %ecx */
		0xb8, 0x01, 0x08, 0xe0, 0xfe, /* mov $0xfee00801, %eax */
		0x31, 0xd2, 0x0f, 0x30, 0xf4, /* xor %edx, %edx; wrmsr; hlt */
	};
	static const uint8_t unknown[] = {
		0xb9, 0x45, 0x23, 0xc1, 0x00, 0x0f, 0x32, 0xf4}; /* rdmsr 0xc12345 */
	const char *who =
		*irqchip == IRQCHIP_USER ? "the local APIC refuses it" : "KVM refuses the value";
	char text[4096], expected[128];

	REQUIRE_KVM();
	snprintf(expected, sizeof(expected), "vCPU 0: WRMSR of 0xfee00801 to MSR 0x1b: %s", who);
	words_of(*irqchip, refused, sizeof(refused), text, sizeof(text));
	cr_expect_not_null(strstr(text, expected), "%s", text);
	words_of(*irqchip, unknown, sizeof(unknown), text, sizeof(text));
	cr_expect_not_null(
		strstr(text, "vCPU 0: RDMSR of MSR 0xc12345: KVM knows no such MSR"), "%s", text);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests assembled in place, an instruction a function: 32-bit, flat, with interrupts that are
 * counted. A driver is mostly stores of constants. */
#ifndef TESTS_GUEST_ASSEMBLER_H
#define TESTS_GUEST_ASSEMBLER_H

#include "guest_code.h"

#include "tickvm/guest_abi.h"

/* ---- where a guest keeps what ---- */

enum {
	GDT = DATA_GPA,
	POINTER = DATA_GPA + 0xf00, /* for LGDT and LIDT */
	COUNTER = DATA_GPA + 0xf10, /* interrupts */
	RESUME = DATA_GPA + 0xf14,  /* where a handler goes on */
	TEST_DATA = DATA_GPA + 0x1000,
	STACK = DATA_GPA + 0x20000,
	IDT = DATA_GPA + 0x21000,
};
#define VECTOR 0x40u

/* ---- the assembler: 32-bit, flat ---- */

static uint8_t code[8192];
static size_t size;

static inline void begin(void)
{
	size = 0;
}

static inline void byte(unsigned value)
{
	cr_assert_lt(size, sizeof(code));
	code[size++] = (uint8_t)value;
}

static inline void bytes(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		byte((uint8_t)text[i]);
}
#define EMIT(text) bytes(text, sizeof(text) - 1)

static inline void word(uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		byte(value >> 8 * i & 0xff);
}

/* mov $address, %ebx */
static inline void point_to(uint32_t address)
{
	byte(0xbb);
	word(address);
}

/* movl $value, (%ebx) */
static inline void store(uint32_t address, uint32_t value)
{
	point_to(address);
	EMIT("\xc7\x03");
	word(value);
}

/* 1: testl $mask, (%ebx); jz 1b */
static inline void wait_for_bit(uint32_t address, uint32_t mask)
{
	point_to(address);
	EMIT("\xf7\x03");
	word(mask);
	EMIT("\x74\xf8");
}

/* mov $value, %al; out %al, $port */
static inline void out(uint8_t port, uint8_t value)
{
	byte(0xb0);
	byte(value);
	byte(0xe6);
	byte(port);
}

static inline void leave(uint8_t status)
{
	out(PORT_EXIT, status);
	byte(0xf4);
}

static inline uint32_t here(void)
{
	return CODE_GPA + 32 + (uint32_t)size;
}

/* ---- interrupts ---- */

/* Counts interrupts; or adds up what serve leaves in %eax, which may use %ebx besides. It goes on
 * at the beginning of the wait it ends: not behind the HLT, for a processor that lets it in before
 * the HLT would halt with interrupts off; and without IRET, which cannot be emulated everywhere. */
static inline uint32_t emit_handler(void (*serve)(void))
{
	uint32_t handler;
	size_t jump = size;

	EMIT("\xeb\x00"); /* jmp over it */
	handler = here();
	EMIT("\xb8\x01\x00\x00\x00"); /* mov $1, %eax */
	if (serve)
		serve();
	point_to(COUNTER);
	EMIT("\x01\x03"); /* add %eax, (%ebx) */
	store(GPA_LAPIC + 0xb0, 0);
	EMIT("\x83\xc4\x0c\xff\x25"); /* add $12, %esp; jmp *RESUME */
	word(RESUME);
	code[jump + 1] = (uint8_t)(size - jump - 2);
	return handler;
}

/* Pseudo-descriptor at POINTER for LGDT and LIDT; 16 bits of limit, 32 of base. */
static inline void point_table(const char *instruction, uint32_t base, uint32_t limit)
{
	store(POINTER, limit | base << 16);
	store(POINTER + 4, base >> 16);
	bytes(instruction, 3);
	word(POINTER);
}

static inline void load_tables(void)
{
	store(GDT + 0x10, 0x0000ffff);
	store(GDT + 0x14, 0x00cf9b00);
	store(GDT + 0x18, 0x0000ffff);
	store(GDT + 0x1c, 0x00cf9300);
	point_table("\x0f\x01\x15", GDT, 0x1f);
	point_table("\x0f\x01\x1d", IDT, 0x7ff);
	byte(0xea); /* ljmp $0x10 */
	word(here() + 6);
	EMIT("\x10\x00\x66\xb8\x18\x00\x8e\xd8\x8e\xd0\xbc"); /* %ds, %ss, %esp */
	word(STACK);
}

/* Interrupts of an ISA line through the IOAPIC are counted from now on. */
static inline void take_interrupts(unsigned line, bool level, void (*serve)(void))
{
	uint32_t handler = emit_handler(serve);

	store(IDT + 8 * VECTOR, (handler & 0xffff) | 0x10u << 16);
	store(IDT + 8 * VECTOR + 4, (handler & 0xffff0000) | 0x8e00);
	load_tables();
	out(0x21, 0xff); /* not through the PIC too */
	out(0xa1, 0xff);
	store(GPA_LAPIC + 0xf0, 0x1ff);
	store(GPA_IOAPIC, 0x11 + 2 * line);
	store(GPA_IOAPIC + 0x10, 0);
	store(GPA_IOAPIC, 0x10 + 2 * line);
	store(GPA_IOAPIC + 0x10, VECTOR | (level ? 1u << 15 : 0));
}

#define STORE_BYTES 11

/* 1: cli; cmpl $n, COUNTER; jae 2f; sti; hlt; jmp 1b; 2: */
static inline void wait_for_interrupts(uint32_t n)
{
	store(RESUME, here() + STORE_BYTES);
	byte(0xfa);
	point_to(COUNTER);
	EMIT("\x81\x3b");
	word(n);
	EMIT("\x73\x04\xfb\xf4\xeb\xee");
}

#endif

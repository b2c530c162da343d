/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt descriptor table, and exceptions: expected while the machine is probed, the end of
 * the run otherwise. It handles no interrupts: those are in interrupts.S. */
#include "guest.h"
#include "text.h"

/* Intel SDM vol. 3, 6.14.1. */
struct gate_descriptor {
	uint16_t offset_0;
	uint16_t selector;
	uint8_t ist, type;
	uint16_t offset_16;
	uint32_t offset_32, reserved;
};

#define GATE_INTERRUPT 0x8e
#define GATE_DPL3      0x60
#define VECTOR_BP      3
#define VECTOR_DF      8
#define STUB_BYTES     16

struct exception_frame {
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

extern struct gate_descriptor idt[256];
extern char exception_stubs[];
extern char kernel_try_failed[];
extern uint64_t kernel_try_stack;
void gate(void);
void exception(struct exception_frame *frame);

static void set_gate(unsigned vector, uintptr_t offset)
{
	idt[vector] = (struct gate_descriptor){
		.offset_0 = (uint16_t)offset,
		.selector = SEL_KERNEL_CODE,
		.type = GATE_INTERRUPT,
		.offset_16 = (uint16_t)(offset >> 16),
		.offset_32 = (uint32_t)(offset >> 32),
	};
}

void idt_set(unsigned vector, void (*handler)(void))
{
	set_gate(vector, (uintptr_t)handler);
}

void idt_init(void)
{
	for (unsigned i = 0; i < 32; i++)
		set_gate(i, (uintptr_t)exception_stubs + i * STUB_BYTES);
	for (unsigned i = 32; i < 256; i++)
		idt_set(i, irq_spurious);
	idt_set(VECTOR_BP, gate);
	idt[VECTOR_BP].type |= GATE_DPL3;
	idt[VECTOR_DF].ist = 1;
}

void exception(struct exception_frame *frame)
{
	char detail[96];
	struct text text = text_in(detail, sizeof(detail));
	uint64_t cr2;

	if (kernel_try_stack) {
		frame->rip = (uintptr_t)kernel_try_failed;
		frame->rsp = kernel_try_stack;
		return;
	}
	text_add_decimal(&text, frame->vector);
	text_add(&text, ", error code ");
	text_add_hex(&text, frame->error);
	text_add(&text, ", rip ");
	text_add_hex(&text, frame->rip);
	text_add(&text, ", cs ");
	text_add_hex(&text, frame->cs);
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	text_add(&text, ", cr2 ");
	text_add_hex(&text, cr2);
	test_failed("unexpected exception ", detail);
}

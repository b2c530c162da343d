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

#define GATE_INTERRUPT   0x8e
#define GATE_DPL3        0x60
#define VECTOR_BP        3
#define VECTOR_UD        6
#define VECTOR_DF        8
#define VECTOR_GP        13
#define STUB_BYTES       16
#define GATE_FRAME_WORDS 5 /* rip, cs, rflags, rsp, ss */

struct exception_frame {
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

extern struct gate_descriptor idt[256];
extern char exception_stubs[];
extern char kernel_try_done[], kernel_try_failed[];
void gate(void);
void exception(struct exception_frame *frame);

static struct exception_frame last;
static uint64_t last_cr2;
static const char *running = "the payload";
static bool probing;

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

/* The stack as kernel_try left it when the exception is one in its function, else NULL. Each CPU
 * has a CPL 0 stack of its own: a variable would be another's as well. */
static uint64_t *kernel_try_stack(const struct exception_frame *frame)
{
	uint64_t *top = (uint64_t *)((frame->rsp | (STACK_BYTES - 1)) + 1);
	uint64_t *returns = top - GATE_FRAME_WORDS - 1;

	if ((frame->cs & 3) != 0 || frame->rsp > (uintptr_t)returns ||
		*returns != (uintptr_t)kernel_try_done)
		return NULL;
	return returns + 1;
}

void exceptions_in(const char *name, bool probe)
{
	running = name;
	probing = probe;
}

void exception_end(void)
{
	char message[160];
	struct text text = text_in(message, sizeof(message));

	if (probing && (last.vector == VECTOR_UD || last.vector == VECTOR_GP)) {
		text_add(&text, last.vector == VECTOR_UD ? "#UD" : "#GP");
		text_add(&text, last.cs & 3 ? " at CPL 3" : " at CPL 0");
		test_unavailable(message, ": this machine does not do it there");
	}
	text_add(&text, running);
	text_add(&text, ": unexpected exception ");
	text_add_decimal(&text, last.vector);
	text_add(&text, ", error code ");
	text_add_hex(&text, last.error);
	text_add(&text, ", rip ");
	text_add_hex(&text, last.rip);
	text_add(&text, ", cs ");
	text_add_hex(&text, last.cs);
	text_add(&text, ", cr2 ");
	text_add_hex(&text, last_cr2);
	test_failed(message, "");
}

void exception(struct exception_frame *frame)
{
	uint64_t *try_stack = kernel_try_stack(frame);

	last = *frame;
	__asm__ volatile("mov %%cr2, %0" : "=r"(last_cr2));
	if (!try_stack)
		exception_end();
	frame->rip = (uintptr_t)kernel_try_failed;
	frame->rsp = (uintptr_t)try_stack;
}

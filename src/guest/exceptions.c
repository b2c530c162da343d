/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt descriptor table, and exceptions: expected while the machine is probed, the end of
 * the run otherwise. It handles no interrupts: those are in interrupts.S. */
#include "guest.h"
#include "guest_text.h"

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
/* As exception_common pushes them. */
struct pushed_registers {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
};
void exception(struct exception_frame *frame, const struct pushed_registers *pushed);

static struct exception_frame last;
static struct guest_registers last_registers;
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
	result->died = last_registers;
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

static void keep_registers(const struct exception_frame *frame, const struct pushed_registers *p)
{
	struct guest_registers *r = &last_registers;

	r->rip = frame->rip, r->rflags = frame->rflags, r->rsp = frame->rsp;
	r->rax = p->rax, r->rbx = p->rbx, r->rcx = p->rcx, r->rdx = p->rdx;
	r->rsi = p->rsi, r->rdi = p->rdi, r->rbp = p->rbp;
	r->r8 = p->r8, r->r9 = p->r9, r->r10 = p->r10, r->r11 = p->r11;
	r->r12 = p->r12, r->r13 = p->r13, r->r14 = p->r14, r->r15 = p->r15;
}

void exception(struct exception_frame *frame, const struct pushed_registers *pushed)
{
	uint64_t *try_stack = kernel_try_stack(frame);

	last = *frame;
	keep_registers(frame, pushed);
	__asm__ volatile("mov %%cr2, %0" : "=r"(last_cr2));
	if (!try_stack)
		exception_end();
	frame->rip = (uintptr_t)kernel_try_failed;
	frame->rsp = (uintptr_t)try_stack;
}

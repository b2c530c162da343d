/* SPDX-License-Identifier: BSD-2-Clause */
/* What is printed when a guest crashes: registers, the bytes at RIP, the last exits.
 * It reads; it changes and judges nothing. */
#include "vm_internal.h"

#include "tickvm/host.h"

#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define CODE_BYTES 16
#define LAST_EXITS 16

typedef unsigned long long ull;

void vm_print_registers(FILE *f, const struct guest_registers *r)
{
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {{"rip", r->rip}, {"rflags", r->rflags}, {"rsp", r->rsp}, {"rbp", r->rbp},
		{"rax", r->rax}, {"rbx", r->rbx}, {"rcx", r->rcx}, {"rdx", r->rdx}, {"rsi", r->rsi},
		{"rdi", r->rdi}, {"r8", r->r8}, {"r9", r->r9}, {"r10", r->r10}, {"r11", r->r11},
		{"r12", r->r12}, {"r13", r->r13}, {"r14", r->r14}, {"r15", r->r15}};
	const size_t n = sizeof(all) / sizeof(all[0]);

	_Static_assert(
		sizeof(all) / sizeof(all[0]) * sizeof(uint64_t) == sizeof(*r), "all of them");
	for (size_t i = 0; i < n; i++)
		fprintf(f, "  %-3s %0*" PRIx64 "%s", all[i].name, i == 1 ? 8 : 16, all[i].value,
			i % 4 == 3 || i == n - 1 ? "\n" : "");
}

static void print_registers(FILE *f, struct vcpu *vcpu)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &r) < 0 || ioctl(vcpu->fd, KVM_GET_SREGS, &s) < 0) {
		fputs("  registers: KVM does not say\n", f);
		return;
	}
	/* AMD APM vol. 2, 15.14.3: the guest's are lost, and KVM makes an INIT of them. */
	if (vcpu->event.kind == EXIT_KIND_SHUTDOWN && vcpu->vm->kvm.backend == KVM_BACKEND_SVM)
		fputs("  registers as after an INIT: SVM does not keep the guest's\n", f);
	fprintf(f, "  cpl %u\n", s.ss.dpl);
	vm_print_registers(f, &(struct guest_registers){.rip = r.rip,
				      .rflags = r.rflags,
				      .rsp = r.rsp,
				      .rax = r.rax,
				      .rbx = r.rbx,
				      .rcx = r.rcx,
				      .rdx = r.rdx,
				      .rsi = r.rsi,
				      .rdi = r.rdi,
				      .rbp = r.rbp,
				      .r8 = r.r8,
				      .r9 = r.r9,
				      .r10 = r.r10,
				      .r11 = r.r11,
				      .r12 = r.r12,
				      .r13 = r.r13,
				      .r14 = r.r14,
				      .r15 = r.r15});
	fprintf(f, "  cr0 %08llx  cr2 %016llx  cr3 %08llx  cr4 %08llx  efer %04llx\n", s.cr0, s.cr2,
		s.cr3, s.cr4, s.efer);
	fprintf(f, "  cs %04x base %llx limit %x  ss %04x  ds %04x  tr %04x\n", s.cs.selector,
		s.cs.base, s.cs.limit, s.ss.selector, s.ds.selector, s.tr.selector);
	fprintf(f, "  gdt %llx+%x  idt %llx+%x\n", s.gdt.base, s.gdt.limit, s.idt.base,
		s.idt.limit);
}

/* Linear RIP to guest physical, as the vCPU's own page tables have it. */
static void print_code(FILE *f, struct vcpu *vcpu)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_translation tr;
	const uint8_t *code = NULL;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) == 0 &&
		ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) == 0) {
		tr = (struct kvm_translation){.linear_address = sregs.cs.base + regs.rip};
		if (ioctl(vcpu->fd, KVM_TRANSLATE, &tr) == 0 && tr.valid)
			code = memory_at(&vcpu->vm->memory, tr.physical_address, CODE_BYTES);
	}
	fputs("  code", f);
	if (!code)
		fputs(" (not in guest RAM)", f);
	for (unsigned i = 0; code && i < CODE_BYTES; i++)
		fprintf(f, " %02x", code[i]);
	fputc('\n', f);
}

static void print_exit(FILE *f, const struct trace_event *e, uint64_t end_tsc)
{
	fprintf(f, "    %10.3f us before: %-12s",
		clock_ticks_to_ns_f((int64_t)(end_tsc - e->exit_tsc)) / 1e3,
		exit_kind_name(e->kind));
	if (e->size)
		fprintf(f, " 0x%" PRIx64 " size %u value 0x%" PRIx64 " (%s)", e->address, e->size,
			e->value, e->device);
	else if (e->address)
		fprintf(f, " 0x%" PRIx64 " (%s)", e->address, e->device);
	if (e->repeats > 1)
		fprintf(f, " x%u", e->repeats);
	fputc('\n', f);
}

static void print_exits(FILE *f, const struct vcpu *vcpu)
{
	size_t n = trace_ring_count(vcpu->ring),
	       first = n > LAST_EXITS - 1 ? n - (LAST_EXITS - 1) : 0;

	fprintf(f, "  last exits (oldest first):\n");
	for (size_t i = first; i < n; i++)
		print_exit(f, trace_ring_get(vcpu->ring, i), vcpu->event.exit_tsc);
	print_exit(f, &vcpu->event, vcpu->event.exit_tsc); /* the one that ended the run */
}

char *vcpu_crash_report(struct vcpu *vcpu, const char *what)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	fprintf(f, "guest crashed: %s on vCPU %u\n", what, vcpu->id);
	print_registers(f, vcpu);
	print_code(f, vcpu);
	print_exits(f, vcpu);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

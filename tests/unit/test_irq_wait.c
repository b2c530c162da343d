/* SPDX-License-Identifier: BSD-2-Clause */
/* How many exits a waiting vector lets pass, by a scripted KVM of either kind: one that looks out
 * for the window, and one that emulates the guest and does not, before the next exit. */
#include "../../src/vmm/irq_wait.h"

#include <criterion/criterion.h>

TestSuite(irq_wait, .timeout = 60);

#define NEVER 1000u /* polls: it does not go in */

/* A guest that polls: every poll is an exit. IF is set before poll number `sti`, by STI right
 * before that poll (its shadow lies on it) or earlier. */
struct guest {
	unsigned sti; /* poll before which IF rises */
	bool shadow;  /* STI stands right before that poll */
};

/* KVM's side. */
struct kvm {
	struct kvm_run run;
	struct guest guest;
	bool looks_out;       /* for the window, between instructions */
	bool shut;            /* says "not ready" for another reason: LINT0 is masked */
	unsigned polls;       /* exits so far */
	bool open_io;         /* the last poll is not finished */
	unsigned entries;     /* KVM_RUNs that entered the guest */
	unsigned turned_back; /* KVM_RUNs that did not */
};

static bool if_set(const struct kvm *kvm)
{
	return kvm->polls > kvm->guest.sti; /* the poll before which it rose has begun */
}

static bool in_shadow(const struct kvm *kvm)
{
	return kvm->guest.shadow && kvm->open_io && kvm->polls == kvm->guest.sti + 1;
}

static void save(struct kvm *kvm)
{
	kvm->run.if_flag = if_set(kvm);
	kvm->run.ready_for_interrupt_injection = if_set(kvm) && !in_shadow(kvm) && !kvm->shut;
}

static bool window_opens(const struct kvm *kvm)
{
	return kvm->looks_out && kvm->run.request_interrupt_window && if_set(kvm) && !kvm->shut;
}

/* KVM_RUN. True: it returned 0. */
static bool run(struct kvm *kvm)
{
	kvm->open_io = false; /* finished first, whatever immediate_exit says */
	if (kvm->run.immediate_exit) {
		kvm->turned_back++;
	} else {
		kvm->entries++;
		kvm->open_io = !window_opens(kvm);
		kvm->polls += kvm->open_io;
	}
	save(kvm);
	return !kvm->run.immediate_exit;
}

/* The vCPU thread with one vector waiting from the beginning. Polls that began with IF = 1 before
 * it went in. */
static unsigned polls_before(struct kvm *kvm)
{
	struct irq_wait wait = {0};

	kvm->run.request_interrupt_window = 1;
	while (kvm->polls < NEVER) {
		enum irq_step step = irq_wait_step(&wait, &kvm->run);
		bool finishing = step == IRQ_STEP_FINISH, exited;

		if (step == IRQ_STEP_ATTEND)
			return kvm->polls - kvm->guest.sti;
		kvm->run.immediate_exit = finishing;
		exited = run(kvm);
		kvm->run.immediate_exit = 0;
		irq_wait_returned(&wait, &kvm->run, exited, finishing);
	}
	return NEVER;
}

Test(irq_wait, at_most_one_exit_passes_whoever_looks_out)
{
	for (unsigned i = 0; i < 8; i++) {
		struct kvm kvm = {
			.looks_out = i & 1, .guest = {.shadow = i & 2, .sti = i & 4 ? 5 : 0}};

		cr_expect_leq(polls_before(&kvm), 1, "case %u", i);
		cr_expect_leq(kvm.turned_back, 1, "case %u", i);
	}
}

Test(irq_wait, a_shadow_is_left_without_entering_the_guest)
{
	struct kvm kvm = {.guest = {.shadow = true, .sti = 3}};

	cr_expect_eq(polls_before(&kvm), 1);
	cr_expect_eq(kvm.entries, 4);
	cr_expect_eq(kvm.turned_back, 1);
}

/* A PIC's line stays up behind a masked LINT0 for as long as a guest likes: one try, not one an
 * exit. */
Test(irq_wait, what_is_no_shadow_costs_one_try)
{
	struct kvm kvm = {.shut = true};

	cr_expect_eq(polls_before(&kvm), NEVER);
	cr_expect_eq(kvm.turned_back, 1);
}

Test(irq_wait, nothing_is_done_where_nothing_waits)
{
	struct kvm_run run = {.if_flag = 1, .ready_for_interrupt_injection = 1};
	struct irq_wait wait = {.exited = true};

	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_ENTER);
	run.ready_for_interrupt_injection = 0;
	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_ENTER);
}

/* PVM says "ready" with IF = 0 too. */
Test(irq_wait, nothing_goes_in_with_if_clear)
{
	struct kvm_run run = {.request_interrupt_window = 1, .ready_for_interrupt_injection = 1};
	struct irq_wait wait = {.exited = true};

	cr_expect_not(irq_wait_open(&run));
	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_ENTER);
}

/* Two at once: the second waits for the first one's handler, whatever was true before it. */
Test(irq_wait, after_an_injection_the_handlers_if_counts)
{
	struct kvm_run run = {
		.request_interrupt_window = 1, .if_flag = 1, .ready_for_interrupt_injection = 1};
	struct irq_wait wait = {.exited = true};

	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_ATTEND);
	irq_wait_injected(&run);
	cr_expect_not(irq_wait_open(&run));
	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_ENTER);
	/* The handler's first exit, then one behind its end. */
	irq_wait_returned(&wait, &run, true, false);
	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_ENTER);
	run.if_flag = run.ready_for_interrupt_injection = 1;
	irq_wait_returned(&wait, &run, true, false);
	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_ATTEND);
}

/* A signal between STI and the instruction behind it leaves nothing to be finished; the exit of
 * that instruction does. */
Test(irq_wait, a_kick_in_the_shadow_does_not_use_the_try_up)
{
	struct kvm_run run = {.request_interrupt_window = 1, .if_flag = 1};
	struct irq_wait wait = {0};

	irq_wait_returned(&wait, &run, false, false);
	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_ENTER);
	irq_wait_returned(&wait, &run, true, false);
	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_FINISH);
	irq_wait_returned(&wait, &run, false, true);
	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_ENTER);
	run.if_flag = 0; /* and it may be tried again when IF has been 0 */
	irq_wait_returned(&wait, &run, true, false);
	run.if_flag = 1;
	irq_wait_returned(&wait, &run, true, false);
	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_FINISH);
}

Test(irq_wait, a_try_in_vain_is_forgotten_when_nothing_waits)
{
	struct kvm_run run = {.request_interrupt_window = 1, .if_flag = 1};
	struct irq_wait wait = {0};

	irq_wait_returned(&wait, &run, true, true);
	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_ENTER);
	run.request_interrupt_window = 0; /* the line fell */
	irq_wait_returned(&wait, &run, true, false);
	run.request_interrupt_window = 1;
	cr_expect_eq(irq_wait_step(&wait, &run), IRQ_STEP_FINISH);
}

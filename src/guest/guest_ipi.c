/* SPDX-License-Identifier: BSD-2-Clause */
/* test=ipi: interrupts from the boot processor to a second CPU, one way or with an answer from its
 * handler. Between two sends the target is given time to wait as asked. */
#include "ipi.h"
#include "wait.h"

#define VECTOR_TARGET (VECTOR_TEST + 1)
#define ICR_FIXED     0x4000
#define SETTLE_NS     50000  /* from "about to wait" to waiting for sure */
#define PAUSE_NS      100000 /* between two sends: the target's way back, and SETTLE_NS */

static struct ipi_plan plan;
static struct wait_event event;
static uint64_t sent;

/* Written by the target. */
static volatile struct {
	bool failed;
	uint64_t waiting;  /* waits begun */
	uint64_t received; /* waits ended */
	uint64_t enter;
} target;

/* With x2APIC the destination is part of the command. */
static bool apic_init(uint32_t destination)
{
	lapic_init();
	if (plan.apic == APIC_X2APIC)
		return lapic_to_x2apic();
	lapic_icr_destination(destination);
	return true;
}

static void target_main(unsigned cpu)
{
	/* For the answer: the handler's ICR, low and high half. */
	struct wait_event arrival = {
		.stub = wait_stubs[WAIT_NOTHING][plan.target],
		.value = ICR_FIXED | VECTOR_TEST,
		.factor = cpu_apic_ids[0],
	};

	(void)cpu;
	target.failed = !apic_init(cpu_apic_ids[0]);
	for (;;) {
		target.waiting++;
		wait_as(plan.target, &arrival);
		target.enter = arrival.enter;
		target.received++;
	}
}

static void prepare_event(void)
{
	unsigned how = plan.answer ? (unsigned)plan.sender : WAIT_NOT_AT_ALL;

	if (plan.apic == APIC_X2APIC) {
		event.stub = wait_stubs[WAIT_WRMSR][how];
		event.msr = MSR_X2APIC_ICR;
		event.value = (uint64_t)cpu_apic_ids[1] << 32 | ICR_FIXED | VECTOR_TARGET;
	} else {
		event.stub = wait_stubs[WAIT_STORE32][how];
		event.address = LAPIC_ICR_GPA;
		event.value = ICR_FIXED | VECTOR_TARGET;
	}
}

void ipi_begin(const struct ipi_plan *ipi_plan)
{
	bool x2apic = ipi_plan->apic == APIC_X2APIC;

	plan = *ipi_plan;
	idt_set(VECTOR_TEST, x2apic ? irq_stamp_x2apic : irq_stamp);
	if (plan.answer)
		idt_set(VECTOR_TARGET, x2apic ? irq_reply_x2apic : irq_reply);
	else
		idt_set(VECTOR_TARGET, x2apic ? irq_stamp_x2apic : irq_stamp);
	cpus_start(2, target_main);
	if (!apic_init(cpu_apic_ids[1]))
		test_unavailable("this CPU has no x2APIC", "");
	prepare_event();
}

void ipi_settle(void)
{
	uint64_t pause_end = rdtsc_fenced() + ns_to_tsc(PAUSE_NS), settled;

	while (target.waiting != sent + 1)
		cpu_relax();
	if (target.failed)
		test_unavailable("the second CPU has no x2APIC", "");
	settled = rdtsc_fenced() + ns_to_tsc(SETTLE_NS);
	while (rdtsc_fenced() < (settled > pause_end ? settled : pause_end))
		cpu_relax();
}

void ipi_send(void)
{
	wait_as(plan.answer ? plan.sender : WAIT_HLT, &event);
	sent++;
}

void ipi_send_nothing(void)
{
	struct wait_event nothing = {.stub = wait_stubs[WAIT_NOTHING][WAIT_NOT_AT_ALL]};

	wait_hlt(&nothing);
}

struct guest_ipi_event ipi_stamps(void)
{
	while (target.received != sent)
		cpu_relax();
	return (struct guest_ipi_event){
		.send = event.arm,
		.enter = target.enter,
		.reply = plan.answer ? event.enter : 0,
	};
}

static struct guest_ipi_event once(void)
{
	ipi_settle();
	ipi_send();
	return ipi_stamps();
}

void test_ipi(const struct cmdline *cmdline)
{
	struct guest_ipi_event *records = records_prepare(cmdline->count, sizeof(*records));

	lapic_init();
	clocks_init(cmdline);
	ipi_begin(&(struct ipi_plan){
		.apic = cmdline->apic,
		.answer = cmdline->mode == MODE_PINGPONG,
		.target = cmdline->wait,
		.sender = cmdline->wait,
	});
	for (uint64_t i = 0; i < cmdline->warmup; i++)
		once();
	measure_begin();
	for (uint64_t i = 0; i < cmdline->count; i++)
		records[i] = once();
	measure_end();
	result->record_count = (uint32_t)cmdline->count;
}

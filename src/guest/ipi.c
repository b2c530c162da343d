/* SPDX-License-Identifier: BSD-2-Clause */
/* test=ipi: interrupts from the boot processor to a second CPU, one way or with an answer from its
 * handler. Between two sends the target is given time to wait as asked. */
#include "guest.h"
#include "wait.h"

#define VECTOR_TARGET (VECTOR_TEST + 1)
#define ICR_FIXED     0x4000
#define SETTLE_NS     50000 /* from "about to wait" to waiting for sure */

static const struct cmdline *options;
static uint32_t sender_id, target_id;

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
	if (options->apic == APIC_X2APIC)
		return lapic_to_x2apic();
	lapic_icr_destination(destination);
	return true;
}

static void target_main(void)
{
	/* For the answer: the handler's ICR, low and high half. */
	struct wait_event event = {
		.stub = wait_stubs[WAIT_NOTHING][options->wait],
		.value = ICR_FIXED | VECTOR_TEST,
		.factor = sender_id,
	};

	target.failed = !apic_init(sender_id);
	for (;;) {
		target.waiting++;
		wait_as(options->wait, &event);
		target.enter = event.enter;
		target.received++;
	}
}

static void prepare_event(struct wait_event *event)
{
	unsigned how = options->mode == MODE_PINGPONG ? (unsigned)options->wait : WAIT_NOT_AT_ALL;

	if (options->apic == APIC_X2APIC) {
		event->stub = wait_stubs[WAIT_WRMSR][how];
		event->msr = MSR_X2APIC_ICR;
		event->value = (uint64_t)target_id << 32 | ICR_FIXED | VECTOR_TARGET;
	} else {
		event->stub = wait_stubs[WAIT_STORE32][how];
		event->address = LAPIC_ICR_GPA;
		event->value = ICR_FIXED | VECTOR_TARGET;
	}
}

static void send(struct wait_event *event, uint64_t round, struct guest_ipi_event *record)
{
	while (target.waiting != round + 1)
		cpu_relax();
	if (target.failed)
		test_unavailable("the second CPU has no x2APIC", "");
	tsc_delay_ns(SETTLE_NS);
	wait_as(options->mode == MODE_PINGPONG ? options->wait : WAIT_HLT, event);
	while (target.received != round + 1)
		cpu_relax();
	*record = (struct guest_ipi_event){
		.send = event->arm,
		.enter = target.enter,
		.reply = options->mode == MODE_PINGPONG ? event->enter : 0,
	};
}

static void choose_target(void)
{
	uint32_t ids[2];
	unsigned cpus = machine_cpus(ids, 2);

	if (cpus < 2)
		test_unavailable("test=ipi needs two CPUs in the ACPI MADT", "");
	sender_id = lapic_id();
	target_id = ids[ids[0] == sender_id];
}

void test_ipi(const struct cmdline *cmdline)
{
	struct guest_ipi_event *records = records_prepare(cmdline->count, sizeof(*records));
	bool x2apic = cmdline->apic == APIC_X2APIC;
	struct guest_ipi_event discarded;
	struct wait_event event = {0};
	uint64_t round = 0;

	options = cmdline;
	lapic_init();
	clocks_init(cmdline);
	choose_target();
	idt_set(VECTOR_TEST, x2apic ? irq_stamp_x2apic : irq_stamp);
	if (cmdline->mode == MODE_PINGPONG)
		idt_set(VECTOR_TARGET, x2apic ? irq_reply_x2apic : irq_reply);
	else
		idt_set(VECTOR_TARGET, x2apic ? irq_stamp_x2apic : irq_stamp);
	cpu_start(target_id, target_main);
	if (!apic_init(target_id))
		test_unavailable("this CPU has no x2APIC", "");
	prepare_event(&event);
	while (round < cmdline->warmup)
		send(&event, round++, &discarded);
	measure_begin();
	for (uint64_t i = 0; i < cmdline->count; i++)
		send(&event, round++, &records[i]);
	measure_end();
	result->record_count = (uint32_t)cmdline->count;
}

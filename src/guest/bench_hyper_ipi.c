/* SPDX-License-Identifier: BSD-2-Clause */
/* HyperBench's IPI rows: from the boot processor to a halted or a running CPU, until its handler's
 * answer arrives. The exchange itself is in ipi.c. */
#include "bench.h"
#include "ipi.h"

#define WARMUP 8

/* The target's settling is in both loops and drops out, inside the guest as well as for a monitor
 * that times the loops from outside. It follows the interrupt that unsettled it, so that a target
 * slow to come back makes its own loop longer, not the next one. */
static uint64_t run(uint64_t n, uint64_t b, uint64_t c)
{
	(void)b, (void)c;
	for (; n; n--) {
		ipi_send();
		ipi_settle();
	}
	return 0;
}

static uint64_t control(uint64_t n, uint64_t b, uint64_t c)
{
	(void)b, (void)c;
	for (; n; n--) {
		ipi_send_nothing();
		ipi_settle();
	}
	return 0;
}

/* Some beforehand, untimed: during the control the target has halted for longer than a host polls,
 * which shrinks KVM's adaptive polling window, and it takes a few short halts to grow it again. So
 * the first interrupt timed finds what the last one does. */
static uint64_t prepare(uint64_t n)
{
	(void)n;
	run(WARMUP, 0, 0);
	return 0;
}

/* The sender halts in both rows, so that they differ by the target alone. */
static const char *begin(enum wait target)
{
	ipi_begin(&(struct ipi_plan){
		.apic = APIC_XAPIC, .answer = true, .target = target, .sender = WAIT_HLT});
	return NULL;
}

static const char *init_halted(const struct cmdline *cmdline)
{
	(void)cmdline;
	return begin(WAIT_HLT);
}

static const char *init_running(const struct cmdline *cmdline)
{
	(void)cmdline;
	return begin(WAIT_USER);
}

static const struct workload_pair loops = {run, control};

const struct operation hyperbench_IPI_HALTED = {
	.loops = &loops, .init = init_halted, .prepare = prepare, .from_cpl3 = true};
const struct operation hyperbench_IPI_RUNNING = {
	.loops = &loops, .init = init_running, .prepare = prepare, .from_cpl3 = true};

/* SPDX-License-Identifier: BSD-2-Clause */
/* test=exits: exactly so many exits of each kind as asked, so that a monitor's counters can be
 * checked. Beside them, between the two series of PORT_SYNC writes: for each hlt one store to the
 * LAPIC's ICR and one to its EOI register; before hlt three LAPIC stores; before hypercall one
 * cpuid. */
#include "bench.h"
#include "guest_text.h"

void test_exits(const struct cmdline *cmdline)
{
	static const char *const names[] = GUEST_EXIT_NAMES;
	const char *lacking = NULL, *kind = "";
	char message[CMDLINE_NAME_MAX];

	clocks_init(cmdline);
	measure_begin();
	for (unsigned i = 0; i < GUEST_EXIT_KINDS; i++) {
		const struct benchmark *bench = bench_find(names[i]);
		const char *why;

		if (cmdline->exits[i] == 0)
			continue;
		why = bench_init(bench, cmdline);
		if (!why && !kernel_try(bench->operation->loops->run, cmdline->exits[i], 0, 0))
			why = "an exception ended it";
		if (!why) {
			result->done[i] = cmdline->exits[i];
		} else {
			lacking = why;
			kind = names[i];
		}
		bench_cleanup(bench);
	}
	measure_end();
	if (lacking) {
		struct text text = text_in(message, sizeof(message));

		text_add(&text, kind);
		text_add(&text, ": ");
		test_unavailable(message, lacking);
	}
}

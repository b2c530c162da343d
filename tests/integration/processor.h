/* SPDX-License-Identifier: BSD-2-Clause */
/* What an emulated processor below KVM leaves out, each shown by a guest of a few bytes. A test
 * that cannot pass there is skipped with the sentence; where a processor does all of it, nothing
 * is. */
#ifndef TESTS_PROCESSOR_H
#define TESTS_PROCESSOR_H

#include "tickvm/vm.h"

#include <stdbool.h>

/* AMD APM vol. 2, 15.21.5; Intel SDM vol. 3, 25.3.1.5: that STI holds interrupts off for one more
 * instruction is part of the state that a VM entry loads. */
bool processor_loads_interrupt_shadow(void);
#define PROCESSOR_NO_SHADOW                                                                        \
	"this processor, an emulated one, forgets at a VM entry that STI holds interrupts off "    \
	"for one more instruction: a guest that waits in STI; HLT may halt with IF = 0, for ever"

/* True after a run in which that happened: a vCPU stands behind STI and HLT with IF = 0. */
bool processor_hung(struct vm *vm);

/* AMD APM vol. 2, 15.9: XSETBV is intercepted, so that KVM keeps what the guest wrote. */
bool processor_shows_xsetbv(void);
#define PROCESSOR_NO_XSETBV                                                                        \
	"this processor, an emulated one, lets a guest write XCR0 without KVM, which switches "    \
	"AVX off again at the next VM entry"

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts from the boot processor to a second CPU that waits for them: for test=ipi and for the
 * IPI benchmarks. It keeps no records. */
#ifndef GUEST_IPI_H
#define GUEST_IPI_H

#include "guest.h"

struct ipi_plan {
	enum apic apic;
	bool answer;              /* the target's handler sends one, and the sender waits for it */
	enum wait target, sender; /* how they wait */
};

/* Starts CPU 1, which waits from then on. After clocks_init(). Ends the run when it cannot. */
void ipi_begin(const struct ipi_plan *plan);
/* Spins until the target is waiting for sure: always the same time, unless it takes longer. */
void ipi_settle(void);
/* One interrupt, and its answer. */
void ipi_send(void);
/* The way to CPL 0 and back, without the interrupt. */
void ipi_send_nothing(void);
/* Stamps of the last one sent, when the target has told its own. */
struct guest_ipi_event ipi_stamps(void);

#endif

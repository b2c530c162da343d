/* SPDX-License-Identifier: BSD-2-Clause */
/* Arm something, wait for the interrupt, come back with the stamps: the measured path of every test
 * that waits. It keeps no records. */
#ifndef GUEST_WAIT_H
#define GUEST_WAIT_H

/* How the arming access is made, at CPL 0 right after the arm stamp. */
#define WAIT_NOTHING          0 /* armed already, or periodic */
#define WAIT_WRMSR            1 /* value to msr */
#define WAIT_WRMSR_RELATIVE   2 /* stamp + value to msr */
#define WAIT_STORE32          3 /* value to address */
#define WAIT_STORE32_SCALED   4 /* (value - stamp) * factor / 2^64, at least 1, to address */
#define WAIT_PIT              5 /* value, two bytes, to PIT channel 0 */
#define WAIT_PIT_SCALED       6 /* as WAIT_STORE32_SCALED, to PIT channel 0 */
#define WAIT_STORE64          7 /* value to address */
#define WAIT_STORE64_RELATIVE 8 /* stamp + value to address */
#define WAIT_ARMS             9

#ifndef __ASSEMBLER__
#include "cmdline.h"

struct wait_event {
	void (*stub)(void); /* from wait_stubs */
	uint64_t value, factor;
	uint64_t address;
	uint64_t msr;
	uint64_t arm;   /* before the arming access */
	uint64_t enter; /* first reading in the handler */
	uint64_t done;  /* first reading of the waiter */
};

/* By arm, and by enum wait or WAIT_NOT_AT_ALL. */
#define WAIT_NOT_AT_ALL 2 /* arm only; by wait_hlt(): enter and done mean nothing */
extern void (*const wait_stubs[WAIT_ARMS][3])(void);

/* From CPL 3. The first waits in HLT at CPL 0, the second spins at CPL 3; stub must be the matching
 * one. */
void wait_hlt(struct wait_event *event);
void wait_user(struct wait_event *event);

static inline void wait_as(enum wait wait, struct wait_event *event)
{
	if (wait == WAIT_HLT)
		wait_hlt(event);
	else
		wait_user(event);
}

_Static_assert(sizeof(struct wait_event) == 64, "wait.S knows the offsets");
#endif
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Confines this process, for good, to what its command needs: files by Landlock, system calls by
 * seccomp, rights by capabilities. docs/architecture.md, "The sandbox", says what each thread may.
 */
#ifndef TICKVM_SANDBOX_H
#define TICKVM_SANDBOX_H

#include "tickvm/diag.h"

#include <stdbool.h>
#include <stddef.h>

/* --sandbox. Auto: where an image or a file is not ours. */
enum sandbox_wish { SANDBOX_AUTO, SANDBOX_ON, SANDBOX_OFF };

/* What a file that the user named is for. */
enum sandbox_use {
	SANDBOX_READ,
	SANDBOX_CHANGE,  /* read and written where it is */
	SANDBOX_PRODUCE, /* written beside its place and renamed: its folder may be written */
	SANDBOX_SCRATCH, /* a folder for files that are made, used and removed */
};

struct sandbox_file {
	const char *path; /* "-" is nothing to open */
	enum sandbox_use use;
};

struct sandbox_plan {
	const struct sandbox_file *files;
	size_t n;
	bool guests;    /* virtual machines run; false: the files alone */
	bool facts;     /* the host's facts are read, and /dev/kvm opened, once it is confined */
	unsigned vcpus; /* of the first virtual machine: their threads are made with the filter that
			 * is theirs alone; 0: they get it on top of the process's */
	bool forks;     /* processes are made, but no program is started */
};

/* For the process, before it has a second thread. A thread that then does what it has no need of
 * ends the process with status 125, after a line with the thread's name and the call's. 0 with a
 * text in diag: confined, but for what this kernel does not have. -EPERM and others: not confined.
 */
int sandbox_enter(const struct sandbox_plan *plan, struct diag *diag);

struct sandbox_state {
	bool on;
	int landlock_abi; /* in force; 0: none */
	bool seccomp;
};
struct sandbox_state sandbox_state(void);

/* The kinds of thread that have a list of their own, of system calls and ioctls. */
enum sandbox_thread {
	SANDBOX_VCPU,
	SANDBOX_TIMER,
	SANDBOX_DOORBELL,
	SANDBOX_DISK,
	SANDBOX_IRQ_LOAD,
	SANDBOX_INPUT,
	SANDBOX_OUTPUT,
	SANDBOX_THREADS,
};

/* Of the calling thread: its name (the kind's, and the number where there are several:
 * "tickvm-vcpu-0"), and once the process is confined its own limits. */
void sandbox_thread(enum sandbox_thread kind, unsigned number);

#endif

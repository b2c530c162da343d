/* SPDX-License-Identifier: BSD-2-Clause */
/* The sandbox's insides, for its files: which calls (sandbox_calls.c), as a filter
 * (sandbox_filter.c), which files (sandbox_landlock.c), and what a violation says
 * (sandbox_violation.c). */
#ifndef VMM_SANDBOX_INTERNAL_H
#define VMM_SANDBOX_INTERNAL_H

#include "tickvm/sandbox.h"

#include <linux/filter.h>
#include <stdint.h>

#define SANDBOX_STATUS 125

/* All calls that have no wrapper in the C library go through it; tests have a kernel that lacks
 * some. */
extern long (*sandbox_syscall)(long number, ...);

/* ---- sandbox_calls.c: the table ---- */

enum sandbox_test {
	SANDBOX_ANY,
	SANDBOX_IS,    /* the argument's low 32 bits are value */
	SANDBOX_HAS,   /* have a bit of value */
	SANDBOX_LACKS, /* have none */
	SANDBOX_SELF,  /* in the table alone: the argument is this process' ID; children: any */
	SANDBOX_ERROR, /* the call fails with errno value, and the caller knows what to do then */
};

struct sandbox_call {
	uint16_t number;
	uint8_t test, argument;
	uint32_t value;
};

/* Beside the threads' kinds: whole processes. */
#define SANDBOX_PROCESS SANDBOX_THREADS       /* all that any thread needs, and main */
#define SANDBOX_FORKING (SANDBOX_THREADS + 1) /* the same, and processes are made */
#define SANDBOX_FILES   (SANDBOX_THREADS + 2) /* files in, a file out */
#define SANDBOX_KINDS   (SANDBOX_THREADS + 3)

#define SANDBOX_CALLS_MAX 256

/* The kind's calls, for a filter of this process: sorted by number, those of one number in the
 * table's order. */
size_t sandbox_calls(unsigned kind, struct sandbox_call calls[SANDBOX_CALLS_MAX]);
const char *sandbox_thread_name(enum sandbox_thread kind);

/* ---- sandbox_filter.c ---- */

#define SANDBOX_CODE_MAX 1024

/* The classic BPF program for calls as sandbox_calls() gives them; the first to be looked at is
 * ioctl. Its instructions end code. 0: they do not fit. */
size_t sandbox_filter_build(
	const struct sandbox_call *calls, size_t n, struct sock_filter code[SANDBOX_CODE_MAX]);
/* Puts it on the calling thread, and on those that it starts. 0 or a negative errno. */
int sandbox_filter_install(unsigned kind);

/* ---- sandbox_landlock.c ---- */

/* The ABI of the running kernel's Landlock, 1 and up; 0: it has none that may be used. */
int sandbox_landlock_abi(void);
int sandbox_landlock_enter(int abi, const struct sandbox_plan *plan);
/* The folder where path is written, or path itself where it is no regular file; NULL: no memory.
 * To be freed. */
char *sandbox_target(const struct sandbox_file *file);

/* ---- sandbox_violation.c ---- */

/* The name by which a violation calls this thread; it lives as long as the thread. */
void sandbox_violation_name(const char *name);
void sandbox_violation_catch(void);
/* Says that this thread cannot be confined, and ends the process. */
_Noreturn void sandbox_violation_end(const char *why);

/* ---- syscall_names.c ---- */

const char *syscall_name(long number); /* x86-64; NULL: there is none of that number */

#endif

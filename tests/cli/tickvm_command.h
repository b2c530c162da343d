/* SPDX-License-Identifier: BSD-2-Clause */
/* Running tickvm as a user does, and tiny guests to run in it.
 * TICKVM and TICKVM_MODEL name the programs (scripts/run-tests sets them). */
#ifndef TESTS_CLI_TICKVM_COMMAND_H
#define TESTS_CLI_TICKVM_COMMAND_H

#include <criterion/criterion.h>
#include <jansson.h>

struct result {
	int status; /* as the shell sees it */
	char *out, *err;
};

/* Seconds after which a test counts as hung: no verdict about speed. */
#define HUNG 900

/* A shell command line with an empty standard input. The texts live until the test ends. */
struct result shell(const char *line);
/* The same, "tickvm LINE". */
struct result tickvm(const char *line);
/* "tickvm-model LINE": tests/model, whose figures are computed. Needs no KVM. */
struct result model(const char *line);
/* A shell command line, whose first process gets the signal when it has said so on standard output
 * or standard error. */
struct result shell_signalled(const char *line, const char *said, int signal);
/* Skips the test when this host cannot run guests. */
void need_kvm(void);
/* 32-bit code for 1 MiB as a Multiboot image (0.6.96, 3.1, with address fields). Returns its path;
 * unlink() it. */
const char *write_guest(const unsigned char *code, size_t size);

#endif

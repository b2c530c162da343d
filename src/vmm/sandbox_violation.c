/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGSYS: says which thread called what, gives the terminal back, and ends the process. Nothing
 * is set in order first: who did this may have changed all of our memory. */
#include "sandbox_internal.h"

#include "../base/raw_mode.h"

#include <linux/audit.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static _Thread_local char thread_name[16] = "main";

struct line {
	char text[200];
	size_t length;
};

/* Only what a signal handler may do. */
static void add(struct line *line, const char *text)
{
	while (*text != '\0' && line->length < sizeof(line->text))
		line->text[line->length++] = *text++;
}

static void add_number(struct line *line, unsigned long number, unsigned base)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number > 0);
	add(line, base == 16 ? "0x" : "");
	add(line, digits + at);
}

static void add_call(struct line *line, const siginfo_t *info, const ucontext_t *context)
{
	const char *name =
		info->si_arch == AUDIT_ARCH_X86_64 ? syscall_name(info->si_syscall) : NULL;

	add(line, name != NULL ? name : "system call ");
	if (name == NULL)
		add_number(line, (unsigned)info->si_syscall, 10);
	if (info->si_arch != AUDIT_ARCH_X86_64)
		add(line, " of another architecture");
	else if (info->si_syscall == SYS_ioctl) {
		add(line, " ");
		add_number(line, (uint32_t)context->uc_mcontext.gregs[REG_RSI], 16);
	}
}

static _Noreturn void say_and_end(struct line *line)
{
	ssize_t ignored;

	add(line, "\n");
	raw_mode_restore();
	ignored = write(STDERR_FILENO, line->text, line->length);
	(void)ignored;
	_exit(SANDBOX_STATUS);
}

static void caught(int signal_number, siginfo_t *info, void *context)
{
	struct line line = {.length = 0};

	(void)signal_number;
	add(&line, "tickvm: the sandbox stopped the thread ");
	add(&line, thread_name);
	add(&line, ": it has no need of ");
	add_call(&line, info, context);
	say_and_end(&line);
}

void sandbox_violation_catch(void)
{
	struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};

	sigemptyset(&action.sa_mask);
	sigaction(SIGSYS, &action, NULL);
}

void sandbox_violation_name(const char *name)
{
	snprintf(thread_name, sizeof(thread_name), "%s", name);
}

void sandbox_violation_end(const char *why)
{
	struct line line = {.length = 0};

	add(&line, "tickvm: the thread ");
	add(&line, thread_name);
	add(&line, " cannot be confined: ");
	add(&line, why);
	say_and_end(&line);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's end of the guest's serial line: this terminal (raw, with an escape to quit), or a
 * file. Reads and writes on threads of its own; knows no device model and no VM. */
#ifndef VMM_TERMINAL_H
#define VMM_TERMINAL_H

#include "tickvm/device.h"
#include "tickvm/diag.h"
#include "tickvm/vm.h"

struct terminal;

/* on_input(ctx, bytes, n): bytes typed by the user; returns how many were taken, the rest is
 * offered again a millisecond later. on_quit(ctx): the user typed the escape, or nobody reads our
 * standard output any more. Both are called on the reader or writer thread with no lock held, and
 * not after terminal_destroy().
 *
 * SERIAL_STDIO reads stdin: a terminal in the foreground is put into raw mode until
 * terminal_destroy(), exit() or a fatal signal; there Ctrl-A x quits and Ctrl-A Ctrl-A sends one
 * Ctrl-A. A pipe or file is passed on as it is. SERIAL_FILE creates or truncates path and has no
 * input. SERIAL_NULL has neither. */
int terminal_create(struct terminal **out, enum serial_kind kind, const char *path,
	unsigned (*on_input)(void *ctx, const uint8_t *bytes, unsigned n), void *ctx,
	void (*on_quit)(void *ctx), struct diag *diag);

/* Bytes from the guest. put() never waits for the host: it queues TERMINAL_QUEUE bytes, then drops
 * the newest and counts them. Its lock is a leaf. */
#define TERMINAL_QUEUE (1u << 20)
struct byte_sink terminal_sink(struct terminal *terminal);

/* Stops the threads, writes out what is queued (giving up after two seconds without progress),
 * restores the terminal, and says on stderr what was lost, if anything. Returns 0, or the error of
 * a write as a positive errno. A write that hangs is given up after five seconds; its thread, and
 * what it uses, is left. NULL is allowed. */
int terminal_destroy(struct terminal *terminal);

#endif

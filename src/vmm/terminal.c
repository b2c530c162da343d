/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial line's host end: one thread reads stdin, one writes what the guest sent, a bounded
 * queue between. It does not interpret the guest's bytes, and it does not know which device they
 * come from. */
#include "terminal.h"

#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE        0x01 /* Ctrl-A */
#define INPUT_WAITING 256  /* bytes read and not yet taken by the guest */
#define INPUT_RETRY   1    /* ms until untaken input is offered again */
#define OUTPUT_POLL   100  /* ms */
#define OUTPUT_GIVEUP 20   /* polls without progress while closing */

struct terminal {
	unsigned (*on_input)(void *ctx, const uint8_t *bytes, unsigned n);
	void (*on_quit)(void *ctx);
	void *ctx;
	bool raw;     /* we put stdin into raw mode: the escape is ours */
	bool escaped; /* the last byte was Ctrl-A; reader thread only */
	int stop_fd;  /* readable once the reader must end */
	int out_fd;   /* -1: SERIAL_NULL */
	const char *out_name;
	bool has_reader, has_writer;
	pthread_t reader, writer;

	pthread_mutex_t lock; /* protects the rest */
	pthread_cond_t wake;
	uint8_t *queue;
	size_t head, count;
	uint64_t dropped;
	int write_errno;
	bool closing;
};

/* ---- raw mode, restored whatever ends the process ---- */

static struct termios cooked;
static volatile sig_atomic_t raw_mode;

static const int fatal_signals[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#define FATAL_SIGNALS (sizeof(fatal_signals) / sizeof(fatal_signals[0]))

static void leave_raw_mode(void)
{
	if (!raw_mode)
		return;
	raw_mode = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &cooked);
}

void terminal_restore(void)
{
	if (raw_mode)
		tcsetattr(STDIN_FILENO, TCSANOW, &cooked); /* async-signal-safe: POSIX 2.4.3 */
}

/* Installed with SA_RESETHAND: the second delivery ends the process as if we had not been here. */
static void restore_and_die(int signal_number)
{
	terminal_restore();
	raise(signal_number);
}

/* Only signals nobody else handles: the launcher's own handlers end the run in order. */
static void guard_signals(void)
{
	for (size_t i = 0; i < FATAL_SIGNALS; i++) {
		struct sigaction now, ours = {.sa_handler = restore_and_die};
		ours.sa_flags = (int)SA_RESETHAND;
		sigemptyset(&ours.sa_mask);
		if (sigaction(fatal_signals[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
			sigaction(fatal_signals[i], &ours, NULL);
	}
}

static void unguard_signals(void)
{
	for (size_t i = 0; i < FATAL_SIGNALS; i++) {
		struct sigaction now;
		if (sigaction(fatal_signals[i], NULL, &now) == 0 &&
			now.sa_handler == restore_and_die)
			signal(fatal_signals[i], SIG_DFL);
	}
}

/* A background job must touch neither the modes nor the input: either would stop it (SIGTTOU,
 * SIGTTIN). */
static bool in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static bool enter_raw_mode(void)
{
	static bool at_exit;
	if (raw_mode || tcgetattr(STDIN_FILENO, &cooked) != 0)
		return false;
	if (!at_exit)
		at_exit = atexit(leave_raw_mode) == 0;
	struct termios raw = cooked;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* newlines stay readable, ours and the guest's */
	guard_signals();
	raw_mode = 1;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0)
		return true;
	raw_mode = 0;
	unguard_signals();
	return false;
}

/* ---- input ---- */

/* Waits for stdin (when wanted) or a while; false when the thread is to end. */
static bool reader_wait(const struct terminal *t, bool want_input, int timeout_ms, bool *readable)
{
	struct pollfd fds[2] = {{.fd = t->stop_fd, .events = POLLIN},
		{.fd = want_input ? STDIN_FILENO : -1, .events = POLLIN}};
	while (poll(fds, 2, timeout_ms) < 0)
		if (errno != EINTR)
			return false;
	*readable = fds[1].revents != 0;
	return fds[0].revents == 0;
}

/* Takes the escape sequences out of what was typed. Returns the bytes left; *quit: Ctrl-A x was
 * among them. */
static unsigned strip_escapes(struct terminal *t, uint8_t *bytes, unsigned n, bool *quit)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < n && !*quit; i++) {
		bool was_escaped = t->escaped;
		t->escaped = !was_escaped && bytes[i] == ESCAPE;
		if (was_escaped && (bytes[i] == 'x' || bytes[i] == 'X'))
			*quit = true;
		else if (!t->escaped)
			bytes[kept++] = bytes[i];
	}
	return kept;
}

/* Reads what there is behind the n bytes already waiting. False: end of input, or the user quits.
 */
static bool read_more(struct terminal *t, uint8_t *waiting, unsigned *n)
{
	ssize_t got = read(STDIN_FILENO, waiting + *n, INPUT_WAITING - *n);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	bool quit = false;
	*n += t->raw ? strip_escapes(t, waiting + *n, (unsigned)got, &quit) : (unsigned)got;
	if (quit)
		t->on_quit(t->ctx);
	return got > 0 && !quit;
}

/* A guest that does not listen must not keep the user from quitting: a terminal is read even when
 * nobody takes the input, and what was typed then is forgotten. A pipe is only read as fast as the
 * guest takes it. */
static void *reader_main(void *arg)
{
	struct terminal *t = arg;
	uint8_t waiting[INPUT_WAITING];
	unsigned n = 0;
	bool readable, open = true;
	while ((open || n > 0) &&
		reader_wait(t, open && n<INPUT_WAITING, n> 0 ? INPUT_RETRY : -1, &readable)) {
		if (readable)
			open = read_more(t, waiting, &n);
		if (n == 0)
			continue;
		unsigned taken = t->on_input(t->ctx, waiting, n);
		n -= taken;
		memmove(waiting, waiting + taken, n);
		if (t->raw && n == INPUT_WAITING)
			n = 0;
	}
	return NULL;
}

/* ---- output ---- */

static void put(void *ctx, uint8_t byte)
{
	struct terminal *t = ctx;
	if (t->out_fd < 0)
		return;
	pthread_mutex_lock(&t->lock);
	if (t->count == TERMINAL_QUEUE || t->write_errno != 0) {
		t->dropped++;
	} else {
		t->queue[(t->head + t->count) % TERMINAL_QUEUE] = byte;
		if (t->count++ == 0)
			pthread_cond_signal(&t->wake);
	}
	pthread_mutex_unlock(&t->lock);
}

struct byte_sink terminal_sink(struct terminal *terminal)
{
	return (struct byte_sink){.put = put, .ctx = terminal};
}

/* At most PIPE_BUF bytes once poll() says so: such a write does not block, so a reader that has
 * gone to sleep can never keep us from closing. Returns bytes written, 0 after a timeout, or a
 * negative errno. */
static ssize_t write_some(int fd, const uint8_t *bytes, size_t n)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	int polled = poll(&ready, 1, OUTPUT_POLL);
	if (polled <= 0)
		return polled == 0 || errno == EINTR ? 0 : -errno;
	ssize_t written = write(fd, bytes, n < PIPE_BUF ? n : PIPE_BUF);
	if (written < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	return written;
}

static void *writer_main(void *arg)
{
	struct terminal *t = arg;
	unsigned stalls = 0;
	pthread_mutex_lock(&t->lock);
	for (;;) {
		while (t->count == 0 && !t->closing)
			pthread_cond_wait(&t->wake, &t->lock);
		if (t->count == 0 || (t->closing && stalls >= OUTPUT_GIVEUP))
			break;
		size_t run = TERMINAL_QUEUE - t->head;
		if (run > t->count)
			run = t->count;
		/* put() only writes behind head + count: these bytes stay as they are. */
		const uint8_t *bytes = t->queue + t->head;
		pthread_mutex_unlock(&t->lock);
		ssize_t written = write_some(t->out_fd, bytes, run);
		stalls = written == 0 ? stalls + 1 : 0;
		if (written == -EPIPE)
			t->on_quit(t->ctx);
		pthread_mutex_lock(&t->lock);
		if (written < 0) {
			t->write_errno = (int)-written;
			break;
		}
		t->head = (t->head + (size_t)written) % TERMINAL_QUEUE;
		t->count -= (size_t)written;
	}
	t->dropped += t->count;
	t->count = 0;
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* ---- life ---- */

static int open_output(
	struct terminal *t, enum serial_kind kind, const char *path, struct diag *diag)
{
	if (kind == SERIAL_STDIO) {
		t->out_fd = STDOUT_FILENO;
		t->out_name = "standard output";
		return 0;
	}
	t->out_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	t->out_name = path;
	if (t->out_fd < 0)
		return diag_set(diag, -errno, "--serial file:%s: cannot create it: %s", path,
			strerror(errno));
	return 0;
}

static int start(struct terminal *t, enum serial_kind kind, struct diag *diag)
{
	const struct thread_job writer = {SANDBOX_OUTPUT, 0, writer_main, t};
	const struct thread_job reader = {SANDBOX_INPUT, 0, reader_main, t};
	int err = thread_start(&t->writer, -1, &writer);
	if (err < 0)
		return diag_set(
			diag, err, "cannot start the serial output thread: %s", strerror(-err));
	t->has_writer = true;
	if (kind != SERIAL_STDIO || (isatty(STDIN_FILENO) && !in_foreground()))
		return 0;
	err = thread_start(&t->reader, -1, &reader);
	if (err < 0)
		return diag_set(
			diag, err, "cannot start the serial input thread: %s", strerror(-err));
	t->has_reader = true;
	return 0;
}

int terminal_create(struct terminal **out, enum serial_kind kind, const char *path,
	unsigned (*on_input)(void *ctx, const uint8_t *bytes, unsigned n), void *ctx,
	void (*on_quit)(void *ctx), struct diag *diag)
{
	struct terminal *t = calloc(1, sizeof(*t));
	if (t == NULL)
		return diag_set(diag, -ENOMEM, "no memory for the serial line");
	*t = (struct terminal){.on_input = on_input,
		.on_quit = on_quit,
		.ctx = ctx,
		.stop_fd = -1,
		.out_fd = -1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.wake = PTHREAD_COND_INITIALIZER};
	*out = t;
	if (kind == SERIAL_NULL)
		return 0;
	int err = open_output(t, kind, path, diag);
	if (err < 0)
		goto fail;
	t->queue = malloc(TERMINAL_QUEUE);
	t->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (t->queue == NULL || t->stop_fd < 0) {
		err = diag_set(diag, -ENOMEM, "no memory or file descriptor for the serial line");
		goto fail;
	}
	/* Before the reader starts: it asks whether the escape is ours. */
	if (kind == SERIAL_STDIO && isatty(STDIN_FILENO) && in_foreground())
		t->raw = enter_raw_mode();
	err = start(t, kind, diag);
	if (err == 0)
		return 0;
fail:
	terminal_destroy(t);
	*out = NULL;
	return err;
}

static void stop_writer(struct terminal *t)
{
	pthread_mutex_lock(&t->lock);
	t->closing = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->writer, NULL);
}

void terminal_destroy(struct terminal *terminal)
{
	struct terminal *t = terminal;
	if (t == NULL)
		return;
	if (t->has_reader && eventfd_write(t->stop_fd, 1) == 0)
		pthread_join(t->reader, NULL);
	if (t->has_writer)
		stop_writer(t);
	if (t->raw) {
		leave_raw_mode();
		unguard_signals();
	}
	if (t->dropped > 0)
		fprintf(stderr,
			"tickvm: %llu bytes of the guest's serial output were lost: %s %s\n",
			(unsigned long long)t->dropped, t->out_name,
			t->write_errno != 0 ? strerror(t->write_errno) : "did not keep up");
	if (t->stop_fd >= 0)
		close(t->stop_fd);
	if (t->out_fd > STDERR_FILENO)
		close(t->out_fd);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t->queue);
	free(t);
}

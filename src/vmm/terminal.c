/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial line's host end: one thread reads stdin, one writes what the guest sent, a bounded
 * queue between. It does not interpret the guest's bytes, and it does not know which device they
 * come from. */
#include "terminal.h"

#include "../base/raw_mode.h"
#include "thread.h"
#include "tickvm/clock.h"
#include "tickvm/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ESCAPE         0x01          /* Ctrl-A */
#define INPUT_WAITING  256           /* bytes read and not yet taken by the guest */
#define INPUT_RETRY    1             /* ms until untaken input is offered again */
#define AWAY_POLL      200           /* ms between looks whether the terminal is ours again */
#define OUTPUT_POLL    100           /* ms */
#define OUTPUT_GIVEUP  20            /* polls without progress while closing */
#define WRITE_HANGS_NS 5000000000ULL /* a write without progress while closing */

struct terminal {
	unsigned (*on_input)(void *ctx, const uint8_t *bytes, unsigned n);
	void (*on_quit)(void *ctx);
	void *ctx;
	bool raw;     /* we put stdin into raw mode: the escape is ours */
	bool escaped; /* the last byte was Ctrl-A; reader thread only */
	bool away;    /* it was seen in the background; reader thread only */
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

/* ---- input ---- */

/* Waits for stdin (when wanted) or a while; false when the thread is to end. */
static bool reader_wait(struct terminal *t, bool want_input, int timeout_ms, bool *readable)
{
	struct pollfd fds[] = {{.fd = t->stop_fd, .events = POLLIN},
		{.fd = want_input ? STDIN_FILENO : -1, .events = POLLIN},
		{.fd = t->raw ? raw_mode_away_fd() : -1, .events = POLLIN}};
	while (poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_ms) < 0)
		if (errno != EINTR)
			return false;
	eventfd_t rings;
	if (fds[2].revents != 0)
		t->away = eventfd_read(fds[2].fd, &rings) == 0;
	*readable = fds[1].revents != 0;
	return fds[0].revents == 0;
}

/* What is typed while the shell has the terminal is the shell's: who looks at the terminal then
 * looks again when it is ours. False when the thread is to end. */
static bool reader_wait_for_foreground(struct terminal *t, bool *readable)
{
	if (!t->raw || (!t->away && raw_mode_in_foreground()))
		return !*readable || reader_wait(t, true, 0, readable);
	while (!raw_mode_in_foreground())
		if (!reader_wait(t, false, AWAY_POLL, readable))
			return false;
	t->away = *readable = false;
	raw_mode_returned();
	return true;
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
	if (got < 0 && t->raw && errno == EIO)
		t->away = true; /* in the background meanwhile, or the terminal is gone for good */
	if (got < 0)
		return errno == EINTR || errno == EAGAIN || t->away;
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
		reader_wait(t, open && n<INPUT_WAITING, n> 0 ? INPUT_RETRY : -1, &readable) &&
		reader_wait_for_foreground(t, &readable)) {
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
	if (kind != SERIAL_STDIO || (!t->raw && isatty(STDIN_FILENO) && !raw_mode_in_foreground()))
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
	if (kind == SERIAL_STDIO)
		t->raw = raw_mode_enter();
	err = start(t, kind, diag);
	if (err == 0)
		return 0;
fail:
	terminal_destroy(t);
	*out = NULL;
	return err;
}

static size_t queued(struct terminal *t)
{
	pthread_mutex_lock(&t->lock);
	size_t count = t->count;
	pthread_mutex_unlock(&t->lock);
	return count;
}

/* False: a write hangs in the kernel (a frozen file system), and t must stay as it is. */
static bool stop_writer(struct terminal *t)
{
	pthread_mutex_lock(&t->lock);
	t->closing = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	size_t before = SIZE_MAX, left = queued(t);
	while (left != before) {
		if (thread_join_until(t->writer, clock_monotonic_ns() + WRITE_HANGS_NS))
			return true;
		before = left;
		left = queued(t);
	}
	thread_leave(t->writer);
	fprintf(stderr, "tickvm: %zu bytes of the guest's serial output were lost: %s hangs\n",
		left, t->out_name);
	return false;
}

/* With both threads at their end. */
static void say_what_was_lost(const struct terminal *t)
{
	if (t->dropped == 0)
		return;
	fprintf(stderr, "tickvm: %llu bytes of the guest's serial output were lost: %s %s\n",
		(unsigned long long)t->dropped, t->out_name,
		t->write_errno != 0 ? strerror(t->write_errno) : "did not keep up");
	if (t->write_errno != 0 && t->out_fd == STDOUT_FILENO)
		output_stdout_lost();
}

int terminal_destroy(struct terminal *terminal)
{
	struct terminal *t = terminal;
	if (t == NULL)
		return 0;
	if (t->has_reader && eventfd_write(t->stop_fd, 1) == 0)
		pthread_join(t->reader, NULL);
	bool ended = !t->has_writer || stop_writer(t);
	if (t->raw)
		raw_mode_leave();
	if (!ended)
		return EIO;
	say_what_was_lost(t);
	int error = t->write_errno;
	if (t->stop_fd >= 0)
		close(t->stop_fd);
	if (t->out_fd > STDERR_FILENO)
		close(t->out_fd);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t->queue);
	free(t);
	return error;
}

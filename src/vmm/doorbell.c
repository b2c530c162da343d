/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread that sleeps on an eventfd and passes each ring on.
 * It knows no timer: what a ring means is its owner's business. */
#include "doorbell.h"

#include "rt_budget.h"
#include "thread.h"
#include "tickvm/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define REST_NS 100000

struct doorbell {
	int fd;
	struct rt_duty *duty;
	pthread_t thread;
	_Atomic bool stop;
	void (*ring)(void *ctx);
	void *ctx;
};

/* A guest that rings all the time must not take more of a CPU than the process has. */
static void rest(struct doorbell *doorbell)
{
	while (rt_duty_room(doorbell->duty) == RT_ROOM_NONE && !atomic_load(&doorbell->stop)) {
		clock_sleep_until_ns(clock_monotonic_ns() + REST_NS);
		rt_duty_account(doorbell->duty, rt_budget_now());
	}
}

static void *listen(void *arg)
{
	struct doorbell *doorbell = arg;
	eventfd_t rings;

	while (!eventfd_read(doorbell->fd, &rings) && !atomic_load(&doorbell->stop)) {
		rt_duty_wake(doorbell->duty, rt_budget_now());
		doorbell->ring(doorbell->ctx);
		rt_duty_sleep(doorbell->duty, rt_budget_now());
		rest(doorbell);
	}
	return NULL;
}

static int start(struct doorbell *doorbell, int priority)
{
	struct sched_param param = {.sched_priority = priority};
	const struct thread_job job = {SANDBOX_DOORBELL, 0, listen, doorbell};
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	if (priority) {
		pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
		pthread_attr_setschedparam(&attr, &param);
	}
	err = thread_create(&doorbell->thread, &attr, &job);
	pthread_attr_destroy(&attr);
	return err;
}

int doorbell_create(struct doorbell **out, int priority, int cpu, void (*ring)(void *ctx),
	void *ctx, struct diag *diag)
{
	struct doorbell *doorbell = calloc(1, sizeof(*doorbell));
	int err;

	if (!doorbell)
		return diag_set(diag, -ENOMEM, "out of memory for the doorbell");
	doorbell->duty = priority ? rt_budget_of(cpu) : rt_budget_unlimited();
	doorbell->ring = ring;
	doorbell->ctx = ctx;
	doorbell->fd = eventfd(0, EFD_CLOEXEC);
	err = doorbell->fd < 0 ? errno : start(doorbell, priority);
	if (err == EPERM) {
		doorbell->duty = rt_budget_unlimited();
		err = start(doorbell, 0);
	}
	if (err) {
		if (doorbell->fd >= 0)
			close(doorbell->fd);
		free(doorbell);
		return diag_set(
			diag, -err, "cannot start the doorbell's thread: %s", strerror(err));
	}
	*out = doorbell;
	return 0;
}

int doorbell_fd(const struct doorbell *doorbell)
{
	return doorbell->fd;
}

void doorbell_destroy(struct doorbell *doorbell)
{
	if (!doorbell)
		return;
	atomic_store(&doorbell->stop, true);
	eventfd_write(doorbell->fd, 1);
	pthread_join(doorbell->thread, NULL);
	close(doorbell->fd);
	free(doorbell);
}

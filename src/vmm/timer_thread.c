/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer thread: sleeps towards the earliest deadline, spins the last part, calls its clients on
 * time. It knows no device and no guest, and takes no lock but its own queue's. */
#include "timer_thread.h"

#include "host_rt.h"
#include "rt_budget.h"
#include "thread.h"
#include "timer_spin.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#define STACK_BYTES   (64 * 1024)      /* locked page by page when the thread starts */
#define SLEEP_MAX_NS  3600000000000ULL /* keeps the arithmetic far from overflow */
#define REST_NS       100000           /* the shortest sleep when the real-time budget is spent */
#define SPIN_ROUND_NS 1000000 /* the budget is looked at this often, however long the spin */
#define GUARD_NS      1000    /* nothing else is begun so shortly before a deadline */
#define REHEARSE_NS                                                                                \
	5000 /* before the deadline; not all the time, for the lock is the armers' too */
#define REHEARSE_TURNS 16
#define STALL_NS       1000 /* a turn of the spinning takes a twentieth */
#define AWAKE          0

struct due {
	struct timer_client *client;
	nsec_t target;
	uint64_t armed_tsc;
};

struct timer_thread {
	struct timer_thread_config config;
	pthread_t thread;
	bool started;

	/* Guards queue and every client's entry. Inherits priority: a vCPU thread that is preempted
	 * while it holds the lock must not hold the timer thread up. */
	pthread_mutex_t lock;
	struct deadline_queue queue;

	/* Arming and sleeping meet here without the lock. An armer stores earliest, then looks at
	 * sleeps_for; the thread stores sleeps_for, then looks at earliest: sequentially
	 * consistent, so one of them sees the other. */
	_Atomic nsec_t earliest;
	_Atomic nsec_t sleeps_for; /* the deadline behind the thread's sleep, or AWAKE */
	_Atomic uint32_t wake_seq; /* futex */
	_Atomic bool stop;

	struct timer_client *pages; /* clients with a page, a list; not changed any more */

	/* The thread's own. */
	struct due *due;
	struct rt_duty *duty, *fifo_duty; /* the second: what it is with SCHED_FIFO */
	uint64_t stall_ticks;
	struct timer_spin spin;
	bool slept;    /* since the last fire */
	bool watching; /* some client's page */
	nsec_t linger_end;
	int dma_latency_fd;
	struct timer_thread_stats stats;
};

/* ---- arming: any thread ---- */

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, NULL,
		FUTEX_BITSET_MATCH_ANY);
}

static void wake(struct timer_thread *thread)
{
	atomic_fetch_add(&thread->wake_seq, 1);
	futex(&thread->wake_seq, FUTEX_WAKE, 1, NULL);
}

/* With the lock held. */
static void publish_earliest(struct timer_thread *thread)
{
	const struct deadline_entry *first = deadline_queue_first(&thread->queue);

	atomic_store(&thread->earliest, first ? first->deadline : NSEC_NEVER);
}

void timer_thread_arm(struct timer_thread *thread, struct timer_client *client, nsec_t deadline)
{
	pthread_mutex_lock(&thread->lock);
	deadline_queue_set(&thread->queue, &client->entry, deadline);
	client->armed_tsc = clock_tsc();
	publish_earliest(thread);
	pthread_mutex_unlock(&thread->lock);

	/* While it is awake or spins, the thread sees earliest change by itself: no system call. */
	if (deadline < atomic_load(&thread->sleeps_for))
		wake(thread);
}

void timer_thread_watch(struct timer_thread *thread, struct timer_client *client)
{
	client->next_page = thread->pages;
	thread->pages = client;
}

/* ---- watching the shared page ---- */

static bool is_queued(struct timer_thread *thread, const struct timer_client *client)
{
	pthread_mutex_lock(&thread->lock);
	bool queued = client->entry.index != DEADLINE_IDLE;
	pthread_mutex_unlock(&thread->lock);
	return queued;
}

static void begin_watching(struct timer_thread *thread, struct timer_client *client)
{
	if (!client->wants_watch || !client->wants_watch(client->ctx))
		return;
	if (!client->watching) {
		client->watching = thread->watching = true;
		client->watched(client->ctx, true);
	}
	client->watch_end = vm_clock_now(thread->config.clock) + thread->config.watch_ns;
}

static void watch(struct timer_thread *thread)
{
	for (struct timer_client *client = thread->pages; client; client = client->next_page) {
		if (client->watching)
			client->watch(client->ctx);
	}
}

/* Until when staying awake may spare a wake-up. A guest arms its next timer in the handler of the
 * one before or soon after: while nothing is armed, the thread lingers as long as it would spin.
 * One that arms through the page is watched for longer, until its next deadline is there. */
static nsec_t awake_end(struct timer_thread *thread, nsec_t due)
{
	nsec_t end = due == NSEC_NEVER ? thread->linger_end : 0;

	if (!thread->watching)
		return end;
	for (struct timer_client *client = thread->pages; client; client = client->next_page) {
		if (client->watching && client->watch_end > end && !is_queued(thread, client))
			end = client->watch_end;
	}
	return end;
}

/* The guest may have armed just before it could see that it has to ring now: look once more. */
static void end_watching(struct timer_thread *thread)
{
	if (!thread->watching)
		return;
	thread->watching = false;
	for (struct timer_client *client = thread->pages; client; client = client->next_page) {
		if (!client->watching)
			continue;
		client->watching = false;
		client->watched(client->ctx, false);
		client->watch(client->ctx);
	}
}

/* ---- waiting ---- */

static uint64_t spin_room(const struct timer_thread *thread)
{
	return rt_duty_room(thread->duty) == RT_ROOM_FULL ? thread->spin.ns : thread->spin.ns / 2;
}

/* CLOCK_MONOTONIC is slewed against the TSC, by 500 ppm at most: the conversion is made anew for
 * every sleep, and a sleep stops 1/1024 short, so that a long one is finished by a short one and
 * none ends too late. */
static void futex_sleep(struct timer_thread *thread, nsec_t until, uint32_t seq)
{
	nsec_t now = vm_clock_now(thread->config.clock);
	uint64_t mono = clock_monotonic_ns(), left = until > now ? until - now : 0;

	if (left > SLEEP_MAX_NS)
		left = SLEEP_MAX_NS;
	mono += left - left / 1024;

	struct timespec ts = {
		.tv_sec = (time_t)(mono / 1000000000), .tv_nsec = (long)(mono % 1000000000)};

	rt_duty_sleep(thread->duty, rt_budget_now());

	bool timed_out =
		futex(&thread->wake_seq, FUTEX_WAIT_BITSET, seq, &ts) != 0 && errno == ETIMEDOUT;

	rt_duty_wake(thread->duty, rt_budget_now());
	thread->slept = true;
	if (timed_out)
		timer_spin_slept(&thread->spin, clock_monotonic_ns() - mono);
	thread->stats.wakeups++;
}

/* Sleeps until a time for the sake of the deadline due, or until an earlier one is armed. */
static void sleep_towards(struct timer_thread *thread, nsec_t due, nsec_t until)
{
	end_watching(thread);

	uint32_t seq = atomic_load(&thread->wake_seq);

	atomic_store(&thread->sleeps_for, due);
	if (atomic_load(&thread->earliest) == due && !atomic_load(&thread->stop))
		futex_sleep(thread, until, seq);
	atomic_store(&thread->sleeps_for, AWAKE);
}

/* After a sleep the way to fire() is out of the caches: 100 to 200 ns at the deadline itself. */
static void rehearse(struct timer_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	publish_earliest(thread);
	pthread_mutex_unlock(&thread->lock);
}

/* before: 0, or the turn before this one's reading, between which nothing was called. */
static void look_for_stall(struct timer_thread *thread, uint64_t before, uint64_t tsc)
{
	if (before != 0 && tsc - before > thread->stall_ticks)
		thread->config.stalled(thread->config.ctx, before, tsc);
}

/* Spins to the deadline due; one that is far is waited for until awake_end. True: it has come. */
static bool spin_towards(struct timer_thread *thread, nsec_t now, nsec_t due, nsec_t awake_end)
{
	const struct vm_clock *clock = thread->config.clock;
	uint64_t target = vm_clock_to_tsc(clock, due);
	uint64_t guard = vm_clock_to_tsc(clock, due > GUARD_NS ? due - GUARD_NS : 0);
	uint64_t rehearsal = vm_clock_to_tsc(clock, due > REHEARSE_NS ? due - REHEARSE_NS : 0);
	uint64_t round_end = vm_clock_to_tsc(clock, now + SPIN_ROUND_NS);

	if (due - now > spin_room(thread) && now + SPIN_ROUND_NS > awake_end)
		round_end = vm_clock_to_tsc(clock, awake_end);
	uint64_t before = 0;

	for (unsigned turn = 0;; turn++) {
		uint64_t tsc = clock_tsc();

		look_for_stall(thread, before, tsc);
		if (tsc >= target)
			return true;
		if (tsc >= round_end || atomic_load_explicit(&thread->stop, memory_order_relaxed) ||
			atomic_load_explicit(&thread->earliest, memory_order_acquire) != due)
			return false;
		before = thread->config.stalled ? tsc : 0;
		if (tsc >= guard)
			continue;
		if (thread->watching) {
			watch(thread);
			before = 0;
		} else if (tsc >= rehearsal && turn % REHEARSE_TURNS == 0) {
			rehearse(thread);
			before = 0;
		}
		_mm_pause();
	}
}

/* ---- firing ---- */

/* What was armed when its time had passed counts from the arming: the thread is not to blame. */
static void account(struct timer_thread *thread, const struct due *due, uint64_t wake_tsc)
{
	uint64_t target_tsc = vm_clock_to_tsc(thread->config.clock, due->target);

	if (target_tsc < due->armed_tsc)
		target_tsc = due->armed_tsc;
	thread->stats.expiries++;
	if (wake_tsc < target_tsc)
		thread->stats.early++;
	else
		histogram_add(&thread->stats.wake_error, wake_tsc - target_tsc);
}

/* Takes all that is due out of the queue, earliest first, and only then calls anyone: a client that
 * arms in the past from its fire() comes after all others that were due. */
static void run_due(struct timer_thread *thread, nsec_t now)
{
	struct deadline_entry *entry;
	size_t n = 0;

	pthread_mutex_lock(&thread->lock);
	while ((entry = deadline_queue_first(&thread->queue)) && entry->deadline <= now) {
		/* entry is the client's first member. */
		struct timer_client *client = (struct timer_client *)(void *)entry;

		thread->due[n++] = (struct due){client, entry->deadline, client->armed_tsc};
		deadline_queue_set(&thread->queue, entry, NSEC_NEVER);
	}
	publish_earliest(thread);
	pthread_mutex_unlock(&thread->lock);

	for (size_t i = 0; i < n; i++) {
		const struct due *due = &thread->due[i];
		struct timer_client *client = due->client;
		uint64_t wake_tsc = clock_tsc();

		client->fire(client->ctx, due->target, wake_tsc);
		account(thread, due, wake_tsc);
		begin_watching(thread, client);
	}
	if (n > 0 && !thread->slept)
		timer_spin_spun(&thread->spin);
	thread->slept = false;
	thread->linger_end = vm_clock_now(thread->config.clock) + thread->spin.ns;
}

/* ---- the thread ---- */

/* Over its real-time budget the kernel would stop the thread for tens of milliseconds: it rests for
 * a moment instead, and may be late by that. */
static void rest(struct timer_thread *thread, nsec_t now, nsec_t due)
{
	uint64_t spin_ns = spin_room(thread);
	nsec_t until = now + REST_NS;

	if (due > until && due - until > spin_ns)
		until = due - spin_ns;
	thread->stats.spin_capped++;
	sleep_towards(thread, due, until);
}

static void step(struct timer_thread *thread)
{
	nsec_t now = vm_clock_now(thread->config.clock);
	nsec_t due = atomic_load(&thread->earliest);

	if (thread->duty->limited)
		rt_duty_account(thread->duty, rt_budget_now());

	enum rt_room room = rt_duty_room(thread->duty);
	uint64_t spin_ns = spin_room(thread);
	nsec_t until = room == RT_ROOM_FULL ? awake_end(thread, due) : 0;

	if (room == RT_ROOM_NONE) {
		rest(thread, now, due);
	} else if (due <= now) {
		run_due(thread, now);
	} else if (due - now <= spin_ns || now < until) {
		if (spin_towards(thread, now, due, until))
			run_due(thread, due);
	} else {
		thread->stats.spin_capped += spin_ns < thread->spin.ns;
		sleep_towards(thread, due, due - spin_ns);
	}
}

static void *timer_main(void *arg)
{
	struct timer_thread *thread = arg;

	/* SCHED_FIFO ignores timer slack; SCHED_OTHER has 50 us of it. */
	prctl(PR_SET_TIMERSLACK, 1);
	if (thread->config.begin)
		thread->config.begin(thread->config.ctx);
	thread->stats.locked = host_rt_lock_memory(thread, sizeof(*thread));
	thread->duty = thread->stats.fifo ? thread->fifo_duty : rt_budget_unlimited();
	rt_duty_wake(thread->duty, rt_budget_now());

	while (!atomic_load(&thread->stop))
		step(thread);

	rt_duty_sleep(thread->duty, rt_budget_now());
	thread->stats.spin_ns = thread->spin.ns;
	host_rt_unlock_memory(thread, sizeof(*thread));
	return NULL;
}

/* ---- life ---- */

static int init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	int error = pthread_mutexattr_init(&attr);

	if (error)
		return error;
	error = pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	if (!error)
		error = pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return error;
}

static int start(struct timer_thread *thread, int priority)
{
	const struct thread_job job = {SANDBOX_TIMER, 0, timer_main, thread};
	struct sched_param param = {.sched_priority = priority};
	pthread_attr_t attr;
	cpu_set_t cpus;
	int error = pthread_attr_init(&attr);

	if (error)
		return error;
	CPU_ZERO(&cpus);
	if (thread->config.cpu >= 0)
		CPU_SET((size_t)thread->config.cpu, &cpus);
	error = pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (!error && thread->config.cpu >= 0)
		error = pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	if (!error && priority > 0) {
		pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
		error = pthread_attr_setschedparam(&attr, &param);
	}
	thread->stats.fifo = priority > 0;

	if (!error)
		error = thread_create(&thread->thread, &attr, &job);
	pthread_attr_destroy(&attr);
	thread->started = !error;
	return error;
}

static int start_or_explain(struct timer_thread *thread, struct diag *diag)
{
	int error = start(thread, thread->config.priority);

	if (error == EPERM && thread->config.priority > 0) {
		thread->stats.fifo_errno = error;
		error = start(thread, 0);
	}
	if (error == EINVAL && thread->config.cpu >= 0)
		return diag_set(diag, -EINVAL,
			"timer thread: cannot run on CPU %d; name a CPU this process may use",
			thread->config.cpu);
	if (error)
		return diag_set(
			diag, -error, "timer thread: cannot be created: %s", strerror(error));
	return 0;
}

int timer_thread_create(
	struct timer_thread **out, const struct timer_thread_config *config, struct diag *diag)
{
	struct timer_thread *thread;
	int error;

	if (config->cpu >= CPU_SETSIZE)
		return diag_set(diag, -EINVAL, "timer thread: CPU %d: the highest number is %d",
			config->cpu, CPU_SETSIZE - 1);
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		return diag_set(diag, -ENOMEM, "timer thread: out of memory");
	thread->config = *config;
	thread->stall_ticks = clock_ns_to_ticks(STALL_NS);
	timer_spin_init(&thread->spin, config->spin_ns);
	thread->dma_latency_fd = -1;
	atomic_init(&thread->earliest, NSEC_NEVER);
	histogram_reset(&thread->stats.wake_error);
	error = -init_lock(&thread->lock);
	if (error) {
		free(thread);
		return diag_set(
			diag, error, "timer thread: cannot create its lock: %s", strerror(-error));
	}
	thread->due = calloc(config->clients_max ? config->clients_max : 1, sizeof(*thread->due));
	error = deadline_queue_init(&thread->queue, config->clients_max);
	if (error || !thread->due) {
		error = diag_set(diag, -ENOMEM, "timer thread: out of memory");
		goto failed;
	}
	/* Here, since the thread itself may open nothing. */
	thread->fifo_duty = rt_budget_of(config->cpu);
	thread->dma_latency_fd = host_rt_hold_dma_latency();
	thread->stats.dma_latency = thread->dma_latency_fd >= 0;
	error = start_or_explain(thread, diag);
	if (error)
		goto failed;
	*out = thread;
	return 0;

failed:
	timer_thread_destroy(thread);
	return error;
}

void timer_thread_stop(struct timer_thread *thread)
{
	if (thread->started) {
		atomic_store(&thread->stop, true);
		wake(thread);
		pthread_join(thread->thread, NULL);
		thread->started = false;
	}
	if (thread->dma_latency_fd >= 0)
		close(thread->dma_latency_fd);
	thread->dma_latency_fd = -1;
}

void timer_thread_destroy(struct timer_thread *thread)
{
	if (!thread)
		return;
	timer_thread_stop(thread);
	deadline_queue_destroy(&thread->queue);
	pthread_mutex_destroy(&thread->lock);
	free(thread->due);
	free(thread);
}

const struct timer_thread_stats *timer_thread_stats(const struct timer_thread *thread)
{
	return &thread->stats;
}

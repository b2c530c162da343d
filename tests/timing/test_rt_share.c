/* SPDX-License-Identifier: BSD-2-Clause */
/* The real-time budget on real threads: however many VMs storm on one CPU with SCHED_FIFO, a
 * competitor of the common class keeps a tenth of it in every second, with and without the
 * kernel's own throttle. Its arithmetic: tests/unit/test_rt_duty.c. */
#include "../cli/tickvm_command.h"

#include "tickvm/clock.h"
#include "tickvm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THROTTLE  "/proc/sys/kernel/sched_rt_runtime_us"
#define VMS_MAX   8
#define SECOND_NS 1000000000ULL
#define SECONDS   3
#define LEAST     10.0 /* percent */

/* ---- the guest: CPL 0, 32 bits, no interrupts ---- */

/* MMIO of 64 bits by cmpxchg8b: the first may only read. */
#define STORE               0x0f, 0xc7, 0x0f, 0x0f, 0xc7, 0x0f
#define EDI(at)             0xbf, at, 0x10, 0xb0, 0xfe /* a register of the dedicated timer */
#define SET(at, b0, b1, b2) EDI(at), 0xbb, b0, b1, b2, 0, 0x31, 0xc9, STORE

static const unsigned char arm[] = {
	0xfa,                         /* cli */
	SET(0x38, 0, 0x80, 0x20),     /* DT_PAGE: 2 MiB and some */
	SET(0x08, 7, 0, 0),           /* DT_CONTROL: on, periodic, with the page */
	SET(0x28, 0xd0, 0x07, 0),     /* DT_PERIOD: 2000 ticks, a microsecond at most */
	0x0f, 0x31,                   /* rdtsc */
	0x05, 0xa0, 0x86, 0x01, 0x00, /* add eax, 100000 */
	0x83, 0xd2, 0x00,             /* adc edx, 0 */
	0x89, 0xc3, 0x89, 0xd1,       /* ecx:ebx = edx:eax */
	EDI(0x20), STORE,             /* DT_DEADLINE */
};
static const unsigned char halt[] = {0xf4, 0xeb, 0xfd};
static const unsigned char ring[] = {EDI(0x40), STORE, 0xeb, 0xf8}; /* DT_DOORBELL, for ever */

static const char *image_of(bool rings)
{
	unsigned char code[sizeof(arm) + sizeof(ring)];

	memcpy(code, arm, sizeof(arm));
	if (rings)
		memcpy(code + sizeof(arm), ring, sizeof(ring));
	else
		memcpy(code + sizeof(arm), halt, sizeof(halt));
	return write_guest(code, sizeof(arm) + (rings ? sizeof(ring) : sizeof(halt)));
}

/* ---- VMs ---- */

static int storm_cpu, guest_cpu;

struct machine {
	struct vm *vm;
	pthread_t thread;
	struct vm_outcome outcome;
	struct diag diag;
};
static struct machine machines[VMS_MAX];

static void *run(void *arg)
{
	struct machine *machine = arg;

	vm_run(machine->vm, &machine->outcome, &machine->diag);
	return NULL;
}

static void create(struct machine *machine, const char *image, bool rings)
{
	struct vm_config config;

	vm_config_default(&config);
	config.kernel = image;
	config.serial = SERIAL_NULL;
	config.timer_cpu = storm_cpu;
	config.vcpu_cpu[0] = guest_cpu;
	config.mem_bytes = 8 << 20;
	config.dedicated_ioeventfd = rings;
	cr_assert_eq(vm_create(&machine->vm, &config, &machine->diag), 0, "%s", machine->diag.text);
}

/* How often its timer thread was held back. */
static uint64_t stop(struct machine *machine)
{
	vm_stop(machine->vm);
	pthread_join(machine->thread, NULL);
	const struct timer_thread_stats stats = *vm_timer_thread_stats(machine->vm);

	vm_destroy(machine->vm);
	cr_expect_eq(machine->outcome.end, VM_END_STOPPED, "%s", machine->diag.text);
	if (!stats.fifo)
		cr_skip_test("no right to SCHED_FIFO");
	cr_expect_gt(stats.expiries, 0, "no storm");
	return stats.spin_capped;
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	cr_assert_eq(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* ---- the competitor ---- */

/* A process, so that it competes with the class's other groups too as one that comes first: what
 * they take is no business of this test. */
struct competitor {
	sem_t begin;
	double percent[SECONDS]; /* of each second */
};
static struct competitor *competitor; /* shared with it */
static pid_t competitor_pid;

static bool ended_well(pid_t pid)
{
	int status;

	return TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) == pid && status == 0;
}

static uint64_t own_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static double share_of_a_second(void)
{
	uint64_t begin = clock_monotonic_ns(), used = own_cpu_ns(), now;

	do
		now = clock_monotonic_ns();
	while (now - begin < SECOND_NS);
	return (double)(own_cpu_ns() - used) * 100 / (double)(now - begin);
}

static void come_first(void)
{
	FILE *group;

	setsid();
	setpriority(PRIO_PROCESS, 0, -20);
	group = fopen("/proc/self/autogroup", "we"); /* sched(7) */
	if (group != NULL) {
		fputs("-20", group);
		fclose(group);
	}
}

static _Noreturn void compete(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	stay_on(storm_cpu);
	come_first();
	sem_wait(&competitor->begin);
	for (unsigned i = 0; i < SECONDS; i++)
		competitor->percent[i] = share_of_a_second();
	_exit(0);
}

/* While there is one thread. */
static void make_competitor(void)
{
	competitor = mmap(NULL, sizeof(*competitor), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(competitor, MAP_FAILED);
	cr_assert_eq(sem_init(&competitor->begin, 1, 0), 0);
	competitor_pid = fork();
	cr_assert_geq(competitor_pid, 0);
	if (competitor_pid == 0)
		compete();
}

static void await_competitor(void)
{
	sem_post(&competitor->begin);
	cr_assert(ended_well(competitor_pid));
}

/* A doorbell runs where the thread may that makes it. */
static void create_all(unsigned n, bool rings)
{
	const char *image = image_of(rings);
	cpu_set_t before;

	cr_assert_eq(sched_getaffinity(0, sizeof(before), &before), 0);
	stay_on(storm_cpu);
	for (unsigned i = 0; i < n; i++)
		create(&machines[i], image, rings);
	cr_assert_eq(sched_setaffinity(0, sizeof(before), &before), 0);
	unlink(image);
}

static void storm(unsigned n, bool rings)
{
	uint64_t capped = 0;

	make_competitor();
	create_all(n, rings);
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(pthread_create(&machines[i].thread, NULL, run, &machines[i]), 0);
	await_competitor();
	for (unsigned i = 0; i < n; i++)
		capped += stop(&machines[i]);
	cr_expect_gt(capped, 0, "the budget was not spent");
	for (unsigned i = 0; i < SECONDS; i++) {
		cr_log_info("%u VMs, second %u: %.1f %%", n, i, competitor->percent[i]);
		cr_expect_geq(competitor->percent[i], LEAST, "second %u: %.1f %%", i,
			competitor->percent[i]);
	}
}

/* ---- the throttle ---- */

static int keeper_pipe[2] = {-1, -1};
static pid_t keeper;

static bool write_throttle(const char *text, size_t length)
{
	int fd = open(THROTTLE, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, length) == (ssize_t)length;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Writes what was there when the test is over, however it ends: a signal to it, or to all of its
 * group, does not reach this process. */
static void keep(const char *before, size_t length)
{
	char nothing;
	sigset_t all;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	close(keeper_pipe[1]);
	while (read(keeper_pipe[0], &nothing, 1) > 0)
		;
	_exit(write_throttle(before, length) ? 0 : 1);
}

static void turn_throttle_off(void)
{
	char before[32];
	int fd = open(THROTTLE, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, before, sizeof(before)) : -1;

	if (fd >= 0)
		close(fd);
	if (n <= 0 || !write_throttle(before, (size_t)n))
		cr_skip_test("%s cannot be written here", THROTTLE);
	cr_assert_eq(pipe(keeper_pipe), 0);
	keeper = fork();
	cr_assert_geq(keeper, 0);
	if (keeper == 0)
		keep(before, (size_t)n);
	close(keeper_pipe[0]);
	cr_assert(write_throttle("-1", 2));
}

/* ---- the tests ---- */

static void setup(void)
{
	cpu_set_t set;
	int n = 0;

	need_kvm();
	cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, &set)) {
			storm_cpu = n++ == 0 ? cpu : storm_cpu;
			guest_cpu = cpu;
		}
}

static void teardown(void)
{
	if (keeper <= 0)
		return;
	close(keeper_pipe[1]);
	cr_expect(ended_well(keeper), "%s is not what it was", THROTTLE);
}

TestSuite(rt_share, .init = setup, .fini = teardown, .timeout = HUNG);

Test(rt_share, one_vm)
{
	storm(1, false);
}
Test(rt_share, two_vms)
{
	storm(2, false);
}
Test(rt_share, eight_vms)
{
	storm(8, false);
}
Test(rt_share, eight_vms_that_ring)
{
	storm(8, true);
}

Test(rt_share, one_vm_without_the_throttle)
{
	turn_throttle_off();
	storm(1, false);
}

Test(rt_share, two_vms_without_the_throttle)
{
	turn_throttle_off();
	storm(2, false);
}

Test(rt_share, eight_vms_without_the_throttle)
{
	turn_throttle_off();
	storm(8, false);
}

Test(rt_share, eight_vms_that_ring_without_the_throttle)
{
	turn_throttle_off();
	storm(8, true);
}

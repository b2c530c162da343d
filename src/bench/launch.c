/* SPDX-License-Identifier: BSD-2-Clause */
/* Creates, runs and judges one VM of the payload.
 * It interprets no records: that is the experiments' work. */
#include "launch.h"

#include "tickvm/bare.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_MEM      (32ULL << 20)
#define HALT_POLL_MIN_NS 200000
#define HALT_POLL_MAX_NS 10000000

/* The i-th CPU this process may use, counted from the first, or -1. */
static int allowed_cpu(const cpu_set_t *set, int i)
{
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, set) && i-- == 0)
			return (int)cpu;
	}
	return -1;
}

static void place_threads(struct vm_config *config, uint64_t set_by_user)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return;
	int cpus = CPU_COUNT(&set);

	for (unsigned i = 0; i < config->vcpus && !(set_by_user & BENCH_SET_PIN); i++)
		config->vcpu_cpu[i] = allowed_cpu(&set, (int)i % cpus);
	if (!(set_by_user & BENCH_SET_TIMER_CPU) && cpus > 1)
		config->timer_cpu = allowed_cpu(&set, cpus - 1);
}

void launch_settle(struct bench_context *context)
{
	if (!(context->machine_set & BENCH_SET_MEM))
		context->machine.mem_bytes = DEFAULT_MEM;
}

void launch_begin(struct launch *launch, const struct bench_context *context, unsigned vcpus)
{
	*launch = (struct launch){.config = context->machine};
	launch->config.vcpus = vcpus;
	launch->config.serial = SERIAL_NULL;
	launch->config.prefault = true;
	if (!(context->machine_set & BENCH_SET_MEM))
		launch->config.mem_bytes = DEFAULT_MEM;
	place_threads(&launch->config, context->machine_set);
}

void launch_append(struct launch *launch, const char *format, ...)
{
	size_t used = strlen(launch->append);
	va_list args;

	if (used != 0 && used + 1 < sizeof(launch->append))
		launch->append[used++] = ' ';
	va_start(args, format);
	vsnprintf(launch->append + used, sizeof(launch->append) - used, format, args);
	va_end(args);
}

/* What the guest's end means, when it is not success. */
static int judge_end(
	const struct launch *launch, const struct vm_outcome *outcome, struct diag *diag)
{
	const struct guest_result *result = vm_guest_result(launch->vm);

	switch (outcome->end) {
	case VM_END_EXIT:
		break;
	case VM_END_TIMEOUT:
		return diag_set(diag, -ETIMEDOUT,
			"the guest did not finish in %.1f s; give it more with --timeout",
			(double)launch->config.timeout_ns / 1e9);
	case VM_END_STOPPED:
		return diag_set(diag, -EINTR, "interrupted");
	case VM_END_CRASH:
		fprintf(stderr, "%s", outcome->report != NULL ? outcome->report : "");
		return diag_set(diag, -EIO, "the guest crashed while running: %s", launch->append);
	case VM_END_ERROR:
		return -EIO;
	}
	if (result == NULL)
		return diag_set(diag, -EPROTO,
			"the guest ended with status %u and left no result block: is it the "
			"payload (tickvm-guest) of this version?",
			outcome->status);
	if (result->status == GUEST_UNAVAILABLE)
		return diag_set(diag, -ENOTSUP, "%s", result->message);
	if (result->died.rip != 0)
		vm_print_registers(stderr, &result->died);
	if (result->status != GUEST_DONE || outcome->status != 0)
		return diag_set(diag, -EIO, "the guest failed: %s (it was told: %s)",
			result->message[0] != '\0' ? result->message : "it did not finish",
			launch->append);
	return 0;
}

int launch_create(struct launch *launch, struct diag *diag)
{
	/* The user's own words come last. */
	if (launch->config.append != NULL && launch->config.append[0] != '\0')
		launch_append(launch, "%s", launch->config.append);
	if (strlen(launch->append) + 1 >= sizeof(launch->append))
		return diag_set(diag, -EINVAL,
			"the guest's command line is too long: at most %d bytes",
			GUEST_CMDLINE_MAX - 2);
	launch->config.append = launch->append;
	int err = vm_create(&launch->vm, &launch->config, diag);

	if (err < 0) {
		launch->vm = NULL;
		/* Without /dev/kvm this host cannot run it; a --kernel that is not there is the
		 * user's. */
		return launch_has_kvm() ? err : -ENOTSUP;
	}
	return 0;
}

/* ---- guests that run, for a signal handler ---- */

#define RUNNING_MAX 64 /* as many as bench scale runs at once; the others end by themselves */

static struct vm *_Atomic running[RUNNING_MAX];
static atomic_uint interrupting; /* handlers that may hold one of them */

void bench_interrupt(void)
{
	bench_interrupted = 1;
	vm_bare_stop();
	atomic_fetch_add(&interrupting, 1);
	for (size_t i = 0; i < RUNNING_MAX; i++) {
		struct vm *vm = atomic_load(&running[i]);

		if (vm != NULL)
			vm_stop(vm);
	}
	atomic_fetch_sub(&interrupting, 1);
}

/* Afterwards a handler finds it, or this finds what the handler set. */
static size_t enter(struct vm *vm)
{
	size_t i = 0;
	struct vm *none = NULL;

	while (i < RUNNING_MAX && !atomic_compare_exchange_strong(&running[i], &none, vm)) {
		none = NULL;
		i++;
	}
	if (bench_interrupted)
		vm_stop(vm);
	return i;
}

/* The VM may be destroyed when no handler can still be stopping it. */
static void leave(size_t i)
{
	if (i == RUNNING_MAX)
		return;
	atomic_store(&running[i], NULL);
	while (atomic_load(&interrupting) != 0)
		sched_yield();
}

int launch_go(struct launch *launch, struct diag *diag)
{
	struct vm_outcome outcome = {.end = VM_END_ERROR};
	size_t place = enter(launch->vm);
	int err = vm_run(launch->vm, &outcome, diag);

	leave(place);
	if (err == 0)
		err = judge_end(launch, &outcome, diag);
	if (err < 0) {
		launch_end(launch);
		return err;
	}
	launch->result = vm_guest_result(launch->vm);
	return 0;
}

int launch_run(struct launch *launch, struct diag *diag)
{
	int err = launch_create(launch, diag);

	return err < 0 ? err : launch_go(launch, diag);
}

const void *launch_records(const struct launch *launch, size_t size, size_t *n, struct diag *diag)
{
	const void *records = vm_guest_records(launch->vm, launch->result, size, n);

	if (records == NULL)
		diag_set(diag, -EPROTO,
			"the guest's records are not where and what its result block says (%u of "
			"%u bytes)",
			launch->result->record_count, launch->result->record_size);
	return records;
}

static _Atomic uint64_t guest_ticks;

void launch_end(struct launch *launch)
{
	if (launch->vm != NULL) {
		struct vm_startup times = vm_startup(launch->vm);

		if (times.first_entry_tsc != 0 && times.end_tsc > times.first_entry_tsc)
			guest_ticks += times.end_tsc - times.first_entry_tsc;
	}
	vm_destroy(launch->vm);
	launch->vm = NULL;
	launch->result = NULL;
}

uint64_t launch_guest_ticks(void)
{
	return guest_ticks;
}

int64_t launch_halt_poll(uint64_t interval_ns)
{
	if (interval_ns > HALT_POLL_MAX_NS / 2)
		return HALT_POLL_MAX_NS;
	if (interval_ns < HALT_POLL_MIN_NS / 2)
		return HALT_POLL_MIN_NS;
	return (int64_t)(2 * interval_ns);
}

bool launch_has_kvm(void)
{
	return access("/dev/kvm", R_OK | W_OK) == 0;
}

int launch_exit_status(int err)
{
	switch (err) {
	case 0:
		return 0;
	case -EINVAL:
		return 2;
	case -ENOTSUP:
		return 77;
	case -EINTR:
		return 130;
	default:
		return 1;
	}
}

int bench_refuse(const struct bench_context *context, const char *bench, const struct diag *diag)
{
	if (context->check != NULL)
		*context->check = *diag;
	else
		fprintf(stderr, "tickvm: bench %s: %s\n", bench, diag->text);
	return launch_exit_status(-EINVAL);
}

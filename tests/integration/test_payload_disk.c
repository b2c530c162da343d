/* SPDX-License-Identifier: BSD-2-Clause */
/* test=disk of the payload, and the timer test under load and on several vCPUs: counts are exact,
 * what is written is there, damage is found, refusals name what is wrong. */
#include "guest_code.h"

#include "tickvm/guest_abi.h"

#include <criterion/parameterized.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

TestSuite(payload_disk, .timeout = WATCHDOG_S);

#define IMAGE_BYTES (2u << 20)
#define RECORD      4096u
#define RECORDS     (IMAGE_BYTES / RECORD)

static enum irqchip_kind all_irqchips[] = {IRQCHIP_KERNEL, IRQCHIP_SPLIT, IRQCHIP_USER};

#define EACH_IRQCHIP(name)                                                                         \
	ParameterizedTestParameters(payload_disk, name)                                            \
	{                                                                                          \
		return cr_make_param_array(enum irqchip_kind, all_irqchips,                        \
			sizeof(all_irqchips) / sizeof(all_irqchips[0]));                           \
	}                                                                                          \
	ParameterizedTest(enum irqchip_kind *irqchip, payload_disk, name)

/* Already unlinked: nothing is left behind, however the test ends. path leads to it all the same.
 * Not of holes: those are read at once, and a guest that keeps reading then does nothing else. */
static int make_image(char path[64])
{
	static char block[64 * 1024];
	char name[] = "/tmp/tickvm-disk-XXXXXX";
	int fd = mkstemp(name);

	cr_assert_geq(fd, 0);
	unlink(name);
	memset(block, 0x5a, sizeof(block));
	for (size_t written = 0; written < IMAGE_BYTES; written += sizeof(block))
		cr_assert_eq(write(fd, block, sizeof(block)), (ssize_t)sizeof(block));
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static struct vm *run_payload(
	struct vm_config config, const char *append, const struct guest_result **result)
{
	struct vm_outcome outcome;

	config.append = append;
	struct vm *vm = run_vm(&config, &outcome);

	cr_assert_eq(outcome.end, VM_END_EXIT, "%s: %s", append,
		outcome.report != NULL ? outcome.report : "");
	*result = vm_guest_result(vm);
	cr_assert_not_null(*result);
	return vm;
}

static struct vm_config disk_config(enum irqchip_kind irqchip, const char *path)
{
	struct vm_config config = quiet_config(irqchip);

	config.disk_path = path;
	return config;
}

/* Every round handles each of records once; returns the mismatches of the last. How many interrupts
 * that took is the disk's affair, which may be done before the guest waits; but none was taken that
 * was not raised. */
static uint64_t expect_rounds(const struct vm_config *config, const char *append, size_t rounds,
	uint64_t records, uint64_t record)
{
	const struct guest_result *result;
	struct vm *vm = run_payload(*config, append, &result);
	uint64_t mismatches = 0, interrupts = 0;
	size_t n;

	cr_assert_eq(result->status, GUEST_DONE, "%s: %s", append, result->message);
	const struct guest_disk_round *round = vm_guest_records(vm, result, sizeof(*round), &n);

	cr_assert_not_null(round);
	cr_assert_eq(n, rounds, "%s: %zu rounds", append, n);
	for (size_t i = 0; i < n; i++) {
		cr_expect_eq(round[i].requests, records, "%s: %" PRIu64, append, round[i].requests);
		cr_expect_eq(round[i].bytes, records * record, "%s", append);
		cr_expect_eq(round[i].errors, 0, "%s: %" PRIu64, append, round[i].errors);
		cr_expect_gt(round[i].cycles, 0);
		interrupts += round[i].interrupts;
		mismatches = round[i].mismatches;
	}
	cr_expect_leq(interrupts, vm_disk_stats(vm).interrupts, "%s: %" PRIu64, append, interrupts);
	vm_destroy(vm);
	return mismatches;
}

EACH_IRQCHIP(what_was_written_is_read)
{
	char path[64];

	REQUIRE_KVM();
	make_image(path);
	struct vm_config config = disk_config(*irqchip, path);

	cr_expect_eq(expect_rounds(&config,
			     "test=disk op=write pattern=random verify=1 depth=32 rounds=2", 2,
			     RECORDS, RECORD),
		0);
	cr_expect_eq(
		expect_rounds(&config, "test=disk verify=1 depth=7 rounds=2", 2, RECORDS, RECORD),
		0);
	cr_expect_eq(expect_rounds(&config,
			     "test=disk pattern=random verify=1 depth=1 rounds=1 bytes=1228800", 1,
			     300, RECORD),
		0);
	config.disk_read_only = true;
	cr_expect_eq(
		expect_rounds(&config, "test=disk verify=1 depth=64 rounds=1", 1, RECORDS, RECORD),
		0);
}

/* A request's interrupt is waited for, one after the other: of 64, and a flush behind writes. */
static void expect_one_each(const struct vm_config *config, const char *op, uint64_t flushes)
{
	const struct guest_result *result;
	char append[128];
	size_t n;

	snprintf(
		append, sizeof(append), "test=disk op=%s depth=1 each=1 rounds=3 bytes=262144", op);
	struct vm *vm = run_payload(*config, append, &result);
	const struct guest_disk_round *round = vm_guest_records(vm, result, sizeof(*round), &n);

	cr_assert_eq(result->status, GUEST_DONE, "%s: %s", append, result->message);
	cr_assert_eq(n, 3);
	for (size_t i = 0; i < n; i++) {
		cr_expect_eq(round[i].requests, 64);
		cr_expect_eq(round[i].interrupts, 64 + flushes, "%s: %" PRIu64, append,
			round[i].interrupts);
	}
	cr_expect_eq(vm_disk_stats(vm).interrupts, 3 * (64 + flushes));
	vm_destroy(vm);
}

EACH_IRQCHIP(every_request_has_its_interrupt)
{
	char path[64];

	REQUIRE_KVM();
	make_image(path);
	struct vm_config config = disk_config(*irqchip, path);

	expect_one_each(&config, "read", 0);
	expect_one_each(&config, "write", 1);
}

/* A disk that nobody wrote to has no right record, in either order. */
Test(payload_disk, records_nobody_wrote_are_mismatches)
{
	char path[64];

	REQUIRE_KVM();
	make_image(path);
	struct vm_config config = disk_config(IRQCHIP_SPLIT, path);

	cr_expect_eq(expect_rounds(&config, "test=disk verify=1 rounds=1 record=512 bytes=65536", 1,
			     128, 512),
		128);
	cr_expect_eq(
		expect_rounds(&config, "test=disk rounds=1 record=1048576 depth=1", 1, 2, 1048576),
		0, "not looked at");
}

/* One bit; a record in another's place; a record of the round before. */
Test(payload_disk, damage_is_found)
{
	static char kept[RECORD], other[RECORD];
	char path[64];

	REQUIRE_KVM();
	int fd = make_image(path);
	struct vm_config config = disk_config(IRQCHIP_SPLIT, path);
	const char *write = "test=disk op=write verify=1 rounds=1";
	const char *read = "test=disk op=read verify=1 rounds=1";

	expect_rounds(&config, write, 1, RECORDS, RECORD);
	cr_assert_eq(pread(fd, kept, RECORD, 20 * RECORD), RECORD);
	expect_rounds(&config, write, 1, RECORDS, RECORD);
	cr_expect_eq(expect_rounds(&config, read, 1, RECORDS, RECORD), 0);

	cr_assert_eq(pwrite(fd, kept, RECORD, 20 * RECORD), RECORD);
	cr_expect_eq(expect_rounds(&config, read, 1, RECORDS, RECORD), 1, "an old record");
	cr_assert_eq(pread(fd, other, RECORD, 30 * RECORD), RECORD);
	cr_assert_eq(pwrite(fd, other, RECORD, 40 * RECORD), RECORD);
	cr_expect_eq(expect_rounds(&config, read, 1, RECORDS, RECORD), 2, "a misplaced record");
	other[RECORD - 1] = (char)(other[RECORD - 1] ^ 4);
	cr_assert_eq(pwrite(fd, other, RECORD, 30 * RECORD), RECORD);
	cr_expect_eq(expect_rounds(&config, read, 1, RECORDS, RECORD), 3, "a bit");
}

/* From here on no io_uring, and every fdatasync fails: as of a disk that lost what was cached. */
static void fail_syncs(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0 /* the system call's number */),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fdatasync, 2, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		cr_skip_test("no seccomp filter here: %s", strerror(errno));
}

/* The writes are done, and each round's flush says that they may be gone. */
Test(payload_disk, a_flush_that_fails_on_the_host_fails_in_the_guest)
{
	const struct guest_result *result;
	char path[64];
	size_t n;

	REQUIRE_KVM();
	make_image(path);
	struct vm_config config = disk_config(IRQCHIP_SPLIT, path);

	fail_syncs();
	struct vm *vm = run_payload(config, "test=disk op=write rounds=2", &result);
	const struct guest_disk_round *round = vm_guest_records(vm, result, sizeof(*round), &n);

	cr_assert_not_null(round);
	cr_assert_eq(n, 2);
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(round[i].errors, 1, "%" PRIu64, round[i].errors);
	cr_expect_eq(vm_disk_stats(vm).io_uring, false);
	vm_destroy(vm);
}

static void expect_refusal(const struct vm_config *config, const char *append,
	enum guest_status status, const char *says)
{
	const struct guest_result *result;
	struct vm *vm = run_payload(*config, append, &result);

	cr_expect_eq(result->status, status, "%s: %u, %s", append, result->status, result->message);
	cr_expect(strstr(result->message, says) != NULL, "%s: %s", append, result->message);
	vm_destroy(vm);
}

Test(payload_disk, refusals_name_what_is_wrong)
{
	char path[64];

	REQUIRE_KVM();
	struct vm_config config = quiet_config(IRQCHIP_SPLIT);

	expect_refusal(&config, "test=disk", GUEST_UNAVAILABLE, "--disk");
	expect_refusal(&config, "test=timer load=io", GUEST_UNAVAILABLE, "--disk");
	expect_refusal(&config, "test=timer source=pit vcpus=2", GUEST_UNAVAILABLE, "one PIT");
	expect_refusal(&config, "test=timer vcpus=2", GUEST_UNAVAILABLE, "2 CPUs");
	make_image(path);
	config.disk_path = path;
	expect_refusal(&config, "test=disk bytes=4194304", GUEST_FAILED, "bytes");
	expect_refusal(&config, "test=disk record=4194304", GUEST_FAILED, "record");
	expect_refusal(&config, "test=disk record=1048576 depth=32", GUEST_FAILED, "--mem");
	config.disk_read_only = true;
	expect_refusal(&config, "test=disk op=write", GUEST_UNAVAILABLE, "read-only");
}

/* ---- the timer test ---- */

/* Each CPU's events are in order, and its own. */
static void expect_events(struct vm *vm, const struct guest_result *result, const char *append,
	unsigned vcpus, unsigned count)
{
	size_t n;
	const struct guest_timer_event *events = vm_guest_records(vm, result, sizeof(*events), &n);

	cr_assert_not_null(events);
	cr_assert_eq(n, (size_t)vcpus * count, "%s: %zu events", append, n);
	for (size_t i = 0; i < n; i++) {
		cr_expect_geq(events[i].done, events[i].enter, "%s: event %zu", append, i);
		cr_expect(events[i].enter > result->begin_tsc && events[i].done < result->end_tsc,
			"%s: event %zu", append, i);
		if (i % count > 0)
			cr_expect_gt(events[i].deadline, events[i - 1].deadline, "%s: event %zu",
				append, i);
	}
}

/* How many of the disk's interrupts a timer test of 200 events saw. */
static uint64_t disk_interrupts(const struct vm_config *config, const char *append)
{
	const struct guest_result *result;
	struct vm *vm = run_payload(*config, append, &result);
	uint64_t seen = result->load_interrupts;

	cr_assert_eq(result->status, GUEST_DONE, "%s: %s", append, result->message);
	expect_events(vm, result, append, 1, 200);
	cr_expect_geq(result->load_requests, seen, "%s", append);
	cr_expect_eq(result->load_errors, 0, "%s", append);
	cr_expect_geq(vm_disk_stats(vm).interrupts, result->load_taken, "%s", append);
	cr_expect_geq(result->load_taken, seen, "%s", append);
	vm_destroy(vm);
	return seen;
}

/* One at least with each event, for each waits for it; with a periodic timer, whose ticks come
 * first however late they are, one at least. */
static void expect_disk_interrupts(enum irqchip_kind irqchip, const char *wait)
{
	static const struct {
		const char *how;
		uint64_t least;
	} cases[] = {
		{"source=lapic", 200},
		{"source=lapic mode=periodic", 1},
		{"source=pit", 200},
		{"source=dedicated arm=shared mode=deadline", 200},
		{"source=lapic residual=1 mode=deadline interval_ns=100000", 200},
	};
	char path[64], append[160];

	make_image(path);
	struct vm_config config = disk_config(irqchip, path);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(append, sizeof(append),
			"test=timer interval_ns=400000 count=200 load=io depth=4 each=1 wait=%s %s",
			wait, cases[i].how);
		uint64_t seen = disk_interrupts(&config, append);

		cr_expect_geq(seen, cases[i].least, "%s: %" PRIu64, append, seen);
	}
}

EACH_IRQCHIP(disk_interrupts_come_while_a_timer_is_measured)
{
	REQUIRE_KVM();
	expect_disk_interrupts(*irqchip, "user");
}

EACH_IRQCHIP(disk_interrupts_come_while_a_timer_is_waited_for_in_hlt)
{
	REQUIRE_KVM();
	REQUIRE_INTERRUPT_SHADOW();
	expect_disk_interrupts(*irqchip, "hlt");
}

/* Runs the payload on an image that ends before the disk does. */
static struct vm *run_cut_off(struct vm_config config, int fd, const char *append)
{
	struct vm_outcome outcome;

	config.append = append;
	cr_assert_eq(ftruncate(fd, IMAGE_BYTES), 0);
	struct vm *vm = create_vm(&config);

	cr_assert_eq(ftruncate(fd, IMAGE_BYTES / 2), 0);
	run_created(vm, &outcome);
	skip_if_hung(vm, &outcome);
	cr_assert_eq(outcome.end, VM_END_EXIT);
	const struct guest_result *result = vm_guest_result(vm);

	cr_assert_not_null(result);
	cr_assert_eq(result->status, GUEST_DONE, "%s", result->message);
	return vm;
}

/* Half of what is read is not there. Of 200 places and more, drawn at random, some are. */
Test(payload_disk, failed_reads_are_counted)
{
	const struct guest_result *result;
	char path[64];
	size_t n;

	REQUIRE_KVM();
	int fd = make_image(path);
	struct vm_config config = disk_config(IRQCHIP_SPLIT, path);
	struct vm *vm = run_cut_off(
		config, fd, "test=timer wait=user interval_ns=400000 count=200 load=io each=1");

	result = vm_guest_result(vm);
	cr_expect_geq(result->load_requests, 200);
	cr_expect_gt(result->load_errors, 0);
	cr_expect_lt(result->load_errors, result->load_requests);
	vm_destroy(vm);

	vm = run_cut_off(config, fd, "test=disk rounds=1");
	result = vm_guest_result(vm);
	const struct guest_disk_round *round = vm_guest_records(vm, result, sizeof(*round), &n);

	cr_assert_not_null(round);
	cr_expect_eq(round->requests, RECORDS);
	cr_expect_eq(round->errors, RECORDS / 2, "%" PRIu64, round->errors);
	vm_destroy(vm);
}

static void expect_irq_load(enum irqchip_kind irqchip, const char *append)
{
	struct vm_config config = quiet_config(irqchip);
	const struct guest_result *result;

	config.irq_load_hz = 2000;
	struct vm *vm = run_payload(config, append, &result);

	cr_assert_eq(result->status, GUEST_DONE, "%s", result->message);
	expect_events(vm, result, append, 1, 400);
	cr_expect_geq(result->load_interrupts, 400);
	cr_expect_geq(result->load_taken, result->load_interrupts);
	cr_expect_leq(result->load_taken, vm_irq_load_raised(vm));
	cr_expect_eq(result->load_requests, 0);
	vm_destroy(vm);
}

EACH_IRQCHIP(load_interrupts_are_counted)
{
	REQUIRE_KVM();
	expect_irq_load(*irqchip,
		"test=timer interval_ns=500000 count=400 load=interrupts each=1 wait=user");
}

EACH_IRQCHIP(load_interrupts_are_counted_in_hlt)
{
	REQUIRE_KVM();
	REQUIRE_INTERRUPT_SHADOW();
	expect_irq_load(*irqchip,
		"test=timer interval_ns=500000 count=400 load=interrupts each=1 wait=hlt");
}

static void expect_three_timers(enum irqchip_kind irqchip, const char *how)
{
	struct vm_config config = quiet_config(irqchip);
	const struct guest_result *result;
	char append[160];

	config.vcpus = 3;
	snprintf(append, sizeof(append), "test=timer vcpus=3 interval_ns=1000000 count=60 %s", how);
	struct vm *vm = run_payload(config, append, &result);

	cr_assert_eq(result->status, GUEST_DONE, "%s: %s", append, result->message);
	expect_events(vm, result, append, 3, 60);
	vm_destroy(vm);
}

EACH_IRQCHIP(each_vcpu_has_a_timer_of_its_own)
{
	REQUIRE_KVM();
	expect_three_timers(*irqchip, "source=lapic wait=user");
	expect_three_timers(*irqchip, "source=lapic wait=user mode=deadline");
	expect_three_timers(*irqchip, "source=dedicated wait=user arm=mmio");
	expect_three_timers(*irqchip, "source=dedicated wait=user arm=shared mode=periodic");
	expect_three_timers(*irqchip, "source=tsc-poll");
}

EACH_IRQCHIP(each_vcpu_has_a_timer_of_its_own_in_hlt)
{
	REQUIRE_KVM();
	REQUIRE_INTERRUPT_SHADOW();
	expect_three_timers(*irqchip, "source=lapic wait=hlt");
	expect_three_timers(*irqchip, "source=dedicated wait=hlt arm=mmio");
	expect_three_timers(*irqchip, "source=dedicated wait=hlt arm=shared mode=periodic");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor on KVM: what guests of a few instructions see, on every interrupt back end. */
#include "guest_code.h"

#include "../../src/vmm/vm_internal.h"
#include "tickvm/bare.h"
#include "tickvm/clock.h"
#include "tickvm/guest_abi.h"

#include <criterion/parameterized.h>
#include <dirent.h>
#include <pthread.h>

TestSuite(vm, .timeout = WATCHDOG_S);

static enum irqchip_kind all_irqchips[] = {IRQCHIP_KERNEL, IRQCHIP_SPLIT, IRQCHIP_USER};

#define EACH_IRQCHIP(name)                                                                         \
	ParameterizedTestParameters(vm, name)                                                      \
	{                                                                                          \
		return cr_make_param_array(enum irqchip_kind, all_irqchips,                        \
			sizeof(all_irqchips) / sizeof(all_irqchips[0]));                           \
	}                                                                                          \
	ParameterizedTest(enum irqchip_kind *irqchip, vm, name)

EACH_IRQCHIP(payload_says_hello)
{
	struct vm_config config = quiet_config(*irqchip);
	struct vm_outcome outcome;
	const struct guest_result *result;
	struct vm *vm;

	REQUIRE_KVM();
	config.append = "test=hello";
	vm = run_vm(&config, &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT);
	cr_expect_eq(outcome.status, 0);
	result = vm_guest_result(vm);
	cr_assert_not_null(result);
	cr_expect_eq(result->status, GUEST_DONE);
	cr_expect_str_eq(result->test, "hello");
	vm_destroy(vm);
}

EACH_IRQCHIP(unknown_ports_read_all_ones_by_width)
{
	static const uint8_t code[] = {
		0x66,
		0xba,
		0x99,
		0x09, /* mov $0x999, %dx */
		0x31,
		0xc0, /* xor %eax, %eax */
		0xec, /* in %dx, %al */
		0xa3,
		0x00,
		0x00,
		0x20,
		0x00, /* mov %eax, DATA */
		0x31,
		0xc0,
		0x66,
		0xed, /* xor; in %dx, %ax */
		0xa3,
		0x04,
		0x00,
		0x20,
		0x00, /* mov %eax, DATA + 4 */
		0x31,
		0xc0,
		0xed, /* xor; in %dx, %eax */
		0xa3,
		0x08,
		0x00,
		0x20,
		0x00, /* mov %eax, DATA + 8 */
		0xb0,
		0x2a,
		0xe6,
		0xf4, /* out 42 to the exit port */
		0xf4,
	};
	struct vm_outcome outcome;
	struct vm *vm;
	const uint32_t *data;

	REQUIRE_KVM();
	vm = run_code(quiet_config(*irqchip), code, sizeof(code), &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT);
	cr_expect_eq(outcome.status, 42);
	data = vm_guest_memory(vm, DATA_GPA, 12);
	cr_assert_not_null(data);
	cr_expect_eq(data[0], 0xffu);
	cr_expect_eq(data[1], 0xffffu);
	cr_expect_eq(data[2], 0xffffffffu);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_PIO_IN, 0x999, "unknown"), 3);
	vm_destroy(vm);
}

/* Elements that went through a port, however many exits they came in. */
static unsigned elements(struct vm *vm, enum exit_kind kind, uint64_t port)
{
	struct trace_ring *ring = vm_trace(vm, 0);
	unsigned n = 0;

	for (size_t i = 0; i < trace_ring_count(ring); i++) {
		const struct trace_event *e = trace_ring_get(ring, i);

		n += e->kind == kind && e->address == port ? e->repeats : 0;
	}
	return n;
}

Test(vm, rep_string_io_moves_the_data_not_the_port)
{
	/* "tickvm" out to the serial port by REP OUTSB, 4 bytes in by REP INSB from the probe port.
	 */
	static const uint8_t code[] = {
		0x66, 0xba, 0xf8, 0x03,       /* mov $0x3f8, %dx */
		0xbe, 0x4a, 0x00, 0x10, 0x00, /* mov $text, %esi */
		0xb9, 0x06, 0x00, 0x00, 0x00, /* mov $6, %ecx */
		0xfc, 0xf3, 0x6e,             /* cld; rep outsb */
		0xb0, 0x5a, 0xe6, 0xe0,       /* out 0x5a to the probe */
		0x66, 0xba, 0xe0, 0x00,       /* mov $0xe0, %dx */
		0xbf, 0x00, 0x00, 0x20, 0x00, /* mov $DATA, %edi */
		0xb9, 0x04, 0x00, 0x00, 0x00, /* mov $4, %ecx */
		0xf3, 0x6c,                   /* rep insb */
		0x30, 0xc0, 0xe6, 0xf4, 0xf4, /* exit 0 */
		't', 'i', 'c', 'k', 'v', 'm', /* text, at code + 0x2a */
	};
	struct vm_config config = quiet_config(IRQCHIP_SPLIT);
	struct vm_outcome outcome;
	char serial[] = "/tmp/tickvm-serial-XXXXXX", text[16] = "";
	const uint8_t *data;
	struct vm *vm;
	int fd = mkstemp(serial);

	REQUIRE_KVM();
	config.serial = SERIAL_FILE;
	config.serial_path = serial;
	vm = run_code(config, code, sizeof(code), &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT);
	data = vm_guest_memory(vm, DATA_GPA, 8);
	cr_expect_eq(memcmp(data, "\x5a\x5a\x5a\x5a\0\0\0\0", 8), 0);
	cr_expect_eq(elements(vm, EXIT_KIND_PIO_OUT, 0x3f8), 6);
	cr_expect_eq(elements(vm, EXIT_KIND_PIO_IN, 0xe0), 4);
	vm_destroy(vm);
	cr_expect_eq(read(fd, text, sizeof(text)), 6);
	cr_expect_str_eq(text, "tickvm");
	close(fd);
	unlink(serial);
}

EACH_IRQCHIP(triple_fault_is_a_crash_with_a_report)
{
	static const uint8_t code[] = {
		0xb0, 0x11, 0xe6, 0xe0, 0x0f, 0x0b}; /* out; ud2 without an IDT */
	struct vm_outcome outcome;
	struct vm *vm;

	REQUIRE_KVM();
	vm = run_code(quiet_config(*irqchip), code, sizeof(code), &outcome);
	cr_expect_eq(outcome.end, VM_END_CRASH);
	cr_assert_not_null(outcome.report);
	cr_expect_not_null(strstr(outcome.report, "triple fault"), "%s", outcome.report);
	/* Which bytes: not on SVM, where KVM resets the vCPU before it reports the shutdown. */
	cr_expect_not_null(strstr(outcome.report, "  code"), "%s", outcome.report);
	cr_expect_not_null(strstr(outcome.report, "rip"));
	cr_expect_not_null(
		strstr(outcome.report, "0xe0 size 1 value 0x11 (probe)"), "%s", outcome.report);
	vm_destroy(vm);
}

EACH_IRQCHIP(running_off_into_nothing_is_a_crash)
{
	/* out %al, $0xe0; jmp *0xe0000000 */
	static const uint8_t code[] = {
		0xb0, 0x11, 0xe6, 0xe0, 0xb8, 0x00, 0x00, 0x00, 0xe0, 0xff, 0xe0};
	struct vm_outcome outcome;
	struct vm *vm;

	REQUIRE_KVM();
	vm = run_code(quiet_config(*irqchip), code, sizeof(code), &outcome);
	cr_expect_eq(outcome.end, VM_END_CRASH);
	cr_assert_not_null(outcome.report);
	cr_expect_not_null(strstr(outcome.report, "rip 00000000e0000000"), "%s", outcome.report);
	cr_expect_not_null(strstr(outcome.report, "code (not in guest RAM)"), "%s", outcome.report);
	cr_expect_not_null(
		strstr(outcome.report, "0xe0 size 1 value 0x11 (probe)"), "%s", outcome.report);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_PIO_OUT, PORT_PROBE, "probe"), 1);
	vm_destroy(vm);
}

EACH_IRQCHIP(unknown_msr_is_a_general_protection_fault)
{
	/* Without an IDT the #GP becomes a triple fault: what counts is the exit before it. */
	static const uint8_t code[] = {
		0xb9, 0x45, 0x23, 0xc1, 0x00, 0x0f, 0x32, 0xf4}; /* rdmsr 0xc12345 */
	struct vm_outcome outcome;
	struct vm *vm;

	REQUIRE_KVM();
	vm = run_code(quiet_config(*irqchip), code, sizeof(code), &outcome);
	cr_expect_eq(outcome.end, VM_END_CRASH);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_RDMSR, 0xc12345, "unknown"), 1);
	vm_destroy(vm);
}

EACH_IRQCHIP(mmio_across_a_page_end_is_defined)
{
	/* A 4-byte load that begins 2 bytes before the probe's page ends: one half is the probe's,
	 * which has one register whatever the address, the other the dedicated timer's, which knows
	 * no such access. */
	static const uint8_t code[] = {
		0xc7,
		0x05,
		0x00,
		0x00,
		0xb0,
		0xfe,
		0x78,
		0x56,
		0x34,
		0x12, /* 0x12345678 to it */
		0xa1,
		0xfe,
		0x0f,
		0xb0,
		0xfe, /* mov 0xfeb00ffe, %eax */
		0xa3,
		0x00,
		0x00,
		0x20,
		0x00, /* mov %eax, DATA */
		0x30,
		0xc0,
		0xe6,
		0xf4,
		0xf4,
	};
	struct vm_outcome outcome;
	struct vm *vm;

	REQUIRE_KVM();
	vm = run_code(quiet_config(*irqchip), code, sizeof(code), &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT);
	cr_expect_eq(*(const uint32_t *)vm_guest_memory(vm, DATA_GPA, 4), 0xffff5678u);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_MMIO_READ, GPA_PROBE + 0xffe, "probe"), 1);
	cr_expect_eq(exits_of(vm, 0, EXIT_KIND_MMIO_READ, GPA_DEDICATED, "dedicated"), 1);
	vm_destroy(vm);
}

/* ---- ends from outside ---- */

/* Stores 1 to DATA; then halts with interrupts off, or spins. */
static const uint8_t halts[] = {
	0xfa, 0xc7, 0x05, 0x00, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00, 0x00, 0xf4, 0xeb, 0xfd};
static const uint8_t spins[] = {
	0xc7, 0x05, 0x00, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00, 0x00, 0xeb, 0xfe};

/* What never ends by itself ends at the timeout, and not before. */
static void expect_timeout(struct vm_config config, const uint8_t *code, size_t size)
{
	struct vm_outcome outcome;
	uint64_t begin;
	struct vm *vm;

	config.timeout_ns = 200000000;
	begin = clock_monotonic_ns();
	vm = run_code(config, code, size, &outcome);
	cr_expect_eq(outcome.end, VM_END_TIMEOUT);
	cr_expect_geq(clock_monotonic_ns() - begin, config.timeout_ns);
	vm_destroy(vm);
}

EACH_IRQCHIP(halted_for_ever_ends_at_the_timeout)
{
	REQUIRE_KVM();
	expect_timeout(quiet_config(*irqchip), halts, sizeof(halts));
}

EACH_IRQCHIP(spinning_for_ever_ends_at_the_timeout)
{
	struct vm_config config = quiet_config(*irqchip);

	REQUIRE_KVM();
	config.vcpus = 4;
	expect_timeout(config, spins, sizeof(spins));
}

/* Stops the guest when it is where it wants to stay. */
struct stopper {
	struct vm *vm;
	bool halts;
};

static void *stop_there(void *arg)
{
	const struct stopper *stopper = arg;
	struct vm *vm = stopper->vm;
	const uint32_t *there = vm_guest_memory(vm, DATA_GPA, sizeof(*there));

	while (!__atomic_load_n(there, __ATOMIC_ACQUIRE) ||
		(stopper->halts && !thread_sleeps(vm->vcpus[0].tid)))
		clock_sleep_until_ns(clock_monotonic_ns() + 1000000);
	vm_stop(vm);
	return NULL;
}

static void expect_stop(struct vm_config config, const uint8_t *code, size_t size, bool halting)
{
	struct stopper stopper = {create_code(config, code, size), halting};
	struct vm_outcome outcome;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, stop_there, &stopper), 0);
	run_created(stopper.vm, &outcome);
	pthread_join(thread, NULL);
	cr_expect_eq(outcome.end, VM_END_STOPPED);
	vm_destroy(stopper.vm);
}

EACH_IRQCHIP(stop_ends_a_halted_guest)
{
	REQUIRE_KVM();
	expect_stop(quiet_config(*irqchip), halts, sizeof(halts), true);
}

EACH_IRQCHIP(stop_ends_a_spinning_guest)
{
	REQUIRE_KVM();
	expect_stop(quiet_config(*irqchip), spins, sizeof(spins), false);
}

EACH_IRQCHIP(stop_before_the_run_ends_it_at_once)
{
	struct vm_config config = quiet_config(*irqchip);
	struct vm_outcome outcome;
	struct vm *vm;

	REQUIRE_KVM();
	config.vcpus = 4;
	vm = create_code(config, spins, sizeof(spins));
	vm_stop(vm);
	run_created(vm, &outcome);
	cr_expect_eq(outcome.end, VM_END_STOPPED);
	cr_expect_eq(vm_startup(vm).first_entry_tsc, 0);
	vm_destroy(vm);
}

EACH_IRQCHIP(a_vcpu_that_cannot_start_stops_those_that_have)
{
	struct vm_config config = quiet_config(*irqchip);
	struct vm_outcome outcome;
	struct diag diag = {.text = ""};
	struct vm *vm;

	REQUIRE_KVM();
	config.append = "test=timer source=tsc-poll interval_ns=1000000 count=100000";
	config.vcpus = 3;
	config.vcpu_cpu[2] = 1000;
	cr_assert_eq(vm_create(&vm, &config, &diag), 0, "%s", diag.text);
	cr_expect_lt(vm_run(vm, &outcome, &diag), 0);
	cr_expect_eq(outcome.end, VM_END_ERROR);
	cr_expect_not_null(strstr(diag.text, "CPU 1000"), "%s", diag.text);
	vm_destroy(vm);
}

static unsigned open_files(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/fd");

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

EACH_IRQCHIP(every_failed_creation_leaves_nothing_behind)
{
	struct vm_config good = quiet_config(*irqchip), bad[5];
	struct diag diag;
	struct vm *vm;
	unsigned before, n = sizeof(bad) / sizeof(bad[0]);

	REQUIRE_KVM();
	for (unsigned i = 0; i < n; i++)
		bad[i] = good;
	/* In the order of the stages at which they fail. */
	bad[0].mem_bytes = VM_MIN_MEM / 2;
	bad[1].kernel = "/nonexistent/kernel";
	bad[2].timer_cpu = 5000;
	bad[3].serial = SERIAL_FILE;
	bad[3].serial_path = "/nonexistent/serial";
	bad[4].vcpus = 3;
	bad[4].trace_events = SIZE_MAX / 2;
	before = open_files();
	for (unsigned i = 0; i < n; i++) {
		diag.text[0] = '\0';
		cr_expect_lt(vm_create(&vm, &bad[i], &diag), 0, "configuration %u", i);
		cr_expect_neq(diag.text[0], '\0', "configuration %u", i);
		cr_expect_eq(open_files(), before, "configuration %u", i);
	}
}

EACH_IRQCHIP(sixteen_vcpus_on_any_host)
{
	struct vm_config config = quiet_config(*irqchip);
	struct vm_outcome outcome;
	struct vm *vm;

	REQUIRE_KVM();
	config.vcpus = VM_MAX_VCPUS;
	config.append = "test=hello";
	vm = run_vm(&config, &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT);
	cr_expect_eq(outcome.status, 0);
	vm_destroy(vm);
}

EACH_IRQCHIP(the_largest_machine_has_room_for_all_its_devices)
{
	struct vm_config config = quiet_config(*irqchip);
	char disk[32];
	FILE *file = tmpfile();

	REQUIRE_KVM();
	cr_assert_eq(ftruncate(fileno(file), 1 << 20), 0);
	snprintf(disk, sizeof(disk), "/proc/self/fd/%d", fileno(file));
	config.vcpus = VM_MAX_VCPUS;
	config.dedicated_ioeventfd = true;
	config.disk_path = disk;
	vm_destroy(create_vm(&config));
	fclose(file);
}

Test(vm, bad_configurations_say_what_was_expected)
{
	struct vm_config config = quiet_config(IRQCHIP_KERNEL);
	struct diag diag;
	struct vm *vm;

	config.vcpus = 0;
	cr_expect_eq(vm_create(&vm, &config, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "expected 1 to 16"), "%s", diag.text);
	config.vcpus = VM_MAX_VCPUS + 1;
	cr_expect_eq(vm_create(&vm, &config, &diag), -EINVAL);
	config.vcpus = 1;
	config.quiet_window_ns = 1000;
	cr_expect_eq(vm_create(&vm, &config, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "split or user"), "%s", diag.text);
	config.quiet_window_ns = 0;
	config.kernel = "/nonexistent/kernel";
	REQUIRE_KVM();
	cr_expect_lt(vm_create(&vm, &config, &diag), 0);
	cr_expect_not_null(strstr(diag.text, "/nonexistent/kernel"), "%s", diag.text);
}

Test(vm, a_cpu_that_does_not_exist_is_refused)
{
	struct vm_config config = quiet_config(IRQCHIP_SPLIT);
	struct vm_outcome outcome;
	struct diag diag = {.text = ""};
	struct vm *vm;

	REQUIRE_KVM();
	config.append = "test=hello";
	config.vcpu_cpu[0] = 1000;
	cr_assert_eq(vm_create(&vm, &config, &diag), 0, "%s", diag.text);
	cr_expect_lt(vm_run(vm, &outcome, &diag), 0);
	cr_expect_eq(outcome.end, VM_END_ERROR);
	cr_expect_not_null(strstr(diag.text, "CPU 1000"), "%s", diag.text);
	vm_destroy(vm);
}

/* Which of them is the shorter only timing can show: tests/timing. */
Test(vm, bare_loop_and_startup_measure_something)
{
	struct diag diag = {.text = ""};
	uint64_t ticks = 0;
	int rc;

	REQUIRE_KVM();
	rc = vm_bare_exit_loop(1000, 5, &ticks, &diag);
	if (rc == -EAGAIN)
		cr_expect_not_null(strstr(diag.text, "too busy"), "%s", diag.text);
	else
		cr_expect(rc == 0 && ticks > 0, "%s", diag.text);
	ticks = 0;
	cr_assert_eq(vm_bare_transition(1000, 5, &ticks, &diag), 0, "%s", diag.text);
	cr_expect_gt(ticks, 0);
	ticks = 0;
	cr_assert_eq(vm_bare_startup(64 << 20, &ticks, &diag), 0, "%s", diag.text);
	cr_expect_gt(ticks, 0);
}

Test(vm, bare_loops_of_nothing_are_refused)
{
	struct diag diag = {.text = ""};
	uint64_t ticks;

	cr_expect_eq(vm_bare_exit_loop(0, 3, &ticks, &diag), -EINVAL);
	cr_expect_eq(vm_bare_exit_loop(3, 0, &ticks, &diag), -EINVAL);
	cr_expect_eq(vm_bare_transition(0, 3, &ticks, &diag), -EINVAL);
	cr_expect_eq(vm_bare_transition(3, 0, &ticks, &diag), -EINVAL);
	cr_expect_not_null(strstr(diag.text, "at least one"), "%s", diag.text);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk and the interrupt load's line as a guest sees them, on every interrupt back end. The
 * guests are assembled here, an instruction a function: a driver is mostly stores of constants. */
#include "guest_assembler.h"

#include "tickvm/clock.h"
#include "tickvm/virtio_blk.h"

#include <criterion/parameterized.h>

TestSuite(disk_vm, .timeout = WATCHDOG_S);

struct machine {
	enum irqchip_kind irqchip;
	bool level; /* of the IOAPIC's pin */
};
static struct machine machines[] = {{IRQCHIP_KERNEL, false}, {IRQCHIP_KERNEL, true},
	{IRQCHIP_SPLIT, false}, {IRQCHIP_SPLIT, true}, {IRQCHIP_USER, false}, {IRQCHIP_USER, true}};

#define EACH_MACHINE(name)                                                                         \
	ParameterizedTestParameters(disk_vm, name)                                                 \
	{                                                                                          \
		return cr_make_param_array(                                                        \
			struct machine, machines, sizeof(machines) / sizeof(machines[0]));         \
	}                                                                                          \
	ParameterizedTest(struct machine *machine, disk_vm, name)

enum {
	DESC = TEST_DATA,
	AVAIL = TEST_DATA + 0x1000,
	USED = TEST_DATA + 0x2000,
	HEADER = TEST_DATA + 0x3000,
	STATUS_BYTE = TEST_DATA + 0x4000,
	SECTOR_DATA = TEST_DATA + 0x7000,
};

/* VIRTIO 1.2, table 4.1. */
enum {
	DRIVER_FEATURES = 0x20,
	DRIVER_FEATURES_SEL = 0x24,
	QUEUE_NUM = 0x38,
	QUEUE_READY = 0x44,
	INTERRUPT_STATUS = 0x60,
	INTERRUPT_ACK = 0x64,
	STATUS = 0x70,
	QUEUE_DESC = 0x80,
	QUEUE_DRIVER = 0x90,
	QUEUE_DEVICE = 0xa0,
};
#define DISK(reg) ((uint32_t)GPA_DISK + (reg))

/* ---- a driver ---- */

static void start_disk(void)
{
	store(DISK(STATUS), 0);
	store(DISK(STATUS), 3);
	store(DISK(DRIVER_FEATURES_SEL), 0);
	store(DISK(DRIVER_FEATURES), 1u << 9); /* flush */
	store(DISK(DRIVER_FEATURES_SEL), 1);
	store(DISK(DRIVER_FEATURES), 1); /* version 1 */
	store(DISK(STATUS), 11);
	store(DISK(QUEUE_NUM), 64);
	store(DISK(QUEUE_DESC), DESC);
	store(DISK(QUEUE_DRIVER), AVAIL);
	store(DISK(QUEUE_DEVICE), USED);
	store(DISK(QUEUE_READY), 1);
	store(DISK(STATUS), 15);
}

static void descriptor(unsigned i, uint32_t gpa, uint32_t length, uint32_t flags, uint32_t next)
{
	store(DESC + 16 * i, gpa);
	store(DESC + 16 * i + 8, length);
	store(DESC + 16 * i + 12, flags | next << 16);
}

/* The n-th request, of one sector or a flush (type 4); its status byte is 0xee until it is done. */
static void request(unsigned n, uint32_t type, uint32_t sector)
{
	uint32_t writable = type == 0 ? 2 : 0, status = STATUS_BYTE + 4 * n;
	uint32_t slot = AVAIL + 4 + (n & ~1u) * 2;

	store(HEADER + 16 * n, type);
	store(HEADER + 16 * n + 8, sector);
	store(status, 0xee);
	descriptor(3 * n, HEADER + 16 * n, 16, 1, type == 4 ? 3 * n + 2 : 3 * n + 1);
	descriptor(3 * n + 1, SECTOR_DATA + 512 * n, 512, 1 | writable, 3 * n + 2);
	descriptor(3 * n + 2, status, 1, 2, 0);
	/* two entries of 16 bits, the older one again */
	store(slot, n & 1 ? 3 * (n - 1) | 3 * n << 16 : 3 * n);
	store(AVAIL, (n + 1) << 16);
	store(DISK(VIRTIO_BLK_NOTIFY), 0);
}

/* What the disk has to say is counted, and acknowledged. (A KVM that ends interrupts when it
 * delivers them delivers a level-triggered one twice, docs/architecture.md: the disk's status is 0
 * then, as a driver expects.) */
static void serve_disk(void)
{
	point_to(DISK(INTERRUPT_STATUS));
	EMIT("\x8b\x03"); /* mov (%ebx), %eax */
	point_to(DISK(INTERRUPT_ACK));
	EMIT("\x89\x03"); /* mov %eax, (%ebx) */
}

static void wait_interrupt_status(void)
{
	wait_for_bit(DISK(INTERRUPT_STATUS), 1);
	store(DISK(INTERRUPT_ACK), 1);
}

/* ---- images ---- */

static char image[64];

static void make_image(unsigned sectors)
{
	uint8_t sector[512];
	int fd;

	snprintf(image, sizeof(image), "/tmp/tickvm-disk-XXXXXX");
	fd = mkstemp(image);
	cr_assert_geq(fd, 0);
	for (unsigned i = 0; i < sectors; i++) {
		memset(sector, (int)(i + 1), sizeof(sector));
		cr_assert_eq(write(fd, sector, sizeof(sector)), 512);
	}
	close(fd);
}

static void expect_sector(unsigned n, int value)
{
	uint8_t want[512], got[512] = {0};
	int fd = open(image, O_RDONLY);

	memset(want, value, sizeof(want));
	cr_expect_eq(pread(fd, got, sizeof(got), 512 * n), 512);
	cr_expect_eq(memcmp(got, want, sizeof(got)), 0, "sector %u", n);
	close(fd);
}

static struct vm *run_disk(enum irqchip_kind irqchip, bool read_only, struct vm_outcome *outcome)
{
	struct vm_config config = quiet_config(irqchip);

	config.disk_path = image;
	config.disk_read_only = read_only;
	return run_code(config, code, size, outcome);
}

static uint8_t guest_byte(struct vm *vm, uint64_t gpa)
{
	const uint8_t *at = vm_guest_memory(vm, gpa, 1);

	cr_assert_not_null(at);
	return *at;
}

static uint32_t guest_word(struct vm *vm, uint64_t gpa)
{
	const uint32_t *at = vm_guest_memory(vm, gpa, 4);

	cr_assert_not_null(at);
	return *at;
}

/* ---- what the models counted ---- */

struct wanted {
	const char *device, *name;
	uint64_t value;
};

static void look_at_counter(void *ctx, const struct vm_device_counter *counter)
{
	struct wanted *wanted = ctx;

	if (!strcmp(counter->device, wanted->device) && !strcmp(counter->name, wanted->name))
		wanted->value += counter->value;
}

static uint64_t device_counter(struct vm *vm, const char *device, const char *name)
{
	struct wanted wanted = {device, name, 0};

	vm_device_counters(vm, look_at_counter, &wanted);
	return wanted.value;
}

/* ---- tests ---- */

EACH_MACHINE(reads_writes_and_flushes_by_interrupts)
{
	struct vm_outcome outcome;
	struct vm_disk_stats stats;
	struct vm *vm;

	REQUIRE_KVM();
	make_image(16);
	begin();
	take_interrupts(IRQ_DISK, machine->level, serve_disk);
	start_disk();
	request(0, 0, 3);
	wait_for_interrupts(1);
	for (unsigned i = 0; i < 128; i++)
		store(SECTOR_DATA + 512 + 4 * i, 0xabababab);
	request(1, 1, 5);
	wait_for_interrupts(2);
	request(2, 4, 0);
	wait_for_interrupts(3);
	request(3, 0, 16); /* behind the end */
	wait_for_interrupts(4);
	leave(0);
	vm = run_disk(machine->irqchip, false, &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT, "%s", outcome.report ? outcome.report : "");
	cr_expect_eq(outcome.status, 0);
	cr_expect_eq(guest_word(vm, COUNTER), 4);
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(guest_byte(vm, STATUS_BYTE + 4 * i), 0, "request %u", i);
	cr_expect_eq(guest_byte(vm, STATUS_BYTE + 12), 1);
	cr_expect_eq(guest_byte(vm, SECTOR_DATA), 4);
	cr_expect_eq(guest_byte(vm, SECTOR_DATA + 511), 4);
	expect_sector(4, 5);
	expect_sector(5, 0xab);
	expect_sector(6, 7);
	stats = vm_disk_stats(vm);
	cr_expect(stats.present);
	cr_expect_eq(stats.reads, 1);
	cr_expect_eq(stats.writes, 1);
	cr_expect_eq(stats.flushes, 1);
	cr_expect_eq(stats.bytes_read, 512);
	cr_expect_eq(stats.bytes_written, 512);
	cr_expect_eq(device_counter(vm, "virtio-blk", "reads"), 1);
	cr_expect_eq(device_counter(vm, "virtio-blk", "bytes_written"), 512);
	cr_expect_eq(device_counter(vm, "virtio-blk", "interrupts"), stats.interrupts);
	cr_expect_eq(stats.failed, 1);
	cr_expect_eq(stats.interrupts, 4);
	/* Notifications are KVM's; the acknowledgements are the device's exits. */
	cr_expect_eq(
		exits_of(vm, 0, EXIT_KIND_MMIO_WRITE, DISK(VIRTIO_BLK_NOTIFY), "virtio-blk"), 0);
	cr_expect_geq(exits_of(vm, 0, EXIT_KIND_MMIO_WRITE, DISK(INTERRUPT_ACK), "virtio-blk"), 4);
	vm_destroy(vm);
	unlink(image);
}

Test(disk_vm, nothing_is_written_to_a_read_only_disk)
{
	struct vm_outcome outcome;
	struct vm *vm;

	REQUIRE_KVM();
	make_image(16);
	begin();
	start_disk();
	request(0, 1, 5);
	wait_interrupt_status();
	request(1, 0, 5);
	wait_interrupt_status();
	leave(0);
	vm = run_disk(IRQCHIP_SPLIT, true, &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT, "%s", outcome.report ? outcome.report : "");
	cr_expect_eq(guest_byte(vm, STATUS_BYTE), 1);
	cr_expect_eq(guest_byte(vm, STATUS_BYTE + 4), 0);
	cr_expect_eq(guest_byte(vm, SECTOR_DATA + 512), 6);
	cr_expect_eq(vm_disk_stats(vm).writes, 0);
	vm_destroy(vm);
	expect_sector(5, 6);
	unlink(image);
}

Test(disk_vm, a_broken_ring_ends_the_disk_and_not_the_machine)
{
	struct vm_outcome outcome;
	struct vm *vm;

	REQUIRE_KVM();
	make_image(16);
	begin();
	start_disk();
	store(AVAIL, 1000u << 16);
	store(DISK(VIRTIO_BLK_NOTIFY), 0);
	wait_for_bit(DISK(STATUS), 64); /* needs reset */
	store(AVAIL, 0);
	start_disk();
	request(0, 0, 7);
	wait_interrupt_status();
	leave(42);
	vm = run_disk(IRQCHIP_SPLIT, false, &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT, "%s", outcome.report ? outcome.report : "");
	cr_expect_eq(outcome.status, 42);
	cr_expect_eq(vm_disk_stats(vm).broken, 1);
	cr_expect_eq(guest_byte(vm, SECTOR_DATA), 8);
	vm_destroy(vm);
	unlink(image);
}

Test(disk_vm, the_end_comes_with_requests_in_flight)
{
	struct vm_outcome outcome;
	struct vm *vm;

	REQUIRE_KVM();
	make_image(64);
	begin();
	start_disk();
	for (unsigned i = 0; i < 16; i++)
		request(i, 1, i);
	leave(0);
	vm = run_disk(IRQCHIP_SPLIT, false, &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT, "%s", outcome.report ? outcome.report : "");
	cr_expect_eq(vm_disk_stats(vm).bytes_written, 512 * vm_disk_stats(vm).writes);
	uint64_t done = 0;

	for (unsigned i = 0; i < 16; i++) {
		uint8_t status = guest_byte(vm, STATUS_BYTE + 4 * i);

		cr_expect(status == 0 || status == 0xee, "request %u: %u", i, status);
		done += status == 0;
		if (status == 0)
			expect_sector(i, 0);
	}
	cr_expect_eq(done, vm_disk_stats(vm).writes, "%ju done", (uintmax_t)done);
	vm_destroy(vm);
	unlink(image);
}

ParameterizedTestParameters(disk_vm, the_interrupt_load_comes_at_its_rate)
{
	static enum irqchip_kind kinds[] = {IRQCHIP_KERNEL, IRQCHIP_SPLIT, IRQCHIP_USER};

	return cr_make_param_array(enum irqchip_kind, kinds, IRQCHIP_KINDS);
}

/* At 1000 a second: at most, for those that a busy host misses are counted and not made up for. By
 * the clock that drives the line, from before it begins until after it has ended. */
ParameterizedTest(enum irqchip_kind *irqchip, disk_vm, the_interrupt_load_comes_at_its_rate)
{
	struct vm_config config = quiet_config(*irqchip);
	struct vm_outcome outcome;
	uint64_t begin_ns, due;
	struct vm *vm;

	REQUIRE_KVM();
	begin();
	take_interrupts(IRQ_LOAD, false, NULL);
	wait_for_interrupts(100);
	leave(0);
	config.irq_load_hz = 1000;
	begin_ns = clock_monotonic_ns();
	vm = run_code(config, code, size, &outcome);
	due = (clock_monotonic_ns() - begin_ns) / 1000000;
	cr_expect_eq(outcome.end, VM_END_EXIT, "%s", outcome.report ? outcome.report : "");
	cr_expect_eq(guest_word(vm, COUNTER), 100);
	cr_expect_geq(vm_irq_load_raised(vm), 100);
	cr_expect_leq(vm_irq_load_raised(vm) + vm_irq_load_missed(vm), due, "%ju were due",
		(uintmax_t)due);
	vm_destroy(vm);
}

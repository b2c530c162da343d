/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk and the nuisance line as a guest sees them, on every interrupt back end. The guests are
 * assembled here, an instruction a function: a driver is mostly stores of constants. */
#include "guest_code.h"

#include "tickvm/clock.h"
#include "tickvm/guest_abi.h"
#include "tickvm/virtio_blk.h"

#include <criterion/parameterized.h>

TestSuite(disk_vm, .timeout = 60);

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

/* ---- where a guest keeps what ---- */

enum {
	GDT = DATA_GPA,
	POINTER = DATA_GPA + 0xf00, /* for LGDT and LIDT */
	DESC = DATA_GPA + 0x1000,
	AVAIL = DATA_GPA + 0x2000,
	USED = DATA_GPA + 0x3000,
	HEADER = DATA_GPA + 0x4000,
	STATUS_BYTE = DATA_GPA + 0x5000,
	COUNTER = DATA_GPA + 0x6000,
	SECTOR_DATA = DATA_GPA + 0x8000,
	STACK = DATA_GPA + 0x20000,
	IDT = DATA_GPA + 0x21000,
};
#define VECTOR 0x40u

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

/* ---- the assembler: 32-bit, flat ---- */

static uint8_t code[8192];
static size_t size;

static void byte(unsigned value)
{
	cr_assert_lt(size, sizeof(code));
	code[size++] = (uint8_t)value;
}

static void bytes(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		byte((uint8_t)text[i]);
}
#define EMIT(text) bytes(text, sizeof(text) - 1)

static void word(uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		byte(value >> 8 * i & 0xff);
}

/* mov $address, %ebx */
static void point_to(uint32_t address)
{
	byte(0xbb);
	word(address);
}

/* movl $value, (%ebx) */
static void store(uint32_t address, uint32_t value)
{
	point_to(address);
	EMIT("\xc7\x03");
	word(value);
}

/* 1: testl $mask, (%ebx); jz 1b */
static void wait_for_bit(uint32_t address, uint32_t mask)
{
	point_to(address);
	EMIT("\xf7\x03");
	word(mask);
	EMIT("\x74\xf8");
}

/* mov $value, %al; out %al, $port */
static void out(uint8_t port, uint8_t value)
{
	byte(0xb0);
	byte(value);
	byte(0xe6);
	byte(port);
}

static void leave(uint8_t status)
{
	out(PORT_EXIT, status);
	byte(0xf4);
}

static uint32_t here(void)
{
	return CODE_GPA + 32 + (uint32_t)size;
}

/* ---- a driver ---- */

static void begin(void)
{
	size = 0;
}

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

static void wait_interrupt_status(void)
{
	wait_for_bit(DISK(INTERRUPT_STATUS), 1);
	store(DISK(INTERRUPT_ACK), 1);
}

/* ---- interrupts ---- */

/* Counts what the disk has to say, and acknowledges it; or counts interrupts. (A KVM that ends
 * interrupts when it delivers them delivers a level-triggered one twice, docs/architecture.md: the
 * disk's status is 0 then, as a driver expects.) What it changes is of no use to whom it
 * interrupts. */
static uint32_t emit_handler(unsigned line)
{
	uint32_t handler;
	size_t jump = size;

	EMIT("\xeb\x00"); /* jmp over it */
	handler = here();
	EMIT("\xb8\x01\x00\x00\x00"); /* mov $1, %eax */
	if (line == IRQ_DISK) {
		point_to(DISK(INTERRUPT_STATUS));
		EMIT("\x8b\x03"); /* mov (%ebx), %eax */
		point_to(DISK(INTERRUPT_ACK));
		EMIT("\x89\x03"); /* mov %eax, (%ebx) */
	}
	point_to(COUNTER);
	EMIT("\x01\x03"); /* add %eax, (%ebx) */
	store(GPA_LAPIC + 0xb0, 0);
	/* Back with interrupts off, without IRET, which cannot be emulated everywhere:
	 * mov (%esp), %eax; add $12, %esp; jmp *%eax */
	EMIT("\x8b\x04\x24\x83\xc4\x0c\xff\xe0");
	code[jump + 1] = (uint8_t)(size - jump - 2);
	return handler;
}

/* Pseudo-descriptor at POINTER for LGDT and LIDT; 16 bits of limit, 32 of base. */
static void point_table(const char *instruction, uint32_t base, uint32_t limit)
{
	store(POINTER, limit | base << 16);
	store(POINTER + 4, base >> 16);
	bytes(instruction, 3);
	word(POINTER);
}

static void load_tables(void)
{
	store(GDT + 0x10, 0x0000ffff);
	store(GDT + 0x14, 0x00cf9b00);
	store(GDT + 0x18, 0x0000ffff);
	store(GDT + 0x1c, 0x00cf9300);
	point_table("\x0f\x01\x15", GDT, 0x1f);
	point_table("\x0f\x01\x1d", IDT, 0x7ff);
	byte(0xea); /* ljmp $0x10 */
	word(here() + 6);
	EMIT("\x10\x00\x66\xb8\x18\x00\x8e\xd8\x8e\xd0\xbc"); /* %ds, %ss, %esp */
	word(STACK);
}

/* Interrupts of an ISA line through the IOAPIC are counted from now on. */
static void take_interrupts(unsigned line, bool level)
{
	uint32_t handler = emit_handler(line);

	store(IDT + 8 * VECTOR, (handler & 0xffff) | 0x10u << 16);
	store(IDT + 8 * VECTOR + 4, (handler & 0xffff0000) | 0x8e00);
	load_tables();
	out(0x21, 0xff); /* not through the PIC too */
	out(0xa1, 0xff);
	store(GPA_LAPIC + 0xf0, 0x1ff);
	store(GPA_IOAPIC, 0x11 + 2 * line);
	store(GPA_IOAPIC + 0x10, 0);
	store(GPA_IOAPIC, 0x10 + 2 * line);
	store(GPA_IOAPIC + 0x10, VECTOR | (level ? 1u << 15 : 0));
}

/* 1: cli; cmpl $n, COUNTER; jae 2f; sti; hlt; jmp 1b; 2: */
static void wait_for_interrupts(uint32_t n)
{
	byte(0xfa);
	point_to(COUNTER);
	EMIT("\x81\x3b");
	word(n);
	EMIT("\x73\x04\xfb\xf4\xeb\xee");
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

/* ---- tests ---- */

EACH_MACHINE(reads_writes_and_flushes_by_interrupts)
{
	struct vm_outcome outcome;
	struct vm_disk_stats stats;
	struct vm *vm;

	REQUIRE_KVM();
	make_image(16);
	begin();
	take_interrupts(IRQ_DISK, machine->level);
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
	for (unsigned i = 0; i < 16; i++)
		cr_expect_eq(guest_byte(vm, STATUS_BYTE + 4 * i),
			i < vm_disk_stats(vm).writes ? 0 : 0xee);
	vm_destroy(vm);
	unlink(image);
}

ParameterizedTestParameters(disk_vm, the_nuisance_line_interrupts_at_its_rate)
{
	static enum irqchip_kind kinds[] = {IRQCHIP_KERNEL, IRQCHIP_SPLIT, IRQCHIP_USER};

	return cr_make_param_array(enum irqchip_kind, kinds, IRQCHIP_KINDS);
}

ParameterizedTest(enum irqchip_kind *irqchip, disk_vm, the_nuisance_line_interrupts_at_its_rate)
{
	struct vm_config config = quiet_config(*irqchip);
	struct vm_outcome outcome;
	struct vm *vm;
	double seconds;

	REQUIRE_KVM();
	begin();
	take_interrupts(IRQ_NUISANCE, false);
	wait_for_interrupts(100);
	leave(0);
	config.nuisance_hz = 1000;
	vm = run_code(config, code, size, &outcome);
	cr_expect_eq(outcome.end, VM_END_EXIT, "%s", outcome.report ? outcome.report : "");
	cr_expect_geq(guest_word(vm, COUNTER), 100);
	cr_expect_geq(vm_nuisance_raised(vm), 100);
	seconds = (double)(vm_startup(vm).end_tsc - vm_startup(vm).create_tsc) /
		  (double)clock_tsc_hz();
	cr_expect_leq((double)(vm_nuisance_raised(vm) + vm_nuisance_missed(vm)), seconds * 1000 + 1,
		"in %f s", seconds);
	vm_destroy(vm);
}

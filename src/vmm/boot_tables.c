/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables by which a guest finds its CPUs and interrupt wiring: MP table (Intel MultiProcessor
 * Specification 1.4) and ACPI (6.4). They describe what vm.c wires and configure nothing. */
#include "load.h"

#include "tickvm/guest_abi.h"
#include "tickvm/vm.h"

#include <stddef.h>
#include <string.h>

#define LAPIC_VERSION 0x14
#define ISA_LINES     16
/* ISA line 0, the PIT, is wired to IOAPIC pin 2; line 2, the PIC cascade, to none. */
#define PIT_LINE     0
#define PIT_PIN      2
#define CASCADE_LINE 2

static uint8_t isa_pin(unsigned line)
{
	return line == PIT_LINE ? PIT_PIN : (uint8_t)line;
}

/* The byte that makes the sum of all size bytes 0. */
static uint8_t checksum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (uint8_t)-sum;
}

static void put(struct guest_memory *mem, uint64_t gpa, const void *data, size_t size)
{
	memcpy(memory_at(mem, gpa, size), data, size);
}

/* ---- MP table, chapter 4 ---- */

struct mp_pointer {
	char signature[4];
	uint32_t table;
	uint8_t length; /* in 16-byte units */
	uint8_t revision, checksum;
	uint8_t features[5];
};

struct mp_header {
	char signature[4];
	uint16_t length;
	uint8_t revision, checksum;
	char oem[8], product[12];
	uint32_t oem_table;
	uint16_t oem_table_size, entry_count;
	uint32_t lapic;
	uint16_t extended_length;
	uint8_t extended_checksum, reserved;
};

enum mp_entry_type { MP_PROCESSOR, MP_BUS, MP_IOAPIC, MP_IO_INTERRUPT, MP_LOCAL_INTERRUPT };

struct mp_processor {
	uint8_t type, apic_id, apic_version, flags;
	uint32_t signature, features;
	uint32_t reserved[2];
};
#define MP_PROCESSOR_ENABLED 1u
#define MP_PROCESSOR_BOOT    2u

struct mp_bus {
	uint8_t type, id;
	char name[6];
};

struct mp_ioapic {
	uint8_t type, id, version, flags;
	uint32_t address;
};
#define MP_IOAPIC_ENABLED 1u

struct mp_interrupt {
	uint8_t type, kind;
	uint16_t flags; /* 0: polarity and trigger as on the bus */
	uint8_t bus, line, apic, pin;
};
enum mp_interrupt_kind { MP_INT = 0, MP_NMI = 1, MP_EXTINT = 3 };
#define MP_ALL_LAPICS 0xff

struct mp_table {
	struct mp_header header;
	uint8_t entries[VM_MAX_VCPUS * sizeof(struct mp_processor) + sizeof(struct mp_bus) +
			sizeof(struct mp_ioapic) + (ISA_LINES + 2) * sizeof(struct mp_interrupt)];
};

_Static_assert(sizeof(struct mp_pointer) == 16, "MP 4.1");
_Static_assert(sizeof(struct mp_header) == 44, "MP 4.2");
_Static_assert(sizeof(struct mp_processor) == 20, "MP 4.3.1");
_Static_assert(sizeof(struct mp_bus) == 8, "MP 4.3.2");
_Static_assert(sizeof(struct mp_ioapic) == 8, "MP 4.3.3");
_Static_assert(sizeof(struct mp_interrupt) == 8, "MP 4.3.4");
_Static_assert(sizeof(struct mp_pointer) + sizeof(struct mp_table) <= BOOT_MP_BYTES, "it has room");

static void mp_append(struct mp_table *table, const void *entry, size_t size)
{
	size_t at = table->header.length - sizeof(table->header);

	memcpy(table->entries + at, entry, size);
	table->header.length = (uint16_t)(table->header.length + size);
	table->header.entry_count++;
}

static void mp_append_processors(struct mp_table *table, const struct boot_machine *machine)
{
	for (unsigned i = 0; i < machine->vcpus; i++) {
		const struct mp_processor processor = {
			.type = MP_PROCESSOR,
			.apic_id = (uint8_t)i,
			.apic_version = LAPIC_VERSION,
			.flags = MP_PROCESSOR_ENABLED | (i == 0 ? MP_PROCESSOR_BOOT : 0),
			.signature = machine->cpu_signature,
			.features = machine->cpu_features,
		};
		mp_append(table, &processor, sizeof(processor));
	}
}

static void mp_append_interrupts(struct mp_table *table, uint8_t ioapic_id)
{
	for (unsigned line = 0; line < ISA_LINES; line++) {
		if (line == CASCADE_LINE)
			continue;
		const struct mp_interrupt isa = {
			MP_IO_INTERRUPT, MP_INT, 0, 0, (uint8_t)line, ioapic_id, isa_pin(line)};
		mp_append(table, &isa, sizeof(isa));
	}
	/* The PIC's output reaches the boot CPU only; the NMI button all. */
	const struct mp_interrupt lint0 = {MP_LOCAL_INTERRUPT, MP_EXTINT, 0, 0, 0, 0, 0};
	const struct mp_interrupt lint1 = {MP_LOCAL_INTERRUPT, MP_NMI, 0, 0, 0, MP_ALL_LAPICS, 1};
	mp_append(table, &lint0, sizeof(lint0));
	mp_append(table, &lint1, sizeof(lint1));
}

void tables_write_mp(struct guest_memory *mem, const struct boot_layout *layout,
	const struct boot_machine *machine)
{
	const uint8_t ioapic_id =
		(uint8_t)machine->vcpus; /* APIC IDs are unique: the first after the CPUs' */
	const struct mp_bus bus = {MP_BUS, 0, {'I', 'S', 'A', ' ', ' ', ' '}};
	const struct mp_ioapic ioapic = {
		MP_IOAPIC, ioapic_id, machine->ioapic_version, MP_IOAPIC_ENABLED, GPA_IOAPIC};
	struct mp_table table = {
		.header =
			{
				.signature = {'P', 'C', 'M', 'P'},
				.length = sizeof(struct mp_header),
				.revision = 4,
				.oem = {'T', 'I', 'C', 'K', 'V', 'M', ' ', ' '},
				.product = {'T', 'I', 'C', 'K', 'V', 'M', ' ', ' ', ' ', ' ', ' ',
					' '},
				.lapic = GPA_LAPIC,
			},
	};

	mp_append_processors(&table, machine);
	mp_append(&table, &bus, sizeof(bus));
	mp_append(&table, &ioapic, sizeof(ioapic));
	mp_append_interrupts(&table, ioapic_id);
	table.header.checksum = checksum(&table, table.header.length);

	struct mp_pointer pointer = {
		.signature = {'_', 'M', 'P', '_'},
		.table = (uint32_t)(layout->mp + sizeof(pointer)),
		.length = 1,
		.revision = 4,
	};
	pointer.checksum = checksum(&pointer, sizeof(pointer));

	const uint16_t segment = (uint16_t)(layout->ebda >> 4);
	if (layout->ebda)
		put(mem, BOOT_EBDA_WORD_GPA, &segment, sizeof(segment));
	put(mem, layout->mp, &pointer, sizeof(pointer));
	put(mem, layout->mp + sizeof(pointer), &table, table.header.length);
}

/* ---- ACPI, chapter 5 ---- */

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
};

struct acpi_rsdt {
	struct acpi_header header;
	uint32_t tables[2];
};

struct acpi_xsdt {
	struct acpi_header header;
	uint64_t tables[2];
} __attribute__((packed));

/* Only what a hardware-reduced machine has to say; the gaps are registers it does not have. */
struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_control, dsdt;
	uint8_t gap1[109 - 44];
	uint16_t boot_architecture;
	uint8_t gap2;
	uint32_t flags;
	uint8_t gap3[131 - 116];
	uint8_t minor_revision;
	uint64_t x_firmware_control, x_dsdt;
	uint8_t gap4[276 - 148];
} __attribute__((packed));
#define FADT_LEGACY_DEVICES   (1u << 0)
#define FADT_NO_VGA           (1u << 2)
#define FADT_NO_CMOS_RTC      (1u << 5)
#define FADT_WBINVD           (1u << 0)
#define FADT_NO_POWER_BUTTON  (1u << 4)
#define FADT_NO_SLEEP_BUTTON  (1u << 5)
#define FADT_NO_RTC_WAKE      (1u << 6)
#define FADT_HARDWARE_REDUCED (1u << 20)

struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic, flags;
	uint8_t entries[VM_MAX_VCPUS * 8 + 12 + 10 + 6];
};
#define MADT_PCAT_COMPAT 1u /* there is a PIC pair to mask */

enum madt_type { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_NMI = 4 };

struct madt_lapic {
	uint8_t type, length, processor, apic_id;
	uint32_t flags;
};
#define MADT_LAPIC_ENABLED 1u

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi_base;
};

struct madt_override {
	uint8_t type, length, bus, line;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct madt_lapic_nmi {
	uint8_t type, length, processor;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));
#define MADT_ALL_PROCESSORS 0xff

_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 5.2.5.3");
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");
_Static_assert(sizeof(struct acpi_xsdt) == 52, "ACPI 5.2.8");
_Static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt, boot_architecture) == 109, "ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt, flags) == 112, "ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_madt, entries) == 44, "ACPI 5.2.12");
_Static_assert(sizeof(struct madt_lapic) == 8, "ACPI 5.2.12.2");
_Static_assert(sizeof(struct madt_ioapic) == 12, "ACPI 5.2.12.3");
_Static_assert(sizeof(struct madt_override) == 10, "ACPI 5.2.12.5");
_Static_assert(sizeof(struct madt_lapic_nmi) == 6, "ACPI 5.2.12.7");

/* Where each table goes behind the RSDP, through which all are found. */
#define XSDT_AT 0x040
#define RSDT_AT 0x080
#define DSDT_AT 0x0c0
#define FADT_AT 0x100
#define MADT_AT 0x240

_Static_assert(FADT_AT + sizeof(struct acpi_fadt) <= MADT_AT, "tables do not overlap");
_Static_assert(MADT_AT + sizeof(struct acpi_madt) <= BOOT_ACPI_BYTES, "they have room");

static struct acpi_header acpi_header(const char *signature, uint8_t revision, size_t length)
{
	struct acpi_header header = {
		.length = (uint32_t)length,
		.revision = revision,
		.oem = {'T', 'I', 'C', 'K', 'V', 'M'},
		.oem_table = {'T', 'I', 'C', 'K', 'V', 'M', ' ', ' '},
		.oem_revision = 1,
		.creator = {'T', 'K', 'V', 'M'},
		.creator_revision = 1,
	};

	memcpy(header.signature, signature, sizeof(header.signature));
	return header;
}

/* Every table begins with its header: fills in the checksum there. */
static void acpi_put(struct guest_memory *mem, uint64_t gpa, void *table)
{
	struct acpi_header header;

	memcpy(&header, table, sizeof(header));
	header.checksum = checksum(table, header.length);
	memcpy(table, &header, sizeof(header));
	put(mem, gpa, table, header.length);
}

static void madt_append(struct acpi_madt *madt, const void *entry, size_t size)
{
	size_t at = madt->header.length - offsetof(struct acpi_madt, entries);

	memcpy(madt->entries + at, entry, size);
	madt->header.length += (uint32_t)size;
}

static void write_madt(struct guest_memory *mem, uint64_t rsdp, unsigned vcpus)
{
	const struct madt_ioapic ioapic = {
		MADT_IOAPIC, sizeof(ioapic), (uint8_t)vcpus, 0, GPA_IOAPIC, 0};
	const struct madt_override pit = {MADT_OVERRIDE, sizeof(pit), 0, PIT_LINE, PIT_PIN, 0};
	const struct madt_lapic_nmi nmi = {MADT_LAPIC_NMI, sizeof(nmi), MADT_ALL_PROCESSORS, 0, 1};
	struct acpi_madt madt = {
		.header = acpi_header("APIC", 5, offsetof(struct acpi_madt, entries)),
		.lapic = GPA_LAPIC,
		.flags = MADT_PCAT_COMPAT,
	};

	for (unsigned i = 0; i < vcpus; i++) {
		const struct madt_lapic lapic = {
			MADT_LAPIC, sizeof(lapic), (uint8_t)i, (uint8_t)i, MADT_LAPIC_ENABLED};
		madt_append(&madt, &lapic, sizeof(lapic));
	}
	madt_append(&madt, &ioapic, sizeof(ioapic));
	madt_append(&madt, &pit, sizeof(pit));
	madt_append(&madt, &nmi, sizeof(nmi));
	acpi_put(mem, rsdp + MADT_AT, &madt);
}

/* No PM registers, no SMI command port, no SCI: the hardware-reduced kind of machine (ACPI 4.1). */
static void write_fadt(struct guest_memory *mem, uint64_t rsdp)
{
	struct acpi_header dsdt =
		acpi_header("DSDT", 2, sizeof(dsdt)); /* no AML: no devices to name */
	struct acpi_fadt fadt = {
		.header = acpi_header("FACP", 6, sizeof(fadt)),
		.dsdt = (uint32_t)rsdp + DSDT_AT,
		.boot_architecture = FADT_LEGACY_DEVICES | FADT_NO_VGA | FADT_NO_CMOS_RTC,
		.flags = FADT_WBINVD | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
			 FADT_NO_RTC_WAKE | FADT_HARDWARE_REDUCED,
		.minor_revision = 4,
		.x_dsdt = rsdp + DSDT_AT,
	};

	acpi_put(mem, rsdp + DSDT_AT, &dsdt);
	acpi_put(mem, rsdp + FADT_AT, &fadt);
}

void tables_write_acpi(struct guest_memory *mem, const struct boot_layout *layout,
	const struct boot_machine *machine)
{
	uint64_t at = layout->acpi;
	uint32_t fadt = (uint32_t)at + FADT_AT, madt = (uint32_t)at + MADT_AT;
	struct acpi_rsdt rsdt = {acpi_header("RSDT", 1, sizeof(rsdt)), {fadt, madt}};
	struct acpi_xsdt xsdt = {acpi_header("XSDT", 1, sizeof(xsdt)), {fadt, madt}};
	struct acpi_rsdp rsdp = {
		.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
		.oem = {'T', 'I', 'C', 'K', 'V', 'M'},
		.revision = 2,
		.rsdt = (uint32_t)at + RSDT_AT,
		.length = sizeof(rsdp),
		.xsdt = at + XSDT_AT,
	};

	write_madt(mem, at, machine->vcpus);
	write_fadt(mem, at);
	acpi_put(mem, at + RSDT_AT, &rsdt);
	acpi_put(mem, at + XSDT_AT, &xsdt);
	rsdp.checksum = checksum(&rsdp, offsetof(struct acpi_rsdp, length));
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	put(mem, at, &rsdp, sizeof(rsdp));
}

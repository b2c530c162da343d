/* SPDX-License-Identifier: BSD-2-Clause */
/* The MP table and the ACPI tables, found and parsed as a guest would: by signature, checksum and
 * byte offset. Offsets are those of the specifications, not of the code's structures. */
#include "../../src/vmm/load.h"

#include <criterion/criterion.h>
#include <string.h>

#define SIZE (4U << 20)

static uint8_t ram[SIZE];
static struct guest_memory mem = {ram, SIZE};
static const struct boot_layout layout = {
	.ebda = BOOT_EBDA_GPA, .mp = BOOT_EBDA_GPA, .acpi = 0xe0000};

static uint32_t u16(uint64_t at)
{
	return ram[at] | (uint32_t)ram[at + 1] << 8;
}

static uint32_t u32(uint64_t at)
{
	return u16(at) | u16(at + 2) << 16;
}

static uint64_t u64(uint64_t at)
{
	return u32(at) | (uint64_t)u32(at + 4) << 32;
}

static bool sums_to_zero(uint64_t at, uint64_t size)
{
	uint8_t sum = 0;

	for (uint64_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + ram[at + i]);
	return sum == 0;
}

/* Like a guest: on a 16-byte boundary of a range. 0: absent. */
static uint64_t find(const char *signature, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at += 16)
		if (memcmp(ram + at, signature, strlen(signature)) == 0)
			return at;
	return 0;
}

/* MP 4: the first KiB of the EBDA, whose segment is at 40:0e. */
static uint64_t find_mp_table(void)
{
	uint64_t ebda = (uint64_t)u16(0x40e) << 4;
	uint64_t pointer = find("_MP_", ebda, ebda + 1024);

	cr_assert_eq(ebda, BOOT_EBDA_GPA);
	cr_assert_neq(pointer, 0);
	cr_assert_eq(ram[pointer + 8], 1, "length in paragraphs");
	cr_assert_eq(ram[pointer + 9], 4, "revision 1.4");
	cr_assert(sums_to_zero(pointer, 16));
	cr_assert_eq(ram[pointer + 11], 0, "a configuration table is present");
	cr_assert_eq(ram[pointer + 12], 0, "virtual wire mode, no IMCR");
	return u32(pointer + 4);
}

/* Of a machine with that many CPUs. */
static struct boot_machine machine(unsigned vcpus)
{
	return (struct boot_machine){.vcpus = vcpus,
		.ioapic_version = 0x20,
		.cpu_signature = 0x00a20f12,
		.cpu_features = 0x178bfbff};
}

struct mp_seen {
	unsigned processors, boot_processors, buses, ioapics, isa, extint, nmi;
	uint32_t apic_ids; /* a bit for each */
	uint8_t ioapic_id;
	uint32_t lines; /* ISA lines with an entry */
	uint8_t pin_of[16];
};

static void see_interrupt(struct mp_seen *seen, uint64_t at)
{
	cr_assert_eq(ram[at + 1], 0, "INT");
	cr_assert_eq(u16(at + 2), 0, "polarity and trigger conform to the bus");
	cr_assert_eq(ram[at + 4], 0, "the ISA bus");
	cr_assert_lt(ram[at + 5], 16);
	cr_assert_eq(ram[at + 6], seen->ioapic_id);
	cr_assert_not(seen->lines & 1u << ram[at + 5], "line %u twice", ram[at + 5]);
	seen->lines |= 1u << ram[at + 5];
	seen->pin_of[ram[at + 5]] = ram[at + 7];
	seen->isa++;
}

static void see_local(struct mp_seen *seen, uint64_t at)
{
	if (ram[at + 1] == 3) { /* ExtINT: LINT0 of the boot CPU */
		cr_assert_eq(ram[at + 6], 0);
		cr_assert_eq(ram[at + 7], 0);
		seen->extint++;
	} else { /* NMI: LINT1 of all */
		cr_assert_eq(ram[at + 1], 1);
		cr_assert_eq(ram[at + 6], 0xff);
		cr_assert_eq(ram[at + 7], 1);
		seen->nmi++;
	}
}

static void see_processor(struct mp_seen *seen, uint64_t at)
{
	cr_assert_eq(ram[at + 1], seen->processors, "APIC ID = vCPU index");
	seen->apic_ids |= 1u << ram[at + 1];
	cr_assert(ram[at + 3] & 1, "enabled");
	seen->boot_processors += ram[at + 3] >> 1 & 1;
	cr_assert_eq(ram[at + 3] >> 1 & 1, ram[at + 1] == 0, "vCPU 0 is the boot CPU");
	cr_assert_eq(ram[at + 2], 0x14, "bits 0 to 7 of the LAPIC's version register");
	cr_assert_eq(u32(at + 4), 0x00a20f12, "CPUID's signature (MP 4.3.1)");
	cr_assert_eq(u32(at + 8), 0x178bfbff, "CPUID's features");
	seen->processors++;
}

static struct mp_seen parse_mp(unsigned vcpus)
{
	struct mp_seen seen = {0};

	const struct boot_machine of = machine(vcpus);

	tables_write_mp(&mem, &layout, &of);
	uint64_t table = find_mp_table(), at = table + 44, end = table + u16(table + 4);
	unsigned entries = 0, last_type = 0;

	cr_assert_eq(memcmp(ram + table, "PCMP", 4), 0);
	cr_assert(sums_to_zero(table, u16(table + 4)));
	cr_assert_eq(ram[table + 6], 4);
	cr_assert_eq(u32(table + 36), 0xfee00000u);
	cr_assert_leq(end, 0xa0000, "within the EBDA");
	while (at < end) {
		uint8_t type = ram[at];
		cr_assert_geq(type, last_type, "entries are in ascending order");
		last_type = type;
		if (type == 0) {
			see_processor(&seen, at);
		} else if (type == 1) {
			cr_assert_eq(memcmp(ram + at + 2, "ISA   ", 6), 0);
			seen.buses++;
		} else if (type == 2) {
			seen.ioapic_id = ram[at + 1];
			cr_assert_eq(ram[at + 2], 0x20,
				"bits 0 to 7 of the version register (MP 4.3.3)");
			cr_assert(ram[at + 3] & 1, "enabled");
			cr_assert_eq(u32(at + 4), 0xfec00000u);
			seen.ioapics++;
		} else if (type == 3) {
			see_interrupt(&seen, at);
		} else {
			cr_assert_eq(type, 4);
			see_local(&seen, at);
		}
		at += type == 0 ? 20 : 8;
		entries++;
	}
	cr_assert_eq(at, end);
	cr_assert_eq(entries, u16(table + 34));
	return seen;
}

static void check_mp(unsigned vcpus)
{
	struct mp_seen seen = parse_mp(vcpus);

	cr_assert_eq(seen.processors, vcpus);
	cr_assert_eq(seen.boot_processors, 1);
	cr_assert_eq(seen.buses, 1);
	cr_assert_eq(seen.ioapics, 1);
	cr_assert_not(seen.apic_ids & 1u << seen.ioapic_id, "the IOAPIC's ID is its own");
	cr_assert_eq(seen.lines, 0xfffb, "all lines but the cascade");
	for (unsigned line = 0; line < 16; line++)
		if (line != 2)
			cr_assert_eq(seen.pin_of[line], line == 0 ? 2 : line);
	cr_assert_eq(seen.extint, 1);
	cr_assert_eq(seen.nmi, 1);
}

Test(boot_tables, mp_one_cpu)
{
	check_mp(1);
}

Test(boot_tables, mp_two_cpus)
{
	check_mp(2);
}

Test(boot_tables, mp_sixteen_cpus)
{
	check_mp(16);
}

static uint64_t check_acpi_table(uint64_t at, const char *signature)
{
	uint32_t length = u32(at + 4);

	cr_assert_eq(memcmp(ram + at, signature, 4), 0, "%.4s, not %s", ram + at, signature);
	cr_assert_geq(length, 36);
	cr_assert_leq(at + length, 0x100000);
	cr_assert(sums_to_zero(at, length), "%s", signature);
	return at;
}

struct acpi_seen {
	uint64_t fadt, madt;
};

static struct acpi_seen parse_acpi(unsigned vcpus)
{
	const struct boot_machine of = machine(vcpus);

	tables_write_acpi(&mem, &layout, &of);
	/* ACPI 5.2.5.1: on a 16-byte boundary between E0000 and FFFFF. */
	uint64_t rsdp = find("RSD PTR ", 0xe0000, 0x100000);

	cr_assert_eq(rsdp, layout.acpi);
	cr_assert(sums_to_zero(rsdp, 20));
	cr_assert_eq(ram[rsdp + 15], 2, "revision");
	cr_assert_eq(u32(rsdp + 20), 36);
	cr_assert(sums_to_zero(rsdp, 36));

	uint64_t rsdt = check_acpi_table(u32(rsdp + 16), "RSDT");
	uint64_t xsdt = check_acpi_table(u64(rsdp + 24), "XSDT");
	cr_assert_eq(u32(rsdt + 4), 36 + 2 * 4);
	cr_assert_eq(u32(xsdt + 4), 36 + 2 * 8);
	for (uint64_t i = 0; i < 2; i++)
		cr_assert_eq(u32(rsdt + 36 + 4 * i), u64(xsdt + 36 + 8 * i));
	return (struct acpi_seen){
		check_acpi_table(u64(xsdt + 36), "FACP"), check_acpi_table(u64(xsdt + 44), "APIC")};
}

static void check_madt(unsigned vcpus)
{
	uint64_t madt = parse_acpi(vcpus).madt, at = madt + 44, end = madt + u32(madt + 4);
	unsigned lapics = 0, ioapics = 0, overrides = 0, nmis = 0;

	cr_assert_eq(u32(madt + 36), 0xfee00000u);
	cr_assert_eq(u32(madt + 40), 1, "PCAT_COMPAT");
	while (at < end) {
		uint8_t type = ram[at], length = ram[at + 1];
		if (type == 0) {
			cr_assert_eq(length, 8);
			cr_assert_eq(ram[at + 3], lapics, "APIC ID = vCPU index");
			cr_assert_eq(u32(at + 4), 1, "enabled");
			lapics++;
		} else if (type == 1) {
			cr_assert_eq(length, 12);
			cr_assert_geq(ram[at + 2], vcpus, "the IOAPIC's ID is its own");
			cr_assert_eq(u32(at + 4), 0xfec00000u);
			cr_assert_eq(u32(at + 8), 0, "GSI base");
			ioapics++;
		} else if (type == 2) {
			cr_assert_eq(length, 10);
			cr_assert_eq(ram[at + 2], 0, "ISA");
			cr_assert_eq(ram[at + 3], 0, "IRQ 0");
			cr_assert_eq(u32(at + 4), 2, "GSI 2");
			cr_assert_eq(u16(at + 8), 0, "conforms");
			overrides++;
		} else {
			cr_assert_eq(type, 4);
			cr_assert_eq(length, 6);
			cr_assert_eq(ram[at + 2], 0xff, "all processors");
			cr_assert_eq(u16(at + 3), 0);
			cr_assert_eq(ram[at + 5], 1, "LINT1");
			nmis++;
		}
		at += length;
	}
	cr_assert_eq(at, end);
	cr_assert_eq(lapics, vcpus);
	cr_assert_eq(ioapics, 1);
	cr_assert_eq(overrides, 1);
	cr_assert_eq(nmis, 1);
}

Test(boot_tables, madt_one_cpu)
{
	check_madt(1);
}

Test(boot_tables, madt_two_cpus)
{
	check_madt(2);
}

Test(boot_tables, madt_sixteen_cpus)
{
	check_madt(16);
}

Test(boot_tables, fadt_is_a_hardware_reduced_machine)
{
	uint64_t fadt = parse_acpi(1).fadt;

	cr_assert_eq(u32(fadt + 4), 276);
	cr_assert_eq(ram[fadt + 8], 6, "revision");
	cr_assert_eq(ram[fadt + 131], 4, "minor revision");
	cr_assert(u32(fadt + 112) & 1u << 20, "HW_REDUCED_ACPI");
	cr_assert(u32(fadt + 112) & 1u, "WBINVD works");
	cr_assert_eq(u16(fadt + 109), 0x25, "legacy devices, no VGA, no CMOS RTC");
	cr_assert_eq(u32(fadt + 48), 0, "SMI_CMD");
	cr_assert_eq(u32(fadt + 56), 0, "PM1a_EVT_BLK");
	cr_assert_eq(u32(fadt + 76), 0, "PM_TMR_BLK");
	cr_assert_eq(u32(fadt + 40), u64(fadt + 140), "DSDT and X_DSDT");
	uint64_t dsdt = check_acpi_table(u64(fadt + 140), "DSDT");
	cr_assert_eq(u32(dsdt + 4), 36, "no AML");
}

Test(boot_tables, both_tables_name_the_ioapic_alike)
{
	struct mp_seen mp = parse_mp(3);
	uint64_t ioapic = parse_acpi(3).madt + 44 + 24; /* behind three CPUs */

	cr_assert_eq(ram[ioapic], 1);
	cr_assert_eq(ram[ioapic + 2], mp.ioapic_id);
}

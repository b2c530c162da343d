/* SPDX-License-Identifier: BSD-2-Clause */
/* Published figures: every row is there, under our names, as printed. */
#include "tickvm/hyperbench.h"
#include "tickvm/report.h"

#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

static const struct reference_row *row(const char *name)
{
	size_t n;
	const struct reference_row *rows = reference_hyperbench(&n);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	cr_assert_fail("no row %s", name);
	return NULL;
}

Test(reference, has_the_sixteen_rows_under_our_names)
{
#define NAME(id, name, category, min, max, levels, level) name,
	static const char *const ours[] = {HYPERBENCH_ROWS(NAME)};
	size_t n;

	reference_hyperbench(&n);
	cr_assert_eq(n, 16);
	for (size_t i = 0; i < HYPERBENCH_COUNT; i++) {
		if (strcmp(ours[i], "ipi-running") != 0) /* the paper's IPI is to a halted CPU */
			row(ours[i]);
	}
}

Test(reference, figures_are_those_printed)
{
	cr_expect_eq(row("idle")->host, -1684);
	cr_expect_eq(row("idle")->xen, -3256);
	cr_expect_eq(row("ipi-halted")->qemu_tcg, 128486744);
	cr_expect_eq(row("set-page-table")->kvm_spt, 185716972);
	cr_expect_eq(row("print")->host, 84397);
	cr_expect_eq(row("print")->xen, 2113049);
	cr_expect_eq(row("set-cr3")->kvm_ept, 297);
}

Test(reference, what_was_not_published_is_no_number)
{
	cr_expect(isnan(row("hypercall")->host));
	cr_expect(isnan(row("hypercall")->qemu_tcg));
	cr_expect_eq(row("hypercall")->kvm_ept, 1470);
}

Test(reference, asked_twice_is_the_same)
{
	size_t first, second;

	cr_expect_eq(reference_hyperbench(&first), reference_hyperbench(&second));
	cr_expect_eq(first, second);
}

static const struct reference_interval *interval(
	unsigned interval_us, const char *load, const char *system)
{
	size_t n;
	const struct reference_interval *rows = reference_adamczyk(&n);

	cr_assert_eq(n, 62);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].interval_us == interval_us && strcmp(rows[i].load, load) == 0 &&
			strcmp(rows[i].system, system) == 0)
			return &rows[i];
	}
	cr_assert_fail("%u us, %s, %s is not there", interval_us, load, system);
	return NULL;
}

Test(reference, table_1_of_adamczyk_and_chydzinski)
{
	const struct reference_interval *row = interval(50, "io", "native Xen");

	cr_expect_float_eq(row->mean, 54.214, 1e-9);
	cr_expect_float_eq(row->sd, 17.628, 1e-9);
	cr_expect_float_eq(row->ci99_low, 53.694, 1e-9);
	cr_expect_float_eq(row->ci99_high, 54.735, 1e-9);
	cr_expect_float_eq(interval(10, "idle", "Linux kernel")->mean, 10.076, 1e-9);
	cr_expect_float_eq(interval(150, "io", "VMWare")->sd, 10026, 1e-9);
	for (size_t i = 0; i < 7; i++) {
		static const char *const systems[] = {"VMWare", "VirtualBox", "Qemu", "KVM",
			"native Xen", "new timers", "Linux kernel"};

		interval(150, "idle", systems[i]);
		interval(10, "io", systems[i]);
	}
}

Test(reference, table_2_of_adamczyk_and_chydzinski)
{
	cr_expect_float_eq(interval(10, "cpu:30", "new timers")->mean, 10.039, 1e-9);
	cr_expect_float_eq(interval(10, "cpu:100", "native Xen")->sd, 0.313, 1e-9);
	cr_expect(isnan(interval(10, "cpu:60", "new timers")->ci99_low));
}

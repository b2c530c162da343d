/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm-results/1 converted: names of metrics into axes, rounds of sweeps, and what is not known.
 */
#include "../../src/data/results_1_names.h"
#include "tickvm/document.h"
#include "tickvm/word.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define N(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

static void say_at(const struct name_parsed *parsed, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; parsed->form->words[i].axis != NULL && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s=%s", i > 0 ? " " : "",
			parsed->form->words[i].axis, parsed->at[i].text);
}

Test(results_1, names_are_axes)
{
	static const struct {
		const char *name, *dataset, *figure, *at;
	} cases[] = {
		{"timer/dedicated/100us/p99", "timer.lateness", "p99",
			"source=dedicated quiet-window=off residual=off interval=100000 "
			"mode=oneshot wait=hlt arm=mmio load=idle vcpus=1 vms=1"},
		{"timer/dedicated+quiet+residual/12.5us/deadline/user/shared/cpu:30/vcpus2/vms64/"
		 "over-50us",
			"timer.lateness", "over-50us",
			"source=dedicated quiet-window=on residual=on interval=12500 "
			"mode=deadline wait=user arm=shared load=cpu:30 vcpus=2 vms=64"},
		{"timer/kvm-pit+residual/150us/io/mean", "timer.lateness", "mean",
			"source=kvm-pit quiet-window=off residual=on interval=150000 "
			"mode=oneshot wait=hlt arm=mmio load=io vcpus=1 vms=1"},
		{"exits/split/pio-out", "exits.cost", "round-trip", "irqchip=split kind=pio-out"},
		{"ipi/user/x2apic/hlt/one-way/p50", "ipi.latency", "p50",
			"irqchip=user apic=x2apic wait=hlt what=one-way"},
		{"startup/bare/rss", "startup.start", "rss", "start=bare"},
		{"scale/vms16/p99", "scale.lateness", "p99", "vms=16"},
		{"hyperbench/set-cr3/cpl0/pin-0,1", "hyperbench.rows", "cycles",
			"row=set-cr3 cpl=0 pin=0,1"},
		{"native/hot-memory", "native.rows", "cycles", "row=hot-memory"},
		{"memory/guest/2m/huge/vcpus2/first-touch", "memory.first-touch", "first-touch",
			"side=guest pages=2m backing=huge vcpus=2"},
		{"memory/native/huge/vcpus1/read/4096B", "memory.bandwidth", "bandwidth",
			"side=native pages=- backing=huge vcpus=1 op=read bytes=4096"},
		{"linpack/guest/n500/threads2/avx2", "linpack.speed", "speed",
			"side=guest n=500 vcpus=2 simd=avx2"},
		{"ctx/native/contexts16/stride64/set65536/p50", "ctx.switch", "p50",
			"side=native contexts=16 stride=64 set=65536"},
		{"disk/guest/random-read/64M/4K", "disk.throughput", "throughput",
			"side=guest op=random-read file=67108864 record=4096"},
		{"tune/3/cpu", "tune.points", "cpu", "point=3"},
	};

	for (size_t i = 0; i < N(cases); i++) {
		struct name_parsed parsed;
		char at[300];

		cr_assert(name_parse(cases[i].name, &parsed), "%s", cases[i].name);
		say_at(&parsed, at, sizeof(at));
		cr_expect_str_eq(at, cases[i].at);
		cr_expect_str_eq(parsed.form->dataset, cases[i].dataset);
		cr_expect_str_eq(parsed.figure->figure.id, cases[i].figure);
	}
}

Test(results_1, names_that_nothing_was_called)
{
	static const char *const names[] = {"", "/", "timer", "timer/p99", "timer/dedicated/p99",
		"timer/dedicated/us/p99", "timer/dedicated/xus/p99", "timer/dedicated/100us/p98",
		"timer/dedicated/100us/vcpus/p99", "timer/dedicated/100us/nonsense/p99",
		"timer/dedicated/1e999us/p99", "exits/split", "exits/split/pio-out/x", "other/x",
		"disk/guest/read/64G/4K", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p"};
	char longest[400];
	struct name_parsed parsed;

	for (size_t i = 0; i < N(names); i++)
		cr_expect_not(name_parse(names[i], &parsed), "%s", names[i]);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	cr_expect_not(name_parse(longest, &parsed));
}

static struct document *read_text(const char *text)
{
	struct document *document;
	json_error_t error;
	struct diag diag;
	json_t *root = json_loads(text, 0, &error);

	cr_assert_not_null(root, "%s", error.text);
	cr_assert_eq(document_from_json(&document, root, "f", &diag), 0, "%s", diag.text);
	json_decref(root);
	return document;
}

Test(results_1, a_sweep_keeps_its_rounds_cells_and_marks)
{
	struct document *document = read_text(
		"{\"schema\":\"tickvm-results/1\",\"bench\":\"sweep\",\"metrics\":["
		"{\"name\":\"a: b: exits/split/hlt\",\"values\":[10,30]},"
		"{\"name\":\"other: exits/split/hlt\",\"values\":[5]}],"
		"\"cells\":[{\"name\":\"a: b\",\"rounds\":[{\"round\":1,\"status\":0},"
		"{\"round\":2,\"status\":1},{\"round\":3,\"status\":0,\"marked\":true}]}]}");
	const struct dataset *set = document_set(document, "exits.cost");

	cr_assert_eq(set->n_rows, 2);
	cr_expect_str_eq(set->rows[0].at[2].text, "a: b");
	cr_expect_eq(set->rows[0].samples[0].round, 1);
	cr_expect_eq(set->rows[0].samples[1].round, 3, "the one that failed has no value");
	cr_expect_eq(set->rows[0].samples[0].flags, 0);
	cr_expect_eq(set->rows[0].samples[1].flags, 1);
	cr_expect_eq(row_value(set, &set->rows[0], 0), 20);
	document_destroy(document);
}

Test(results_1, lateness_has_lost_its_sign_and_bandwidth_its_unit)
{
	struct document *document = read_text(
		"{\"schema\":\"tickvm-results/1\",\"metrics\":["
		"{\"name\":\"timer/dedicated/100us/p50\",\"values\":[34]},"
		"{\"name\":\"memory/native/huge/vcpus1/read/4096B\",\"values\":[12.5]}]}");
	const struct dataset *timer = document_set(document, "timer.lateness");
	const struct dataset *memory = document_set(document, "memory.bandwidth");

	cr_expect_str_eq(timer->flags[1].id, "magnitude");
	cr_expect_eq(timer->rows[0].samples[0].flags, 2);
	cr_expect_eq(memory->rows[0].samples[0].figures[0], 12.5e9);
	document_destroy(document);
}

Test(results_1, what_is_not_known_is_kept)
{
	struct document *document =
		read_text("{\"schema\":\"tickvm-results/1\",\"metrics\":["
			  "{\"name\":\"x: exits/split/hlt\",\"values\":[1]},"
			  "{\"name\":\"x: sorcery/1\",\"unit\":\"imps\",\"values\":[7]}]}");
	const struct dataset *set = document_set(document, "other");

	cr_assert_not_null(set);
	cr_expect_str_eq(set->rows[0].at[0].text, "x: sorcery/1");
	cr_expect_str_eq(set->rows[0].at[1].text, "imps");
	cr_expect_eq(row_value(set, &set->rows[0], 0), 7);
	document_destroy(document);
}

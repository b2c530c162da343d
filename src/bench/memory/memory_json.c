/* SPDX-License-Identifier: BSD-2-Clause */
/* What `tickvm bench memory` leaves in a results file: docs/results.md. All rounds, no tables:
 * those are the page's. */
#include "memory.h"

#include <math.h>

static json_t *cell_json(struct results *results, const struct memory_run *run, uint32_t op,
	uint64_t bytes, const char *name)
{
	json_t *cycles = json_array();
	uint64_t passes = 0;

	for (size_t i = 0; i < run->n_rounds; i++) {
		if (run->rounds[i].op != op || run->rounds[i].bytes != bytes)
			continue;
		passes = run->rounds[i].passes;
		results_add(results, cycles, NULL, json_integer((json_int_t)run->rounds[i].cycles));
	}
	return json_pack("{s:s, s:I, s:I, s:o}", "op", name, "bytes", (json_int_t)bytes, "passes",
		(json_int_t)passes, "cycles", cycles);
}

static json_t *cells_json(struct results *results, const struct memory_run *run)
{
	json_t *cells = json_array();

	if (run->touch) {
		results_add(results, cells, NULL,
			cell_json(results, run, GUEST_MEMORY_FIRST_TOUCH, MEMORY_TOUCH_BYTES,
				"first-touch"));
		return cells;
	}
	for (unsigned op = 0; op < WORKLOAD_MEMORY_OPS; op++) {
		for (unsigned i = 0; i < MEMORY_LENGTHS; i++) {
			double median = run->cells[op][i].median;

			if (isnan(median))
				continue;
			json_t *cell = cell_json(results, run, op,
				(uint64_t)WORKLOAD_MEMORY_MIN << i, memory_op_names[op]);

			results_add(
				results, cell, "bytes_per_s", json_integer(llround(median * 1e9)));
			results_add(results, cells, NULL, cell);
		}
	}
	return cells;
}

static void add_metrics(struct results *results, const struct memory_run *run)
{
	char who[64];

	snprintf(who, sizeof(who), "memory/%s%s%s/%s/vcpus%u", run->native ? "native" : "guest",
		run->native ? "" : "/", run->native ? "" : memory_page_names[run->pages],
		memory_backing_names[run->backing], run->threads);
	if (run->touch)
		results_metric(results, LOWER_IS_BETTER, "ns", run->first_touch.median,
			"%s/first-touch", who);
	for (unsigned op = 0; op < WORKLOAD_MEMORY_OPS && !run->touch; op++) {
		for (unsigned i = 0; i < MEMORY_LENGTHS; i++)
			results_metric(results, HIGHER_IS_BETTER, "GB/s", run->cells[op][i].median,
				"%s/%s/%lluB", who, memory_op_names[op],
				(unsigned long long)WORKLOAD_MEMORY_MIN << i);
	}
}

void memory_run_json(struct results *results, const struct memory_run *run,
	const struct vm_config *machine, struct vm *vm)
{
	json_t *json = json_pack("{s:s, s:I, s:s, s:I, s:o, s:o}", "system",
		run->native ? "native" : "guest", "vcpus", (json_int_t)run->threads, "backing",
		memory_backing_names[run->backing], "memory_bytes", (json_int_t)run->bytes,
		"machine", machine_json(machine), "cells", cells_json(results, run));

	if (vm != NULL) {
		results_add(results, json, "pages", json_string(memory_page_names[run->pages]));
		results_add(results, json, "kvm_stats", results_kvm_stats(results, vm));
	}
	if (run->huge_bytes != UINT64_MAX)
		results_add(results, json, "huge_bytes", json_integer((json_int_t)run->huge_bytes));
	if (memory_lacks_huge_pages(run))
		results_add(results, json, "flags", json_pack("[s]", "no-huge-pages"));
	results_add(results, results->runs, NULL, json);
	add_metrics(results, run);
}

void memory_skipped_json(struct results *results, const struct memory_run *run)
{
	results_add(results, json_object_get(results->root, "skipped"), NULL,
		json_pack("{s:s, s:I, s:o}", "kind", memory_run_name(run), "vcpus",
			(json_int_t)run->threads, "reason", json_text(run->why.text)));
}

void memory_caches_json(struct results *results, const struct memory_caches *caches)
{
	results_add(results, results->root, "caches",
		json_pack("{s:I, s:I, s:I}", "l1d_bytes", (json_int_t)caches->l1d, "l2_bytes",
			(json_int_t)caches->l2, "l3_bytes", (json_int_t)caches->l3));
}

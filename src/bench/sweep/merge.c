/* SPDX-License-Identifier: BSD-2-Clause */
/* Joins the documents of one sweep: cells of its shards, rounds of the same cells on the same host.
 * It measures nothing, and leaves no figure out. */
#include "../compare/compare.h"
#include "sweep_document.h"

#include "tickvm/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The document that grows, and the one that is taken into it. */
struct joining {
	struct results results; /* its root and metrics only */
	const char *first, *path;
	json_t *other;
	struct diag *diag;
};

static int refuse(const struct joining *j, const char *what, const char *name)
{
	return diag_set(j->diag, -EINVAL, "%s: %s%s%s: it does not belong to %s", j->path, what,
		*name != '\0' ? " of cell " : "", name, j->first);
}

static int check_sweep(const struct joining *j)
{
	static const char *const keys[] = {"name", "cells"};
	json_t *root = j->results.root;
	char differ[256];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!json_equal(json_object_get(json_object_get(root, "sweep"), keys[i]),
			    json_object_get(json_object_get(j->other, "sweep"), keys[i])))
			return refuse(
				j, i == 0 ? "another sweep's name" : "another number of cells", "");
	}
	compare_hosts((json_t *const[]){root, j->other}, differ, sizeof(differ));
	if (differ[0] != '\0')
		return diag_set(j->diag, -EINVAL, "%s: it is of another host than %s: %s", j->path,
			j->first, differ);
	return 0;
}

/* ---- cells ---- */

static int check_cell(const struct joining *j, const json_t *ours, const json_t *theirs)
{
	static const char *const keys[] = {"index", "bench", "options", "machine"};
	const char *name = json_string_value(json_object_get(theirs, "name"));

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!json_equal(json_object_get(ours, keys[i]), json_object_get(theirs, keys[i])))
			return refuse(j, keys[i], name);
	}
	return 0;
}

static bool has_begin(const json_t *rounds, const json_t *begin)
{
	size_t i;
	json_t *round;

	json_array_foreach(rounds, i, round)
	{
		if (begin != NULL && json_equal(json_object_get(round, "begin_ns"), begin))
			return true;
	}
	return false;
}

/* Behind those that are there, numbered on. */
static int add_rounds(struct joining *j, const json_t *ours, const json_t *theirs)
{
	json_t *rounds = json_object_get(ours, "rounds"), *round;
	json_int_t last = 0;
	size_t i;

	json_array_foreach(rounds, i, round)
	{
		json_int_t number = json_integer_value(json_object_get(round, "round"));

		last = number > last ? number : last;
	}
	json_array_foreach(json_object_get(theirs, "rounds"), i, round)
	{
		json_int_t number = json_integer_value(json_object_get(round, "round"));

		if (has_begin(rounds, json_object_get(round, "begin_ns")))
			return diag_set(j->diag, -EINVAL,
				"%s: cell %s: round %" JSON_INTEGER_FORMAT
				" is there already: is it the same file twice?",
				j->path, json_string_value(json_object_get(theirs, "name")),
				number);
		json_t *copy = json_copy(round);

		results_add(&j->results, copy, "round", json_integer(last + number));
		results_add(&j->results, rounds, NULL, copy);
	}
	return 0;
}

static int add_cell(struct joining *j, json_t *theirs)
{
	json_t *cells = json_object_get(j->results.root, "cells"), *cell;
	const char *name = json_string_value(json_object_get(theirs, "name"));
	const json_t *ours = sweep_document_cell(j->results.root, name);
	size_t i;

	if (ours != NULL) {
		int err = check_cell(j, ours, theirs);

		return err < 0 ? err : add_rounds(j, ours, theirs);
	}
	json_array_foreach(cells, i, cell)
	{
		if (json_equal(json_object_get(cell, "index"), json_object_get(theirs, "index")))
			return refuse(j, "index", name);
	}
	results_add(&j->results, cells, NULL, json_incref(theirs));
	return 0;
}

/* ---- figures ---- */

static int add_metric(struct joining *j, json_t *theirs)
{
	json_t *metrics = json_object_get(j->results.root, "metrics"), *ours;
	const json_t *name = json_object_get(theirs, "name");
	size_t i;

	json_array_foreach(metrics, i, ours)
	{
		if (!json_equal(json_object_get(ours, "name"), name))
			continue;
		if (!json_equal(json_object_get(ours, "unit"), json_object_get(theirs, "unit")) ||
			!json_equal(
				json_object_get(ours, "better"), json_object_get(theirs, "better")))
			return refuse(j, "unit of a metric", "");
		if (json_array_extend(
			    json_object_get(ours, "values"), json_object_get(theirs, "values")) < 0)
			j->results.no_memory = true;
		return 0;
	}
	results_add(&j->results, metrics, NULL, json_incref(theirs));
	return 0;
}

static int join(struct joining *j)
{
	json_t *root = j->results.root, *item;
	size_t i;
	int err = check_sweep(j);

	for (i = 0; err == 0 && i < json_array_size(json_object_get(j->other, "cells")); i++)
		err = add_cell(j, json_array_get(json_object_get(j->other, "cells"), i));
	for (i = 0; err == 0 && i < json_array_size(json_object_get(j->other, "metrics")); i++)
		err = add_metric(j, json_array_get(json_object_get(j->other, "metrics"), i));
	json_array_foreach(json_object_get(j->other, "skipped"), i, item)
	{
		results_add(&j->results, json_object_get(root, "skipped"), NULL, json_incref(item));
	}
	if (json_is_true(json_object_get(j->other, "interrupted")))
		results_add(&j->results, root, "interrupted", json_true());
	return err;
}

/* ---- the whole ---- */

static int by_index(const void *a, const void *b)
{
	json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "index"));
	json_int_t y = json_integer_value(json_object_get(*(json_t *const *)b, "index"));

	return (x > y) - (x < y);
}

/* Cells in the order of the sweep's file, and how many rounds there are now. */
static void put_in_order(struct results *results)
{
	const json_t *old = json_object_get(results->root, "cells");
	size_t n = json_array_size(old), most = 0;
	json_t **sorted = calloc(n + 1, sizeof(json_t *)), *cells = json_array();

	if (sorted == NULL)
		results->no_memory = true;
	for (size_t i = 0; sorted != NULL && i < n; i++) {
		size_t rounds = json_array_size(json_object_get(json_array_get(old, i), "rounds"));

		sorted[i] = json_array_get(old, i);
		most = rounds > most ? rounds : most;
	}
	if (sorted != NULL)
		qsort(sorted, n, sizeof(sorted[0]), by_index);
	for (size_t i = 0; sorted != NULL && i < n; i++)
		results_add(results, cells, NULL, json_incref(sorted[i]));
	free(sorted);
	results_add(results, results->root, "cells", cells);
	results_add(results, json_object_get(results->root, "sweep"), "rounds",
		json_integer((json_int_t)most));
}

static int read_sweep(struct report_file *file, const char *path, struct diag *diag)
{
	int err = report_read(file, path, diag);

	if (err == 0)
		err = sweep_document_check(file->root, file->path, diag);
	if (err < 0) {
		json_decref(file->root);
		file->root = NULL;
	}
	return err;
}

static int finish(struct results *results, struct diag *diag)
{
	put_in_order(results);
	struct page *page = sweep_page(results->root);

	results_add(results, results->root, "page", page_json(page));
	page_destroy(page);
	return results->no_memory ? diag_set(diag, -ENOMEM, "no memory for the joined results") : 0;
}

int sweep_merge(const char *const *paths, size_t n, json_t **merged, struct diag *diag)
{
	struct report_file file;
	struct joining j = {.diag = diag};
	int err = read_sweep(&file, paths[0], diag);

	*merged = NULL;
	j.first = file.path;
	j.results.root = file.root;
	for (size_t i = 1; i < n && err == 0; i++) {
		err = read_sweep(&file, paths[i], diag);
		j.path = file.path;
		j.other = file.root;
		if (err == 0)
			err = join(&j);
		json_decref(file.root);
	}
	if (err == 0)
		err = finish(&j.results, diag);
	if (err < 0)
		json_decref(j.results.root);
	else
		*merged = j.results.root;
	return err;
}

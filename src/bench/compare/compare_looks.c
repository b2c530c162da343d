/* SPDX-License-Identifier: BSD-2-Clause */
/* When to look at rounds that are still being added, and when to stop.
 * What is decided at a look is compare.c's; what a round is, whoever makes them knows. */
#include "compare.h"

#define LOOKS 4

/* Whole blocks, the last look at all of them. */
static unsigned look_rounds(const struct looks *looks, unsigned look, unsigned n)
{
	unsigned block = looks->block > 0 ? (unsigned)looks->block : 1;
	unsigned first = (looks->first + block - 1) / block, max = looks->max / block;

	if (n == 1 || first > max)
		return max * block;
	return (first + ((max - first) * look + n - 2) / (n - 1)) * block;
}

int comparison_take_looks(struct comparison *comparison, json_t *const documents[2],
	const char *const names[2], const struct looks *looks, struct diag *diag)
{
	unsigned n = looks->max > looks->first ? LOOKS : 1;
	int err = 0;

	comparison->alpha /= n;
	comparison->looks_max = n;
	comparison->block = looks->block;
	for (unsigned look = 0; look < n && err == 0; look++) {
		unsigned rounds = look_rounds(looks, look, n);

		err = looks->reach(looks->user, rounds, diag);
		if (err < 0)
			break;
		err = comparison_judge(
			comparison, documents, names, looks->block > 0 ? rounds : 0, diag);
		comparison->rounds = rounds;
		comparison->looks += err == 0;
		if (err == 0 && comparison_is_decided(comparison))
			break;
	}
	return err;
}

int compare_growing(struct comparison **comparison, json_t *const documents[2],
	const char *const names[2], const struct looks *looks,
	const struct compare_settings *settings, struct diag *diag)
{
	int err;

	*comparison = comparison_create(settings, &err, diag);
	if (*comparison == NULL)
		return err;
	err = comparison_check_hosts(*comparison, documents, names, settings->force, diag);
	if (err == 0)
		err = comparison_take_looks(*comparison, documents, names, looks, diag);
	if (err < 0 && (*comparison)->looks == 0) {
		comparison_destroy(*comparison);
		*comparison = NULL;
	}
	return err;
}

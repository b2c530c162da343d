/* SPDX-License-Identifier: BSD-2-Clause */
/* A sweep's file of any bytes is refused in one line, or makes cells with distinct names whose
 * options their experiments take, and a file may give. Input: an INI file. */
#include "../../src/bench/sweep/sweep_file.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

static bool knows(void *user, const char *key)
{
	(void)user;
	return strcmp(key, "vcpus") == 0 || strcmp(key, "irqchip") == 0;
}

static int make(void *user, const struct machine_setting *settings, size_t n, struct cell *cell,
	struct diag *diag)
{
	(void)user, (void)settings, (void)n, (void)diag;
	vm_config_default(&cell->machine);
	return 0;
}

static void check_cells(const struct sweep_plan *plan)
{
	struct diag diag;

	CHECK(plan->n > 0 && plan->n <= SWEEP_CELLS_MAX && plan->rounds > 0);
	for (size_t i = 0; i < plan->n; i++) {
		CHECK(strlen(plan->cells[i].name) <= SWEEP_NAME_MAX);
		CHECK(plan->cells[i].n_options <= CELL_OPTIONS_MAX);
		for (size_t o = 0; o < plan->cells[i].n_options; o++)
			CHECK(strncmp(plan->cells[i].options[o], "--destroy-data", 14) != 0);
		for (size_t other = 0; other < i && i < 64; other++)
			CHECK(strcmp(plan->cells[i].name, plan->cells[other].name) != 0);
		if (i < 8)
			CHECK(cell_check(&plan->cells[i], &diag) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct machine_maker maker = {.knows = knows, .make = make};
	struct sweep_plan plan;
	struct diag diag = {""};
	char path[32];
	int fd = memfd_create("sweep", 0);

	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int err = sweep_file_read(&plan, path, &maker, NULL, &diag);

	if (err == 0)
		check_cells(&plan);
	else
		CHECK(diag.text[0] != '\0' && strchr(diag.text, '\n') == NULL);
	sweep_file_free(&plan);
	close(fd);
	return 0;
}

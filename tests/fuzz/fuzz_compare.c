/* SPDX-License-Identifier: BSD-2-Clause */
/* Two results files of any JSON, and rules and settings of any bytes: refused in one line, or
 * compared, and the comparison can be shown and written. Input: five parts, each ended by a byte 0:
 * old, fresh, --gate, --alpha, --floor-absolute; an empty setting is none. */
#include "tickvm/compare.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

#define PARTS 5
enum { OLD, FRESH, GATE, ALPHA, FLOOR };

static void check_comparison(const struct comparison *comparison)
{
	struct page *page = page_create();
	json_t *json = comparison_json(comparison);
	int status = comparison_status(comparison);

	CHECK(page != NULL && json != NULL && (status == 0 || status == 1));
	comparison_page(comparison, page);
	json_t *shown = page_json(page);

	CHECK(shown != NULL);
	json_decref(shown);
	json_decref(json);
	page_destroy(page);
}

static const char *setting(const char *part)
{
	return *part != '\0' ? part : NULL;
}

static void compare_parts(char *parts[PARTS])
{
	struct report_file files[2];
	struct comparison *comparison = NULL;
	struct diag diag = {""};
	char gate[32];
	int fd = memfd_create("gate", 0);
	size_t rules = strlen(parts[GATE]);

	CHECK(fd >= 0 && write(fd, parts[GATE], rules) == (ssize_t)rules);
	snprintf(gate, sizeof(gate), "/proc/self/fd/%d", fd);
	for (int side = OLD; side <= FRESH; side++)
		files[side] = (struct report_file){.path = side == OLD ? "old" : "fresh",
			.root = json_loads(parts[side], 0, NULL)};
	struct compare_settings settings = {.alpha = setting(parts[ALPHA]),
		.floor_absolute = setting(parts[FLOOR]),
		.gate = rules > 0 ? gate : NULL,
		.force = true};
	int err = compare_files(&comparison, &files[OLD], &files[FRESH], &settings, &diag);

	if (err == 0)
		check_comparison(comparison);
	else
		CHECK(err < 0 && diag.text[0] != '\0' && strchr(diag.text, '\n') == NULL);
	comparison_destroy(comparison);
	json_decref(files[OLD].root);
	json_decref(files[FRESH].root);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + PARTS), *parts[PARTS], *at = text;

	CHECK(text != NULL);
	memcpy(text, data, size);
	for (int i = 0; i < PARTS; i++) {
		parts[i] = at;
		at += strlen(at);
		at += at < text + size + PARTS - 1;
	}
	compare_parts(parts);
	free(text);
	return 0;
}

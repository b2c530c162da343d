/* SPDX-License-Identifier: BSD-2-Clause */
/* Two sweeps' results files of any JSON are refused in one line, or joined to one that is a sweep's
 * again and shows its page. Input: two parts, each ended by a byte 0. */
#include "../../src/bench/sweep/sweep_document.h"

#include "tickvm/page.h"
#include "tickvm/sweep.h"

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

/* A file of that text, in memory. Returns its descriptor. */
static int put(char path[32], const uint8_t *data, size_t size)
{
	int fd = memfd_create("results", 0);

	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static void check_merged(json_t *merged)
{
	struct diag diag = {""};

	CHECK(sweep_document_check(merged, "merged", &diag) == 0);
	struct page *page = page_from_json(json_object_get(merged, "page"), &diag);

	CHECK(page != NULL);
	page_destroy(page);
	json_decref(merged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
	size_t first = end != NULL ? (size_t)(end - data) : size,
	       skip = end != NULL ? first + 1 : size;
	char paths[2][32];
	int fds[2] = {put(paths[0], data, first), put(paths[1], data + skip, size - skip)};
	json_t *merged = NULL;
	struct diag diag = {""};

	if (sweep_merge((const char *const[]){paths[0], paths[1]}, 2, &merged, &diag) == 0)
		check_merged(merged);
	else
		CHECK(merged == NULL && diag.text[0] != '\0' && strchr(diag.text, '\n') == NULL);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's command line, of any bytes: refused with a message, or values that its tests may
 * count on. Input: the line. It builds the payload's own source hosted and runs no guest. */
#include "../../src/guest/guest_text.c"
#include "../../src/guest/cmdline.c"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

static void check_values(const struct cmdline *c)
{
	CHECK((unsigned)c->test < TESTS && c->count >= 1 && c->count <= COUNT_MAX);
	CHECK(c->interval_ns >= 1000 && c->interval_ns <= 1000000000);
	CHECK(c->rounds >= 1 && c->round_ns >= 1000 && c->vcpus >= 1 && c->vcpus <= 16);
	CHECK(memchr(c->name, '\0', sizeof(c->name)) != NULL);
	CHECK(c->test != TEST_BENCH || c->name[0] != '\0');
	CHECK((c->test == TEST_IPI) == (c->mode >= MODE_PINGPONG));
	CHECK(c->disk_gpa == 0 || (c->disk_gpa >= DEVICE_GPA_MIN && c->disk_gpa % 4 == 0 &&
					  c->disk_gpa + DEVICE_BYTES_MIN <= DEVICE_GPA_END &&
					  c->disk_irq >= 1 && c->disk_irq <= DEVICE_IRQ_MAX));
	CHECK(c->record >= 512 && c->record <= RECORD_MAX && c->record % 512 == 0);
	CHECK(c->bytes % 512 == 0 && c->depth >= 1 && c->depth <= 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmdline cmdline;
	char message[160] = "";
	size_t length = strnlen((const char *)data, size);
	/* Not terminated where the longest line that is looked at ends. */
	bool full = length >= GUEST_CMDLINE_MAX;
	char *line = calloc(1, full ? GUEST_CMDLINE_MAX : length + 1);

	CHECK(line != NULL);
	memcpy(line, data, full ? GUEST_CMDLINE_MAX : length);
	if (cmdline_parse(&cmdline, line, message, sizeof(message)))
		check_values(&cmdline);
	else
		CHECK(message[0] != '\0' && memchr(message, '\0', sizeof(message)) != NULL);
	free(line);
	return 0;
}

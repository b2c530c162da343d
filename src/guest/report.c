/* SPDX-License-Identifier: BSD-2-Clause */
/* Results as JSON lines on the serial port, for monitors that do not read the result block: a first
 * line with the block, then one array a record. It computes nothing. */
#include "guest.h"
#include "guest_text.h"

static void add_number(struct text *text, const char *name, uint64_t value)
{
	text_add(text, ",\"");
	text_add(text, name);
	text_add(text, "\":");
	text_add_decimal(text, value);
}

/* Messages quote the command line: whatever JSON would have to escape becomes a question mark. */
static void add_string(struct text *text, const char *name, const char *value)
{
	text_add(text, ",\"");
	text_add(text, name);
	text_add(text, "\":\"");
	for (; *value; value++)
		text_add_span(text,
			*value < ' ' || *value > '~' || *value == '"' || *value == '\\' ? "?"
											: value,
			1);
	text_add(text, "\"");
}

static void add_done(struct text *text)
{
	static const char *const names[] = GUEST_EXIT_NAMES;

	text_add(text, ",\"done\":{");
	for (unsigned i = 0; i < GUEST_EXIT_KINDS; i++) {
		text_add(text, i ? ",\"" : "\"");
		text_add(text, names[i]);
		text_add(text, "\":");
		text_add_decimal(text, result->done[i]);
	}
	text_add(text, "}");
}

/* By enum test. A record is printed as numbers of 64 bits: two fields of 32 are one, the first in
 * its lower half. */
static const char *const record_fields[TESTS] = {
	[TEST_HELLO] = "[]",
	[TEST_EXITS] = "[]",
	[TEST_TIMER] = "[\"arm\",\"deadline\",\"enter\",\"done\"]",
	[TEST_IPI] = "[\"send\",\"enter\",\"reply\"]",
	[TEST_BENCH] = "[\"iterations\",\"run_cycles\",\"control_cycles\"]",
	[TEST_MEMORY] = "[\"op+vcpus\",\"bytes\",\"passes\",\"cycles\"]",
	[TEST_LINPACK] = "[\"n\",\"vcpus\",\"simd\",\"cycles\",\"residual_bits\"]",
	[TEST_CTX] = ("[\"contexts+stride\",\"bytes\",\"switches\",\"switch_cycles\","
		      "\"control_cycles\"]"),
	[TEST_DISK] = ("[\"requests\",\"bytes\",\"cycles\",\"interrupts\",\"errors\","
		       "\"mismatches\"]"),
};

static void print(struct text *text)
{
	text_add(text, "\r\n");
	serial_write(text->buffer, text->used);
}

static void print_head(enum test test, enum guest_status status)
{
	static const char *const statuses[] = {"running", "done", "failed", "unavailable"};
	static char buffer[2048];
	struct text text = text_in(buffer, sizeof(buffer));

	text_add(&text, "{\"abi\":");
	text_add_decimal(&text, result->version);
	add_string(&text, "test", test_names[test]);
	add_string(&text, "status", statuses[status]);
	add_string(&text, "message", result->message);
	add_number(&text, "tsc_hz", result->tsc_hz);
	add_number(&text, "stamp_cycles", result->stamp_cycles);
	add_number(&text, "first_tsc", result->first_tsc);
	add_number(&text, "begin_tsc", result->begin_tsc);
	add_number(&text, "end_tsc", result->end_tsc);
	add_number(&text, "missed", result->missed);
	add_number(&text, "spurious", result->spurious);
	add_number(&text, "load_interrupts", result->load_interrupts);
	add_number(&text, "load_requests", result->load_requests);
	add_number(&text, "load_errors", result->load_errors);
	add_done(&text);
	text_add(&text, ",\"record_fields\":");
	text_add(&text, record_fields[test]);
	add_number(&text, "record_count", result->record_count);
	text_add(&text, "}");
	print(&text);
}

void report_json(enum test test, enum guest_status status)
{
	const uint64_t *number = (const uint64_t *)result->record_gpa;
	char buffer[160];

	print_head(test, status);
	for (uint32_t i = 0; i < result->record_count; i++) {
		struct text text = text_in(buffer, sizeof(buffer));

		for (uint32_t j = 0; j < result->record_size / sizeof(*number); j++) {
			text_add(&text, j ? "," : "[");
			text_add_decimal(&text, *number++);
		}
		text_add(&text, "]");
		print(&text);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the payload's command line: one table of keys, checked values, errors that name the word.
 * It knows nothing of the machine, and builds hosted as well as freestanding. */
#include "cmdline.h"
#include "guest_text.h"

#define NAMES_MAX 9

/* A key's value is a number within [min, max], one of names (the index is stored), a short string,
 * or the virtio device (its address and interrupt are stored). */
struct key {
	const char *name;
	size_t offset;
	enum { KEY_NUMBER, KEY_ENUM, KEY_BOOL, KEY_STRING, KEY_DEVICE } type;
	uint64_t min, max;
	const char *names[NAMES_MAX];
};

const char *const test_names[TESTS] = {
	"hello", "exits", "timer", "ipi", "bench", "memory", "linpack", "ctx", "disk"};
static const char *const exit_names[] = GUEST_EXIT_NAMES;
_Static_assert(sizeof(exit_names) / sizeof(exit_names[0]) == GUEST_EXIT_KINDS, "one name a kind");

#define FIELD(field) .offset = offsetof(struct cmdline, field)
#define COUNT_MAX    100000000
#define RECORD_MAX   (16ULL << 20)

/* A virtio-mmio device: the registers that are used end here; where boot.S maps devices; pins of
 * the IOAPIC. */
#define DEVICE_BYTES_MIN 0x108
#define DEVICE_GPA_MIN   (3ULL << 30)
#define DEVICE_GPA_END   (4ULL << 30)
#define DEVICE_IRQ_MAX   23

static const struct key keys[] = {
	{"test", FIELD(test), KEY_ENUM,
		.names = {"hello", "exits", "timer", "ipi", "bench", "memory", "linpack", "ctx",
			"disk"}},
	{"console", FIELD(console), KEY_ENUM, .names = {"auto", "serial"}},
	{"tsc_hz", FIELD(tsc_hz), KEY_NUMBER, 1000000, 10000000000},
	{"lapic_hz", FIELD(lapic_hz), KEY_NUMBER, 1000000, 10000000000},
	{"source", FIELD(source), KEY_ENUM, .names = {"lapic", "pit", "dedicated", "tsc-poll"}},
	{"mode", FIELD(mode), KEY_ENUM,
		.names = {"oneshot", "deadline", "periodic", "pingpong", "oneway"}},
	{"interval_ns", FIELD(interval_ns), KEY_NUMBER, 1000, 1000000000},
	{"count", FIELD(count), KEY_NUMBER, 1, COUNT_MAX},
	{"warmup", FIELD(warmup), KEY_NUMBER, 0, COUNT_MAX},
	{"wait", FIELD(wait), KEY_ENUM, .names = {"hlt", "user"}},
	{"arm", FIELD(arm), KEY_ENUM, .names = {"mmio", "ioeventfd", "shared"}},
	{"residual", FIELD(residual), KEY_BOOL, 0, 1},
	{"lapic_timer", FIELD(lapic_timer), KEY_ENUM, .names = {"auto", "tsc-deadline", "oneshot"}},
	{"apic", FIELD(apic), KEY_ENUM, .names = {"xapic", "x2apic"}},
	{"hypercalls", FIELD(hypercalls), KEY_BOOL, 0, 1},
	{"name", FIELD(name), KEY_STRING},
	{"iterations", FIELD(iterations), KEY_NUMBER, 1, COUNT_MAX},
	{"rounds", FIELD(rounds), KEY_NUMBER, 1, COUNT_MAX},
	{"round_ns", FIELD(round_ns), KEY_NUMBER, 1000, 10000000000},
	{"scale", FIELD(scale), KEY_BOOL, 0, 1},
	{"signals", FIELD(signals), KEY_BOOL, 0, 1},
	{"cpl", FIELD(cpl), KEY_ENUM, .names = {"auto", "0", "3"}},
	{"vcpus", FIELD(vcpus), KEY_NUMBER, 1, 16},
	{"pages", FIELD(pages), KEY_ENUM, .names = {"2m", "4k"}},
	{"max_bytes", FIELD(max_bytes), KEY_NUMBER, 256, 1ULL << 31},
	{"ops", FIELD(ops), KEY_NUMBER, 1, 31},
	{"touch", FIELD(touch), KEY_BOOL, 0, 1},
	{"n", FIELD(n), KEY_NUMBER, 1, 20000},
	{"simd", FIELD(simd), KEY_ENUM, .names = {"auto", "sse2", "avx2"}},
	{"contexts", FIELD(contexts), KEY_NUMBER, 1, 64},
	{"stride", FIELD(stride), KEY_NUMBER, 8, 1048576},
	{"virtio_mmio.device", FIELD(disk_gpa), KEY_DEVICE},
	{"load", FIELD(load), KEY_ENUM, .names = {"none", "io", "interrupts"}},
	{"op", FIELD(op), KEY_ENUM, .names = {"read", "write"}},
	{"pattern", FIELD(pattern), KEY_ENUM, .names = {"sequential", "random"}},
	{"bytes", FIELD(bytes), KEY_NUMBER, 512, 1ULL << 60},
	{"record", FIELD(record), KEY_NUMBER, 512, RECORD_MAX},
	{"depth", FIELD(depth), KEY_NUMBER, 1, 64},
	{"verify", FIELD(verify), KEY_BOOL, 0, 1},
	{"each", FIELD(each), KEY_BOOL, 0, 1},
};

static const struct cmdline defaults = {
	.interval_ns = 100000,
	.count = 4500,
	.warmup = 16,
	.rounds = 16,
	.round_ns = 1000000,
	.vcpus = 1,
	.max_bytes = 1ULL << 20,
	.ops = 31,
	.n = 100,
	.contexts = 2,
	.stride = 64,
	.record = 4096,
	.depth = 4,
};

static bool parse_number(const char *s, size_t length, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(s[i] - '0');
		if (digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return value >= min;
}

/* 16: none. */
static unsigned digit_value(char c)
{
	int lower = c | 0x20;

	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a') + 10 : 16;
}

static unsigned unit_shift(char c)
{
	switch (c | 0x20) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	default:
		return 0;
	}
}

/* As Linux reads sizes and addresses: decimal, or hexadecimal after 0x, and perhaps a unit. Up to
 * 2^32 units. */
static bool parse_size(const char *s, size_t length, uint64_t *out)
{
	unsigned base = 10, shift = length ? unit_shift(s[length - 1]) : 0;
	uint64_t value = 0;

	if (length > 2 && s[0] == '0' && (s[1] | 0x20) == 'x') {
		base = 16;
		s += 2;
		length -= 2;
	}
	length -= shift != 0;
	for (size_t i = 0; i < length; i++) {
		unsigned digit = digit_value(s[i]);

		if (digit >= base || value > UINT32_MAX)
			return false;
		value = value * base + digit;
	}
	*out = value << shift;
	return length > 0 && value <= UINT32_MAX;
}

static size_t find(const char *s, size_t length, char c)
{
	size_t at = 0;

	while (at < length && s[at] != c)
		at++;
	return at;
}

/* SIZE@BASE:IRQ */
static bool parse_device(struct cmdline *cmdline, const char *s, size_t length)
{
	size_t base = find(s, length, '@') + 1, irq = find(s, length, ':') + 1;
	uint64_t size, gpa;

	if (base >= irq || irq > length || !parse_size(s, base - 1, &size) ||
		!parse_size(s + base, irq - 1 - base, &gpa) || size < DEVICE_BYTES_MIN || gpa % 4 ||
		gpa < DEVICE_GPA_MIN || gpa > DEVICE_GPA_END - DEVICE_BYTES_MIN ||
		!parse_number(s + irq, length - irq, 1, DEVICE_IRQ_MAX, &cmdline->disk_irq))
		return false;
	cmdline->disk_gpa = gpa;
	return true;
}

static bool store(struct cmdline *cmdline, const struct key *key, const char *value, size_t length)
{
	void *field = (char *)cmdline + key->offset;
	uint64_t number;

	switch (key->type) {
	case KEY_NUMBER:
		if (!parse_number(value, length, key->min, key->max, &number))
			return false;
		*(uint64_t *)field = number;
		return true;
	case KEY_BOOL:
		if (!parse_number(value, length, key->min, key->max, &number))
			return false;
		*(bool *)field = number != 0;
		return true;
	case KEY_ENUM:
		for (unsigned i = 0; i < NAMES_MAX && key->names[i]; i++) {
			if (text_is(value, length, key->names[i])) {
				*(unsigned *)field = i;
				return true;
			}
		}
		return false;
	case KEY_STRING:
		if (length == 0 || length >= CMDLINE_NAME_MAX)
			return false;
		struct text text = text_in(field, CMDLINE_NAME_MAX);
		text_add_span(&text, value, length);
		return true;
	case KEY_DEVICE:
		return parse_device(cmdline, value, length);
	}
	return false;
}

static void add_expected(struct text *text, const struct key *key)
{
	text_add(text, ": expected ");
	if (key->type == KEY_STRING) {
		text_add(text, "a name of 1 to 31 characters");
	} else if (key->type == KEY_DEVICE) {
		text_add(text, "SIZE@BASE:IRQ, BASE from 3 GiB on, IRQ 1 to 23");
	} else if (key->type == KEY_ENUM) {
		for (unsigned i = 0; i < NAMES_MAX && key->names[i]; i++) {
			text_add(text, i ? ", " : "");
			text_add(text, key->names[i]);
		}
	} else {
		text_add_decimal(text, key->min);
		text_add(text, " to ");
		text_add_decimal(text, key->max);
	}
}

static bool fail(struct text *text, const char *what, const char *word, size_t length)
{
	text_add(text, what);
	text_add_span(text, word, length < 64 ? length : 64);
	return false;
}

/* The exits test names its kinds as keys. */
static bool parse_exit_kind(
	struct cmdline *cmdline, const char *word, size_t key_length, size_t length, bool *known)
{
	for (unsigned i = 0; i < GUEST_EXIT_KINDS; i++) {
		if (!text_is(word, key_length, exit_names[i]))
			continue;
		*known = true;
		return parse_number(word + key_length + 1, length - key_length - 1, 0, COUNT_MAX,
			&cmdline->exits[i]);
	}
	return false;
}

static bool parse_word(struct cmdline *cmdline, const char *word, size_t length, struct text *text)
{
	size_t key_length = 0;
	bool known = false;

	while (key_length < length && word[key_length] != '=')
		key_length++;
	if (key_length == length)
		return fail(text, "not of the form key=value: ", word, length);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!text_is(word, key_length, keys[i].name))
			continue;
		if (store(cmdline, &keys[i], word + key_length + 1, length - key_length - 1))
			return true;
		fail(text, "bad value: ", word, length);
		add_expected(text, &keys[i]);
		return false;
	}
	if (parse_exit_kind(cmdline, word, key_length, length, &known))
		return true;
	if (!known)
		return fail(text, "unknown key: ", word, key_length);
	fail(text, "bad value: ", word, length);
	text_add(text, ": expected a count up to ");
	text_add_decimal(text, COUNT_MAX);
	return false;
}

/* Values that are right by themselves but not together. */
static bool check(struct cmdline *cmdline, bool mode_given, struct text *text)
{
	if (cmdline->test == TEST_IPI) {
		if (!mode_given)
			cmdline->mode = MODE_PINGPONG;
		if (cmdline->mode < MODE_PINGPONG) {
			text_add(text, "mode: test=ipi knows pingpong, oneway");
			return false;
		}
	} else if (cmdline->mode >= MODE_PINGPONG) {
		text_add(text, "mode: test=timer knows oneshot, deadline, periodic");
		return false;
	}
	if (cmdline->test == TEST_BENCH && cmdline->name[0] == '\0') {
		text_add(text, "name: test=bench needs name=NAME");
		return false;
	}
	if (cmdline->test == TEST_TIMER && cmdline->source == SOURCE_TSC_POLL &&
		cmdline->mode == MODE_PERIODIC) {
		text_add(text, "mode: source=tsc-poll knows oneshot, deadline");
		return false;
	}
	if (cmdline->test == TEST_TIMER && cmdline->source == SOURCE_TSC_POLL &&
		cmdline->load != LOAD_NONE) {
		text_add(text, "load: source=tsc-poll takes no interrupts");
		return false;
	}
	if (cmdline->test == TEST_TIMER && cmdline->each && cmdline->load == LOAD_NONE) {
		text_add(text, "each: test=timer needs a load with it");
		return false;
	}
	if (cmdline->test == TEST_DISK && cmdline->each && cmdline->depth > 1) {
		text_add(text, "each: test=disk needs depth=1 with it");
		return false;
	}
	if (cmdline->record % 512 || cmdline->bytes % 512) {
		text_add(text, "record, bytes: expected multiples of 512");
		return false;
	}
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A Multiboot loader may put the image's path first. */
static bool is_image_path(const char *word, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (word[i] == '/')
			return true;
		if (word[i] == '=')
			return false;
	}
	return true;
}

bool cmdline_parse(struct cmdline *cmdline, const char *text, char *message, size_t message_size)
{
	struct text error = text_in(message, message_size);
	bool first = true, mode_given = false;
	size_t at = 0;

	*cmdline = defaults;
	while (at < GUEST_CMDLINE_MAX && text[at]) {
		size_t end = at;

		while (end < GUEST_CMDLINE_MAX && text[end] && !is_space(text[end]))
			end++;
		if (end > at) {
			if (!(first && is_image_path(text + at, end - at)) &&
				!parse_word(cmdline, text + at, end - at, &error))
				return false;
			if (end - at >= 5 && text_is(text + at, 5, "mode="))
				mode_given = true;
			first = false;
		}
		at = end;
		while (at < GUEST_CMDLINE_MAX && is_space(text[at]))
			at++;
	}
	return check(cmdline, mode_given, &error);
}

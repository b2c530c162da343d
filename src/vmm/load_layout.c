/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds places in guest RAM for what is tickvm's own: the usual ones, or where the image leaves
 * room. */
#include "load_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NOWHERE UINT64_MAX

struct window {
	uint64_t from, to;
};

/* In the order in which places are found: those that a guest scans for come first, for it looks in
 * few places. MP 1.4, chapter 4: the first KiB of the EBDA, or the BIOS's ROM from 0xf0000. ACPI
 * 6.4, 5.2.5.1: the first KiB of the EBDA, or 0xe0000 to 0xfffff. */
static const struct room {
	const char *name;
	size_t field; /* of struct boot_layout */
	uint64_t bytes, align;
	struct window usual[2];
	bool anywhere; /* in RAM, where the usual place is not free */
} rooms[] = {
	{"the MP table", offsetof(struct boot_layout, mp), BOOT_MP_BYTES, 16,
		{{BOOT_EBDA_GPA, BOOT_LOW_END_GPA}, {0xf0000, BOOT_HIGH_GPA}}, false},
	{"the ACPI tables", offsetof(struct boot_layout, acpi), BOOT_ACPI_BYTES, 16,
		{{0xe0000, BOOT_HIGH_GPA}}, false},
	{"the boot GDT", offsetof(struct boot_layout, gdt), BOOT_GDT_BYTES, 16, {{0x500, 0x1000}},
		true},
	{"the boot information", offsetof(struct boot_layout, info), BOOT_INFO_BYTES, 16,
		{{0x7000, 0x8000}}, true},
	{"the command line", offsetof(struct boot_layout, cmdline), BOOT_CMDLINE_BYTES, 16,
		{{0x8000, 0x9000}}, true},
	{"the initial stack", offsetof(struct boot_layout, stack), BOOT_STACK_BYTES, 0x1000,
		{{0x6000, 0x7000}}, true},
};
#define USUAL (sizeof(rooms[0].usual) / sizeof(rooms[0].usual[0]))

/* High in low memory, where an image that lies low does not grow to; then all other RAM. */
static const struct window anywhere[] = {
	{0x90000, BOOT_EBDA_GPA}, {0x500, 0x90000}, {BOOT_HIGH_GPA, GUEST_MEMORY_MAX}};
#define ROOMS (sizeof(rooms) / sizeof(rooms[0]))

_Static_assert(ROOMS + 1 + ELF_PIECES_MAX <=
		       sizeof(((struct load_space *)0)->taken) / sizeof(struct taken),
	"every piece, every room and the EBDA can be taken");

void layout_take(struct load_space *space, const char *what, uint64_t from, uint64_t bytes)
{
	struct taken *taken = &space->taken[space->n++];

	*taken = (struct taken){.from = from, .to = from + bytes};
	snprintf(taken->what, sizeof(taken->what), "%s", what);
}

/* Who lies within. */
static const struct taken *find_taken(const struct load_space *space, uint64_t from, uint64_t to)
{
	for (unsigned i = 0; i < space->n; i++) {
		if (space->taken[i].from < to && from < space->taken[i].to)
			return &space->taken[i];
	}
	return NULL;
}

static uint64_t find_place(const struct loader *loader, const struct room *room, struct window in)
{
	uint64_t end = in.to < loader->mem->size ? in.to : loader->mem->size;

	for (uint64_t at = in.from; at <= end && end - at >= room->bytes;) {
		const struct taken *taken = find_taken(loader->space, at, at + room->bytes);

		if (!taken)
			return at;
		at = (taken->to + room->align - 1) & -room->align;
	}
	return NOWHERE;
}

static uint64_t find_first(const struct loader *loader, const struct room *room,
	const struct window *windows, size_t n)
{
	uint64_t at = NOWHERE;

	for (size_t i = 0; i < n && at == NOWHERE; i++)
		at = find_place(loader, room, windows[i]);
	return at;
}

/* Of the image, whose pieces were there first. */
static const struct taken *find_culprit(const struct loader *loader, const struct room *room)
{
	for (size_t i = 0; i < USUAL; i++) {
		const struct taken *taken =
			find_taken(loader->space, room->usual[i].from, room->usual[i].to);

		if (taken)
			return taken;
	}
	return &loader->space->taken[0];
}

static int refuse(const struct loader *loader, const struct room *room)
{
	const struct taken *who = find_culprit(loader, room);
	unsigned long long from = who->from, size = who->to - who->from, bytes = room->bytes;
	const struct window *in = room->usual;
	char or [64] = "";

	if (room->anywhere)
		return load_refuse(loader, -E2BIG,
			"%s: 0x%llx bytes at 0x%llx leave no room for %s; expected 0x%llx bytes of "
			"RAM that the image does not take: use a larger --mem",
			who->what, size, from, room->name, bytes);
	if (in[1].to)
		snprintf(or, sizeof(or), " or 0x%llx to 0x%llx", (unsigned long long)in[1].from,
			(unsigned long long)in[1].to);
	return load_refuse(loader, -ENOEXEC,
		"%s: 0x%llx bytes at 0x%llx leave no room for %s; expected 0x%llx free bytes "
		"within 0x%llx to 0x%llx%s",
		who->what, size, from, room->name, bytes, (unsigned long long)in[0].from,
		(unsigned long long)in[0].to, or);
}

static int place(const struct loader *loader, const struct room *room)
{
	uint64_t at = find_first(loader, room, room->usual, USUAL);

	if (at == NOWHERE && room->anywhere)
		at = find_first(loader, room, anywhere, sizeof(anywhere) / sizeof(anywhere[0]));
	if (at == NOWHERE)
		return refuse(loader, room);
	layout_take(loader->space, room->name, at, room->bytes);
	memcpy((char *)loader->layout + room->field, &at, sizeof(at));
	return 0;
}

/* Without the word that says where it is, nobody finds what is in the EBDA. */
static void hide_ebda(struct load_space *space)
{
	const struct taken *word =
		find_taken(space, BOOT_EBDA_WORD_GPA, BOOT_EBDA_WORD_GPA + sizeof(uint16_t));

	if (!word)
		return;
	struct taken *hidden = &space->taken[space->n++];

	*hidden = *word;
	hidden->from = BOOT_EBDA_GPA;
	hidden->to = BOOT_LOW_END_GPA;
}

int layout_choose(const struct loader *loader)
{
	int err = 0;

	hide_ebda(loader->space);
	for (size_t i = 0; i < ROOMS && !err; i++)
		err = place(loader, &rooms[i]);
	if (!err && loader->layout->mp < BOOT_LOW_END_GPA)
		loader->layout->ebda = BOOT_EBDA_GPA;
	return err;
}

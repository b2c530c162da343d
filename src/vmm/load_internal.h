/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the loader share; included by load*.c only.
 * Callers outside the loader use load.h. */
#ifndef VMM_LOAD_INTERNAL_H
#define VMM_LOAD_INTERNAL_H

#include "load.h"

#include <stdbool.h>

#define ELF_PIECES_MAX 64

/* What of guest RAM is in use: the image's pieces, then tickvm's own. */
struct load_space {
	struct taken {
		uint64_t from, to;
		char what[32]; /* "segment 2" */
	} taken[ELF_PIECES_MAX + 8];
	unsigned n;
};

/* One load_image() call. */
struct loader {
	struct guest_memory *mem;
	const struct load_request *request;
	struct load_space *space;
	struct boot_layout *layout; /* from layout_choose() on */
	struct diag *diag;
};

/* Sets the diag to "NAME: " and the sentence; returns err. */
__attribute__((format(printf, 3, 4))) int load_refuse(
	const struct loader *loader, int err, const char *format, ...);

/* A piece of the file, already known to lie in it unless file_bytes is 0, and where it goes.
 * mem_bytes >= file_bytes; the rest is zero. */
struct load_piece {
	uint64_t gpa, mem_bytes;
	uint64_t offset, file_bytes;
};

/* Copies a piece to guest RAM, or refuses it; what names it: "segment 2". */
int load_place(const struct loader *loader, const char *what, const struct load_piece *piece);

/* When every piece is placed: finds places for what is tickvm's own. */
int layout_choose(const struct loader *loader);
void layout_take(struct load_space *space, const char *what, uint64_t from, uint64_t bytes);

struct memory_range {
	uint64_t base, length;
	uint32_t type;
};
/* Both Xen's memory map and Multiboot's use the numbers of E820. */
#define RANGE_RAM      1
#define RANGE_RESERVED 2
#define MEMORY_RANGES  3

void load_memory_map(const struct loader *loader, struct memory_range ranges[MEMORY_RANGES]);

/* ---- ELF ---- */

struct elf_image {
	uint64_t entry; /* e_entry, as written */
	unsigned count;
	struct elf_piece {
		unsigned index; /* of its program header */
		uint64_t vaddr;
		struct load_piece piece;
	} pieces[ELF_PIECES_MAX]; /* PT_LOAD with memory */
	bool has_pvh;             /* the entry lies in a segment */
	uint64_t pvh_entry;
	struct diag bad_note; /* why a note that may have been PVH's is none; else empty */
};

bool elf_is(const struct load_request *request);
/* Checks the file against itself, guest memory aside. */
int elf_read(const struct loader *loader, struct elf_image *image);
/* Places every segment. */
int elf_place(const struct loader *loader, const struct elf_image *image);
/* Whether a segment covers this guest-physical address. */
bool elf_covers(const struct elf_image *image, uint64_t gpa);

/* ---- protocols ---- */

int load_pvh(const struct loader *loader, const struct elf_image *image, struct boot_state *boot);
#define MULTIBOOT_SEARCH_BYTES 8192u /* where a header must lie: Multiboot 0.6.96, 3.1 */
/* image: NULL when the file is not ELF. */
int load_multiboot(
	const struct loader *loader, const struct elf_image *image, struct boot_state *boot);

/* Refuses a file that is no image, by the name of what it is where that is known. elf: it is one,
 * without a header. */
int load_refuse_unknown(const struct loader *loader, bool elf);

#endif

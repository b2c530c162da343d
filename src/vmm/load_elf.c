/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF through libelf: checks headers, segments and notes of a hostile file, then places its
 * segments. It knows no boot protocol beyond finding the PVH note's value; sections are not looked
 * at. */
#include "load_internal.h"

#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define NOTES_MAX                (64U << 10) /* a kernel's notes have a few hundred bytes */

bool elf_is(const struct load_request *request)
{
	return request->size >= SELFMAG && memcmp(request->image, ELFMAG, SELFMAG) == 0;
}

/* What libelf would convert or reject without a word of its own. */
static int check_ident(const struct loader *loader)
{
	const uint8_t *ident = loader->request->image;
	size_t size = loader->request->size;

	if (size < EI_NIDENT)
		return load_refuse(loader, -ENOEXEC,
			"truncated ELF header: %zu bytes, expected %zu", size, sizeof(Elf32_Ehdr));
	if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
		return load_refuse(loader, -ENOEXEC,
			"EI_CLASS is %u; expected 1 (ELF32) or 2 (ELF64)", ident[EI_CLASS]);
	if (ident[EI_DATA] != ELFDATA2LSB)
		return load_refuse(loader, -ENOEXEC, "EI_DATA is %u; expected 1 (little endian)",
			ident[EI_DATA]);
	if (ident[EI_VERSION] != EV_CURRENT)
		return load_refuse(
			loader, -ENOEXEC, "EI_VERSION is %u; expected 1", ident[EI_VERSION]);

	size_t header = ident[EI_CLASS] == ELFCLASS64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	if (size < header)
		return load_refuse(loader, -ENOEXEC,
			"truncated ELF header: %zu bytes, expected %zu", size, header);
	return 0;
}

static int check_header(const struct loader *loader, int class, const GElf_Ehdr *header)
{
	unsigned machine = class == ELFCLASS64 ? EM_X86_64 : EM_386;
	size_t entry_size = class == ELFCLASS64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	uint64_t size = loader->request->size;

	if (header->e_machine != machine)
		return load_refuse(loader, -ENOEXEC, "e_machine is %u; expected %u (%s)",
			header->e_machine, machine, class == ELFCLASS64 ? "x86-64" : "i386");
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return load_refuse(loader, -ENOEXEC, "e_type is %u; expected 2 or 3 (executable)",
			header->e_type);
	if (header->e_phnum == 0 || header->e_phnum > ELF_PIECES_MAX)
		return load_refuse(loader, -ENOEXEC,
			"e_phnum is %u; expected 1 to %u program headers", header->e_phnum,
			ELF_PIECES_MAX);
	if (header->e_phentsize != entry_size)
		return load_refuse(loader, -ENOEXEC, "e_phentsize is %u; expected %zu",
			header->e_phentsize, entry_size);
	if (header->e_phoff > size || header->e_phnum * entry_size > size - header->e_phoff)
		return load_refuse(loader, -ENOEXEC,
			"e_phoff: %u program headers at 0x%" PRIx64
			" are not within the file's 0x%" PRIx64 " bytes",
			header->e_phnum, header->e_phoff, size);
	return 0;
}

/* Of a segment without bytes in the file nothing is read, wherever p_offset points. */
static int check_in_file(const struct loader *loader, unsigned index, const GElf_Phdr *ph)
{
	uint64_t size = loader->request->size;

	if (ph->p_filesz == 0)
		return 0;
	if (ph->p_offset > size || ph->p_filesz > size - ph->p_offset)
		return load_refuse(loader, -ENOEXEC,
			"segment %u: p_offset 0x%" PRIx64 " and p_filesz 0x%" PRIx64
			" are not within the file's 0x%" PRIx64 " bytes",
			index, ph->p_offset, ph->p_filesz, size);
	return 0;
}

static bool overlap(const struct load_piece *a, const struct load_piece *b)
{
	return a->gpa < b->gpa + b->mem_bytes && b->gpa < a->gpa + a->mem_bytes;
}

static int add_segment(
	const struct loader *loader, struct elf_image *image, unsigned index, const GElf_Phdr *ph)
{
	int err = check_in_file(loader, index, ph);

	if (err)
		return err;
	if (ph->p_filesz > ph->p_memsz)
		return load_refuse(loader, -ENOEXEC,
			"segment %u: p_filesz 0x%" PRIx64 " exceeds p_memsz 0x%" PRIx64, index,
			ph->p_filesz, ph->p_memsz);
	if (ph->p_memsz > UINT64_MAX - ph->p_paddr)
		return load_refuse(loader, -ENOEXEC,
			"segment %u: p_paddr 0x%" PRIx64 " and p_memsz 0x%" PRIx64
			" exceed the address space",
			index, ph->p_paddr, ph->p_memsz);
	if (ph->p_memsz == 0)
		return 0;

	struct elf_piece *new = &image->pieces[image->count];
	*new = (struct elf_piece){
		index, ph->p_vaddr, {ph->p_paddr, ph->p_memsz, ph->p_offset, ph->p_filesz}};
	for (unsigned i = 0; i < image->count; i++)
		if (overlap(&image->pieces[i].piece, &new->piece))
			return load_refuse(loader, -ENOEXEC,
				"segment %u: p_paddr 0x%" PRIx64 " overlaps segment %u", index,
				ph->p_paddr, image->pieces[i].index);
	image->count++;
	return 0;
}

static int take_pvh_note(
	const struct loader *loader, struct elf_image *image, const uint8_t *desc, size_t size)
{
	uint32_t entry32;

	if (size == sizeof(uint64_t)) {
		memcpy(&image->pvh_entry, desc, sizeof(uint64_t));
	} else if (size == sizeof(uint32_t)) {
		memcpy(&entry32, desc, sizeof(uint32_t));
		image->pvh_entry = entry32;
	} else {
		return load_refuse(loader, -ENOEXEC,
			"PVH note (Xen, type %u): n_descsz is %zu; expected 4 or 8",
			XEN_ELFNOTE_PHYS32_ENTRY, size);
	}
	image->has_pvh = true;
	return 0;
}

/* Walks one segment's notes, each padded to what type says. */
static int walk_notes(const struct loader *loader, struct elf_image *image, Elf *elf,
	unsigned index, const GElf_Phdr *ph, Elf_Type type)
{
	Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)ph->p_offset, ph->p_filesz, type);
	if (!data)
		return load_refuse(
			loader, -ENOEXEC, "segment %u: notes: %s", index, elf_errmsg(-1));

	const uint8_t *bytes = data->d_buf;
	size_t at = 0;
	while (at < data->d_size) {
		GElf_Nhdr note;
		size_t name, desc, next = gelf_getnote(data, at, &note, &name, &desc);
		if (next == 0)
			return load_refuse(loader, -ENOEXEC,
				"segment %u: the note at 0x%zx exceeds p_filesz 0x%" PRIx64, index,
				at, ph->p_filesz);
		if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY && note.n_namesz == sizeof("Xen") &&
			memcmp(bytes + name, "Xen", sizeof("Xen")) == 0)
			return take_pvh_note(loader, image, bytes + desc, note.n_descsz);
		at = next;
	}
	return 0;
}

/* p_align says how notes are padded, and is often wrong: ld joins 4-byte aligned notes and 8-byte
 * aligned ones in one segment, and patchelf leaves gaps. So the other padding is tried too. */
static int read_notes(const struct loader *loader, struct elf_image *image, Elf *elf,
	unsigned index, const GElf_Phdr *ph)
{
	struct diag unused;
	struct loader second = *loader;
	Elf_Type type = ph->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
	Elf_Type other = ph->p_align == 8 ? ELF_T_NHDR : ELF_T_NHDR8;
	int err = check_in_file(loader, index, ph);

	if (err || ph->p_filesz == 0)
		return err;
	if (ph->p_filesz > NOTES_MAX)
		return load_refuse(loader, -ENOEXEC,
			"segment %u: p_filesz 0x%" PRIx64 "; expected at most 0x%x bytes of notes",
			index, ph->p_filesz, NOTES_MAX);
	err = walk_notes(loader, image, elf, index, ph, type);
	second.diag = &unused;
	if (!image->has_pvh)
		(void)walk_notes(&second, image, elf, index, ph, other);
	return image->has_pvh ? 0 : err;
}

/* A bad note counts only where nothing else says how to boot the image: the first complaint is
 * kept for then. */
static void look_for_pvh_note(const struct loader *loader, struct elf_image *image, Elf *elf,
	unsigned index, const GElf_Phdr *ph)
{
	struct diag why;
	struct loader notes = *loader;

	notes.diag = &why;
	if (read_notes(&notes, image, elf, index, ph) && image->bad_note.text[0] == '\0')
		image->bad_note = why;
}

static void check_pvh_entry(const struct loader *loader, struct elf_image *image)
{
	struct loader notes = *loader;

	if (!image->has_pvh || elf_covers(image, image->pvh_entry))
		return;
	notes.diag = &image->bad_note;
	load_refuse(&notes, -ENOEXEC,
		"PVH note: entry 0x%" PRIx64 " is not within a loaded segment", image->pvh_entry);
	image->has_pvh = false;
}

static int read_program_headers(
	const struct loader *loader, struct elf_image *image, Elf *elf, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		GElf_Phdr ph;
		if (!gelf_getphdr(elf, (int)i, &ph))
			return load_refuse(
				loader, -ENOEXEC, "program header %u: %s", i, elf_errmsg(-1));
		int err = ph.p_type == PT_LOAD ? add_segment(loader, image, i, &ph) : 0;
		if (err)
			return err;
		if (ph.p_type == PT_NOTE && !image->has_pvh)
			look_for_pvh_note(loader, image, elf, i, &ph);
	}
	check_pvh_entry(loader, image);
	return 0;
}

int elf_read(const struct loader *loader, struct elf_image *image)
{
	const struct load_request *request = loader->request;
	GElf_Ehdr header;
	int err = check_ident(loader);

	if (err)
		return err;
	elf_version(EV_CURRENT);
	/* elf_memory() wants a writable pointer, but a little-endian file that is only read is
	 * never written to. */
	Elf *elf = elf_memory((char *)(uintptr_t)request->image, request->size);
	if (!elf || !gelf_getehdr(elf, &header)) {
		err = load_refuse(loader, -ENOEXEC, "ELF header: %s", elf_errmsg(-1));
		goto out;
	}
	image->entry = header.e_entry;
	err = check_header(loader, gelf_getclass(elf), &header);
	if (!err)
		err = read_program_headers(loader, image, elf, header.e_phnum);
out:
	elf_end(elf);
	return err;
}

int elf_place(const struct loader *loader, const struct elf_image *image)
{
	if (image->count == 0)
		return load_refuse(loader, -ENOEXEC,
			"no segment to load; expected a program header of type PT_LOAD");
	for (unsigned i = 0; i < image->count; i++) {
		char what[32];
		snprintf(what, sizeof(what), "segment %u", image->pieces[i].index);
		int err = load_place(loader, what, &image->pieces[i].piece);
		if (err)
			return err;
	}
	return 0;
}

bool elf_covers(const struct elf_image *image, uint64_t gpa)
{
	for (unsigned i = 0; i < image->count; i++) {
		const struct load_piece *piece = &image->pieces[i].piece;
		if (gpa >= piece->gpa && gpa - piece->gpa < piece->mem_bytes)
			return true;
	}
	return false;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a sweep's file and what it includes: sections, their keys, and [sweep] itself.
 * Which cells that makes is sweep_plan.c's business. */
#include "sweep_file.h"

#include "sweep_ini.h"

#include "tickvm/ini_file.h"
#include "tickvm/input.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 64

/* sweeps/quick.ini, in embedded.S */
extern const char sweep_quick[], sweep_quick_end[];

struct sweep_text {
	struct sweep_text *next;
	char text[];
};

/* One file; the one that includes it is below. */
struct reading {
	struct sweep_plan *plan;
	struct sweep_ini *ini;
	struct reading *includer; /* NULL: the sweep's own file */
	FILE *file;
	const char *path;
	const char
		*directory; /* of the sweep's own file, "" or "sweeps/": nobody reads elsewhere */
	bool in_sweep;
	unsigned sweep_line; /* of [sweep]; 0: not yet */
	size_t section;      /* index of the one that keys belong to, unless in_sweep */
	bool in_section;
	unsigned given[8]; /* lines of [sweep]'s keys in this file; 0: not yet */
	unsigned *files;   /* read until now */
};

const char *sweep_keep(struct sweep_plan *plan, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	struct sweep_text *text = malloc(sizeof(*text) + (size_t)length + 1);

	if (text != NULL) {
		vsnprintf(text->text, (size_t)length + 1, format, again);
		text->next = plan->texts;
		plan->texts = text;
	}
	va_end(again);
	va_end(args);
	return text == NULL ? NULL : text->text;
}

void sweep_place(char place[INI_PLACE_MAX], const struct sweep_setting *setting)
{
	ini_place(place, setting->path, setting->line, setting->included ? NULL : setting->key,
		setting->value);
}

void sweep_say(struct diag *diag, const struct sweep_setting *setting, const char *format, ...)
{
	char text[sizeof(diag->text)], place[INI_PLACE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sweep_place(place, setting);
	diag_set(diag, -EINVAL, "%s: %s", place, text);
}

static int no_memory(struct diag *diag)
{
	diag_set(diag, -ENOMEM, "no memory for the sweep's file");
	return -ENOMEM;
}

/* ---- [sweep] ---- */

static int take_number(const struct sweep_setting *setting, const char *unit, uint64_t min,
	uint64_t max, uint64_t *value, struct diag *diag)
{
	const char *text = setting->value;
	char *end;

	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || errno != 0 || number < min || number > max ||
		(*end != '\0' && strcmp(end, unit) != 0))
		return sweep_complain(diag, setting, "expected a number from %llu to %llu%s",
			(unsigned long long)min, (unsigned long long)max, unit);
	*value = number;
	return 0;
}

static int take_flag(const struct sweep_setting *setting, bool *flag, struct diag *diag)
{
	*flag = strcmp(setting->value, "true") == 0;
	if (!*flag && strcmp(setting->value, "false") != 0)
		return sweep_complain(diag, setting, "expected true or false");
	return 0;
}

static int read_included(struct reading *r, const struct sweep_setting *setting, struct diag *diag);

static int take_sweep(struct reading *r, const struct sweep_setting *setting, struct diag *diag)
{
	static const char *const keys[] = {
		"name", "rounds", "mark", "repeat", "repeats", "events", "include", NULL};
	struct sweep_plan *plan = r->plan;
	unsigned key = 0;

	while (keys[key] != NULL && strcmp(keys[key], setting->key) != 0)
		key++;
	if (keys[key] != NULL && strcmp(keys[key], "include") != 0) {
		if (r->given[key] != 0)
			return sweep_complain(
				diag, setting, "given twice; first on line %u", r->given[key]);
		r->given[key] = setting->line;
	}
	switch (key) {
	case 0:
		plan->name = setting->value;
		return 0;
	case 1:
		return take_number(setting, "", 1, SWEEP_ROUNDS_MAX, &plan->rounds, diag);
	case 2:
		return take_number(setting, "%", 1, 1000, &plan->mark_percent, diag);
	case 3:
		return take_number(setting, "%", 1, 1000, &plan->repeat_percent, diag);
	case 4:
		return take_number(setting, "", 0, SWEEP_REPEATS_MAX, &plan->repeats, diag);
	case 5:
		return take_flag(setting, &plan->events, diag);
	case 6:
		return read_included(r, setting, diag);
	default:
		return sweep_complain(diag, setting,
			"no such key in [sweep]; expected name, rounds, mark, repeat, repeats, "
			"events or include");
	}
}

/* ---- sections ---- */

static const char *const kind_names[] = {
	[SECTION_MACHINE] = "machine",
	[SECTION_BENCH] = "bench",
	[SECTION_MATRIX] = "matrix",
	[SECTION_CELL] = "cell",
};
#define KINDS (sizeof(kind_names) / sizeof(kind_names[0]))

/* What is wrong with a section, by its name in the file. */
static int complain_section(
	const struct reading *r, const struct ini_line *line, const char *what, struct diag *diag)
{
	return diag_set(diag, -EINVAL, "%s:%u: [%.80s]: %s", line->path, line->number,
		sweep_shown(r->includer != NULL, line->section), what);
}

static int check_name(const struct reading *r, const struct ini_line *line,
	enum sweep_section_kind kind, const char *name, struct diag *diag)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_.+-/";
	char there[300];

	if (*name == '\0' && kind == SECTION_MATRIX)
		return 0;
	if (*name == '\0' || strspn(name, good) != strlen(name))
		return complain_section(
			r, line, "expected a name of letters, digits and any of _ . + - /", diag);
	for (size_t i = 0; i < r->ini->n; i++) {
		const struct sweep_section *other = &r->ini->sections[i];

		if (other->kind != kind || strcmp(other->name, name) != 0)
			continue;
		snprintf(there, sizeof(there), "there is one already, %.250s:%u", other->path,
			other->line);
		return complain_section(r, line, there, diag);
	}
	return 0;
}

static int add_section(struct reading *r, enum sweep_section_kind kind, const char *name,
	const struct ini_line *line, struct diag *diag)
{
	struct sweep_ini *ini = r->ini;
	struct sweep_section *sections =
		realloc(ini->sections, (ini->n + 1) * sizeof(*ini->sections));

	if (sections == NULL)
		return no_memory(diag);
	ini->sections = sections;
	sections[ini->n] = (struct sweep_section){.kind = kind,
		.name = sweep_keep(r->plan, "%s", name),
		.path = r->path,
		.line = line->number,
		.included = r->includer != NULL};
	if (sections[ini->n].name == NULL)
		return no_memory(diag);
	r->section = ini->n++;
	return 0;
}

static int begin_sweep(struct reading *r, const struct ini_line *line, struct diag *diag)
{
	char there[64];

	if (r->sweep_line != 0) {
		snprintf(there, sizeof(there), "there is one already, on line %u", r->sweep_line);
		return complain_section(r, line, there, diag);
	}
	r->sweep_line = line->number;
	return 0;
}

static int begin_section(struct reading *r, const struct ini_line *line, struct diag *diag)
{
	size_t length = strcspn(line->section, " \t");
	const char *name = line->section + length + strspn(line->section + length, " \t");

	r->in_sweep = strcmp(line->section, "sweep") == 0;
	r->in_section = true;
	if (r->in_sweep)
		return begin_sweep(r, line, diag);
	for (unsigned kind = 0; kind < KINDS; kind++) {
		if (strlen(kind_names[kind]) != length ||
			memcmp(kind_names[kind], line->section, length) != 0)
			continue;
		int err = check_name(r, line, kind, name, diag);

		return err < 0 ? err : add_section(r, kind, name, line, diag);
	}
	return complain_section(r, line,
		"no such section; expected [sweep], [machine NAME], [bench NAME], [matrix] or "
		"[cell NAME]",
		diag);
}

static int add_setting(
	struct sweep_section *section, const struct sweep_setting *setting, struct diag *diag)
{
	for (size_t i = 0; i < section->n; i++) {
		if (strcmp(section->settings[i].key, setting->key) == 0)
			return sweep_complain(diag, setting, "given twice; first on line %u",
				section->settings[i].line);
	}
	struct sweep_setting *settings =
		realloc(section->settings, (section->n + 1) * sizeof(*settings));

	if (settings == NULL)
		return no_memory(diag);
	section->settings = settings;
	settings[section->n++] = *setting;
	return 0;
}

static int take_line(void *user, const struct ini_line *line, struct diag *diag)
{
	struct reading *r = user;

	if (line->key == NULL)
		return begin_section(r, line, diag);
	const struct sweep_setting setting = {.key = sweep_keep(r->plan, "%s", line->key),
		.value = sweep_keep(r->plan, "%s", line->value),
		.path = r->path,
		.line = line->number,
		.included = r->includer != NULL};

	if (setting.key == NULL || setting.value == NULL)
		return no_memory(diag);
	if (r->in_sweep)
		return take_sweep(r, &setting, diag);
	if (r->in_section)
		return add_setting(&r->ini->sections[r->section], &setting, diag);
	if (strcmp(setting.key, "include") == 0)
		return read_included(r, &setting, diag);
	return sweep_complain(diag, &setting, "expected a [section] before it, or include = FILE");
}

/* ---- files ---- */

static bool is_being_read(const struct reading *r, const struct stat *file)
{
	for (; r != NULL; r = r->includer) {
		struct stat other;

		if (fstat(fileno(r->file), &other) == 0 && other.st_dev == file->st_dev &&
			other.st_ino == file->st_ino)
			return true;
	}
	return false;
}

static int open_included(struct reading *r, const struct reading *includer,
	const struct sweep_setting *setting, struct diag *diag)
{
	const char *shown = sweep_shown(setting->included, r->path);
	const char *below = setting->value[0] == '/' ? r->path : r->path + strlen(r->directory);
	struct stat file;
	struct diag why;
	int err = input_stream_below(&r->file, r->directory, below, &why);

	if (err < 0)
		return sweep_complain(diag, setting, "cannot open %s: %s", shown, why.text);
	if (fstat(fileno(r->file), &file) < 0 || is_being_read(includer, &file))
		return sweep_complain(diag, setting, "%s includes itself that way", shown);
	if (++*r->files > FILES_MAX)
		return sweep_complain(diag, setting, "more than %d files", FILES_MAX);
	return 0;
}

/* The length of a path up to its last slash. */
static int directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? 0 : (int)(slash - path) + 1;
}

/* Relative to the file that says so. */
static int read_included(
	struct reading *includer, const struct sweep_setting *setting, struct diag *diag)
{
	int directory = setting->value[0] == '/' ? 0 : directory_length(includer->path);
	struct reading r = {.plan = includer->plan,
		.ini = includer->ini,
		.includer = includer,
		.path = sweep_keep(
			includer->plan, "%.*s%s", directory, includer->path, setting->value),
		.directory = includer->directory,
		.files = includer->files};

	if (r.path == NULL)
		return no_memory(diag);
	int err = open_included(&r, includer, setting, diag);

	if (err == 0)
		err = ini_file_read(
			r.file, r.path, take_line, &r, includer->plan->complaints, diag);
	if (r.file != NULL)
		fclose(r.file);
	return err;
}

static int open_built_in(FILE **file, struct diag *why)
{
	/* fmemopen() is not asked to write. */
	*file = fmemopen(
		(void *)(uintptr_t)sweep_quick, (size_t)(sweep_quick_end - sweep_quick), "r");
	return *file != NULL ? 0 : diag_set(why, -ENOMEM, "no memory");
}

static int read_all(
	struct sweep_plan *plan, struct sweep_ini *ini, const char *path, struct diag *diag)
{
	unsigned files = 1;
	struct reading r = {.plan = plan, .ini = ini, .files = &files};
	struct diag why;

	r.path = path != NULL ? path : "sweeps/quick.ini (built in)";
	r.directory = sweep_keep(plan, "%.*s", directory_length(r.path), r.path);
	if (r.directory == NULL)
		return no_memory(diag);
	int err = path != NULL ? input_stream(&r.file, path, &why) : open_built_in(&r.file, &why);

	if (err < 0)
		return diag_set(diag, err, "%s: cannot open it: %s", r.path, why.text);
	err = ini_file_read(r.file, r.path, take_line, &r, plan->complaints, diag);

	fclose(r.file);
	return err;
}

int sweep_file_read(struct sweep_plan *plan, const char *path, const struct machine_maker *maker,
	struct ini_complaints *complaints, struct diag *diag)
{
	struct sweep_ini ini = {.n = 0};

	*plan = (struct sweep_plan){.name = "sweep",
		.rounds = 8,
		.mark_percent = 10,
		.repeat_percent = 30,
		.repeats = 2,
		.complaints = complaints};
	int err = read_all(plan, &ini, path, diag);

	if (err == 0 && ini.n == 0 && (complaints == NULL || complaints->n == 0))
		err = diag_set(diag, -EINVAL, "%s: expected a [matrix] or a [cell NAME]",
			path != NULL ? path : "sweeps/quick.ini");
	if (err == 0)
		err = sweep_plan_make(plan, &ini, maker, diag);
	for (size_t i = 0; i < ini.n; i++)
		free(ini.sections[i].settings);
	free(ini.sections);
	return err;
}

void sweep_file_free(struct sweep_plan *plan)
{
	while (plan->texts != NULL) {
		struct sweep_text *next = plan->texts->next;

		free(plan->texts);
		plan->texts = next;
	}
	free(plan->cells);
	plan->cells = NULL;
	plan->n = 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Cells from a sweep's sections: the cross products of [matrix] and each [cell NAME], all checked
 * before any is run. It reads no file. */
#include "sweep_ini.h"

#include "tickvm/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_MAX   64
#define PARAMETERS_MAX 16

/* What a cell is made of, before it is one. */
struct recipe {
	const char *name;
	const struct sweep_section *made_by;
	const struct sweep_section *machine;     /* NULL: as the command line has it */
	const struct sweep_section *settings_of; /* the [bench NAME], or NULL */
	const struct bench *bench;
	struct sweep_setting own[PARAMETERS_MAX + 2]; /* over the sections' */
	size_t n_own;
};

struct making {
	struct sweep_plan *plan;
	const struct sweep_ini *ini;
	const struct machine_maker *maker;
	struct diag *diag;
};

static int no_memory(struct diag *diag)
{
	diag_set(diag, -ENOMEM, "no memory for the sweep's cells");
	return -ENOMEM;
}

static const struct sweep_section *find_section(
	const struct sweep_ini *ini, enum sweep_section_kind kind, const char *name)
{
	for (size_t i = 0; i < ini->n; i++) {
		if (ini->sections[i].kind == kind && strcmp(ini->sections[i].name, name) == 0)
			return &ini->sections[i];
	}
	return NULL;
}

static const struct sweep_setting *find_setting(
	const struct sweep_section *section, const char *key)
{
	for (size_t i = 0; section != NULL && i < section->n; i++) {
		if (strcmp(section->settings[i].key, key) == 0)
			return &section->settings[i];
	}
	return NULL;
}

static int find_machine(const struct making *m, const struct sweep_setting *by, const char *name,
	struct recipe *recipe)
{
	recipe->machine = find_section(m->ini, SECTION_MACHINE, name);
	if (recipe->machine != NULL)
		return 0;
	return sweep_complain(
		m->diag, by, "there is no [machine %.80s]", sweep_shown(by->included, name));
}

/* A [bench NAME] says which experiment it is, unless that is its name. */
static int find_bench(const struct making *m, const struct sweep_setting *by, const char *name,
	struct recipe *recipe)
{
	recipe->settings_of = find_section(m->ini, SECTION_BENCH, name);
	const struct sweep_setting *is = find_setting(recipe->settings_of, "bench");

	recipe->bench = cell_find_bench(is != NULL ? is->value : name);
	if (recipe->bench != NULL)
		return 0;
	if (is != NULL)
		return sweep_complain(
			m->diag, is, "no such experiment; expected one of tickvm bench list");
	if (recipe->settings_of != NULL)
		return diag_set(m->diag, -EINVAL,
			"%s:%u: [bench %.80s]: no such experiment; expected bench = one of tickvm "
			"bench list",
			recipe->settings_of->path, recipe->settings_of->line,
			sweep_shown(recipe->settings_of->included, name));
	return sweep_complain(m->diag, by,
		"there is no [bench %.80s] and no such experiment (tickvm bench list)",
		sweep_shown(by->included, name));
}

/* ---- one cell ---- */

/* What a recipe's sections say, sorted by whom it is for. */
struct sorted {
	struct machine_setting machine[SETTINGS_MAX];
	struct sweep_setting options[CELL_OPTIONS_MAX];
	size_t n_machine, n_options;
};

static int sort_one(
	const struct making *m, const struct sweep_setting *setting, struct sorted *sorted)
{
	size_t i = 0;

	if (m->maker->knows(m->maker->user, setting->key)) {
		if (sorted->n_machine == SETTINGS_MAX)
			return sweep_complain(m->diag, setting, "too many settings");
		char place[INI_PLACE_MAX];

		sweep_place(place, setting);
		const char *where = sweep_keep(m->plan, "%s", place);

		if (where == NULL)
			return no_memory(m->diag);
		sorted->machine[sorted->n_machine++] = (struct machine_setting){
			.key = setting->key, .value = setting->value, .where = where};
		return 0;
	}
	while (i < sorted->n_options && strcmp(sorted->options[i].key, setting->key) != 0)
		i++;
	if (i == CELL_OPTIONS_MAX)
		return sweep_complain(m->diag, setting, "too many options");
	sorted->options[i] = *setting;
	if (i == sorted->n_options)
		sorted->n_options++;
	return 0;
}

static int sort(const struct making *m, const struct recipe *recipe, struct sorted *sorted)
{
	const struct sweep_section *machine = recipe->machine, *bench = recipe->settings_of;
	int err = 0;

	sorted->n_machine = sorted->n_options = 0;
	for (size_t i = 0; machine != NULL && i < machine->n && err == 0; i++) {
		const struct sweep_setting *setting = &machine->settings[i];

		if (!m->maker->knows(m->maker->user, setting->key))
			return sweep_complain(m->diag, setting,
				"no machine option; tickvm sweep --help lists them");
		err = sort_one(m, setting, sorted);
	}
	for (size_t i = 0; bench != NULL && i < bench->n && err == 0; i++) {
		if (strcmp(bench->settings[i].key, "bench") != 0)
			err = sort_one(m, &bench->settings[i], sorted);
	}
	for (size_t i = 0; i < recipe->n_own && err == 0; i++)
		err = sort_one(m, &recipe->own[i], sorted);
	return err;
}

/* A flag is given by true and left out by false. */
static int add_option(
	const struct making *m, const struct sweep_setting *setting, struct cell *cell)
{
	if (strcmp(setting->value, "false") == 0)
		return 0;
	const char *text = strcmp(setting->value, "true") == 0
				   ? sweep_keep(m->plan, "--%s", setting->key)
				   : sweep_keep(m->plan, "--%s=%s", setting->key, setting->value);

	if (text == NULL)
		return no_memory(m->diag);
	cell->options[cell->n_options++] = text;
	return 0;
}

/* Does an included file say what the cell is? */
static bool is_included(const struct recipe *recipe)
{
	return recipe->made_by->included ||
	       (recipe->machine != NULL && recipe->machine->included) ||
	       (recipe->settings_of != NULL && recipe->settings_of->included);
}

static int complain_cell(const struct making *m, const struct recipe *recipe,
	const struct cell *cell, const char *what)
{
	return diag_set(m->diag, -EINVAL, "%s:%u: cell %.100s: %s", recipe->made_by->path,
		recipe->made_by->line, sweep_shown(recipe->made_by->included, cell->name), what);
}

/* The line of the option that is wrong by itself, where there is one; else the cell's. The
 * experiment's sentence quotes what it was given. */
static int blame(const struct making *m, const struct recipe *recipe, const struct sorted *sorted,
	const struct cell *cell, const struct diag *why)
{
	const char *shown = is_included(recipe) ? "the experiment does not take it; tickvm bench "
						  "NAME --help says what it takes"
						: why->text;

	for (size_t i = 0; i < sorted->n_options; i++) {
		struct cell alone = *cell;
		struct diag diag;

		alone.n_options = 0;
		if (add_option(m, &sorted->options[i], &alone) == 0 &&
			cell_check(&alone, &diag) < 0 && strcmp(diag.text, why->text) == 0)
			return sweep_complain(m->diag, &sorted->options[i], "%s", shown);
	}
	return complain_cell(m, recipe, cell, shown);
}

static int check_cell(const struct making *m, const struct recipe *recipe, const struct cell *cell)
{
	const struct sweep_plan *plan = m->plan;
	char text[160];

	for (size_t i = 0; i < plan->n; i++) {
		if (strcmp(plan->cells[i].name, cell->name) == 0)
			return complain_cell(m, recipe, cell, "there is one already");
	}
	snprintf(text, sizeof(text),
		"the name is longer than %d bytes; a [cell NAME] may have a shorter one",
		SWEEP_NAME_MAX);
	if (strlen(cell->name) > SWEEP_NAME_MAX)
		return complain_cell(m, recipe, cell, text);
	if (plan->n == SWEEP_CELLS_MAX)
		return diag_set(m->diag, -EINVAL, "%s:%u: more than %d cells",
			recipe->made_by->path, recipe->made_by->line, SWEEP_CELLS_MAX);
	return 0;
}

/* A cell's name is shown, and looked up in results files, whose texts are clean. NULL: no memory.
 */
static const char *cell_name(struct sweep_plan *plan, const char *name)
{
	char *clean = name != NULL ? text_clean(name, TEXT_LINE) : NULL;
	const char *kept = clean != NULL ? sweep_keep(plan, "%s", clean) : NULL;

	free(clean);
	return kept;
}

static int add_cell(const struct making *m, const struct recipe *recipe)
{
	struct sweep_plan *plan = m->plan;
	struct sorted sorted;
	struct diag why;
	struct cell cell = {
		.name = cell_name(plan, recipe->name), .bench = recipe->bench, .of_file = true};

	if (cell.name == NULL)
		return no_memory(m->diag);
	int err = check_cell(m, recipe, &cell);

	if (err < 0)
		return err;
	err = sort(m, recipe, &sorted);
	if (err == 0)
		err = m->maker->make(
			m->maker->user, sorted.machine, sorted.n_machine, &cell, m->diag);
	for (size_t i = 0; i < sorted.n_options && err == 0; i++)
		err = add_option(m, &sorted.options[i], &cell);
	if (err == 0 && cell_check(&cell, &why) < 0)
		err = blame(m, recipe, &sorted, &cell, &why);
	if (err < 0)
		return err;
	struct cell *cells = realloc(plan->cells, (plan->n + 1) * sizeof(*cells));

	if (cells == NULL)
		return no_memory(m->diag);
	plan->cells = cells;
	cells[plan->n++] = cell;
	return 0;
}

/* ---- [cell NAME] ---- */

static int make_one(const struct making *m, const struct sweep_section *section)
{
	struct recipe recipe = {.name = section->name, .made_by = section};
	int err = 0;

	for (size_t i = 0; i < section->n && err == 0; i++) {
		const struct sweep_setting *setting = &section->settings[i];

		if (strcmp(setting->key, "machine") == 0)
			err = find_machine(m, setting, setting->value, &recipe);
		else if (strcmp(setting->key, "bench") == 0)
			err = find_bench(m, setting, setting->value, &recipe);
		else if (recipe.n_own == PARAMETERS_MAX)
			err = sweep_complain(
				m->diag, setting, "too many options; put them into a [bench NAME]");
		else
			recipe.own[recipe.n_own++] = *setting;
	}
	if (err < 0)
		return err;
	if (recipe.bench != NULL)
		return add_cell(m, &recipe);
	return diag_set(m->diag, -EINVAL, "%s:%u: [cell %.80s]: expected a line bench = NAME",
		section->path, section->line, sweep_shown(section->included, section->name));
}

/* ---- [matrix] ---- */

/* One key of a matrix: its values one after the other. */
struct axis {
	const struct sweep_setting *setting;
	const char **values;
	size_t n, at;
};

struct matrix {
	const struct sweep_section *section;
	struct axis axes[PARAMETERS_MAX + 2]; /* the last turns fastest */
	size_t n;
};

static int split(const struct making *m, struct axis *axis)
{
	const char *text = axis->setting->value;

	for (;;) {
		size_t length = strcspn(text, ","), end = length, begin = strspn(text, " \t");

		while (end > begin && (text[end - 1] == ' ' || text[end - 1] == '\t'))
			end--;
		if (begin >= end)
			return sweep_complain(m->diag, axis->setting,
				"expected values with single commas between them");
		const char **values = realloc(axis->values, (axis->n + 1) * sizeof(*values));
		const char *value = sweep_keep(m->plan, "%.*s", (int)(end - begin), text + begin);

		axis->values = values != NULL ? values : axis->values;
		if (values == NULL || value == NULL)
			return no_memory(m->diag);
		values[axis->n++] = value;
		if (text[length] == '\0')
			return 0;
		text += length + 1;
	}
}

static int add_axis(
	const struct making *m, struct matrix *matrix, const struct sweep_setting *setting)
{
	if (setting == NULL)
		return 0;
	if (matrix->n == sizeof(matrix->axes) / sizeof(matrix->axes[0]))
		return sweep_complain(m->diag, setting, "more than %d keys", PARAMETERS_MAX);
	struct axis *axis = &matrix->axes[matrix->n++];

	*axis = (struct axis){.setting = setting};
	return split(m, axis);
}

/* Machines, benches, then the rest as it stands there. */
static int add_axes(const struct making *m, struct matrix *matrix)
{
	const struct sweep_section *section = matrix->section;
	int err = add_axis(m, matrix, find_setting(section, "machines"));

	if (err == 0)
		err = add_axis(m, matrix, find_setting(section, "benches"));
	for (size_t i = 0; i < section->n && err == 0; i++) {
		const char *key = section->settings[i].key;

		if (strcmp(key, "machines") != 0 && strcmp(key, "benches") != 0)
			err = add_axis(m, matrix, &section->settings[i]);
	}
	return err;
}

/* False: all have been there. */
static bool turn(struct matrix *matrix)
{
	for (size_t i = matrix->n; i-- > 0;) {
		if (++matrix->axes[i].at < matrix->axes[i].n)
			return true;
		matrix->axes[i].at = 0;
	}
	return false;
}

/* "MACHINE/BENCH/KEY=VALUE", what does not vary left out but for the bench. */
static int add_point(const struct making *m, const struct matrix *matrix)
{
	struct recipe recipe = {.name = "", .made_by = matrix->section};
	int err = 0;

	for (size_t i = 0; i < matrix->n && err == 0; i++) {
		const struct axis *axis = &matrix->axes[i];
		const char *key = axis->setting->key, *value = axis->values[axis->at];
		bool machine = strcmp(key, "machines") == 0, bench = strcmp(key, "benches") == 0;

		if (machine) {
			err = find_machine(m, axis->setting, value, &recipe);
		} else if (bench) {
			err = find_bench(m, axis->setting, value, &recipe);
		} else {
			recipe.own[recipe.n_own] = *axis->setting;
			recipe.own[recipe.n_own++].value = value;
		}
		if (recipe.name == NULL || (axis->n == 1 && !bench && !machine))
			continue;
		recipe.name = sweep_keep(m->plan, "%s%s%s%s%s", recipe.name,
			recipe.name[0] != '\0' ? "/" : "", machine || bench ? "" : key,
			machine || bench ? "" : "=", value);
	}
	return err < 0 ? err : add_cell(m, &recipe);
}

static int make_matrix(const struct making *m, const struct sweep_section *section)
{
	struct matrix matrix = {.section = section};
	int err = 0;

	if (find_setting(section, "benches") == NULL)
		return diag_set(m->diag, -EINVAL,
			"%s:%u: [matrix]: expected a line benches = NAME, NAME", section->path,
			section->line);
	err = add_axes(m, &matrix);
	do {
		if (err == 0)
			err = add_point(m, &matrix);
	} while (err == 0 && turn(&matrix));
	for (size_t i = 0; i < matrix.n; i++)
		free(matrix.axes[i].values);
	return err;
}

int sweep_plan_make(struct sweep_plan *plan, const struct sweep_ini *ini,
	const struct machine_maker *maker, struct diag *diag)
{
	const struct making m = {.plan = plan, .ini = ini, .maker = maker, .diag = diag};
	int err = 0;

	for (size_t i = 0; i < ini->n && err == 0; i++) {
		const struct sweep_section *section = &ini->sections[i];

		if (section->kind == SECTION_MATRIX)
			err = make_matrix(&m, section);
		else if (section->kind == SECTION_CELL)
			err = make_one(&m, section);
		err = ini_complain(plan->complaints, section->line, err, diag);
	}
	/* Nothing can be said of a file of which parts are missing. */
	if (err == 0 && plan->complaints != NULL && plan->complaints->n > 0)
		return -EINVAL;
	if (err == 0 && plan->n == 0)
		err = diag_set(diag, -EINVAL, "%s: expected a [matrix] or a [cell NAME]",
			ini->n > 0 ? ini->sections[0].path : "the sweep's file");
	return err;
}

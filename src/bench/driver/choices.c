/* SPDX-License-Identifier: BSD-2-Clause */
/* Words to values of axes, by the same parser as every bench's options. */
#include "choices.h"

#include "../bench_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 1000000

static const struct axis no_axes[] = {{.id = NULL}};
static const struct machine_axes no_machine = {.axes = no_axes};
static const struct machine_axes *machine = &no_machine;

void machine_axes_register(const struct machine_axes *axes)
{
	machine = axes;
}

const struct machine_axes *machine_axes_known(void)
{
	return machine;
}

/* ---- one option ---- */

/* Where the parser puts what it read. */
union room {
	struct numbers numbers;
	struct durations durations;
	uint64_t words;
	const char *text;
	bool on;
};

static struct option_spec spec_of(const struct parameter *parameter, union room *room)
{
	static const enum option_kind kinds[] = {[PARAMETER_NUMBER] = OPTION_NUMBERS,
		[PARAMETER_SIZE] = OPTION_SIZES,
		[PARAMETER_NSEC] = OPTION_DURATIONS,
		[PARAMETER_WORD] = OPTION_CHOICES,
		[PARAMETER_GATHERED] = OPTION_CHOICES,
		[PARAMETER_SWITCH] = OPTION_FLAG,
		[PARAMETER_TEXT] = OPTION_TEXT};

	return (struct option_spec){.name = parameter->axis.id,
		.kind = kinds[parameter->kind],
		.value = room,
		.min = parameter->min,
		.max = parameter->max,
		.names = parameter->words,
		.typed = parameter->typed};
}

static size_t take_amounts(const uint64_t *amounts, size_t n, struct value *values)
{
	for (size_t i = 0; i < n; i++)
		values[i] = value_number((double)amounts[i]);
	return n;
}

static size_t take_words(const char *const *words, uint64_t chosen, struct value *values)
{
	size_t n = 0;

	for (size_t i = 0; words[i] != NULL && n < CHOICE_VALUES_MAX; i++)
		if (chosen >> i & 1)
			values[n++] = value_word(words[i]);
	return n;
}

static int check_once(const char *axis, const struct value *values, size_t n, struct diag *diag)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (value_same(values[i], values[j]))
				return diag_set(
					diag, -EINVAL, "--%s: %s twice", axis, values[i].text);
	return 0;
}

static int take_room(const struct parameter *parameter, const union room *room,
	struct value *values, size_t *n, struct diag *diag)
{
	switch (parameter->kind) {
	case PARAMETER_NUMBER:
	case PARAMETER_SIZE:
		*n = take_amounts(room->numbers.value, room->numbers.n, values);
		break;
	case PARAMETER_NSEC:
		*n = take_amounts(room->durations.ns, room->durations.n, values);
		break;
	case PARAMETER_WORD:
		*n = take_words(parameter->words, room->words, values);
		break;
	case PARAMETER_GATHERED:
	case PARAMETER_SWITCH:
	case PARAMETER_TEXT:
		*n = 0;
		break;
	}
	return check_once(parameter->axis.id, values, *n, diag);
}

static int choices_values(const struct parameter *parameter, const char *text, struct value *values,
	size_t *n, struct diag *diag)
{
	union room room = {.words = UINT64_MAX};
	struct option_spec spec = spec_of(parameter, &room);
	int err = text != NULL ? options_take(&spec, text, diag) : 0;

	return err == 0 ? take_room(parameter, &room, values, n, diag) : err;
}

static bool is_axis(const struct parameter *parameter)
{
	return parameter->kind != PARAMETER_GATHERED && parameter->kind != PARAMETER_SWITCH &&
	       parameter->kind != PARAMETER_TEXT;
}

void choices_decode_rest(const struct choices *choices, void *parameters)
{
	for (size_t i = 0; i < choices->n; i++) {
		const struct choice *choice = &choices->choice[i];
		void *field = (char *)parameters +
			      (choice->parameter != NULL ? choice->parameter->offset : 0);

		if (choice->parameter == NULL || is_axis(choice->parameter))
			continue;
		if (choice->parameter->kind == PARAMETER_SWITCH)
			*(bool *)field = choice->bits != 0;
		else if (choice->parameter->kind == PARAMETER_TEXT)
			*(const char **)field = choice->text;
		else
			*(uint64_t *)field = choice->bits;
	}
}

bool choices_decode(const struct parameter *parameter, struct value value, void *parameters)
{
	char *field = (char *)parameters + parameter->offset;

	if (parameter->kind != PARAMETER_WORD) {
		*(uint64_t *)(void *)field = (uint64_t)value.number;
		return value.number >= 0;
	}
	for (unsigned i = 0; parameter->words[i] != NULL; i++) {
		if (strcmp(parameter->words[i], value.text) != 0)
			continue;
		*(unsigned *)(void *)field = i;
		return true;
	}
	return false;
}

/* ---- the machine's ---- */

/* "0,1" is one placement. */
static bool is_placement(const char *text)
{
	return text[strspn(text, "0123456789,")] == '\0';
}

/* One value of a list, tried on a machine that is thrown away. */
static int take_machine_value(const struct choice *choice, const struct bench_context *context,
	const char *text, size_t length, struct value *value, struct diag *diag)
{
	const char *axis = choice->axis.id;
	struct bench_context scratch = *context;
	char item[64];

	snprintf(item, sizeof(item), "%.*s", (int)length, text);
	if (length == 0 || length >= sizeof(item))
		return diag_set(diag, -EINVAL,
			"--%s: expected values with single commas between them", axis);
	if (strcmp(axis, "pin") == 0 && is_placement(item))
		return diag_set(diag, -EINVAL,
			"--pin: %s among words: CPUs with commas are one placement, words are "
			"several; expected one or the other",
			item);
	int err = machine->set(&scratch, axis, item, diag);

	if (err == 0)
		*value = machine->show(&scratch, axis);
	return err;
}

static int take_machine_list(const struct choice *choice, const struct bench_context *context,
	const char *text, struct value *values, size_t *n, struct diag *diag)
{
	for (*n = 0;; text++) {
		size_t length = strcspn(text, ",");

		if (*n == CHOICE_VALUES_MAX)
			return diag_set(diag, -EINVAL, "--%s: at most %d values", choice->axis.id,
				CHOICE_VALUES_MAX);
		int err = take_machine_value(choice, context, text, length, &values[*n], diag);

		++*n;
		if (err == 0)
			err = check_once(choice->axis.id, values, *n, diag);
		text += length;
		if (err < 0 || *text == '\0')
			return err;
	}
}

/* The list that the user gave, or what the machine has. */
static int take_machine(
	struct choice *choice, const struct bench_context *context, struct diag *diag)
{
	for (size_t i = 0; i < context->n_lists; i++) {
		if (strcmp(context->lists[i].axis, choice->axis.id) != 0)
			continue;
		choice->given = true;
		return take_machine_list(choice, context, context->lists[i].values, choice->values,
			&choice->n, diag);
	}
	choice->given = machine->given(context, choice->axis.id);
	choice->n = 1;
	choice->values[0] = machine->show(context, choice->axis.id);
	return 0;
}

int choices_preset(const struct choices *choices, const struct choice *choice, const char *text,
	struct value *values, size_t *n, struct diag *diag)
{
	if (choice->parameter != NULL)
		return choices_values(choice->parameter, text, values, n, diag);
	return take_machine_list(choice, choices->context, text, values, n, diag);
}

/* ---- all of them ---- */

static bool names_axis(const struct series *series, const char *axis)
{
	for (size_t i = 0; series->axes[i] != NULL; i++)
		if (strcmp(series->axes[i], axis) == 0)
			return true;
	return false;
}

static bool applies(const struct experiment *experiment, const char *axis, bool of_machine)
{
	for (size_t i = 0; experiment->series[i] != NULL; i++)
		if (names_axis(experiment->series[i], axis) ||
			(of_machine && names_axis(experiment->series[i], MACHINE_AXES)))
			return true;
	return false;
}

static int add_machine(struct choices *choices, struct diag *diag)
{
	int err = 0;

	for (const struct axis *axis = machine->axes; axis->id != NULL && err == 0; axis++) {
		if (!applies(choices->experiment, axis->id, true))
			continue;
		struct choice *choice = &choices->choice[choices->n++];

		*choice = (struct choice){.axis = *axis};
		err = take_machine(choice, choices->context, diag);
	}
	return err;
}

/* What the user said of machines where there are none would do nothing. */
static int check_lists(const struct choices *choices, struct diag *diag)
{
	const struct bench_context *context = choices->context;

	for (size_t i = 0; i < context->n_lists; i++)
		if (choices_find(choices, context->lists[i].axis) == NULL)
			return diag_set(diag, -EINVAL, "--%s %s: %s does not vary it",
				context->lists[i].axis, context->lists[i].values,
				choices->experiment->name);
	return 0;
}

const struct choice *choices_find(const struct choices *choices, const char *axis)
{
	for (size_t i = 0; i < choices->n; i++)
		if (strcmp(choices->choice[i].axis.id, axis) == 0)
			return &choices->choice[i];
	return NULL;
}

static size_t series_names(const struct experiment *experiment, const char **names)
{
	size_t n = 0;

	for (; experiment->series[n] != NULL; n++)
		names[n] = experiment->series[n]->id;
	names[n] = NULL;
	return n;
}

#define SPECS_MAX  64
#define SERIES_MAX 16

/* The rows for every driven experiment. */
static size_t add_common(struct choices *choices, struct option_spec *specs, const char **names)
{
	const struct option_spec common[] = {
		{.name = "rounds",
			.kind = OPTION_NUMBER,
			.value = &choices->rounds,
			.min = 1,
			.max = ROUNDS_MAX},
		{.name = "series",
			.kind = OPTION_CHOICES,
			.value = &choices->series,
			.names = names},
		{.name = "dry-run", .kind = OPTION_FLAG, .value = &choices->dry_run},
		{.name = "figures", .kind = OPTION_FLAG, .value = &choices->figures},
	};

	memcpy(specs, common, sizeof(common));
	return sizeof(common) / sizeof(common[0]);
}

static uint64_t all_words(const char *const *words)
{
	uint64_t bits = 0;

	for (size_t i = 0; words[i] != NULL; i++)
		bits |= 1ULL << i;
	return bits;
}

/* An empty room is of an option that was not given: none takes an empty list. */
static int take_own(struct choices *choices, const union room *rooms, struct diag *diag)
{
	const struct parameter *parameter = choices->experiment->parameters;
	int err = 0;

	for (size_t i = 0; parameter[i].axis.id != NULL && err == 0; i++) {
		struct choice *choice = &choices->choice[choices->n++];

		*choice = (struct choice){.axis = parameter[i].axis, .parameter = &parameter[i]};
		err = take_room(&parameter[i], &rooms[i], choice->values, &choice->n, diag);
		choice->given = choice->n > 0;
		choice->bits = parameter[i].kind == PARAMETER_SWITCH ? rooms[i].on : rooms[i].words;
		if (parameter[i].kind == PARAMETER_TEXT)
			choice->text = rooms[i].text != NULL ? rooms[i].text : parameter[i].preset;
		if (parameter[i].kind == PARAMETER_GATHERED && choice->bits == 0)
			choice->bits = all_words(parameter[i].words);
	}
	return err;
}

static bool has_parameter(const struct experiment *experiment, const char *id)
{
	const struct parameter *parameter = experiment->parameters;

	while (parameter->axis.id != NULL && strcmp(parameter->axis.id, id) != 0)
		parameter++;
	return parameter->axis.id != NULL;
}

/* What 0.1.0 had, where there is a new word for it; option: only where the experiment has that. */
static const struct {
	const char *word, *option, *now;
} old_words[] = {
	{"--runs", "batches",
		"launches are --rounds now, and repetitions within one, which --rounds was, are "
		"--batches"},
	{"--runs", NULL, "launches are --rounds now"},
	{"--no-native", "side", "the guest alone is --side guest now"},
};

static int check_old_words(
	const struct experiment *experiment, int argc, char **argv, struct diag *diag)
{
	for (int i = 1; i < argc; i++) {
		size_t length = strcspn(argv[i], "=");

		for (size_t w = 0; w < sizeof(old_words) / sizeof(old_words[0]); w++)
			if (strlen(old_words[w].word) == length &&
				strncmp(argv[i], old_words[w].word, length) == 0 &&
				(old_words[w].option == NULL ||
					has_parameter(experiment, old_words[w].option)))
				return diag_set(diag, -EINVAL, "%s: %s", old_words[w].word,
					old_words[w].now);
	}
	return 0;
}

static int parse_words(
	struct choices *choices, int argc, char **argv, union room *rooms, struct diag *diag)
{
	const struct experiment *experiment = choices->experiment;
	const char *names[SERIES_MAX + 1];
	struct option_spec specs[SPECS_MAX + 1];
	size_t n = add_common(choices, specs, names);

	choices->series = (1ULL << series_names(experiment, names)) - 1;
	for (size_t i = 0; experiment->parameters[i].axis.id != NULL && n < SPECS_MAX; i++)
		specs[n++] = spec_of(&experiment->parameters[i], &rooms[i]);
	specs[n] = (struct option_spec){.name = NULL};
	return options_parse(specs, argc, argv, diag);
}

int choices_parse(struct choices *choices, const struct experiment *experiment,
	struct bench_context *context, int argc, char **argv, struct diag *diag)
{
	union room *rooms = calloc(POINT_AXES_MAX, sizeof(*rooms));

	*choices = (struct choices){.experiment = experiment, .context = context};
	if (rooms == NULL)
		return diag_set(diag, -ENOMEM, "out of memory for options");
	int err = check_old_words(experiment, argc, argv, diag);

	if (err == 0)
		err = parse_words(choices, argc, argv, rooms, diag);
	if (err == 0)
		err = take_own(choices, rooms, diag);
	if (err == 0)
		err = add_machine(choices, diag);
	if (err == 0)
		err = check_lists(choices, diag);
	free(rooms);
	return err;
}

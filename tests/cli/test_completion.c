/* SPDX-License-Identifier: BSD-2-Clause */
/* The bash completion as bash runs it: commands, experiments, and every option of each.
 * It presses no key. */
#include "../../src/cli/cli.h"
#include "tickvm_command.h"

/* What is offered for the last of the words, one a line. */
static char *offered(const char *words)
{
	char line[512];
	snprintf(line, sizeof(line),
		"exec bash -c '. completions/tickvm.bash; COMP_WORDS=(\"$TICKVM\" %s); "
		"COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _tickvm; printf \"%%s\\n\" "
		"\"${COMPREPLY[@]}\"'",
		words);
	struct result r = shell(line);
	cr_assert_eq(r.status, 0, "%s: status %d: %s", words, r.status, r.err);
	cr_expect_str_empty(r.err, "%s: %s", words, r.err);
	return r.out;
}

static bool has_line(const char *text, const char *wanted)
{
	size_t length = strlen(wanted);
	for (; text != NULL; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, wanted, length) == 0 &&
			(text[length] == '\n' || text[length] == '\0'))
			return true;
	}
	return false;
}

Test(completion, commands_and_experiments)
{
	cr_expect_str_eq(offered("bis"), "bisect-run\n");
	cr_expect_str_eq(offered("bench hyp"), "hyperbench\n");
	cr_expect_str_eq(offered("run --irqchip s"), "split\n");
}

Test(completion, every_option_of_every_command)
{
	static const struct {
		const char *words;
		enum command command;
	} commands[] = {{"run", COMMAND_RUN}, {"trace", COMMAND_TRACE},
		{"bench timer", COMMAND_BENCH}, {"why", COMMAND_BENCH}, {"doctor", COMMAND_DOCTOR},
		{"report", COMMAND_REPORT}, {"compare", COMMAND_COMPARE}, {"sweep", COMMAND_SWEEP},
		{"merge", COMMAND_MERGE}, {"bisect-run", COMMAND_BISECT}, {"tune", COMMAND_TUNE}};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char words[64], option[64];
		snprintf(words, sizeof(words), "%s --", commands[i].words);
		const char *text = offered(words);
		for (const struct option_spec *spec = cli_option_specs; spec->name != NULL;
			spec++) {
			snprintf(option, sizeof(option), "--%s", spec->name);
			if (spec->commands & commands[i].command)
				cr_expect(has_line(text, option), "%s: %s", commands[i].words,
					option);
		}
	}
	cr_expect(has_line(offered("bench timer --"), "--interval"));
	cr_expect(has_line(offered("why --"), "--residual"));
}

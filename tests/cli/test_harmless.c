/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of files and words that are hostile, as arguments and inside of files, to every command:
 * what it says drives no terminal and no log. Reports are tests/unit/test_harmless.c's business. */
#include "tickvm_command.h"

#include "../unit/harm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EVIL                                                                                       \
	"\x1b]0;x\x07\x1b[2J\xc2\x9b"                                                              \
	"31m\r::error::x ##[x]section_start:1:x\u202e\u200b\x7f\xff evil"

static char directory[] = "/tmp/tickvm-harmless-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");

	cr_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
	cr_assert_eq(setenv("EVIL", EVIL, 1), 0);
	write_file("empty-" EVIL, "");
	write_file("results-" EVIL, "{\"schema\": \"tickvm-results/1\", \"bench\": \"x\", "
				    "\"page\": {\"items\": []}, \"metrics\": []}");
	write_file("machine-" EVIL, "[machine]\nvcpus = 1\n");
	write_file("key.ini", "[machine]\n" EVIL " = 1\n");
	write_file("value.ini", "[machine]\nirqchip = " EVIL "\n");
	write_file("section.ini", "[" EVIL "]\nvcpus = 1\n");
	write_file("sweep.ini", "[sweep]\nname = " EVIL "\n[matrix " EVIL "]\nbench = " EVIL "\n");
	write_file("gate.ini", "[gate \"" EVIL "\"]\n" EVIL " = " EVIL "\n");
}

static void teardown(void)
{
	shell("rm -r \"$DIR\"");
}

TestSuite(harmless_command, .init = setup, .fini = teardown);

static void says_no_harm(const char *line)
{
	struct result r = tickvm(line);
	const char *where = "";

	cr_expect_null(harm_in(r.out, false, &where), "%s: standard output: %s", line, where);
	cr_expect_null(harm_in(r.err, false, &where), "%s: standard error: %s", line, where);
	cr_expect(*r.out != '\0' || *r.err != '\0', "%s said nothing", line);
}

Test(harmless_command, what_every_command_says)
{
	static const char *const lines[] = {
		"\"$EVIL\"",
		"run \"$DIR/$EVIL\"",
		"run \"$DIR/empty-$EVIL\" --serial null",
		"run --irqchip \"$EVIL\"",
		"run --\"$EVIL\"",
		"trace --json \"$DIR/none/$EVIL\" --serial null",
		"bench \"$EVIL\"",
		"bench list \"$EVIL\"",
		"bench timer --source \"$EVIL\"",
		"bench timer \"$EVIL\"",
		"report \"$DIR/$EVIL\"",
		"report \"$DIR/empty-$EVIL\"",
		"report \"$DIR/results-$EVIL\"",
		"report \"$DIR/results-$EVIL\" --format junit",
		"report \"$DIR/results-$EVIL\" --format \"$EVIL\"",
		"report \"$DIR/results-$EVIL\" -o \"$DIR/none/$EVIL.csv\"",
		"compare \"$DIR/results-$EVIL\" \"$DIR/results-$EVIL\"",
		"compare \"$DIR/empty-$EVIL\" \"$DIR/results-$EVIL\"",
		"compare --live \"$EVIL\" \"$EVIL\"",
		"compare --gate \"$DIR/gate.ini\" \"$DIR/results-$EVIL\" \"$DIR/results-$EVIL\"",
		"merge \"$DIR/results-$EVIL\" -o \"$DIR/none/$EVIL\"",
		"merge \"$DIR/results-$EVIL\" -o -",
		"why \"$DIR/results-$EVIL\"",
		"sweep \"$DIR/$EVIL\"",
		"sweep \"$DIR/sweep.ini\"",
		"sweep \"$DIR/sweep.ini\" \"$EVIL\"",
		"bisect-run --baseline \"$DIR/empty-$EVIL\" \"$DIR/$EVIL\"",
		"tune --interval \"$EVIL\"",
		"doctor --require \"$EVIL\"",
		"config \"$EVIL\"",
		"config check \"$DIR/$EVIL\"",
		"config check \"$DIR/machine-$EVIL\"",
		"config check \"$DIR/key.ini\" \"$DIR/value.ini\" \"$DIR/section.ini\"",
		"config check \"$DIR/sweep.ini\"",
		"run --config \"$DIR/key.ini\"",
		"run --config \"$DIR/value.ini\"",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		says_no_harm(lines[i]);
}

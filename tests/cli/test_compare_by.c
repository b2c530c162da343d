/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm compare --by, and datasets as CSV, as a user types it: on made-up files. */
#include "tickvm_command.h"

#include <stdlib.h>
#include <string.h>

static char directory[] = "/tmp/tickvm-by-XXXXXX";

/* bench exits of three back ends, eight rounds of each; user's are 1 us dearer. */
static void write_exits(void)
{
	static const char *const irqchips[] = {"kernel", "split", "user"};
	json_t *metrics = json_array();
	char path[64];

	for (int k = 0; k < 3; k++) {
		json_t *values = json_array();
		char name[64];

		for (int i = 0; i < 8; i++)
			json_array_append_new(
				values, json_integer(3000 + 200 * i + (k == 2 ? 1000 : 0)));
		snprintf(name, sizeof(name), "exits/%s/pio-out", irqchips[k]);
		json_array_append_new(
			metrics, json_pack("{s:s, s:s, s:s, s:o}", "name", name, "unit", "ns",
					 "better", "lower", "values", values));
	}
	json_t *root = json_pack("{s:s, s:s, s:o}", "schema", "tickvm-results/1", "bench", "exits",
		"metrics", metrics);

	snprintf(path, sizeof(path), "%s/exits.json", directory);
	cr_assert_eq(json_dump_file(root, path, 0), 0);
	json_decref(root);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
	write_exits();
}

static void teardown(void)
{
	shell("rm -r \"$DIR\"");
}

TestSuite(compare_by_cli, .init = setup, .fini = teardown);

static void refused(const char *line, int status, const char *why)
{
	struct result r = tickvm(line);

	cr_expect_eq(r.status, status, "%s: status %d", line, r.status);
	cr_expect_str_empty(r.out, "%s", line);
	cr_expect(strstr(r.err, why) != NULL, "\"%s\" does not say \"%s\"", r.err, why);
	cr_expect_eq(strchr(r.err, '\n'), r.err + strlen(r.err) - 1, "one line: %s", r.err);
}

Test(compare_by_cli, each_back_end_against_the_first)
{
	struct result r = tickvm("compare --by irqchip $DIR/exits.json");

	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect(strstr(r.out, "Cost of an exit by irqchip, against kernel (us)\n\nirqchip ") !=
			  NULL,
		"%s", r.out);
	r = shell("\"$TICKVM\" compare --by irqchip $DIR/exits.json --json - | "
		  "jq -r '.datasets[0].rows[] | [.at.irqchip, .figures.difference[0], "
		  ".labels.outcome] | @tsv'");
	cr_expect_str_eq(r.out, "split\t0\tsame\nuser\t1000\tworse\n");
}

Test(compare_by_cli, what_it_writes_is_shown_again)
{
	tickvm("compare --by irqchip $DIR/exits.json --json $DIR/by.json --markdown $DIR/by.md "
	       ">$DIR/by.txt");
	cr_expect_eq(shell("\"$TICKVM\" report $DIR/by.json | tail -n $(wc -l <$DIR/by.txt) | diff "
			   "- $DIR/by.txt")
			     .status,
		0, "%s", shell("\"$TICKVM\" report $DIR/by.json").out);
	cr_expect_eq(shell("grep -q '^| split ' $DIR/by.md").status, 0);
	cr_expect_eq(tickvm("report $DIR/by.json -o $DIR/by.html").status, 0);
	cr_expect_eq(tickvm("report $DIR/by.json --format junit").status, 0);
	refused("compare $DIR/by.json $DIR/exits.json", 2, "nothing in common");
}

Test(compare_by_cli, datasets_as_csv)
{
	struct result r = tickvm("report $DIR/exits.json --format tidy");
	struct result lines = shell("\"$TICKVM\" report $DIR/exits.json --format tidy | wc -l");

	cr_expect_eq(
		strncmp(r.out,
			"file,dataset,irqchip,kind,invocation,round,flags,round-trip (ns)\r\n", 66),
		0, "%s", r.out);
	cr_expect(strstr(r.out, "exits.json,exits.cost,user,pio-out,0,8,,5400\r\n") != NULL, "%s",
		r.out);
	cr_expect_eq(atoi(lines.out), 1 + 3 * 8, "%s", lines.out);
}

Test(compare_by_cli, what_cannot_be_compared)
{
	refused("compare --by irqchip", 2, "expected one: tickvm compare --by AXIS FILE");
	refused("compare --by irqchip $DIR/exits.json $DIR/exits.json", 2, "expected one");
	refused("compare --by colour $DIR/exits.json", 2,
		"--by colour: no dataset of this file has such an axis");
	refused("compare --by kind $DIR/exits.json", 2,
		"--by kind: it has one value only in this file");
	refused("compare --by irqchip $DIR/none", 2, "cannot open");
	refused("compare --by irqchip --live $DIR/exits.json", 2, "exclude each other");
}

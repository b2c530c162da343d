/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bisect-run: git bisect finds the commit of a repository that made the machine slow, and
 * nothing but 0, 1 and 125 ever comes out. Figures are tests/model's: late where there is no spin.
 * How a difference is decided is tests of compare, and tests/timing has it measured. */
#include "tickvm_command.h"

#include <stdlib.h>
#include <string.h>

static char directory[] = "/tmp/tickvm-bisect-XXXXXX";

/* A repository below $DIR, and tickvm and files of the measurement beside it. */
#define PREPARE                                                                                    \
	"PATH=$DIR:$PATH; export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1; "              \
	"export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_NAME=t; "           \
	"export GIT_COMMITTER_EMAIL=t@example.org; cd \"$DIR/repository\" && "

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
	struct result r =
		shell("ln -s \"$(readlink -f \"$TICKVM_MODEL\")\" \"$DIR/tickvm\" && mkdir "
		      "\"$DIR/repository\" && cd \"$DIR\" && "
		      "printf '[sweep]\nrounds = 6\n[cell c]\nbench = model\n' >sweep.ini && "
		      "printf '[gate \"*/p50\"]\nfloor = 10us\n' >gate.ini && "
		      "printf 'timer-spin = 60us\n' >repository/machine.ini && "
		      "printf 'timer-spin = 0\n' >slow.ini");
	cr_assert_eq(r.status, 0, "%s", r.err);
}

static void teardown(void)
{
	shell("rm -rf \"$DIR\"");
}

TestSuite(bisect, .init = setup, .fini = teardown);

static void says(const char *line, int status, const char *expected)
{
	char command[1024];

	snprintf(command, sizeof(command), PREPARE "tickvm bisect-run %s", line);
	struct result r = shell(command);
	const char *last = strstr(r.err, "tickvm bisect-run: ");

	cr_expect_eq(r.status, status, "%s: %d\n%s", line, r.status, r.err);
	cr_expect(last != NULL && strstr(last, expected) != NULL, "%s: %s", line, r.err);
}

static void measure_baseline(void)
{
	struct result r = shell(PREPARE
		"tickvm sweep ../sweep.ini --config machine.ini --quiet --json ../base.json");

	cr_assert_eq(r.status, 0, "%s", r.err);
}

/* Six commits, the fourth of them makes the machine slow. */
Test(bisect, finds_the_commit)
{
	if (shell("git --version").status != 0)
		cr_skip_test("git is not installed");
	measure_baseline();
	struct result r =
		shell(PREPARE "git init -q && git add . && git commit -qm one && "
			      "for i in two three; do git commit -qm $i --allow-empty; done && "
			      "cp ../slow.ini machine.ini && git commit -qam four && "
			      "for i in five six; do git commit -qm $i --allow-empty; done && "
			      "git bisect start HEAD HEAD~5 && "
			      "git bisect run tickvm bisect-run --baseline ../base.json --gate "
			      "../gate.ini --quiet "
			      "--config machine.ini ../sweep.ini && git log -1 --format='found %s' "
			      "refs/bisect/bad");

	cr_expect_eq(r.status, 0, "%s%s", r.out, r.err);
	cr_expect_not_null(strstr(r.out, "is the first bad commit"), "%s%s", r.out, r.err);
	cr_expect_not_null(strstr(r.out, "found four"), "%s%s", r.out, r.err);
	cr_expect_not_null(
		strstr(r.err, "tickvm bisect-run: bad: 1 of 1 gated metrics worse"), "%s", r.err);
	cr_expect_not_null(strstr(r.err, "tickvm bisect-run: good: none of 1 gated"), "%s", r.err);
}

/* An experiment's own words, machine options among them, instead of a sweep. */
Test(bisect, one_experiment)
{
#define BENCH "model --runs 6 --quiet"
	struct result r = shell(PREPARE "tickvm bench " BENCH " --json ../base.json");

	cr_assert_eq(r.status, 0, "%s", r.err);
	says("--baseline ../base.json --gate ../gate.ini -- " BENCH, 0,
		"good: none of 1 gated metrics worse");
	says("--baseline ../base.json --gate ../gate.ini -- " BENCH " --config ../slow.ini", 1,
		"bad: 1 of 1 gated metrics worse, the first model/late/p50");
	/* 2 rounds beside 6: of 28 ways to draw them no one is rare enough. */
	says("--baseline ../base.json --max-rounds 1 -- model --runs 2", 125,
		"cannot tell: gated metrics are inconclusive");
	says("--baseline ../base.json --gate ../gate.ini -- model --name other", 125,
		"cannot tell: nothing in common");
	says("--baseline ../base.json -- model --status 77", 125, "cannot tell: this one: ");
}

Test(bisect, cannot_tell)
{
	measure_baseline();
	says("--baseline ../base.json --gate ../gate.ini ../sweep.ini --rounds 1 --quiet", 125,
		"inconclusive");
	says("--baseline ../base.json ../none.ini", 125, "cannot tell: the sweep failed");
	says("--baseline ../base.json --gate ../none.ini ../sweep.ini", 125,
		"cannot tell: the sweep failed");
	says("--baseline ../base.json --config none.ini ../sweep.ini", 125,
		"none.ini: cannot open");
	shell(PREPARE "jq '.host.cpu_model = \"another\" | .fingerprint.cpu_model = \"another\"' "
		      "../base.json >../other.json");
	says("--baseline ../other.json ../sweep.ini", 125, "cannot tell: ");
	shell(PREPARE "head -c 1000 ../base.json >../half.json");
	says("--baseline ../half.json ../sweep.ini", 125, "cannot tell: ");
	says("--baseline ../base.json -- modle --runs 1", 125, "no such experiment");
	says("--baseline ../base.json -- model --json x", 125, "do not belong to a configuration");
}

Test(bisect, wrong_usage_blames_no_commit)
{
	says("", 125, "expected --baseline FILE");
	says("sweep.ini", 125, "expected --baseline FILE");
	says("--baseline x a.ini b.ini", 125, "there is one FILE already: a.ini");
	says("--baseline x a.ini -- model", 125, "not both");
	says("--baseline x --rounds 3 -- model", 125, "--runs");
	says("--baselin x a.ini", 125, "did you mean --baseline?");
	says("--baseline x --strict a.ini", 125, "no such option");
	says("--baseline /nonexistent -- model", 125, "/nonexistent");
	struct result r = tickvm("bisect-run --help");
	cr_expect_eq(r.status, 0);
	cr_expect(strncmp(r.out, "usage: git bisect run tickvm", 28) == 0, "%s", r.out);
	cr_expect_eq(shell("\"$TICKVM\" bisect-run --help >/dev/full").status, 1);
}

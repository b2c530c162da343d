/* SPDX-License-Identifier: BSD-2-Clause */
/* bisect-run and compare --live on guests whose timers are measured: a machine that neither spins
 * nor polls is found to be late, and the commit that made it so. */
#include "../cli/tickvm_command.h"

#include <stdlib.h>
#include <string.h>

static char directory[] = "/tmp/tickvm-timing-XXXXXX";

static void setup(void)
{
	need_kvm();
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
	struct result r =
		shell("ln -s \"$(readlink -f \"$TICKVM\")\" \"$DIR/tickvm\" && mkdir "
		      "\"$DIR/repository\" && cd \"$DIR\" && "
		      "printf '[sweep]\\nrounds = 6\\n[cell timer]\\nbench = timer\\nsource = "
		      "dedicated\\ninterval = 100us\\ncount = 200\\n' >sweep.ini && "
		      "printf '[gate \"*/p50\"]\\nfloor = 10us\\n' >gate.ini && "
		      "printf 'timer-spin = 60us\\nhalt-poll = 2ms\\n' >repository/machine.ini && "
		      "printf 'timer-spin = 0\\nhalt-poll = 0\\ntimer-advance = 0\\n' >slow.ini");

	cr_assert_eq(r.status, 0, "%s", r.err);
}

static void teardown(void)
{
	shell("rm -rf \"$DIR\"");
}

TestSuite(slow_machine, .init = setup, .fini = teardown, .timeout = HUNG);

#define PREPARE                                                                                    \
	"PATH=$DIR:$PATH; export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1; "              \
	"export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_NAME=t; "           \
	"export GIT_COMMITTER_EMAIL=t@example.org; cd \"$DIR/repository\" && "

/* Six commits, the fourth of them makes the machine slow. */
Test(slow_machine, its_commit_is_found)
{
	if (shell("git --version").status != 0)
		cr_skip_test("git is not installed");
	struct result r = shell(PREPARE
		"tickvm sweep ../sweep.ini --config machine.ini --quiet --json ../base.json && "
		"git init -q && git add . && git commit -qm one && "
		"for i in two three; do git commit -qm $i --allow-empty; done && "
		"cp ../slow.ini machine.ini && git commit -qam four && "
		"for i in five six; do git commit -qm $i --allow-empty; done && "
		"git bisect start HEAD HEAD~5 && git bisect run tickvm bisect-run --baseline "
		"../base.json --gate ../gate.ini --quiet --config machine.ini ../sweep.ini && "
		"git log -1 --format='found %s' refs/bisect/bad");

	cr_expect_eq(r.status, 0, "%s%s", r.out, r.err);
	cr_expect_not_null(strstr(r.out, "found four"), "%s%s", r.out, r.err);
	cr_expect_not_null(strstr(r.err, "bad: 1 of 1 gated metrics worse"), "%s", r.err);
	cr_expect_not_null(strstr(r.err, "good: none of 1 gated"), "%s", r.err);
}

Test(slow_machine, it_is_worse_live)
{
	struct result r = shell(PREPARE
		"tickvm compare --live 'timer --source dedicated --count 300 --interval 200us' "
		"'timer --source dedicated --count 300 --interval 200us --config ../slow.ini' "
		"--gate ../gate.ini --quiet");

	cr_expect_eq(r.status, 1, "%d: %s%s", r.status, r.out, r.err);
	cr_expect_not_null(strstr(r.out, "p50 is worse"), "%s", r.out);
}

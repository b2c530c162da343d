/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals to each command that runs guests: two at once are one, any of the three ends it in order,
 * and the results until then are there. When a later one kills: tests/unit/test_interrupts.c. */
#include "tickvm_command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/tickvm-interrupts-XXXXXX";

/* interrupt PID SIGNAL SIGNAL: when it runs a guest, which has a thread for its timers, in itself
 * or in a child that it supervises, the process is stopped, sent both, and continued: its handler
 * finds them at the same time, however busy the host is. */
#define FUNCTIONS                                                                                  \
	"has_timer() { for p; do grep -qsx tickvm-timer /proc/$p/task/*/comm && return; done; "    \
	"return 1; }\n"                                                                            \
	"running() { until has_timer $1 $(cat /proc/$1/task/$1/children); do "                     \
	"test -e /proc/$1/exe || return; sleep 0.01; done; }\n"                                    \
	"interrupt() { running $1; kill -STOP $1; kill -$2 $1; kill -$3 $1; kill -CONT $1; }\n"

static const unsigned char halted[] = {0xfa, 0xf4, 0xeb, 0xfd}; /* cli; hlt; jmp hlt */

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
	struct result r = shell(
		"printf '[sweep]\\nrounds = 50\\n[cell e]\\nbench = timer\\nsource = dedicated\\n"
		"interval = 1ms\\ncount = 300\\n' >$DIR/s.ini");

	cr_assert_eq(r.status, 0);
	cr_assert_eq(setenv("GUEST", write_guest(halted, sizeof(halted)), 1), 0);
}

static void teardown(void)
{
	shell("rm -rf $DIR $GUEST");
}

TestSuite(interrupts, .init = setup, .fini = teardown, .timeout = 600);

/* The status, and whether $DIR/json is a whole file (results), or is one if it is there. */
static void ends(const char *line, const char *signals, int status, bool results)
{
	char command[1024];

	snprintf(command, sizeof(command),
		FUNCTIONS "\"$TICKVM\" %s & interrupt $! %s; wait $!; echo $?", line, signals);
	struct result r = shell(command);
	char path[64];

	cr_expect_eq(atoi(r.out), status, "%s: %s: status %s%s", line, signals, r.out, r.err);
	snprintf(path, sizeof(path), "%s/json", directory);
	json_t *json = json_load_file(path, 0, NULL);

	if (results || access(path, F_OK) == 0)
		cr_expect_not_null(json, "%s: %s: %s", line, signals, r.err);
	json_decref(json);
	unlink(path);
	r = shell("ls $DIR");
	cr_expect_str_eq(r.out, "s.ini\n", "%s: %s: left behind: %s", line, signals, r.out);
}

#define TIMER "timer --quiet --source dedicated --interval 1ms --count 50000 --runs 9 --timeout 500"

Test(interrupts, two_at_once_are_one)
{
	need_kvm();
	ends("bench " TIMER " --json $DIR/json >/dev/null", "TERM INT", 130, true);
	ends("bench " TIMER " --json $DIR/json >/dev/null", "TERM HUP", 130, true);
	ends("sweep --quiet $DIR/s.ini --json $DIR/json >/dev/null", "HUP TERM", 130, true);
	ends("run --serial null --json $DIR/json $GUEST", "TERM HUP", 130, true);
}

/* results: there are some even of an experiment that has measured nothing yet. */
static const struct {
	const char *line;
	bool results;
} stopped[] = {
	{"trace --serial null $GUEST --json $DIR/json >/dev/null", true},
	{"bench exits --quiet --series cost --batches 1000 --iterations 1000000 --json $DIR/json "
	 ">/dev/null",
		true},
	{"bench ipi --quiet --count 100000 --json $DIR/json >/dev/null", true},
	{"bench scale --quiet --vms 2 --seconds 60 --json $DIR/json >/dev/null", true},
	{"why --quiet --interval 1ms --count 50000 --timeout 500 --json $DIR/json >/dev/null",
		false},
	{"tune --interval 1ms --budget 3600 --json $DIR/json >/dev/null", false},
	{"compare --live --quiet '" TIMER "' '" TIMER "' --json $DIR/json >/dev/null", false},
};

Test(interrupts, a_hangup_ends_each_command_in_order)
{
	need_kvm();
	for (size_t i = 0; i < sizeof(stopped) / sizeof(stopped[0]); i++)
		ends(stopped[i].line, "HUP CONT", 130, stopped[i].results);
}

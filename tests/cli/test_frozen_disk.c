/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk on a frozen file system: requests that the kernel does not complete, and a thread that not
 * even SIGKILL ends. Needs KVM, and the right to freeze one. */
#include "tickvm_command.h"

#include <stdlib.h>
#include <string.h>

static char directory[] = "/tmp/tickvm-frozen-XXXXXX";

/* running PID: waits until a child of PID runs a guest, which has a thread for its timers. */
#define RUNNING                                                                                    \
	"runs() { for comm in $(grep -lsx tickvm-timer /proc/[0-9]*/task/*/comm); do "             \
	"grep -qs \"^PPid:.$1\\$\" ${comm%%/task/*}/status && return; done; return 1; }\n"         \
	"running() { until runs $1; do test -e /proc/$1/exe || return; sleep 0.1; done; }\n"

#define GUEST                                                                                      \
	"exec \"$TICKVM\" run --serial null --disk $DIR/m/disk "                                   \
	"--append 'test=disk op=write pattern=random rounds=1000'"

static void setup(void)
{
	need_kvm();
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
	struct result r =
		shell("cd $DIR && truncate -s 32M i && mkfs.ext4 -q -F i && mkdir m && "
		      "mount -o loop i m && dd if=/dev/zero of=m/disk bs=1M count=8 2>/dev/null && "
		      "fsfreeze -f m");

	if (r.status == 0)
		return;
	shell("umount $DIR/m; rm -rf $DIR");
	cr_skip_test("needs the right to freeze a file system: %s", r.err);
}

static void teardown(void)
{
	shell("fsfreeze -u $DIR/m; until umount $DIR/m || ! mountpoint -q $DIR/m; do sleep 0.1; "
	      "done; "
	      "rm -rf $DIR");
}

TestSuite(frozen_disk, .init = setup, .fini = teardown, .timeout = 300);

static void says(const struct result *r, int status, const char *end)
{
	cr_expect_eq(r->status, status, "%d: %s", r->status, r->err);
	cr_expect_not_null(
		strstr(r->err, "the host has not completed the guest's requests"), "%s", r->err);
	cr_expect_not_null(strstr(r->err, end), "%s", r->err);
}

Test(frozen_disk, the_timeout_ends_the_run)
{
	struct result r = shell(GUEST " --timeout 1");

	says(&r, 124, "stopped by --timeout");
}

Test(frozen_disk, a_signal_ends_the_run)
{
	struct result r = shell(RUNNING "(" GUEST ") & running $!; kill -TERM $!; wait $!");

	says(&r, 130, "stopped by the user");
}

/* Who reads its output sees the end of it, though a thread hangs. */
Test(frozen_disk, output_ends_with_the_run)
{
	struct result r = shell("(" GUEST " --timeout 1) 2>&1 | cat >&2");

	says(&r, 0, "stopped by --timeout");
}

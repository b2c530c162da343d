/* SPDX-License-Identifier: BSD-2-Clause */
/* The examples of docs/ci.md do what they say: scripts/check-examples runs them.
 * Building in a clean clone is left to who runs that script by hand. */
#include "tickvm_command.h"

#include <string.h>

Test(examples, run_as_written, .timeout = 2 * HUNG)
{
	need_kvm();
	if (tickvm("doctor --quiet --require kvm,fifo").status != 0)
		cr_skip_test("the first step of the workflow: tickvm doctor --require kvm,fifo");
	if (shell("git rev-parse --is-inside-work-tree && command -v jq bash").status != 0)
		cr_skip_test("needs a git tree, jq and bash");
	struct result r =
		shell("ROUNDS=1 TICKVM=$(readlink -f \"$TICKVM\") scripts/check-examples");

	cr_expect_eq(r.status, 0, "%s%s", r.out, r.err);
	cr_expect_not_null(strstr(r.out, "good  06 Measure this, and compare\n"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "good  slurm-array.sh\n"), "%s", r.out);
	if (strstr(r.out, "skip  YAML") != NULL)
		cr_skip_test("workflow and Slurm are good; the YAML files need python3 with yaml");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* bench hyperbench: n port accesses cost n times what one does. */
#include "../cli/tickvm_command.h"

#include <string.h>

static void expect_linear(const json_t *row)
{
	const json_t *scale = json_object_get(row, "scale");

	cr_expect_str_eq(json_string_value(json_object_get(scale, "verdict")), "linear", "%s",
		json_string_value(json_object_get(row, "row")));
}

/* Ahead of what else runs, where that is allowed. */
Test(hyperbench, port_accesses_are_linear, .timeout = HUNG)
{
	char line[128];
	size_t i;
	json_t *row;

	need_kvm();
	bool fifo = tickvm("doctor --quiet --require fifo").status == 0;

	snprintf(line, sizeof(line),
		"bench hyperbench --row in,out --scale --no-native --quiet --json - %s",
		fifo ? "--vcpu-priority 10" : "");
	struct result r = tickvm(line);

	cr_assert_eq(r.status, 0, "%d: %s", r.status, r.err);
	json_t *root = json_loads(r.out, 0, NULL);

	json_array_foreach(json_object_get(root, "rows"), i, row) expect_linear(row);
	cr_expect_eq(i, 2);
	json_decref(root);
}

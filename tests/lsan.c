/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps LeakSanitizer to the tests: Criterion's own runner loses a few bytes for each skipped test.
 * Each test runs in a process of its own, and those are looked at as ever. */
#include <stdlib.h>

/* Asked by LeakSanitizer before it looks (sanitizer/lsan_interface.h). */
int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return getenv("BXFI_MAP") == NULL; /* set in the processes that run a test */
}

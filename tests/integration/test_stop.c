/* SPDX-License-Identifier: BSD-2-Clause */
/* What a signal stops, from inside the process. */
#include "tickvm/bare.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct diag diag;

static void need_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		cr_skip_test("/dev/kvm: %s", strerror(errno));
	close(fd);
}

TestSuite(stop, .init = need_kvm, .timeout = 60);

Test(stop, ends_a_bare_loop)
{
	uint64_t ticks;

	vm_bare_stop();
	cr_expect_eq(vm_bare_exit_loop(1000000000, 100, &ticks, &diag), -EINTR, "%s", diag.text);
	cr_expect_str_eq(diag.text, "interrupted");
}

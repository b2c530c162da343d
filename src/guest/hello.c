/* SPDX-License-Identifier: BSD-2-Clause */
/* test=hello: the payload runs, the serial port and the exit port answer. It measures nothing. */
#include "guest.h"

void test_hello(const struct cmdline *cmdline)
{
	static const char line[] = "hello from tickvm's payload, in long mode at CPL 3\r\n";

	(void)cmdline;
	serial_write(line, sizeof(line) - 1);
}

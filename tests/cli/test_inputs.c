/* SPDX-License-Identifier: BSD-2-Clause */
/* Files to be read that are none: FIFOs, devices, directories and sockets are refused by name, by
 * every command and option that reads one, and nobody waits for them. */
#include "tickvm_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/tickvm-inputs-XXXXXX";

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(setenv("DIR", directory, 1), 0);
}

static void teardown(void)
{
	shell("rm -r \"$DIR\"");
}

TestSuite(inputs, .init = setup, .fini = teardown, .timeout = 300);

/* Each with a place for the file. The first two look for /dev/kvm before. */
static const char *const readers[] = {
	"run %s",
	"trace %s",
	"run --config %s",
	"run --disk %s,ro",
	"run --disk %s",
	"bench startup --rounds 1 --config %s",
	"bench disk --disk %s --op read",
	"sweep %s",
	"sweep --resume %s",
	"sweep --baseline %s",
	"sweep --gate %s --baseline %s",
	"bisect-run --baseline %s",
	"config check %s",
	"report %s",
	"compare %s %s",
	"merge %s -o /dev/null",
	"why %s",
};

static void refused(const char *path, const char *as)
{
	size_t first = access("/dev/kvm", R_OK | W_OK) == 0 ? 0 : 2;

	for (size_t i = first; i < sizeof(readers) / sizeof(readers[0]); i++) {
		char command[256], line[300];

		snprintf(command, sizeof(command), readers[i], path, path);
		/* Whoever waits is killed: status 137. */
		snprintf(line, sizeof(line), "timeout -s KILL 60 \"$TICKVM\" %s </dev/null",
			command);
		struct result r = shell(line);

		cr_expect(r.status != 0 && r.status != 137, "%s: %d", command, r.status);
		const char *said = strstr(r.err, as);

		cr_expect(said != NULL && memchr(r.err, '\n', (size_t)(said - r.err)) == NULL,
			"%s: %s", command, r.err);
	}
}

Test(inputs, a_fifo)
{
	shell("mkfifo \"$DIR/fifo\"");
	refused("$DIR/fifo", "a FIFO; expected a ");
}

Test(inputs, a_character_device)
{
	refused("/dev/zero", "a character device; expected a ");
}

Test(inputs, a_directory)
{
	refused("$DIR", "a directory; expected a ");
}

Test(inputs, a_socket)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	refused("$DIR/socket", "a socket; expected a ");
	close(fd);
}

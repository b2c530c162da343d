/* SPDX-License-Identifier: BSD-2-Clause */
/* --disk as a user types it: what is no image is refused in one line, and trace says what the disk
 * did and which exits were its. */
#include "tickvm_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_BYTES 1048576

static char image[] = "/tmp/tickvm-image-XXXXXX";

static void make_image(off_t bytes)
{
	int fd = mkstemp(image);
	cr_assert(fd >= 0);
	cr_assert_eq(ftruncate(fd, bytes), 0);
	close(fd);
}

static void remove_image(void)
{
	unlink(image);
}

static struct result tickvm_disk(const char *before, const char *suffix, const char *after)
{
	char line[512];
	snprintf(line, sizeof(line), "%s --serial null --disk %s%s %s", before, image, suffix,
		after);
	return tickvm(line);
}

static void refused(const char *line, int status, const char *says)
{
	struct result r = tickvm(line);
	cr_expect_eq(r.status, status, "%s: status %d", line, r.status);
	cr_expect_not_null(strstr(r.err, says), "%s: %s", line, r.err);
	cr_expect_str_eq(r.out, "");
	cr_expect_eq(strchr(r.err, '\n'), r.err + strlen(r.err) - 1, "more than a line: %s", r.err);
}

Test(disk_option, what_is_no_image_is_refused)
{
	refused("run --disk /tmp/no/such", 125, "--disk /tmp/no/such: No such file or directory");
	refused("trace --disk /tmp", 125, "--disk /tmp: a directory; expected a raw image file");
	refused("run --disk /dev/null,ro", 125, "a character device");
	refused("run --disk ''", 125, "expected PATH[,ro]");
	refused("run --disk", 125, "--disk PATH[,ro]");
	refused("run --disk-cpu 4000", 125, "--disk-cpu: CPU 4000 is not online here");
	refused("bench exits --disk ''", 2, "expected PATH[,ro]");
	make_image(100);
	struct result r = tickvm_disk("run", "", "");
	cr_expect_eq(r.status, 125);
	cr_expect_not_null(
		strstr(r.err, "its size is 100; expected at least 512 bytes"), "%s", r.err);
	remove_image();
}

Test(disk_option, from_a_configuration_file)
{
	char path[] = "/tmp/tickvm-config-XXXXXX", line[128];
	int fd = mkstemp(path);
	cr_assert_gt(dprintf(fd, "disk = /tmp/no/such,ro\n"), 0);
	close(fd);
	snprintf(line, sizeof(line), "run --config %s", path);
	refused(line, 125, "--disk /tmp/no/such: No such file");
	unlink(path);
}

Test(disk_option, odd_bytes_at_the_end_are_named)
{
	need_kvm();
	make_image(IMAGE_BYTES + 3);
	struct result r = tickvm_disk("run", "", "");
	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.err, "the last 3 bytes are no whole sector"), "%s", r.err);
	remove_image();
}

Test(disk_option, trace_counts_what_the_disk_did)
{
	need_kvm();
	make_image(IMAGE_BYTES);
	struct result r = tickvm_disk("trace --verbose", ",ro",
		"--append 'test=disk op=read bytes=1048576 record=4096 depth=8 rounds=1'");
	cr_assert_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.out, " virtio-blk\n"), "%s", r.out);
	cr_expect_not_null(
		strstr(r.out, "\nDisk: 256 reads (1048576 bytes), 0 writes (0 bytes), 0 flushes; "),
		"%s", r.out);
	cr_expect_not_null(strstr(r.err, "disk: "), "%s", r.err);
	cr_expect_not_null(strstr(r.err, " requests in flight"), "%s", r.err);
	remove_image();
}

Test(disk_option, json_has_the_counters)
{
	need_kvm();
	make_image(IMAGE_BYTES);
	struct result r = tickvm_disk("run --json -", "",
		"--append 'test=disk op=write bytes=1048576 record=4096 depth=8 rounds=1'");
	cr_assert_eq(r.status, 0, "%s", r.err);
	json_t *json = json_loads(r.out, 0, NULL), *disk = json_object_get(json, "disk");
	cr_assert(json_is_object(disk), "%s", r.out);
	cr_expect_eq(json_integer_value(json_object_get(disk, "writes")), 256);
	cr_expect_eq(json_integer_value(json_object_get(disk, "bytes_written")), 1048576);
	cr_expect_eq(json_integer_value(json_object_get(disk, "failed")), 0);
	/* None where the guest found each request done before it waited. */
	const json_t *interrupts = json_object_get(disk, "interrupts");
	cr_expect(json_is_integer(interrupts) && json_integer_value(interrupts) <= 256);
	json_t *machine = json_object_get(json, "machine");
	cr_expect_str_eq(json_string_value(json_object_get(machine, "disk")), image);
	cr_expect(json_is_false(json_object_get(machine, "disk_read_only")));
	json_decref(json);
	r = tickvm("run --serial null --json -");
	json = json_loads(r.out, 0, NULL);
	cr_expect(json_is_null(json_object_get(json, "disk")), "%s", r.out);
	json_decref(json);
	remove_image();
}

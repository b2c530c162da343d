/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are whole or absent, in a directory of their own under /tmp. Devices are reached by
 * links: a writer that wrongly renamed would replace the link. */
#include "tickvm/output.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[64];

static void make_directory(void)
{
	char directory[] = "/tmp/test_output.XXXXXX";

	cr_assert_not_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/file", directory);
}

static void remove_directory(void)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

TestSuite(output, .init = make_directory, .fini = remove_directory);

static void make_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static void expect_file(const char *text)
{
	char found[16] = "";
	FILE *file = fopen(path, "r");

	cr_assert_not_null(file);
	cr_assert_eq(fread(found, 1, sizeof(found) - 1, file), strlen(text));
	fclose(file);
	cr_assert_str_eq(found, text);
}

static void expect_absent(const char *name)
{
	cr_assert_neq(access(name, F_OK), 0, "%s", name);
}

/* What is written beside the file has another name each time. */
static void expect_nothing_beside(void)
{
	char directory[64];
	struct dirent *entry;

	snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(path, '/') - path), path);
	DIR *stream = opendir(directory);

	cr_assert_not_null(stream);
	while ((entry = readdir(stream)) != NULL)
		cr_expect(entry->d_name[0] == '.' || strcmp(entry->d_name, "file") == 0, "%s",
			entry->d_name);
	closedir(stream);
}

/* size bytes to path. */
static int write_bytes(size_t size, struct diag *diag)
{
	struct output *output;
	int err = output_open(&output, path, diag);

	if (err < 0)
		return err;
	while (size-- > 0)
		fputc('x', output_stream(output));
	return output_commit(output, diag);
}

static void expect_line(const struct diag *diag, const char *name, const char *reason)
{
	cr_assert_not_null(strstr(diag->text, name), "%s", diag->text);
	cr_assert_not_null(strstr(diag->text, reason), "%s", diag->text);
	cr_assert_not_null(strstr(diag->text, "name a file"), "%s", diag->text);
}

Test(output, the_old_file_stays_until_the_new_one_is_whole)
{
	struct output *output;
	struct diag diag = {""};

	make_file(path, "old");
	cr_assert_eq(output_open(&output, path, &diag), 0, "%s", diag.text);
	fputs("new", output_stream(output));
	fflush(output_stream(output));
	expect_file("old");
	cr_assert_eq(output_commit(output, &diag), 0, "%s", diag.text);
	expect_file("new");
	expect_nothing_beside();
}

Test(output, a_discarded_file_was_never_there)
{
	struct output *output;
	struct diag diag;

	cr_assert_eq(output_open(&output, path, &diag), 0);
	fputs("new", output_stream(output));
	output_discard(output);
	expect_absent(path);
	expect_nothing_beside();
}

static void dies_with_it_open(int signal_number)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct output *output;
		struct diag diag;

		signal(signal_number, SIG_DFL);
		output_open(&output, path, &diag);
		fputs("new", output_stream(output));
		fflush(output_stream(output));
		raise(signal_number);
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == signal_number, "%x", status);
	expect_file("old");
	expect_nothing_beside();
}

Test(output, a_signal_leaves_the_old_file_and_nothing_beside_it)
{
	make_file(path, "old");
	dies_with_it_open(SIGTERM);
	dies_with_it_open(SIGHUP);
	dies_with_it_open(SIGQUIT);
	dies_with_it_open(SIGPIPE);
}

/* Its parent may still finish the file. */
Test(output, a_child_that_dies_takes_nothing_of_its_parents_away)
{
	struct output *output;
	struct diag diag = {""};
	int status;

	signal(SIGTERM, SIG_DFL);
	cr_assert_eq(output_open(&output, path, &diag), 0, "%s", diag.text);
	pid_t child = fork();

	if (child == 0) {
		raise(SIGTERM);
		_exit(0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFSIGNALED(status), "%x", status);
	fputs("new", output_stream(output));
	cr_assert_eq(output_commit(output, &diag), 0, "%s", diag.text);
	expect_file("new");
}

static void limit_size(rlim_t size)
{
	struct rlimit limit = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file size limit stands in for a full disk. */
Test(output, a_full_disk_leaves_the_old_file)
{
	struct diag diag = {""};

	make_file(path, "old");
	limit_size(100000);
	cr_assert_eq(write_bytes(1000000, &diag), -EFBIG);
	expect_line(&diag, path, "File too large; free some space");
	expect_file("old");
	expect_nothing_beside();
}

Test(output, a_hole_from_a_disk_that_was_full_for_a_while_is_not_committed)
{
	struct output *output;
	struct diag diag = {""};

	make_file(path, "old");
	cr_assert_eq(output_open(&output, path, &diag), 0, "%s", diag.text);
	limit_size(100000);
	for (int i = 0; i < 1000000; i++)
		fputc('x', output_stream(output));
	limit_size(RLIM_INFINITY);
	cr_assert_eq(output_commit(output, &diag), -EFBIG);
	expect_file("old");
	expect_nothing_beside();
}

Test(output, a_full_device_is_reported)
{
	struct diag diag = {""};

	cr_assert_eq(symlink("/dev/full", path), 0);
	cr_assert_eq(write_bytes(1, &diag), -ENOSPC);
	expect_line(&diag, path, "No space left");
	cr_assert_eq(write_bytes(100000, &diag), -ENOSPC);
}

Test(output, what_is_not_a_regular_file_is_written_through)
{
	struct stat st;
	struct diag diag = {""};

	cr_assert_eq(symlink("/dev/null", path), 0);
	cr_assert_eq(output_check(path, &diag), 0, "%s", diag.text);
	cr_assert_eq(write_bytes(10, &diag), 0, "%s", diag.text);
	cr_assert_eq(lstat(path, &st), 0);
	cr_assert(S_ISLNK(st.st_mode));
}

/* Nobody reads it yet: an open would wait. */
Test(output, a_check_does_not_touch_a_pipe, .timeout = 300)
{
	struct diag diag = {""};

	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(output_check(path, &diag), 0, "%s", diag.text);
}

Test(output, two_that_write_one_file_do_not_meet)
{
	struct output *first, *second;
	struct diag diag = {""};

	cr_assert_eq(output_open(&first, path, &diag), 0, "%s", diag.text);
	cr_assert_eq(output_open(&second, path, &diag), 0, "%s", diag.text);
	fputs("first", output_stream(first));
	fputs("second", output_stream(second));
	cr_assert_eq(output_commit(first, &diag), 0, "%s", diag.text);
	expect_file("first");
	cr_assert_eq(output_commit(second, &diag), 0, "%s", diag.text);
	expect_file("second");
	expect_nothing_beside();
}

Test(output, rights_are_those_of_any_new_file)
{
	struct diag diag = {""};
	struct stat st;

	umask(0027);
	cr_assert_eq(write_bytes(1, &diag), 0, "%s", diag.text);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0640);
}

Test(output, a_check_leaves_no_trace)
{
	struct diag diag = {""};

	cr_assert_eq(output_check(path, &diag), 0, "%s", diag.text);
	expect_absent(path);
	expect_nothing_beside();
	make_file(path, "old");
	cr_assert_eq(output_check(path, &diag), 0, "%s", diag.text);
	expect_file("old");
	cr_assert_eq(output_check("-", &diag), 0);
}

static void refused(const char *name, int err)
{
	struct output *output;
	struct diag diag = {""};

	cr_assert_eq(output_check(name, &diag), err, "%s: %s", name, diag.text);
	expect_line(&diag, name, strerror(-err));
	diag.text[0] = '\0';
	cr_assert_eq(output_open(&output, name, &diag), err, "%s: %s", name, diag.text);
	expect_line(&diag, name, strerror(-err));
}

Test(output, the_check_says_what_writing_would_say)
{
	char below[80], name[NAME_MAX + 5] = "/tmp/";

	refused("", -ENOENT);
	refused("/nonexistent/x", -ENOENT);
	refused("/tmp", -EISDIR);
	memset(name + 5, 'x', NAME_MAX - 3); /* with .tmp one too many */
	refused(name, -ENAMETOOLONG);
	cr_assert_eq(symlink("/nonexistent/x", path), 0);
	refused(path, -ENOENT);
	unlink(path);
	make_file(path, "old");
	snprintf(below, sizeof(below), "%s/x", path);
	refused(below, -ENOTDIR);
}

Test(output, a_check_knows_whose_rights_count)
{
	struct diag diag = {""};
	char directory[64];

	if (geteuid() != 0)
		cr_skip_test("needs root, to give it up");
	strcpy(directory, path);
	*strrchr(directory, '/') = '\0';
	cr_assert_eq(chmod(directory, 0755), 0);
	cr_assert_eq(seteuid(65534), 0);
	int file = output_check(path, &diag);
	cr_assert_eq(seteuid(0), 0);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(seteuid(65534), 0);
	int special = output_check(path, &diag);
	cr_assert_eq(seteuid(0), 0);
	cr_assert_eq(file, -EACCES);
	cr_assert_eq(special, -EACCES);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's options: words to configuration, complaints, configuration files, and that the man
 * page names the same options as the table. It starts no guest. */
#include "../../src/cli/cli.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct options options;
static struct diag diag;

/* Parses a line of words (the command's name is put before them). */
static int parse(enum command command, const char *line, int *argc, char **argv)
{
	static char words[1024];
	snprintf(words, sizeof(words), "%s", line);
	cli_options_free(&options);
	cli_options_init(&options);
	diag.text[0] = '\0';
	argv[0] = (char[]){"x"};
	*argc = 1;
	for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
		argv[(*argc)++] = word;
	argv[*argc] = NULL;
	return cli_options_parse(&options, command, argc, argv, &diag);
}

static int run(const char *line)
{
	char *argv[64];
	int argc;
	return parse(COMMAND_RUN, line, &argc, argv);
}

static void good(const char *line)
{
	cr_expect_eq(run(line), 0, "%s: %s", line, diag.text);
}

/* Refused with one line that contains says. */
static void bad(const char *line, const char *says)
{
	cr_expect_eq(run(line), -EINVAL, "%s was accepted", line);
	cr_expect(strstr(diag.text, says) != NULL, "%s: \"%s\" does not say \"%s\"", line,
		diag.text, says);
	cr_expect(strchr(diag.text, '\n') == NULL);
}

static bool same_machine(const struct vm_config *a, const struct vm_config *b)
{
	return a->kernel == b->kernel && a->append == b->append && a->vcpus == b->vcpus &&
	       a->mem_bytes == b->mem_bytes && a->irqchip == b->irqchip && a->serial == b->serial &&
	       a->serial_path == b->serial_path &&
	       memcmp(a->vcpu_cpu, b->vcpu_cpu, sizeof(a->vcpu_cpu)) == 0 &&
	       a->vcpu_fifo_priority == b->vcpu_fifo_priority && a->timer_cpu == b->timer_cpu &&
	       a->timer_priority == b->timer_priority && a->timer_spin_ns == b->timer_spin_ns &&
	       a->timer_advance_ns == b->timer_advance_ns && a->halt_poll_ns == b->halt_poll_ns &&
	       a->quiet_window_ns == b->quiet_window_ns && a->timeout_ns == b->timeout_ns;
}

Test(options, nothing_given_is_the_default)
{
	struct vm_config expected;
	vm_config_default(&expected);
	good("");
	cr_expect(same_machine(&expected, &options.machine));
	cr_expect_eq(options.machine_set, 0);
}

Test(options, help_states_the_defaults)
{
	for (const struct option_spec *spec = cli_option_specs; spec->name != NULL; spec++) {
		char line[128];
		struct vm_config expected;
		if (spec->fallback == NULL)
			continue;
		vm_config_default(&expected);
		snprintf(line, sizeof(line), "--%s %s", spec->name, spec->fallback);
		good(line);
		cr_expect(same_machine(&expected, &options.machine), "%s is not the default", line);
	}
}

Test(options, both_spellings)
{
	good("--vcpus 3 --mem=128M guest.elf");
	cr_expect_eq(options.machine.vcpus, 3);
	cr_expect_eq(options.machine.mem_bytes, 128 << 20);
	cr_expect_str_eq(options.machine.kernel, "guest.elf");
	cr_expect_eq(options.machine_set, BENCH_SET_VCPUS | BENCH_SET_MEM);
	good("guest.elf --append=a=b");
	cr_expect_str_eq(options.machine.append, "a=b");
	good("-- --odd-name");
	cr_expect_str_eq(options.machine.kernel, "--odd-name");
}

Test(options, units)
{
	good("--timer-spin 75us --halt-poll 2ms --quiet-window 100 --timeout 3");
	cr_expect_eq(options.machine.timer_spin_ns, 75000);
	cr_expect_eq(options.machine.halt_poll_ns, 2000000);
	cr_expect_eq(options.machine.quiet_window_ns, 100);
	cr_expect_eq(options.machine.timeout_ns, 3000000000);
	good("--timeout 250ms --mem 8192K --timer-advance auto");
	cr_expect_eq(options.machine.timeout_ns, 250000000);
	cr_expect_eq(options.machine.mem_bytes, 8 << 20);
	cr_expect_eq(options.machine.timer_advance_ns, VM_AUTO);
}

Test(options, words)
{
	good("--irqchip user --serial file:/tmp/out --pin 1,0,5");
	cr_expect_eq(options.machine.irqchip, IRQCHIP_USER);
	cr_expect_eq(options.machine.serial, SERIAL_FILE);
	cr_expect_str_eq(options.machine.serial_path, "/tmp/out");
	cr_expect_eq(options.pins, 3);
	cr_expect_eq(options.machine.vcpu_cpu[0], 1);
	cr_expect_eq(options.machine.vcpu_cpu[2], 5);
	cr_expect_eq(options.machine.vcpu_cpu[3], -1);
	good("--pin 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15");
	bad("--pin 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", "expected CPU,CPU");
	bad("--pin 0,,1", "expected CPU,CPU");
	good("--pin 1 --pin none");
	cr_expect_eq(options.machine.vcpu_cpu[0], -1);
	good("--pin each");
	cr_expect(options.pin_each);
	bad("--pin both", "expected CPU,CPU...|each|none");
	bad("--pin 1,", "expected CPU,CPU");
	bad("--pin -1", "expected CPU,CPU");
	bad("--pin 99999999999999999999", "expected CPU,CPU");
	good("--disk /tmp/a,b.img");
	cr_expect_str_eq(options.machine.disk_path, "/tmp/a,b.img");
	cr_expect(!options.machine.disk_read_only);
	good("--disk /tmp/a,ro,ro --disk-cpu 0");
	cr_expect_str_eq(options.machine.disk_path, "/tmp/a,ro");
	cr_expect(options.machine.disk_read_only);
	cr_expect_eq(options.machine.disk_cpu, 0);
	bad("--disk=", "expected PATH[,ro]");
	bad("--serial tcp", "expected stdio|null|file:PATH");
	bad("--serial file:", "expected stdio|null|file:PATH");
	bad("--irqchip KVM", "expected kernel|split|user");
}

Test(options, wrong_numbers_name_the_range)
{
	bad("--vcpus 0", "--vcpus 0: expected a number from 1 to 16");
	bad("--vcpus 17", "from 1 to 16");
	bad("--vcpus two", "from 1 to 16");
	bad("--vcpus -1", "from 1 to 16");
	bad("--vcpus +1", "from 1 to 16");
	bad("--vcpus 1x", "from 1 to 16");
	bad("--vcpus=", "from 1 to 16");
	bad("--vcpus 18446744073709551617", "from 1 to 16");
	bad("--mem 1M", "from 4M to 3G (bytes, or with K, M or G)");
	bad("--mem 64", "from 4M to 3G");
	bad("--mem 17179869185G", "from 4M to 3G");
	bad("--timer-spin 2s",
		"expected auto or a number from 0 to 100ms (ns, or with us, ms or s)");
	bad("--timer-advance soon", "expected auto or a number from 0 to 100us");
	bad("--timeout 5m", "(seconds, or with ms, us or ns)");
	bad("--timer-priority 100", "from 0 to 99");
}

Test(options, unknown_names_the_nearest)
{
	bad("--vcpu 2", "--vcpu: no such option, did you mean --vcpus?");
	bad("--irqchp=user", "did you mean --irqchip?");
	bad("--timer-pritority 3", "did you mean --timer-priority?");
	bad("--zzzzzz", "no such option; --help");
	bad("-v", "-v: no such option");
	bad("-vcpus 1", "-vcpus: no such option");
	bad("---vcpus 1", "---vcpus: no such option");
	bad("--events f", "no such option"); /* trace's, not run's */
	bad("--quiet=1", "takes no value");
	bad("--vcpus", "needs a value: --vcpus N");
	bad("one two", "one KERNEL already: one");
}

Test(options, bench_keeps_what_is_not_ours)
{
	char *argv[64];
	int argc;
	cr_assert_eq(
		parse(COMMAND_BENCH, "timer --interval 10us,50us --vcpus 2 --count=100 --json -",
			&argc, argv),
		0);
	cr_assert_eq(argc, 5);
	cr_expect_str_eq(argv[1], "timer");
	cr_expect_str_eq(argv[2], "--interval");
	cr_expect_str_eq(argv[3], "10us,50us");
	cr_expect_str_eq(argv[4], "--count=100");
	cr_expect_null(argv[5]);
	cr_expect_eq(options.machine.vcpus, 2);
	cr_expect_str_eq(options.json, "-");
}

static void bad_here(const char *line, const char *says)
{
	good(line);
	cr_expect_eq(cli_options_check(&options, "0-1,4", 1ULL << 30, &diag), -EINVAL, "%s", line);
	cr_expect(strstr(diag.text, says) != NULL, "%s: %s", line, diag.text);
}

static void good_here(const char *line)
{
	good(line);
	cr_expect_eq(cli_options_check(&options, "0-1,4", 1ULL << 30, &diag), 0, "%s: %s", line,
		diag.text);
}

Test(options, host_limits)
{
	good_here("--vcpus 16 --mem 1G --pin 0,1,4 --timer-cpu 4");
	bad_here("--mem 2G", "--mem 2G: this host has 1G");
	bad_here("--mem 67108865", "multiple of 4K");
	bad_here("--mem 8M", "built-in guest needs at least 16M");
	good_here("--mem 8M kernel");
	bad_here("--pin 2", "--pin: CPU 2 is not online here; online: 0-1,4");
	bad_here("--timer-cpu 3", "--timer-cpu: CPU 3 is not online here; online: 0-1,4");
	bad_here("--pin 0,1", "2 CPUs named for 1 vCPUs");
}

/* ---- configuration files ---- */

static char path[] = "/tmp/tickvm-options-XXXXXX";

static int with_config(const char *text, const char *line)
{
	char words[256];
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	int fd = mkstemp(path);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(words, sizeof(words), "--config %s %s", path, line);
	int err = run(words);
	unlink(path);
	return err;
}

static void bad_config(const char *text, const char *says)
{
	char expected[256];
	cr_expect_eq(with_config(text, ""), -EINVAL, "%s", text);
	snprintf(expected, sizeof(expected), "%s:%s", path, says);
	cr_expect_eq(strncmp(diag.text, expected, strlen(expected)), 0, "\"%s\" is not \"%s\"",
		diag.text, expected);
}

Test(machine_config, same_keys_as_options)
{
	cr_expect_eq(with_config("# a guest\n[machine]\nvcpus = 4\nappend = test=exits pio-out=3\n"
				 "  mem = 32M\nquiet = true\nverbose = false\n",
			     "--mem 48M"),
		0, "%s", diag.text);
	cr_expect_eq(options.machine.vcpus, 4);
	cr_expect_str_eq(options.machine.append, "test=exits pio-out=3");
	cr_expect_eq(options.machine.mem_bytes, 48 << 20); /* the command line wins */
	cr_expect(options.quiet);
	cr_expect_not(options.verbose);
	cr_expect_eq(with_config("vcpus = 2", ""), 0);
	cr_expect_eq(options.machine.vcpus, 2);
}

Test(machine_config, complaints_name_file_line_and_key)
{
	bad_config("\nvcpus = 99\n", "2: vcpus = 99: expected a number from 1 to 16");
	bad_config("vcpsu = 1\n", "1: vcpsu = 1: no such option, did you mean --vcpus?");
	bad_config("[disk]\na = b\n", "1: [disk]: no such section");
	bad_config("quiet = maybe\n", "1: quiet = maybe: expected true or false");
	bad_config("\n\nnonsense\n", "3: expected [section] or key = value");
	bad_config("config = x\n", "1: config = x: belongs on the command line");
	bad_config(
		"vcpus = 2\n[machine]\nvcpus = 3\n", "3: vcpus = 3: given twice; first on line 1");
	bad_config("[machine]\nquiet = false\nquiet = true\n",
		"3: quiet = true: given twice; first on line 2");
	bad_config("[machine]\n[machine]\n", "2: [machine]: there is one already, on line 1");
}

/* As long as on the command line, whose own limit is told when the host is looked at. */
Test(machine_config, long_values)
{
	static char line[5000];
	memset(line, 'a', sizeof(line) - 2);
	memcpy(line, "append = ", 9);
	line[9 + 2047] = '\0';
	cr_expect_eq(with_config(line, ""), 0, "%s", diag.text);
	cr_expect_eq(strlen(options.machine.append), 2047);
	cr_expect_eq(cli_options_check(&options, "0", 0, &diag), 0, "%s", diag.text);
	line[9 + 2047] = 'a';
	cr_expect_eq(with_config(line, ""), 0, "%s", diag.text);
	cr_expect_eq(cli_options_check(&options, "0", 0, &diag), -EINVAL);
	memcpy(line, "vcpus  = ", 9);
	bad_config(line, "1: vcpus = aaaaaaaaaaaaaaaaaaaa");
	cr_expect_not_null(
		strstr(diag.text, "...: expected a number from 1 to 16"), "%s", diag.text);
}

/* An option that takes a file says whether another file may name it. */
Test(machine_config, whose_files_a_file_may_name)
{
	for (const struct option_spec *spec = cli_option_specs; spec->name != NULL; spec++) {
		if (spec->arg != NULL && (strstr(spec->arg, "FILE") || strstr(spec->arg, "PATH")))
			cr_expect_not_null(spec->typed, "--%s %s", spec->name, spec->arg);
	}
	bad_config("serial = file:x\n",
		"1: serial = file:x: belongs on the command line: a file may "
		"not name what is written");
	bad_config(
		"disk = x\n", "1: disk = x: belongs on the command line: a file may name a disk");
	bad_config("disk = ,ro\n", "1: disk = ,ro: belongs on the command line");
	bad_config("json = -\n", "1: json = -: belongs on the command line");
	bad_config("help = true\n", "1: help = true: belongs on the command line: it says nothing");
	cr_expect_eq(with_config("serial = null\ndisk = x,ro\n", ""), 0, "%s", diag.text);
	cr_expect_eq(with_config("serial = null\n", "--serial file:x --disk x --json x"), 0, "%s",
		diag.text);
	cr_expect_str_eq(options.machine.serial_path, "x");
}

Test(machine_config, absent_file)
{
	cr_expect_eq(run("--config /nonexistent/vm.ini"), -ENOENT);
	cr_expect_str_eq(diag.text,
		"--config /nonexistent/vm.ini: cannot open it: No such file or directory");
}

/* ---- exit statuses ---- */

Test(launch, status)
{
	struct vm_outcome outcome = {.end = VM_END_EXIT, .status = 7};
	cr_expect_eq(cli_launch_status(&outcome), 7);
	outcome.status = 123;
	cr_expect_eq(cli_launch_status(&outcome), 123);
	outcome.status = 124;
	cr_expect_eq(cli_launch_status(&outcome), 123);
	outcome.end = VM_END_TIMEOUT;
	cr_expect_eq(cli_launch_status(&outcome), 124);
	outcome.end = VM_END_ERROR;
	cr_expect_eq(cli_launch_status(&outcome), 125);
	outcome.end = VM_END_CRASH;
	cr_expect_eq(cli_launch_status(&outcome), 126);
	outcome.end = VM_END_STOPPED;
	cr_expect_eq(cli_launch_status(&outcome), 130);
}

/* ---- what is written about them ---- */

static char *file_text(const char *name)
{
	FILE *file = fopen(name, "r");
	cr_assert_not_null(file, "%s: tests run from the top of the tree", name);
	char *text = calloc(1, 1 << 16);
	cr_assert_not_null(text);
	cr_assert(fread(text, 1, (1 << 16) - 1, file) > 0);
	fclose(file);
	return text;
}

/* name as a whole word behind prefix. */
static bool names(const char *text, const char *prefix, const char *name)
{
	char wanted[64];
	int length = snprintf(wanted, sizeof(wanted), "%s%s", prefix, name);
	for (const char *at = text; (at = strstr(at, wanted)) != NULL; at++)
		if (!isalnum((unsigned char)at[length]) && at[length] != '-')
			return true;
	return false;
}

Test(options, man_page_names_each)
{
	char *man = file_text("docs/tickvm.1");
	for (const struct option_spec *spec = cli_option_specs; spec->name != NULL; spec++)
		cr_expect(names(man, "It Fl -", spec->name), "docs/tickvm.1: --%s", spec->name);
	free(man);
}

Test(options, man_page_names_no_other)
{
	char *man = file_text("docs/tickvm.1");
	for (char *at = man; (at = strstr(at, "\n.It Fl -")) != NULL;) {
		at += strlen("\n.It Fl -");
		size_t length = strcspn(at, " \n");
		cr_expect_not_null(
			cli_options_find(COMMANDS_ALL, at, length, "docs/tickvm.1", &diag),
			"%s: --%.*s", diag.text, (int)length, at);
	}
	free(man);
}

Test(options, help_fits_100_columns)
{
	for (unsigned command = COMMAND_RUN; command <= COMMANDS_ALL; command *= 2) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		cr_assert_not_null(out);
		cli_options_help(out, (enum command)command);
		fclose(out);
		for (const char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
			cr_expect_leq(strlen(line), 100, "%s", line);
		free(text);
	}
}

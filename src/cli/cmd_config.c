/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm config check FILE...: would --config, or tickvm sweep, take it on this host?
 * It starts no machine and changes nothing. */
#include "cli.h"
#include "sweep_machines.h"

#include "tickvm/ini_file.h"
#include "tickvm/input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define COMPLAINTS_MAX 100

static void help(void)
{
	printf("usage: tickvm config check FILE.ini...\n\n"
	       "Reads machine descriptions as tickvm run --config does, and sweeps as tickvm sweep "
	       "does, and looks\nwhether this host has what they ask for: CPUs, memory, files. "
	       "All complaints are told, each with\nfile, line and key.\n\n"
	       "exit status: 0 all good; 1 one is not; 2 usage\n");
}

/* What a first look at a file is for. */
struct look {
	bool is_sweep;
	const char *key; /* to be found, or NULL */
	unsigned number; /* of the last line that has it; 0: none */
	char value[256];
};

static bool begins_sweep(const char *section)
{
	static const char *const words[] = {"sweep", "machine ", "bench ", "matrix", "cell "};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncmp(section, words[i], strlen(words[i])) == 0)
			return true;
	}
	return false;
}

static int look_at_line(void *user, const struct ini_line *line, struct diag *diag)
{
	struct look *look = user;

	(void)diag;
	look->is_sweep |= begins_sweep(line->section) ||
			  (line->key != NULL && strcmp(line->key, "include") == 0);
	if (line->key == NULL || look->key == NULL || strcmp(line->key, look->key) != 0)
		return 0;
	look->number = line->number;
	snprintf(look->value, sizeof(look->value), "%s", line->value);
	return 0;
}

static int open_file(FILE **file, const char *path, struct diag *diag)
{
	struct diag why;
	int err = input_stream(file, path, &why);

	return err < 0 ? diag_set(diag, err, "%s: cannot open it: %s", path, why.text) : 0;
}

static int look_at(const char *path, struct look *look, struct diag *diag)
{
	FILE *file;
	int err = open_file(&file, path, diag);

	if (err < 0)
		return err;
	err = ini_file_read(file, path, look_at_line, look, NULL, diag);

	fclose(file);
	return err;
}

/* ---- complaints ---- */

/* What is wrong with one file. Lines that were complained of are left out when it is read again, so
 * that what else is wrong shows. */
struct checking {
	const char *path;
	unsigned lines[COMPLAINTS_MAX];
	size_t n;
	struct options options;
};

static bool is_told(const struct checking *c, unsigned line)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->lines[i] == line)
			return true;
	}
	return false;
}

/* struct ini_complaints' take. */
static void tell(void *user, unsigned line, const char *text)
{
	struct checking *c = user;

	if (is_told(c, line))
		return;
	complain("config", "%s", text);
	if (c->n < COMPLAINTS_MAX)
		c->lines[c->n++] = line;
}

/* The host is complained about by option: say which line asked for it. True: it was found, and the
 * rest may be looked at. */
static bool tell_of_option(struct checking *c, const struct diag *why)
{
	char key[32] = "", text[sizeof(why->text) + 400];
	struct look look = {.key = key};
	struct diag unused;

	if (strncmp(why->text, "--", 2) == 0)
		snprintf(
			key, sizeof(key), "%.*s", (int)strcspn(why->text + 2, ": "), why->text + 2);
	look_at(c->path, &look, &unused);
	if (look.number == 0 || is_told(c, look.number) || c->n == COMPLAINTS_MAX) {
		complain("config", "%s: %s", c->path, why->text);
		return false;
	}
	snprintf(text, sizeof(text), "%s:%u: %s = %s: %s", c->path, look.number, key, look.value,
		why->text);
	tell(c, look.number, text);
	return true;
}

/* ---- machines ---- */

/* Of a file, so it is read only. */
static int check_disk(const struct vm_config *machine, struct diag *diag)
{
	struct stat st;
	struct diag why;

	if (machine->disk_path == NULL)
		return 0;
	if (input_look(machine->disk_path, INPUT_DISK, &st, &why) == -EINVAL)
		return diag_set(diag, -EINVAL, "--disk: %s", why.text);
	if (access(machine->disk_path, R_OK) == 0)
		return 0;
	return diag_set(diag, -errno, "--disk: cannot open it: %s", strerror(errno));
}

static int take_line(void *user, const struct ini_line *line, struct diag *diag)
{
	struct checking *c = user;

	/* A bad section's keys are passed over again, and tell() says nothing twice. */
	if (is_told(c, line->number))
		return line->key == NULL ? -EINVAL : 0;
	return machine_config_line(&c->options, COMMAND_RUN, line, diag);
}

static int read_machine(struct checking *c, struct diag *diag)
{
	struct ini_complaints complaints = {.take = tell, .user = c};
	FILE *file;
	int err = open_file(&file, c->path, diag);

	if (err < 0)
		return err;
	err = ini_file_read(file, c->path, take_line, c, &complaints, diag);

	fclose(file);
	return err;
}

static int check_host(struct checking *c, struct diag *diag)
{
	int err = cli_options_check_host(&c->options, diag);

	return err < 0 ? err : check_disk(&c->options.machine, diag);
}

/* True: what the host lacks has been told, and there may be more. */
static bool check_machine_once(struct checking *c)
{
	struct diag diag = {""};
	bool more = false;

	cli_options_init(&c->options);
	if (read_machine(c, &diag) < 0) {
		complain("config", "%s", diag.text);
		c->n = COMPLAINTS_MAX;
	} else if (check_host(c, &diag) < 0) {
		more = tell_of_option(c, &diag);
		c->n += c->n == 0;
	}
	cli_options_free(&c->options);
	return more;
}

static bool check_machine(const char *path)
{
	struct checking c = {.path = path};

	while (check_machine_once(&c))
		;
	return c.n == 0;
}

/* ---- sweeps ---- */

static bool check_sweep(const char *path, size_t *cells)
{
	struct checking c = {.path = path};
	struct ini_complaints complaints = {.take = tell, .user = &c};
	struct sweep_machines machines;
	char word[] = "sweep", *argv[] = {word, NULL};
	struct diag diag = {""};
	int err = sweep_machines_begin(&machines, COMMAND_SWEEP, 1, argv, &diag);

	if (err == 0) {
		const struct machine_maker maker = sweep_machines_maker(&machines);

		err = sweep_check(path, &maker, cells, &complaints, &diag);
	}
	if (err < 0 && complaints.n == 0)
		complain("config", "%s", diag.text);
	sweep_machines_end(&machines);
	return err == 0;
}

static bool check(const char *path)
{
	struct look look = {.key = NULL};
	struct diag unused, said;
	size_t cells = 0;

	/* A line that is none is told by who reads the file for good. */
	look_at(path, &look, &unused);
	bool good = look.is_sweep ? check_sweep(path, &cells) : check_machine(path);

	if (good && look.is_sweep)
		diag_set(&said, 0, "%s: good, a sweep of %zu cells", path, cells);
	else if (good)
		diag_set(&said, 0, "%s: good", path);
	if (good)
		puts(said.text);
	return good;
}

int cmd_config(int argc, char **argv, const char *command_line)
{
	int status = STATUS_OK;

	(void)command_line;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			help();
			return STATUS_OK;
		}
	}
	if (argc < 3 || strcmp(argv[1], "check") != 0) {
		complain("config", "expected: tickvm config check FILE.ini...");
		return STATUS_USAGE;
	}
	for (int i = 2; i < argc; i++) {
		if (!check(argv[i]))
			status = STATUS_FAILED;
	}
	return status;
}

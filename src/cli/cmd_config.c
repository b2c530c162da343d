/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm config check FILE...: would --config, or tickvm sweep, take it on this host?
 * It starts no machine and changes nothing. */
#include "cli.h"
#include "sweep_machines.h"

#include "tickvm/ini_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void help(void)
{
	printf("usage: tickvm config check FILE.ini...\n\n"
	       "Reads machine descriptions as tickvm run --config does, and sweeps as tickvm sweep "
	       "does, and looks whether\nthis host has what they ask for: CPUs, memory, files. "
	       "Each complaint names file, line and key.\n\n"
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

static int look_at(const char *path, struct look *look, struct diag *diag)
{
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return diag_set(diag, -errno, "%s: cannot open it: %s", path, strerror(errno));
	int err = ini_file_read(file, path, look_at_line, look, diag);

	fclose(file);
	return err;
}

/* The host is complained about by option: say which line asked for it. */
static void add_line(const char *path, int err, struct diag *diag)
{
	const struct diag why = *diag;
	char key[32] = "";
	struct look look = {.key = key};
	struct diag unused;

	if (strncmp(why.text, "--", 2) == 0)
		snprintf(key, sizeof(key), "%.*s", (int)strcspn(why.text + 2, ": "), why.text + 2);
	look_at(path, &look, &unused);
	if (look.number == 0)
		diag_set(diag, err, "%s: %s", path, why.text);
	else
		diag_set(diag, err, "%s:%u: %s = %s: %s", path, look.number, key, look.value,
			why.text);
}

static int check_disk(const struct vm_config *machine, struct diag *diag)
{
	int mode = R_OK | (machine->disk_read_only ? 0 : W_OK);

	if (machine->disk_path == NULL || access(machine->disk_path, mode) == 0)
		return 0;
	return diag_set(diag, -errno, "--disk: cannot open it%s: %s",
		machine->disk_read_only ? "" : " for writing", strerror(errno));
}

static int check_machine(const char *path, struct diag *diag)
{
	struct options options;

	cli_options_init(&options);
	int err = machine_config_read(&options, COMMAND_RUN, path, diag);

	if (err == 0) {
		err = cli_options_check_host(&options, diag);
		if (err == 0)
			err = check_disk(&options.machine, diag);
		if (err < 0)
			add_line(path, err, diag);
	}
	cli_options_free(&options);
	return err;
}

static int check_sweep(const char *path, size_t *cells, struct diag *diag)
{
	struct sweep_machines machines;
	char word[] = "sweep", *argv[] = {word, NULL};
	int err = sweep_machines_begin(&machines, COMMAND_SWEEP, 1, argv, diag);

	if (err == 0) {
		const struct machine_maker maker = sweep_machines_maker(&machines);

		err = sweep_check(path, &maker, cells, diag);
	}
	sweep_machines_end(&machines);
	return err;
}

static bool check(const char *path)
{
	struct look look = {.key = NULL};
	struct diag diag = {""};
	size_t cells = 0;
	int err = look_at(path, &look, &diag);

	if (err == 0)
		err = look.is_sweep ? check_sweep(path, &cells, &diag) : check_machine(path, &diag);
	if (err < 0)
		complain("config", "%s", diag.text);
	else if (look.is_sweep)
		printf("%s: good, a sweep of %zu cells\n", path, cells);
	else
		printf("%s: good\n", path);
	return err == 0;
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

/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of any bytes, as words of a command line or as lines of a machine's description: refused
 * in one line, or a machine within its limits. Input: a byte that chooses command and form, then
 * words, one a line, or an INI file. It opens no file that the input names. */
#include "../../src/cli/options.h"

#include "tickvm/guest_abi.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORDS_MAX 64
#define INI       0x80u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

static const enum command commands[] = {COMMAND_RUN, COMMAND_TRACE, COMMAND_BENCH, COMMAND_DOCTOR,
	COMMAND_REPORT, COMMAND_COMPARE, COMMAND_SWEEP, COMMAND_MERGE, COMMAND_BISECT,
	COMMAND_TUNE};

static void check_machine(const struct vm_config *machine)
{
	CHECK(machine->vcpus >= 1 && machine->vcpus <= VM_MAX_VCPUS);
	CHECK(machine->mem_bytes >= VM_MIN_MEM && machine->mem_bytes <= 3ULL << 30);
	CHECK((unsigned)machine->irqchip < IRQCHIP_KINDS);
	CHECK((machine->serial == SERIAL_FILE) == (machine->serial_path != NULL));
	CHECK(machine->timer_cpu >= -1 && machine->timer_priority >= 0);
	CHECK(machine->halt_poll_ns >= VM_AUTO && machine->timer_advance_ns >= VM_AUTO);
	CHECK(machine->timeout_ns <= 1000000ULL * 1000000000);
	for (unsigned i = 0; i < VM_MAX_VCPUS; i++)
		CHECK(machine->vcpu_cpu[i] >= -1 && machine->vcpu_cpu[i] < 4096);
}

static int read_ini(struct options *options, enum command command, const uint8_t *data, size_t size,
	struct diag *diag)
{
	char path[32];
	int fd = memfd_create("machine", 0);

	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int err = machine_config_read(options, command, path, diag);

	close(fd);
	/* A file names nothing that is written. */
	CHECK(options->machine.serial != SERIAL_FILE && !options->tune.apply);
	CHECK(options->machine.disk_path == NULL || options->machine.disk_read_only);
	CHECK(!options->json && !options->csv && !options->markdown && !options->events);
	CHECK(!options->output && !options->resume);
	return err;
}

/* text is cut up in place. */
static int read_words(struct options *options, enum command command, char *text, struct diag *diag)
{
	char name[] = "x", *argv[WORDS_MAX + 1] = {name}, *rest = text;
	int argc = 1;

	while (rest != NULL && argc < WORDS_MAX) {
		argv[argc++] = strsep(&rest, "\n");
		if (strncmp(argv[argc - 1], "--config", 8) == 0)
			return diag_set(diag, -EINVAL, "no files here");
	}
	argv[argc] = NULL;
	int err = cli_options_parse(options, command, &argc, argv, diag);

	CHECK(err != 0 || (argc >= 1 && argc <= WORDS_MAX && argv[argc] == NULL));
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	enum command command =
		commands[(data[0] & ~INI) % (sizeof(commands) / sizeof(commands[0]))];
	struct options options;
	struct diag diag = {""};
	char *text = strndup((const char *)data + 1, size - 1);

	CHECK(text != NULL);
	cli_options_init(&options);
	int err = data[0] & INI ? read_ini(&options, command, data + 1, size - 1, &diag)
				: read_words(&options, command, text, &diag);

	if (err == 0) {
		check_machine(&options.machine);
		err = cli_options_check(&options, "0-3,8", 4ULL << 30, &diag);
	}
	CHECK(err <= 0);
	CHECK(err == 0 || (diag.text[0] != '\0' && strchr(diag.text, '\n') == NULL));
	cli_options_free(&options);
	free(text);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a fuzz target without libFuzzer: every seed as it is, then FUZZ_MUTATIONS variations of
 * each. The same seeds give the same inputs on every run; it does not search for coverage. */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX        (1u << 20)
#define SECONDS_AN_INPUT 300 /* a hang, however busy the host is */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char now_running[512];
static uint64_t inputs_run;

/* What died and how to see it again: the file and the number of its variation are enough. */
static void say_where(int signal_number)
{
	static const char what[] = "\nfuzz: died or hung on ";
	if (write(STDERR_FILENO, what, sizeof(what) - 1) < 0 ||
		write(STDERR_FILENO, now_running, strlen(now_running)) < 0 ||
		write(STDERR_FILENO, "\n", 1) < 0)
		_exit(1);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static uint64_t next_random(uint64_t *state)
{
	/* xorshift64*: Marsaglia 2003, Vigna 2016 */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 0x20, 0x10};

/* One small change in place: a bit, a byte, an edge value, a run copied elsewhere, an end cut or
 * grown. */
static size_t mutate(uint8_t *data, size_t size, uint64_t *random)
{
	if (size == 0) {
		data[0] = (uint8_t)next_random(random);
		return 1;
	}
	size_t at = next_random(random) % size, from = next_random(random) % size;
	size_t run = 1 + next_random(random) % 16;
	if (run > size - (at > from ? at : from))
		run = size - (at > from ? at : from);
	switch (next_random(random) % 6) {
	case 0:
		data[at] ^= (uint8_t)(1u << (next_random(random) % 8));
		return size;
	case 1:
		data[at] = (uint8_t)next_random(random);
		return size;
	case 2:
		memset(data + at, edges[next_random(random) % sizeof(edges)], run);
		return size;
	case 3:
		memmove(data + at, data + from, run);
		return size;
	case 4:
		return at;
	default:
		if (size + run > INPUT_MAX)
			return size;
		memmove(data + at + run, data + at, size - at);
		return size + run;
	}
}

/* A copy of exactly size bytes, so that AddressSanitizer sees a read past its end. */
static void run_one(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size > 0 ? size : 1);
	if (exact == NULL)
		abort();
	memcpy(exact, data, size);
	alarm(SECONDS_AN_INPUT);
	LLVMFuzzerTestOneInput(exact, size);
	alarm(0);
	free(exact);
	inputs_run++;
}

static int replay_file(const char *path, unsigned long mutations)
{
	static uint8_t seed[INPUT_MAX], input[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		return -1;
	}
	size_t seed_size = fread(seed, 1, sizeof(seed), file);
	fclose(file);
	snprintf(now_running, sizeof(now_running), "%s", path);
	run_one(seed, seed_size);
	for (unsigned long i = 1; i <= mutations; i++) {
		uint64_t random = i * 0x9e3779b97f4a7c15ULL;
		size_t size = seed_size;
		memcpy(input, seed, seed_size);
		for (uint64_t n = 1 + next_random(&random) % 8; n > 0; n--)
			size = mutate(input, size, &random);
		snprintf(now_running, sizeof(now_running), "%s, variation %lu", path, i);
		run_one(input, size);
	}
	return 0;
}

static int replay(const char *path, unsigned long mutations)
{
	struct stat status;
	if (stat(path, &status) != 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(status.st_mode))
		return replay_file(path, mutations);
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), result = 0;
	for (int i = 0; i < n; i++) {
		char child[512];
		snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			result |= replay_file(child, mutations);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return n < 0 ? -1 : result;
}

int main(int argc, char **argv)
{
	const char *mutations = getenv("FUZZ_MUTATIONS");
	static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGALRM};
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		signal(fatal[i], say_where);
	if (argc < 2) {
		fprintf(stderr, "usage: [FUZZ_MUTATIONS=N] %s FILE|DIRECTORY ...\n", argv[0]);
		return 2;
	}
	int result = 0;
	for (int i = 1; i < argc; i++)
		result |= replay(argv[i], mutations != NULL ? strtoul(mutations, NULL, 10) : 0);
	printf("%llu inputs, no failure\n", (unsigned long long)inputs_run);
	return result == 0 && inputs_run > 0 ? 0 : 1;
}

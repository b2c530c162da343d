/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's command line as values. The keys are documented in tickvm/guest_abi.h.
 * It knows nothing of the machine, and builds hosted as well as freestanding. */
#ifndef GUEST_CMDLINE_H
#define GUEST_CMDLINE_H

#include <stdbool.h>

#include "tickvm/guest_abi.h"

enum test {
	TEST_HELLO,
	TEST_EXITS,
	TEST_TIMER,
	TEST_IPI,
	TEST_BENCH,
	TEST_MEMORY,
	TEST_LINPACK,
	TEST_CTX,
	TEST_DISK,
	TESTS
};
enum source { SOURCE_LAPIC, SOURCE_PIT, SOURCE_DEDICATED, SOURCE_TSC_POLL };
enum mode { MODE_ONESHOT, MODE_DEADLINE, MODE_PERIODIC, MODE_PINGPONG, MODE_ONEWAY };
enum wait { WAIT_HLT, WAIT_USER };
enum arm { ARM_MMIO, ARM_IOEVENTFD, ARM_SHARED };
enum lapic_timer { LAPIC_TIMER_AUTO, LAPIC_TIMER_TSC_DEADLINE, LAPIC_TIMER_ONESHOT };
enum apic { APIC_XAPIC, APIC_X2APIC };
enum cpl { CPL_AUTO, CPL_0, CPL_3 };
enum pages { PAGES_2M, PAGES_4K };
enum simd { SIMD_AUTO, SIMD_SSE2, SIMD_AVX2 };
enum load { LOAD_NONE, LOAD_IO, LOAD_INTERRUPTS };
enum disk_op { DISK_READ, DISK_WRITE };
enum pattern { PATTERN_SEQUENTIAL, PATTERN_RANDOM };
enum console { CONSOLE_AUTO, CONSOLE_SERIAL };

#define CMDLINE_NAME_MAX 32

struct cmdline {
	enum test test;
	enum console console;
	uint64_t tsc_hz, lapic_hz; /* 0: to be measured */
	enum source source;
	enum mode mode;
	uint64_t interval_ns, count, warmup;
	enum wait wait;
	enum arm arm;
	bool residual;
	enum lapic_timer lapic_timer;
	enum apic apic;
	bool hypercalls; /* they return or are #UD */
	uint64_t exits[GUEST_EXIT_KINDS];
	char name[CMDLINE_NAME_MAX];
	uint64_t iterations, rounds; /* iterations 0: chosen by a pilot */
	uint64_t round_ns;
	bool scale, signals;
	enum cpl cpl;
	uint64_t vcpus;
	enum pages pages;
	uint64_t max_bytes;
	uint64_t ops; /* bit i: enum workload_memory_op i */
	bool touch;
	uint64_t n;
	enum simd simd;
	uint64_t contexts, stride;
	enum load load;
	uint64_t disk_gpa, disk_irq; /* of virtio_mmio.device=; 0: no disk */
	enum disk_op op;
	enum pattern pattern;
	uint64_t bytes, record, depth;
	bool verify;
	bool each; /* an interrupt is waited for every time */
};

extern const char *const test_names[TESTS];

/* Fills cmdline from text, defaults first. On failure false, and message says which word is wrong
 * and why. */
bool cmdline_parse(struct cmdline *cmdline, const char *text, char *message, size_t message_size);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests of a few instructions: 32-bit code behind a Multiboot header with address fields, as a
 * file. Every test here needs /dev/kvm: REQUIRE_KVM() skips with the reason. */
#ifndef TESTS_GUEST_CODE_H
#define TESTS_GUEST_CODE_H

#include "processor.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CODE_GPA 0x100000u /* the header; code follows */
#define DATA_GPA 0x200000u

#define REQUIRE_KVM()                                                                              \
	do {                                                                                       \
		int kvm_fd_ = open("/dev/kvm", O_RDWR | O_CLOEXEC);                                \
		if (kvm_fd_ < 0)                                                                   \
			cr_skip_test("/dev/kvm: %s", strerror(errno));                             \
		close(kvm_fd_);                                                                    \
	} while (0)

/* For guests that wait in STI; HLT for what other threads raise, many times. */
#define REQUIRE_INTERRUPT_SHADOW()                                                                 \
	do {                                                                                       \
		if (!processor_loads_interrupt_shadow())                                           \
			cr_skip_test("%s", PROCESSOR_NO_SHADOW);                                   \
	} while (0)

/* A Multiboot 0.6.96 header (3.1.1 to 3.1.3) and code, written to a fresh file whose name goes to
 * path. */
static inline void write_guest(char path[64], const uint8_t *code, size_t size)
{
	uint32_t header[8] = {0x1badb002u, 1u << 16, 0u - (0x1badb002u + (1u << 16)), CODE_GPA,
		CODE_GPA, 0, 0, CODE_GPA + sizeof(header)};
	int fd;

	snprintf(path, 64, "/tmp/tickvm-guest-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, header, sizeof(header)), (ssize_t)sizeof(header));
	cr_assert_eq(write(fd, code, size), (ssize_t)size);
	close(fd);
}

/* A run is over in well under a second, a test in some. These are for what hangs. */
#define WATCHDOG_NS 60000000000ULL
#define WATCHDOG_S  600

static inline struct vm_config quiet_config(enum irqchip_kind irqchip)
{
	struct vm_config config;

	vm_config_default(&config);
	config.irqchip = irqchip;
	config.serial = SERIAL_NULL;
	config.mem_bytes = 16ULL << 20;
	config.timeout_ns = WATCHDOG_NS;
	return config;
}

/* Skips when this host lacks the back end. */
static inline struct vm *create_vm(const struct vm_config *config)
{
	struct diag diag = {.text = ""};
	struct vm *vm;
	int rc = vm_create(&vm, config, &diag);

	if (rc == -ENOTSUP)
		cr_skip_test("%s", diag.text);
	cr_assert_eq(rc, 0, "%s", diag.text);
	return vm;
}

/* The same for a guest of a few bytes. */
static inline struct vm *create_code(struct vm_config config, const uint8_t *code, size_t size)
{
	char path[64];
	struct vm *vm;

	write_guest(path, code, size);
	config.kernel = path;
	vm = create_vm(&config);
	unlink(path);
	return vm;
}

static inline void run_created(struct vm *vm, struct vm_outcome *outcome)
{
	struct diag diag = {.text = ""};
	int rc = vm_run(vm, outcome, &diag);

	cr_assert_eq(rc, 0, "%s", diag.text);
}

/* After the run of a guest that waits for interrupts in STI; HLT. */
static inline void skip_if_hung(struct vm *vm, const struct vm_outcome *outcome)
{
	if (outcome->end == VM_END_TIMEOUT && processor_hung(vm))
		cr_skip_test("%s", PROCESSOR_NO_SHADOW);
}

/* Runs the payload. */
static inline struct vm *run_vm(const struct vm_config *config, struct vm_outcome *outcome)
{
	struct vm *vm = create_vm(config);

	run_created(vm, outcome);
	skip_if_hung(vm, outcome);
	return vm;
}

static inline struct vm *run_code(
	struct vm_config config, const uint8_t *code, size_t size, struct vm_outcome *outcome)
{
	struct vm *vm = create_code(config, code, size);

	run_created(vm, outcome);
	return vm;
}

/* A thread of this process waits in the kernel: proc(5), the state behind the name. */
static inline bool thread_sleeps(pid_t tid)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	FILE *file = fopen(path, "re");

	if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (file)
		fclose(file);
	return state == 'S';
}

/* The count of exits of a kind at an address, and the device named; *repeats is not touched. */
static inline uint64_t exits_of(
	struct vm *vm, unsigned vcpu, enum exit_kind kind, uint64_t address, const char *device)
{
	size_t n;
	const struct exit_row *rows = exit_stats_rows(vm_exit_stats(vm, vcpu), &n);

	for (size_t i = 0; i < n; i++) {
		if (rows[i].kind == kind && rows[i].address == address &&
			!strcmp(rows[i].device, device))
			return rows[i].time.count;
	}
	return 0;
}

#endif

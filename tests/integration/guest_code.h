/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests of a few instructions: 32-bit code behind a Multiboot header with address fields, as a
 * file. Every test here needs /dev/kvm: REQUIRE_KVM() skips with the reason. */
#ifndef TESTS_GUEST_CODE_H
#define TESTS_GUEST_CODE_H

#include "tickvm/vm.h"

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

static inline struct vm_config quiet_config(enum irqchip_kind irqchip)
{
	struct vm_config config;

	vm_config_default(&config);
	config.irqchip = irqchip;
	config.serial = SERIAL_NULL;
	config.mem_bytes = 16ULL << 20;
	config.timeout_ns = 20000000000ULL;
	return config;
}

/* Creates and runs; skips when this host lacks the back end. */
static inline struct vm *run_vm(const struct vm_config *config, struct vm_outcome *outcome)
{
	struct diag diag = {.text = ""};
	struct vm *vm;
	int rc = vm_create(&vm, config, &diag);

	if (rc == -ENOTSUP)
		cr_skip_test("%s", diag.text);
	cr_assert_eq(rc, 0, "%s", diag.text);
	rc = vm_run(vm, outcome, &diag);
	cr_assert_eq(rc, 0, "%s", diag.text);
	return vm;
}

/* The same for a guest of a few bytes. */
static inline struct vm *run_code(
	struct vm_config config, const uint8_t *code, size_t size, struct vm_outcome *outcome)
{
	char path[64];
	struct vm *vm;

	write_guest(path, code, size);
	config.kernel = path;
	vm = run_vm(&config, outcome);
	unlink(path);
	return vm;
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

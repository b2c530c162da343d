/* SPDX-License-Identifier: BSD-2-Clause */
/* /dev/kvm: open it, know what it can do, and say what to do when it cannot. */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include "tickvm/diag.h"
#include "tickvm/host.h"

#include <stddef.h>

struct kvm {
	int fd;
	size_t run_size; /* bytes to map for struct kvm_run */
	enum kvm_backend backend;
};

/* 0, or a negative errno: -ENOENT, -EACCES, -ENOTSUP (API version), each with its remedy in diag.
 */
int kvm_open(struct kvm *kvm, struct diag *diag);
void kvm_close(struct kvm *kvm);
/* KVM_CHECK_EXTENSION: 0 when absent. */
int kvm_cap(const struct kvm *kvm, long cap);
/* -ENOTSUP with a sentence naming what is missing when the capability is absent. */
int kvm_require(const struct kvm *kvm, long cap, const char *what, struct diag *diag);
/* Records "NAME: strerror(errno)" for a failed ioctl and returns -errno. */
int kvm_failed(struct diag *diag, const char *ioctl_name);
/* KVM_ENABLE_CAP on a VM or vCPU. */
int kvm_enable_cap(int fd, unsigned cap, unsigned long arg, const char *name, struct diag *diag);

#endif

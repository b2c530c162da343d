/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening /dev/kvm and asking it what it can do.
 * It creates no VM and judges no performance. */
#include "kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int open_failed(int err, struct diag *diag)
{
	switch (err) {
	case ENOENT:
		return diag_set(diag, -ENOENT,
			"/dev/kvm does not exist: load kvm_intel or kvm_amd, or enable "
			"virtualization in "
			"the firmware (on a cloud machine: nested virtualization)");
	case EACCES:
	case EPERM:
		return diag_set(diag, -EACCES,
			"/dev/kvm: permission denied: add yourself to its group (sudo usermod -aG "
			"kvm "
			"$USER, then log in again) or run as root");
	default:
		return diag_set(diag, -err, "/dev/kvm: %s", strerror(err));
	}
}

int kvm_open(struct kvm *kvm, struct diag *diag)
{
	int version, size;

	kvm->fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm->fd < 0)
		return open_failed(errno, diag);
	version = ioctl(kvm->fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		kvm_close(kvm);
		return diag_set(diag, -ENOTSUP, "/dev/kvm: API version %d, expected %d", version,
			KVM_API_VERSION);
	}
	size = ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run)) {
		kvm_close(kvm);
		return diag_set(diag, -ENOTSUP,
			"KVM_GET_VCPU_MMAP_SIZE: %d bytes, expected at least %zu", size,
			sizeof(struct kvm_run));
	}
	kvm->run_size = (size_t)size;
	kvm->backend = kvm_backend_find();
	return 0;
}

void kvm_close(struct kvm *kvm)
{
	if (kvm->fd >= 0)
		close(kvm->fd);
	kvm->fd = -1;
}

int kvm_cap(const struct kvm *kvm, long cap)
{
	int value = ioctl(kvm->fd, KVM_CHECK_EXTENSION, cap);

	return value < 0 ? 0 : value;
}

int kvm_require(const struct kvm *kvm, long cap, const char *what, struct diag *diag)
{
	if (kvm_cap(kvm, cap))
		return 0;
	return diag_set(diag, -ENOTSUP, "this kernel's KVM has no %s", what);
}

int kvm_failed(struct diag *diag, const char *ioctl_name)
{
	int err = errno;

	return diag_set(diag, -err, "%s: %s", ioctl_name, strerror(err));
}

int kvm_enable_cap(int fd, unsigned cap, unsigned long arg, const char *name, struct diag *diag)
{
	struct kvm_enable_cap enable = {.cap = cap, .args = {arg}};

	if (ioctl(fd, KVM_ENABLE_CAP, &enable) < 0)
		return kvm_failed(diag, name);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's life: created from a vm_config, run to its end, destroyed. wire.c places the devices,
 * results.c reads what the guest left behind. */
#include "cpuid.h"
#include "wire.h"

#include "tickvm/host.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000ULL

static const char *const irqchip_names[] = {"kernel", "split", "user"};
_Static_assert(sizeof(irqchip_names) / sizeof(irqchip_names[0]) == IRQCHIP_KINDS, "one name each");

const char *irqchip_name(enum irqchip_kind kind)
{
	return (unsigned)kind < IRQCHIP_KINDS ? irqchip_names[kind] : "unknown";
}

static const struct irqchip_ops *const irqchip_ops[] = {
	[IRQCHIP_KERNEL] = &irqchip_kernel_ops,
	[IRQCHIP_SPLIT] = &irqchip_split_ops,
	[IRQCHIP_USER] = &irqchip_user_ops,
};
_Static_assert(sizeof(irqchip_ops) / sizeof(irqchip_ops[0]) == IRQCHIP_KINDS, "one back end each");

void vm_config_default(struct vm_config *config)
{
	*config = (struct vm_config){
		.vcpus = 1,
		.mem_bytes = 64ULL << 20,
		.irqchip = IRQCHIP_SPLIT,
		.serial = SERIAL_STDIO,
		.timer_cpu = -1,
		.disk_cpu = -1,
		.timer_priority = 80,
		.timer_spin_ns = VM_AUTO,
		.timer_advance_ns = VM_AUTO,
		.halt_poll_ns = VM_AUTO,
	};
	for (unsigned i = 0; i < VM_MAX_VCPUS; i++)
		config->vcpu_cpu[i] = -1;
}

static int check_config(const struct vm_config *config, struct diag *diag)
{
	if (config->vcpus < 1 || config->vcpus > VM_MAX_VCPUS)
		return diag_set(
			diag, -EINVAL, "%u vCPUs: expected 1 to %u", config->vcpus, VM_MAX_VCPUS);
	if ((unsigned)config->irqchip >= IRQCHIP_KINDS)
		return diag_set(diag, -EINVAL, "unknown irqchip: expected kernel, split or user");
	if (config->quiet_window_ns && config->irqchip == IRQCHIP_KERNEL)
		return diag_set(diag, -EINVAL,
			"a quiet window needs --irqchip split or user: KVM's own IOAPIC cannot be "
			"held back");
	if (config->irq_load_hz > IRQ_LOAD_HZ_MAX)
		return diag_set(diag, -EINVAL, "%llu load interrupts a second: expected at most %u",
			(unsigned long long)config->irq_load_hz, IRQ_LOAD_HZ_MAX);
	if (config->append && strlen(config->append) >= GUEST_CMDLINE_MAX)
		return diag_set(diag, -EINVAL,
			"the guest command line has %zu bytes, expected at most %u",
			strlen(config->append), GUEST_CMDLINE_MAX - 1);
	return 0;
}

/* ---- the end of the run ---- */

static void stop_all(struct vm *vm)
{
	atomic_store(&vm->ending, true);
	for (unsigned i = 0; i < vm->config.vcpus; i++)
		vcpu_kick(&vm->vcpus[i]);
}

static bool claim_end(struct vm *vm)
{
	return !atomic_exchange(&vm->end_claimed, true);
}

void vm_end(struct vm *vm, enum vm_end end, uint8_t status, char *report)
{
	if (!claim_end(vm)) {
		free(report);
		return;
	}
	vm->outcome = (struct vm_outcome){.end = end, .status = status, .report = report};
	atomic_store(&vm->ending, true);
	sem_post(&vm->ended);
}

void vm_end_error(struct vm *vm, const struct diag *diag)
{
	if (!claim_end(vm))
		return;
	vm->outcome = (struct vm_outcome){.end = VM_END_ERROR};
	vm->end_diag = *diag;
	atomic_store(&vm->ending, true);
	sem_post(&vm->ended);
}

static void lower_limit(struct vm *vm, uint64_t ns)
{
	uint64_t before = atomic_load(&vm->limit_ns);

	while (ns < before && !atomic_compare_exchange_weak(&vm->limit_ns, &before, ns))
		;
}

void vm_stop(struct vm *vm)
{
	/* Only what a signal handler may do, which leaves errno as it was too. */
	int error = errno;

	lower_limit(vm, clock_monotonic_ns());
	vm_end(vm, VM_END_STOPPED, 0, NULL);
	errno = error;
}

/* ---- creation ---- */

static int create_vm_fd(struct vm *vm, struct diag *diag)
{
	struct kvm_userspace_memory_region region;
	uint64_t identity = KVM_PAGES_GPA;

	do
		vm->fd = ioctl(vm->kvm.fd, KVM_CREATE_VM, 0);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		return kvm_failed(diag, "KVM_CREATE_VM");
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return kvm_failed(diag, "KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, KVM_PAGES_GPA + 0x1000) < 0)
		return kvm_failed(diag, "KVM_SET_TSS_ADDR");
	region = (struct kvm_userspace_memory_region){
		.memory_size = vm->memory.size, .userspace_addr = (uintptr_t)vm->memory.host};
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return kvm_failed(diag, "KVM_SET_USER_MEMORY_REGION");
	return 0;
}

/* MSRs that are ours: the probe always, and with `user` those of the LAPIC. KVM answers APIC_BASE
 * and TSC_DEADLINE for nobody when it has no LAPIC; x2APIC MSRs cannot be filtered, but then reach
 * us as unknown (KVM API 4.97). */
static int claim_msrs(struct vm *vm, struct diag *diag)
{
	/* Clear bits: the access is denied to KVM, so it exits. KVM reads a bitmap by whole longs.
	 */
	static unsigned long deny;
	static const uint32_t ours[] = {MSR_PROBE, MSR_APIC_BASE, MSR_TSC_DEADLINE};
	struct kvm_msr_filter filter = {.flags = KVM_MSR_FILTER_DEFAULT_ALLOW};
	unsigned n = vm->config.irqchip == IRQCHIP_USER ? 3 : 1;
	int rc;

	rc = kvm_require(
		&vm->kvm, KVM_CAP_X86_USER_SPACE_MSR, "MSR exits (Linux 5.10 or later)", diag);
	if (!rc)
		rc = kvm_require(
			&vm->kvm, KVM_CAP_X86_MSR_FILTER, "MSR filter (Linux 5.10 or later)", diag);
	if (!rc)
		rc = kvm_enable_cap(vm->fd, KVM_CAP_X86_USER_SPACE_MSR,
			KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN |
				KVM_MSR_EXIT_REASON_FILTER,
			"KVM_CAP_X86_USER_SPACE_MSR", diag);
	if (rc)
		return rc;
	for (unsigned i = 0; i < n; i++)
		filter.ranges[i] = (struct kvm_msr_filter_range){
			.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			.nmsrs = 1,
			.base = ours[i],
			.bitmap = (uint8_t *)&deny};
	if (ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter) < 0)
		return kvm_failed(diag, "KVM_X86_SET_MSR_FILTER");
	return 0;
}

/* How long a halted vCPU polls: KVM's business with its own LAPIC, ours with `user`. */
static int set_halt_poll(struct vm *vm, struct diag *diag)
{
	int64_t ns = vm->config.halt_poll_ns;

	if (vm->config.irqchip == IRQCHIP_USER) {
		if (ns == VM_AUTO)
			vm->config.halt_poll_ns = 200000;
		return 0;
	}
	if (ns == VM_AUTO)
		return 0;
	if (ns > UINT32_MAX)
		return diag_set(diag, -EINVAL, "halt-poll window %lld ns: expected at most %u",
			(long long)ns, UINT32_MAX);
	if (kvm_require(&vm->kvm, KVM_CAP_HALT_POLL, "halt polling per VM (use --halt-poll auto)",
		    diag))
		return -ENOTSUP;
	return kvm_enable_cap(
		vm->fd, KVM_CAP_HALT_POLL, (unsigned long)ns, "KVM_CAP_HALT_POLL", diag);
}

static void set_clock(struct vm *vm)
{
	/* KVM_GET_TSC_KHZ on the VM is Linux 5.16; on older kernels the measured frequency stays.
	 */
	int khz = ioctl(vm->fd, KVM_GET_TSC_KHZ, 0);

	if (khz > 0)
		clock_set_tsc_hz((uint64_t)khz * 1000);
	vm->clock = (struct vm_clock){.origin_tsc = clock_tsc(), .hz = clock_tsc_hz()};
	vm->tsc = (struct guest_tsc){.base = vm->clock.origin_tsc, .hz = vm->clock.hz};
}

/* KVM rewrites a hypercall instruction of the other vendor, and where it emulates CPL 0 both
 * vendors': the guest then executes it again, for ever. Without that quirk an instruction that does
 * not work is #UD, as the manuals have it, which a guest survives. True: it returns or is #UD. */
static bool tame_hypercalls(const struct vm *vm)
{
	struct diag ignored;
	enum kvm_backend backend = vm->kvm.backend;

	if ((kvm_cap(&vm->kvm, KVM_CAP_DISABLE_QUIRKS2) & KVM_X86_QUIRK_FIX_HYPERCALL_INSN) &&
		!kvm_enable_cap(vm->fd, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_FIX_HYPERCALL_INSN,
			"KVM_CAP_DISABLE_QUIRKS2", &ignored))
		return true;
	/* Before Linux 5.19 the processor's own instruction works there all the same. */
	return backend == KVM_BACKEND_VMX || backend == KVM_BACKEND_SVM;
}

/* The disk is announced as Linux expects it (VIRTIO 1.2, 4.2.1 leaves it to the platform). Our
 * payload is told what it cannot find out too; the rest of another kernel's line is its user's
 * alone. */
static int make_cmdline(struct vm *vm, bool hypercalls, struct diag *diag)
{
	const char *append = vm->config.append ? vm->config.append : "";
	char disk[64] = "", known[96] = "";

	if (vm->disk)
		snprintf(disk, sizeof(disk), "virtio_mmio.device=%u@0x%llx:%d%s",
			VIRTIO_BLK_MMIO_SIZE, GPA_DISK, IRQ_DISK,
			*append || !vm->config.kernel ? " " : "");
	if (!vm->config.kernel)
		snprintf(known, sizeof(known), "tsc_hz=%llu lapic_hz=1000000000 hypercalls=%d%s",
			(unsigned long long)vm->clock.hz, hypercalls, *append ? " " : "");
	if (asprintf(&vm->cmdline, "%s%s%s", disk, known, append) < 0)
		vm->cmdline = NULL;
	return vm->cmdline ? 0
			   : diag_set(diag, -ENOMEM, "out of memory for the guest command line");
}

/* Tables say of the CPU what CPUID tells the guest: KVM may alter what it is given. */
static int describe(const struct vm *vm, struct boot_machine *machine, struct diag *diag)
{
	*machine = (struct boot_machine){
		.vcpus = vm->config.vcpus, .ioapic_version = vm->irqchip.ops->ioapic_version};
	return cpuid_signature(
		&vm->vcpus[0], &machine->cpu_signature, &machine->cpu_features, diag);
}

/* What is to run: a file, or the payload. */
struct image {
	const void *bytes;
	size_t size;
	const char *name;
	void *file;
};

/* Reads the image, and lets the process be confined before anything looks into it. */
static int read_image(const struct vm *vm, struct image *image, struct diag *diag)
{
	const char *path = vm->config.kernel;

	*image = (struct image){.bytes = payload_image,
		.size = (size_t)(payload_image_end - payload_image),
		.name = "the built-in payload"};
	if (path) {
		int rc = load_read_file(path, &image->file, &image->size, diag);

		if (rc)
			return rc;
		image->bytes = image->file;
		image->name = path;
	}
	return vm->config.confine ? vm->config.confine(vm->config.confine_ctx, diag) : 0;
}

static int load(
	struct vm *vm, const struct image *image, struct boot_state *boot, struct diag *diag)
{
	struct load_request request = {.image = image->bytes,
		.size = image->size,
		.name = image->name,
		.cmdline = vm->cmdline};
	int rc = describe(vm, &request.machine, diag);

	return rc ? rc : load_image(&vm->memory, &request, boot, diag);
}

static int create_vcpus(struct vm *vm, struct diag *diag)
{
	int rc = 0;

	for (unsigned i = 0; i < vm->config.vcpus && !rc; i++)
		rc = vcpu_create(vm, &vm->vcpus[i], i, diag);
	return rc;
}

/* Counters KVM keeps itself. Best effort: an old kernel has none, and the table is then empty. */
static int open_kvm_stats(struct vm *vm, struct diag *diag)
{
	struct diag ignored;

	vm->kvm_stats = kvm_stats_create();
	if (!vm->kvm_stats)
		return diag_set(diag, -ENOMEM, "out of memory for KVM's counters");
	if (kvm_stats_add(vm->kvm_stats, vm->fd, -1, &ignored))
		return 0;
	for (unsigned i = 0; i < vm->config.vcpus; i++)
		kvm_stats_add(vm->kvm_stats, vm->vcpus[i].fd, (int)i, &ignored);
	return 0;
}

int vm_create(struct vm **out, const struct vm_config *config, struct diag *diag)
{
	struct image image = {.file = NULL};
	struct boot_state boot;
	struct vm *vm;
	int rc = check_config(config, diag);

	if (rc)
		return rc;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return diag_set(diag, -ENOMEM, "out of memory for the VM");
	vm->startup.create_tsc = clock_tsc();
	vm->config = *config;
	vm->kvm.fd = vm->fd = vm->probe_eventfd = -1;
	sem_init(&vm->ended, 0, 0);
	atomic_init(&vm->limit_ns, UINT64_MAX);
	wire_locks(vm);
	vm->irqchip.ops = irqchip_ops[config->irqchip];

	rc = wire_disk_open(vm, diag);
	if (!rc && config->host_events)
		rc = host_recorder_create(&vm->host, config->vcpus, config->host_events, diag);
	if (!rc)
		rc = kvm_open(&vm->kvm, diag);
	if (!rc)
		rc = memory_create(&vm->memory, config->mem_bytes, config->small_pages,
			config->prefault, diag);
	if (!rc)
		rc = create_vm_fd(vm, diag);
	if (!rc) {
		set_clock(vm);
		rc = make_cmdline(vm, tame_hypercalls(vm), diag);
	}
	if (!rc)
		rc = cpuid_ask(vm, diag);
	if (!rc)
		rc = read_image(vm, &image, diag);
	if (!rc)
		rc = claim_msrs(vm, diag);
	if (!rc)
		rc = set_halt_poll(vm, diag);
	if (!rc)
		rc = wire_devices(vm, diag);
	if (!rc)
		rc = create_vcpus(vm, diag);
	if (!rc)
		rc = load(vm, &image, &boot, diag);
	free(image.file);
	if (!rc)
		rc = vcpu_boot(&vm->vcpus[0], &boot, diag);
	if (!rc)
		rc = open_kvm_stats(vm, diag);
	if (rc) {
		vm_destroy(vm);
		return rc;
	}
	*out = vm;
	return 0;
}

/* ---- the run ---- */

static void wait_for_end(struct vm *vm)
{
	uint64_t until_ns = clock_monotonic_ns() + vm->config.timeout_ns;
	struct timespec until = {.tv_sec = (time_t)(until_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(until_ns % NSEC_PER_SEC)};
	int rc;

	if (vm->config.timeout_ns)
		lower_limit(vm, until_ns);
	do
		rc = vm->config.timeout_ns ? sem_clockwait(&vm->ended, CLOCK_MONOTONIC, &until)
					   : sem_wait(&vm->ended);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		vm_end(vm, VM_END_TIMEOUT, 0, NULL);
	/* Whoever claimed the end has written it when it posts. */
	while (rc < 0)
		rc = sem_wait(&vm->ended);
}

/* A guest that ended well has not, if what it wrote is not there. */
static void judge_hanging_disk(struct vm *vm)
{
	if (vm->outcome.end == VM_END_EXIT) {
		vm->outcome = (struct vm_outcome){.end = VM_END_ERROR};
		vm->end_diag = vm->disk_diag;
	} else {
		fprintf(stderr, "tickvm: %s\n", vm->disk_diag.text);
	}
}

int vm_run(struct vm *vm, struct vm_outcome *outcome, struct diag *diag)
{
	int rc = 0;

	kvm_stats_before(vm->kvm_stats);
	for (unsigned i = 0; i < vm->config.vcpus && !rc; i++)
		rc = vcpu_start(&vm->vcpus[i], diag);
	if (!rc)
		rc = wire_start(vm, diag);
	if (rc)
		vm_end_error(vm, diag);
	wait_for_end(vm);
	stop_all(vm);
	for (unsigned i = 0; i < vm->config.vcpus; i++)
		vcpu_join(&vm->vcpus[i]);
	wire_stop(vm);
	kvm_stats_after(vm->kvm_stats);
	host_recorder_finish(vm->host);
	vm->startup.end_tsc = clock_tsc();
	vm->startup.first_entry_tsc = vm->vcpus[0].first_entry_tsc;
	if (vm->disk_hangs)
		judge_hanging_disk(vm);
	*outcome = vm->outcome;
	if (outcome->end != VM_END_ERROR)
		return 0;
	*diag = vm->end_diag;
	return rc ? rc : -EIO;
}

void vm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	wire_stop(vm);
	if (vm->disk_hangs)
		return;
	for (unsigned i = 0; i < vm->config.vcpus; i++)
		vcpu_destroy(&vm->vcpus[i]);
	wire_destroy(vm);
	kvm_stats_destroy(vm->kvm_stats);
	host_recorder_destroy(vm->host);
	if (vm->fd >= 0)
		close(vm->fd);
	memory_destroy(&vm->memory);
	kvm_close(&vm->kvm);
	sem_destroy(&vm->ended);
	free(vm->outcome.report);
	free(vm->cmdline);
	free(vm->cpuid);
	free(vm);
}

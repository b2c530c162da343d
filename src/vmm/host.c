/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the facts about the host from /proc, /sys, CPUID and /dev/kvm.
 * It judges none of them (host_checks.c does) and leaves the process and the host as they were. */
#include "tickvm/host.h"

#include "tickvm/text.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CPUS_MAX 65536u

/* ---- small files ---- */

/* The file's first line without its end; "" when it cannot be read. */
static bool read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool ok = file != NULL && fgets(line, (int)size, file) != NULL;

	if (file != NULL)
		fclose(file);
	if (!ok)
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return ok;
}

static int64_t read_number(const char *path)
{
	char line[32], *end;

	if (!read_line(path, line, sizeof(line)))
		return -1;
	long long value = strtoll(line, &end, 10);
	return end != line ? value : -1;
}

/* Of "always [madvise] never" or "none (full)": what stands between the brackets. */
static void read_choice(const char *path, const char *brackets, char *choice, size_t size)
{
	char line[128];

	choice[0] = '\0';
	read_line(path, line, sizeof(line));
	const char *open = strchr(line, brackets[0]);
	if (open != NULL)
		snprintf(choice, size, "%.*s", (int)strcspn(open + 1, brackets + 1), open + 1);
}

/* ---- processor ---- */

static bool cpuid_bit(unsigned leaf, unsigned reg, unsigned bit)
{
	unsigned r[4];

	return __get_cpuid(leaf, &r[0], &r[1], &r[2], &r[3]) && (r[reg] >> bit & 1);
}
enum { EAX, EBX, ECX, EDX };

/* Intel SDM vol. 2, CPUID: the brand string is leaves 0x80000002 to 4, padded with spaces. */
static void read_cpu_model(char *model, size_t size)
{
	char brand[49] = "";
	unsigned r[4];

	for (unsigned i = 0; i < 3; i++)
		if (__get_cpuid(0x80000002 + i, &r[0], &r[1], &r[2], &r[3]))
			memcpy(brand + 16UL * i, r, 16);
	char *begin = brand + strspn(brand, " ");
	size_t length = strlen(begin);
	while (length > 0 && begin[length - 1] == ' ')
		length--;
	begin[length] = '\0';
	text_line(model, size, begin);
}

/* Leaf 0x40000000 has a meaning only where leaf 1 says there is a hypervisor. */
static void read_hypervisor(char *name, size_t size)
{
	char signature[13] = "";
	unsigned r[4];

	if (cpuid_bit(1, ECX, 31)) {
		__cpuid(0x40000000, r[0], r[1], r[2], r[3]);
		memcpy(signature, &r[1], 12);
	}
	for (char *c = signature; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	snprintf(name, size, "%s", signature);
}

static int count_allowed_cpus(void)
{
	int count = -1;

	/* The kernel refuses a set smaller than its own: grow until it fits. */
	for (unsigned cpus = 1024; count < 0 && cpus <= CPUS_MAX; cpus *= 2) {
		cpu_set_t *set = CPU_ALLOC(cpus);

		if (set == NULL)
			return -1;
		if (sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set) == 0)
			count = CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set);
		CPU_FREE(set);
	}
	return count;
}

/* One name when all CPUs agree, else "mixed". */
static void read_governor(char *governor, size_t size)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	governor[0] = '\0';
	for (long i = 0; i < cpus; i++) {
		char path[80], line[32];

		snprintf(path, sizeof(path),
			"/sys/devices/system/cpu/cpu%ld/cpufreq/scaling_governor", i);
		if (!read_line(path, line, sizeof(line)))
			continue;
		bool differs = governor[0] != '\0' && strcmp(governor, line) != 0;
		snprintf(governor, size, "%s", differs ? "mixed" : line);
		if (differs)
			return;
	}
}

static void read_processor(struct host_facts *facts)
{
	read_cpu_model(facts->cpu_model, sizeof(facts->cpu_model));
	read_hypervisor(facts->hypervisor, sizeof(facts->hypervisor));
	facts->cpus_online = (int)sysconf(_SC_NPROCESSORS_ONLN);
	facts->cpus_allowed = count_allowed_cpus();
	/* Intel SDM vol. 3, 18.17.1: CPUID.80000007H:EDX[8]. */
	facts->tsc_invariant = cpuid_bit(0x80000007, EDX, 8);
	read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		facts->clocksource, sizeof(facts->clocksource));
	read_governor(facts->governor, sizeof(facts->governor));
	read_line("/sys/devices/system/cpu/cpuidle/current_driver", facts->idle_driver,
		sizeof(facts->idle_driver));
	facts->smt_active = (int)read_number("/sys/devices/system/cpu/smt/active");
}

/* ---- kernel, memory, load ---- */

/* The model in force is known to debugfs only, and that to root only: else what was built. */
static void read_preempt(const char *version, char *preempt, size_t size)
{
	read_choice("/sys/kernel/debug/sched/preempt", "()", preempt, size);
	if (strstr(version, "PREEMPT_RT") != NULL)
		snprintf(preempt, size, "rt");
	else if (preempt[0] != '\0')
		return;
	else if (strstr(version, "PREEMPT_DYNAMIC") != NULL)
		snprintf(preempt, size, "dynamic");
	else
		snprintf(preempt, size, "%s", strstr(version, "PREEMPT") != NULL ? "full" : "none");
}

static void read_kernel(struct host_facts *facts)
{
	struct utsname name;

	if (uname(&name) == 0) {
		snprintf(facts->kernel, sizeof(facts->kernel), "%.63s %.63s", name.release,
			name.version);
		read_preempt(name.version, facts->preempt, sizeof(facts->preempt));
	}
	read_choice("/sys/kernel/mm/transparent_hugepage/enabled", "[]", facts->thp,
		sizeof(facts->thp));
	facts->rt_runtime_us = read_number("/proc/sys/kernel/sched_rt_runtime_us");
	facts->rt_period_us = read_number("/proc/sys/kernel/sched_rt_period_us");
}

static void read_memory(struct host_facts *facts)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	int64_t kib;

	facts->mem_bytes = facts->mem_available_bytes = -1;
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "MemTotal: %" SCNd64, &kib) == 1)
			facts->mem_bytes = kib * 1024;
		else if (sscanf(line, "MemAvailable: %" SCNd64, &kib) == 1)
			facts->mem_available_bytes = kib * 1024;
	}
	if (file != NULL)
		fclose(file);
}

/* proc(5), /proc/stat: the eighth number of the line "cpu". */
static void read_load(struct host_facts *facts)
{
	char line[256];

	if (getloadavg(&facts->load1, 1) != 1)
		facts->load1 = -1;
	read_line("/proc/stat", line, sizeof(line));
	if (sscanf(line, "cpu %*d %*d %*d %*d %*d %*d %*d %" SCNd64, &facts->steal_ticks) != 1)
		facts->steal_ticks = -1;
}

/* ---- rights ---- */

/* Tried, not guessed: capabilities, the resource limit, cgroups and user namespaces all have a say.
 */
static bool may_run_fifo(int priority)
{
	int policy = sched_getscheduler(0);
	struct sched_param old, fifo = {.sched_priority = priority};
	/* Without privilege this flag could be set but never cleared again: leave it as it is. */
	int flag = policy & SCHED_RESET_ON_FORK;

	/* A deadline policy could not be restored by this call. */
	if (policy < 0 || (policy ^ flag) == SCHED_DEADLINE || sched_getparam(0, &old) != 0)
		return false;
	if (sched_setscheduler(0, SCHED_FIFO | flag, &fifo) != 0)
		return false;
	(void)sched_setscheduler(0, policy, &old);
	return true;
}

static int read_rtprio_limit(void)
{
	struct rlimit limit;

	if (may_run_fifo(99))
		return 99;
	if (getrlimit(RLIMIT_RTPRIO, &limit) != 0 || limit.rlim_cur == 0 || limit.rlim_cur > 99)
		return 0;
	return may_run_fifo((int)limit.rlim_cur) ? (int)limit.rlim_cur : 0;
}

/* Whether a page more than the limit can be locked; on fault, so that nothing is populated. */
static bool may_lock_more_than(uint64_t limit)
{
	size_t size = (size_t)limit + 4096;
	void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (block == MAP_FAILED)
		return false;
	bool locked = mlock2(block, size, MLOCK_ONFAULT) == 0;
	munmap(block, size);
	return locked;
}

static int64_t read_memlock_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return 0;
	if (limit.rlim_cur > INT64_MAX || may_lock_more_than(limit.rlim_cur))
		return -1;
	return (int64_t)limit.rlim_cur;
}

static void read_rights(struct host_facts *facts)
{
	facts->rtprio_limit = read_rtprio_limit();
	facts->memlock_limit = read_memlock_limit();
	facts->cpu_dma_latency_writable = access("/dev/cpu_dma_latency", W_OK) == 0;
}

/* ---- KVM ---- */

const char *kvm_backend_name(enum kvm_backend backend)
{
	switch (backend) {
	case KVM_BACKEND_VMX:
		return "vmx";
	case KVM_BACKEND_SVM:
		return "svm";
	case KVM_BACKEND_PVM:
		return "pvm";
	case KVM_BACKEND_UNKNOWN:
		break;
	}
	return "unknown";
}

static bool module_present(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	return access(path, F_OK) == 0;
}

/* /dev/kvm does not say who serves it. A built-in module is listed whether it found its hardware or
 * not, so the CPU must have it too: CPUID.1:ECX[5] VMX, CPUID.80000001H:ECX[2] SVM. */
enum kvm_backend kvm_backend_find(void)
{
	bool vmx = cpuid_bit(1, ECX, 5), svm = cpuid_bit(0x80000001, ECX, 2);

	if (vmx && module_present("kvm_intel"))
		return KVM_BACKEND_VMX;
	if (svm && module_present("kvm_amd"))
		return KVM_BACKEND_SVM;
	if (module_present("kvm_pvm"))
		return KVM_BACKEND_PVM;
	return KVM_BACKEND_UNKNOWN;
}

static int cap(int kvm, long number)
{
	int value = ioctl(kvm, KVM_CHECK_EXTENSION, number);

	return value > 0 ? value : 0;
}

/* KVM API 4.56: a VM's default where KVM has it, else a vCPU's. */
static int64_t read_tsc_hz(int kvm)
{
	int khz = -1, vm = ioctl(kvm, KVM_CREATE_VM, 0L);

	if (vm < 0)
		return -1;
	if (cap(kvm, KVM_CAP_VM_TSC_CONTROL))
		khz = ioctl(vm, KVM_GET_TSC_KHZ, 0L);
	if (khz <= 0 && cap(kvm, KVM_CAP_GET_TSC_KHZ)) {
		int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0L);

		if (vcpu >= 0) {
			khz = ioctl(vcpu, KVM_GET_TSC_KHZ, 0L);
			close(vcpu);
		}
	}
	close(vm);
	return khz > 0 ? khz * 1000LL : -1;
}

/* CPUID.1:ECX[21], as KVM would show it to a guest. */
static bool guest_has_x2apic(int kvm)
{
	const unsigned entries = 256;
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + entries * sizeof(struct kvm_cpuid_entry2));
	bool found = false;

	if (cpuid == NULL)
		return false;
	cpuid->nent = entries;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) == 0)
		for (unsigned i = 0; i < cpuid->nent; i++)
			if (cpuid->entries[i].function == 1)
				found = cpuid->entries[i].ecx >> 21 & 1;
	free(cpuid);
	return found;
}

static void read_kvm_capabilities(struct host_facts *facts, int kvm)
{
	facts->kvm_api_version = ioctl(kvm, KVM_GET_API_VERSION, 0L);
	facts->has_irqchip = cap(kvm, KVM_CAP_IRQCHIP);
	facts->has_split_irqchip = cap(kvm, KVM_CAP_SPLIT_IRQCHIP);
	facts->has_pit2 = cap(kvm, KVM_CAP_PIT2);
	/* The filter sends chosen MSRs to userspace; the other makes a refused one an exit. */
	facts->has_user_msr =
		cap(kvm, KVM_CAP_X86_USER_SPACE_MSR) && cap(kvm, KVM_CAP_X86_MSR_FILTER);
	facts->has_ioeventfd = cap(kvm, KVM_CAP_IOEVENTFD);
	facts->has_signal_msi = cap(kvm, KVM_CAP_SIGNAL_MSI);
	facts->has_halt_poll = cap(kvm, KVM_CAP_HALT_POLL);
	facts->has_binary_stats = cap(kvm, KVM_CAP_BINARY_STATS_FD);
	facts->has_immediate_exit = cap(kvm, KVM_CAP_IMMEDIATE_EXIT);
	facts->has_tsc_deadline = cap(kvm, KVM_CAP_TSC_DEADLINE_TIMER);
	facts->has_x2apic = guest_has_x2apic(kvm);
	facts->max_vcpus = cap(kvm, KVM_CAP_MAX_VCPUS);
}

static void read_kvm(struct host_facts *facts)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	facts->backend = kvm_backend_find();
	facts->halt_poll_ns = read_number("/sys/module/kvm/parameters/halt_poll_ns");
	facts->min_timer_period_us = read_number("/sys/module/kvm/parameters/min_timer_period_us");
	facts->tsc_hz = facts->kvm_api_version = facts->max_vcpus = -1;
	if (kvm < 0) {
		facts->kvm_errno = errno;
		return;
	}
	read_kvm_capabilities(facts, kvm);
	facts->tsc_hz = read_tsc_hz(kvm);
	close(kvm);
}

void host_facts_read(struct host_facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	read_processor(facts);
	read_kernel(facts);
	read_memory(facts);
	read_load(facts);
	read_rights(facts);
	read_kvm(facts);
}

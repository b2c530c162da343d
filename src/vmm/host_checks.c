/* SPDX-License-Identifier: BSD-2-Clause */
/* Judges whether a host is fit to measure on, from its facts alone.
 * It reads nothing itself. FAIL is what stops tickvm; what only spoils figures is a WARN. */
#include "tickvm/host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MIB ((int64_t)1 << 20)

/* What tickvm's own settings ask for. */
#define FIFO_PRIORITY    80          /* the timer thread's default */
#define MEMLOCK_WANTED   (128 * MIB) /* the monitor and the RAM of a small guest */
#define MEMORY_WANTED    (256 * MIB)
#define KVM_API_EXPECTED 12 /* KVM API 4.1 */
#define CPUS_WANTED      2  /* a vCPU, and the timer thread away from it */
#define RT_SHARE_WANTED  90 /* per cent of the period left to real-time threads */

__attribute__((format(printf, 4, 5))) static void judge(struct host_check *check,
	enum check_level level, const char *remedy, const char *format, ...)
{
	va_list args;

	check->level = level;
	va_start(args, format);
	vsnprintf(check->found, sizeof(check->found), format, args);
	va_end(args);
	snprintf(check->remedy, sizeof(check->remedy), "%s", level == CHECK_OK ? "" : remedy);
}

static const char *or_unknown(const char *text)
{
	return text[0] != '\0' ? text : "unknown";
}

/* ---- KVM ---- */

static const char *kvm_remedy(int err)
{
	switch (err) {
	case ENOENT:
		return "modprobe kvm_intel or kvm_amd; enable VT-x or AMD-V in the firmware; in a "
		       "virtual machine ask for nested virtualization, in a container for "
		       "--device /dev/kvm";
	case EACCES:
		return "sudo usermod -aG kvm $USER, then log in again";
	case EPERM:
		return "the container or sandbox forbids it: allow the device (--device /dev/kvm)";
	case ENODEV:
	case ENXIO:
		return "the device has no driver: modprobe kvm_intel or kvm_amd";
	case EBUSY:
		return "another hypervisor holds the processor: stop it";
	default:
		return "see dmesg | grep -i kvm";
	}
}

static void check_kvm(const struct host_facts *facts, struct host_check *check)
{
	if (facts->kvm_errno != 0)
		judge(check, CHECK_FAIL, kvm_remedy(facts->kvm_errno), "/dev/kvm: %s",
			strerror(facts->kvm_errno));
	else
		judge(check, CHECK_OK, "", "/dev/kvm opens, backend %s, %d vCPUs a VM",
			kvm_backend_name(facts->backend), facts->max_vcpus);
}

static void check_api(const struct host_facts *facts, struct host_check *check)
{
	if (facts->kvm_api_version != KVM_API_EXPECTED)
		judge(check, CHECK_FAIL, "run on Linux 2.6.22 or later", "version %d, expected %d",
			facts->kvm_api_version, KVM_API_EXPECTED);
	else if (!facts->has_immediate_exit)
		judge(check, CHECK_FAIL, "run on Linux 4.13 or later",
			"no immediate_exit: a kick could be lost");
	else
		judge(check, CHECK_OK, "", "version %d, immediate_exit", facts->kvm_api_version);
}

static void judge_capability(
	struct host_check *check, bool present, const char *remedy, const char *without)
{
	judge(check, present ? CHECK_OK : CHECK_WARN, remedy, "%s",
		present ? "available" : without);
}

static void check_irqchip(const struct host_facts *facts, struct host_check *check)
{
	judge_capability(check, facts->has_irqchip,
		"use --irqchip split, or a kernel with CONFIG_KVM_IOAPIC=y",
		"KVM has no IOAPIC and PIC: --irqchip kernel cannot run");
}

static void check_split_irqchip(const struct host_facts *facts, struct host_check *check)
{
	judge_capability(check, facts->has_split_irqchip && facts->has_signal_msi,
		"use --irqchip kernel or user, or Linux 4.4 or later",
		"KVM has no split irqchip: --irqchip split cannot run");
}

static void check_pit(const struct host_facts *facts, struct host_check *check)
{
	judge_capability(check, facts->has_pit2, "use a kernel with CONFIG_KVM_IOAPIC=y",
		"KVM has no PIT: the source kvm-pit is skipped");
}

static void check_user_msr(const struct host_facts *facts, struct host_check *check)
{
	judge_capability(check, facts->has_user_msr, "use Linux 5.10 or later",
		"MSRs cannot exit to us: no x2APIC or TSC-deadline with --irqchip user");
}

static void check_ioeventfd(const struct host_facts *facts, struct host_check *check)
{
	judge_capability(check, facts->has_ioeventfd,
		"use --arm mmio or shared, or a kernel with CONFIG_EVENTFD=y",
		"no ioeventfd: --arm ioeventfd cannot run");
}

static void check_stats(const struct host_facts *facts, struct host_check *check)
{
	judge_capability(check, facts->has_binary_stats, "use Linux 5.14 or later",
		"no KVM_GET_STATS_FD: exits handled in the kernel are not counted");
}

static void check_halt_poll(const struct host_facts *facts, struct host_check *check)
{
	const char *remedy =
		facts->has_halt_poll
			? "--halt-poll 200000"
			: "echo 200000 | sudo tee /sys/module/kvm/parameters/halt_poll_ns";

	if (facts->halt_poll_ns > 0)
		judge(check, CHECK_OK, "", "%" PRId64 " ns", facts->halt_poll_ns);
	else if (facts->halt_poll_ns == 0)
		judge(check, CHECK_WARN, remedy,
			"0: a halted vCPU sleeps at once and wakes some 30 us late");
	else
		judge(check, CHECK_WARN, remedy, "unknown");
}

static void check_min_timer_period(const struct host_facts *facts, struct host_check *check)
{
	if (facts->min_timer_period_us > 0)
		judge(check, CHECK_WARN,
			"measure with --mode oneshot or deadline, or echo 0 | sudo tee "
			"/sys/module/kvm/parameters/min_timer_period_us",
			"KVM stretches shorter LAPIC and PIT periods to %" PRId64 " us, silently",
			facts->min_timer_period_us);
	else if (facts->min_timer_period_us == 0)
		judge(check, CHECK_OK, "", "no lower limit for periodic timers");
	else
		judge(check, CHECK_OK, "", "unknown");
}

/* ---- time ---- */

static void check_tsc(const struct host_facts *facts, struct host_check *check)
{
	const char *source = or_unknown(facts->clocksource);
	bool trusted = strcmp(source, "hpet") != 0 && strcmp(source, "acpi_pm") != 0 &&
		       strcmp(source, "jiffies") != 0;

	if (!facts->tsc_invariant)
		judge(check, CHECK_WARN,
			"measure on a CPU with an invariant TSC; in a virtual machine ask for the "
			"flag invtsc",
			"not invariant: ticks are not a measure of time (clocksource %s)", source);
	else if (!trusted)
		judge(check, CHECK_WARN, "see dmesg | grep -i tsc for the reason",
			"invariant, but the kernel trusts clocksource %s instead", source);
	else
		judge(check, CHECK_OK, "", "invariant, clocksource %s", source);
}

/* ---- the timer thread ---- */

static void check_fifo(const struct host_facts *facts, struct host_check *check)
{
	static const char remedy[] = "echo \"$USER - rtprio 99\" | sudo tee "
				     "/etc/security/limits.d/tickvm-rtprio.conf, log in again; or "
				     "run as root";

	if (facts->rtprio_limit >= FIFO_PRIORITY)
		judge(check, CHECK_OK, "", "priorities up to %d", facts->rtprio_limit);
	else if (facts->rtprio_limit > 0)
		judge(check, CHECK_WARN, remedy, "priorities up to %d, the timer thread wants %d",
			facts->rtprio_limit, FIFO_PRIORITY);
	else
		judge(check, CHECK_WARN, remedy,
			"no right to SCHED_FIFO: the timer thread runs as SCHED_OTHER");
}

static void check_memlock(const struct host_facts *facts, struct host_check *check)
{
	if (facts->memlock_limit < 0)
		judge(check, CHECK_OK, "", "unlimited");
	else
		judge(check, facts->memlock_limit >= MEMLOCK_WANTED ? CHECK_OK : CHECK_WARN,
			"echo \"$USER - memlock unlimited\" | sudo tee "
			"/etc/security/limits.d/tickvm-memlock.conf, log in again; or run as root",
			"%" PRId64 " KiB may be locked", facts->memlock_limit / 1024);
}

static void check_dma_latency(const struct host_facts *facts, struct host_check *check)
{
	judge(check, facts->cpu_dma_latency_writable ? CHECK_OK : CHECK_WARN,
		"sudo setfacl -m u:$USER:rw /dev/cpu_dma_latency; or run as root",
		facts->cpu_dma_latency_writable
			? "/dev/cpu_dma_latency can be held at 0"
			: "/dev/cpu_dma_latency is not writable: idle CPUs wake 10 us later");
}

static void check_rt_throttle(const struct host_facts *facts, struct host_check *check)
{
	static const char remedy[] = "sudo sysctl kernel.sched_rt_runtime_us=950000";
	int64_t runtime = facts->rt_runtime_us, period = facts->rt_period_us;

	if (period <= 0)
		judge(check, CHECK_OK, "", "unknown");
	else if (runtime < 0)
		judge(check, CHECK_OK, "", "no limit");
	else
		judge(check, runtime >= period / 100 * RT_SHARE_WANTED ? CHECK_OK : CHECK_WARN,
			remedy, "real-time threads may run %" PRId64 " of each %" PRId64 " us",
			runtime, period);
}

/* ---- what disturbs ---- */

static void check_governor(const struct host_facts *facts, struct host_check *check)
{
	if (facts->governor[0] == '\0')
		judge(check, CHECK_OK, "", "the host does not scale frequencies here");
	else
		judge(check, strcmp(facts->governor, "performance") == 0 ? CHECK_OK : CHECK_WARN,
			"sudo cpupower frequency-set -g performance", "%s", facts->governor);
}

static void check_smt(const struct host_facts *facts, struct host_check *check)
{
	static const char *const found[] = {"unknown", "off", "siblings share a core"};

	judge(check, facts->smt_active == 1 ? CHECK_WARN : CHECK_OK,
		"pin vCPUs and the timer thread to different cores, or echo off | sudo tee "
		"/sys/devices/system/cpu/smt/control",
		"%s", found[facts->smt_active == 1 ? 2 : facts->smt_active == 0]);
}

static void check_load(const struct host_facts *facts, struct host_check *check)
{
	if (facts->load1 < 0)
		judge(check, CHECK_OK, "", "unknown");
	else
		judge(check, facts->load1 * 2 > facts->cpus_online ? CHECK_WARN : CHECK_OK,
			"stop what else runs (top), then wait a minute",
			"load average %.2f on %d CPUs", facts->load1, facts->cpus_online);
}

static void check_steal(const struct host_facts *facts, struct host_check *check)
{
	if (facts->steal_ticks < 0)
		judge(check, CHECK_OK, "", "unknown");
	else
		judge(check, facts->steal_ticks > 0 ? CHECK_WARN : CHECK_OK,
			"other guests take this one's CPUs: measure on dedicated ones, and do not "
			"trust the tails",
			"%" PRId64 " ticks stolen since boot", facts->steal_ticks);
}

static void check_cpus(const struct host_facts *facts, struct host_check *check)
{
	judge(check, facts->cpus_allowed >= CPUS_WANTED ? CHECK_OK : CHECK_WARN,
		"allow two CPUs (taskset, cpuset): a vCPU and the timer thread share one otherwise",
		"%d online, %d allowed", facts->cpus_online, facts->cpus_allowed);
}

static void check_memory(const struct host_facts *facts, struct host_check *check)
{
	if (facts->mem_available_bytes < 0)
		judge(check, CHECK_OK, "", "unknown");
	else
		judge(check, facts->mem_available_bytes >= MEMORY_WANTED ? CHECK_OK : CHECK_WARN,
			"free some memory, or give guests less (--mem)",
			"%" PRId64 " MiB available of %" PRId64, facts->mem_available_bytes / MIB,
			facts->mem_bytes / MIB);
}

static void check_preempt(const struct host_facts *facts, struct host_check *check)
{
	bool slow = strcmp(facts->preempt, "none") == 0 || strcmp(facts->preempt, "voluntary") == 0;

	judge(check, slow ? CHECK_WARN : CHECK_OK,
		"boot with preempt=full (CONFIG_PREEMPT_DYNAMIC) or a PREEMPT_RT kernel", "%s",
		or_unknown(facts->preempt));
}

/* ---- the list ---- */

static const struct rule {
	const char *name;
	void (*check)(const struct host_facts *facts, struct host_check *check);
	bool needs_kvm; /* has nothing to judge where /dev/kvm did not open */
} rules[] = {
	{"kvm", check_kvm, false},
	{"api", check_api, true},
	{"irqchip", check_irqchip, true},
	{"split-irqchip", check_split_irqchip, true},
	{"pit", check_pit, true},
	{"user-msr", check_user_msr, true},
	{"ioeventfd", check_ioeventfd, true},
	{"stats", check_stats, true},
	{"halt-poll", check_halt_poll, true},
	{"min-timer-period", check_min_timer_period, true},
	{"tsc", check_tsc, false},
	{"fifo", check_fifo, false},
	{"memlock", check_memlock, false},
	{"dma-latency", check_dma_latency, false},
	{"rt-throttle", check_rt_throttle, false},
	{"governor", check_governor, false},
	{"smt", check_smt, false},
	{"load", check_load, false},
	{"steal", check_steal, false},
	{"cpus", check_cpus, false},
	{"memory", check_memory, false},
	{"preempt", check_preempt, false},
};
_Static_assert(sizeof(rules) / sizeof(rules[0]) <= HOST_CHECKS_MAX, "every rule has a place");

unsigned host_checks(const struct host_facts *facts, struct host_check checks[HOST_CHECKS_MAX])
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].needs_kvm && facts->kvm_errno != 0)
			continue;
		checks[n].name = rules[i].name;
		rules[i].check(facts, &checks[n]);
		n++;
	}
	return n;
}

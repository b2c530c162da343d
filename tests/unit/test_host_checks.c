/* SPDX-License-Identifier: BSD-2-Clause */
/* The judgement of a host: a good one passes whole, each fault is named with its remedy.
 * Facts are made up here; none is read from this host. */
#include "tickvm/host.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct host_facts good_facts(void)
{
	return (struct host_facts){
		.backend = KVM_BACKEND_VMX,
		.cpus_online = 8,
		.cpus_allowed = 8,
		.mem_bytes = 16LL << 30,
		.mem_available_bytes = 8LL << 30,
		.tsc_hz = 2500000000,
		.tsc_invariant = true,
		.clocksource = "tsc",
		.governor = "performance",
		.preempt = "full",
		.rt_runtime_us = 950000,
		.rt_period_us = 1000000,
		.halt_poll_ns = 200000,
		.min_timer_period_us = 0,
		.rtprio_limit = 99,
		.memlock_limit = -1,
		.cpu_dma_latency_writable = true,
		.smt_active = 0,
		.load1 = 0.1,
		.steal_ticks = 0,
		.kvm_api_version = 12,
		.has_irqchip = true,
		.has_split_irqchip = true,
		.has_pit2 = true,
		.has_user_msr = true,
		.has_ioeventfd = true,
		.has_signal_msi = true,
		.has_halt_poll = true,
		.has_binary_stats = true,
		.has_immediate_exit = true,
		.has_tsc_deadline = true,
		.has_x2apic = true,
		.max_vcpus = 1024,
	};
}

/* Runs the checks; what holds for all of them is asserted here. */
static struct host_check check(const struct host_facts *facts, const char *name)
{
	struct host_check checks[HOST_CHECKS_MAX], found = {.name = NULL};
	unsigned n = host_checks(facts, checks);

	cr_assert_leq(n, HOST_CHECKS_MAX);
	for (unsigned i = 0; i < n; i++) {
		const struct host_check *c = &checks[i];

		cr_assert_str_neq(c->found, "", "%s", c->name);
		cr_assert_eq(c->remedy[0] == '\0', c->level == CHECK_OK, "%s", c->name);
		cr_assert_lt(strlen(c->found), sizeof(c->found) - 1, "%s is cut off", c->name);
		cr_assert_lt(strlen(c->remedy), sizeof(c->remedy) - 1, "%s is cut off", c->name);
		if (strcmp(c->name, name) == 0)
			found = *c;
	}
	return found;
}

static void expect(const struct host_facts *facts, const char *name, enum check_level level,
	const char *found, const char *remedy)
{
	struct host_check c = check(facts, name);

	cr_assert_not_null(c.name, "no check named %s", name);
	cr_assert_eq(c.level, level, "%s: %s", name, c.found);
	cr_assert_not_null(strstr(c.found, found), "%s: %s", name, c.found);
	cr_assert_not_null(strstr(c.remedy, remedy), "%s: %s", name, c.remedy);
}

Test(host_checks, a_good_host_passes_whole)
{
	struct host_facts facts = good_facts();
	struct host_check checks[HOST_CHECKS_MAX];
	unsigned n = host_checks(&facts, checks);

	cr_assert_eq(n, 22);
	for (unsigned i = 0; i < n; i++) {
		cr_assert_eq(checks[i].level, CHECK_OK, "%s: %s", checks[i].name, checks[i].found);
		for (unsigned k = 0; k < i; k++)
			cr_assert_str_neq(checks[i].name, checks[k].name);
	}
}

Test(host_checks, dev_kvm_errors_have_their_remedies)
{
	struct host_facts facts = good_facts();

	facts.kvm_errno = ENOENT;
	expect(&facts, "kvm", CHECK_FAIL, "No such file", "modprobe");
	facts.kvm_errno = EACCES;
	expect(&facts, "kvm", CHECK_FAIL, "Permission denied", "usermod -aG kvm");
	facts.kvm_errno = EPERM;
	expect(&facts, "kvm", CHECK_FAIL, "not permitted", "--device /dev/kvm");
	facts.kvm_errno = ENODEV;
	expect(&facts, "kvm", CHECK_FAIL, "No such device", "modprobe");
	facts.kvm_errno = EBUSY;
	expect(&facts, "kvm", CHECK_FAIL, "busy", "another hypervisor");
	facts.kvm_errno = EIO;
	expect(&facts, "kvm", CHECK_FAIL, "error", "dmesg");
}

Test(host_checks, without_kvm_its_capabilities_are_not_judged)
{
	struct host_facts facts = good_facts();

	facts.kvm_errno = EACCES;
	cr_assert_null(check(&facts, "pit").name);
	cr_assert_null(check(&facts, "halt-poll").name);
	cr_assert_not_null(check(&facts, "tsc").name);
}

Test(host_checks, what_stops_tickvm_fails)
{
	struct host_facts facts = good_facts();

	facts.kvm_api_version = 11;
	expect(&facts, "api", CHECK_FAIL, "11, expected 12", "Linux");
	facts = good_facts();
	facts.has_immediate_exit = false;
	expect(&facts, "api", CHECK_FAIL, "immediate_exit", "4.13");
}

Test(host_checks, each_missing_capability_warns)
{
	struct host_facts facts = good_facts();

	facts.has_irqchip = facts.has_split_irqchip = facts.has_pit2 = false;
	facts.has_user_msr = facts.has_ioeventfd = facts.has_binary_stats = false;
	expect(&facts, "irqchip", CHECK_WARN, "--irqchip kernel", "split");
	expect(&facts, "split-irqchip", CHECK_WARN, "--irqchip split", "");
	expect(&facts, "pit", CHECK_WARN, "kvm-pit", "CONFIG_KVM_IOAPIC");
	expect(&facts, "user-msr", CHECK_WARN, "MSR", "5.10");
	expect(&facts, "ioeventfd", CHECK_WARN, "ioeventfd", "--arm mmio");
	expect(&facts, "stats", CHECK_WARN, "KVM_GET_STATS_FD", "5.14");
	facts = good_facts();
	facts.has_signal_msi = false;
	expect(&facts, "split-irqchip", CHECK_WARN, "--irqchip split", "");
}

Test(host_checks, timing_settings_of_kvm)
{
	struct host_facts facts = good_facts();

	facts.min_timer_period_us = 200;
	expect(&facts, "min-timer-period", CHECK_WARN, "200 us", "min_timer_period_us");
	facts.min_timer_period_us = -1;
	expect(&facts, "min-timer-period", CHECK_OK, "unknown", "");
	facts.halt_poll_ns = 0;
	expect(&facts, "halt-poll", CHECK_WARN, "0", "--halt-poll");
	facts.has_halt_poll = false;
	expect(&facts, "halt-poll", CHECK_WARN, "0", "/sys/module/kvm/parameters/halt_poll_ns");
}

Test(host_checks, tsc)
{
	struct host_facts facts = good_facts();

	strcpy(facts.clocksource, "kvm-clock");
	expect(&facts, "tsc", CHECK_OK, "kvm-clock", "");
	strcpy(facts.clocksource, "hpet");
	expect(&facts, "tsc", CHECK_WARN, "hpet", "dmesg");
	facts.tsc_invariant = false;
	expect(&facts, "tsc", CHECK_WARN, "not invariant", "invtsc");
}

Test(host_checks, rights_of_the_timer_thread)
{
	struct host_facts facts = good_facts();

	facts.rtprio_limit = 80;
	expect(&facts, "fifo", CHECK_OK, "80", "");
	facts.rtprio_limit = 79;
	expect(&facts, "fifo", CHECK_WARN, "79", "/etc/security/limits.d");
	facts.rtprio_limit = 0;
	expect(&facts, "fifo", CHECK_WARN, "SCHED_OTHER", "rtprio 99");
	facts.memlock_limit = 8 << 20;
	expect(&facts, "memlock", CHECK_WARN, "8192 KiB", "memlock unlimited");
	facts.memlock_limit = 1LL << 30;
	expect(&facts, "memlock", CHECK_OK, "1048576 KiB", "");
	facts.cpu_dma_latency_writable = false;
	expect(&facts, "dma-latency", CHECK_WARN, "/dev/cpu_dma_latency", "setfacl");
}

Test(host_checks, rt_throttling)
{
	struct host_facts facts = good_facts();

	facts.rt_runtime_us = 0;
	expect(&facts, "rt-throttle", CHECK_WARN, "0 of each 1000000", "sched_rt_runtime_us");
	facts.rt_runtime_us = 500000;
	expect(&facts, "rt-throttle", CHECK_WARN, "500000", "sched_rt_runtime_us");
	facts.rt_runtime_us = -1;
	expect(&facts, "rt-throttle", CHECK_OK, "no limit", "");
	facts.rt_period_us = -1;
	expect(&facts, "rt-throttle", CHECK_OK, "unknown", "");
}

Test(host_checks, disturbances)
{
	struct host_facts facts = good_facts();

	strcpy(facts.governor, "powersave");
	expect(&facts, "governor", CHECK_WARN, "powersave", "performance");
	facts.governor[0] = '\0';
	expect(&facts, "governor", CHECK_OK, "", "");
	facts.smt_active = 1;
	expect(&facts, "smt", CHECK_WARN, "share", "smt/control");
	facts.smt_active = -1;
	expect(&facts, "smt", CHECK_OK, "unknown", "");
	facts.load1 = 4.5;
	expect(&facts, "load", CHECK_WARN, "4.50 on 8", "stop");
	facts.load1 = -1;
	expect(&facts, "load", CHECK_OK, "unknown", "");
	facts.steal_ticks = 17;
	expect(&facts, "steal", CHECK_WARN, "17", "dedicated");
	facts.steal_ticks = -1;
	expect(&facts, "steal", CHECK_OK, "unknown", "");
	facts.cpus_allowed = 1;
	expect(&facts, "cpus", CHECK_WARN, "8 online, 1 allowed", "taskset");
	facts.mem_available_bytes = 100 << 20;
	expect(&facts, "memory", CHECK_WARN, "100 MiB", "--mem");
	strcpy(facts.preempt, "voluntary");
	expect(&facts, "preempt", CHECK_WARN, "voluntary", "preempt=full");
	strcpy(facts.preempt, "none");
	expect(&facts, "preempt", CHECK_WARN, "none", "preempt=full");
	strcpy(facts.preempt, "rt");
	expect(&facts, "preempt", CHECK_OK, "rt", "");
}

/* Nothing known at all, as on a host with no /proc and /sys: judged without a crash, and only
 * /dev/kvm fails. */
Test(host_checks, an_unknown_host_fails_only_for_kvm)
{
	struct host_facts facts = {.kvm_errno = ENOENT,
		.cpus_online = -1,
		.cpus_allowed = -1,
		.mem_bytes = -1,
		.mem_available_bytes = -1,
		.rt_runtime_us = -1,
		.rt_period_us = -1,
		.smt_active = -1,
		.load1 = -1,
		.steal_ticks = -1};
	struct host_check checks[HOST_CHECKS_MAX];
	unsigned n = host_checks(&facts, checks);

	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(checks[i].level == CHECK_FAIL, strcmp(checks[i].name, "kvm") == 0,
			"%s: %s", checks[i].name, checks[i].found);
}

Test(host_checks, backends_have_names)
{
	cr_assert_str_eq(kvm_backend_name(KVM_BACKEND_VMX), "vmx");
	cr_assert_str_eq(kvm_backend_name(KVM_BACKEND_SVM), "svm");
	cr_assert_str_eq(kvm_backend_name(KVM_BACKEND_PVM), "pvm");
	cr_assert_str_eq(kvm_backend_name(KVM_BACKEND_UNKNOWN), "unknown");
}

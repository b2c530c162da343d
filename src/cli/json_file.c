/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON that leaves the launcher: numbers, the host's facts, and files that are whole or absent.
 * It does not know what a trace or a check is. */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

json_t *json_unsigned(uint64_t value)
{
	char digits[24];
	if (value <= INT64_MAX)
		return json_integer((json_int_t)value);
	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	return json_string(digits);
}

/* File names and guests may hold any bytes; JSON only UTF-8. */
json_t *json_text(const char *text)
{
	json_t *json = text != NULL ? json_string(text) : json_null();
	if (json != NULL || text == NULL)
		return json;
	char *ascii = strdup(text);
	for (char *p = ascii; p != NULL && *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	json = ascii != NULL ? json_string(ascii) : NULL;
	free(ascii);
	return json;
}

static json_t *kvm_json(const struct host_facts *f)
{
	return json_pack("{s:i, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:i}",
		"errno", f->kvm_errno, "irqchip", f->has_irqchip, "split_irqchip",
		f->has_split_irqchip, "pit2", f->has_pit2, "user_msr", f->has_user_msr, "ioeventfd",
		f->has_ioeventfd, "signal_msi", f->has_signal_msi, "halt_poll", f->has_halt_poll,
		"binary_stats", f->has_binary_stats, "immediate_exit", f->has_immediate_exit,
		"tsc_deadline", f->has_tsc_deadline, "x2apic", f->has_x2apic, "max_vcpus",
		f->max_vcpus);
}

json_t *host_json(const struct host_facts *f)
{
	json_t *host = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:b}", "cpu_model",
		f->cpu_model, "kernel", f->kernel, "hypervisor", f->hypervisor, "backend",
		kvm_backend_name(f->backend), "cpus_online", f->cpus_online, "cpus_allowed",
		f->cpus_allowed, "mem_bytes", (json_int_t)f->mem_bytes, "mem_available_bytes",
		(json_int_t)f->mem_available_bytes, "tsc_hz", (json_int_t)f->tsc_hz,
		"tsc_invariant", f->tsc_invariant);
	json_t *more = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:i, s:I, s:b, s:i, s:f, s:I, s:o}",
		"clocksource", f->clocksource, "governor", f->governor, "idle_driver",
		f->idle_driver, "preempt", f->preempt, "thp", f->thp, "rt_runtime_us",
		(json_int_t)f->rt_runtime_us, "rt_period_us", (json_int_t)f->rt_period_us,
		"halt_poll_ns", (json_int_t)f->halt_poll_ns, "min_timer_period_us",
		(json_int_t)f->min_timer_period_us, "rtprio_limit", f->rtprio_limit,
		"memlock_limit", (json_int_t)f->memlock_limit, "cpu_dma_latency_writable",
		f->cpu_dma_latency_writable, "smt_active", f->smt_active, "load1", f->load1,
		"steal_ticks", (json_int_t)f->steal_ticks, "kvm", kvm_json(f));
	json_object_update(host, more);
	json_decref(more);
	return host;
}

static int write_to(FILE *file, const json_t *json)
{
	if (json_dumpf(json, file, JSON_INDENT(1)) != 0 || fputc('\n', file) == EOF)
		return -1;
	return fflush(file);
}

/* A pipe or a device has no place beside it, and is not replaced. */
static bool is_special(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

static int save_file(const json_t *json, const char *path, struct diag *diag)
{
	char beside[PATH_MAX];
	bool direct = is_special(path);
	if (snprintf(beside, sizeof(beside), "%s%s", path, direct ? "" : ".tmp") >=
		(int)sizeof(beside))
		return diag_set(diag, -ENAMETOOLONG, "--json %s: name too long", path);
	FILE *file = fopen(beside, "w");
	if (file == NULL)
		return diag_set(
			diag, -errno, "--json %s: cannot create it: %s", path, strerror(errno));
	int err = write_to(file, json) == 0 ? 0 : -errno;
	if (fclose(file) != 0 && err == 0)
		err = -errno;
	if (err == 0 && !direct && rename(beside, path) != 0)
		err = -errno;
	if (err == 0)
		return 0;
	if (!direct)
		unlink(beside);
	return diag_set(diag, err, "--json %s: cannot write it: %s", path, strerror(-err));
}

int json_save(json_t *json, const char *path, struct diag *diag)
{
	int err;
	if (json == NULL)
		return diag_set(diag, -ENOMEM, "--json %s: no memory", path);
	if (strcmp(path, "-") == 0)
		err = write_to(stdout, json) == 0
			      ? 0
			      : diag_set(diag, -EIO, "--json -: cannot write standard output");
	else
		err = save_file(json, path, diag);
	json_decref(json);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The results document: who measured, where, with what; and how it reaches the disk.
 * What a run contributes is in results_run.c and in the experiments. */
#include "results.h"

#include "tickvm/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void results_add(struct results *results, json_t *object, const char *key, json_t *value)
{
	int err = key != NULL ? json_object_set_new(object, key, value)
			      : json_array_append_new(object, value);

	if (err < 0)
		results->no_memory = true;
}

json_t *results_text(const char *text)
{
	json_t *json = json_string(text);

	if (json != NULL)
		return json;
	/* Not UTF-8, a file name perhaps: JSON has no other bytes. */
	char *ascii = strdup(text);
	if (ascii == NULL)
		return NULL;
	for (char *p = ascii; *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
	json = json_string(ascii);
	free(ascii);
	return json;
}

/* What the host does not say is left out: numbers -1, strings "". */
static void add_number(struct results *results, json_t *object, const char *key, int64_t value)
{
	if (value != -1)
		results_add(results, object, key, json_integer(value));
}

static void add_text(struct results *results, json_t *object, const char *key, const char *value)
{
	if (value != NULL && value[0] != '\0')
		results_add(results, object, key, results_text(value));
}

static void add_flag(struct results *results, json_t *object, const char *key, bool value)
{
	results_add(results, object, key, json_boolean(value));
}

static json_t *facts_json(struct results *results)
{
	const struct host_facts *facts = &results->facts;
	json_t *host = json_object();

	add_text(results, host, "cpu_model", facts->cpu_model);
	add_text(results, host, "kernel", facts->kernel);
	add_text(results, host, "hypervisor", facts->hypervisor);
	add_text(results, host, "kvm_backend", kvm_backend_name(facts->backend));
	add_number(results, host, "cpus_online", facts->cpus_online);
	add_number(results, host, "cpus_allowed", facts->cpus_allowed);
	add_number(results, host, "mem_bytes", facts->mem_bytes);
	add_number(results, host, "mem_available_bytes", facts->mem_available_bytes);
	add_number(results, host, "tsc_hz", facts->tsc_hz);
	add_flag(results, host, "tsc_invariant", facts->tsc_invariant);
	add_text(results, host, "clocksource", facts->clocksource);
	add_text(results, host, "governor", facts->governor);
	add_text(results, host, "idle_driver", facts->idle_driver);
	add_text(results, host, "preempt", facts->preempt);
	add_text(results, host, "thp", facts->thp);
	add_number(results, host, "rt_runtime_us", facts->rt_runtime_us);
	add_number(results, host, "rt_period_us", facts->rt_period_us);
	add_number(results, host, "halt_poll_ns", facts->halt_poll_ns);
	add_number(results, host, "min_timer_period_us", facts->min_timer_period_us);
	add_number(results, host, "rtprio_limit", facts->rtprio_limit);
	add_number(results, host, "memlock_limit", facts->memlock_limit);
	add_flag(results, host, "cpu_dma_latency_writable", facts->cpu_dma_latency_writable);
	add_number(results, host, "smt_active", facts->smt_active);
	if (facts->load1 >= 0)
		results_add(results, host, "load1_hundredths",
			json_integer(llround(facts->load1 * 100)));
	add_number(results, host, "steal_ticks", facts->steal_ticks);
	return host;
}

json_t *results_machine(struct results *results, const struct vm_config *config)
{
	json_t *machine = json_object();
	json_t *cpus = json_array();

	add_text(results, machine, "kernel", config->kernel);
	add_text(results, machine, "append", config->append);
	add_number(results, machine, "vcpus", config->vcpus);
	add_number(results, machine, "mem_bytes", (int64_t)config->mem_bytes);
	add_text(results, machine, "irqchip", irqchip_name(config->irqchip));
	for (unsigned i = 0; i < config->vcpus && i < VM_MAX_VCPUS; i++)
		results_add(results, cpus, NULL, json_integer(config->vcpu_cpu[i]));
	results_add(results, machine, "vcpu_cpu", cpus);
	results_add(
		results, machine, "vcpu_fifo_priority", json_integer(config->vcpu_fifo_priority));
	results_add(results, machine, "timer_cpu", json_integer(config->timer_cpu));
	results_add(results, machine, "timer_priority", json_integer(config->timer_priority));
	results_add(
		results, machine, "timer_spin_ns", json_integer((json_int_t)config->timer_spin_ns));
	results_add(results, machine, "timer_advance_ns",
		config->timer_advance_ns == VM_AUTO ? json_string("auto")
						    : json_integer(config->timer_advance_ns));
	results_add(results, machine, "halt_poll_ns",
		config->halt_poll_ns == VM_AUTO ? json_string("auto")
						: json_integer(config->halt_poll_ns));
	results_add(results, machine, "quiet_window_ns",
		json_integer((json_int_t)config->quiet_window_ns));
	return machine;
}

static json_t *now_json(void)
{
	char text[32];
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_string(text);
}

void results_begin(struct results *results, const struct bench_context *context, const char *bench)
{
	*results = (struct results){.root = json_object(), .runs = json_array()};
	json_t *root = results->root;

	host_facts_read(&results->facts);
	/* One frequency for the whole file: the one every VM will be given. */
	if (results->facts.tsc_hz > 0)
		clock_set_tsc_hz((uint64_t)results->facts.tsc_hz);
	results_add(results, root, "schema", json_string(RESULTS_SCHEMA));
	results_add(results, root, "tickvm_version", json_string(TICKVM_VERSION));
	results_add(results, root, "bench", json_string(bench));
	results_add(results, root, "time", now_json());
	add_text(results, root, "command_line", context->command_line);
	results_add(results, root, "tsc_hz", json_integer((json_int_t)clock_tsc_hz()));
	results_add(results, root, "host", facts_json(results));
	results_add(results, root, "machine", results_machine(results, &context->machine));
	results_add(results, root, "runs", results->runs);
}

void results_end(struct results *results)
{
	json_decref(results->root);
	results->root = NULL;
}

static int dump(const struct results *results, FILE *file)
{
	if (json_dumpf(results->root, file, JSON_COMPACT) < 0 || fputc('\n', file) == EOF ||
		fflush(file) != 0)
		return -EIO;
	return 0;
}

static int write_failed(const char *path, int err, struct diag *diag)
{
	return diag_set(diag, err, "%s: cannot write the results: %s", path, strerror(-err));
}

/* Both or neither: a rename that is on disk before the data would leave an empty file. */
static int replace_file(const struct results *results, const char *path, struct diag *diag)
{
	char tmp[PATH_MAX];
	int err;

	if (snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= (int)sizeof(tmp))
		return write_failed(path, -ENAMETOOLONG, diag);
	FILE *file = fopen(tmp, "we");
	if (file == NULL)
		return write_failed(path, -errno, diag);
	err = dump(results, file);
	if (err == 0 && fsync(fileno(file)) < 0)
		err = -errno;
	if (fclose(file) != 0 && err == 0)
		err = -errno;
	if (err == 0 && rename(tmp, path) < 0)
		err = -errno;
	if (err < 0) {
		unlink(tmp);
		return write_failed(path, err, diag);
	}
	return 0;
}

/* A pipe or a device is written through: renaming a file over /dev/null would be a surprise. */
static int write_through(const struct results *results, const char *path, struct diag *diag)
{
	FILE *file = fopen(path, "we");

	if (file == NULL)
		return write_failed(path, -errno, diag);
	int err = dump(results, file);

	if (fclose(file) != 0 && err == 0)
		err = -errno;
	return err < 0 ? write_failed(path, err, diag) : 0;
}

int results_write(const struct results *results, const char *path, struct diag *diag)
{
	struct stat st;

	if (results->no_memory)
		return write_failed(path, -ENOMEM, diag);
	if (strcmp(path, "-") == 0) {
		int err = dump(results, stdout);

		return err < 0 ? write_failed("stdout", err, diag) : 0;
	}
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return write_through(results, path, diag);
	return replace_file(results, path, diag);
}

int results_finish(struct results *results, const struct bench_context *context, bool interrupted)
{
	struct diag diag;

	if (context->json == NULL)
		return 0;
	add_flag(results, results->root, "interrupted", interrupted);
	if (results_write(results, context->json, &diag) < 0) {
		fprintf(stderr, "tickvm: %s\n", diag.text);
		return 1;
	}
	return 0;
}

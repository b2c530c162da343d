/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's facts, the machine and any text as JSON, and JSON as a file.
 * It reads nothing from the host and measures nothing. */
#include "tickvm/facts_json.h"

#include "tickvm/output.h"
#include "tickvm/sandbox.h"
#include "tickvm/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *json_text(const char *text)
{
	if (text == NULL)
		return json_null();
	char *clean = text_clean(text, TEXT_LINES);
	json_t *json = clean != NULL ? json_string(clean) : NULL;

	free(clean);
	return json;
}

static int clean_string(json_t *string)
{
	char *clean = text_clean(json_string_value(string), TEXT_LINES);
	int err = clean != NULL ? json_string_set(string, clean) : -1;

	free(clean);
	return err;
}

/* A key that changes goes to the end. */
static int clean_key(json_t *object, const char *key, json_t *value)
{
	char *clean = text_clean(key, TEXT_LINES);
	int err = clean != NULL ? 0 : -1;

	if (clean != NULL && strcmp(clean, key) != 0) {
		err = json_object_set(object, clean, value);
		json_object_del(object, key);
	}
	free(clean);
	return err;
}

int json_clean(json_t *json)
{
	json_t *value;
	const char *key;
	size_t i;
	void *next;
	int err = json_is_string(json) ? clean_string(json) : 0;

	json_array_foreach(json, i, value)
	{
		err |= json_clean(value);
	}
	json_object_foreach_safe(json, next, key, value)
	{
		err |= json_clean(value) | clean_key(json, key, value);
	}
	return err == 0 ? 0 : -ENOMEM;
}

bool json_within(const json_t *value, json_int_t least, json_int_t most, json_int_t *number)
{
	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value) || n < least || n > most)
		return false;
	*number = n;
	return true;
}

json_int_t json_whole(double value)
{
	return llround(fmax(-1e15, fmin(1e15, value)));
}

/* Takes value over. An object that has lost a member becomes NULL and stays it. */
static void put(json_t **object, const char *key, json_t *value)
{
	if (json_object_set_new(*object, key, value) == 0)
		return;
	json_decref(*object);
	*object = NULL;
}

static void put_number(json_t **object, const char *key, int64_t value)
{
	put(object, key, json_integer(value));
}

static void put_flag(json_t **object, const char *key, bool value)
{
	put(object, key, json_boolean(value));
}

/* Unknown: numbers -1, strings "". */
static void put_known(json_t **object, const char *key, int64_t value)
{
	if (value != -1)
		put_number(object, key, value);
}

static void put_text(json_t **object, const char *key, const char *value)
{
	if (value != NULL && value[0] != '\0')
		put(object, key, json_text(value));
}

/* VM_AUTO is the word, as on the command line. */
static void put_automatic(json_t **object, const char *key, int64_t value)
{
	put(object, key, value == VM_AUTO ? json_string("auto") : json_integer(value));
}

static json_t *kvm_json(const struct host_facts *facts)
{
	json_t *kvm = json_object();

	put_number(&kvm, "errno", facts->kvm_errno);
	put_flag(&kvm, "irqchip", facts->has_irqchip);
	put_flag(&kvm, "split_irqchip", facts->has_split_irqchip);
	put_flag(&kvm, "pit2", facts->has_pit2);
	put_flag(&kvm, "user_msr", facts->has_user_msr);
	put_flag(&kvm, "ioeventfd", facts->has_ioeventfd);
	put_flag(&kvm, "signal_msi", facts->has_signal_msi);
	put_flag(&kvm, "halt_poll", facts->has_halt_poll);
	put_flag(&kvm, "binary_stats", facts->has_binary_stats);
	put_flag(&kvm, "immediate_exit", facts->has_immediate_exit);
	put_flag(&kvm, "tsc_deadline", facts->has_tsc_deadline);
	put_flag(&kvm, "x2apic", facts->has_x2apic);
	put_number(&kvm, "max_vcpus", facts->max_vcpus);
	return kvm;
}

/* How far this process is confined: what is measured in a sandbox bears its cost. */
static json_t *sandbox_json(void)
{
	struct sandbox_state state = sandbox_state();
	json_t *sandbox = json_object();

	put_flag(&sandbox, "on", state.on);
	if (state.on) {
		put_number(&sandbox, "landlock_abi", state.landlock_abi);
		put_flag(&sandbox, "seccomp", state.seccomp);
	}
	return sandbox;
}

json_t *facts_json(const struct host_facts *facts)
{
	json_t *host = json_object();

	put_text(&host, "cpu_model", facts->cpu_model);
	put_text(&host, "kernel", facts->kernel);
	put_text(&host, "hypervisor", facts->hypervisor);
	put_text(&host, "kvm_backend", kvm_backend_name(facts->backend));
	put_known(&host, "cpus_online", facts->cpus_online);
	put_known(&host, "cpus_allowed", facts->cpus_allowed);
	put_known(&host, "mem_bytes", facts->mem_bytes);
	put_known(&host, "mem_available_bytes", facts->mem_available_bytes);
	put_known(&host, "tsc_hz", facts->tsc_hz);
	put_flag(&host, "tsc_invariant", facts->tsc_invariant);
	put_text(&host, "clocksource", facts->clocksource);
	put_text(&host, "governor", facts->governor);
	put_text(&host, "idle_driver", facts->idle_driver);
	put_text(&host, "preempt", facts->preempt);
	put_text(&host, "thp", facts->thp);
	put_known(&host, "rt_runtime_us", facts->rt_runtime_us);
	put_known(&host, "rt_period_us", facts->rt_period_us);
	put_known(&host, "halt_poll_ns", facts->halt_poll_ns);
	put_known(&host, "min_timer_period_us", facts->min_timer_period_us);
	put_known(&host, "rtprio_limit", facts->rtprio_limit);
	put_known(&host, "memlock_limit", facts->memlock_limit);
	put_flag(&host, "cpu_dma_latency_writable", facts->cpu_dma_latency_writable);
	put_known(&host, "smt_active", facts->smt_active);
	if (facts->load1 >= 0)
		put_number(&host, "load1_hundredths", llround(facts->load1 * 100));
	put_known(&host, "steal_ticks", facts->steal_ticks);
	put(&host, "sandbox", sandbox_json());
	put(&host, "kvm", kvm_json(facts));
	return host;
}

static json_t *pins_json(const struct vm_config *config)
{
	json_t *pins = json_array();

	for (unsigned i = 0; i < config->vcpus && i < VM_MAX_VCPUS; i++) {
		if (json_array_append_new(pins, json_integer(config->vcpu_cpu[i])) != 0) {
			json_decref(pins);
			return NULL;
		}
	}
	return pins;
}

json_t *machine_json(const struct vm_config *config)
{
	json_t *machine = json_object();

	put_text(&machine, "kernel", config->kernel);
	put_text(&machine, "append", config->append);
	put_number(&machine, "vcpus", config->vcpus);
	put_number(&machine, "mem_bytes", (int64_t)config->mem_bytes);
	put_flag(&machine, "small_pages", config->small_pages);
	put_text(&machine, "irqchip", irqchip_name(config->irqchip));
	put(&machine, "vcpu_cpu", pins_json(config));
	put_number(&machine, "vcpu_fifo_priority", config->vcpu_fifo_priority);
	put_number(&machine, "timer_cpu", config->timer_cpu);
	put_number(&machine, "timer_priority", config->timer_priority);
	put_automatic(&machine, "timer_spin_ns", config->timer_spin_ns);
	put_automatic(&machine, "timer_advance_ns", config->timer_advance_ns);
	put_automatic(&machine, "halt_poll_ns", config->halt_poll_ns);
	put_number(&machine, "quiet_window_ns", (int64_t)config->quiet_window_ns);
	put_number(&machine, "timeout_ns", (int64_t)config->timeout_ns);
	if (config->disk_path != NULL) {
		put_text(&machine, "disk", config->disk_path);
		put_flag(&machine, "disk_read_only", config->disk_read_only);
		put_number(&machine, "disk_cpu", config->disk_cpu);
	}
	if (config->irq_load_hz != 0)
		put_number(&machine, "irq_load_hz", (int64_t)config->irq_load_hz);
	return machine;
}

static int no_memory(const char *path, struct diag *diag)
{
	return diag_set(diag, -ENOMEM, "cannot write %s: no memory", path);
}

/* json_dumpf() fails for want of memory too, of which the stream knows nothing. */
static int dump(const json_t *json, size_t flags, const char *path, struct diag *diag)
{
	struct output *output;
	int err = output_open(&output, path, diag);

	if (err < 0)
		return err;
	FILE *file = output_stream(output);
	if (json_dumpf(json, file, flags) != 0 && !ferror(file)) {
		output_discard(output);
		return no_memory(path, diag);
	}
	fputc('\n', file);
	return output_commit(output, diag);
}

int json_write(json_t *json, size_t flags, const char *path, struct diag *diag)
{
	if (json == NULL)
		return no_memory(path, diag);
	int err = dump(json, flags, path, diag);
	json_decref(json);
	return err;
}

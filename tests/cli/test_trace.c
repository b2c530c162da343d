/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm trace: what it counts is what the guest did, on every back end, and its files hold the
 * same. The payload says itself how many exits of each kind it made. */
#include "tickvm_command.h"

#include "tickvm/guest_abi.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char append[] =
	"--append 'test=exits pio-out=101 pio-in=102 pio-unknown=103 mmio-write=104 mmio-read=105 "
	"msr-read=106 msr-write=107 hlt=108 cpuid=109 pio-eventfd=110 mmio-eventfd=111'";

/* Skips the test, with tickvm's own reason, when this host does not have the back end. */
static struct result trace(const char *irqchip, const char *options)
{
	char line[1024];
	snprintf(line, sizeof(line), "trace --timeout 300 --irqchip %s %s %s", irqchip, append,
		options);
	return tickvm(line);
}

static json_t *trace_json(const char *irqchip)
{
	struct result r = trace(irqchip, "--serial null --json -");
	if (r.status == 125)
		cr_skip_test("%s", r.err);
	cr_assert_eq(r.status, 0, "--irqchip %s: status %d: %s", irqchip, r.status, r.err);
	json_t *json = json_loads(r.out, 0, NULL);
	cr_assert_not_null(json, "%s", r.out);
	return json;
}

static json_t *exits_of(json_t *json)
{
	json_t *exits = json_object_get(json_array_get(json_object_get(json, "vcpus"), 0), "exits");
	cr_assert(json_is_array(exits));
	return exits;
}

/* Samples of the rows of that exit, and of the address unless it is 0. */
static long long samples(json_t *exits, const char *exit, uint64_t address, const char *device)
{
	long long sum = 0;
	size_t i;
	json_t *row;
	json_array_foreach(exits, i, row)
	{
		const char *name = json_string_value(json_object_get(row, "exit"));
		const char *model = json_string_value(json_object_get(row, "device"));
		uint64_t at = (uint64_t)json_integer_value(json_object_get(row, "address"));
		if (strcmp(name, exit) == 0 && (address == 0 || at == address) &&
			(device == NULL || strcmp(model, device) == 0))
			sum += json_integer_value(
				json_object_get(json_object_get(row, "time"), "count"));
	}
	return sum;
}

static void exactly_what_the_guest_did(const char *irqchip)
{
	json_t *json = trace_json(irqchip), *exits = exits_of(json);
	json_t *done = json_object_get(json_object_get(json, "guest"), "done");
	cr_expect_eq(json_integer_value(json_object_get(done, "pio-out")), 101);
	cr_expect_eq(json_integer_value(json_object_get(done, "msr-write")), 107);
	cr_expect_eq(samples(exits, "pio-out", PORT_PROBE, NULL), 101);
	cr_expect_eq(samples(exits, "pio-in", PORT_PROBE, NULL), 102);
	cr_expect_eq(samples(exits, "pio-in", 0, "unknown"), 103);
	cr_expect_eq(samples(exits, "mmio-write", GPA_PROBE, NULL), 104);
	cr_expect_eq(samples(exits, "mmio-read", GPA_PROBE, NULL), 105);
	cr_expect_eq(samples(exits, "rdmsr", MSR_PROBE, NULL), 106);
	cr_expect_eq(samples(exits, "wrmsr", MSR_PROBE, NULL), 107);
	if (strcmp(irqchip, "user") == 0) /* else the kernel handles it */
		cr_expect_eq(samples(exits, "hlt", 0, NULL), 108);
	cr_expect_eq(samples(exits, "pio-out", PORT_PROBE_EVENTFD, NULL), 0);
	cr_expect_eq(samples(exits, "mmio-write", GPA_PROBE + 0x800, NULL), 0);
	cr_expect_eq(samples(exits, "pio-out", PORT_EXIT, NULL), 1);
	json_decref(json);
}

Test(trace, counts_what_the_guest_did_kernel)
{
	need_kvm();
	exactly_what_the_guest_did("kernel");
}

Test(trace, counts_what_the_guest_did_split)
{
	need_kvm();
	exactly_what_the_guest_did("split");
}

Test(trace, counts_what_the_guest_did_user)
{
	need_kvm();
	exactly_what_the_guest_did("user");
}

/* The table: every row's samples and percentages add up to the total's. */
Test(trace, totals_add_up)
{
	need_kvm();
	struct result r = trace("split", "--serial null");
	cr_assert_eq(r.status, 0, "%s", r.err);
	uint64_t sum = 0, total = 0;
	double percent = 0, time = 0;
	char *line = strstr(r.out, "\nEXIT");
	cr_assert_not_null(line, "%s", r.out);
	for (line = strchr(line + 1, '\n') + 1; total == 0; line = strchr(line, '\n') + 1) {
		char *fields = strstr(line, "  "); /* behind the first column */
		double samples_percent, time_percent;
		uint64_t count;
		cr_assert_not_null(fields, "%s", line);
		cr_assert_eq(sscanf(fields, "%" SCNu64 " %lf %lf", &count, &samples_percent,
				     &time_percent),
			3, "%s", line);
		if (strncmp(line, "total ", 6) == 0) {
			total = count;
			break;
		}
		sum += count;
		percent += samples_percent;
		time += time_percent;
	}
	cr_expect_eq(sum, total);
	cr_expect_float_eq(percent, 100, 0.2);
	cr_expect_float_eq(time, 100, 0.2);
	cr_expect_not_null(strstr(r.out, "KVM's own counters"));
}

/* The same table, as CSV and as Markdown: to a file beside the text, and instead of it. */
Test(trace, other_formats)
{
	need_kvm();
	char path[] = "/tmp/tickvm-csv-XXXXXX", options[128], line[256] = "";
	close(mkstemp(path));
	snprintf(options, sizeof(options), "--serial null --csv %s", path);
	struct result r = trace("split", options);
	cr_assert_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "\nEXIT "), "%s", r.out);
	FILE *file = fopen(path, "r");
	cr_assert_not_null(fgets(line, sizeof(line), file));
	cr_expect_str_eq(line, "table,EXIT,Samples,Samples%,Time%,Min us,Max us,Avg us,DEVICE\r\n");
	bool found = false;
	while (fgets(line, sizeof(line), file) != NULL)
		found |= strstr(line, "exits,pio-out 0xe0,101,") == line;
	cr_expect(found);
	fclose(file);
	unlink(path);
	r = trace("split", "--serial null --markdown -");
	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "\n| pio-out 0xe0 "), "%s", r.out);
	cr_expect_null(strstr(r.out, "\nEXIT "), "%s", r.out);
}

Test(trace, per_vcpu)
{
	need_kvm();
	struct result r = tickvm("trace --serial null --vcpus 2 --per-vcpu");
	cr_assert_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "vCPU 0: exits to userspace"));
	cr_expect_not_null(strstr(r.out, "vCPU 1: exits to userspace"));
	cr_expect_not_null(strstr(r.out, "vCPU 1: KVM's own counters"));
	cr_expect_not_null(strstr(r.out, "All vCPUs: exits to userspace"));
}

Test(trace, events_file)
{
	need_kvm();
	char path[] = "/tmp/tickvm-events-XXXXXX", options[128];
	close(mkstemp(path));
	snprintf(options, sizeof(options), "--serial null --events %s", path);
	struct result r = trace("split", options);
	cr_assert_eq(r.status, 0, "%s", r.err);
	json_t *json = json_load_file(path, 0, NULL), *event;
	unlink(path);
	cr_assert_not_null(json, "not JSON");
	size_t i, exits = 0;
	json_array_foreach(json_object_get(json, "traceEvents"), i, event)
	{
		const char *category = json_string_value(json_object_get(event, "cat"));
		exits += category != NULL && strcmp(category, "exit") == 0;
	}
	cr_expect_geq(exits, 101 + 102 + 103 + 104 + 105 + 106 + 107);
	json_decref(json);
}

Test(trace, json_file_is_whole)
{
	need_kvm();
	char path[] = "/tmp/tickvm-json-XXXXXX", line[128], beside[64];
	close(mkstemp(path));
	/* Bytes that are not UTF-8 do not spoil the file. */
	snprintf(line, sizeof(line), "run --serial null --append 'x\xff=1' --json %s", path);
	cr_expect_eq(tickvm(line).status, 2);
	json_t *odd = json_load_file(path, 0, NULL);
	cr_expect_str_eq(
		json_string_value(json_object_get(json_object_get(odd, "machine"), "append")),
		"x\xef\xbf\xbd=1"); /* U+FFFD */
	json_decref(odd);
	snprintf(line, sizeof(line), "run --serial null --json %s", path);
	struct result r = tickvm(line);
	cr_assert_eq(r.status, 0, "%s", r.err);
	json_t *json = json_load_file(path, 0, NULL);
	cr_assert_not_null(json);
	cr_expect_str_eq(json_string_value(json_object_get(json, "schema")), "tickvm-trace/1");
	static const char *const parts[] = {"version", "command_line", "host", "machine", "outcome",
		"tsc_hz", "startup", "tsc_offset", "vcpus", "kvm_stats", "device_counters",
		"timer_thread", "dedicated_timer", "coalesced", "guest"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		cr_expect_not_null(json_object_get(json, parts[i]), "%s", parts[i]);
	json_t *machine = json_object_get(json, "machine");
	cr_expect_eq(json_array_size(json_object_get(machine, "vcpu_cpu")), 1);
	cr_expect_str_eq(json_string_value(json_object_get(machine, "timer_advance_ns")), "auto");
	cr_expect_eq(json_integer_value(json_object_get(machine, "timeout_ns")), 0);
	snprintf(beside, sizeof(beside), "%s.tmp", path);
	cr_expect_neq(access(beside, F_OK), 0);
	json_decref(json);
	unlink(path);
}

/* What its model counted: by the table, and by the file of the same run. */
Test(trace, devices_bring_their_own_counters)
{
	need_kvm();
	struct result r = tickvm("trace --serial null --vcpus 2 --append 'test=timer "
				 "source=dedicated interval_ns=1000000 count=20'");
	cr_assert_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "The device models' own counters"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "\ndedicated  armed "), "%s", r.out);
	r = tickvm("trace --serial null --append test=hello");
	cr_expect_null(strstr(r.out, "own counters\n\nDEVICE"), "none moved: %s", r.out);
	r = tickvm("trace --serial null --vcpus 2 --json - --append 'test=timer "
		   "source=dedicated interval_ns=1000000 count=20'");
	json_t *json = json_loads(r.out, 0, NULL), *row;
	size_t i, timers = 0;
	json_array_foreach(json_object_get(json, "device_counters"), i, row) timers +=
		strcmp(json_string_value(json_object_get(row, "name")), "fired") == 0 &&
		strcmp(json_string_value(json_object_get(row, "device")), "dedicated") == 0 &&
		json_integer_value(json_object_get(row, "vcpu")) == (json_int_t)timers;
	cr_expect_eq(timers, 2, "one a vCPU: %s", r.out);
	json_decref(json);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm doctor: is this host fit to measure on, and what to change.
 * It changes nothing itself; the judgement is host_checks()'s. */
#include "cli.h"
#include "tickvm/amount.h"

#include <string.h>

static const char *const verdicts[] = {
	[CHECK_OK] = "ok", [CHECK_WARN] = "warn", [CHECK_FAIL] = "FAIL"};

static void print_checks(const struct host_check *checks, unsigned n, bool quiet)
{
	for (const struct host_check *check = checks; check < checks + n; check++) {
		if (quiet && check->level == CHECK_OK)
			continue;
		printf("%-18s %-5s %s\n", check->name, verdicts[check->level], check->found);
		if (*check->remedy != '\0')
			printf("%-18s       -> %s\n", "", check->remedy);
	}
}

static void print_host(const struct host_facts *facts)
{
	printf("%s, %d CPUs, %.1f GiB, Linux %s\n", facts->cpu_model, facts->cpus_online,
		(double)facts->mem_bytes / (1 << 30), facts->kernel);
	printf("KVM: %s%s%s\n\n", kvm_backend_name(facts->backend),
		facts->hypervisor[0] != '\0' ? ", itself a guest of " : "", facts->hypervisor);
}

static json_t *doctor_json(
	const struct host_facts *facts, const struct host_check *checks, unsigned n, int status)
{
	json_t *all = json_array();
	for (unsigned i = 0; i < n; i++)
		json_array_append_new(all,
			json_pack("{s:s, s:s, s:s, s:s}", "name", checks[i].name, "verdict",
				checks[i].level == CHECK_FAIL ? "fail" : verdicts[checks[i].level],
				"found", checks[i].found, "remedy", checks[i].remedy));
	return json_pack("{s:s, s:s, s:i, s:o, s:o}", "schema", "tickvm-doctor/1", "version",
		TICKVM_VERSION, "exit_status", status, "host", facts_json(facts), "checks", all);
}

static const struct host_check *find_check(
	const struct host_check *checks, unsigned n, const char *name, size_t length)
{
	for (unsigned i = 0; i < n; i++)
		if (strlen(checks[i].name) == length && memcmp(checks[i].name, name, length) == 0)
			return &checks[i];
	return NULL;
}

static int unknown_check(
	const struct host_check *checks, unsigned n, const char *name, size_t length)
{
	const char *names[HOST_CHECKS_MAX + 1] = {NULL};
	for (unsigned i = 0; i < n; i++)
		names[i] = checks[i].name;
	const char *near = nearest_word(name, length, names);
	complain("doctor", "--require %.*s: no such check%s%s%s; tickvm doctor lists them",
		(int)length, name, near != NULL ? ", did you mean " : "", near != NULL ? near : "",
		near != NULL ? "?" : "");
	return STATUS_USAGE;
}

/* Each check that is named must be ok: a warning is not enough. */
static int require(const char *list, const struct host_check *checks, unsigned n)
{
	int status = STATUS_OK;
	for (const char *name = list; list != NULL;) {
		size_t length = strcspn(name, ",");
		const struct host_check *check = find_check(checks, n, name, length);
		if (check == NULL)
			return unknown_check(checks, n, name, length);
		if (check->level != CHECK_OK) {
			complain("doctor", "--require %s: %s%s%s", check->name, check->found,
				check->remedy[0] != '\0' ? "; " : "", check->remedy);
			status = STATUS_FAILED;
		}
		if (name[length] == '\0')
			break;
		name += length + 1;
	}
	return status;
}

static int judge(const struct host_facts *facts, const struct host_check *checks, unsigned n)
{
	if (facts->kvm_errno != 0)
		return STATUS_UNFIT;
	for (unsigned i = 0; i < n; i++)
		if (checks[i].level == CHECK_FAIL)
			return STATUS_FAILED;
	return STATUS_OK;
}

static int examine(const struct options *options, struct diag *diag)
{
	struct host_facts facts;
	struct host_check checks[HOST_CHECKS_MAX];
	host_facts_read(&facts);
	unsigned n = host_checks(&facts, checks);
	int status = judge(&facts, checks, n);
	int required = require(options->require, checks, n);
	if (required == STATUS_USAGE)
		return required;
	if (status == STATUS_OK)
		status = required;
	if (options->json == NULL || options->json[0] != '-') {
		if (!options->quiet)
			print_host(&facts);
		print_checks(checks, n, options->quiet);
	}
	if (options->json != NULL && json_write(doctor_json(&facts, checks, n, status),
					     JSON_INDENT(1), options->json, diag) < 0) {
		complain("doctor", "%s", diag->text);
		return STATUS_FAILED;
	}
	return status;
}

int cmd_doctor(int argc, char **argv, const char *command_line)
{
	(void)command_line;
	struct options options;
	struct diag diag = {""};
	int status = STATUS_OK;
	cli_options_init(&options);
	int err = cli_options_parse(&options, COMMAND_DOCTOR, &argc, argv, &diag);
	if (err == 0 && !options.help)
		err = cli_options_check_output(&options, &diag);
	if (err < 0) {
		complain("doctor", "%s", diag.text);
		status = STATUS_USAGE;
	} else if (options.help) {
		printf("usage: tickvm doctor [options]\n\nIs this host fit to measure on, and what "
		       "to change.\n\noptions:\n");
		cli_options_help(stdout, COMMAND_DOCTOR);
		printf("\nexit status: 0 fit; 1 a check failed, or one of --require is not ok;\n2 "
		       "usage; 77 no usable /dev/kvm\n");
	} else {
		status = examine(&options, &diag);
	}
	cli_options_free(&options);
	return status;
}

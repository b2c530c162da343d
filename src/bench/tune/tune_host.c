/* SPDX-License-Identifier: BSD-2-Clause */
/* Host settings for punctual timers. They are written only by host_setting_apply(), and only what
 * the kernel takes as a plain write: nothing is installed, nothing survives a reboot. */
#include "tune_host.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define GOVERNORS  "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"
#define HALT_POLL  "/sys/module/kvm/parameters/halt_poll_ns"
#define MIN_PERIOD "/sys/module/kvm/parameters/min_timer_period_us"
#define RT_RUNTIME "/proc/sys/kernel/sched_rt_runtime_us"

/* doctor's: real-time threads should have 90 % of the period. */
#define RT_RUNTIME_US "950000"
#define RT_PERIOD_US  1000000

struct list {
	struct host_setting *settings;
	unsigned n;
};

static struct host_setting *add(
	struct list *list, const char *name, const char *path, const char *value)
{
	struct host_setting *setting = &list->settings[list->n++];

	*setting = (struct host_setting){.name = name, .path = path, .value = value};
	if (path != NULL)
		snprintf(setting->command, sizeof(setting->command), "echo %s | sudo tee %s", value,
			path);
	return setting;
}

static void add_number(
	struct list *list, const char *name, const char *path, const char *value, int64_t is)
{
	struct host_setting *setting = add(list, name, path, value);

	snprintf(setting->is, sizeof(setting->is), "%" PRId64, is);
}

unsigned host_settings(const struct host_facts *facts, bool machine_halt_poll,
	struct host_setting settings[HOST_SETTINGS_MAX])
{
	struct list list = {.settings = settings};

	if (facts->governor[0] != '\0' && strcmp(facts->governor, "performance") != 0)
		snprintf(add(&list, "governor", GOVERNORS, "performance")->is, sizeof(settings->is),
			"%s", facts->governor);
	if (!facts->cpu_dma_latency_writable) {
		struct host_setting *latency = add(&list, "dma-latency", NULL, NULL);

		snprintf(latency->is, sizeof(latency->is), "not writable");
		snprintf(latency->command, sizeof(latency->command),
			"sudo setfacl -m u:$USER:rw /dev/cpu_dma_latency");
	}
	if (facts->halt_poll_ns == 0 && !machine_halt_poll)
		add_number(&list, "halt-poll", HALT_POLL, "200000", 0);
	if (facts->min_timer_period_us > 0)
		add_number(&list, "min-timer-period", MIN_PERIOD, "0", facts->min_timer_period_us);
	if (facts->rt_period_us == RT_PERIOD_US && facts->rt_runtime_us >= 0 &&
		facts->rt_runtime_us < RT_PERIOD_US / 10 * 9)
		add_number(&list, "rt-throttle", RT_RUNTIME, RT_RUNTIME_US, facts->rt_runtime_us);
	return list.n;
}

/* ---- writing ---- */

static int read_word(const char *path, char *word, size_t size)
{
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return -errno;
	bool read = fgets(word, (int)size, file) != NULL;

	fclose(file);
	if (!read)
		return -EIO;
	word[strcspn(word, "\n")] = '\0';
	return 0;
}

/* One write: the kernel takes each as a whole value. */
static int write_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_TRUNC);

	if (fd < 0)
		return -errno;
	ssize_t written = write(fd, word, strlen(word));
	int err = written < 0 ? -errno : written != (ssize_t)strlen(word) ? -EIO : 0;

	close(fd);
	return err;
}

static int apply_one(const char *path, const char *value, FILE *out, struct diag *diag)
{
	char old[64];
	int err = read_word(path, old, sizeof(old));

	if (err < 0)
		return diag_set(diag, err, "%s: cannot read what it is: %s; left alone", path,
			strerror(-err));
	fprintf(out, "echo %s >%s  (undo: echo %s >%s)\n", value, path, old, path);
	fflush(out);
	err = write_word(path, value);
	if (err < 0)
		return diag_set(diag, err, "%s: cannot write %s: %s; it is still %s", path, value,
			strerror(-err), old);
	return 0;
}

int host_setting_apply(const struct host_setting *setting, FILE *out, struct diag *diag)
{
	glob_t found;
	int err = 0;

	if (setting->path == NULL)
		return diag_set(diag, -EINVAL, "%s: no plain write does that; do: %s",
			setting->name, setting->command);
	if (glob(setting->path, 0, NULL, &found) != 0)
		return diag_set(diag, -ENOENT, "%s: there is no such file", setting->path);
	for (size_t i = 0; i < found.gl_pathc && err == 0; i++)
		err = apply_one(found.gl_pathv[i], setting->value, out, diag);
	globfree(&found);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Host settings that make timers punctual: which of them are not as they should be, and writing
 * them. */
#ifndef BENCH_TUNE_HOST_H
#define BENCH_TUNE_HOST_H

#include "tickvm/host.h"

#include <stdio.h>

#define HOST_SETTINGS_MAX 8

struct host_setting {
	const char *path;  /* glob(7) pattern below /sys or /proc; NULL: no plain write does it */
	const char *value; /* what to write */
	const char *name;  /* a word: "governor" */
	char is[40];       /* now */
	char command[160]; /* as a user would do it */
};

/* What the facts say is not as it should be. machine_halt_poll: the machine sets its own window, so
 * that KVM's does not matter. Returns how many. Pure. */
unsigned host_settings(const struct host_facts *facts, bool machine_halt_poll,
	struct host_setting settings[HOST_SETTINGS_MAX]);

/* Writes one, to every file its pattern matches; each is said on out before it is done, with the
 * way back. -EINVAL: there is no path; -ENOENT: nothing matches; or what writing said. */
int host_setting_apply(const struct host_setting *setting, FILE *out, struct diag *diag);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Creates VMs, holds their threads at a gate, lets them go.
 * It reads no result: each VM's own error is left with it. */
#include "concurrent_vms.h"

#include "native.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Held shut while threads are made, so that all VMs run at once, or none. */
struct concurrent_gate {
	pthread_mutex_t shut;
	bool cancelled;
};

int concurrent_vms_create(struct concurrent_vm *vms, size_t n, struct diag *diag)
{
	for (size_t i = 0; i < n; i++) {
		if (bench_interrupted)
			return diag_set(diag, -EINTR, "interrupted");
		vms[i].err = launch_create(&vms[i].launch, &vms[i].diag);
		if (vms[i].err < 0 && n == 1)
			return diag_set(diag, vms[i].err, "%s", vms[i].diag.text);
		if (vms[i].err < 0)
			return diag_set(diag, vms[i].err, "VM %zu: %s", i, vms[i].diag.text);
	}
	return 0;
}

static void *work(void *arg)
{
	struct concurrent_vm *vm = arg;

	pthread_mutex_lock(&vm->gate->shut);
	bool cancelled = vm->gate->cancelled;

	pthread_mutex_unlock(&vm->gate->shut);
	vm->err = cancelled ? -ECANCELED : launch_go(&vm->launch, &vm->diag);
	return NULL;
}

int concurrent_vms_run(struct concurrent_vm *vms, size_t n, struct diag *diag)
{
	struct concurrent_gate gate = {.shut = PTHREAD_MUTEX_INITIALIZER};
	size_t started = 0;
	int err = 0;

	pthread_mutex_lock(&gate.shut);
	while (started < n && err == 0) {
		vms[started].gate = &gate;
		err = -native_thread(&vms[started].thread, NULL, work, &vms[started]);
		started += err == 0;
	}
	if (err < 0) {
		gate.cancelled = true;
		diag_set(diag, err, "thread %zu: %s", started, strerror(-err));
	}
	pthread_mutex_unlock(&gate.shut);
	for (size_t i = 0; i < started; i++)
		pthread_join(vms[i].thread, NULL);
	return err;
}

bool concurrent_vms_crowded(struct vm_config *config, uint64_t set_by_user, uint64_t vms,
	uint64_t interval_ns, int cpus)
{
	uint64_t spin_ns = config->timer_spin_ns == VM_AUTO ? VM_TIMER_SPIN_AUTO_MAX_NS
							    : (uint64_t)config->timer_spin_ns;
	bool spin_off = 4 * vms * spin_ns > interval_ns * (uint64_t)(cpus > 0 ? cpus : 1);

	for (unsigned i = 0; i < config->vcpus && !(set_by_user & BENCH_SET_PIN); i++)
		config->vcpu_cpu[i] = -1;
	if (!(set_by_user & BENCH_SET_TIMER_CPU))
		config->timer_cpu = -1;
	if (!(set_by_user & BENCH_SET_HALT_POLL))
		config->halt_poll_ns = 0;
	if (spin_off)
		config->timer_spin_ns = 0;
	return spin_off;
}

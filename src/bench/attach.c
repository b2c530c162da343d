/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest leaves behind, as attachments. */
#include "attach.h"

#include "results.h"

json_t *attach_exits_json(struct vm *vm, unsigned vcpus)
{
	struct results unused = {.no_memory = false};

	return results_exits(&unused, vm, vcpus);
}

json_t *attach_stats_json(struct vm *vm)
{
	struct results unused = {.no_memory = false};

	return results_kvm_stats(&unused, vm);
}

void attach_counters(struct sink *sink, struct vm *vm, unsigned vcpus)
{
	if (!sink_wants(sink))
		return;
	sink_attach(sink, "exits", attach_exits_json(vm, vcpus));
	sink_attach(sink, "kvm_stats", attach_stats_json(vm));
}

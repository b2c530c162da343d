/* SPDX-License-Identifier: BSD-2-Clause */
/* What every JSON file of tickvm has in common: the host, the machine, text of any bytes, the way
 * to the disk. Names are those of docs/results.schema.json. Objects are NULL when there is no
 * memory. */
#ifndef TICKVM_FACTS_JSON_H
#define TICKVM_FACTS_JSON_H

#include "tickvm/vm.h"

#include <jansson.h>

/* NULL: null. Else clean, as tickvm/text.h says, with its lines. */
json_t *json_text(const char *text);
/* json, which may be anybody's and is no deeper than json_loads() takes it, with json_text()'s in
 * place of every string and key in it. -ENOMEM: some are not. */
int json_clean(json_t *json);
/* Is value an integer from least to most? Then it is in *number: who reads a file casts no other.
 */
bool json_within(const json_t *value, json_int_t least, json_int_t most, json_int_t *number);
/* To the nearest integer, at most 1e15 either way: a double and every reader of JSON hold those
 * exactly. NAN: the most. */
json_int_t json_whole(double value);
/* What the host does not say is left out. */
json_t *facts_json(const struct host_facts *facts);
json_t *machine_json(const struct vm_config *config);
/* To path as tickvm/output.h says, with jansson's flags. Takes json over; NULL: -ENOMEM. */
int json_write(json_t *json, size_t flags, const char *path, struct diag *diag);

#endif

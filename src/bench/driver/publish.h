/* SPDX-License-Identifier: BSD-2-Clause */
/* A document, to where the user wants it. */
#ifndef BENCH_DRIVER_PUBLISH_H
#define BENCH_DRIVER_PUBLISH_H

#include "tickvm/bench.h"
#include "tickvm/document.h"

/* Who measures what, when and where, at the beginning. seed: of the drawn order. */
void document_begin(struct document *document, const struct bench_context *context,
	const char *bench, uint64_t seed);
/* Text on standard output unless data go there, and the files that the user named; with
 * context->collect the results go there alone. Returns document->status, or 1 with the reason
 * printed when something could not be written. */
int document_publish(struct document *document, const struct bench_context *context);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `tickvm bench disk` share: what is measured, and what came of it. */
#ifndef BENCH_DISK_BENCH_H
#define BENCH_DISK_BENCH_H

#include "tickvm/experiment.h"
#include "tickvm/guest_abi.h"
#include "tickvm/vm.h"

#define DISK_RECORD_MIN    4096u
#define DISK_RECORD_MAX    (UINT64_C(16) << 20)
#define DISK_FILE_MIN      (UINT64_C(1) << 20)
#define DISK_FILE_MAX      (UINT64_C(1) << 30)
#define DISK_DEPTH_MAX     64                   /* the payload's */
#define DISK_IN_FLIGHT_MAX (UINT64_C(64) << 20) /* bytes: long records are kept fewer */
#define DISK_BATCHES_MAX   50
#define DISK_ROUNDS        2

/* iozone's, in its order. */
enum disk_bench_op {
	DISK_BENCH_WRITE, /* onto blocks that the file system has never written */
	DISK_BENCH_REWRITE,
	DISK_BENCH_READ,
	DISK_BENCH_RANDOM_READ,
	DISK_BENCH_RANDOM_WRITE,
	DISK_BENCH_OPS
};
enum disk_side { DISK_NATIVE, DISK_GUEST };

/* As on the command line and in results files; each ends with NULL. */
extern const char *const disk_op_names[], *const disk_side_names[];

struct disk_parameters {
	unsigned side, op;
	/* bytes */
	uint64_t file, record;
	/* requests in flight; passes over the file in one launch */
	uint64_t depth, batches;
	bool full;
	/* the image may be written to */
	bool destroy_data;
	/* NULL: as TMPDIR says */
	const char *dir;
};

enum {
	DISK_THROUGHPUT,
	DISK_SLOWEST,
	DISK_FASTEST,
	DISK_IRQS,
	DISK_EXITS,
	DISK_CHECKED,
	DISK_MISMATCHES,
	DISK_ERRORS,
	DISK_FIGURES
};
extern const struct figure disk_figures[DISK_FIGURES];

enum {
	DISK_FLAG_MISMATCHES,
	DISK_FLAG_ERRORS,
	DISK_FLAG_IN_MEMORY,
	DISK_FLAG_BUFFERED,
	DISK_FLAG_ONE_AT_A_TIME,
	DISK_FLAGS
};
extern const struct flag disk_flags[DISK_FLAGS];

/* One pass after another over all records of the image's first bytes. */
struct disk_batch {
	bool write, random;
	bool fresh;  /* write: onto blocks that disk_image_renew() has made anew */
	bool verify; /* each record carries a checksum that is written, or looked at */
	uint64_t bytes, record;
	unsigned depth; /* requests kept in flight */
	unsigned rounds;
};

/* How the requests were carried out. */
struct disk_path {
	bool io_uring, direct;
};

/* ---- disk_plan.c: pure ---- */

/* What a launch came to. */
struct disk_samples {
	double bytes_per_s[DISK_BATCHES_MAX];
	unsigned n;
	struct disk_path path;
	/* exits: at the disk's registers, of what happens for each request */
	uint64_t requests, interrupts, exits, errors;
	/* records whose checksum was looked at, and was wrong */
	uint64_t checked, mismatches;
};

bool disk_op_writes(enum disk_bench_op op);
/* Passes, unless the user says: fewer of short records, which take long and are steady. Blocks are
 * written for the first time once. */
unsigned disk_batches(const struct disk_parameters *p, bool given);
/* Requests in flight, by pattern unless the user says, and no more than memory and file have
 * records. */
unsigned disk_depth(const struct disk_parameters *p, bool given);
/* What is timed, and what in which the data are verified. */
struct disk_batch disk_timed(const struct disk_parameters *p);
struct disk_batch disk_verifying(const struct disk_parameters *p);
void disk_add(struct disk_samples *samples, const struct guest_disk_round *rounds, size_t n,
	uint64_t tsc_hz);
/* values: one each of disk_figures. */
void disk_reduce(const struct disk_samples *samples, enum disk_side side, double *values);

/* ---- disk_image.c ---- */

/* What both sides read and write. */
struct disk_image {
	char path[64];     /* of a scratch file: it has no other name any more */
	int fd;            /* of a scratch file, else -1 */
	const char *given; /* --disk, or NULL: a scratch file */
	uint64_t bytes;
	bool in_memory; /* its file system is tmpfs */
};
const char *disk_image_path(const struct disk_image *image);
/* A file of bytes in directory dir (NULL: $TMPDIR, or /tmp), its blocks reserved, without a name:
 * nothing can leave it behind. -ENOSPC, -EFBIG and the like with diag before anything is written.
 */
int disk_image_scratch(
	struct disk_image *image, const char *dir, uint64_t bytes, struct diag *diag);
/* The user's. */
int disk_image_given(struct disk_image *image, const char *path, struct diag *diag);
/* The first bytes of a scratch file as if never written. Where the file system cannot, and of a
 * given image, nothing happens. */
void disk_image_renew(const struct disk_image *image, uint64_t bytes);
void disk_image_close(struct disk_image *image);

/* ---- disk_native.c ---- */

/* Carries a batch out in a thread of this process, on host CPU cpu (-1: anywhere). Fills rounds:
 * batch->rounds of them. 0, or a negative errno with diag; -EINTR: the user stopped it. Requests
 * that failed are counted in the rounds, and diag says why the first of one did. */
int disk_native(const struct disk_image *image, const struct disk_batch *batch, int cpu,
	struct guest_disk_round *rounds, struct disk_path *path, struct diag *diag);

/* ---- disk_guest.c ---- */

/* Of a guest that has run, as attachments of a sample that comes later. */
struct disk_counters {
	json_t *exits, *kvm_stats;
};

/* The same in a guest. counters: filled, or NULL. *exits: to userspace, at the disk's registers, of
 * what happens for each request. */
int disk_guest(const struct bench_context *context, const struct disk_image *image,
	const struct disk_batch *batch, struct guest_disk_round *rounds, struct disk_path *path,
	uint64_t *exits, struct disk_counters *counters, struct diag *diag);
/* Bytes of RAM that a guest needs for it. */
uint64_t disk_guest_ram(const struct disk_batch *batch);
/* Host CPU of the monitor's disk thread, and of the native one; -1: not pinned. */
int disk_cpu(const struct bench_context *context);
/* Could a guest have this image? -EINVAL with what is wrong with it, -ENOTSUP: no guests here. */
int disk_guest_check(
	const struct bench_context *context, const struct disk_image *image, struct diag *diag);

/* ---- disk_report.c ---- */

/* What the figures say: experiment.conclude(). */
void disk_conclude(struct session *session);

#endif

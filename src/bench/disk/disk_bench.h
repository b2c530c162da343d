/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `tickvm bench disk` share: what is measured, and what came of it. */
#ifndef BENCH_DISK_BENCH_H
#define BENCH_DISK_BENCH_H

#include "../results.h"

#include "tickvm/guest_abi.h"
#include "tickvm/vm.h"

#define DISK_RECORD_MIN    4096u
#define DISK_RECORDS       13 /* 4 KiB to 16 MiB by powers of two */
#define DISK_FILE_MIN      (UINT64_C(1) << 20)
#define DISK_FILES         11                   /* 1 MiB to 1 GiB by powers of two */
#define DISK_DEPTH_MAX     64                   /* the payload's */
#define DISK_IN_FLIGHT_MAX (UINT64_C(64) << 20) /* bytes: long records are kept fewer */
#define DISK_ROUNDS_MAX    50
#define DISK_BATCHES       2 /* of a side in a row */

/* iozone's, in its order. */
enum disk_bench_op {
	DISK_BENCH_WRITE, /* onto blocks that the file system has never written */
	DISK_BENCH_REWRITE,
	DISK_BENCH_READ,
	DISK_BENCH_RANDOM_READ,
	DISK_BENCH_RANDOM_WRITE,
	DISK_BENCH_OPS
};
enum disk_side { DISK_NATIVE, DISK_GUEST, DISK_SIDES };

/* As on the command line and in results files; each ends with NULL. */
extern const char *const disk_op_names[],
	*const disk_record_names[], *const disk_file_names[], *const disk_side_names[];

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

struct disk_plan {
	uint64_t ops, files, records; /* bit i: the i-th of each */
	uint64_t depth;               /* 0: by pattern */
	uint64_t rounds;              /* 0: by record */
	bool destroy_data;            /* the image may be written to */
};

struct disk_samples {
	double mb_per_s[DISK_BATCHES * DISK_ROUNDS_MAX]; /* 10^6 bytes */
	unsigned n;
	struct disk_path path; /* of all batches: false when of one */
	uint64_t requests, interrupts, exits, errors;
};

/* An operation with a record on a file. */
struct disk_row {
	enum disk_bench_op op;
	uint64_t file, record; /* bytes */
	struct disk_samples samples[DISK_SIDES];
	uint64_t checked, mismatches; /* records whose checksum was looked at, and was wrong */
	int err;
	struct diag diag; /* why err */
};

bool disk_op_writes(enum disk_bench_op op);
enum disk_bench_op disk_op_of(const struct disk_batch *batch);
/* A timed batch of row, and the one in which its data are verified. */
struct disk_batch disk_timed(const struct disk_plan *plan, const struct disk_row *row);
struct disk_batch disk_verifying(const struct disk_plan *plan, const struct disk_row *row);
/* Rows in the order of measuring; those with a record longer than the file are left out. Their
 * number, at most DISK_FILES * DISK_RECORDS * DISK_BENCH_OPS; rows may be NULL. */
size_t disk_rows(const struct disk_plan *plan, struct disk_row *rows);
void disk_add(struct disk_row *row, enum disk_side side, struct disk_path path,
	const struct guest_disk_round *rounds, size_t n, uint64_t tsc_hz);

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

/* The same in a guest. json: a run of results, to which machine, exits and counters are added, or
 * NULL. *exits: to userspace, at the disk's registers, of what happens for each request. */
int disk_guest(const struct bench_context *context, const struct disk_image *image,
	const struct disk_batch *batch, struct guest_disk_round *rounds, struct disk_path *path,
	uint64_t *exits, struct results *results, json_t *json, struct diag *diag);
/* Host CPU of the monitor's disk thread, and of the native one; -1: not pinned. */
int disk_cpu(const struct bench_context *context);
/* Could a guest have this image? -EINVAL with what is wrong with it, -ENOTSUP: no guests here. */
int disk_guest_check(
	const struct bench_context *context, const struct disk_image *image, struct diag *diag);

/* ---- disk_report.c ---- */

struct disk_report {
	const struct disk_plan *plan;
	const struct disk_image *image;
	struct disk_row *rows;
	size_t n;
};
/* Says what the rows come to. Sorts samples. */
void disk_page(struct page *page, const struct disk_report *report);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* tickvm bench startup: from exec to the guest's first instruction, beside the bare ioctl sequence,
 * and the memory the monitor needs for itself. Each start is a process of its own, so that nothing
 * is warm that would not be. */
#include "launch.h"
#include "options.h"
#include "progress.h"
#include "registry.h"
#include "results.h"

#include "tickvm/bare.h"
#include "tickvm/clock.h"
#include "tickvm/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_MEM (64ULL << 20)
#define RUNS_MAX    100
#define RATIO_LIMIT 1.5 /* exec to guest, to the bare ioctls alone */
#define MIB_LIMIT   8   /* memory of the monitor itself */
#define SANDBOX_MS  1.0 /* what confining the process may take */

static const char help[] =
	"  --runs N             starts of each, interleaved (default 9)\n"
	"  (without --irqchip every back end is measured; --mem is 64 MiB unless told;\n"
	"  --sandbox on: in turns with starts that are confined)\n";

/* What a start reports: host TSC stamps and bytes. */
struct start {
	uint64_t exec_tsc; /* the parent's, just before the process is made */
	uint64_t create_tsc, entry_tsc, first_tsc, rss;
};

/* ---- the child: one start, one line on stdout ---- */

/* Resident bytes of this process outside the mapping that holds guest RAM, from /proc/self/smaps.
 */
static uint64_t resident_without(const void *guest_ram)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512];
	bool guest = false;
	uint64_t kib = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		uintptr_t low, high;
		uint64_t rss;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &low, &high) == 2)
			guest = (uintptr_t)guest_ram >= low && (uintptr_t)guest_ram < high;
		else if (!guest && sscanf(line, "Rss: %" SCNu64 " kB", &rss) == 1)
			kib += rss;
	}
	fclose(file);
	return kib * 1024;
}

/* As `tickvm run` confines itself. */
static int confine(void *ctx, struct diag *diag)
{
	(void)ctx;
	return sandbox_enter(&(struct sandbox_plan){.guests = true, .vcpus = 1}, diag);
}

static int start_ours(const struct bench_context *context, struct start *start, struct diag *diag)
{
	struct launch launch = {.config = context->machine};

	/* As `tickvm run` would start it, but for the terminal. */
	launch.config.serial = SERIAL_NULL;
	launch.config.confine = context->sandbox ? confine : NULL;
	if (launch.config.timeout_ns == 0)
		launch.config.timeout_ns = LAUNCH_PATIENCE_NS;
	/* The shortest test that relates the guest's TSC to the host's. */
	launch_append(&launch, "test=bench name=idle iterations=10 rounds=1");
	int err = launch_run(&launch, diag);

	if (err < 0)
		return err;
	struct vm_startup startup = vm_startup(launch.vm);

	start->create_tsc = startup.create_tsc;
	start->entry_tsc = startup.first_entry_tsc;
	start->first_tsc = startup.guest_first_tsc;
	start->rss = resident_without(vm_guest_memory(launch.vm, 0, 1));
	launch_end(&launch);
	return 0;
}

static int start_bare(const struct bench_context *context, struct start *start, struct diag *diag)
{
	uint64_t ticks;

	start->create_tsc = clock_tsc();
	int err = vm_bare_startup(context->machine.mem_bytes, &ticks, diag);

	start->first_tsc = start->entry_tsc = start->create_tsc + ticks;
	start->rss = resident_without(NULL);
	return err;
}

static int be_started(const struct bench_context *context, bool bare)
{
	struct start start = {.rss = 0};
	struct diag diag = {""};
	int err = (bare ? start_bare : start_ours)(context, &start, &diag);

	if (err < 0) {
		fprintf(stderr, "%s\n", diag.text);
		return launch_exit_status(err);
	}
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", start.create_tsc,
		start.entry_tsc, start.first_tsc, start.rss);
	return 0;
}

/* ---- the parent ---- */

/* Ours by back end, the bare ioctls, and ours again, confined. */
enum { BARE = IRQCHIP_KINDS, CONFINED, CONTENDERS = CONFINED + IRQCHIP_KINDS };

static enum irqchip_kind chip_of(unsigned which)
{
	return which < BARE ? which : which - CONFINED;
}

static int spawn_child(unsigned which, uint64_t mem_bytes, int output, pid_t *pid)
{
	char mem[32], chip[16];
	char words[][16] = {"tickvm", "bench", "startup", "--start-once", "--bare", "--mem",
		"--irqchip", "--sandbox", "on"};
	char *argv[] = {words[0], words[1], words[2], words[3], words[5], mem, NULL, NULL, NULL,
		NULL, NULL};
	posix_spawn_file_actions_t actions;

	snprintf(mem, sizeof(mem), "%" PRIu64, mem_bytes);
	if (which == BARE) {
		argv[6] = words[4];
	} else {
		snprintf(chip, sizeof(chip), "%s", irqchip_name(chip_of(which)));
		argv[6] = words[6];
		argv[7] = chip;
	}
	if (which >= CONFINED) {
		argv[8] = words[7];
		argv[9] = words[8];
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	int err = posix_spawn(pid, "/proc/self/exe", &actions, NULL, argv, environ);

	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

/* The last line the child said, on either stream: warnings may come before it. */
static void read_last_line(int fd, char *text, size_t size)
{
	size_t used = 0;

	while (used + 1 < size) {
		ssize_t n = read(fd, text + used, size - 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	while (used > 0 && text[used - 1] == '\n')
		used--;
	text[used] = '\0';
	const char *newline = strrchr(text, '\n');

	if (newline != NULL)
		memmove(text, newline + 1, strlen(newline));
}

static int judge_child(int status, const char *text, struct start *start, struct diag *diag)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (code == 77)
		return diag_set(diag, -ENOTSUP, "%s", text);
	if (code != 0)
		return diag_set(diag, code == 130 ? -EINTR : -EIO, "%s",
			text[0] != '\0' ? text : "the started process died");
	if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &start->create_tsc,
		    &start->entry_tsc, &start->first_tsc, &start->rss) != 4)
		return diag_set(diag, -EPROTO, "the started process said: %s", text);
	if (start->first_tsc == 0)
		return diag_set(diag, -EPROTO,
			"the guest's first instruction could not be placed on the host's TSC");
	return 0;
}

static int start_once(unsigned which, uint64_t mem_bytes, struct start *start, struct diag *diag)
{
	char text[512];
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return diag_set(diag, -errno, "pipe: %s", strerror(errno));
	start->exec_tsc = clock_tsc();
	int err = spawn_child(which, mem_bytes, fds[1], &pid);

	close(fds[1]);
	if (err < 0) {
		close(fds[0]);
		return diag_set(diag, err, "cannot start /proc/self/exe: %s", strerror(-err));
	}
	read_last_line(fds[0], text, sizeof(text));
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return judge_child(status, text, start, diag);
}

struct contender {
	struct start starts[RUNS_MAX];
	size_t n;
	int err;
	struct diag diag; /* why err */
};

struct session {
	const struct bench_context *context;
	uint64_t runs, mem_bytes;
	struct contender contenders[CONTENDERS];
	struct results results;
	struct progress progress;
};

static const char *contender_name(unsigned which)
{
	static const char *const confined[] = {
		"kernel, confined", "split, confined", "user, confined"};

	return which == BARE  ? "bare ioctls"
	       : which < BARE ? irqchip_name(which)
			      : confined[chip_of(which)];
}

/* As results files have it. */
static void contender_id(unsigned which, char *id, size_t size)
{
	snprintf(id, size, "%s%s", which == BARE ? "bare" : irqchip_name(chip_of(which)),
		which < CONFINED ? "" : "-confined");
}

static bool wanted(const struct session *session, unsigned which)
{
	if (which == BARE)
		return true;
	return (which < CONFINED || session->context->sandbox) &&
	       (!(session->context->machine_set & BENCH_SET_IRQCHIP) ||
		       chip_of(which) == session->context->machine.irqchip);
}

static void add_json(struct session *session, unsigned which)
{
	const struct contender *c = &session->contenders[which];
	const struct start *start = &c->starts[c->n - 1];
	char id[32];

	contender_id(which, id, sizeof(id));
	results_add(&session->results, session->results.runs, NULL,
		json_pack("{s:s, s:I, s:I, s:I, s:I}", "start", id, "from_exec_ticks",
			(json_int_t)(start->first_tsc - start->exec_tsc), "from_create_ticks",
			(json_int_t)(start->first_tsc - start->create_tsc), "to_entry_ticks",
			(json_int_t)(start->entry_tsc - start->create_tsc), "rss_bytes",
			(json_int_t)start->rss));
	results_metric(&session->results, LOWER_IS_BETTER, "ns",
		(double)clock_ticks_to_ns(start->first_tsc - start->exec_tsc),
		"startup/%s/from-exec", id);
	results_metric(
		&session->results, LOWER_IS_BETTER, "B", (double)start->rss, "startup/%s/rss", id);
}

static int run_all(struct session *session)
{
	for (uint64_t run = 0; run < session->runs; run++) {
		for (unsigned i = 0; i < CONTENDERS; i++) {
			unsigned which = run % 2 == 0 ? i : CONTENDERS - 1 - i;
			struct contender *c = &session->contenders[which];

			if (bench_interrupted)
				return -EINTR;
			if (!wanted(session, which) || c->err < 0)
				continue;
			progress_step(&session->progress, "start %s", contender_name(which));
			c->err = start_once(which, session->mem_bytes, &c->starts[c->n], &c->diag);
			if (c->err == 0) {
				c->n++;
				add_json(session, which);
			}
			if (c->err == -EINTR)
				return -EINTR;
			if (c->err < 0 && !launch_has_kvm())
				return c->err;
		}
	}
	return 0;
}

enum span { FROM_EXEC, FROM_CREATE, TO_ENTRY, RESIDENT };

/* The median over the starts, in ticks or bytes. */
static double median(const struct contender *c, enum span span)
{
	double values[RUNS_MAX];

	for (size_t i = 0; i < c->n; i++) {
		const struct start *s = &c->starts[i];
		const uint64_t spans[] = {[FROM_EXEC] = s->first_tsc - s->exec_tsc,
			[FROM_CREATE] = s->first_tsc - s->create_tsc,
			[TO_ENTRY] = s->entry_tsc - s->create_tsc,
			[RESIDENT] = s->rss};

		values[i] = (double)spans[span];
	}
	return stats_spread(values, c->n).median;
}

static double us_of(double ticks)
{
	return ticks * clock_ticks_to_ns_f(1000000) / 1e9;
}

static void say_row(
	const struct session *session, unsigned which, struct table *table, struct chart *chart)
{
	const struct contender *c = &session->contenders[which];
	const struct contender *bare = &session->contenders[BARE];
	double exec = median(c, FROM_EXEC), create = median(c, FROM_CREATE);

	table_cell(table, "%s", contender_name(which));
	table_cell_us(table, us_of(exec) * 1000);
	table_cell(table, "%.2f", exec / median(bare, FROM_EXEC));
	table_cell_us(table, us_of(create) * 1000);
	table_cell(table, "%.2f", create / median(bare, FROM_CREATE));
	table_cell_us(table, us_of(median(c, TO_ENTRY)) * 1000);
	table_cell(table, "%.2f", median(c, RESIDENT) / (1 << 20));
	table_cell(table, "%zu", c->n);
	chart_bar(chart, "exec to guest", contender_name(which), us_of(exec));
	chart_bar(chart, "vm_create to guest", contender_name(which), us_of(create));
}

static void say_ratio(const struct session *session, unsigned which, struct page *page)
{
	const struct contender *c = &session->contenders[which];
	const struct contender *bare = &session->contenders[BARE];
	double alone = median(c, FROM_EXEC) / median(bare, FROM_CREATE);
	double process = median(c, FROM_EXEC) / median(bare, FROM_EXEC);

	if (c->n > 0 && bare->n > 0)
		page_verdict(page, alone <= RATIO_LIMIT ? VERDICT_GOOD : VERDICT_BAD,
			"irqchip %s: exec to guest takes %.2f times what the bare ioctls alone do "
			"(limit %.1f); %.2f times when they are a process too",
			contender_name(which), alone, RATIO_LIMIT, process);
}

static void say_sandbox(const struct session *session, unsigned which, struct page *page)
{
	const struct contender *c = &session->contenders[which];
	const struct contender *plain = &session->contenders[chip_of(which)];
	double ms = us_of(median(c, FROM_EXEC) - median(plain, FROM_EXEC)) / 1000;

	if (c->n > 0 && plain->n > 0)
		page_verdict(page, ms <= SANDBOX_MS ? VERDICT_GOOD : VERDICT_BAD,
			"irqchip %s: the sandbox takes %.2f ms of a start (limit %.0f)",
			irqchip_name(chip_of(which)), ms, SANDBOX_MS);
}

static void say_memory(const struct session *session, struct page *page)
{
	double most = 0;

	for (unsigned which = 0; which < BARE; which++)
		most = fmax(most, median(&session->contenders[which], RESIDENT) / (1 << 20));
	if (most > 0)
		page_verdict(page, most <= MIB_LIMIT ? VERDICT_GOOD : VERDICT_BAD,
			"the monitor's own memory is %.2f MiB at most (limit %d)", most, MIB_LIMIT);
}

static void say(const struct session *session, struct page *page)
{
	static const char *const titles[] = {"start", "exec to guest", "x bare",
		"vm_create to guest", "x bare", "to KVM_RUN", "MiB", "n"};

	page_heading(page,
		"FROM EXEC TO THE GUEST'S FIRST INSTRUCTION, %" PRIu64 " MiB, 1 vCPU (us, medians)",
		session->mem_bytes >> 20);
	struct table *table = page_table(page, "startup", "lrrrrrrr", titles);
	struct chart *chart = page_chart(page, CHART_BARS, 0,
		"From exec to the guest's first instruction, median", "start", "time (us)");

	for (unsigned which = 0; which < CONTENDERS; which++) {
		if (session->contenders[which].n > 0)
			say_row(session, which, table, chart);
	}
	for (unsigned which = 0; which < BARE; which++) {
		say_ratio(session, which, page);
	}
	for (unsigned which = CONFINED; which < CONTENDERS; which++)
		say_sandbox(session, which, page);
	say_memory(session, page);
	for (unsigned which = 0; which < CONTENDERS; which++) {
		if (session->contenders[which].err < 0)
			page_note(page, "not measured: %s: %s", contender_name(which),
				session->contenders[which].diag.text);
	}
	page_note(page,
		"bare ioctls: the fewest that run a guest, in a process of this program. to guest: "
		"its first reading of the TSC; to KVM_RUN: the first entry. MiB: the monitor's "
		"resident memory without the mapping of guest RAM, /proc/self/smaps after the "
		"run.");
}

static int exit_status(const struct session *session, int err)
{
	bool any = false;

	if (err == -EINTR)
		return 130;
	for (unsigned which = 0; which < BARE; which++)
		any |= session->contenders[which].n > 0;
	for (unsigned which = 0; which < CONTENDERS; which++) {
		int failed = session->contenders[which].err;

		if (failed < 0 && failed != -ENOTSUP)
			return 1;
	}
	return any ? 0 : 77;
}

static int run(struct bench_context *context, int argc, char **argv)
{
	static struct session session;
	bool child = false, bare = false;
	unsigned starts = 0;
	struct diag diag;

	session = (struct session){.context = context, .runs = 9, .mem_bytes = DEFAULT_MEM};
	const struct option_spec specs[] = {
		{"runs", OPTION_NUMBER, &session.runs, .min = 1, .max = RUNS_MAX},
		/* For the child only. */
		{"start-once", OPTION_FLAG, &child, .min = 0},
		{"bare", OPTION_FLAG, &bare, .min = 0},
		{.name = NULL},
	};

	if (options_parse(specs, argc, argv, &diag) < 0)
		return bench_refuse(context, "startup", &diag);
	if (context->check != NULL)
		return 0;
	if (child)
		return be_started(context, bare);
	if (context->machine_set & BENCH_SET_MEM)
		session.mem_bytes = context->machine.mem_bytes;
	results_begin(&session.results, context, "startup");
	for (unsigned which = 0; which < CONTENDERS; which++)
		starts += wanted(&session, which);
	session.progress = progress_begin((unsigned)session.runs * starts, context->quiet);
	int err = run_all(&session);

	progress_end(&session.progress);
	struct page *page = page_create();

	say(&session, page);
	int status = results_publish(&session.results, page, context, exit_status(&session, err));

	page_destroy(page);
	results_end(&session.results);
	return status;
}

const struct bench bench_startup = {
	.name = "startup",
	.summary = "from exec to the guest's first instruction, and the monitor's memory",
	.help = help,
	.run = run,
	.starts_itself = true,
};

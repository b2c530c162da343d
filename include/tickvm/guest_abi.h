/* SPDX-License-Identifier: BSD-2-Clause */
/* The one contract between the monitor and its payload: ports, addresses, structures, command line.
 * Self-contained: a freestanding guest includes this and nothing else. */
#ifndef TICKVM_GUEST_ABI_H
#define TICKVM_GUEST_ABI_H

#include <stddef.h>
#include <stdint.h>

#define GUEST_ABI_VERSION 3

/* Tables, aligned by hand. */
/* clang-format off */

/* ---- ports and addresses ---- */

#define PORT_EXIT          0xf4  /* write a byte: the guest's exit status */
#define PORT_SERIAL        0x3f8 /* 16550A, IRQ 4 */
#define PORT_PROBE         0xe0  /* 8 ports: reads return the last byte written, nothing else happens */
#define PORT_PROBE_EVENTFD 0xe8  /* 1-byte ioeventfd: a write KVM handles itself */
#define PORT_SYNC          0xec  /* any write is stamped by the host: TSC offset measurement */
#define PORT_SIGNAL        0xed  /* write SIGNAL_BEGIN or SIGNAL_END: the monitor stamps it and its counters */
#define GPA_PROBE          0xfeb00000ULL /* 4 KiB: a register at 0, an ioeventfd (8-byte write) at 0x800 */
#define GPA_DEDICATED      0xfeb01000ULL /* 4 KiB for each vCPU, 0 first: its dedicated timer's registers */
#define GPA_DISK           0xfeb20000ULL /* virtio-mmio block device, where there is one */
#define GPA_IOAPIC         0xfec00000ULL
#define GPA_LAPIC          0xfee00000ULL
#define MSR_PROBE          0x544b0000u   /* reads as the last value written; always exits to userspace */

#define SIGNAL_END   0
#define SIGNAL_BEGIN 1

#define IRQ_DISK     5
#define IRQ_LOAD 10 /* an edge at a set rate, and nothing else: load */

/* ---- the dedicated timer ---- */

/* Registers: 8 bytes each, naturally aligned 8-byte accesses only. */
#define DT_ID        0x00 /* ro: DT_ID_VALUE */
#define DT_CONTROL   0x08 /* DT_CONTROL_* */
#define DT_VECTOR    0x10 /* 32 to 255; DT_VECTOR_DEFAULT after reset */
#define DT_DEST      0x18 /* vCPU index (= APIC ID) */
#define DT_DEADLINE  0x20 /* write: arm at this guest TSC value (0: disarm); read: armed value, 0 when idle */
#define DT_PERIOD    0x28 /* guest TSC ticks; used when CONTROL.PERIODIC: deadline + k * period */
#define DT_ACK       0x30 /* write: guest TSC at handler entry; ends the quiet window */
#define DT_PAGE      0x38 /* GPA of the shared page, 4 KiB aligned, in RAM; 0: none */
#define DT_DOORBELL  0x40 /* write: look at the shared page now (may be an ioeventfd) */
#define DT_ADVANCE   0x48 /* ro: advance in force, guest TSC ticks */
#define DT_MISSED    0x50 /* ro: periods missed since reset */

#define DT_ID_VALUE         0x0001544b44454431ULL
#define DT_CONTROL_ENABLE   1u
#define DT_CONTROL_PERIODIC 2u
#define DT_CONTROL_SHARED   4u /* deadlines are written to the shared page, the thread watches it */
#define DT_CONTROL_RESIDUAL 8u /* the guest spins the rest: wake early enough for nearly every event */
#define DT_VECTOR_DEFAULT   0xf2

/* The shared page. Each field has one writer; 64-bit aligned stores are atomic.
 * Arm through it: write deadline, then add 1 to arm_seq, then a full fence, then read need_doorbell and
 * ring DT_DOORBELL if it is not 0. */
struct dedicated_page {
	uint64_t deadline;      /* guest: absolute guest TSC, 0 = disarm */
	uint64_t arm_seq;       /* guest: incremented after deadline */
	uint64_t ack_tsc;       /* guest: TSC at handler entry (residual: when the spin began) */
	uint64_t ack_seq;       /* guest: incremented after ack_tsc */
	uint64_t need_doorbell; /* monitor: not 0 while nobody watches the page */
	uint64_t fire_seq;      /* monitor: incremented before each interrupt: ticks can be numbered */
	uint64_t missed;        /* monitor: as DT_MISSED */
	uint64_t advance;       /* monitor: as DT_ADVANCE */
};

/* ---- the result block ---- */

#define GUEST_RESULT_GPA   0x400000ULL /* struct guest_result, then records at record_gpa */
#define GUEST_RESULT_MAGIC 0x42524b54u /* "TKRB" */
#define GUEST_RECORDS_GPA  0x600000ULL /* records start here; RAM up to the end may hold them */
#define GUEST_MIN_MEM      (16ULL << 20)

enum guest_status {
	GUEST_RUNNING = 0,
	GUEST_DONE = 1,        /* every record asked for is there */
	GUEST_FAILED = 2,      /* message says what went wrong */
	GUEST_UNAVAILABLE = 3, /* this machine cannot do it; message says why */
};

/* A round of TSC readings around one PORT_SYNC write. */
struct guest_sync {
	uint64_t before, after;
};
#define GUEST_SYNC_ROUNDS 16

/* What the exits test did, exactly, by kind; and the names used on the command line and in results. */
enum guest_exit_kind {
	GUEST_EXIT_PIO_OUT,       /* outb PORT_PROBE */
	GUEST_EXIT_PIO_IN,        /* inb PORT_PROBE */
	GUEST_EXIT_PIO_UNKNOWN,   /* inb from a port with no device */
	GUEST_EXIT_MMIO_WRITE,    /* 4-byte store to GPA_PROBE */
	GUEST_EXIT_MMIO_READ,     /* 4-byte load from GPA_PROBE */
	GUEST_EXIT_MSR_READ,      /* rdmsr MSR_PROBE */
	GUEST_EXIT_MSR_WRITE,     /* wrmsr MSR_PROBE */
	GUEST_EXIT_HLT,           /* hlt with an interrupt already on its way */
	GUEST_EXIT_CPUID,         /* cpuid leaf 0 (handled in the kernel) */
	GUEST_EXIT_HYPERCALL,     /* vmcall/vmmcall, probed first */
	GUEST_EXIT_PIO_EVENTFD,   /* outb PORT_PROBE_EVENTFD (handled in the kernel) */
	GUEST_EXIT_MMIO_EVENTFD,  /* 8-byte store to GPA_PROBE + 0x800 (handled in the kernel) */
	GUEST_EXIT_PIC_PORT,      /* inb 0x21, the PIC's mask */
	GUEST_EXIT_LAPIC_READ,    /* load of the LAPIC version register */
	GUEST_EXIT_KINDS
};
#define GUEST_EXIT_NAMES                                                                           \
	{                                                                                          \
		"pio-out", "pio-in", "pio-unknown", "mmio-write", "mmio-read", "msr-read",         \
			"msr-write", "hlt", "cpuid", "hypercall", "pio-eventfd", "mmio-eventfd",   \
			"pic-port", "lapic-read"                                                   \
	}

struct guest_registers {
	uint64_t rip, rflags, rsp;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

struct guest_result {
	uint32_t magic, version;
	uint32_t size;          /* sizeof(struct guest_result) */
	uint32_t status;        /* enum guest_status, written last */
	char test[32];          /* "timer", "ipi", ...; always terminated */
	char message[160];      /* one sentence when FAILED or UNAVAILABLE; always terminated */
	uint64_t tsc_hz;        /* as the guest was told or measured it */
	uint64_t stamp_cycles;  /* cost of one stamp: median of back-to-back readings */
	uint64_t first_tsc;     /* near the payload's first instruction (first rdtsc it could do) */
	uint64_t begin_tsc, end_tsc; /* around the measured part */
	uint64_t missed;        /* events the guest knows it missed (ticks not delivered, by number) */
	uint64_t spurious;      /* interrupts that belonged to no event */
	uint64_t record_gpa;    /* where the records are */
	uint32_t record_size, record_count;
	struct guest_sync sync_begin[GUEST_SYNC_ROUNDS];
	struct guest_sync sync_end[GUEST_SYNC_ROUNDS];
	uint64_t done[GUEST_EXIT_KINDS]; /* exits test */
	/* Load of a timer test, while it was measured. */
	uint64_t load_interrupts; /* taken by its handler */
	uint64_t load_requests;   /* reads of the disk completed */
	uint64_t load_errors;     /* of them with an error */
	uint64_t load_taken;      /* interrupts taken by its handler, measured or not */
	struct guest_registers died; /* where an exception ended the run; rip 0: none did */
};

/* Record of test=timer. All guest TSC. */
struct guest_timer_event {
	uint64_t arm;      /* before the arming access (periodic: 0 but for the first) */
	uint64_t deadline; /* when the handler should run */
	uint64_t enter;    /* first reading in the handler (residual: first reading at or past deadline) */
	uint64_t done;     /* back in the waiter */
};

/* Record of test=ipi. Guest TSC of sender and target (same clock, offset checked). */
struct guest_ipi_event {
	uint64_t send;   /* sender, before the ICR write */
	uint64_t enter;  /* target's handler, first reading */
	uint64_t reply;  /* sender's handler for the answer, first reading; 0 in a one-way test */
};

/* Record of test=bench: one round of a benchmark. With signals=1 each round has four signals: begin and
 * end of the run, then begin and end of the control. */
struct guest_bench_round {
	uint64_t iterations;
	uint64_t run_cycles;     /* with the operation */
	uint64_t control_cycles; /* the same loop without it */
};

/* Record of test=memory: one round of one operation on one vector length (first touch: bytes is the
 * whole area, passes 1). */
struct guest_memory_round {
	uint32_t op;     /* enum workload_memory_op, or GUEST_MEMORY_FIRST_TOUCH */
	uint32_t vcpus;  /* that did it at once, each on a vector of its own */
	uint64_t bytes;  /* of each vCPU's vector */
	uint64_t passes; /* over the vector, each vCPU */
	uint64_t cycles; /* from the first vCPU's beginning to the last one's end */
};
#define GUEST_MEMORY_FIRST_TOUCH 0xffffffffu

/* Record of test=linpack: one factorization and solution. */
struct guest_linpack_run {
	uint64_t n, vcpus;
	uint64_t simd;          /* enum workload_simd, as used */
	uint64_t cycles;        /* of factorization and solution */
	uint64_t residual_bits; /* HPL's scaled residual, an IEEE 754 double */
};

/* Record of test=ctx: one round of one working set. */
struct guest_ctx_round {
	uint32_t contexts, stride; /* stride in bytes */
	uint64_t bytes;            /* working set of each context */
	uint64_t switches;
	uint64_t switch_cycles;  /* switching around the ring, each context touching its set */
	uint64_t control_cycles; /* the same touching, and the same way to CPL 0, in one address space */
};

/* Record of test=disk: one round over all records once. */
struct guest_disk_round {
	uint64_t requests, bytes;
	uint64_t cycles;     /* from the first request to the last completion, a flush behind writes */
	uint64_t interrupts; /* taken meanwhile */
	uint64_t errors;     /* requests the device answered with an error */
	uint64_t mismatches; /* records whose checksum was wrong */
};

/* ---- the command line: space-separated key=value ----
 *
 * test=hello|exits|timer|ipi|bench|memory|linpack|ctx|disk    (default hello)
 * virtio_mmio.device=SIZE@BASE:IRQ  (as Linux's: given by tickvm where there is a disk)
 *
 * every test:  tsc_hz=N lapic_hz=N    given by tickvm; measured against the PIT when absent
 *              console=auto|serial    results also leave as JSON lines on the serial port: serial always,
 *                                     auto (the default) on a foreign VMM, where the dedicated timer's page
 *                                     does not answer DT_ID_VALUE
 *              hypercalls=0|1         1, given by tickvm: VMCALL and VMMCALL return or raise #UD, so that they
 *                                     can be tried (default 0: a KVM that emulates CPL 0 may repeat them for ever)
 * timer:  source=lapic|pit|dedicated|tsc-poll  mode=oneshot|deadline|periodic  interval_ns=N  count=N
 *         warmup=N (16, not recorded)  wait=hlt|user  arm=mmio|ioeventfd|shared  residual=0|1
 *         lapic_timer=tsc-deadline|oneshot (default: tsc-deadline when CPUID has it)
 *         oneshot: each event is armed interval after the handler of the one before (now + interval);
 *         deadline: the k-th deadline is start + k * interval, absolute; a deadline already past when it would
 *         be armed is skipped and counted in missed; periodic: the device repeats by itself.
 *         vcpus=N (each with a timer of its own, for lapic and dedicated; records: count of vCPU 0, then of 1, ...)
 *         load=none|io|interrupts (io: reads of the disk are kept in flight by an interrupt handler on vCPU 0,
 *         depth=N of record=BYTES each, at random places; interrupts: IRQ_LOAD is taken and counted)
 *         each=0|1 (1: before each event an interrupt of the load is waited for, and taken before the timer is
 *         armed, but for periodic ones: for tests that count, on a host however slow)
 * disk:   op=read|write  pattern=sequential|random  bytes=N (of the disk, from its beginning)  record=BYTES
 *         depth=N  rounds=N  verify=0|1 (1: each record carries a checksum that is written, or looked at)
 *         each=0|1 (1, with depth=1: every request's interrupt is taken, also where the disk is done before
 *         the guest waits: for tests that count)
 * ipi:    mode=pingpong|oneway  wait=hlt|user  count=N  apic=xapic|x2apic
 * exits:  NAME=N for each kind in GUEST_EXIT_NAMES; kinds not named are done 0 times
 * bench:  name=NAME rounds=N  (NAME in .benchmarks, those of tickvm/hyperbench.h among them)
 *         iterations=N (within the benchmark's range, and for cold-memory no more than RAM
 *         holds; absent: a pilot chooses, so that a round takes about round_ns)  round_ns=N
 *         scale=0|1 (1: each round is done with x1, x4 and x16 iterations, x16 still within the range)
 *         cpl=auto|0|3 (auto: where the benchmark belongs)  signals=0|1
 * memory: vcpus=N  pages=4k|2m (the guest's own)  max_bytes=N (256 B to this, by powers of two)
 *         ops=N (bit i: enum workload_memory_op i)  rounds=N round_ns=N
 *         touch=0|1 (1: first touch only, of rounds times max_bytes that nobody touched)
 * linpack: n=N vcpus=N simd=auto|sse2|avx2  rounds=N
 * ctx:    contexts=N stride=N max_bytes=N (0, then 4 KiB to this by powers of two)  rounds=N round_ns=N
 *
 * Unknown keys and malformed values: GUEST_FAILED with the key in message, exit status 2.
 * Exit status written to PORT_EXIT: 0 done, 1 failed, 2 bad command line, 3 unavailable. */
/* clang-format on */
#define GUEST_CMDLINE_MAX 2048

_Static_assert(sizeof(struct dedicated_page) == 64, "one cache line");
_Static_assert(offsetof(struct dedicated_page, need_doorbell) == 32, "ABI");
_Static_assert(sizeof(struct guest_timer_event) == 32, "ABI");
_Static_assert(sizeof(struct guest_ipi_event) == 24, "ABI");
_Static_assert(sizeof(struct guest_bench_round) == 24, "ABI");
_Static_assert(sizeof(struct guest_memory_round) == 32, "ABI");
_Static_assert(sizeof(struct guest_linpack_run) == 40, "ABI");
_Static_assert(sizeof(struct guest_ctx_round) == 40, "ABI");
_Static_assert(sizeof(struct guest_sync) == 16, "ABI");
_Static_assert(offsetof(struct guest_result, tsc_hz) == 208, "ABI");
_Static_assert(offsetof(struct guest_result, record_gpa) == 264, "ABI");
_Static_assert(offsetof(struct guest_result, sync_begin) == 280, "ABI");
_Static_assert(offsetof(struct guest_result, done) == 792, "ABI");
_Static_assert(offsetof(struct guest_result, died) == 936, "ABI");
_Static_assert(sizeof(struct guest_registers) == 144, "ABI");
_Static_assert(sizeof(struct guest_result) == 1080, "ABI");
_Static_assert(sizeof(struct guest_disk_round) == 48, "ABI");
_Static_assert(GUEST_EXIT_KINDS == 14, "GUEST_EXIT_NAMES has one name for each");

#endif

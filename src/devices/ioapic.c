/* SPDX-License-Identifier: BSD-2-Clause */
/* 82093AA I/O APIC: 24 pins to messages, Remote IRR, and the EOI register.
 * It finds no destination and learns no outcome: a message sent counts as accepted. */
#include "tickvm/ioapic.h"

#include <stdlib.h>

#define OFFSET_REGSEL 0x00
#define OFFSET_WIN    0x10
#define OFFSET_EOI    0x40

#define REG_ID          0x00
#define REG_VERSION     0x01
#define REG_ARBITRATION 0x02
#define REG_TABLE       0x10

#define ID_MASK        0x0f000000u
#define RTE_WRITABLE   0xff0000000001afffULL /* all but delivery status (12) and Remote IRR (14) */
#define RTE_LOGICAL    (1ULL << 11)
#define RTE_REMOTE_IRR (1ULL << 14)
#define RTE_LEVEL      (1ULL << 15)
#define RTE_MASKED     (1ULL << 16)

struct ioapic {
	struct apic_msg_sink out;
	void (*changed)(void *ctx, unsigned pin);
	void *changed_ctx;
	uint8_t initial_id;
	uint32_t id; /* as in its register */
	uint8_t select;
	uint64_t table[IOAPIC_PINS];
	bool line[IOAPIC_PINS]; /* true is asserted, whatever the polarity bit says */
};

static unsigned delivery(uint64_t rte)
{
	return rte >> 8 & 7;
}

/* Data sheet 3.2.4, bits 10:8: SMI, NMI, INIT and ExtINT are edges whatever bit 15 says; nobody
 * ever EOIs them. */
static bool level_triggered(uint64_t rte)
{
	return (rte & RTE_LEVEL) && delivery(rte) <= APIC_LOWEST;
}

struct apic_msg ioapic_message(uint64_t rte)
{
	return (struct apic_msg){
		.dest = (uint32_t)(rte >> 56),
		.vector = (uint8_t)rte,
		.delivery = (uint8_t)delivery(rte),
		.shorthand = APIC_DEST_FIELD,
		.logical = rte & RTE_LOGICAL,
		.level = level_triggered(rte),
		.assert = true,
	};
}

static void send(struct ioapic *io, unsigned pin)
{
	struct apic_msg msg = ioapic_message(io->table[pin]);

	if (msg.delivery != 3 && msg.delivery != APIC_STARTUP) /* both reserved here */
		io->out.deliver(io->out.ctx, &msg);
}

/* A level is sent while its line is high and nobody has it in service. */
static void service_level(struct ioapic *io, unsigned pin)
{
	uint64_t *rte = &io->table[pin];

	if (!level_triggered(*rte) || !io->line[pin] || *rte & (RTE_MASKED | RTE_REMOTE_IRR))
		return;
	*rte |= RTE_REMOTE_IRR;
	send(io, pin);
}

void ioapic_set_line(struct ioapic *io, unsigned pin, bool level)
{
	if (pin >= IOAPIC_PINS || io->line[pin] == level)
		return;
	io->line[pin] = level;
	if (level_triggered(io->table[pin]))
		service_level(io, pin);
	else if (level && !(io->table[pin] & RTE_MASKED)) /* a masked edge is gone: bit 16 */
		send(io, pin);
}

void ioapic_eoi(struct ioapic *io, uint8_t vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		if ((uint8_t)io->table[pin] != vector || !(io->table[pin] & RTE_REMOTE_IRR))
			continue;
		io->table[pin] &= ~RTE_REMOTE_IRR;
		service_level(io, pin);
	}
}

static void set_redirection(struct ioapic *io, unsigned pin, uint64_t rte)
{
	bool altered = rte != io->table[pin];

	io->table[pin] = rte;
	if (altered && io->changed)
		io->changed(io->changed_ctx, pin);
	service_level(io, pin);
}

static void write_redirection(struct ioapic *io, unsigned reg, uint32_t value)
{
	unsigned pin = (reg - REG_TABLE) / 2, shift = reg % 2 * 32;
	uint64_t writable = RTE_WRITABLE & 0xffffffffULL << shift;
	uint64_t rte = (io->table[pin] & ~writable) | ((uint64_t)value << shift & writable);

	/* Guests switch a pin to edge and back to end an interrupt on parts without the EOI
	 * register. */
	if (!level_triggered(rte))
		rte &= ~RTE_REMOTE_IRR;
	set_redirection(io, pin, rte);
}

static bool is_redirection(unsigned reg)
{
	return reg >= REG_TABLE && reg < REG_TABLE + 2 * IOAPIC_PINS;
}

static uint32_t read_register(const struct ioapic *io, unsigned reg)
{
	if (is_redirection(reg))
		return (uint32_t)(io->table[(reg - REG_TABLE) / 2] >> reg % 2 * 32);
	switch (reg) {
	case REG_ID:
	case REG_ARBITRATION: /* data sheet 3.2.3: loaded with the ID */
		return io->id;
	case REG_VERSION:
		return IOAPIC_VERSION | (IOAPIC_PINS - 1) << 16;
	default:
		return 0xffffffff;
	}
}

static void write_register(struct ioapic *io, unsigned reg, uint32_t value)
{
	if (reg == REG_ID)
		io->id = value & ID_MASK;
	else if (is_redirection(reg))
		write_redirection(io, reg, value);
}

/* The data sheet asks for 32-bit accesses. Narrower ones reach the bytes they name, an IOWIN write
 * keeps the others; what leaves a register's 4 bytes reads as all ones and writes nothing. */
static uint64_t ioapic_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	const struct ioapic *io = self;
	unsigned byte = offset % 16;
	uint32_t value;

	(void)now;
	if (byte + size > 4)
		return all_ones(size);
	switch (offset - byte) {
	case OFFSET_REGSEL:
		value = io->select;
		break;
	case OFFSET_WIN:
		value = read_register(io, io->select);
		break;
	case OFFSET_EOI: /* write-only */
		value = 0;
		break;
	default:
		return all_ones(size);
	}
	return value >> 8 * byte & all_ones(size);
}

static void write_window(struct ioapic *io, unsigned byte, unsigned size, uint32_t value)
{
	uint32_t mask = (uint32_t)all_ones(size) << 8 * byte;
	uint32_t old = read_register(io, io->select);

	write_register(io, io->select, (old & ~mask) | (value << 8 * byte & mask));
}

static void ioapic_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	struct ioapic *io = self;
	unsigned byte = offset % 16;

	(void)now;
	if (byte + size > 4)
		return;
	if (offset == OFFSET_REGSEL)
		io->select = (uint8_t)value;
	else if (offset - byte == OFFSET_WIN)
		write_window(io, byte, size, (uint32_t)value);
	else if (offset == OFFSET_EOI)
		ioapic_eoi(io, (uint8_t)value);
}

/* The lines are inputs and stay as they are. */
static void ioapic_reset(void *self, nsec_t now)
{
	struct ioapic *io = self;

	(void)now;
	io->id = (uint32_t)io->initial_id << 24 & ID_MASK;
	io->select = 0;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		set_redirection(io, pin, RTE_MASKED);
}

struct ioapic *ioapic_create(uint8_t id, struct apic_msg_sink out,
	void (*changed)(void *ctx, unsigned pin), void *changed_ctx)
{
	struct ioapic *io = calloc(1, sizeof(*io));

	if (!io)
		return NULL;
	io->initial_id = id;
	io->out = out;
	ioapic_reset(io, 0); /* before changed is known: nothing has changed for anyone yet */
	io->changed = changed;
	io->changed_ctx = changed_ctx;
	return io;
}

void ioapic_destroy(struct ioapic *io)
{
	free(io);
}

struct device ioapic_device(struct ioapic *io)
{
	static const struct device_ops ops = {
		.name = "ioapic",
		.read = ioapic_read,
		.write = ioapic_write,
		.reset = ioapic_reset,
	};

	return (struct device){&ops, io};
}

uint64_t ioapic_redirection(const struct ioapic *io, unsigned pin)
{
	return pin < IOAPIC_PINS ? io->table[pin] : RTE_MASKED;
}

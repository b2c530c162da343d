/* SPDX-License-Identifier: BSD-2-Clause */
/* 16550A UART after the PC16550D data sheet: registers, receive FIFO, interrupt priorities,
 * loopback, modem lines. There is no wire: bytes leave at once and whole, so baud rate, word
 * length, parity and break are stored only. */
#include "tickvm/serial.h"
#include "bytewise.h"

#include <stdlib.h>

#define FIFO_SIZE 16

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR, REGS };

#define IER_RX    0x01 /* received data available, and time-out */
#define IER_TX    0x02 /* transmitter holding register empty */
#define IER_LINE  0x04
#define IER_MODEM 0x08
#define IER_MASK  0x0f

/* IIR is a code, highest priority first: line status, data, time-out, transmitter, modem. */
#define IIR_LINE    0x06
#define IIR_DATA    0x04
#define IIR_TIMEOUT 0x0c
#define IIR_TX      0x02
#define IIR_MODEM   0x00
#define IIR_NONE    0x01
#define IIR_FIFO    0xc0

#define FCR_ENABLE   0x01
#define FCR_RX_RESET 0x02
#define FCR_STORED   0xc9 /* the two reset bits clear themselves */

#define LCR_DLAB 0x80

#define MCR_DTR  0x01
#define MCR_RTS  0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_MASK 0x1f

#define LSR_DATA    0x01
#define LSR_OVERRUN 0x02
#define LSR_THRE    0x20
#define LSR_TEMT    0x40

#define MSR_TERI  0x04
#define MSR_CTS   0x10
#define MSR_DSR   0x20
#define MSR_RI    0x40
#define MSR_DCD   0x80
#define MSR_DELTA 0x0f
#define MSR_LINES 0xf0

struct serial {
	struct irq_sink irq;
	unsigned line;
	struct byte_sink out;

	uint8_t fifo[FIFO_SIZE];
	unsigned head, count; /* oldest byte; bytes held, at most 1 in 16450 mode */
	uint8_t ier, fcr, lcr, mcr, msr, scr;
	uint16_t divisor;
	bool overrun;
	bool tx_interrupt; /* the holding register became empty, and IIR was not yet read */
	bool irq_level;
};

static unsigned capacity(const struct serial *serial)
{
	return serial->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static unsigned trigger_level(const struct serial *serial)
{
	static const uint8_t levels[4] = {1, 4, 8, 14};

	return serial->fcr & FCR_ENABLE ? levels[serial->fcr >> 6] : 1;
}

/* Table IV of the data sheet. The time-out of four character times is reported at once: no more
 * bytes are on a wire that has none, and a guest that asked for a trigger level of 14 is not kept
 * waiting for a single key. */
static uint8_t interrupt_code(const struct serial *serial)
{
	if (serial->ier & IER_LINE && serial->overrun)
		return IIR_LINE;
	if (serial->ier & IER_RX && serial->count >= trigger_level(serial))
		return IIR_DATA;
	if (serial->ier & IER_RX && serial->count > 0)
		return IIR_TIMEOUT;
	if (serial->ier & IER_TX && serial->tx_interrupt)
		return IIR_TX;
	if (serial->ier & IER_MODEM && serial->msr & MSR_DELTA)
		return IIR_MODEM;
	return IIR_NONE;
}

/* The only place that drives INTRPT. OUT2 does not gate it: that is a PC board's habit, not the
 * chip's. */
static void update_irq(struct serial *serial)
{
	bool level = interrupt_code(serial) != IIR_NONE;

	if (level == serial->irq_level)
		return;
	serial->irq_level = level;
	serial->irq.set(serial->irq.ctx, serial->line, level);
}

/* Modem inputs: in loopback our own outputs, otherwise a host that is always there. */
static uint8_t modem_lines(const struct serial *serial)
{
	uint8_t lines = 0;

	if (!(serial->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (serial->mcr & MCR_RTS)
		lines |= MSR_CTS;
	if (serial->mcr & MCR_DTR)
		lines |= MSR_DSR;
	if (serial->mcr & MCR_OUT1)
		lines |= MSR_RI;
	if (serial->mcr & MCR_OUT2)
		lines |= MSR_DCD;
	return lines;
}

static void update_modem(struct serial *serial)
{
	uint8_t lines = modem_lines(serial);
	uint8_t delta = (uint8_t)(((lines ^ serial->msr) & MSR_LINES) >> 4);

	/* RI is the odd one: only its trailing edge counts. */
	if (lines & MSR_RI)
		delta &= (uint8_t)~MSR_TERI;
	serial->msr = (uint8_t)(lines | (serial->msr & MSR_DELTA) | delta);
}

static void push(struct serial *serial, uint8_t byte)
{
	if (serial->count < capacity(serial)) {
		serial->fifo[(serial->head + serial->count++) % FIFO_SIZE] = byte;
		return;
	}
	/* A full FIFO keeps its contents; a lone receive buffer is overwritten. */
	serial->overrun = true;
	if (!(serial->fcr & FCR_ENABLE))
		serial->fifo[serial->head] = byte;
}

static uint8_t pop(struct serial *serial)
{
	if (serial->count == 0)
		return 0;
	uint8_t byte = serial->fifo[serial->head];

	serial->head = (serial->head + 1) % FIFO_SIZE;
	serial->count--;
	return byte;
}

static void transmit(struct serial *serial, uint8_t byte)
{
	/* Full for no time at all, but an edge-triggered listener must see the line drop and rise
	 * again. */
	serial->tx_interrupt = false;
	update_irq(serial);
	if (serial->mcr & MCR_LOOP)
		push(serial, byte);
	else
		serial->out.put(serial->out.ctx, byte);
	serial->tx_interrupt = true;
}

static void write_ier(struct serial *serial, uint8_t value)
{
	/* Enabling the transmitter's interrupt reports a holding register that is already empty. */
	if (value & IER_TX && !(serial->ier & IER_TX))
		serial->tx_interrupt = true;
	serial->ier = value & IER_MASK;
}

static void write_fcr(struct serial *serial, uint8_t value)
{
	/* Other bits are programmed only together with the enable bit; a change of that bit empties
	 * the FIFOs. */
	if ((value ^ serial->fcr) & FCR_ENABLE || (value & FCR_ENABLE && value & FCR_RX_RESET))
		serial->count = 0;
	serial->fcr = value & FCR_ENABLE ? value & FCR_STORED : 0;
}

static uint8_t read_iir(struct serial *serial)
{
	uint8_t code = interrupt_code(serial);

	if (code == IIR_TX)
		serial->tx_interrupt = false;
	return serial->fcr & FCR_ENABLE ? code | IIR_FIFO : code;
}

static uint8_t read_lsr(struct serial *serial)
{
	uint8_t value = LSR_THRE | LSR_TEMT;

	if (serial->count > 0)
		value |= LSR_DATA;
	if (serial->overrun)
		value |= LSR_OVERRUN;
	serial->overrun = false;
	return value;
}

static uint8_t read_msr(struct serial *serial)
{
	uint8_t value = serial->msr;

	serial->msr &= MSR_LINES;
	return value;
}

static uint8_t read_register(struct serial *serial, unsigned offset)
{
	bool dlab = serial->lcr & LCR_DLAB;

	switch (offset) {
	case REG_DATA:
		return dlab ? (uint8_t)serial->divisor : pop(serial);
	case REG_IER:
		return dlab ? (uint8_t)(serial->divisor >> 8) : serial->ier;
	case REG_IIR_FCR:
		return read_iir(serial);
	case REG_LCR:
		return serial->lcr;
	case REG_MCR:
		return serial->mcr;
	case REG_LSR:
		return read_lsr(serial);
	case REG_MSR:
		return read_msr(serial);
	default:
		return serial->scr;
	}
}

static void write_register(struct serial *serial, unsigned offset, uint8_t value)
{
	bool dlab = serial->lcr & LCR_DLAB;

	switch (offset) {
	case REG_DATA:
		if (dlab)
			serial->divisor = (uint16_t)((serial->divisor & 0xff00) | value);
		else
			transmit(serial, value);
		break;
	case REG_IER:
		if (dlab)
			serial->divisor = (uint16_t)((serial->divisor & 0x00ff) | value << 8);
		else
			write_ier(serial, value);
		break;
	case REG_IIR_FCR:
		write_fcr(serial, value);
		break;
	case REG_LCR:
		serial->lcr = value;
		break;
	case REG_MCR:
		serial->mcr = value & MCR_MASK;
		update_modem(serial);
		break;
	case REG_SCR:
		serial->scr = value;
		break;
	default: /* LSR and MSR: writing them is for factory tests */
		break;
	}
}

static uint8_t read_byte(void *self, nsec_t now, unsigned offset)
{
	struct serial *serial = self;
	uint8_t value = read_register(serial, offset);

	(void)now;
	update_irq(serial);
	return value;
}

static void write_byte(void *self, nsec_t now, unsigned offset, uint8_t value)
{
	struct serial *serial = self;

	(void)now;
	write_register(serial, offset, value);
	update_irq(serial);
}

static uint64_t serial_read(void *self, nsec_t now, uint64_t offset, unsigned size)
{
	return bytewise_read(self, now, offset, size, REGS, read_byte);
}

static void serial_write(void *self, nsec_t now, uint64_t offset, unsigned size, uint64_t value)
{
	bytewise_write(self, now, offset, size, value, REGS, write_byte);
}

/* Table I, master reset. Scratch and divisor latches have no reset: they keep what they hold. */
static void serial_reset(void *self, nsec_t now)
{
	struct serial *serial = self;

	(void)now;
	serial->count = 0;
	serial->ier = serial->fcr = serial->lcr = serial->mcr = 0;
	serial->msr = modem_lines(serial);
	serial->overrun = false;
	serial->tx_interrupt = false;
	update_irq(serial);
}

static const struct device_ops serial_ops = {
	.name = "serial",
	.read = serial_read,
	.write = serial_write,
	.reset = serial_reset,
};

struct serial *serial_create(struct irq_sink irq, unsigned line, struct byte_sink out)
{
	struct serial *serial = calloc(1, sizeof(*serial));

	if (!serial)
		return NULL;
	serial->irq = irq;
	serial->line = line;
	serial->out = out;
	serial_reset(serial, 0);
	return serial;
}

void serial_destroy(struct serial *serial)
{
	free(serial);
}

struct device serial_device(struct serial *serial)
{
	return (struct device){.ops = &serial_ops, .self = serial};
}

unsigned serial_receive_room(const struct serial *serial)
{
	/* Loopback disconnects the input; the host keeps its bytes until it is over. */
	return serial->mcr & MCR_LOOP ? 0 : capacity(serial) - serial->count;
}

unsigned serial_receive(struct serial *serial, nsec_t now, const uint8_t *bytes, unsigned n)
{
	unsigned room = serial_receive_room(serial);
	unsigned taken = n < room ? n : room;

	(void)now;
	for (unsigned i = 0; i < taken; i++)
		push(serial, bytes[i]);
	update_irq(serial);
	return taken;
}

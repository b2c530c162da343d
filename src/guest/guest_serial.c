/* SPDX-License-Identifier: BSD-2-Clause */
/* Output on the 16550A: polled, a FIFO at a time. No input, no interrupts. */
#include "guest.h"

/* TL16C550 data sheet, register selection. */
#define UART_FCR         (PORT_SERIAL + 2)
#define UART_IIR         (PORT_SERIAL + 2)
#define UART_LCR         (PORT_SERIAL + 3)
#define UART_LSR         (PORT_SERIAL + 5)
#define FCR_ENABLE_CLEAR 0x07
#define IIR_FIFOS        0xc0
#define LCR_8N1          0x03
#define LSR_THRE         0x20
#define FIFO_BYTES       16
#define POLLS_MAX        1000000 /* a port with nobody behind it must not hang the run */

static uint64_t burst = 1;

/* CPL 0. */
static uint64_t init(uint64_t a, uint64_t b, uint64_t c)
{
	(void)a, (void)b, (void)c;
	out8(UART_LCR, LCR_8N1);
	out8(UART_FCR, FCR_ENABLE_CLEAR);
	burst = (in8(UART_IIR) & IIR_FIFOS) == IIR_FIFOS ? FIFO_BYTES : 1;
	return 0;
}

/* CPL 0. An empty transmitter takes a whole FIFO: one string instruction, one exit. */
static uint64_t write(uint64_t bytes, uint64_t n, uint64_t c)
{
	(void)c;
	while (n) {
		uint64_t chunk = n < burst ? n : burst;
		unsigned polls = 0;

		while (!(in8(UART_LSR) & LSR_THRE))
			if (++polls == POLLS_MAX)
				return 0;
		n -= chunk;
		__asm__ volatile("rep outsb"
				 : "+S"(bytes), "+c"(chunk)
				 : "d"((uint16_t)PORT_SERIAL)
				 : "memory");
	}
	return 0;
}

void serial_init(void)
{
	in_kernel(init, 0, 0, 0);
}

void serial_write(const char *bytes, size_t n)
{
	in_kernel(write, (uintptr_t)bytes, n, 0);
}

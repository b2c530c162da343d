/* SPDX-License-Identifier: BSD-2-Clause */
/* sweeps/quick.ini, which tickvm sweep runs when it is given no file.
 * What it means is src/bench/sweep_file.c's business. */
	.section .rodata
	.global sweep_quick, sweep_quick_end
sweep_quick:
	.incbin "sweeps/quick.ini"
sweep_quick_end:

	.section .note.GNU-stack, "", @progbits

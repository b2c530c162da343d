/* SPDX-License-Identifier: BSD-2-Clause */
/* The built-in guest image, as bytes. */
	.section .rodata
	.balign 16
	.globl payload_image
	.globl payload_image_end
payload_image:
	.incbin PAYLOAD_PATH
payload_image_end:
	.section .note.GNU-stack,"",@progbits

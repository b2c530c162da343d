/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are part of the program: the style of a page, figures published by others. */
	.macro embed name, path
	.globl \name, \name\()_end
\name:
	.incbin "\path"
\name\()_end:
	.endm

	.section .rodata
	embed report_css, "src/report/report.css"
	embed hyperbench_table3, "reference/hyperbench2019-table3.csv"
	embed adamczyk_table1, "reference/adamczyk2015-table1.csv"
	embed adamczyk_table2, "reference/adamczyk2015-table2.csv"
	.section .note.GNU-stack,"",@progbits

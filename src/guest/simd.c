/* SPDX-License-Identifier: BSD-2-Clause */
/* Switches SSE and AVX on for CPL 3. CPL 0 uses neither: it may be emulated. It saves no registers:
 * each CPU runs one thread of code. */
#include "guest.h"

/* Intel SDM vol. 2, CPUID. */
#define CPUID_1_ECX_FMA   (1u << 12)
#define CPUID_1_ECX_XSAVE (1u << 26)
#define CPUID_1_ECX_AVX   (1u << 28)
#define CPUID_1_EDX_SSE2  (1u << 26)
#define CPUID_7_EBX_AVX2  (1u << 5)

/* Intel SDM vol. 3, 2.5, 2.6. */
#define CR0_MP           (1ULL << 1)
#define CR0_EM           (1ULL << 2)
#define CR0_TS           (1ULL << 3)
#define CR4_OSFXSR       (1ULL << 9)
#define CR4_OSXMMEXCPT   (1ULL << 10)
#define CR4_OSXSAVE      (1ULL << 18)
#define XCR0_X87_SSE_AVX 7u

/* CPL 0, so that the answer is the monitor's. The four registers to *out. */
static uint64_t cpuid(uint64_t leaf, uint64_t out, uint64_t c)
{
	uint32_t *regs = (uint32_t *)out;

	(void)c;
	__asm__ volatile("cpuid"
			 : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
			 : "a"((uint32_t)leaf), "c"(0));
	return 0;
}

/* CPL 0. */
static uint64_t enable_sse(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t cr;

	(void)a, (void)b, (void)c;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr));
	__asm__ volatile("mov %0, %%cr0" : : "r"((cr | CR0_MP) & ~(CR0_EM | CR0_TS)));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr | CR4_OSFXSR | CR4_OSXMMEXCPT));
	return 0;
}

/* CPL 0. */
static uint64_t enable_avx(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t cr4;

	(void)a, (void)b, (void)c;
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_OSXSAVE));
	__asm__ volatile("xsetbv" : : "a"(XCR0_X87_SSE_AVX), "c"(0), "d"(0));
	return 0;
}

static bool has_avx2(void)
{
	const uint32_t avx = CPUID_1_ECX_FMA | CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX;
	uint32_t regs[4];

	kernel_call(cpuid, 0, (uintptr_t)regs, 0);
	if (regs[0] < 7)
		return false;
	kernel_call(cpuid, 1, (uintptr_t)regs, 0);
	if ((regs[2] & avx) != avx)
		return false;
	kernel_call(cpuid, 7, (uintptr_t)regs, 0);
	return regs[1] & CPUID_7_EBX_AVX2;
}

bool cpu_simd(bool avx)
{
	uint32_t regs[4];

	kernel_call(cpuid, 1, (uintptr_t)regs, 0);
	if (!(regs[3] & CPUID_1_EDX_SSE2) || !kernel_try(enable_sse, 0, 0, 0))
		return false;
	return !avx || (has_avx2() && kernel_try(enable_avx, 0, 0, 0));
}

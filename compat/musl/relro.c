/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written at the start only (tables of pointers) is read-only from then on. The linker says
 * where it is; musl leaves it at that in a static program.
 */
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/* The first bytes of the program, by the linker. */
extern const unsigned char __ehdr_start[] __attribute__((visibility("hidden")));

__attribute__((constructor)) static void protect(void)
{
	const Elf64_Phdr *p = (const Elf64_Phdr *)getauxval(AT_PHDR);
	uintptr_t page = getauxval(AT_PAGESZ);

	for (unsigned long n = getauxval(AT_PHNUM); n-- > 0; p++) {
		uintptr_t start = (uintptr_t)__ehdr_start + p->p_vaddr;
		uintptr_t end = (start + p->p_memsz) & ~(page - 1);

		start &= ~(page - 1);
		if (p->p_type == PT_GNU_RELRO && end > start &&
		    mprotect((void *)start, end - start, PROT_READ) < 0)
			abort();
	}
}

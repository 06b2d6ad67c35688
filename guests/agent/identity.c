// SPDX-License-Identifier: GPL-2.0-only
/* Which kernel this is and how it was booted: what a machine that boots by itself has to prove. */
#include "agent.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#define ALIGNED(n) (((size_t)(n) + 3) & ~(size_t)3)

/* The value of @name=VALUE, or "" for a bare @name, on the kernel's command line. */
bool kernel_parameter(const char *name, char *value, size_t size)
{
	char text[4096], *save, *word;
	size_t len = strlen(name);

	if (file_read("/proc/cmdline", text, sizeof(text)) < 0)
		return false;
	for (word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		if (strncmp(word, name, len) || (word[len] && word[len] != '='))
			continue;
		snprintf(value, size, "%s", word[len] ? word + len + 1 : "");
		return true;
	}
	return false;
}

/* The GNU build ID as hex, "" where the kernel has none: two kernels of one release differ in it. */
void kernel_build_id(char *hex, size_t size)
{
	static char notes[4096] __attribute__((aligned(4)));
	ssize_t len = file_read("/sys/kernel/notes", notes, sizeof(notes));
	size_t at = 0;

	hex[0] = '\0';
	while (len > 0 && at + sizeof(Elf64_Nhdr) <= (size_t)len) {
		const Elf64_Nhdr *note = (const void *)(notes + at);
		size_t name = at + sizeof(*note);
		size_t desc = name + ALIGNED(note->n_namesz);

		at = desc + ALIGNED(note->n_descsz);
		if (at > (size_t)len)
			return;
		if (note->n_type != NT_GNU_BUILD_ID || note->n_namesz != 4 ||
		    memcmp(notes + name, "GNU", 4))
			continue;
		for (size_t i = 0; i < note->n_descsz && 2 * i + 2 < size; i++)
			sprintf(hex + 2 * i, "%02x", (uint8_t)notes[desc + i]);
		return;
	}
}

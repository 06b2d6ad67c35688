// SPDX-License-Identifier: GPL-2.0-only
/* The marks of tb.h for a workload that is a script: `tb-phase NAME` and `tb-value KEY NUMBER`. */
#include "tb.h"

static const char *called(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static long long number(const char *text)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (end == text || *end || errno)
		tb_fail("tb-value: %s is no number", text);
	return n;
}

/* The agent takes words of 63 bytes, and what is behind a blank for something else. */
static const char *word(const char *text)
{
	if (!*text || strlen(text) > 63 || text[strcspn(text, " \t\n")])
		tb_fail("'%s' is no name for a mark: one word of at most 63 bytes", text);
	return text;
}

int main(int argc, char **argv)
{
	if (!strcmp(called(argv[0]), "tb-phase") && argc == 2)
		tb_phase(word(argv[1]));
	else if (!strcmp(called(argv[0]), "tb-value") && argc == 3)
		tb_value(word(argv[1]), number(argv[2]));
	else
		tb_fail("usage: tb-phase NAME, or tb-value KEY NUMBER");
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every workload needs: its parameters, its phase marks, memory that is quiet before and
 * checkable after. A workload is one C file that includes this; started by hand, without
 * TESTBED_FD, it prints its marks and goes on.
 */
#ifndef TB_H
#define TB_H

#define _GNU_SOURCE		/* RTLD_DEFAULT, MAP_ANONYMOUS */

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define TB_PAGE 4096UL
#define TB_TABLE (2UL << 20)	/* what one PTE table spans */

static inline void __attribute__((noreturn, format(printf, 1, 2))) tb_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* ---- marks ---- */

static inline int tb_fd(void)
{
	const char *fd = getenv("TESTBED_FD");

	return fd ? atoi(fd) : -1;
}

static inline void tb_say(const char *line)
{
	size_t len = strlen(line);

	if (write(tb_fd() < 0 ? 1 : tb_fd(), line, len) != (ssize_t)len)
		tb_fail("mark '%s' could not be made: %s", line, strerror(errno));
}

/*
 * Stops until the orchestrator has measured. No stdio: its buffers are malloc's, which may be what
 * is measured.
 */
static inline void tb_phase(const char *name)
{
	char line[80];
	size_t got = 0;

	snprintf(line, sizeof(line), "phase %s\n", name);
	tb_say(line);
	while (tb_fd() >= 0 && (!got || line[got - 1] != '\n')) {
		ssize_t n = read(tb_fd(), line + got, 1);

		if (n <= 0 || ++got == sizeof(line))
			tb_fail("phase %s: nobody says go", name);
	}
}

static inline void tb_value(const char *key, long long value)
{
	char line[128];

	snprintf(line, sizeof(line), "value %s %lld\n", key, value);
	tb_say(line);
}

/* ---- parameters: --name=value ---- */

static inline const char *tb_string(int argc, char **argv, const char *name)
{
	size_t len = strlen(name);

	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "--", 2) && !strncmp(argv[i] + 2, name, len) &&
		    argv[i][2 + len] == '=')
			return argv[i] + 3 + len;
	tb_fail("--%s= is missing", name);
}

static inline unsigned long tb_number(int argc, char **argv, const char *name)
{
	const char *text = tb_string(argc, argv, name);
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || !n)
		tb_fail("--%s=%s is no positive number", name, text);
	return n;
}

/* The same where nothing of it is a choice too: a delay, a switch. */
static inline unsigned long tb_number_or_none(int argc, char **argv, const char *name)
{
	return strcmp(tb_string(argc, argv, name), "0") ? tb_number(argc, argv, name) : 0;
}

/* Which of some words it is; the list ends with NULL. */
static inline int tb_choice(int argc, char **argv, const char *name, const char *const words[])
{
	const char *text = tb_string(argc, argv, name);

	for (int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	tb_fail("--%s=%s is none of the words that it may be; the first is %s", name, text, words[0]);
}

/* A size that must be whole units, so that a loop over it ends where it should. */
static inline unsigned long tb_size(int argc, char **argv, const char *name, unsigned long unit)
{
	unsigned long n = tb_number(argc, argv, name);

	if (n % unit)
		tb_fail("--%s=%lu is no multiple of %lu", name, n, unit);
	return n;
}

/* ---- memory ---- */

/* Without this a touch may make a huge page, and there is no PTE table to watch. */
static inline void tb_no_huge_pages(void)
{
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		tb_fail("PR_SET_THP_DISABLE: %s", strerror(errno));
}

/* Address space that begins at a table's border and takes nothing until it is touched. */
static inline char *tb_map(unsigned long size)
{
	char *p = mmap(NULL, size + TB_TABLE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		tb_fail("mmap of %lu bytes: %s", size, strerror(errno));
	return (char *)(((uintptr_t)p + TB_TABLE - 1) & ~(TB_TABLE - 1));
}

static inline void tb_give_back(char *p, unsigned long size)
{
	if (madvise(p, size, MADV_DONTNEED))
		tb_fail("MADV_DONTNEED of %lu bytes at %p: %s", size, (void *)p, strerror(errno));
}

/* ---- contents: a word every 512 bytes, derived from its address ---- */

static inline uint64_t tb_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static inline uint64_t *tb_word(char *page, int i)
{
	return (uint64_t *)(page + i * 512);
}

static inline void tb_fill_page(char *page)
{
	for (int i = 0; i < 8; i++)
		*tb_word(page, i) = tb_mix((uintptr_t)tb_word(page, i));
}

static inline void tb_check_page(char *page)
{
	for (int i = 0; i < 8; i++)
		if (*tb_word(page, i) != tb_mix((uintptr_t)tb_word(page, i)))
			tb_fail("contents lost: %p holds %#llx", (void *)tb_word(page, i),
				(unsigned long long)*tb_word(page, i));
}

static inline void tb_check_zero_page(char *page)
{
	for (int i = 0; i < 8; i++)
		if (*tb_word(page, i))
			tb_fail("%p was given back and holds %#llx", (void *)tb_word(page, i),
				(unsigned long long)*tb_word(page, i));
}

/* Some pages of what was given back, and the last one. It makes tables: only beyond `after`. */
static inline void tb_check_zero_samples(char *area, unsigned long span)
{
	for (unsigned long i = 0; i < 64; i++)
		tb_check_zero_page(area + span / TB_PAGE * i / 64 * TB_PAGE);
	tb_check_zero_page(area + span - TB_PAGE);
}

/* The same sequence in every run and on every kernel. */
static inline uint64_t tb_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15ULL;
	return tb_mix(*state);
}

static inline void tb_shuffle(uint32_t *list, unsigned long n, uint64_t *state)
{
	for (unsigned long i = n; i > 1; i--) {
		unsigned long j = tb_random(state) % i;
		uint32_t kept = list[i - 1];

		list[i - 1] = list[j];
		list[j] = kept;
	}
}

/*
 * The workload's own bookkeeping: mapped and touched before `start`, so that it is no part of what
 * is measured.
 */
static inline void *tb_book(unsigned long size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		tb_fail("mmap of %lu bytes: %s", size, strerror(errno));
	return p;
}

#endif

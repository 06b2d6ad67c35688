// SPDX-License-Identifier: GPL-2.0-only
/*
 * A shared file in two processes: one page in each piece of it is touched by both, then one of them
 * takes the pages out of the file, and the tables of both become empty from afar: by rmap, with no
 * lock of either address space held. --file=memfd, or ramfs (no shmem: only --way=truncate);
 * --way=punch (FALLOC_FL_PUNCH_HOLE), remove (MADV_REMOVE), both piece by piece, or truncate.
 */
#include "tb-press.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RAMFS "/tmp/hole-punch"

enum file { MEMFD, RAM_FILE };
enum way { PUNCH, REMOVE, TRUNCATE };

static unsigned long piece, span;

/* The page of a piece that is touched: each slot of a table has its turn. */
static char *touched(char *area, unsigned long n)
{
	return area + n * piece + n % (piece / TB_PAGE) * TB_PAGE;
}

/* A page that nobody takes out: in one piece of every 32 MiB, and not where the file is cut. */
static bool stays(enum way way, unsigned long n)
{
	return way != TRUNCATE && n % ((32UL << 20) / piece) == 3;
}

static int open_file(enum file kind)
{
	int fd;

	if (kind == MEMFD) {
		fd = memfd_create("hole-punch", MFD_CLOEXEC);
	} else {
		mkdir(RAMFS, 0700);
		if (mount("ramfs", RAMFS, "ramfs", 0, NULL))
			tb_fail("ramfs: %s", strerror(errno));
		fd = open(RAMFS "/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	if (fd < 0 || ftruncate(fd, span))
		tb_fail("the file: %s", strerror(errno));
	return fd;
}

static void take_out(enum way way, int fd, char *area, unsigned long n)
{
	off_t at = n * piece;

	if (way == PUNCH ? fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, piece) :
			   madvise(area + at, piece, MADV_REMOVE))
		tb_fail("a hole at %#lx: %s", (unsigned long)at, strerror(errno));
}

/* The content of a page is that of its place in the file, wherever it is mapped. */
static void fill(char *page, unsigned long n)
{
	*(uint64_t *)page = tb_mix(n + 1);
}

static void check(char *page, uint64_t want, const char *who)
{
	if (*(uint64_t *)page != want)
		tb_fail("%s: %p holds %#llx", who, (void *)page,
			(unsigned long long)*(uint64_t *)page);
}

static void check_all(enum way way, char *area, bool taken, const char *who)
{
	for (unsigned long n = 0; n < span / piece; n++)
		check(touched(area, n), taken && !stays(way, n) ? 0 : tb_mix(n + 1), who);
}

/* The other process: touches all, waits, and looks again when it is told to. */
static void other(enum way way, char *area, int told, int tell)
{
	char c;

	check_all(way, area, false, "the other process");
	if (write(tell, "", 1) != 1 || read(told, &c, 1) != 1)
		_exit(2);
	check_all(way, area, true, "the other process, after");
	_exit(0);
}

int main(int argc, char **argv)
{
	static const char *const files[] = { "memfd", "ramfs", NULL };
	static const char *const ways[] = { "punch", "remove", "truncate", NULL };
	enum tb_press press = tb_press_asked(argc, argv);
	enum file kind = tb_choice(argc, argv, "file", files);
	enum way way = tb_choice(argc, argv, "way", ways);
	int fd, to[2], from[2], status;
	char *area, c;
	pid_t pid;

	piece = tb_size(argc, argv, "piece", TB_PAGE);
	span = tb_size(argc, argv, "span", piece);
	tb_no_huge_pages();
	tb_phase("start");
	fd = open_file(kind);
	area = tb_map(span);
	if (mmap(area, span, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != area)
		tb_fail("mmap of the file: %s", strerror(errno));
	for (unsigned long n = 0; n < span / piece; n++)
		fill(touched(area, n), n);
	if (pipe(to) || pipe(from))
		tb_fail("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid)
		other(way, area, to[0], from[1]);
	if (pid < 0 || read(from[0], &c, 1) != 1)
		tb_fail("the other process did not come up");
	tb_phase("peak");
	if (way == TRUNCATE && (ftruncate(fd, 0) || ftruncate(fd, span)))
		tb_fail("ftruncate: %s", strerror(errno));
	for (unsigned long n = 0; way != TRUNCATE && n < span / piece; n++)
		if (!stays(way, n))
			take_out(way, fd, area, n);
	tb_phase("after");
	tb_press(press, TB_EVERYBODY);
	check_all(way, area, true, "the one that took them out");
	if (write(to[1], "", 1) != 1 || waitpid(pid, &status, 0) != pid || status)
		tb_fail("the other process lost its contents (status %#x)", status);
	return 0;
}

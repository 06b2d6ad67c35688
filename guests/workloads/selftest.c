// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prepares the guest for one of the kernel's selftests, then becomes it: --write=FILE=VALUE, --swap
 * (on the RAM disk), --unprivileged, then -- and the program with its arguments. What the kernel
 * doesn't have makes the test a skipped one, told as the test itself would.
 */
#include "tb.h"

#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>

#define SKIP 4			/* kselftest.h: KSFT_SKIP */
#define NOBODY 65534
#define RAM_DISK "/dev/ram0"
#define DEBUGFS "/sys/kernel/debug"

struct swap_header {
	char boot[1024];
	uint32_t version, last_page, nr_bad;
	char rest[TB_PAGE - 1024 - 3 * 4 - 10];
	char magic[10];
};

static void __attribute__((noreturn)) skip(const char *what)
{
	printf("TAP version 13\n1..0 # SKIP %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(SKIP);
}

static void write_file(char *file_and_value)
{
	char *value = strchr(file_and_value, '=');
	ssize_t len;
	int fd;

	if (!value)
		tb_fail("--write=%s has no value", file_and_value);
	*value++ = '\0';
	len = strlen(value);
	fd = open(file_and_value, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, len) != len)
		skip(file_and_value);
	close(fd);
}

static void swap_to_ram_disk(void)
{
	static struct swap_header header = { .version = 1 };
	int fd = open(RAM_DISK, O_RDWR | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (size <= 0)
		skip(RAM_DISK);
	header.last_page = size / TB_PAGE - 1;
	memcpy(header.magic, "SWAPSPACE2", sizeof(header.magic));
	if (pwrite(fd, &header, sizeof(header), 0) != sizeof(header) || swapon(RAM_DISK, 0))
		skip(RAM_DISK);
	close(fd);
}

static void become_nobody(void)
{
	if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		tb_fail("become nobody: %s", strerror(errno));
}

static void prepare(char *option)
{
	if (!strncmp(option, "--write=", 8))
		write_file(option + 8);
	else if (!strcmp(option, "--swap"))
		swap_to_ram_disk();
	else if (!strcmp(option, "--unprivileged"))
		become_nobody();
	else
		tb_fail("unknown option %s", option);
}

int main(int argc, char **argv)
{
	char *folder;
	int i;

	/* Many tests talk to the kernel there; one that misses it says so itself. */
	if (mount("debugfs", DEBUGFS, "debugfs", 0, NULL) && errno != ENOENT && errno != ENODEV &&
	    errno != EBUSY)
		tb_fail("%s: %s", DEBUGFS, strerror(errno));
	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		prepare(argv[i]);
	if (++i >= argc)
		tb_fail("no program after --");
	folder = strdup(argv[i]);
	if (!folder || chdir(dirname(folder)))
		tb_fail("%s: %s", argv[i], strerror(errno));
	/* The marks are no matter of a program that knows nothing of them. */
	if (tb_fd() >= 0)
		close(tb_fd());
	unsetenv("TESTBED_FD");
	setenv("PATH", "/bin:/sbin", 1);
	setenv("HOME", "/root", 1);
	execv(argv[i], argv + i);
	tb_fail("%s: %s", argv[i], strerror(errno));
}

// SPDX-License-Identifier: GPL-2.0-only
/* Small files of proc, sysfs and cgroup, read whole into the caller's buffer. */
#include "agent.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Length of the text, which always ends with a NUL; -1 with errno where the file cannot be read. */
ssize_t file_read(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	buf[len] = '\0';
	return n < 0 ? -1 : (ssize_t)len;
}

bool file_write(const char *path, const char *text)
{
	ssize_t len = strlen(text), n;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	n = write(fd, text, len);
	close(fd);
	return n == len;
}

/* The number behind @key at the start of a line ("PageTables:", "nr_page_table_pages"). */
bool file_field(const char *text, const char *key, long *value)
{
	size_t len = strlen(key);
	const char *line = text;

	while (line) {
		if (!strncmp(line, key, len) && (line[len] == ' ' || line[len] == '\t')) {
			*value = strtol(line + len, NULL, 10);
			return true;
		}
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return false;
}

/* The kernel's own note of what broke, as bits; a workload can set them too, but never clear one. */
long kernel_tainted(void)
{
	char text[32];

	return file_read("/proc/sys/kernel/tainted", text, sizeof(text)) > 0 ? atol(text) : 0;
}

long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

void sleep_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* The workload's stdout and stderr, a frame for each line. */
#include "agent.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_LEN 4096

static struct {
	const char *name;
	char text[LINE_MAX_LEN];
	size_t len;
} streams[] = { { .name = "stdout" }, { .name = "stderr" } };

static void send_line(enum stream s, size_t len, size_t eat)
{
	json_begin("output");
	json_str("stream", streams[s].name);
	json_text("text", streams[s].text, len);
	json_send();
	streams[s].len -= eat;
	memmove(streams[s].text, streams[s].text + eat, streams[s].len);
}

void output_reset(void)
{
	streams[STDOUT].len = streams[STDERR].len = 0;
}

/*
 * Takes what is there now; false at the end of the stream. A line longer than the buffer comes in
 * pieces.
 */
bool output_forward(enum stream s, int fd)
{
	for (;;) {
		char *nl, *text = streams[s].text;
		ssize_t n = read(fd, text + streams[s].len, LINE_MAX_LEN - streams[s].len);

		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		streams[s].len += n;
		while ((nl = memchr(text, '\n', streams[s].len)))
			send_line(s, nl - text, nl + 1 - text);
		if (streams[s].len == LINE_MAX_LEN)
			send_line(s, LINE_MAX_LEN, LINE_MAX_LEN);
	}
}

/* What has no newline at its end. */
void output_flush(void)
{
	for (enum stream s = STDOUT; s <= STDERR; s++)
		if (streams[s].len)
			send_line(s, streams[s].len, streams[s].len);
}

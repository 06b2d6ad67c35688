// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames on the virtio port: "TB <length> <crc32>\n", the payload, "\n". On a serial line they have
 * another form (serial.c).
 *
 * The host may go away and come back at any time (a guest is saved as a template while it waits for
 * a command, and each clone gets a new connection). So neither direction trusts the stream: what
 * was received in part is dropped when the host hangs up, a frame that was sent in part is not
 * continued, and the reader looks for the next header after rubbish.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEADER_MAX 32

static int port = -1;
static bool on_serial;
static char in[2 * (FRAME_MAX + HEADER_MAX)];
static size_t in_len, in_used;
static char out[HEADER_MAX + FRAME_MAX + 1];

uint32_t frame_crc32(const char *data, size_t len)
{
	static uint32_t table[256];
	uint32_t crc = ~0U;

	if (!table[1]) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = i;

			for (int bit = 0; bit < 8; bit++)
				c = c & 1 ? 0xedb88320U ^ c >> 1 : c >> 1;
			table[i] = c;
		}
	}
	while (len--)
		crc = table[(crc ^ (uint8_t)*data++) & 0xff] ^ crc >> 8;
	return ~crc;
}

void frame_open(int fd)
{
	port = fd;
	frame_crc32("", 0);
}

/* The line is the one that serial_open() has opened. */
void frame_open_serial(void)
{
	frame_open(serial_fd());
	on_serial = true;
}

bool frame_connected(void)
{
	struct pollfd p = { .fd = port };

	return on_serial || poll(&p, 1, 0) <= 0 || !(p.revents & POLLHUP);
}

/*
 * For poll(); -1 while nobody is at the other end, as a port that hangs up is always ready and
 * would make the caller spin.
 */
int frame_pollfd(void)
{
	return frame_connected() ? port : -1;
}

/* Whether a small frame would go out at once: there is a host, and it has read what it was sent. */
bool frame_ready(void)
{
	struct pollfd p = { .fd = port, .events = POLLOUT };

	return poll(&p, 1, 0) > 0 && p.revents == POLLOUT;
}

/* False when the host hung up in the middle. */
static bool write_all(const char *data, size_t len)
{
	while (len) {
		/*
		 * Nonblocking: a blocking write to a port whose host does not read cannot be given
		 * up.
		 */
		ssize_t n = write(port, data, len);

		if (n > 0) {
			data += n;
			len -= n;
		} else if (!frame_connected()) {
			return false;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = port, .events = POLLOUT };

			poll(&p, 1, 1000);
		} else {
			sleep_ms(5);	/* ENOMEM under pressure: the buffer comes back */
		}
	}
	return true;
}

/*
 * Waits for a host, as a phase that nobody heard of would be lost. In one piece, as each write
 * calls the hypervisor and is answered by an interrupt.
 */
void frame_send(const char *payload, size_t len)
{
	size_t n;

	if (on_serial) {
		serial_send(payload, len);
		return;
	}
	n = snprintf(out, HEADER_MAX, "TB %zu %08x\n", len, frame_crc32(payload, len));
	memcpy(out + n, payload, len);
	out[n + len] = '\n';
	do {
		while (!frame_connected())
			sleep_ms(20);
	} while (!write_all(out, n + len + 1));
}

/*
 * From here on a frame is with the host when it was sent, and so is all that was sent before; for
 * one who is about to switch the machine off and reads no more.
 */
void frame_wait_for_host(void)
{
	if (!on_serial)
		fcntl(port, F_SETFL, fcntl(port, F_GETFL) & ~O_NONBLOCK);
}

static void drop(size_t n)
{
	in_len -= n;
	memmove(in, in + n, in_len);
}

static void fill(void)
{
	ssize_t n;

	while (in_len < sizeof(in)) {
		n = read(port, in + in_len, sizeof(in) - in_len);
		if (n <= 0) {
			if (!n)
				in_len = 0;	/* hung up: half a frame is worth nothing */
			return;
		}
		in_len += n;
	}
}

/*
 * Rubbish goes up to the next line that may be a header; at least one byte, so that the reader gets
 * on.
 */
static void resync(void)
{
	size_t skip = 1;

	while (skip < in_len && !(in[skip - 1] == '\n' && in[skip] == 'T'))
		skip++;
	drop(skip);
}

static bool parse_header(const char *line, size_t n, size_t *len, uint32_t *crc)
{
	char header[HEADER_MAX + 1];

	memcpy(header, line, n);
	header[n] = '\0';	/* sscanf() wants a string, and must not look into the payload */
	return sscanf(header, "TB %zu %x", len, crc) == 2 && *len <= FRAME_MAX;
}

/* Whether a command is there of which poll() does not tell. */
bool frame_waiting(void)
{
	return on_serial && serial_waiting();
}

/*
 * The payload of the next whole frame, NUL-terminated and valid until the next call; NULL when
 * there is none yet.
 */
char *frame_receive(void)
{
	if (on_serial)
		return serial_receive();
	drop(in_used);
	in_used = 0;
	fill();
	while (in_len) {
		char *nl = memchr(in, '\n', in_len < HEADER_MAX ? in_len : HEADER_MAX);
		size_t len, head;
		uint32_t crc;

		if (!nl && in_len < HEADER_MAX)
			return NULL;
		if (!nl || !parse_header(in, nl - in, &len, &crc)) {
			resync();
			continue;
		}
		head = nl + 1 - in;
		if (in_len < head + len + 1)
			return NULL;
		if (in[head + len] != '\n' || frame_crc32(in + head, len) != crc) {
			resync();
			send_error("a frame of %zu bytes came in damaged and was dropped", len);
			continue;
		}
		in[head + len] = '\0';
		in_used = head + len + 1;
		return in + head;
	}
	return NULL;
}

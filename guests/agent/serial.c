// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames on a serial line, for a machine that has no virtio port.
 *
 * The line may be the kernel's console as well: printk cuts into a frame, and a line loses bytes
 * where interrupts are off for long. So a frame is one line of text that no message looks like,
 *
 *	TB D<number> <base64 of the payload> <crc32>
 *
 * and its receiver answers "TB A<number> <crc32>". The checksum is that of what stands between
 * "TB " and the last blank. A frame without an answer is sent again; one that came before is
 * answered and dropped. Each side has one frame under way at a time, numbered from 1.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define COMMAND_MAX 16384	/* payload that the host may send */
#define LINE_MAX_LEN (COMMAND_MAX / 3 * 4 + 64)
#define RESEND_MS 500
#define LONGEST_RESEND_MS 4000

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int port = -1;
static char out[FRAME_MAX / 3 * 4 + 64];
static char in[LINE_MAX_LEN];
static size_t in_len;
/* A command is obeyed in one slot while the next may come into the other. */
static char slots[2][COMMAND_MAX + 1];
static int lent;
static bool waiting;
static unsigned long sent, answered, got;

static speed_t speed_of(long baud)
{
	static const struct {
		long baud;
		speed_t speed;
	} speeds[] = {
		{ 9600, B9600 }, { 19200, B19200 }, { 38400, B38400 }, { 57600, B57600 },
		{ 115200, B115200 }, { 230400, B230400 }, { 460800, B460800 }, { 921600, B921600 },
	};

	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
		if (speeds[i].baud == baud)
			return speeds[i].speed;
	return B115200;
}

/* @spec is "/dev/ttyS0,115200". Raw, without echo, and no carrier is waited for. */
bool serial_open(const char *spec)
{
	struct termios tty;
	char path[NAME_MAX_LEN];
	long baud = 115200;

	if (sscanf(spec, "%63[^,],%ld", path, &baud) < 1)
		return false;
	port = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (port < 0 || tcgetattr(port, &tty))
		return false;
	cfmakeraw(&tty);
	tty.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&tty, speed_of(baud));
	if (tcsetattr(port, TCSANOW, &tty))
		return false;
	tcflush(port, TCIFLUSH);
	return true;
}

int serial_fd(void)
{
	return port;
}

static size_t base64_encode(char *text, const char *bytes, size_t len)
{
	char *end = text;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint8_t)bytes[i] << 16;

		if (i + 1 < len)
			v |= (uint8_t)bytes[i + 1] << 8;
		if (i + 2 < len)
			v |= (uint8_t)bytes[i + 2];
		*end++ = digits[v >> 18];
		*end++ = digits[v >> 12 & 63];
		*end++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*end++ = i + 2 < len ? digits[v & 63] : '=';
	}
	return end - text;
}

/* Length, or -1 for what is no base64 or too long. */
static ssize_t base64_decode(char *bytes, size_t size, const char *text, size_t len)
{
	uint32_t v = 0;
	size_t n = 0;
	int bits = 0;

	for (; len && *text != '='; len--, text++) {
		const char *digit = memchr(digits, *text, 64);

		if (!digit)
			return -1;
		v = v << 6 | (uint32_t)(digit - digits);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (n == size)
			return -1;
		bytes[n++] = v >> bits;
	}
	return n;
}

static void write_all(const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(port, data, len);

		if (n > 0) {
			data += n;
			len -= n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = port, .events = POLLOUT };

			poll(&p, 1, 1000);
		} else {
			sleep_ms(5);
		}
	}
}

static void transmit(char kind, unsigned long number, const char *payload, size_t len)
{
	size_t n = sprintf(out, "TB %c%lu", kind, number);

	if (payload) {
		out[n++] = ' ';
		n += base64_encode(out + n, payload, len);
	}
	n += sprintf(out + n, " %08x\n", frame_crc32(out + 3, n - 3));
	write_all(out, n);
}

static void take_data(unsigned long number, const char *text, size_t len)
{
	char *slot = slots[!lent];
	ssize_t n;

	if (number == got + 1) {
		if (waiting)
			return;	/* no room: unanswered it comes again */
		n = base64_decode(slot, COMMAND_MAX, text, len);
		if (n < 0)
			return;
		slot[n] = '\0';
		waiting = true;
		got = number;
	}
	if (number <= got)
		transmit('A', number, NULL, 0);
}

static void take_body(const char *body)
{
	const char *crc = strrchr(body, ' ');
	unsigned long number;
	char *end;

	if (!crc || strtoul(crc + 1, NULL, 16) != frame_crc32(body, crc - body))
		return;
	number = strtoul(body + 1, &end, 10);
	if (*body == 'A' && number == sent)
		answered = number;
	else if (*body == 'D' && end < crc)
		take_data(number, end + 1, crc - end - 1);
}

/*
 * Whatever is damaged is dropped, and comes again. Behind the rest of one that was cut off there
 * may be a whole one in the same line; and what looks like a start may be the end of base64 text.
 */
static void take_line(const char *line)
{
	for (; (line = strstr(line, "TB ")); line += 3)
		take_body(line + 3);
}

static void read_lines(void)
{
	ssize_t n;
	char *nl;

	while ((n = read(port, in + in_len, sizeof(in) - 1 - in_len)) > 0) {
		in_len += n;
		in[in_len] = '\0';
		while ((nl = memchr(in, '\n', in_len))) {
			*nl++ = '\0';
			take_line(in);
			in_len -= nl - in;
			memmove(in, nl, in_len + 1);
		}
		if (in_len == sizeof(in) - 1)
			in_len = 0;	/* no frame is so long */
	}
}

/* Until the host has answered; one that is not there is waited for. */
void serial_send(const char *payload, size_t len)
{
	struct pollfd p = { .fd = port, .events = POLLIN };
	long wait_ms = RESEND_MS, end, left;

	sent++;
	for (;;) {
		transmit('D', sent, payload, len);
		tcdrain(port);
		end = now_ms() + wait_ms;
		while (answered != sent && (left = end - now_ms()) > 0) {
			poll(&p, 1, left);
			read_lines();
		}
		if (answered == sent)
			return;
		if (wait_ms < LONGEST_RESEND_MS)
			wait_ms *= 2;
	}
}

/* A command came in while something else was sent: poll() no longer tells of it. */
bool serial_waiting(void)
{
	return waiting;
}

/* The next command, valid until the next call; NULL when there is none yet. */
char *serial_receive(void)
{
	read_lines();
	if (!waiting)
		return NULL;
	waiting = false;
	lent = !lent;
	return slots[lent];
}

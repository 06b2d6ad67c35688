// SPDX-License-Identifier: GPL-2.0-only
/* One JSON object at a time, in a static buffer that is a frame's payload. */
#include "agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char text[FRAME_MAX + 1];
static size_t used;

static void __attribute__((format(printf, 1, 2))) put(const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text + used, sizeof(text) - used, format, args);
	va_end(args);
	/*
	 * Messages are far smaller than a frame; one that is not stays whole JSON no longer, and
	 * the host says so.
	 */
	used = (size_t)n < sizeof(text) - used ? used + n : sizeof(text) - 1;
}

/* printf() takes some hundred instructions for a character, and most of a message is plain ones. */
static void put_plain(char c)
{
	if (used < sizeof(text) - 1)
		text[used++] = c;
}

static void put_string(const char *bytes, size_t len)
{
	put_plain('"');
	for (; len--; bytes++) {
		unsigned char c = *bytes;

		/*
		 * Beyond ASCII each byte becomes the code point of its number: lossless, and valid
		 * JSON for any bytes.
		 */
		if (c == '"' || c == '\\')
			put("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			put("\\u%04x", c);
		else
			put_plain(c);
	}
	put_plain('"');
}

static void put_key(const char *key)
{
	if (used && text[used - 1] != '{')
		put_plain(',');
	put_string(key, strlen(key));
	put_plain(':');
}

void json_begin(const char *type)
{
	used = 0;
	put_plain('{');
	json_str("type", type);
}

void json_text(const char *key, const char *bytes, size_t len)
{
	put_key(key);
	put_string(bytes, len);
}

void json_str(const char *key, const char *value)
{
	json_text(key, value, strlen(value));
}

void json_num(const char *key, long long value)
{
	put_key(key);
	put("%lld", value);
}

void json_bool(const char *key, bool value)
{
	put_key(key);
	put("%s", value ? "true" : "false");
}

void json_null(const char *key)
{
	put_key(key);
	put("null");
}

void json_open(const char *key)
{
	put_key(key);
	put_plain('{');
}

void json_close(void)
{
	put_plain('}');
}

void json_send(void)
{
	put_plain('}');
	frame_send(text, used);
}

void send_error(const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	json_begin("error");
	json_str("what", what);
	json_send();
}

// SPDX-License-Identifier: GPL-2.0-only
/* An agent that only knows how to talk: says hello on the line that it is given, and echoes each command. */
#include "agent.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct pollfd p = { .events = POLLIN };
	char *payload;

	if (argc != 2 || !serial_open(argv[1]))
		return 1;
	frame_open_serial();
	json_begin("hello");
	json_send();
	for (;;) {
		while ((payload = frame_receive())) {
			json_begin("echo");
			json_str("said", payload);
			json_send();
			if (!strcmp(payload, "cmd=end"))
				return 0;
		}
		p.fd = frame_pollfd();
		poll(&p, 1, -1);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/* What the host asks: lines of key=value, taken apart where they lie. */
#include "agent.h"

#include <stdlib.h>
#include <string.h>

#define SETTLE_MS 2000
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static bool append(char **list, int *n, int room, char *value)
{
	if (*n >= room - 1)
		return false;
	list[(*n)++] = value;
	list[*n] = NULL;
	return true;
}

static bool take(struct command *c, const char *key, char *value)
{
	if (!strcmp(key, "cmd"))
		c->cmd = value;
	else if (!strcmp(key, "name"))
		c->name = value;
	else if (!strcmp(key, "exec"))
		c->exec = c->argv[0] = value;
	else if (!strcmp(key, "nonce"))
		c->nonce = value;
	else if (!strcmp(key, "settle_ms"))
		c->settle_ms = atol(value);
	else if (!strcmp(key, "sample_ms"))
		c->sample_ms = atol(value);
	else if (!strcmp(key, "unattended"))
		c->unattended = !strcmp(value, "1");
	else if (!strcmp(key, "arg"))
		return append(c->argv, &c->argc, COUNT(c->argv), value);
	else if (!strcmp(key, "env"))
		return append(c->envp, &c->envc, COUNT(c->envp) - 1, value);
	else
		return false;
	return true;
}

/*
 * Writes into @payload and keeps pointers into it; an error has been sent where the answer is
 * false.
 */
bool command_parse(char *payload, struct command *c)
{
	char *save, *line;

	memset(c, 0, sizeof(*c));
	c->settle_ms = SETTLE_MS;
	c->argc = 1;		/* argv[0] is for exec, wherever that line stands */
	for (line = strtok_r(payload, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');

		if (!value) {
			send_error("command line without '=': %.100s", line);
			return false;
		}
		*value++ = '\0';
		if (!take(c, line, value)) {
			send_error("unknown or too many: %.100s", line);
			return false;
		}
	}
	if (!c->cmd) {
		send_error("a frame without cmd=");
		return false;
	}
	if (!strcmp(c->cmd, "run") && (!c->exec || !c->nonce || strlen(c->nonce) >= NAME_MAX_LEN)) {
		send_error("cmd=run needs exec= and a nonce= of less than %d characters",
			   NAME_MAX_LEN);
		return false;
	}
	return true;
}

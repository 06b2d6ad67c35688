// SPDX-License-Identifier: GPL-2.0-only
/* A workload from its start to its exit frame. */
#include "agent.h"

#include <linux/membarrier.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEARTBEAT_MS 1000
#define NO_HOST_MS 50

static char nonce[NAME_MAX_LEN];
static char marks[512];		/* what came from the workload and is no whole line yet */
static size_t marks_len;
static int phases;
static bool stopped;		/* at a phase, until the host says continue */
static char phase[NAME_MAX_LEN];	/* that one */
static long last_beat;

/* Also called where the agent itself is busy for long, as silence would be taken for a hang. */
void heartbeat(void)
{
	if (now_ms() - last_beat < HEARTBEAT_MS)
		return;
	last_beat = now_ms();
	json_begin("heartbeat");
	json_num("uptime_ms", last_beat);
	json_send();
}

static void mark(const struct command *c, const struct workload *w, const char *line)
{
	char word[NAME_MAX_LEN];
	long long value;

	if (sscanf(line, "phase %63s", phase) == 1) {
		if (phase_report(c, w->pid, phase)) {
			phases++;
			stopped = !c->unattended;
			if (c->unattended)
				send(w->control, "go\n", 3, MSG_NOSIGNAL);
		}
	} else if (sscanf(line, "value %63s %lld", word, &value) == 2) {
		json_begin("value");
		json_str("key", word);
		json_num("value", value);
		json_send();
	} else {
		send_error("the workload said what is no mark: %.100s", line);
	}
}

/* False at the end of the stream. */
static bool read_marks(const struct command *c, const struct workload *w)
{
	ssize_t n = recv(w->control, marks + marks_len, sizeof(marks) - marks_len, MSG_DONTWAIT);
	char *nl;

	if (n <= 0)
		return n < 0;
	marks_len += n;
	while ((nl = memchr(marks, '\n', marks_len))) {
		*nl++ = '\0';
		mark(c, w, marks);
		marks_len -= nl - marks;
		memmove(marks, nl, marks_len);
	}
	if (marks_len == sizeof(marks))
		marks_len = 0;
	return true;
}

/* What the host may say while a workload runs. */
static void obey(const struct command *run, struct workload *w)
{
	struct command c;
	char *payload;

	while ((payload = frame_receive())) {
		if (!command_parse(payload, &c))
			continue;
		/*
		 * Not at a mark: the workload died there, and its exit frame crossed with this
		 * command.
		 */
		if (!strcmp(c.cmd, "continue")) {
			if (stopped)
				send(w->control, "go\n", 3, MSG_NOSIGNAL);
			stopped = false;
		} else if (!strcmp(c.cmd, "again")) {
			if (stopped)
				phase_report(run, w->pid, phase);
		} else if (!strcmp(c.cmd, "ping")) {
			send_hello();
		} else if (!strcmp(c.cmd, "poweroff")) {
			setup_poweroff();
		} else {
			send_error("cmd=%.50s while a workload runs", c.cmd);
		}
	}
}

/* Until the workload is gone. */
static void attend(const struct command *c, struct workload *w)
{
	enum { PORT, CONTROL, OUT, ERR, GONE };
	struct pollfd fds[] = {
		[PORT] = { .events = POLLIN },
		[CONTROL] = { .fd = w->control, .events = POLLIN },
		[OUT] = { .fd = w->out, .events = POLLIN },
		[ERR] = { .fd = w->err, .events = POLLIN },
		[GONE] = { .fd = w->pidfd, .events = POLLIN },
	};

	while (!fds[GONE].revents) {
		int wait_ms;

		fds[PORT].fd = frame_pollfd();
		wait_ms = fds[PORT].fd < 0 ? NO_HOST_MS : HEARTBEAT_MS;
		/* At a phase the workload waits to be measured, and nothing of it changes. */
		poll(fds, 5, stopped ? wait_ms : sampler_rest_ms(wait_ms));
		heartbeat();
		/* Output first: what was printed before a mark is heard before it. */
		if (fds[OUT].revents && !output_forward(STDOUT, w->out))
			fds[OUT].fd = -1;
		if (fds[ERR].revents && !output_forward(STDERR, w->err))
			fds[ERR].fd = -1;
		if (fds[CONTROL].revents && !read_marks(c, w))
			fds[CONTROL].fd = -1;
		if (fds[PORT].revents || frame_waiting())
			obey(c, w);
		if (!stopped && !fds[GONE].revents)
			sampler_run();
	}
}

/*
 * FNV-1a: proof that this agent saw this workload end this way, not a line that happened to be in a
 * buffer.
 */
static uint64_t token(int status, int signal)
{
	char text[2 * NAME_MAX_LEN];
	uint64_t hash = 0xcbf29ce484222325ULL;

	snprintf(text, sizeof(text), "%s:%d:%d:%d", nonce, status, signal, phases);
	for (const char *p = text; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 0x100000001b3ULL;
	return hash;
}

static void send_exit(int wait_status, long oom_kills)
{
	int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
	int signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
	char hex[17];

	snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)token(status, signal));
	json_begin("exit");
	json_str("nonce", nonce);
	if (status < 0)
		json_null("status");
	else
		json_num("status", status);
	if (signal)
		json_num("signal", signal);
	else
		json_null("signal");
	json_num("oom_kill", oom_kills);
	json_num("tainted", kernel_tainted());
	json_num("phases", phases);
	json_str("token", hex);
	json_send();
}

void run(struct command *c)
{
	struct workload w;
	int wait_status = 0;
	long oom_kills;

	/* The command lies in the receive buffer, which the next frame overwrites. */
	snprintf(nonce, sizeof(nonce), "%s", c->nonce);
	c->nonce = nonce;
	marks_len = phases = stopped = 0;
	last_beat = now_ms();
	output_reset();
	if (!cgroup_create())
		return;
	if (!spawn(c, &w)) {
		cgroup_remove();
		return;
	}
	sampler_start(w.pid, c->sample_ms);
	attend(c, &w);
	sampler_stop();
	waitpid(w.pid, &wait_status, 0);
	cgroup_kill();
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;	/* init: what the workload left behind */
	read_marks(c, &w);
	output_forward(STDOUT, w.out);
	output_forward(STDERR, w.err);
	output_flush();
	close(w.control);
	close(w.out);
	close(w.err);
	close(w.pidfd);
	oom_kills = cgroup_oom_kills();
	cgroup_remove();
	/*
	 * What the kernel frees by RCU after a process has gone, it frees before its end is told: a
	 * kernel that dies of that dies in this cell.
	 */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	send_exit(wait_status, oom_kills);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A workload: own cgroup, own process group, a socket for its marks and pipes for what it prints.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void __attribute__((noreturn))
child(struct command *c, int control, int out, int err, int failed)
{
	char fd_env[NAME_MAX_LEN];
	int null = open("/dev/null", O_RDONLY), error;

	setpgid(0, 0);
	file_write("/proc/self/oom_score_adj", "0");	/* the agent's -1000 is inherited */
	if (!cgroup_join())
		goto fail;
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	fcntl(control, F_SETFD, 0);
	snprintf(fd_env, sizeof(fd_env), "TESTBED_FD=%d", control);
	c->envp[c->envc] = fd_env;	/* command_parse() left room */
	c->envp[c->envc + 1] = NULL;
	execve(c->exec, c->argv, c->envp);
fail:
	error = errno;
	if (write(failed, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/*
 * The child's end of the pipe closes when exec succeeds; else the errno of what failed comes
 * through it.
 */
static int exec_error(int fd)
{
	int error = 0;

	while (read(fd, &error, sizeof(error)) < 0 && errno == EINTR)
		;
	return error;
}

/* On false an error has been sent, and nothing is left behind but the cgroup. */
bool spawn(struct command *c, struct workload *w)
{
	int control[2], out[2], err[2], failed[2], error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) || pipe2(out, O_CLOEXEC) ||
	    pipe2(err, O_CLOEXEC) || pipe2(failed, O_CLOEXEC)) {
		send_error("pipes for the workload: %s", strerror(errno));
		return false;	/* without a descriptor left the agent is done for anyway */
	}
	w->pid = fork();
	if (!w->pid)
		child(c, control[1], out[1], err[1], failed[1]);
	error = w->pid < 0 ? errno : 0;
	close(control[1]);
	close(out[1]);
	close(err[1]);
	close(failed[1]);
	if (!error)
		error = exec_error(failed[0]);
	close(failed[0]);
	w->control = control[0];
	w->out = out[0];
	w->err = err[0];
	w->pidfd = -1;
	if (error) {
		if (w->pid > 0)
			waitpid(w->pid, NULL, 0);
		close(w->control);
		close(w->out);
		close(w->err);
		send_error("%s: %s", c->exec, strerror(error));
		return false;
	}
	fcntl(w->control, F_SETFL, O_NONBLOCK);
	fcntl(w->out, F_SETFL, O_NONBLOCK);
	fcntl(w->err, F_SETFL, O_NONBLOCK);
	w->pidfd = syscall(SYS_pidfd_open, w->pid, 0);
	return true;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/fs/cgroup/testbed.<n>: a group of its own for each workload, so that its page tables are
 * charged apart.
 */
#include "agent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"

static char group[NAME_MAX_LEN];
static char text[8192];

bool cgroup_create(void)
{
	static int n;

	if (!file_write(ROOT "/cgroup.subtree_control", "+memory")) {
		send_error("cgroup v2 without a memory controller: %s", strerror(errno));
		return false;
	}
	snprintf(group, sizeof(group), ROOT "/testbed.%d", ++n);
	if (mkdir(group, 0755)) {
		send_error("%s: %s", group, strerror(errno));
		return false;
	}
	return true;
}

const char *cgroup_file(const char *name)
{
	static char path[2 * NAME_MAX_LEN];

	snprintf(path, sizeof(path), "%s/%s", group, name);
	return path;
}

/* Called by the child before it execs: all tables of the new image are then the group's. */
bool cgroup_join(void)
{
	return file_write(cgroup_file("cgroup.procs"), "0");
}

/* Whoever the workload left behind; they would hold its pipes open. */
void cgroup_kill(void)
{
	file_write(cgroup_file("cgroup.kill"), "1");
}

long cgroup_oom_kills(void)
{
	long n = 0;

	if (file_read(cgroup_file("memory.events"), text, sizeof(text)) > 0)
		file_field(text, "oom_kill", &n);
	return n;
}

void cgroup_remove(void)
{
	/* A task that is gone may hold its group for a moment longer. */
	for (int i = 0; i < 100 && rmdir(group) && errno == EBUSY; i++)
		sleep_ms(10);
}

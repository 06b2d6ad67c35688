// SPDX-License-Identifier: GPL-2.0-only
/*
 * What init does once, before the first frame: mounts, the port, and being the last to be killed.
 */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_NAME "testbed.data\n"
#define PORT_WAIT_MS 10000
#define PORT_POLL_MS 10

static void mount_on(const char *type, const char *where)
{
	mkdir(where, 0755);
	if (mount(type, where, type, 0, NULL) && errno != EBUSY)
		dprintf(2, "agent: mount %s on %s: %s\n", type, where, strerror(errno));
}

void setup_mounts(void)
{
	int fd;

	mount_on("devtmpfs", "/dev");
	/*
	 * Where the initramfs had no console node, 0 to 2 are free, and the first pipe would become
	 * a workload's stdin.
	 */
	do {
		fd = open("/dev/console", O_RDWR | O_NOCTTY);
	} while (fd >= 0 && fd < 2);
	if (fd > 2)
		close(fd);
	mount_on("proc", "/proc");
	mount_on("sysfs", "/sys");
	mount_on("cgroup2", "/sys/fs/cgroup");
	mount_on("tmpfs", "/tmp");
	mount_on("tmpfs", "/dev/shm");
}

/* Opens the port of our name among /sys/class/virtio-ports, if it is there by now. */
static int find_port(void)
{
	char path[300], name[NAME_MAX_LEN];
	struct dirent *e;
	int fd = -1;
	DIR *dir = opendir("/sys/class/virtio-ports");

	if (!dir)
		return -1;
	while (fd < 0 && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
		if (file_read(path, name, sizeof(name)) <= 0 || strcmp(name, PORT_NAME))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	closedir(dir);
	return fd;
}

/* The host tells the port's name by a control message, which may come after init has started. */
int setup_port(void)
{
	for (long waited = 0; waited < PORT_WAIT_MS; waited += PORT_POLL_MS) {
		int fd = find_port();

		if (fd >= 0)
			return fd;
		sleep_ms(PORT_POLL_MS);
	}
	return -1;
}

/*
 * Locked, so that reclaim cannot make it wait for its own pages; unkillable, as the story ends with
 * it.
 */
void setup_oom_proof(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) || !file_write("/proc/self/oom_score_adj", "-1000"))
		dprintf(2, "agent: not proof against memory pressure: %s\n", strerror(errno));
}

bool setup_wants_shell(void)
{
	char value[NAME_MAX_LEN];

	return kernel_parameter("testbed.shell", value, sizeof(value));
}

/* A terminal for a person: a session of its own, so that ^C and job control work. */
void setup_shell(void)
{
	static char *const argv[] = { "sh", "-l", NULL };
	static char *const envp[] = {
		"PATH=/bin:/sbin:/workloads", "HOME=/", "TERM=linux", "PS1=guest # ", NULL,
	};
	pid_t pid = fork(), gone;

	if (!pid) {
		int fd;

		setsid();
		fd = open("/dev/console", O_RDWR);
		if (fd < 0 || ioctl(fd, TIOCSCTTY, 1))
			dprintf(2, "agent: no controlling terminal: %s\n", strerror(errno));
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		execve("/bin/busybox", argv, envp);
		dprintf(2, "agent: /bin/busybox: %s\n", strerror(errno));
		_exit(127);
	}
	do {
		gone = wait(NULL);	/* init: strangers' children end here too */
	} while (gone != pid && !(gone < 0 && errno == ECHILD));
	setup_poweroff();
}

void setup_poweroff(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();	/* an init that returns would be a panic */
}

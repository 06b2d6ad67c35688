// SPDX-License-Identifier: GPL-2.0-only
/* init of the guest: sets the stage, says hello, does what the host asks. */
#include "agent.h"

#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#define NO_HOST_MS 20
/* qemu -fw_cfg name=opt/testbed/run,file=F: a command for a guest that nobody talks to. */
#define ORDER "/sys/firmware/qemu_fw_cfg/by_name/opt/testbed/run/raw"

/* Only with five levels does the kernel give an address above 47 bits to one who asks for it. */
static int page_table_levels(void)
{
	void *hint = (void *)(1UL << 52);
	void *p = mmap(hint, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int levels = p == hint ? 5 : 4;

	if (p != MAP_FAILED)
		munmap(p, 4096);
	return levels;
}

static int cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

void send_hello(void)
{
	char build_id[NAME_MAX_LEN * 2], boot[NAME_MAX_LEN], boot_id[NAME_MAX_LEN];
	struct utsname u;

	uname(&u);
	kernel_build_id(build_id, sizeof(build_id));
	json_begin("hello");
	json_num("protocol", PROTOCOL);
	json_str("release", u.release);
	json_str("build_id", build_id);
	if (kernel_parameter("testbed.boot", boot, sizeof(boot)))
		json_str("boot", boot);
	if (file_read("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id)) > 0)
		json_str("boot_id", boot_id);
	json_num("levels", page_table_levels());
	json_num("vcpus", cpus());
	json_num("tainted", kernel_tainted());
	json_send();
}

static void obey(char *payload)
{
	struct command c;

	if (!command_parse(payload, &c))
		return;
	if (!strcmp(c.cmd, "run"))
		run(&c);
	else if (!strcmp(c.cmd, "ping"))
		send_hello();
	else if (!strcmp(c.cmd, "poweroff"))
		setup_poweroff();
	else if (strcmp(c.cmd, "continue"))	/* that one may cross with an exit frame */
		send_error("unknown cmd=%.50s", c.cmd);
}

/* The command that came with the machine, NULL where a host will give one. */
static char *order(void)
{
	static char text[FRAME_MAX];

	return file_read(ORDER, text, sizeof(text)) < 0 ? NULL : text;
}

/* Says "bye" last, so that one who finds the machine off knows that nothing broke. */
static void obey_alone(char *payload)
{
	obey(payload);
	frame_wait_for_host();
	json_begin("bye");
	json_send();
	setup_poweroff();
}

static void open_virtio(void)
{
	int fd = setup_port();

	if (fd < 0) {
		file_write("/dev/console", "\nagent: no virtio port named testbed.data\n");
		setup_poweroff();
	}
	frame_open(fd);
}

static void open_serial(const char *spec)
{
	if (!serial_open(spec)) {
		file_write("/dev/console", "\nagent: testbed.port= names no serial line\n");
		setup_poweroff();
	}
	frame_open_serial();
}

int main(void)
{
	struct pollfd p = { .events = POLLIN };
	char *payload, port[NAME_MAX_LEN];

	setup_mounts();
	if (setup_wants_shell())
		setup_shell();
	if (kernel_parameter("testbed.port", port, sizeof(port)))
		open_serial(port);
	else
		open_virtio();
	setup_oom_proof();
	send_hello();
	payload = order();
	if (payload)
		obey_alone(payload);
	for (;;) {
		/*
		 * Also without a host: a read is what tells that half a frame will never be whole.
		 */
		while ((payload = frame_receive()))
			obey(payload);
		p.fd = frame_pollfd();
		poll(&p, 1, p.fd < 0 ? NO_HOST_MS : -1);
	}
}

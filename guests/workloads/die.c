// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dies in the way that --how names, takes the guest with it, or only looks as if it did. Whatever
 * is meant to be survived goes on to `peak` and `after`; what should have killed and did not, fails.
 */
#include "tb.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#define DEBUGFS "/sys/kernel/debug"
#define LKDTM DEBUGFS "/provoke-crash/DIRECT"
#define DEATHS DEBUGFS "/deaths"
#define CONSOLE "/dev/console"
#define WATCHDOG "/proc/sys/kernel/watchdog_thresh"
#define RCU "/sys/module/rcupdate/parameters/"
#define INIT 1

static const char *arg;		/* what follows the colon of a way like exit:3 */

/* ---- helpers ---- */

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* What kills from a distance has this long to do it. */
static void __attribute__((noreturn)) await_death(void)
{
	nap(20000);
	tb_fail("survived");
}

static void put(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		tb_fail("%s: %s", path, strerror(errno));
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			tb_fail("%.40s > %s: %s", text, path, strerror(errno));
		text += n;
		len -= n;
	}
	close(fd);
}

static void echo(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

/*
 * A child is what the kernel may kill for it, and what tells of a damaged address space by ending.
 * Gives its wait status.
 */
static int in_child(void (*what)(void))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		tb_fail("fork: %s", strerror(errno));
	if (!pid) {
		what();
		exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			tb_fail("waitpid: %s", strerror(errno));
	return status;
}

static void well_in_child(void (*what)(void))
{
	int status = in_child(what);

	if (WIFSIGNALED(status))
		tb_fail("signal %d instead of a death", WTERMSIG(status));
	if (WEXITSTATUS(status))
		exit(1);	/* the child has said why */
}

static void need_debugfs(void)
{
	if (access(DEATHS, F_OK) && mount("debugfs", DEBUGFS, "debugfs", 0, NULL))
		tb_fail("debugfs: %s; the kernel must be a deaths-*", strerror(errno));
}

/* ---- deaths by the kernel's own hand ---- */

static void trigger_lkdtm(void)
{
	echo(LKDTM, arg);
}

static void trigger_kernel(void)
{
	echo(DEATHS, arg);
}

/* What LKDTM does and the kernel survives; it only says so. */
static bool lkdtm_returns(void)
{
	static const char *const families[] = {
		"WARNING", "REFCOUNT_", "KFENCE_", "READ_AFTER_FREE", "ARRAY_BOUNDS",
		"CORRUPT_LIST_", "SLAB_FREE_CROSS", "SLAB_FREE_PAGE",
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (!strncmp(arg, families[i], strlen(families[i])))
			return true;
	return false;
}

static void lkdtm(void)
{
	need_debugfs();
	well_in_child(trigger_lkdtm);
	if (!strcmp(arg, "SPINLOCKUP"))	/* the first one only takes the lock */
		well_in_child(trigger_lkdtm);
	if (!lkdtm_returns())
		tb_fail("LKDTM's %s was survived", arg);
}

/* Here the kernel knows what should not be survived, and answers with an error. */
static void kernel(void)
{
	need_debugfs();
	well_in_child(trigger_kernel);
}

static void sysrq(void)
{
	echo("/proc/sysrq-trigger", arg);
	if (strchr("bcefio", arg[0]))
		await_death();
}

static void kernel_panic(void)
{
	arg = "PANIC";
	lkdtm();
}

/* panic_on_oops is 0 by now. */
static void oops_survive(void)
{
	arg = "EXCEPTION";
	need_debugfs();
	if (!WIFSIGNALED(in_child(trigger_lkdtm)))
		tb_fail("an oops has killed nobody");
}

/* ---- by reboot(2) ---- */

static void ask_reboot(int what)
{
	reboot(what);
	await_death();
}

static void power_off(void)
{
	ask_reboot(RB_POWER_OFF);
}

static void restart(void)
{
	ask_reboot(RB_AUTOBOOT);
}

static void halt(void)
{
	ask_reboot(RB_HALT_SYSTEM);
}

/* ---- by memory ---- */

static void oom(void)
{
	char *p = tb_map(1UL << 40);

	for (;; p += TB_PAGE)
		tb_fill_page(p);
}

static void oom_preferred(void)
{
	echo("/proc/self/oom_score_adj", "1000");
	oom();
}

static void oom_child(void)
{
	int status = in_child(oom_preferred);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		tb_fail("the child was to be killed, its status is %#x", status);
}

static void oom_deadlock(void)
{
	echo("/proc/self/oom_score_adj", "-1000");
	oom();
}

static void oom_cgroup(void)
{
	char group[128], path[256];
	FILE *f = fopen("/proc/self/cgroup", "re");

	if (!f || fscanf(f, "0::%127s", group) != 1)
		tb_fail("/proc/self/cgroup names no group");
	fclose(f);
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", group);
	echo(path, "32M");
	oom();
}

/* ---- of the workload alone ---- */

static void segv(void)
{
	raise(SIGSEGV);
	await_death();
}

static void leave(void)
{
	exit(atoi(arg));
}

static void spin(void)
{
	for (;;)
		__asm__ volatile("");
}

static void sleep_on(void)
{
	for (;;)
		pause();
}

/* ---- of the agent ---- */

static void stop_init(void)
{
	if (ptrace(PTRACE_SEIZE, INIT, NULL, NULL) || ptrace(PTRACE_INTERRUPT, INIT, NULL, NULL))
		tb_fail("ptrace of init: %s", strerror(errno));
}

static void freeze_agent(void)
{
	stop_init();
	sleep_on();
}

/* The console goes on, as a living guest's would. */
static void stop_agent(void)
{
	char line[80];

	stop_init();
	for (int i = 0;; i++, nap(100)) {
		snprintf(line, sizeof(line), "die: the agent is stopped, line %d\n", i);
		echo("/dev/kmsg", line);
		echo(CONSOLE, line);
	}
}

/* Init takes no signal that would kill it, so it gets one of its own making. */
static void kill_init(void)
{
	struct user_regs_struct regs;

	stop_init();
	waitpid(INIT, NULL, __WALL);
	if (ptrace(PTRACE_GETREGS, INIT, NULL, &regs))
		tb_fail("ptrace of init: %s", strerror(errno));
	regs.rip = 0;
	regs.orig_rax = -1;	/* there is no system call to go back to */
	if (ptrace(PTRACE_SETREGS, INIT, NULL, &regs) || ptrace(PTRACE_DETACH, INIT, NULL, NULL))
		tb_fail("ptrace of init: %s", strerror(errno));
	await_death();
}

/* ---- of the console, or of nothing at all ---- */

static void mute_console(void)
{
	if (mount("/dev/null", CONSOLE, NULL, MS_BIND, NULL))
		tb_fail("bind over %s: %s", CONSOLE, strerror(errno));
}

static void noise(void)
{
	static uint64_t block[4096 / 8];
	uint64_t seed = 1;

	for (int n = 0; n < 8; n++) {
		for (size_t i = 0; i < sizeof(block) / 8; i++)
			block[i] = tb_random(&seed);
		put(CONSOLE, (char *)block, sizeof(block));
	}
}

static void noise_panic(void)
{
	noise();
	kernel_panic();
}

static void midline_panic(void)
{
	echo(CONSOLE, "die: a line that does not end");
	kernel_panic();
}

/* What kernels print when they die, from one that does not. */
static void say(void)
{
	static const char *const ways[] = {
		"stdout", "/proc/self/fd/1", "stderr", "/proc/self/fd/2",
		"kmsg", "/dev/kmsg", "console", CONSOLE,
	};
	static const char *const words[] = {
		"Kernel panic - not syncing: fake\n",
		"[   12.345678] Kernel panic - not syncing: fake\n",
		"BUG: KASAN: slab-use-after-free in fake+0x1/0x2\n",
		"[   12.345679] BUG: KASAN: slab-use-after-free in fake+0x1/0x2\n",
		"[   12.345680] WARNING: CPU: 0 PID: 1 at fake.c:1 fake+0x1/0x2\n",
		"[   12.345681] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [fake:1]\n",
		"[   12.345682] Oops: general protection fault: 0000 [#1] SMP\n",
		"[   12.345683] reboot: Power down\n",
		"<0>[    1.345684][    T1] Kernel panic - not syncing: fake, level and all\n",
	};
	const char *path = NULL;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i += 2)
		if (!strcmp(arg, ways[i]))
			path = ways[i + 1];
	if (!path)
		tb_fail("--how=say:%s: nobody listens there", arg);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		echo(path, words[i]);
}

/* ---- by name ---- */

static const struct {
	const char *name;	/* with a colon at its end it takes an argument */
	void (*go)(void);
	bool final;
} ways[] = {
	{ "lkdtm:", lkdtm, false },
	{ "kernel:", kernel, false },
	{ "sysrq:", sysrq, false },
	{ "oops-survive", oops_survive, false },
	{ "poweroff", power_off, true },
	{ "reboot", restart, true },
	{ "halt", halt, true },
	{ "oom", oom, true },
	{ "oom-cgroup", oom_cgroup, true },
	{ "oom-child", oom_child, false },
	{ "oom-deadlock", oom_deadlock, true },
	{ "segv", segv, true },
	{ "exit:", leave, true },
	{ "spin", spin, true },
	{ "sleep", sleep_on, true },
	{ "freeze-agent", freeze_agent, true },
	{ "stop-agent", stop_agent, true },
	{ "kill-init", kill_init, true },
	{ "mute-console", mute_console, false },
	{ "noise", noise, false },
	{ "noise+panic", noise_panic, true },
	{ "midline+panic", midline_panic, true },
	{ "say:", say, false },
};

/* What must be set before, so that a detector speaks within a cell's deadline or at all. */
static const struct {
	const char *how, *path, *value;
} settings[] = {
	{ "lkdtm:SOFTLOCKUP", WATCHDOG, "5" },
	{ "lkdtm:LOOP", WATCHDOG, "5" },
	{ "lkdtm:SPINLOCKUP", WATCHDOG, "5" },
	{ "lkdtm:HARDLOCKUP", WATCHDOG, "5" },
	{ "lkdtm:SMP_CALL_LOCKUP", WATCHDOG, "5" },
	{ "lkdtm:HUNG_TASK", "/proc/sys/kernel/hung_task_timeout_secs", "10" },
	{ "lkdtm:HUNG_TASK", "/proc/sys/kernel/hung_task_check_interval_secs", "5" },
	{ "kernel:silent-loop", RCU "rcu_cpu_stall_suppress", "1" },
	{ "kernel:rcu-stall", RCU "rcu_cpu_stall_timeout", "10" },
	{ "kernel:rcu-stall-alone", RCU "rcu_cpu_stall_timeout", "10" },
	{ "kernel:rcu-stall-expedited", RCU "rcu_exp_cpu_stall_timeout", "3000" },
	{ "kernel:workqueue-lockup", "/sys/module/workqueue/parameters/watchdog_thresh", "10" },
	{ "oops-survive", "/proc/sys/kernel/panic_on_oops", "0" },
};

static bool means(const char *name, const char *how)
{
	size_t len = strlen(name);

	return name[len - 1] == ':' ? !strncmp(how, name, len) && how[len] : !strcmp(how, name);
}

int main(int argc, char **argv)
{
	const char *how = tb_string(argc, argv, "how");
	size_t way = 0, n = sizeof(ways) / sizeof(ways[0]);

	while (way < n && !means(ways[way].name, how))
		way++;
	if (way == n)
		tb_fail("--how=%s is no way to die", how);
	tb_phase("start");
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (!strcmp(settings[i].how, how))
			echo(settings[i].path, settings[i].value);
	arg = how + strlen(ways[way].name);
	ways[way].go();
	if (ways[way].final)
		tb_fail("--how=%s was survived", how);
	tb_phase("peak");
	tb_phase("after");
	return 0;
}

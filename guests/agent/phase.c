// SPDX-License-Identifier: GPL-2.0-only
/* A mark that the workload made: let the counters settle, read them, tell them on both channels. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EQUAL_READINGS 4
#define BETWEEN_MS 5
#define BETWEEN_BLIND_MS 25

/*
 * Tables are freed by RCU, or looked at after a grace period and freed after another one. The
 * number of tables is at rest when it stays equal over several grace periods. With one CPU, or
 * without membarrier(), a kernel cannot be asked to wait for one, so there the readings lie
 * further apart than one usually takes.
 */
static bool settle(long deadline_ms, long *took_ms)
{
	long start = now_ms(), last = -1, pages;
	int equal = 0;

	for (;;) {
		bool blind = sysconf(_SC_NPROCESSORS_ONLN) == 1 ||
			     syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);

		/* Else each CPU keeps up to a batch of changes to itself. */
		file_write("/proc/sys/vm/stat_refresh", "1");
		pages = counters_table_pages();
		equal = pages == last ? equal + 1 : 1;
		last = pages;
		*took_ms = now_ms() - start;
		if (equal == EQUAL_READINGS)
			return true;
		if (*took_ms >= deadline_ms)
			return false;
		heartbeat();
		sleep_ms(blind ? BETWEEN_BLIND_MS : BETWEEN_MS);
	}
}

/* The second channel: the same numbers where the kernel's own messages go. */
static void print_on_console(const char *nonce, const char *phase, const struct counters *c)
{
	char line[512];
	int n = snprintf(line, sizeof(line),
			 "\nTB-PHASE %s %s pagetables_kb=%ld secpagetables_kb=%ld"
			 " vmpte_kb=%ld vmrss_kb=%ld vmsize_kb=%ld\n",
			 nonce, phase, c->pagetables_kb, c->secpagetables_kb,
			 c->vmpte_kb, c->vmrss_kb, c->vmsize_kb);
	int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || write(fd, line, n) != n)
		send_error("/dev/console: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/*
 * False when there is nothing to report; if that is because the workload died, its exit frame
 * tells.
 */
bool phase_report(const struct command *c, pid_t pid, const char *phase)
{
	struct counters counters;
	const char *missing;
	long took_ms;
	bool settled = settle(c->settle_ms, &took_ms);

	missing = counters_read(pid, &counters);
	if (missing) {
		if (counters_alive(pid))
			send_error("phase %s: %s of process %d could not be read",
				   phase, missing, pid);
		return false;
	}
	print_on_console(c->nonce, phase, &counters);
	json_begin("phase");
	json_str("nonce", c->nonce);
	json_str("phase", phase);
	json_num("pid", pid);
	json_bool("settled", settled);
	json_num("settle_ms", took_ms);
	counters_json(&counters);
	json_send();
	return true;
}

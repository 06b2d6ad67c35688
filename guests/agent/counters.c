// SPDX-License-Identifier: GPL-2.0-only
/* What the guest's own kernel says about page tables. */
#include "agent.h"

#include <stdio.h>
#include <string.h>

static char text[32768];

static bool field(const char *path, const char *key, long *value)
{
	return file_read(path, text, sizeof(text)) > 0 && file_field(text, key, value);
}

long counters_table_pages(void)
{
	long n = -1;

	field("/proc/vmstat", "nr_page_table_pages", &n);
	return n;
}

/* A process that is gone, or a zombie, has no address space to tell of. */
bool counters_alive(pid_t pid)
{
	char status[NAME_MAX_LEN];
	long kb;

	snprintf(status, sizeof(status), "/proc/%d/status", pid);
	return field(status, "VmPTE:", &kb);
}

/*
 * NULL, or the name of the counter that could not be read; the workload's own are the first to go
 * when it dies.
 */
const char *counters_read(pid_t pid, struct counters *c)
{
	char status[NAME_MAX_LEN];

	memset(c, 0, sizeof(*c));
	snprintf(status, sizeof(status), "/proc/%d/status", pid);
	if (!field(status, "VmPTE:", &c->vmpte_kb) || !file_field(text, "VmRSS:", &c->vmrss_kb) ||
	    !file_field(text, "VmSize:", &c->vmsize_kb))
		return "VmPTE";
	if (!field("/proc/meminfo", "PageTables:", &c->pagetables_kb))
		return "PageTables";
	/* Before 6.0 there were none to count. */
	file_field(text, "SecPageTables:", &c->secpagetables_kb);
	if (!file_field(text, "Slab:", &c->slab_kb) || !file_field(text, "Percpu:", &c->percpu_kb))
		return "Slab and Percpu";
	c->nr_page_table_pages = counters_table_pages();
	/*
	 * memory.stat may lag by a batch for each CPU; cpu.stat flushes the group's counters,
	 * whatever they are.
	 */
	file_read(cgroup_file("cpu.stat"), text, sizeof(text));
	if (!field(cgroup_file("memory.stat"), "pagetables", &c->cgroup_pagetables_kb))
		return "pagetables of memory.stat";
	c->cgroup_pagetables_kb /= 1024;
	if (!needed_count(pid, &c->needed))
		return "PAGEMAP_SCAN";
	return NULL;
}

/* Every pgtable_reclaim_* of /proc/vmstat; none on a kernel without the series. */
static void vmstat_json(void)
{
	static const char prefix[] = "pgtable_reclaim_";
	char key[NAME_MAX_LEN];
	long long value;

	json_open("vmstat");
	if (file_read("/proc/vmstat", text, sizeof(text)) > 0)
		for (const char *line = text; line; line = strchr(line, '\n')) {
			line += *line == '\n';
			if (!strncmp(line, prefix, sizeof(prefix) - 1) &&
			    sscanf(line, "%63s %lld", key, &value) == 2)
				json_num(key, value);
		}
	json_close();
}

void counters_json(const struct counters *c)
{
	json_open("counters");
	json_num("pagetables_kb", c->pagetables_kb);
	json_num("secpagetables_kb", c->secpagetables_kb);
	json_num("slab_kb", c->slab_kb);
	json_num("percpu_kb", c->percpu_kb);
	json_num("nr_page_table_pages", c->nr_page_table_pages);
	json_num("vmpte_kb", c->vmpte_kb);
	json_num("vmrss_kb", c->vmrss_kb);
	json_num("vmsize_kb", c->vmsize_kb);
	json_num("cgroup_pagetables_kb", c->cgroup_pagetables_kb);
	json_open("needed");
	json_num("pte", c->needed.pte);
	json_num("pmd", c->needed.pmd);
	json_num("pud", c->needed.pud);
	json_close();
	json_open("ranges");
	json_num("pmd", c->needed.pmd_ranges);
	json_num("pud", c->needed.pud_ranges);
	json_close();
	vmstat_json();
	json_close();
}

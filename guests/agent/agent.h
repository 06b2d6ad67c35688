/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's agent: init of the initramfs, and the far end of the data channel.
 *
 * It must go on talking while the guest is out of memory, so everything below works in static,
 * locked buffers: nothing allocates once the first frame was sent.
 */
#ifndef AGENT_H
#define AGENT_H

#define _GNU_SOURCE		/* pipe2(), cpu_set_t */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROTOCOL 1
#define FRAME_MAX 65536		/* payload of a frame, both ways */
#define NAME_MAX_LEN 64		/* nonces, phase names, cgroup names */

/* setup.c: what is done once */
void setup_mounts(void);
int setup_port(void);
void setup_oom_proof(void);
bool setup_wants_shell(void);
void setup_shell(void) __attribute__((noreturn));
void setup_poweroff(void) __attribute__((noreturn));

/* file.c: small files of proc, sysfs and cgroup */
ssize_t file_read(const char *path, char *buf, size_t size);
bool file_write(const char *path, const char *text);
bool file_field(const char *text, const char *key, long *value);
long kernel_tainted(void);
long now_ms(void);
void sleep_ms(long ms);

/* identity.c: which kernel, booted how */
bool kernel_parameter(const char *name, char *value, size_t size);
void kernel_build_id(char *hex, size_t size);

/* serial.c: frames on a line that may be the console's */
bool serial_open(const char *spec);
int serial_fd(void);
void serial_send(const char *payload, size_t len);
bool serial_waiting(void);
char *serial_receive(void);

/* frame.c: the port */
uint32_t frame_crc32(const char *data, size_t len);
void frame_open(int fd);
void frame_open_serial(void);
bool frame_connected(void);
int frame_pollfd(void);
bool frame_ready(void);
void frame_send(const char *payload, size_t len);
void frame_wait_for_host(void);
bool frame_waiting(void);
char *frame_receive(void);

/* json.c: one message at a time, built and sent */
void json_begin(const char *type);
void json_str(const char *key, const char *value);
void json_text(const char *key, const char *bytes, size_t len);
void json_num(const char *key, long long value);
void json_bool(const char *key, bool value);
void json_null(const char *key);
void json_open(const char *key);
void json_close(void);
void json_send(void);
void send_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* command.c: what the host asks */
struct command {
	const char *cmd, *name, *exec, *nonce;
	long settle_ms, sample_ms;
	bool unattended;	/* nobody says continue */
	char *argv[64];		/* argv[0] is exec; ends with NULL, as execve() wants it */
	char *envp[64];		/* with room for TESTBED_FD */
	int argc, envc;
};
bool command_parse(char *payload, struct command *c);

/* cgroup.c: each workload has one of its own */
bool cgroup_create(void);
const char *cgroup_file(const char *name);
bool cgroup_join(void);
void cgroup_kill(void);
long cgroup_oom_kills(void);
void cgroup_remove(void);

/*
 * needed.c: page tables that cannot go, estimated from the pages that are there; and how many there
 * can be at most above those of entries, one for each range that a mapping is in
 */
struct needed {
	long pte, pmd, pud;
	long pmd_ranges, pud_ranges;
};
bool needed_count(pid_t pid, struct needed *n);

/* counters.c: what the guest's kernel says */
struct counters {
	long pagetables_kb, secpagetables_kb, nr_page_table_pages;
	long slab_kb, percpu_kb;	/* what else a kernel may keep for each table */
	long vmpte_kb, vmrss_kb, vmsize_kb, cgroup_pagetables_kb;
	struct needed needed;
};
const char *counters_read(pid_t pid, struct counters *c);
bool counters_alive(pid_t pid);
long counters_table_pages(void);
void counters_json(const struct counters *c);

/* sampler.c: some of them now and then while the workload runs */
void sampler_start(pid_t pid, long every_ms);
void sampler_stop(void);
int sampler_rest_ms(int longest);
void sampler_run(void);

/* phase.c: a mark that the workload made */
bool phase_report(const struct command *c, pid_t pid, const char *phase);

/* spawn.c: a workload and the three ways it talks */
struct workload {
	pid_t pid;
	int pidfd, control, out, err;
};
bool spawn(struct command *c, struct workload *w);

/* output.c: its stdout and stderr, line by line */
enum stream { STDOUT, STDERR };
void output_reset(void);
bool output_forward(enum stream s, int fd);
void output_flush(void);

/* run.c: a workload from start to exit frame */
void run(struct command *c);
void heartbeat(void);

/* main.c */
void send_hello(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Publishes this machine's real figures in a segment, ten times a second: what
 * it publishes is in machine.h. An example of a producer: it uses the public
 * interface only, and can be killed at any moment and started again.
 *
 * Records are larger than a word, so a reader of the arrays may see half of one
 * figure's record from this interval and half from the one before. That does
 * no harm to figures that are replaced each 100 ms; a change, which must arrive
 * whole and once, goes through the queue.
 *
 * When nobody takes the changes and the queue is full, the oldest one is
 * dropped for each new one: who comes late wants to know what is, not what was.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zeroipc.h>

#include "machine.h"
#include "proc.h"

#define SEGMENT_BYTES (1 << 20)

/* A figure whose changes are told when it has moved by the threshold. */
struct metric {
	double threshold;
	double told;
	bool known;
};

struct feeder {
	const char *name;
	const char *proc;
	unsigned mode;
	int64_t interval_ns;
	uint64_t rounds; /* 0: until a signal comes */

	struct zipc_segment *segment;
	struct zipc_array *cpus, *memory, *net, *load;
	struct zipc_stream *cpu;
	struct zipc_queue *changes;

	/* this round's figures, and those of the round before */
	struct proc_stat stat[2];
	struct proc_net interfaces[2];
	struct proc_memory memory_now;
	struct proc_load load_now;
	double uptime;
	unsigned now;       /* which of the two is this round's */
	uint64_t ts_ns;     /* of this round, since 1970 */
	uint64_t read_ns;   /* the same on CLOCK_MONOTONIC */
	double elapsed_s;   /* since the round before */
	unsigned net_shown; /* records of net that may be other than zero */
	bool told_of_cpu, told_of_net;

	struct metric busy, available, load1, tasks;
	struct metric switches, processes, age;
	struct metric rx[PROC_MOST_INTERFACES];
	uint64_t pushed, dropped;
};

static int complain(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static int complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("machine_feeder: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return -1;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* All five files, one after the other, with one time for all of them. */
static int read_machine(struct feeder *f)
{
	uint64_t before_ns = f->read_ns;

	f->now ^= 1;
	if (proc_read_stat(f->proc, &f->stat[f->now]) ||
	    proc_read_net(f->proc, &f->interfaces[f->now]) ||
	    proc_read_memory(f->proc, &f->memory_now) ||
	    proc_read_load(f->proc, &f->load_now) ||
	    proc_read_uptime(f->proc, &f->uptime))
		return complain("%s", proc_error());
	f->ts_ns = clock_ns(CLOCK_REALTIME);
	f->read_ns = clock_ns(CLOCK_MONOTONIC);
	f->elapsed_s = (double)(f->read_ns - before_ns) / 1e9;
	return 0;
}

/* Push; when the queue is full, drop the oldest change until there is room. */
static int push_change(struct feeder *f, const struct machine_change *change)
{
	struct machine_change oldest;
	int rc;

	while ((rc = zipc_queue_push(f->changes, change, ZIPC_NOWAIT)) ==
	       -EAGAIN) {
		rc = zipc_queue_pop(f->changes, &oldest, ZIPC_NOWAIT);
		if (rc && rc != -EAGAIN)
			break;
		f->dropped += !rc;
	}
	if (rc)
		return complain("%s", zipc_last_error());
	f->pushed++;
	return 0;
}

/* Tell of the metric if it has moved far enough since it was told of last. */
static int notice(struct feeder *f, struct metric *metric, const char *what,
		  double value)
{
	struct machine_change change = {
		.ts_ns = f->ts_ns, .before = metric->told, .after = value,
	};

	if (metric->known && fabs(value - metric->told) < metric->threshold)
		return 0;
	metric->told = value;
	if (!metric->known) {
		metric->known = true;
		return 0;
	}
	snprintf(change.what, sizeof(change.what), "%s", what);
	return push_change(f, &change);
}

/* How far a counter went on; some of the kernel's step back at times. */
static double advance(uint64_t now, uint64_t before)
{
	return now > before ? (double)(now - before) : 0;
}

/* The record of one CPU; false when no tick has passed since the last one. */
static bool cpu_record(const struct proc_cpu *now, const struct proc_cpu *was,
		       struct machine_cpu *out)
{
	double user = advance(now->user + now->nice, was->user + was->nice);
	double system = advance(now->system + now->irq + now->softirq,
				was->system + was->irq + was->softirq);
	double iowait = advance(now->iowait, was->iowait);
	double steal = advance(now->steal, was->steal);
	double all = user + system + iowait + steal +
		     advance(now->idle, was->idle);

	if (all <= 0)
		return false;
	out->id = now->id;
	out->busy = (user + system + steal) / all;
	out->user = user / all;
	out->system = system / all;
	out->iowait = iowait / all;
	return true;
}

static const struct proc_cpu *find_cpu(const struct proc_stat *stat, int id)
{
	for (unsigned i = 0; i < stat->cpus; i++)
		if (stat->cpu[i].id == id)
			return &stat->cpu[i];
	return NULL;
}

static int set(struct zipc_array *array, uint64_t i, const void *record)
{
	int rc = zipc_array_set(array, i, record);

	return rc ? complain("%s", zipc_last_error()) : 0;
}

static int publish_cpu(struct feeder *f, const struct proc_cpu *now)
{
	const struct proc_cpu *was = find_cpu(&f->stat[!f->now], now->id);
	uint64_t i = (uint64_t)(now->id + 1);
	struct machine_cpu record = { 0 };

	if (i >= zipc_array_capacity(f->cpus)) {
		if (!f->told_of_cpu)
			complain("CPU %d has come, and %s/cpus has no room "
				 "for it; to see it, stop this, \"zeroipc rm %s\", "
				 "and start again", now->id, f->name, f->name);
		f->told_of_cpu = true;
		return 0;
	}
	/* It came online just now: the next round has an interval to show. */
	if (!was)
		return 0;
	/* In an interval shorter than a tick the old fractions still stand. */
	if (!cpu_record(now, was, &record) &&
	    zipc_array_get(f->cpus, i, &record))
		return complain("%s", zipc_last_error());
	record.id = now->id;
	record.ts_ns = f->ts_ns;
	if (now->id == -1 && notice(f, &f->busy, "cpu.busy", record.busy))
		return -1;
	if (zipc_stream_emit(f->cpu, &record, ZIPC_NOWAIT))
		return complain("%s", zipc_last_error());
	return set(f->cpus, i, &record);
}

static int publish_cpus(struct feeder *f)
{
	const struct proc_stat *stat = &f->stat[f->now];

	for (unsigned i = 0; i < stat->cpus; i++)
		if (publish_cpu(f, &stat->cpu[i]))
			return -1;
	if (notice(f, &f->switches, "context_switches",
		   (double)stat->context_switches))
		return -1;
	return notice(f, &f->processes, "processes", (double)stat->processes);
}

static int publish_memory(struct feeder *f)
{
	const struct proc_memory *m = &f->memory_now;
	struct machine_memory record = {
		.total = m->total, .available = m->available,
		.free = m->free, .buffers = m->buffers, .cached = m->cached,
		.swap_total = m->swap_total, .swap_free = m->swap_free,
		.ts_ns = f->ts_ns,
	};

	if (notice(f, &f->available, "memory.available",
		   (double)m->available))
		return -1;
	return set(f->memory, 0, &record);
}

static int publish_load(struct feeder *f)
{
	const struct proc_load *l = &f->load_now;
	struct machine_load record = {
		.load1 = l->load1, .load5 = l->load5, .load15 = l->load15,
		.running = l->running, .tasks = l->tasks, .ts_ns = f->ts_ns,
	};

	if (notice(f, &f->load1, "load1", l->load1) ||
	    notice(f, &f->tasks, "tasks", l->tasks) ||
	    notice(f, &f->age, "uptime", f->uptime))
		return -1;
	return set(f->load, 0, &record);
}

static const struct proc_interface *find_interface(const struct proc_net *net,
						   const char *name)
{
	for (unsigned i = 0; i < net->interfaces; i++)
		if (!strcmp(net->interface[i].name, name))
			return &net->interface[i];
	return NULL;
}

/* Whether this place of the list has just come to show another interface. */
static bool moved(const struct feeder *f, unsigned i)
{
	const struct proc_net *was = &f->interfaces[!f->now];

	return i >= was->interfaces ||
	       strcmp(was->interface[i].name,
		      f->interfaces[f->now].interface[i].name);
}

static int publish_interface(struct feeder *f, unsigned i)
{
	const struct proc_interface *now = &f->interfaces[f->now].interface[i];
	const struct proc_interface *was =
		find_interface(&f->interfaces[!f->now], now->name);
	struct machine_net record = {
		.rx_bytes = now->rx_bytes, .tx_bytes = now->tx_bytes,
	};
	char what[32];

	memcpy(record.name, now->name, sizeof(record.name));
	if (was) {
		record.rx_rate = advance(now->rx_bytes, was->rx_bytes) /
				 f->elapsed_s;
		record.tx_rate = advance(now->tx_bytes, was->tx_bytes) /
				 f->elapsed_s;
	}
	if (moved(f, i))
		f->rx[i].known = false;
	snprintf(what, sizeof(what), "net.%s.rx", now->name);
	if (notice(f, &f->rx[i], what, record.rx_rate))
		return -1;
	return set(f->net, i, &record);
}

static int publish_net(struct feeder *f)
{
	static const struct machine_net none;
	unsigned room = (unsigned)zipc_array_capacity(f->net);
	unsigned n = f->interfaces[f->now].interfaces;

	if (n > room && !f->told_of_net) {
		complain("%u interfaces, and %s/net has room for %u; to see "
			 "all, stop this, \"zeroipc rm %s\", and start again",
			 n, f->name, room, f->name);
		f->told_of_net = true;
	}
	if (n > room)
		n = room;
	for (unsigned i = 0; i < n; i++)
		if (publish_interface(f, i))
			return -1;
	for (unsigned i = n; i < f->net_shown; i++)
		if (set(f->net, i, &none))
			return -1;
	f->net_shown = n;
	return 0;
}

/*
 * Two feeders in one segment would overwrite each other's figures. This looks
 * who else is attached under this program's name; it is a courtesy to who
 * starts it twice by mistake, and no lock.
 */
static int check_alone(struct feeder *f)
{
	struct zipc_view_participant p;
	struct zipc_view_segment s;
	struct zipc_view *view;
	int rc = zipc_view_open(&view, f->name);

	if (rc)
		return complain("%s", zipc_last_error());
	rc = zipc_view_segment(view, &s);
	for (unsigned i = 0; !rc && i < s.max_participants; i++) {
		if (zipc_view_participant(view, i, &p) || !p.alive ||
		    p.pid == getpid() ||
		    strncmp(p.name, program_invocation_short_name, 16))
			continue;
		rc = complain("process %d feeds %s already; stop it, or choose "
			      "another segment with --name", p.pid, f->name);
	}
	zipc_view_close(view);
	return rc;
}

/* Say whether the segment is new: who starts this may have to remove it. */
static int open_segment(struct feeder *f)
{
	struct zipc_segment_options options = { .mode = f->mode };
	const char *verb = "created";
	int rc;

	rc = zipc_segment_create(&f->segment, f->name, SEGMENT_BYTES, &options);
	if (rc == -EEXIST) {
		verb = "opened";
		rc = zipc_segment_open_or_create(&f->segment, f->name,
						 SEGMENT_BYTES, &options);
	}
	if (rc)
		return complain("%s", zipc_last_error());
	if (check_alone(f))
		return -1;
	printf("machine_feeder: %s /%s\n", verb, zipc_segment_name(f->segment));
	return fflush(stdout) ? complain("standard output: %m") : 0;
}

/*
 * An array that is there keeps its capacity, and may be too small or too large
 * for the machine of today; only another type is an error.
 */
static int open_array(struct feeder *f, struct zipc_array **out,
		      const char *name, const char *type, uint64_t capacity)
{
	int rc = zipc_array_open_or_create(out, f->segment, name, type,
					   capacity);

	if (rc == -EPROTOTYPE)
		rc = zipc_array_open(out, f->segment, name, type);
	if (rc)
		return complain("%s", zipc_last_error());
	return 0;
}

/* Who follows the readings never holds them up, and may lose some. */
static int open_stream(struct feeder *f)
{
	static const struct zipc_stream_options options = {
		.policy = ZIPC_STREAM_DROP_OLD,
		.timestamps = 1,
	};
	int rc = zipc_stream_create_with(&f->cpu, f->segment, "cpu",
					 MACHINE_CPU_TYPE, MACHINE_READINGS,
					 &options);

	if (rc == -EEXIST)
		rc = zipc_stream_open(&f->cpu, f->segment, "cpu",
				      MACHINE_CPU_TYPE);
	return rc ? complain("%s", zipc_last_error()) : 0;
}

static int open_structures(struct feeder *f)
{
	const struct proc_stat *stat = &f->stat[f->now];
	uint64_t cpus = (uint64_t)stat->cpu[stat->cpus - 1].id + 2;
	uint64_t interfaces = f->interfaces[f->now].interfaces + 2;

	if (open_array(f, &f->cpus, "cpus", MACHINE_CPU_TYPE, cpus) ||
	    open_array(f, &f->memory, "memory", MACHINE_MEMORY_TYPE, 1) ||
	    open_array(f, &f->net, "net", MACHINE_NET_TYPE, interfaces) ||
	    open_array(f, &f->load, "load", MACHINE_LOAD_TYPE, 1))
		return -1;
	if (zipc_queue_open_or_create(&f->changes, f->segment, "changes",
				      MACHINE_CHANGE_TYPE, MACHINE_CHANGES))
		return complain("%s", zipc_last_error());
	if (open_stream(f))
		return -1;
	f->net_shown = (unsigned)zipc_array_capacity(f->net);
	return 0;
}

/* The signal that came, or 0 when the moment due_ns has. */
static int sleep_until(uint64_t due_ns, const sigset_t *signals)
{
	for (;;) {
		uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
		uint64_t left_ns = due_ns > now_ns ? due_ns - now_ns : 0;
		struct timespec left = {
			.tv_sec = (time_t)(left_ns / 1000000000),
			.tv_nsec = (long)(left_ns % 1000000000),
		};
		int caught = sigtimedwait(signals, NULL, &left);

		if (caught > 0)
			return caught;
		if (errno == EAGAIN)
			return 0;
	}
}

static int publish(struct feeder *f)
{
	if (publish_cpus(f) || publish_memory(f) || publish_load(f))
		return -1;
	return publish_net(f);
}

static int feed(struct feeder *f, const sigset_t *signals)
{
	uint64_t due_ns = f->read_ns;

	for (uint64_t round = 0; !f->rounds || round < f->rounds; round++) {
		due_ns += (uint64_t)f->interval_ns;
		if (sleep_until(due_ns, signals))
			break;
		if (read_machine(f) || publish(f))
			return -1;
		/* After a long stop, go on from now: missed rounds are gone. */
		if (f->read_ns > due_ns + (uint64_t)f->interval_ns)
			due_ns = f->read_ns;
	}
	return 0;
}

static void set_thresholds(struct feeder *f)
{
	f->busy.threshold = 0.1;           /* of all CPUs' time */
	f->available.threshold = 1 << 20;  /* bytes */
	f->load1.threshold = 0.05;
	f->tasks.threshold = 1;
	f->switches.threshold = 10;        /* this program makes as many */
	f->processes.threshold = 1;        /* each fork and thread */
	f->age.threshold = 0.5;            /* seconds: a sign of life */
	for (unsigned i = 0; i < PROC_MOST_INTERFACES; i++)
		f->rx[i].threshold = 10000; /* bytes a second */
}

static const char usage[] =
"Usage: machine_feeder [OPTION]...\n"
"Publish this machine's figures in a segment until a signal comes.\n"
"\n"
"  --name NAME       the segment (machine)\n"
"  --mode MODE       its permissions, octal, when it is created (0600)\n"
"  --interval-ms N   how often (100)\n"
"  --rounds N        end after N rounds\n"
"  --proc DIR        where the kernel's proc file system is (/proc)\n"
"  --help            print this\n";

/* A whole number from low to high, in the base; or the program ends. */
static uint64_t number(const char *option, const char *text, int base,
		       uint64_t low, uint64_t high)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, base);
	if (errno || end == text || *end || *text == '-' || n < low ||
	    n > high) {
		complain(base == 8 ? "--%s %s: not an octal number from "
				     "%" PRIo64 " to %" PRIo64
				   : "--%s %s: not a number from "
				     "%" PRIu64 " to %" PRIu64,
			 option, text, low, high);
		exit(2);
	}
	return n;
}

static void parse_options(struct feeder *f, int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "mode", required_argument, NULL, 'm' },
		{ "interval-ms", required_argument, NULL, 'i' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "proc", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n') {
			f->name = optarg;
		} else if (c == 'm') {
			f->mode = (unsigned)number("mode", optarg, 8, 1, 0777);
		} else if (c == 'i') {
			f->interval_ns = (int64_t)number("interval-ms", optarg,
						10, 1, 3600000) * 1000000;
		} else if (c == 'r') {
			f->rounds = number("rounds", optarg, 10, 1, UINT32_MAX);
		} else if (c == 'p') {
			f->proc = optarg;
		} else {
			fputs(usage, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
	if (optind < argc) {
		complain("%s: no such argument; see --help", argv[optind]);
		exit(2);
	}
}

/* What ends it is taken by sleep_until(), where nothing is half done. */
static void block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
	sigprocmask(SIG_BLOCK, signals, NULL);
}

static int run(struct feeder *f)
{
	sigset_t signals;

	block_signals(&signals);
	/* /proc first: a machine without it makes no segment. */
	if (read_machine(f) || open_segment(f) || open_structures(f) ||
	    feed(f, &signals))
		return 1;
	printf("machine_feeder: %" PRIu64 " changes pushed", f->pushed);
	if (f->dropped)
		printf("; %" PRIu64 " that nobody took were dropped for newer "
		       "ones", f->dropped);
	putchar('\n');
	return 0;
}

int main(int argc, char **argv)
{
	static struct feeder f = {
		.name = MACHINE_NAME,
		.proc = "/proc",
		.mode = 0600,
		.interval_ns = 100000000,
	};
	int status;

	parse_options(&f, argc, argv);
	set_thresholds(&f);
	status = run(&f);
	zipc_queue_close(f.changes);
	zipc_array_close(f.load);
	zipc_array_close(f.net);
	zipc_array_close(f.memory);
	zipc_array_close(f.cpus);
	zipc_stream_close(f.cpu);
	zipc_segment_close(f.segment);
	return status;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The command line of stamp, and what its commands share. See stamp.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "stamp.h"

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "stamp: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(2);
}

void *alloc_aligned(size_t bytes)
{
	void *mem;

	if (posix_memalign(&mem, 4096, bytes))
		die("out of memory");
	return mem;
}

/* Past the page cache where the file can: what counts is on the medium. */
int open_device(const char *path, int flags, uint64_t *bytes)
{
	struct stat st;
	int fd;

	fd = open(path, flags | O_DIRECT | O_CLOEXEC);
	if (fd < 0 && errno == EINVAL)
		fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", path, strerror(errno));
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, bytes))
			die("%s: %s", path, strerror(errno));
	} else {
		*bytes = st.st_size;
	}
	return fd;
}

/* A tick for each burst of --depth requests at --rate; -1 without a rate. */
int open_timer(const struct options *opt)
{
	struct itimerspec spec;
	uint64_t ns;
	int fd;

	if (!opt->rate)
		return -1;
	ns = opt->depth * 1000000000ULL / opt->rate;
	spec.it_interval.tv_sec = ns / 1000000000;
	spec.it_interval.tv_nsec = ns % 1000000000;
	spec.it_value = spec.it_interval;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (fd < 0 || timerfd_settime(fd, 0, &spec, NULL))
		die("timerfd: %s", strerror(errno));
	return fd;
}

/* Wait for a tick; at once without a timer. False if a signal came instead. */
bool await_tick(int timer)
{
	uint64_t ticks;

	if (timer < 0 || read(timer, &ticks, sizeof(ticks)) == sizeof(ticks))
		return true;
	if (errno != EINTR)
		die("timerfd: %s", strerror(errno));
	return false;
}

static void usage(void)
{
	fprintf(stderr,
		"usage: stamp write DEVICE [options]\n"
		"  --log FILE    append acknowledgements here (default: standard output)\n"
		"  --block N     bytes of a write (4096)\n"
		"  --span N      bytes of the device to use (all)\n"
		"  --depth N     writes in flight (16)\n"
		"  --count N     end after this many writes\n"
		"  --seconds N   end after this time\n"
		"  --rate N      writes a second, in bursts of --depth (no limit)\n"
		"  --gen N       generation of this run (1)\n"
		"usage: stamp verify DEVICE --log FILE [--log FILE...] [--min-acks N]\n"
		"usage: stamp fill DEVICE [--gen N] [--span N]\n"
		"usage: stamp read DEVICE [--gen N] [--span N] [--block N] [--depth N]\n"
		"                  [--count N] [--rate N]\n"
		"usage: stamp hold DEVICE [--gen N] [--span N]\n"
		"exit status: 0 good; 1 verify or read found damage; 2 cannot tell; 3 writes failed\n");
	exit(2);
}

static uint64_t number(const char *name, const char *text)
{
	char *rest;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &rest, 0);
	if (errno || rest == text || *rest)
		die("--%s: not a number: %s", name, text);
	return n;
}

static void set_option(struct options *opt, const char *name, const char *arg)
{
	uint64_t n;

	if (!strcmp(name, "log")) {
		opt->logs[opt->nr_logs++] = arg;
		return;
	}
	n = number(name, arg);
	if (!strcmp(name, "block"))
		opt->block = n;
	else if (!strcmp(name, "span"))
		opt->span = n;
	else if (!strcmp(name, "depth"))
		opt->depth = n;
	else if (!strcmp(name, "count"))
		opt->count = n;
	else if (!strcmp(name, "seconds"))
		opt->seconds = n;
	else if (!strcmp(name, "rate"))
		opt->rate = n;
	else if (!strcmp(name, "gen"))
		opt->gen = n;
	else
		opt->min_acks = n;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "log", required_argument, NULL, 0 },
		{ "block", required_argument, NULL, 0 },
		{ "span", required_argument, NULL, 0 },
		{ "depth", required_argument, NULL, 0 },
		{ "count", required_argument, NULL, 0 },
		{ "seconds", required_argument, NULL, 0 },
		{ "rate", required_argument, NULL, 0 },
		{ "gen", required_argument, NULL, 0 },
		{ "min-acks", required_argument, NULL, 0 },
		{}
	};
	struct options opt = {
		.block = 4096,
		.depth = 16,
		.gen = 1,
		.min_acks = 1,
	};
	int c, index;

	opt.logs = calloc(argc, sizeof(*opt.logs));
	if (!opt.logs)
		die("out of memory");
	while ((c = getopt_long(argc, argv, "", known, &index)) != -1) {
		if (c)
			usage();
		set_option(&opt, known[index].name, optarg);
	}
	if (argc - optind != 2)
		usage();
	if (!opt.block || opt.block % SECTOR_SIZE || !opt.depth || !opt.gen)
		die("--block is in sectors of 512; --depth and --gen from 1");

	opt.device = argv[optind + 1];
	if (!strcmp(argv[optind], "write"))
		return stamp_write(&opt);
	if (!strcmp(argv[optind], "verify") && opt.nr_logs)
		return stamp_verify(&opt);
	if (!strcmp(argv[optind], "fill"))
		return stamp_fill_medium(&opt);
	if (!strcmp(argv[optind], "read"))
		return stamp_read(&opt);
	if (!strcmp(argv[optind], "hold"))
		return stamp_hold(&opt);
	usage();
}

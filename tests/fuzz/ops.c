// SPDX-License-Identifier: GPL-2.0
/*
 * Random ioctls: every one that the device has, some that it has not, with
 * arguments that are right in most parts. Each answer has to be one that
 * docs/interface.md gives. Only guest memory is ever given for memory that the
 * device may write.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "../io/dirty.h"
#include "../thread/threads.h"
#include "ops.h"

#define FILES 8
#define ERRNOS 10

static int files[FILES]; /* eventfds, but for the last */
static uint8_t *no_access;

struct op {
	const char *name;
	unsigned int weight;
	int (*run)(struct actor *a);
	int errnos[ERRNOS]; /* that it may end with */
};

void ops_init(struct guest *g)
{
	uint8_t *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(map != MAP_FAILED && !mprotect(map + 4096, 4096, PROT_NONE),
	      "mmap: %s", strerror(errno));
	no_access = map + 4096;
	for (unsigned int i = 0; i + 1 < FILES; i++)
		files[i] = efd_new();
	files[FILES - 1] = open("/dev/null", O_RDWR | O_CLOEXEC);
	acts_init(g);
}

/* An ioctl whose argument now and then lies where it cannot be read. */
static int call(struct actor *a, unsigned long nr, void *arg)
{
	size_t size = _IOC_SIZE(nr);

	if (rng_once_in(&a->r, 60))
		arg = NULL;
	else if (rng_once_in(&a->r, 60))
		arg = no_access - rng_below(&a->r, size + 1);
	return dev_ioctl(a->g->d->fd, nr, arg);
}

static unsigned int any_queue(struct actor *a)
{
	if (rng_once_in(&a->r, 40))
		return rng_word(&a->r);
	return rng_below(&a->r, rng_once_in(&a->r, 20) ? 200 : QUEUES);
}

static int any_file(struct actor *a)
{
	if (rng_once_in(&a->r, 12))
		return -1;
	return rng_once_in(&a->r, 40) ? 7777 : rng_pick(&a->r, files);
}

static int owner(struct actor *a)
{
	return call(a, VHOST_SET_OWNER, NULL);
}

static int reset_owner(struct actor *a)
{
	return call(a, VHOST_RESET_OWNER, NULL);
}

static int get_features(struct actor *a)
{
	uint64_t features;

	return call(a, VHOST_GET_FEATURES, &features);
}

static int set_features(struct actor *a)
{
	uint64_t offered = F_DEFAULT | F_HOTPLUG | F_CHANGE | F_T10_PI |
			   F_LOG_ALL | F_ANY_LAYOUT | F_NOTIFY_ON_EMPTY;
	uint64_t features = rng_word(&a->r) & offered;

	if (rng_once_in(&a->r, 20))
		features |= 1ull << rng_below(&a->r, 64);
	else if (rng_once_in(&a->r, 3))
		features = a->g->features ^ F_LOG_ALL;
	return call(a, VHOST_SET_FEATURES, &features);
}

static void any_region(struct actor *a, struct vhost_memory_region *m)
{
	const struct gmem *mem = &a->g->d->mem;
	const struct region *from = &mem->region[rng_below(&a->r, mem->nr)];
	uint64_t skip = rng_below(&a->r, from->size / 4096) * 4096;

	*m = (struct vhost_memory_region){
		.guest_phys_addr = from->gpa,
		.memory_size = from->size,
		.userspace_addr = (uintptr_t)from->hva,
	};
	switch (rng_below(&a->r, 10)) {
	case 0:
		m->memory_size = skip;
		break;
	case 1:
		m->userspace_addr = (uintptr_t)no_access;
		break;
	case 2:
		m->userspace_addr = ~0ull - skip;
		break;
	case 3:
		m->guest_phys_addr = ~0ull - skip;
		break;
	case 4:
		m->userspace_addr += skip;
		m->memory_size -= skip;
		break;
	}
}

static int set_memory(struct actor *a)
{
	static __thread char buf[sizeof(struct vhost_memory) +
				 70 * sizeof(struct vhost_memory_region)];
	struct vhost_memory *t = (void *)buf;

	if (rng_once_in(&a->r, 2))
		return gmem_set_table(&a->g->d->mem, a->g->d->fd);
	memset(buf, 0, sizeof(buf));
	t->nregions = rng_below(&a->r, rng_once_in(&a->r, 10) ? 70 : 5);
	t->padding = rng_once_in(&a->r, 40);
	for (unsigned int i = 0; i < t->nregions; i++)
		any_region(a, &t->regions[i]);
	return call(a, VHOST_SET_MEM_TABLE, t);
}

static int set_log_base(struct actor *a)
{
	uint64_t base = (uintptr_t)a->g->log;

	if (rng_once_in(&a->r, 4))
		base = rng_once_in(&a->r, 2) ? (uintptr_t)no_access
					     : ~0ull - rng_below(&a->r, 4096);
	return call(a, VHOST_SET_LOG_BASE, &base);
}

static int set_log_fd(struct actor *a)
{
	int file = any_file(a);

	return call(a, VHOST_SET_LOG_FD, &file);
}

static int vring_num(struct actor *a)
{
	struct vhost_vring_state s = { .index = any_queue(a) };

	s.num = 1u << rng_below(&a->r, 7);
	if (rng_once_in(&a->r, 8))
		s.num = rng_word(&a->r);
	return call(a, VHOST_SET_VRING_NUM, &s);
}

static int vring_base(struct actor *a)
{
	struct vhost_vring_state s = { .index = any_queue(a) };

	if (s.index < QUEUES)
		s.num = a->g->d->vq[s.index].used->idx;
	if (rng_once_in(&a->r, 4))
		s.num = rng_word(&a->r) >> rng_below(&a->r, 32);
	if (rng_once_in(&a->r, 3))
		return call(a, VHOST_GET_VRING_BASE, &s);
	return call(a, VHOST_SET_VRING_BASE, &s);
}

static uint64_t any_address(struct actor *a, void *good)
{
	const struct vq *vq = &a->g->d->vq[rng_below(&a->r, QUEUES)];

	switch (rng_below(&a->r, 30)) {
	case 0:
		return (uintptr_t)vq->desc + rng_below(&a->r, vq->bytes);
	case 1:
		return (uintptr_t)no_access;
	case 2:
		return ~0ull - rng_below(&a->r, 4096);
	case 3:
		return 0;
	default:
		return (uintptr_t)good;
	}
}

static int vring_addr(struct actor *a)
{
	const struct vq *vq = &a->g->d->vq[rng_below(&a->r, QUEUES)];
	struct vhost_vring_addr v = {
		.index = vq->index,
		.flags = rng_once_in(&a->r, 4) ? 1 << VHOST_VRING_F_LOG : 0,
		.desc_user_addr = any_address(a, vq->desc),
		.avail_user_addr = any_address(a, vq->avail),
		.used_user_addr = any_address(a, vq->used),
		.log_guest_addr = vq->gpa,
	};

	if (rng_once_in(&a->r, 20))
		v.index = any_queue(a);
	if (rng_once_in(&a->r, 20))
		v.log_guest_addr = rng_word(&a->r);
	if (rng_once_in(&a->r, 40))
		v.flags = rng_word(&a->r);
	return call(a, VHOST_SET_VRING_ADDR, &v);
}

static int vring_file(struct actor *a)
{
	static const unsigned long nr[] = { VHOST_SET_VRING_KICK,
					    VHOST_SET_VRING_CALL,
					    VHOST_SET_VRING_ERR };
	struct vhost_vring_file f = { .index = any_queue(a) };

	f.fd = any_file(a);
	if (f.index < QUEUES && rng_once_in(&a->r, 2)) {
		f.fd = a->g->d->vq[f.index].kick;
		return call(a, VHOST_SET_VRING_KICK, &f);
	}
	return call(a, rng_pick(&a->r, nr), &f);
}

static int busyloop(struct actor *a)
{
	struct vhost_vring_state s = { .index = any_queue(a) };

	s.num = rng_word(&a->r);
	if (rng_once_in(&a->r, 2))
		return call(a, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s);
	return call(a, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &s);
}

static void any_target(struct actor *a, struct vhost_scsi_target *t)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->vhost_wwpn, a->g->t.wwn, strlen(a->g->t.wwn));
	t->vhost_tpgt = rng_word(&a->r);
	if (rng_once_in(&a->r, 20))
		t->reserved = 1;
	if (rng_once_in(&a->r, 20))
		t->vhost_wwpn[rng_below(&a->r, 30)] = rng_word(&a->r);
	if (rng_once_in(&a->r, 40))
		memset(t->vhost_wwpn, 'a', sizeof(t->vhost_wwpn));
}

static int set_endpoint(struct actor *a)
{
	struct vhost_scsi_target t;

	any_target(a, &t);
	return call(a, VHOST_SCSI_SET_ENDPOINT, &t);
}

static int clear_endpoint(struct actor *a)
{
	struct vhost_scsi_target t;

	any_target(a, &t);
	return call(a, VHOST_SCSI_CLEAR_ENDPOINT, &t);
}

static int scsi_misc(struct actor *a)
{
	static const unsigned long nr[] = { VHOST_SCSI_GET_ABI_VERSION,
					    VHOST_SCSI_SET_EVENTS_MISSED,
					    VHOST_SCSI_GET_EVENTS_MISSED };
	uint32_t value = rng_below(&a->r, 2);

	return call(a, rng_pick(&a->r, nr), &value);
}

static int new_worker(struct actor *a)
{
	struct vhost_worker_state w = { 0 };

	return call(a, VHOST_NEW_WORKER, &w);
}

static unsigned int any_worker(struct actor *a)
{
	return rng_once_in(&a->r, 40) ? rng_word(&a->r) : rng_below(&a->r, 6);
}

static int free_worker(struct actor *a)
{
	struct vhost_worker_state w = { .worker_id = any_worker(a) };

	return call(a, VHOST_FREE_WORKER, &w);
}

static int attach_worker(struct actor *a)
{
	struct vhost_vring_worker w = { .index = any_queue(a) };

	w.worker_id = any_worker(a);
	return call(a, VHOST_ATTACH_VRING_WORKER, &w);
}

static int get_worker(struct actor *a)
{
	struct vhost_vring_worker w = { .index = any_queue(a) };

	return call(a, VHOST_GET_VRING_WORKER, &w);
}

static int fork_from_owner(struct actor *a)
{
	uint8_t value = rng_below(&a->r, 3);

	if (rng_once_in(&a->r, 2))
		return call(a, VHOST_GET_FORK_FROM_OWNER, &value);
	return call(a, VHOST_SET_FORK_FROM_OWNER, &value);
}

/* Numbers that the device has not, its own in another direction or size. */
static int unknown(struct actor *a)
{
	static const uint8_t own[] = { 0x00, 0x03, 0x10, 0x11, 0x20, 0x40 };
	uint8_t arg[256] = { 0 };
	unsigned int nr = rng_below(&a->r, 2) ? rng_pick(&a->r, own)
					      : rng_within(&a->r, 0x86, 0xff);

	return call(a, _IOC(_IOC_WRITE, VHOST_VIRTIO, nr, 77), arg);
}

static int by_another(struct actor *a);

static const struct op ops[] = {
	{ "SET_OWNER", 6, owner, { EBUSY, EAGAIN, ENOMEM } },
	{ "RESET_OWNER", 2, reset_owner, { EPERM, EBUSY, ENOMEM } },
	{ "GET_FEATURES", 1, get_features, { EFAULT } },
	{ "SET_FEATURES", 4, set_features, { EOPNOTSUPP, EBUSY, EFAULT } },
	{ "SET_MEM_TABLE",
	  6,
	  set_memory,
	  { EPERM, EOPNOTSUPP, E2BIG, EINVAL, EFAULT, ENOMEM } },
	{ "SET_LOG_BASE", 3, set_log_base, { EPERM, EFAULT } },
	{ "SET_LOG_FD", 2, set_log_fd, { EPERM, EBADF, EINVAL, EFAULT } },
	{ "SET_VRING_NUM",
	  4,
	  vring_num,
	  { EPERM, ENOBUFS, EBUSY, EINVAL, EFAULT } },
	{ "VRING_BASE",
	  4,
	  vring_base,
	  { EPERM, ENOBUFS, EBUSY, EINVAL, EFAULT } },
	{ "SET_VRING_ADDR",
	  8,
	  vring_addr,
	  { EPERM, ENOBUFS, EOPNOTSUPP, EINVAL, ENOMEM, EFAULT } },
	{ "VRING_KICK, CALL or ERR",
	  8,
	  vring_file,
	  { EPERM, ENOBUFS, EBADF, EINVAL, EFAULT } },
	{ "BUSYLOOP_TIMEOUT", 1, busyloop, { EPERM, ENOBUFS, EFAULT } },
	{ "SET_ENDPOINT",
	  6,
	  set_endpoint,
	  { EFAULT, EOPNOTSUPP, EEXIST, EOWNERDEAD, ENODEV, EBUSY, ENOMEM } },
	{ "CLEAR_ENDPOINT", 5, clear_endpoint, { EFAULT, EOPNOTSUPP, EINVAL } },
	{ "an ioctl of virtio-scsi", 2, scsi_misc, { EFAULT } },
	{ "NEW_WORKER",
	  3,
	  new_worker,
	  { EINVAL, EPERM, EFAULT, EAGAIN, ENOMEM } },
	{ "FREE_WORKER",
	  2,
	  free_worker,
	  { EINVAL, EPERM, EFAULT, ENODEV, EBUSY } },
	{ "ATTACH_VRING_WORKER",
	  5,
	  attach_worker,
	  { EINVAL, EPERM, EFAULT, ENOBUFS, ENODEV } },
	{ "GET_VRING_WORKER",
	  2,
	  get_worker,
	  { EINVAL, EPERM, EFAULT, ENOBUFS } },
	{ "FORK_FROM_OWNER",
	  1,
	  fork_from_owner,
	  { EBUSY, EINVAL, EFAULT, ENOTTY } },
	{ "an unknown ioctl", 1, unknown, { ENOTTY } },
	{ "chains", 16, act_fill, { 0 } },
	{ "all of the set-up",
	  10,
	  act_bring_up,
	  { EFAULT, EEXIST, EOWNERDEAD, EBUSY, ENOMEM } },
	{ "another open", 2, act_reopen, { 0 } },
	{ "LUNs", 3, act_luns, { 0 } },
	{ "another process", 1, by_another, { 0 } },
};

static const struct op *any_op(struct rng *r)
{
	unsigned int sum = 0, at;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		sum += ops[i].weight;
	at = rng_below(r, sum);
	for (i = 0; at >= ops[i].weight; i++)
		at -= ops[i].weight;
	return &ops[i];
}

static bool is_documented(const struct op *op, int err)
{
	for (size_t i = 0; i < ERRNOS && op->errnos[i]; i++)
		if (op->errnos[i] == -err)
			return true;
	return err >= 0;
}

void ops_any(struct actor *a)
{
	const struct op *op = any_op(&a->r);
	int ret = op->run(a);

	check(is_documented(op, ret), "%s: %s", op->name, errno_name(ret));
}

/* A process of its own, with the same open file. It may become the owner. */
static int by_another(struct actor *a)
{
	pid_t pid = test_fork();

	if (!pid) {
		for (int i = 0; i < 4; i++)
			ops_any(a);
		_exit(0);
	}
	check(!test_reap(pid), "another process has failed");
	return 0;
}

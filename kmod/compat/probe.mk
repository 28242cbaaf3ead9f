# SPDX-License-Identifier: GPL-2.0
# One named probe per difference between the kernels we build for: it looks at
# what a kernel's headers offer, never at its version (backports would defeat
# that). Included by Kbuild; each hit defines VSCSI_HAVE_<NAME>. The table in
# docs/compat.md says what each is for and when it goes.

# $(call vscsi-probe,NAME,pattern,header): is the basic regular expression in
# the kernel's include/<header>? An absent header is a no. (Dots stand for the
# parentheses and commas that make would take for its own.)
vscsi-probe = $(if $(shell grep -s -m1 -e '$(2)' $(srctree)/include/$(3)),-DVSCSI_HAVE_$(1))

vscsi-probes := \
	$(call vscsi-probe,EVENTFD_SIGNAL_N,eventfd_signal.struct eventfd_ctx .ctx. __u64 n,linux/eventfd.h) \
	$(call vscsi-probe,SUBMIT_TYPE,default_submit_type,target/target_core_fabric.h) \
	$(call vscsi-probe,VHOST_TASK,vhost_task_create,linux/sched/vhost_task.h) \
	$(call vscsi-probe,VQ_WORKER,define VHOST_ATTACH_VRING_WORKER,uapi/linux/vhost.h) \
	$(call vscsi-probe,FORK_OWNER,define VHOST_SET_FORK_FROM_OWNER,uapi/linux/vhost.h)

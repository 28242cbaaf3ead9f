// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps KVM's static branches as they are while guests come and go.
 *
 * With the first virtual machine KVM patches the scheduler (preempt notifiers)
 * and with each new processor its own interrupt code, and back again with the
 * last. On an emulated multiprocessor another CPU may still run the breakpoint
 * of such a patch after it is done, which the kernel takes for a stray one and
 * dies ("Oops: int3" in finish_task_switch). So this makes one machine with
 * one processor that never runs, says so on standard output, and holds it
 * until it is killed.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm, vm;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0) {
		perror("/dev/kvm");
		return 1;
	}
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0 ||
	    ioctl(vm, KVM_CREATE_VCPU, 0) < 0) {
		perror("KVM");
		return 1;
	}
	if (puts("held") < 0 || fflush(stdout))
		return 1;
	for (;;)
		pause();
}

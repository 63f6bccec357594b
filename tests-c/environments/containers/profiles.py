"""What containers may ask the kernel for by default: the facts, and the rules for seccomp-deny that they make.

A runtime's filter is a list of the system calls that are allowed, all others fail.  Here it is the other way round,
what fails of the calls up to the newest that the list knows, so that it is short and can be read; the effect is the
same.  ptrace is allowed.
"""

import re
import subprocess

# The capabilities, of root; users have none.  Those of CRI-O and of containers.conf are fewer than Docker's.
DOCKER = ("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW",
          "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT")
PODMAN = tuple(name for name in DOCKER if name not in ("AUDIT_WRITE", "MKNOD", "NET_RAW"))
CRI_O_CAPABILITIES = tuple(name for name in PODMAN if name not in ("SETFCAP", "SYS_CHROOT"))

# What neither allows without CAP_SYS_ADMIN, CAP_SYS_PTRACE and the like: modules, swap, clocks, accounting, NUMA, the
# kernel's log and its tracing, other processes' memory and descriptors, names of the host.
PRIVILEGED = """
    acct bpf clock_settime delete_module fanotify_init finit_module init_module ioperm iopl kcmp kexec_file_load
    kexec_load lookup_dcookie migrate_pages move_pages nfsservctl open_by_handle_at perf_event_open process_madvise
    query_module quotactl setdomainname sethostname setns settimeofday swapoff swapon sysfs uselib userfaultfd ustat
    vhangup""".split()
# What Docker refuses besides: namespaces, mounts, keys, NUMA, the descriptors of other processes.
NAMESPACES = """
    _sysctl add_key afs_syscall create_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy getpmsg
    keyctl mbind mount mount_setattr move_mount open_tree pidfd_getfd pivot_root putpmsg quotactl_fd reboot
    request_key security set_mempolicy set_mempolicy_home_node syslog tuxcall umount2 unshare vserver""".split()
# Allowed since Docker 25: reading another process needs its permission in any case.
BEFORE_25 = "name_to_handle_at pkey_alloc pkey_free pkey_mprotect process_vm_readv process_vm_writev".split()
IO_URING = "io_uring_enter io_uring_register io_uring_setup".split()
LSM = "lsm_get_self_attr lsm_list_modules lsm_set_self_attr".split()

# A clone with one of the flags that make a namespace: mount, cgroup, UTS, IPC, user, PID, network.
CLONE = [f"clone:0&{bit:#x}:EPERM" for bit in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000,
                                               0x40000000)]
# PER_LINUX and PER_LINUX32, each also with UNAME26, and the question which it is.
PERSONALITY = [f"personality:0={value:#x}:ALLOW" for value in (0, 8, 0x20000, 0x20008, 0xffffffff)]
# AF_ALG and AF_VSOCK.
SOCKET = ["socket:0=38:EPERM", "socket:0=40:EPERM"]


def refused(names, error="EPERM"):
    return [f"{name}={error}" for name in names]


# Of each: the rules in words, then what happens to calls that are newer than all that the list has.  runc answers
# ENOSYS to those since 1.0.0-rc93; before that, and with crun, they get the answer for calls that are not in the list.
DOCKER_NOW = [">removexattrat=ENOSYS", "clone3=ENOSYS", *CLONE, *PERSONALITY, "personality=EPERM", *SOCKET,
              *refused(PRIVILEGED + NAMESPACES + IO_URING + LSM)]
# The lists of Docker 20.10.10 to 24 and of containerd 1.4.10 to 1.7 know no newer call than futex_waitv, and io_uring
# is allowed.
DOCKER_20 = [">futex_waitv=ENOSYS", "clone3=ENOSYS", *CLONE, *PERSONALITY, "personality=EPERM", SOCKET[1],
             *refused(PRIVILEGED + NAMESPACES + BEFORE_25)]
# 20.10.9 and older: clone3 is one of the calls that are not in the list.  That goes for this library's, which has 64
# bytes; glibc, which is newer here, would have no threads and gets the answer with which it does as those of that time.
DOCKER_OLD = [">epoll_pwait2=EPERM", "clone3:1=64:EPERM", "clone3=ENOSYS", *CLONE, *PERSONALITY, "personality=EPERM",
              SOCKET[1], *refused(PRIVILEGED + NAMESPACES + BEFORE_25 + IO_URING)]
# 19.03 and older: nothing of pidfds, nor of what is as new.
DOCKER_19 = [*refused("close_range faccessat2 openat2 pidfd_open pidfd_send_signal".split()), *DOCKER_OLD]
# Of containers-common, as Debian 12 has it: what is not known is ENOSYS, what is known to need privileges is EPERM, and
# the kernel itself refuses namespaces and mounts to who has no CAP_SYS_ADMIN.
PODMAN_NOW = [">process_mrelease=ENOSYS", *PERSONALITY, "personality=ENOSYS",
              *refused("_sysctl add_key request_key quotactl_fd".split() + IO_URING, "ENOSYS"),
              *refused(PRIVILEGED + "io_pgetevents vmsplice".split())]
# CRI-O's since 1.30: the same, without namespaces.
CRI_O = ["clone3=ENOSYS", "unshare=EPERM", *CLONE, *PODMAN_NOW]


def numbers():
    """The system calls of this machine, by name.  Headers may be older than what a list knows."""
    text = subprocess.run(["cc", "-dM", "-E", "-include", "sys/syscall.h", "-xc", "/dev/null"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    found = {name: int(number) for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", text, re.MULTILINE)}
    return {**LATER, **found}


# The same number on every architecture, after those of the headers of Linux 6.1.
LATER = {"set_mempolicy_home_node": 450, "lsm_get_self_attr": 459, "lsm_set_self_attr": 460, "lsm_list_modules": 461,
         "removexattrat": 466}


def rules(profile):
    """With numbers in the place of names; what this machine has no call of is left out."""
    known = numbers()
    found = (re.fullmatch(r"(>?)(\w+)(.*)", rule) for rule in profile)
    return [f"{rule[1]}{known[rule[2]]}{rule[3]}" for rule in found if rule[2] in known]

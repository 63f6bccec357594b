//! System calls on processes: making, waiting, identity, scheduling.

// Sound because: each call gets exactly its arguments; what reaches into memory is either borrowed for the call or an
// unsafe function whose caller promises it.
#![allow(unsafe_code)]

use super::uapi::{self, CloneArgs, PollFd, Rlimit, RobustList, SigInfo, POLLIN, P_PID, P_PIDFD};
use super::{arch, call, check, fd, opaque_zero, retry, width};
use crate::errno::{Errno, Result};
use core::mem::{size_of, MaybeUninit};
use core::ptr;
use core::sync::atomic::AtomicU32;
use libc::{c_char, c_int, c_void, gid_t, pid_t, uid_t};

/// What a child runs that shares its parent's memory.
pub type ChildEntry = unsafe extern "C" fn(*const c_void) -> !;

/// clone3 for a child that calls `entry(argument)`.
///
/// # Safety
/// As `arch::clone_calling`.
#[inline(always)]
pub unsafe fn clone3(args: &CloneArgs, size: usize, entry: ChildEntry, argument: *const c_void) -> Result<pid_t> {
    let args = args as *const CloneArgs as usize;
    check(arch::clone_calling(libc::SYS_clone3 as usize, args, size, 0, entry, argument)).map(|pid| pid as pid_t)
}

/// Whether there is a clone3: it refuses a structure that is too small in its own way.
pub fn knows_clone3() -> bool {
    // SAFETY: the kernel looks at the size first.
    unsafe { call!(libc::SYS_clone3, 0, 0) == Err(Errno(libc::EINVAL)) }
}

/// The same by the older clone, which has room for 32 bits of flags and no cgroup.
///
/// # Safety
/// As `clone3`; `pidfd` points to where the kernel may put the descriptor.
pub unsafe fn clone(
    flags: u64,
    stack: *mut c_void,
    pidfd: *mut c_int,
    entry: ChildEntry,
    argument: *const c_void,
) -> Result<pid_t> {
    let (first, second) = clone_order(flags as usize, stack as usize);
    check(arch::clone_calling(libc::SYS_clone as usize, first, second, pidfd as usize, entry, argument))
        .map(|pid| pid as pid_t)
}

/// For a child that goes on below the caller's frame while the caller is suspended.
pub const CALLERS_STACK: *mut c_void = core::ptr::null_mut();

/// clone as fork uses it: no stack, no shared memory, returns in both processes.  The child's thread ID is stored at
/// `tid`, and cleared there when the child's thread ends.
///
/// # Safety
/// The flags share no memory; the pointers are valid in both processes.
pub unsafe fn clone_fork(flags: u64, pidfd: *mut c_int, tid: *mut c_int) -> Result<pid_t> {
    let (first, second) = clone_order(flags as usize, 0);
    // The child's thread ID comes before its thread-local storage on some architectures, and after it on others; there
    // is none here, so both places can have it.
    call!(libc::SYS_clone, first, second, pidfd, tid, tid).map(|pid| pid as pid_t)
}

/// clone's first two arguments, which s390x has reversed.
fn clone_order(flags: usize, stack: usize) -> (usize, usize) {
    if cfg!(target_arch = "s390x") {
        (stack, flags)
    } else {
        (flags, stack)
    }
}

/// Only returns when it failed.
///
/// # Safety
/// `path` is a string; `argv` and `envp` are what execve takes.
pub unsafe fn execve(path: *const c_char, argv: *const *mut c_char, envp: *const *mut c_char) -> Errno {
    match call!(libc::SYS_execve, path, argv, envp) {
        Err(error) => error,
        Ok(_) => Errno(libc::EINVAL),
    }
}

/// The same for the file that the descriptor refers to.
///
/// # Safety
/// `argv` and `envp` are what execve takes.
pub unsafe fn execveat(fd: c_int, argv: *const *mut c_char, envp: *const *mut c_char) -> Errno {
    match call!(libc::SYS_execveat, fd, b"\0".as_ptr(), argv, envp, libc::AT_EMPTY_PATH) {
        Err(error) => error,
        Ok(_) => Errno(libc::EINVAL),
    }
}

pub fn exit(status: c_int) -> ! {
    loop {
        // SAFETY: no pointer, and it does not return.
        let _ = unsafe { call!(libc::SYS_exit_group, status) };
    }
}

/// Waits for the child that the pidfd names, and takes its status away.
pub fn reap(pidfd: c_int) -> Result<()> {
    wait(P_PIDFD, pidfd, libc::WEXITED | OWN)
}

/// Waits for the child of that number.
pub fn reap_pid(pid: pid_t) -> Result<()> {
    match wait(P_PID, pid, libc::WEXITED | OWN) {
        // A sandbox that refuses it may know the older call.
        #[cfg(not(target_arch = "riscv32"))]
        Err(Errno(error)) if error != libc::ECHILD => {
            let [status, usage] = [ptr::null_mut::<c_void>(); 2];
            // SAFETY: nothing is written.
            retry(|| unsafe { call!(libc::SYS_wait4, pid, status, OWN, usage) }).map(drop)
        }
        result => result,
    }
}

/// Whether the pidfd names a child whose status was not taken yet.  An error means that the kernel could not be asked.
pub fn is_child(pidfd: c_int) -> Result<bool> {
    match wait(P_PIDFD, pidfd, LOOK) {
        Ok(()) => Ok(true),
        Err(Errno(libc::ECHILD)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether that is the number of a child whose status was not taken yet.
pub fn is_child_number(pid: pid_t) -> bool {
    wait(P_PID, pid, LOOK).is_ok()
}

/// Whether the child that the pidfd names has ended or is none of ours any more.
pub fn has_ended(pidfd: c_int) -> bool {
    let mut info = SigInfo::new();
    match wait_for_news(P_PIDFD, pidfd, LOOK, &mut info) {
        Ok(()) => info.signal != 0,
        Err(Errno(libc::ECHILD)) => true,
        // A sandbox refuses the question.
        Err(_) => {
            let mut ended = [PollFd::new(pidfd, POLLIN)];
            fd::poll(&mut ended, 0).is_ok() && ended[0].is_ready()
        }
    }
}

/// Whether that child is stopped and nobody was told yet.
pub fn is_stopped(pidfd: c_int) -> bool {
    let flags = libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT | OWN;
    let mut info = SigInfo::new();
    wait_for_news(P_PIDFD, pidfd, flags, &mut info).is_ok() && info.signal != 0
}

/// Waits until that child ends, and tells whether it left by itself rather than being killed.  Its status stays.
pub fn ends_by_exiting(pidfd: c_int) -> bool {
    let mut info = SigInfo::new();
    let flags = libc::WEXITED | libc::WNOWAIT | OWN;
    wait_for_news(P_PIDFD, pidfd, flags, &mut info).is_ok() && info.code == libc::CLD_EXITED
}

/// Waits for nothing and takes nothing away.
const LOOK: c_int = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | OWN;

/// Only what the calling thread itself made, whatever its exit signal: a child of another thread that came to the same
/// number is none of ours.
const OWN: c_int = libc::__WALL | libc::__WNOTHREAD;

/// Whether the open descriptor is certainly no pidfd: waitid says so of any other kind.
pub fn is_no_pidfd(fd: c_int) -> bool {
    matches!(wait(P_PIDFD, fd, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT), Err(Errno(libc::EBADF)))
}

/// Whether the process that the pidfd names has no number in the caller's PID namespace: nobody there may send it
/// signals.
pub fn is_foreign(pidfd: c_int) -> bool {
    pidfd_send_signal(pidfd, NO_SIGNAL) == Err(Errno(libc::EINVAL))
}

#[inline(always)]
fn wait(kind: c_int, id: c_int, flags: c_int) -> Result<()> {
    wait_for_news(kind, id, flags, &mut SigInfo::new())
}

/// What is returned as a whole the libc would copy on some architectures.
fn wait_for_news(kind: c_int, id: c_int, flags: c_int, info: &mut SigInfo) -> Result<()> {
    // SAFETY: the kernel writes one siginfo; there is no rusage.
    retry(|| unsafe { call!(libc::SYS_waitid, kind, id, info as *mut SigInfo, flags, 0) }).map(drop)
}

/// What the process that the pidfd names has to tell, and what it has used.
///
/// # Safety
/// `usage` is NULL or writable.
pub unsafe fn take_status(pidfd: c_int, flags: c_int, usage: *mut Usage) -> Result<SigInfo> {
    let mut info = SigInfo::new();
    retry(|| call!(libc::SYS_waitid, P_PIDFD, pidfd, &mut info as *mut SigInfo, flags, usage))?;
    Ok(info)
}

/// struct rusage: two times of two words, then words.
#[repr(C)]
pub struct Usage([usize; 18]);

impl Usage {
    /// # Safety
    /// `usage` is writable.
    pub unsafe fn clear(usage: *mut Self) {
        for index in 0..size_of::<Self>() / size_of::<usize>() {
            usage.cast::<usize>().add(index).write_volatile(0);
        }
    }
}

/// Whether the kernel has the whole pidfd interface.  The last piece was waitid(P_PIDFD), which tells a number that is
/// no descriptor from a kind of ID that it does not know.
pub fn waits_for_pidfds() -> bool {
    matches!(wait(P_PIDFD, c_int::MAX, libc::WEXITED | libc::WNOHANG), Err(Errno(libc::EBADF)))
}

pub fn kill(pid: pid_t, signal: c_int) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_kill, pid, signal) }.map(drop)
}

/// Not by `check`: the call cannot fail, and where a register has 32 bits the highest numbers look like errors.
fn id(number: libc::c_long) -> c_int {
    // SAFETY: for the calls below, which take nothing.
    unsafe { arch::syscall3(number as usize, 0, 0, 0) as c_int }
}

pub fn getpid() -> pid_t {
    id(libc::SYS_getpid)
}

pub fn gettid() -> pid_t {
    id(libc::SYS_gettid)
}

/// The caller's process group.
pub fn getpgrp() -> pid_t {
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_getpgid, 0) }.unwrap_or(0) as pid_t
}

pub fn getuid() -> uid_t {
    id(width::SYS_GETUID) as uid_t
}

pub fn getgid() -> gid_t {
    id(width::SYS_GETGID) as gid_t
}

pub fn geteuid() -> uid_t {
    id(width::SYS_GETEUID) as uid_t
}

pub fn getegid() -> gid_t {
    id(width::SYS_GETEGID) as gid_t
}

/// The real and the effective user ID, by one call, or by two that no sandbox refuses.
pub fn user_pair() -> [uid_t; 2] {
    user_ids().map_or_else(|_| [getuid(), geteuid()], |[real, effective, _]| [real, effective])
}

/// Likewise.
pub fn group_pair() -> [gid_t; 2] {
    group_ids().map_or_else(|_| [getgid(), getegid()], |[real, effective, _]| [real, effective])
}

/// The real, effective and saved user ID.
pub fn user_ids() -> Result<[uid_t; 3]> {
    three_ids(width::SYS_GETRESUID)
}

/// The real, effective and saved group ID.
pub fn group_ids() -> Result<[gid_t; 3]> {
    three_ids(width::SYS_GETRESGID)
}

fn three_ids(number: libc::c_long) -> Result<[uid_t; 3]> {
    let mut ids: [uid_t; 3] = [0; 3];
    let [real, effective, saved] = &mut ids;
    // SAFETY: for the two calls above, which write three numbers.
    unsafe { call!(number, real as *mut uid_t, effective as *mut uid_t, saved as *mut uid_t) }?;
    Ok(ids)
}

/// The system call itself, for the calling task alone; the libc's function would change every thread.
pub fn seteuid(user: uid_t) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_SETRESUID, -1_isize, user, -1_isize) }.map(drop)
}

/// As `seteuid`.
pub fn setegid(group: gid_t) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_SETRESGID, -1_isize, group, -1_isize) }.map(drop)
}

/// All three user IDs, of the calling task alone.
pub fn setuid(user: uid_t) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_SETRESUID, user, user, user) }.map(drop)
}

/// All three group IDs, likewise.
pub fn setgid(group: gid_t) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_SETRESGID, group, group, group) }.map(drop)
}

/// Each of the three.
pub fn setresgid(real: gid_t, effective: gid_t, saved: gid_t) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_SETRESGID, real, effective, saved) }.map(drop)
}

/// The saved one alone, likewise.
pub fn set_saved_gid(group: gid_t) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_SETRESGID, -1_isize, -1_isize, group) }.map(drop)
}

/// The group ID by which the thread opens files, if a sandbox lets it be known.
pub fn file_system_gid() -> Option<gid_t> {
    // An ID that cannot be set leaves it alone.
    // SAFETY: no pointer.
    unsafe { call!(width::SYS_SETFSGID, -1_isize) }.map(|id| id as gid_t).ok()
}

/// The supplementary groups, likewise.
///
/// # Safety
/// `groups` are `count` numbers.
pub unsafe fn setgroups(count: usize, groups: *const gid_t) -> Result<()> {
    call!(width::SYS_SETGROUPS, count, groups).map(drop)
}

/// The caller's own limit; all bits set are none.
pub fn setrlimit(resource: u32, soft: u64, hard: u64) -> Result<()> {
    let limit = Rlimit { current: soft, maximum: hard };
    // SAFETY: the kernel reads one struct rlimit64.
    unsafe { call!(libc::SYS_prlimit64, 0, resource, &limit as *const Rlimit, 0) }.map(drop)
}

/// Only a sandbox lets it fail.
pub fn umask(mask: u32) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_umask, mask) }.map(drop)
}

/// prctl without pointers.
fn prctl(option: c_int, value: c_int) -> Result<c_int> {
    // SAFETY: for the options below, which take a number.
    unsafe { call!(libc::SYS_prctl, option, value, 0, 0, 0) }.map(|result| result as c_int)
}

pub fn set_no_new_privs() -> Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1).map(drop)
}

/// The signal that the caller gets when the thread that made it ends.
pub fn set_death_signal(signal: c_int) -> Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, signal).map(drop)
}

/// What the caller may do, of what matters here.
pub struct Capabilities {
    /// Any, if it makes them effective.
    pub any: bool,
    /// To send signals to processes of other users.
    pub kill: bool,
    /// To give itself any group ID.
    pub setgid: bool,
    /// Those that it may make effective, and those that a program may get from it.
    permitted: u64,
    inheritable: u64,
}

pub fn capabilities() -> Result<Capabilities> {
    const VERSION_3: u32 = 0x2008_0522;
    const CAP_KILL: u32 = 5;
    const CAP_SETGID: u32 = 6;
    let header: [u32; 2] = [VERSION_3, 0];
    // Effective, permitted, inheritable; the lower halves first.
    let mut sets: [u32; 6] = [opaque_zero(); 6];
    // SAFETY: the kernel reads one header and writes two structures of three numbers.
    unsafe { call!(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()) }?;
    let has = |capability: u32| sets[0] & 1 << capability != 0;
    let both = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    Ok(Capabilities {
        any: sets[1] | sets[4] != 0,
        kill: has(CAP_KILL),
        setgid: has(CAP_SETGID),
        permitted: both(sets[1], sets[4]),
        inheritable: both(sets[2], sets[5]),
    })
}

/// Whether an exec may give user 0 a capability that the process has not.
pub fn root_may_gain_capability() -> bool {
    const SECBIT_NOROOT: c_int = 1;
    let is_set = |option, bit| matches!(prctl(option, 0), Ok(bits) if bits & bit != 0);
    capabilities().map_or(true, |own| own.may_lack_one())
        && !is_set(libc::PR_GET_NO_NEW_PRIVS, 1)
        && !is_set(libc::PR_GET_SECUREBITS, SECBIT_NOROOT)
}

impl Capabilities {
    /// Whether there is one in the inheritable or in the bounding set that is not permitted, or that cannot be told.
    fn may_lack_one(&self) -> bool {
        if self.inheritable & !self.permitted != 0 {
            return true;
        }
        for capability in 0..64 {
            if self.permitted >> capability & 1 == 0 {
                match prctl(libc::PR_CAPBSET_READ, capability) {
                    Ok(0) => {}
                    // There are no more.
                    Err(Errno(libc::EINVAL)) => return false,
                    _ => return true,
                }
            }
        }
        false
    }
}

/// Whether processes of the same user may trace this one: one of the two below, or 2, which nobody can set.
pub fn dumpable() -> Result<c_int> {
    prctl(libc::PR_GET_DUMPABLE, 0)
}

pub const NOT_DUMPABLE: c_int = 0;
pub const DUMPABLE: c_int = 1;

/// Does nothing for the value that nobody can set.
pub fn set_dumpable(flag: c_int) {
    let _ = prctl(libc::PR_SET_DUMPABLE, flag);
}

/// An error where a sandbox does not let the flag be set: a value that it never has is refused in a way of its own.
pub fn can_set_dumpable() -> Result<()> {
    const NO_VALUE: c_int = 3;
    match prctl(libc::PR_SET_DUMPABLE, NO_VALUE) {
        Ok(_) | Err(Errno(libc::EINVAL)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Has the kernel clear the word, and wake who waits for that, when the calling task leaves its memory.  Only a sandbox
/// refuses that.
///
/// # Safety
/// The word stays until then.
pub unsafe fn set_tid_address(word: &AtomicU32) -> Result<()> {
    call!(libc::SYS_set_tid_address, word as *const AtomicU32).map(drop)
}

/// Waits while the word has that value, for so many nanoseconds at most, which are less than a second.
pub fn wait_for_change(word: &AtomicU32, value: u32, nanoseconds: u32) -> Result<()> {
    // Not the private kind: the kernel wakes as between processes.
    const FUTEX_WAIT: c_int = 0;
    // SAFETY: the kernel reads the word.
    unsafe { width::futex(word as *const AtomicU32, FUTEX_WAIT, value, nanoseconds) }.map(drop)
}

/// Asks whether a signal could be sent.
pub const NO_SIGNAL: c_int = 0;

pub fn pidfd_send_signal(pidfd: c_int, signal: c_int) -> Result<()> {
    // SAFETY: no pointer that is not null.
    unsafe { call!(libc::SYS_pidfd_send_signal, pidfd, signal, 0, 0) }.map(drop)
}

pub fn setsid() -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_setsid) }.map(drop)
}

/// Moves the caller to that process group; 0 is a new one.
pub fn setpgid(group: pid_t) -> Result<()> {
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_setpgid, 0, group) }.map(drop)
}

/// struct sched_param has one member, the priority.
pub fn sched_setparam(priority: c_int) -> Result<()> {
    // SAFETY: the kernel reads one int.
    unsafe { call!(libc::SYS_sched_setparam, 0, &priority as *const c_int) }.map(drop)
}

pub fn sched_setscheduler(policy: c_int, priority: c_int) -> Result<()> {
    // SAFETY: the kernel reads one int.
    unsafe { call!(libc::SYS_sched_setscheduler, 0, policy, &priority as *const c_int) }.map(drop)
}

/// Whether the process has one thread.  The kernel grants this request exactly then (and only if no other process
/// shares the memory), without any effect.  Where a sandbox refuses it, as in most containers, procfs knows: one folder
/// for each thread.
pub fn is_single_threaded() -> bool {
    // SAFETY: no pointer.
    match unsafe { call!(libc::SYS_unshare, uapi::CLONE_THREAD) } {
        Ok(_) => true,
        Err(Errno(libc::EINVAL)) => false,
        Err(_) => matches!(super::fd::link_count(b"/proc/self/task\0"), Ok(3)),
    }
}

/// What the process's children have used up whose status was taken, in microseconds and page faults: a sum of numbers
/// that only grow.  The kernel adds a child's share before it gives the child's number away, and there is none without
/// one: a new process writes its ID into its memory, which is a page fault, and takes some microseconds to end.
///
/// An error where a sandbox hides that.
pub fn accounts_of_children() -> Result<u64> {
    const CHILDREN: isize = -1;
    const MICROSECONDS: u64 = 1_000_000;
    let mut usage = MaybeUninit::<Usage>::uninit();
    // SAFETY: the kernel writes one struct rusage, and then it is read.
    unsafe {
        call!(libc::SYS_getrusage, CHILDREN, usage.as_mut_ptr())?;
        let Usage(usage) = usage.assume_init_ref();
        // There they are an int, and padding.
        let half = if cfg!(target_arch = "sparc64") { 32 } else { 0 };
        let seconds = (usage[0] as u64).wrapping_add(usage[2] as u64);
        let rest = (usage[1] as u64 >> half).wrapping_add(usage[3] as u64 >> half);
        let faults = (usage[8] as u64).wrapping_add(usage[9] as u64);
        Ok(seconds.wrapping_mul(MICROSECONDS).wrapping_add(rest).wrapping_add(faults))
    }
}

/// Rests, for where nothing can be waited for, and says for how many milliseconds.
pub fn nap() -> u32 {
    const MILLISECONDS: u32 = 5;
    width::sleep(MILLISECONDS * 1_000_000);
    MILLISECONDS
}

/// The process that made this one or adopted it; 0 if it has no number here.
pub fn getppid() -> pid_t {
    id(libc::SYS_getppid)
}

/// Whether the caller has the memory of the process that made it, rather than a copy; an error where that is not to be
/// learnt.
pub fn shares_memory_with_parent() -> Result<bool> {
    const KCMP_VM: c_int = 1;
    // SAFETY: no pointer.
    unsafe { call!(libc::SYS_kcmp, getppid(), getpid(), KCMP_VM, 0, 0) }.map(|order| order == 0)
}

/// Whether that thread has under its number `theirs` the same open file as the caller under `own`; an error where that
/// is not to be learnt.
pub fn shares_file(other: pid_t, theirs: c_int, own: c_int) -> Result<bool> {
    const KCMP_FILE: c_int = 0;
    // SAFETY: no pointer.
    match unsafe { call!(libc::SYS_kcmp, other, getpid(), KCMP_FILE, theirs, own) } {
        Ok(order) => Ok(order == 0),
        Err(Errno(libc::EBADF | libc::ESRCH)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The number at that address in the memory of another process, as pidfd_getfd takes descriptors of it.
pub fn number_of_process(other: pid_t, address: *const u32) -> Result<u32> {
    let mut number: u32 = opaque_zero();
    let size = size_of::<u32>();
    let own = [&mut number as *mut u32 as usize, size];
    let theirs = [address as usize, size];
    // SAFETY: the kernel writes into the number what it reads elsewhere, or fails.
    let read = unsafe { call!(libc::SYS_process_vm_readv, other, own.as_ptr(), 1, theirs.as_ptr(), 1, 0) }?;
    if read != size {
        return Err(Errno(libc::EFAULT));
    }
    Ok(number)
}

/// Where the kernel clears the thread ID when the calling thread ends: the libc's own record of that ID.
pub fn thread_id_address() -> Result<*mut c_int> {
    // A 64-bit kernel writes eight bytes, also for a 32-bit process; in which half the address is, then depends on the
    // order of the bytes.
    let mut address = [0_usize; 8 / size_of::<usize>()];
    // SAFETY: the kernel writes one pointer, of its own width or ours; the rest is 0.
    unsafe { call!(libc::SYS_prctl, libc::PR_GET_TID_ADDRESS, address.as_mut_ptr()) }
        .map(|_| address.iter().fold(0, |address, word| address | word) as *mut c_int)
}

/// The calling thread's list of robust mutexes and the size that it was registered with.
pub fn robust_list() -> Result<(*mut RobustList, usize)> {
    let mut head: *mut RobustList = core::ptr::null_mut();
    let mut size = 0_usize;
    // SAFETY: the kernel writes a pointer and a size.
    unsafe { call!(libc::SYS_get_robust_list, 0, &mut head as *mut *mut RobustList, &mut size as *mut usize) }
        .map(|_| (head, size))
}

/// # Safety
/// `head` is a robust list of the calling thread and stays one.
pub unsafe fn set_robust_list(head: *mut RobustList, size: usize) -> Result<()> {
    call!(libc::SYS_set_robust_list, head, size).map(drop)
}

//! pidfd_fork: the libc's own fork or _Fork makes the child, for only they put the libc's records right in it; the
//! pidfd is opened by number afterwards.  What remains is to be sure that the number still means the child, and there
//! are two ways.
//!
//! *Nobody else can reap.*  With all signals blocked in the only thread, and SIGCHLD neither ignored nor
//! SA_NOCLDWAIT, a child that dies stays a zombie and keeps its number.
//!
//! *Hand-over.*  Otherwise the child proves that it was alive after the pidfd was opened, and a living process keeps
//! its number: the parent opens the pidfd and then writes into an eventfd, the child reads that, the parent sees that
//! it was read.  Until then the child does not return from the call.  Each side also watches the other, so that
//! neither waits for a process that is gone: the parent by the new pidfd, the child by a pidfd on the parent.
//! Nothing here relies on the end of file of a pipe or socket, which a fork in another thread can hold open.
//!
//! A libc without _Fork gets the child by clone with CLONE_PIDFD, and what _Fork would do is done here.

// Sound because: fork and _Fork are the libc's, called with nothing held but descriptors and a signal mask, which both
// processes put back; raw_fork writes only to the libc's own thread ID, after the kernel said that it is one.
#![allow(unsafe_code)]

use crate::cancel;
use crate::errno::{self, Errno, Result};
use crate::kernel::fd::{self, OwnedFd};
use crate::kernel::uapi::{
    PollFd, SignalSet, CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_PIDFD, POLLIN, POLLOUT, SIG_IGN,
};
use crate::kernel::{process, signal};
use crate::libc_abi::weak;
use core::ptr;
use libc::{c_int, c_uint, pid_t};

/// PIDFDFORK_ASYNCSAFE
pub const ASYNC_SAFE: c_uint = 1 << 1;

/// Which of the two processes returns.
#[derive(Debug)]
pub enum Forked {
    Child,
    /// With the child's pidfd, a number above 0.
    Parent(OwnedFd),
}

/// # Safety
/// In the child of a process with several threads, the caller does what it may do after fork or, with ASYNC_SAFE,
/// _Fork.
pub unsafe fn fork(flags: c_uint) -> Result<Forked> {
    if flags & !ASYNC_SAFE != 0 {
        return Err(Errno(libc::EINVAL));
    }
    if flags & ASYNC_SAFE != 0 {
        // With all signals blocked, and without a cancellation point, nothing can cancel.
        let _blocked = signal::Blocked::all();
        match weak::_Fork() {
            Some(make_child) => by_libc(make_child),
            None => raw_fork(),
        }
    } else {
        // The handlers of pthread_atfork are foreign code that may hold cancellation points.
        let _no_cancellation = cancel::Disabled::new();
        let _blocked = BlockedAroundHandlers::new();
        by_libc(libc::fork)
    }
}

/// pthread_atfork handlers run with all signals blocked, but what they do to the signal mask lasts, as it does after
/// fork: a signal that they unblocked stays unblocked.
struct BlockedAroundHandlers {
    before: SignalSet,
}

impl BlockedAroundHandlers {
    fn new() -> Self {
        BlockedAroundHandlers { before: signal::swap_mask(SignalSet::ALL) }
    }
}

impl Drop for BlockedAroundHandlers {
    fn drop(&mut self) {
        let now = signal::swap_mask(self.before);
        if now != SignalSet::BLOCKABLE {
            signal::set_mask(SignalSet(self.before.0 & now.0));
        }
    }
}

unsafe fn by_libc(make_child: unsafe extern "C" fn() -> pid_t) -> Result<Forked> {
    if others_can_reap() {
        with_hand_over(make_child)
    } else {
        unreaped(make_child)
    }
}

/// The way when nobody else can reap.
unsafe fn unreaped(make_child: unsafe extern "C" fn() -> pid_t) -> Result<Forked> {
    // With one thread a number that is free now is free after the fork.  Only where 0 is free too, which the kernel
    // would take, another one must be held.
    let reserved = if fd::is_open(0) {
        fd::find_free()?;
        None
    } else {
        Some(Reserved::new()?)
    };
    match make_child() {
        -1 => Err(Errno(errno::get())),
        0 => Ok(Forked::Child),
        pid => {
            let pidfd = match reserved {
                None => fd::pidfd_open(pid).and_then(above_zero),
                Some(reserved) => reserved.open_pidfd(pid),
            };
            pidfd.map(Forked::Parent).map_err(|error| {
                end(pid);
                error
            })
        }
    }
}

/// The other way.
unsafe fn with_hand_over(make_child: unsafe extern "C" fn() -> pid_t) -> Result<Forked> {
    let reserved = Reserved::new()?;
    let eventfd = fd::eventfd().map_err(missing)?;
    match make_child() {
        -1 => Err(Errno(errno::get())),
        0 => {
            wait_for_parent(&eventfd, &reserved);
            Ok(Forked::Child)
        }
        pid => name_and_prove(pid, reserved, &eventfd),
    }
}

/// A sandbox may say EPERM of a call that it does not know; callers have a plan for ENOSYS alone.
fn missing(error: Errno) -> Errno {
    if error.0 == libc::EPERM {
        Errno(libc::ENOSYS)
    } else {
        error
    }
}

/// Whether anything but this call could take the child's status away, and with it free the child's number.
fn others_can_reap() -> bool {
    const SA_NOCLDWAIT: usize = libc::SA_NOCLDWAIT as usize;
    let kept_for_us = process::is_single_threaded()
        && matches!(
            signal::disposition(libc::SIGCHLD),
            Ok(action) if action.handler != SIG_IGN && action.flags & SA_NOCLDWAIT == 0
        );
    !kept_for_us
}

/// Ends a child that the caller is not going to hear of.
fn end(pid: pid_t) {
    if process::is_child_number(pid) {
        let _ = process::kill(pid, libc::SIGKILL);
        let _ = process::reap_pid(pid);
    }
}

/// What the parent writes.  The first makes the eventfd unwritable until the child has read it.
const PROVE: [u8; 8] = (u64::MAX - 1).to_ne_bytes();
const GIVE_UP: [u8; 8] = 1_u64.to_ne_bytes();

fn name_and_prove(pid: pid_t, reserved: Reserved, eventfd: &OwnedFd) -> Result<Forked> {
    let pidfd = match reserved.open_pidfd(pid).and_then(|pidfd| ask(pidfd, eventfd)) {
        Ok(pidfd) => pidfd,
        Err(error) => {
            // The child has not returned from the call and must not.
            if fd::write(eventfd.raw(), &GIVE_UP).is_err() {
                end(pid);
            }
            let _ = process::reap_pid(pid);
            return Err(error);
        }
    };
    match answered(&pidfd, eventfd) {
        Ok(true) => Ok(Forked::Parent(pidfd)),
        Ok(false) => {
            // Died before it was named.  If nobody else took its status it is ours to take.
            let _ = process::reap(pidfd.raw());
            Err(Errno(libc::ESRCH))
        }
        Err(error) => {
            // It may have returned by now.
            end(pid);
            Err(error)
        }
    }
}

/// Asks the child to prove that it is what the pidfd names.
fn ask(pidfd: OwnedFd, eventfd: &OwnedFd) -> Result<OwnedFd> {
    // A stranger that got the number would not answer, and might live for ever.
    if !process::is_child(pidfd.raw()) {
        return Err(Errno(libc::ESRCH));
    }
    fd::write(eventfd.raw(), &PROVE).map(|_| pidfd)
}

/// Waits until the child has read the question, or is dead.
fn answered(pidfd: &OwnedFd, eventfd: &OwnedFd) -> Result<bool> {
    // In this order: what the eventfd says when the child was seen dead before is its last word.
    let mut watched = [PollFd::new(pidfd.raw(), POLLIN), PollFd::new(eventfd.raw(), POLLOUT)];
    fd::poll(&mut watched)?;
    match (watched[0].is_ready(), watched[1].is_ready()) {
        (_, true) => Ok(true),
        (true, _) => Ok(false),
        // Somebody closed a descriptor that is not theirs.
        _ => Err(Errno(libc::EBADF)),
    }
}

/// The child's side of the hand-over: returns when the parent has asked for the proof.
fn wait_for_parent(eventfd: &OwnedFd, parent: &Reserved) {
    let mut message = [0; 8];
    loop {
        match fd::read(eventfd.raw(), &mut message) {
            Ok(_) if message == PROVE => return,
            Err(Errno(libc::EAGAIN)) => {}
            _ => process::exit(NOT_RETURNED),
        }
        let mut watched = [PollFd::new(eventfd.raw(), POLLIN), PollFd::new(parent.0.raw(), POLLIN)];
        let parent_is_gone = fd::poll(&mut watched).is_err() || !watched[0].is_ready();
        if parent_is_gone {
            process::exit(NOT_RETURNED);
        }
    }
}

/// The status of a child that never left the call.
const NOT_RETURNED: c_int = 127;

/// A descriptor, above 0, taken before the fork, so that the fork does not happen when there is none.  It is a pidfd on
/// the parent itself, which shows as well that pidfds can be opened, and by which the child sees the parent's end.
struct Reserved(OwnedFd);

impl Reserved {
    fn new() -> Result<Self> {
        above_zero(fd::pidfd_open(process::process_id())?).map(Reserved)
    }

    /// Opens a pidfd above 0, giving the reserved number up for it if need be.
    fn open_pidfd(self, pid: pid_t) -> Result<OwnedFd> {
        let Reserved(spare) = self;
        let pidfd = match fd::pidfd_open(pid) {
            Err(Errno(libc::EMFILE)) => {
                drop(spare);
                return above_zero(fd::pidfd_open(pid)?);
            }
            result => result?,
        };
        Reserved(spare).replace_zero(pidfd)
    }

    /// Moves the pidfd to the reserved number if it is 0.
    fn replace_zero(self, pidfd: OwnedFd) -> Result<OwnedFd> {
        if pidfd.raw() > 0 {
            return Ok(pidfd);
        }
        fd::dup_to(pidfd.raw(), self.0.raw(), libc::O_CLOEXEC)?;
        Ok(self.0)
    }
}

/// The descriptor itself, or a copy of it where it is number 0.
fn above_zero(fd: OwnedFd) -> Result<OwnedFd> {
    if fd.raw() > 0 {
        return Ok(fd);
    }
    // SAFETY: the copy is new.
    fd::dup_from(fd.raw(), 1).map(|copy| unsafe { OwnedFd::from_raw(copy) })
}

/// _Fork for a libc that has none.  The kernel writes the child's thread ID where the libc keeps it, which is where the
/// kernel was told to clear it; robust mutexes that the parent holds are none of the child's.
unsafe fn raw_fork() -> Result<Forked> {
    let tid = process::thread_id_address().map_err(|_| Errno(libc::ENOSYS))?;
    let recorded = if tid.is_null() { keeps_no_ids() } else { ptr::read_volatile(tid) == process::thread_id() };
    if !recorded {
        return Err(Errno(libc::ENOSYS));
    }
    let robust = process::robust_list();
    // The kernel takes the lowest number.  Only where that is 0 another one is needed.
    let above_zero = if fd::is_open(0) { None } else { Some(Reserved::new()?) };

    let mut pidfd = -1;
    let record = if tid.is_null() { 0 } else { CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID };
    let flags = CLONE_PIDFD | record | libc::SIGCHLD as u64;
    let pid = process::clone_fork(flags, &mut pidfd, tid)?;
    if pid == 0 {
        if let Ok((head, size)) = robust {
            if !head.is_null() {
                (*head).next = head;
                let _ = process::set_robust_list(head, size);
            }
        }
        return Ok(Forked::Child);
    }
    if pidfd < 0 {
        end(pid);
        return Err(Errno(libc::ENOSYS));
    }
    let pidfd = OwnedFd::from_raw(pidfd);
    match above_zero {
        Some(reserved) => reserved.replace_zero(pidfd).map(Forked::Parent),
        None => Ok(Forked::Parent(pidfd)),
    }
}

/// Before 2.34 glibc tells the kernel of no thread ID unless its libpthread is in the process; without that nothing goes
/// by the record.  Before 2.25 getpid and raise kept numbers of their own, which would be the parent's.
fn keeps_no_ids() -> bool {
    weak::glibc_minor_version().map_or(false, |minor| minor >= 25)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::getpid::getpid;

    /// musl and newer glibcs (seen: 2.43), which have _Fork, let the kernel clear another place than their record of the
    /// thread's ID.
    fn clears_another_place() -> bool {
        weak::glibc_minor_version().map_or(true, |minor| minor >= 42)
    }

    /// The child checks the libc's record of its thread ID, the parent that the pidfd names the child.
    fn check(forked: Result<Forked>) {
        match forked.expect("the kernel can fork") {
            Forked::Child => {
                let recorded = process::thread_id_address().map(|address| unsafe { *address });
                let right = recorded == Ok(process::process_id()) || clears_another_place();
                process::exit(if right { 0 } else { 1 })
            }
            Forked::Parent(pidfd) => {
                assert!(pidfd.raw() > 0);
                assert!(process::is_child(pidfd.raw()));
                let mut status = 0;
                let pid = getpid(pidfd.raw()).unwrap();
                assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
                assert_eq!(status, 0);
                assert_eq!(getpid(pidfd.raw()), Err(Errno(libc::ESRCH)));
            }
        }
    }

    /// The test runs in a thread of its own beside the main thread, so this is the hand-over.
    #[test]
    fn several_threads() {
        assert!(others_can_reap());
        check(unsafe { fork(0) });
        check(unsafe { fork(ASYNC_SAFE) });
    }

    #[test]
    fn a_libc_without_underscore_fork() {
        let _blocked = signal::Blocked::all();
        let forked = unsafe { raw_fork() };
        match forked {
            Err(Errno(libc::ENOSYS)) if clears_another_place() => {}
            forked => check(forked),
        }
    }

    /// As in a process of glibc 2.31 without its libpthread.
    #[cfg(target_env = "gnu")]
    #[test]
    fn a_libc_that_records_no_thread_id() {
        let _blocked = signal::Blocked::all();
        let address = process::thread_id_address().unwrap();
        unsafe { libc::syscall(libc::SYS_set_tid_address, 0) };
        let forked = unsafe { raw_fork() };
        unsafe { libc::syscall(libc::SYS_set_tid_address, address) };
        match forked.expect("the kernel can fork") {
            Forked::Child => process::exit(3),
            Forked::Parent(pidfd) => {
                let pid = getpid(pidfd.raw()).unwrap();
                let mut status = 0;
                assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
                assert_eq!(libc::WEXITSTATUS(status), 3);
            }
        }
    }

    #[test]
    fn an_unknown_flag_is_refused() {
        for flag in (0..32).map(|bit| 1 << bit).filter(|&flag| flag != ASYNC_SAFE) {
            assert_eq!(unsafe { fork(flag) }.unwrap_err(), Errno(libc::EINVAL));
        }
    }
}

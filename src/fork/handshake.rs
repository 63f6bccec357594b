//! The handshake between a forked child, which waits, and its parent, which gives it a name and lets it go.
//!
//! The child waits in the call until the parent has its pidfd.  So an error means that nothing of the program ran in a
//! child, and a child that nobody kills cannot end, and its number cannot pass to another process, before it is named.
//!
//! *If somebody kills it*, though, and somebody takes its status (another thread, a handler of the parent, an io_uring
//! wait, the kernel where SIGCHLD is ignored), the number may name another process by the time that the parent opens
//! the pidfd.  What shows that this did not happen is either of
//!
//! - the accounts: since before the fork the kernel has charged this process for no child whose status was taken, and
//!   it does not drop the status of children either.  So the child still had its number when the pidfd was opened;
//! - the child's answer: it read what the parent wrote after the pidfd was opened, so it was alive then.
//!
//! The accounts cost less than a microsecond and suffice nearly always; the answer is waited for when a child was
//! reaped meanwhile.  A process that is none of this thread's children is not the child in any case.
//!
//! Both sides share an eventfd.  What the parent writes makes it unwritable until the child has read it, so its being
//! writable again is the answer.  The child does not wait for a parent that is gone: it watches a pidfd on the parent
//! and, where another thread of the parent could execute a program, the end of a pipe whose other end such an exec
//! closes.  That may come late, for a fork in another thread holds the pipe open; so the child also looks now and then
//! whether the parent still has the eventfd.
//!
//! A child whose handlers have closed all descriptors takes the eventfd back from its parent (pidfd_getfd).  What has
//! that number there may be the next call's, though, if the parent did not need an answer and went on: the child looks
//! in the parent's memory whether the parent is still in this call.

// Sound because: a descriptor that is made owned is new.
#![allow(unsafe_code)]

use crate::errno::{Errno, Result};
use crate::kernel::fd::{self, OwnedFd};
use crate::kernel::uapi::{PollFd, SigactionFlags, ANONYMOUS_INODES, POLLIN, POLLOUT, SIG_IGN};
use crate::kernel::{process, signal, status};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;
use libc::{c_int, pid_t};

/// What the parent writes.  The first makes the eventfd unwritable until the child has read it.
const GO: [u8; 8] = (u64::MAX - 1).to_ne_bytes();
const GIVE_UP: [u8; 8] = 1_u64.to_ne_bytes();
/// Can be written when the child has read the first.
const ANY: [u8; 8] = GIVE_UP;

/// Means nothing for an eventfd, or for the reading end of a pipe, so that no other has it.
const MARK: c_int = libc::O_APPEND;

/// Means nothing for a pipe through which nothing goes, and next to no other has it.  Only the writing end shows it.
const MARK_OF_LEASH: c_int = libc::O_DIRECT;

/// How far the parent is, for a child that has lost all descriptors and looks at its parent's memory.  Made before the
/// fork, for both to have it at the same address.
pub struct Progress(UnsafeCell<u32>);

/// Between these two it is the number of the child that is named.  Neither is a number of a process, nor what the place
/// is likely to have when the call is over.
const FORKING: u32 = 0xf04c_1396;
const NAMED: u32 = 0xf04c_1397;

impl Progress {
    pub fn new() -> Self {
        Progress(UnsafeCell::new(FORKING))
    }

    /// Volatile, for the compiler does not see who reads it.
    fn set(&self, value: u32) {
        // SAFETY: no other thread of this process has it.
        unsafe { ptr::write_volatile(self.0.get(), value) };
    }

    /// As it is in that process, which must be the parent.
    fn of(&self, parent: pid_t) -> Result<u32> {
        process::number_of_process(parent, self.0.get())
    }
}

/// How long a side waits before it looks whether the other one is still there, in milliseconds.
const TICK: usize = 50;

/// How many ticks the parent waits for an answer.  A child that is stopped, or has slow handlers, is worth some
/// patience; one that was replaced by another child of this very thread, of the same number, never answers.
const PATIENCE: usize = 200;

/// How often a child without descriptors looks again when it could look before: for a second.
const MOST_FAILURES: usize = 200;

/// The status of a child that never left the call.
const NOT_RETURNED: c_int = 127;

/// What is prepared before the fork: close-on-exec descriptors that leave 0 to 2 alone.
pub struct Handshake {
    question: OwnedFd,
    /// A number for the pidfd, so that there is no fork when there is none.  If there is a leash it is the end that the
    /// child watches.
    spare: OwnedFd,
    /// The end that an exec in the parent closes.
    leash: Option<OwnedFd>,
    /// By which they are known again: `MARK` and `MARK_OF_LEASH`, but for one that a sandbox does not let be set.
    mark: c_int,
    parent: Parent,
    /// What was charged for children whose status was taken.
    accounts: Result<u64>,
}

/// Who forks.  The descriptors are the thread's: the first one of the process may have ended, which leaves it none, or
/// may have others.
#[derive(Clone, Copy)]
struct Parent {
    pid: pid_t,
    tid: pid_t,
}

impl Handshake {
    /// ENOSYS where a sandbox refuses a part of it, which it may do since a moment ago.
    pub fn new(only_thread: bool, progress: &Progress) -> Result<Self> {
        progress.set(FORKING);
        let pid = process::getpid();
        let parent = Parent { pid, tid: if only_thread { pid } else { process::gettid() } };
        fd::try_pidfd_open(pid).map_err(refused)?;
        let question = fd::eventfd().and_then(fd::above_standard).map_err(refused)?;
        let mut mark = fd::set_open_flags(question.raw(), libc::O_NONBLOCK | MARK).map_or(0, |()| MARK);
        let leash = if only_thread { None } else { leash(&mut mark) };
        let (spare, leash) = match leash {
            Some((watched, leash)) => (watched, Some(leash)),
            None => (fd::copy_above_standard(&question).map_err(refused)?, None),
        };
        Ok(Handshake { question, spare, leash, mark, parent, accounts: process::accounts_of_children() })
    }

    /// The parent's side: gives the child of that number a name above 0 and lets it go, or ends it.
    pub fn name(self, pid: pid_t, progress: &Progress) -> Result<OwnedFd> {
        let Handshake { question, spare, leash, accounts, .. } = self;
        progress.set(pid as u32);
        let named = Self::name_by(&question, spare, leash, accounts, pid);
        // Before the eventfd's number can be another file's.
        progress.set(NAMED);
        named
    }

    fn name_by(
        question: &OwnedFd,
        spare: OwnedFd,
        leash: Option<OwnedFd>,
        accounts: Result<u64>,
        pid: pid_t,
    ) -> Result<OwnedFd> {
        let (pidfd, is_child) = match open_pidfd(pid, spare).and_then(|pidfd| match process::is_child(pidfd.raw()) {
            // A recycled PID.
            Ok(false) => Err(Errno(libc::ESRCH)),
            known => Ok((pidfd, known.is_ok())),
        }) {
            Ok(named) => named,
            Err(error) => {
                give_up(question, pid);
                return Err(error);
            }
        };
        let proven = is_child && keeps_statuses() && accounts.is_ok() && accounts == process::accounts_of_children();
        if let Err(error) = fd::write(question.raw(), &GO) {
            // Somebody closed a descriptor that is not theirs.
            give_up(question, pid);
            return Err(refused(error));
        }
        let answer = if proven { Answer::Alive } else { await_answer(&pidfd, question) };
        drop(leash);
        match answer {
            Answer::Alive => Ok(pidfd),
            // It died before it was named.  If nobody else took its status it is ours to take.
            Answer::Ended => {
                let _ = process::reap(pidfd.raw());
                Err(Errno(libc::ESRCH))
            }
            // Whatever process that is, it is left alone.  The child exits when it sees that the parent gave up.
            Answer::None => Err(Errno(libc::ESRCH)),
        }
    }

    /// The child's side: returns when it has a name, and does not when it is not to have one.
    pub fn wait_for_parent(self, progress: &Progress) {
        let Handshake { question, spare, leash, mark, parent, .. } = self;
        let has_leash = leash.is_some();
        // A handler of pthread_atfork may have closed any of them, and opened files of the program's in their place.
        let spare = spare.if_opened_with(if has_leash { libc::O_RDONLY } else { libc::O_RDWR } | mark & MARK);
        // That end is the parent's alone.
        drop(leash.and_then(|leash| leash.if_opened_with(libc::O_WRONLY | mark & MARK_OF_LEASH)));
        let watched = if has_leash { spare.as_ref().map_or(-1, OwnedFd::raw) } else { -1 };
        if is_question(&question, mark) {
            wait_for_go(&question, question.raw(), watched, parent);
        } else {
            without_descriptors(question.into_raw(), mark, parent, progress);
        }
    }
}

/// A handler of pthread_atfork closed all descriptors in the child, as daemons do.
fn without_descriptors(theirs: c_int, mark: c_int, parent: Parent, progress: &Progress) {
    let own = process::getpid() as u32;
    let (mut was_forking, mut is_gone, mut failures) = (false, false, 0);
    let mut kept = None;
    loop {
        let pidfd = match pidfd_on_parent(parent.pid) {
            Some(pidfd) => pidfd,
            None => {
                is_gone = was_forking;
                break;
            }
        };
        let question = fd::copy_from_process(pidfd.raw(), theirs);
        // Read after the copy was made: if the parent names this child then, the copy is of this call's eventfd.
        match (progress.of(parent.tid), question) {
            (Ok(FORKING), question @ (Ok(_) | Err(Errno(libc::EBADF)))) => {
                was_forking = true;
                kept = question.ok().filter(|question| is_question(question, mark));
                process::nap();
            }
            (Ok(number), Ok(question)) if number == own && is_question(&question, mark) => {
                return wait_for_go(&question, theirs, -1, parent);
            }
            // The thread has ended, or executes another program.
            (Err(Errno(libc::ESRCH | libc::EFAULT)), _) if was_forking => {
                is_gone = true;
                break;
            }
            // The process begins to end, or is not dumpable any more.
            (Ok(FORKING) | Err(_), _) if was_forking && failures < MOST_FAILURES => {
                failures += 1;
                process::nap();
            }
            // It has left the call, and what was seen last may be a later one's.
            (Ok(number), _) if number != FORKING => {
                kept = None;
                break;
            }
            _ => break,
        }
    }
    if let Some(question) = kept {
        if message(&question) == Ok(true) {
            // It may be a later call's, for another child.
            let _ = fd::write(question.raw(), &GO);
            return;
        }
    }
    // Else the child goes on if the parent most likely did not need the answer.
    if is_gone || !keeps_statuses() {
        process::exit(NOT_RETURNED);
    }
}

/// Whether the number is still the eventfd's.
fn is_question(fd: &OwnedFd, mark: c_int) -> bool {
    let mark = mark & MARK;
    let mask = libc::O_ACCMODE | libc::O_NONBLOCK | mark;
    let flags = fd::open_flags(fd.raw()).map(|flags| flags & mask == libc::O_RDWR | libc::O_NONBLOCK | mark);
    let kind = fd::file_system(fd.raw()).map(|kind| kind == ANONYMOUS_INODES);
    // A sandbox may refuse either question.
    !matches!((flags, kind), (Ok(false), _) | (_, Ok(false)) | (Err(_), Err(_)))
}

/// A pipe's two ends, which may be missing: they only shorten the wait of a child that nobody wants any more.
fn leash(mark: &mut c_int) -> Option<(OwnedFd, OwnedFd)> {
    let (watched, leash) = match fd::marked_pipe(MARK_OF_LEASH) {
        Err(_) => fd::pipe().ok()?,
        Ok(ends) => {
            *mark |= MARK_OF_LEASH;
            ends
        }
    };
    if *mark & MARK != 0 {
        fd::set_open_flags(watched.raw(), libc::O_NONBLOCK | MARK).ok()?;
    }
    Some((fd::above_standard(watched).ok()?, fd::above_standard(leash).ok()?))
}

/// A sandbox may say anything of a call that it does not know; callers have a plan for ENOSYS alone.
fn refused(error: Errno) -> Errno {
    match error.0 {
        libc::EMFILE | libc::ENFILE | libc::ENOMEM => error,
        _ => Errno(libc::ENOSYS),
    }
}

/// Opens a pidfd above 0, giving the spare number up for it if need be.
fn open_pidfd(pid: pid_t, spare: OwnedFd) -> Result<OwnedFd> {
    let opened = match fd::pidfd_open(pid) {
        Err(Errno(libc::EMFILE)) => {
            drop(spare);
            return fd::pidfd_open(pid).map_err(naming_error).and_then(above_zero);
        }
        result => result.map_err(naming_error)?,
    };
    above_zero_by(opened, spare)
}

/// The descriptor itself, or a copy of it where it is number 0.
pub fn above_zero(fd: OwnedFd) -> Result<OwnedFd> {
    if fd.raw() > 0 {
        return Ok(fd);
    }
    fd::copy_above(fd.raw(), 0).map_err(refused)
}

/// The same, with a number that is there for the copy.
pub fn above_zero_by(fd: OwnedFd, spare: OwnedFd) -> Result<OwnedFd> {
    if fd.raw() == 0 && fd::dup3(fd.raw(), spare.raw(), libc::O_CLOEXEC).is_ok() {
        return Ok(spare);
    }
    drop(spare);
    above_zero(fd)
}

fn naming_error(error: Errno) -> Errno {
    match error.0 {
        // What the kernel says of a process that is just being reaped, and of another's thread that has its number by
        // then: ENOENT since Linux 6.16.
        libc::EINVAL | libc::ENOENT => Errno(libc::ESRCH),
        libc::EPERM | libc::EACCES => Errno(libc::ENOSYS),
        _ => error,
    }
}

/// Whether a child that ends stays a zombie until somebody asks for its status.
fn keeps_statuses() -> bool {
    const SA_NOCLDWAIT: SigactionFlags = libc::SA_NOCLDWAIT as SigactionFlags;
    matches!(
        signal::disposition(libc::SIGCHLD),
        Ok(action) if action.handler != SIG_IGN && action.flags & SA_NOCLDWAIT == 0
    )
}

/// Ends a child that has not left the call and must not.
fn give_up(question: &OwnedFd, pid: pid_t) {
    // It may not have heard yet that it may go.
    let _ = fd::read(question.raw(), &mut [0; 8]);
    // First of all, for while it waits its number is its own.
    let is_ours = process::is_child_number(pid);
    if is_ours {
        let _ = process::kill(pid, libc::SIGKILL);
    }
    // Where it cannot be killed it goes by itself.
    let _ = fd::write(question.raw(), &GIVE_UP);
    if is_ours {
        let _ = process::reap_pid(pid);
    }
}

/// Ends a child that the caller is not going to hear of.
pub fn end(pid: pid_t) {
    if process::is_child_number(pid) {
        let _ = process::kill(pid, libc::SIGKILL);
        let _ = process::reap_pid(pid);
    }
}

enum Answer {
    /// The child was alive after its pidfd was opened.
    Alive,
    /// What the pidfd names has ended, without an answer.
    Ended,
    None,
}

/// Waits until the child has read what the parent wrote, or is dead.
fn await_answer(pidfd: &OwnedFd, question: &OwnedFd) -> Answer {
    let mut ended = false;
    for _ in 0..PATIENCE {
        // In this order: what the eventfd says when the child was seen dead before is its last word.
        match fd::write(question.raw(), &ANY) {
            // It has been read, and nobody reads it again.
            Ok(_) => return Answer::Alive,
            Err(_) if ended => return Answer::Ended,
            Err(_) => {}
        }
        let mut watched = [PollFd::new(pidfd.raw(), POLLIN), PollFd::new(question.raw(), POLLOUT)];
        ended = match fd::poll(&mut watched, TICK) {
            Ok(_) => watched[0].is_ready(),
            Err(_) => {
                process::nap();
                process::has_ended(pidfd.raw())
            }
        };
    }
    // Taken back, it will not be read any more.
    match fd::read(question.raw(), &mut [0; 8]) {
        Err(Errno(libc::EAGAIN)) => Answer::Alive,
        _ => {
            let _ = fd::write(question.raw(), &GIVE_UP);
            Answer::None
        }
    }
}

/// `theirs` is the parent's number for the eventfd, `watched` the end of a pipe whose other end the parent has, or -1.
fn wait_for_go(question: &OwnedFd, theirs: c_int, watched: c_int, parent: Parent) {
    if message(question) == Ok(true) {
        return;
    }
    let pidfd = pidfd_on_parent(parent.pid);
    let in_procfs = pidfd.is_none() && link_count_of(parent.pid).is_ok();
    let (mut gone, mut failures) = (false, 0);
    loop {
        gone = gone || parent_is_gone(&pidfd, watched, question, theirs, parent, in_procfs);
        match message(question) {
            Ok(true) => return,
            Ok(false) if !gone => {}
            // What a parent wrote before it was gone may be there all the same.
            _ if failures == 3 => process::exit(NOT_RETURNED),
            _ => failures += 1,
        }
    }
}

/// Whether the parent says that the child may go.  Does not return when it gave up.
fn message(question: &OwnedFd) -> Result<bool> {
    let mut message = [0; 8];
    match fd::read(question.raw(), &mut message) {
        Ok(_) if message == GO => Ok(true),
        Ok(_) => process::exit(NOT_RETURNED),
        Err(Errno(libc::EAGAIN)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Waits until there is something to read or the parent is gone.
fn parent_is_gone(
    pidfd: &Option<OwnedFd>,
    watched: c_int,
    question: &OwnedFd,
    theirs: c_int,
    parent: Parent,
    was_in_procfs: bool,
) -> bool {
    let ends = pidfd.as_ref().map_or(-1, OwnedFd::raw);
    let mut events = [PollFd::new(question.raw(), POLLIN), PollFd::new(ends, POLLIN), PollFd::new(watched, 0)];
    match fd::poll(&mut events, TICK) {
        Ok(0) => {}
        Ok(_) if events[1].is_ready() || events[2].is_hung_up() => return true,
        Ok(_) if events[0].is_ready() => return false,
        // A sandbox refuses it, or a handler of pthread_atfork has closed one of the three.
        _ => {
            process::nap();
        }
    }
    match process::getppid() {
        // The child is in another PID namespace.
        0 => is_gone_from_procfs(parent.pid, was_in_procfs),
        // One that executed a program has closed the eventfd.
        id if id == parent.pid => matches!(process::shares_file(parent.tid, theirs, question.raw()), Ok(false)),
        _ => true,
    }
}

/// Whether procfs knows the child and not the parent.  Most likely it is that of the parent's namespace if the child
/// has two numbers from there down; another one knows nothing of the parent's.  One that hides other users' processes
/// (hidepid) may not tell of the parent either, and does not show process 1.
fn is_gone_from_procfs(parent: pid_t, was_there: bool) -> bool {
    status::own_numbers() == Ok(2)
        && link_count_of(parent) == Err(Errno(libc::ENOENT))
        && (was_there || fd::link_count(b"/proc/1\0").is_ok())
}

fn link_count_of(process: pid_t) -> Result<u32> {
    let mut room = MaybeUninit::uninit();
    fd::link_count(fd::numbered_path(&mut room, b"/proc/", process))
}

/// A pidfd on the parent, unless that is gone or has no number here.
fn pidfd_on_parent(parent: pid_t) -> Option<OwnedFd> {
    let pidfd = fd::pidfd_open(parent).ok()?;
    // Asked afterwards: while it is our parent the number is its own.
    if process::getppid() == parent {
        Some(pidfd)
    } else {
        None
    }
}

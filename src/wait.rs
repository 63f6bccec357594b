//! pidfd_wait: the status of the process behind a pidfd, also when somebody else has taken it.
//!
//! For a child, waitid tells.  It is asked twice: the first time it waits and leaves the status where it is, which is
//! the cancellation point; the second time it takes the status, which cannot be cancelled, so that nothing is lost.
//! If somebody takes it in between, the first answer counts.  Where the process is no child, or no longer one, Linux
//! 6.15 tells the exit status through the pidfd, once the parent has taken it.

// Sound because: the structures that the kernel and the libc write are borrowed for the call; the caller's own are what
// its documentation asks for.
#![allow(unsafe_code)]

use crate::cancel;
use crate::errno::{self, Errno, Result};
use crate::kernel::process::Usage;
use crate::kernel::uapi::{PollFd, SigInfo, PIDFD_INFO_CREDS, PIDFD_INFO_EXIT, PIDFD_INFO_PID, PIDFS, P_PIDFD};
use crate::kernel::{fd, process};
use crate::spawn::probe;
use core::sync::atomic::{AtomicBool, Ordering};
use libc::{c_int, c_uint, c_ulong};

extern "C" {
    // The libc's, which are cancellation points.  Nothing may need cleaning up when one of them does not return.
    fn waitid(kind: c_uint, id: c_uint, info: *mut SigInfo, options: c_int) -> c_int;
    fn poll(fds: *mut PollFd, count: c_ulong, milliseconds: c_int) -> c_int;
}

const OPTIONS: c_int = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG | libc::WNOWAIT;

/// Whose status it is.  0 where nobody knows any more.
#[derive(Clone, Copy)]
struct Name {
    pid: c_int,
    user: u32,
}

/// # Safety
/// `info` and `usage` are NULL or writable.
pub unsafe fn wait(pidfd: c_int, info: *mut SigInfo, options: c_int, usage: *mut Usage) -> Result<()> {
    if options & !OPTIONS != 0 {
        return Err(Errno(libc::EINVAL));
    }
    if pidfd < 0 {
        return Err(Errno(libc::EBADF));
    }
    // Whatever signal its end sends.
    let options = options | libc::WEXITED | libc::__WALL;
    let mut name = None;
    // The exit status, once it was seen.
    let mut seen = None;
    let mut patience = libc::WNOHANG;
    loop {
        let news = match look(pidfd, options | patience) {
            Ok(news) => news,
            Err(Errno(libc::ECHILD)) => break,
            Err(error) => return Err(error),
        };
        if news.signal == 0 {
            if options & libc::WNOHANG != 0 {
                report(info, &news);
                return Ok(());
            }
            // After the wait nobody may know any more.
            name = name_of(pidfd);
            patience = 0;
            continue;
        }
        name = Some(Name { pid: news.pid, user: news.user });
        seen = news.exit_status();
        match take(pidfd, info, options, usage) {
            Ok(true) => return Ok(()),
            // Another thread was faster.
            Ok(false) => {}
            Err(Errno(libc::ECHILD)) => break,
            Err(error) => return Err(error),
        }
    }
    let name = name.or_else(|| name_of(pidfd)).unwrap_or(Name { pid: 0, user: 0 });
    let status = match seen {
        None => status_of_other(pidfd, options & libc::WNOHANG != 0)?,
        seen => seen,
    };
    let news = status.map_or_else(SigInfo::new, |status| SigInfo::of_exit(name.pid, name.user, status));
    if news.signal != 0 && !usage.is_null() {
        Usage::clear(usage);
    }
    report(info, &news);
    Ok(())
}

/// Waits as the options say, takes nothing away, and can be cancelled.
fn look(pidfd: c_int, options: c_int) -> Result<SigInfo> {
    let mut news = SigInfo::new();
    // SAFETY: the libc writes one siginfo.
    if unsafe { waitid(P_PIDFD as c_uint, pidfd as c_uint, &mut news, options | libc::WNOWAIT) } == 0 {
        return Ok(news);
    }
    match errno::get() {
        // Linux 5.4 came to know pidfds here; the options are good.
        libc::EINVAL => Err(Errno(libc::ENOSYS)),
        error => Err(Errno(error)),
    }
}

/// Takes the news and reports it, if it is still there.
unsafe fn take(pidfd: c_int, info: *mut SigInfo, options: c_int, usage: *mut Usage) -> Result<bool> {
    let _no_cancellation = cancel::Deferred::new();
    let news = process::take_status(pidfd, options | libc::WNOHANG, usage)?;
    if news.signal != 0 {
        report(info, &news);
    }
    Ok(news.signal != 0)
}

unsafe fn report(info: *mut SigInfo, news: &SigInfo) {
    if !info.is_null() {
        news.write_to(info);
    }
}

/// Whether the pidfd is of a kernel before pidfs, where the questions could mean anything.  Where that is not told they
/// are asked: waitid took it for a pidfd.
fn is_elsewhere(pidfd: c_int) -> bool {
    matches!(fd::file_system(pidfd), Ok(other) if other != PIDFS)
}

/// Linux 6.13 tells that of a process that was not waited for yet.
fn name_of(pidfd: c_int) -> Option<Name> {
    if is_elsewhere(pidfd) {
        return None;
    }
    let info = fd::pidfd_info(pidfd, PIDFD_INFO_PID | PIDFD_INFO_CREDS).ok()?;
    Some(Name { pid: info.pid as c_int, user: info.ruid })
}

/// The exit status of a process that is not ours to wait for: None while its parent has not taken it.
fn status_of_other(pidfd: c_int, at_once: bool) -> Result<Option<c_int>> {
    let unknown = Errno(libc::ECHILD);
    if is_elsewhere(pidfd) {
        return Err(unknown);
    }
    if let Some(status) = exit_status(pidfd) {
        return Ok(Some(status));
    }
    // Of a process in another PID namespace it never does.
    if !kernel_tells(pidfd) || process::is_foreign(pidfd) {
        return Err(unknown);
    }
    if at_once {
        return Ok(None);
    }
    if fd::open_flags(pidfd)? & libc::O_NONBLOCK != 0 {
        return Err(Errno(libc::EAGAIN));
    }
    // That it is readable would say that the process has ended, which is too early.
    let mut event = PollFd::new(pidfd, 0);
    // SAFETY: the libc writes `revents`.
    if unsafe { poll(&mut event, 1, -1) } < 0 {
        return Err(Errno(errno::get()));
    }
    exit_status(pidfd).map(Some).ok_or(unknown)
}

fn exit_status(pidfd: c_int) -> Option<c_int> {
    fd::pidfd_info(pidfd, PIDFD_INFO_EXIT)
        .ok()
        .filter(|info| info.mask & PIDFD_INFO_EXIT != 0)
        .map(|info| info.exit_code)
}

/// Whether the kernel tells exit statuses through pidfds.  Before Linux 6.19 it says nothing of that while a process
/// runs, so one that has ended is looked at.  That it does not tell is not remembered: the answer may have failed for
/// another reason.
fn kernel_tells(pidfd: c_int) -> bool {
    static TELLS: AtomicBool = AtomicBool::new(false);
    if TELLS.load(Ordering::Relaxed) || fd::supported_pidfd_info(pidfd) & PIDFD_INFO_EXIT != 0 {
        return true;
    }
    let is_gone = match fd::pidfd_info(pidfd, PIDFD_INFO_PID) {
        // Not even the question, before Linux 6.13 or in a sandbox.
        Err(Errno(libc::ENOTTY | libc::EINVAL | libc::EPERM)) => return false,
        // Linux 6.15 says this of a process whose parent has no number here, too.
        Err(gone @ Errno(libc::ESRCH)) => process::pidfd_send_signal(pidfd, process::NO_SIGNAL) == Err(gone),
        _ => false,
    };
    // Its descriptor has no owner if this thread is cancelled at any place.
    let _no_cancellation = cancel::Deferred::new();
    let ended = if probe::would_be_process_1() == Some(true) { None } else { probe::end_one().ok() };
    match ended.and_then(|ended| ended.pidfd) {
        Some(pidfd) => {
            let tells = exit_status(pidfd.raw()).is_some();
            TELLS.store(tells, Ordering::Relaxed);
            tells
        }
        // None can be made.  A kernel that tells does so of a process that is gone; else hope for the best.
        None => !is_gone || exit_status(pidfd).is_some(),
    }
}

//! A child by its pidfd.

// Sound because: the structures that are written are borrowed for the call.
#![allow(unsafe_code)]

use crate::errno::Errno;
use crate::kernel::process::{kill, pidfd_send_signal, take_status};
use crate::kernel::uapi::SigInfo;
use crate::wait;
use libc::{c_int, pid_t};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::io::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Output};
use std::ptr;
use std::thread;
use std::time::Duration;

/// A process that was started by a [`Command`](super::Command), and its pidfd.
///
/// The pidfd is readable when the process has ended, so an event loop can watch any number of children.  (One that the
/// kernel reaps, by [`autoreap`](super::Command::autoreap), [`kill_on_close`](super::Command::kill_on_close) or an
/// ignored SIGCHLD, can be readable a moment before its status is told: where `try_wait` gives None, go on watching.)
///
/// ```
/// use pidfd_spawn::process::Command;
/// use std::os::unix::io::AsRawFd;
///
/// # fn main() -> std::io::Result<()> {
/// let mut child = Command::new("sleep").arg("0.1").spawn()?;
/// assert!(child.try_wait()?.is_none());
/// let mut entry = libc::pollfd { fd: child.as_raw_fd(), events: libc::POLLIN, revents: 0 };
/// // SAFETY: one entry.
/// assert_eq!(unsafe { libc::poll(&mut entry, 1, 10_000) }, 1);
/// assert!(child.try_wait()?.expect("it has ended").success());
/// # Ok(())
/// # }
/// ```
///
/// Dropping it closes the pidfd and does nothing else: a child that runs goes on running (unless it was started with
/// [`Command::kill_on_close`](super::Command::kill_on_close)), and one that nobody waits for stays a zombie until this
/// process ends, as with std.
#[derive(Debug)]
pub struct Child {
    /// The writing end of a pipe to the child, if [`Stdio::piped`](super::Stdio::piped) was asked for.
    pub stdin: Option<File>,
    /// The reading end of a pipe from the child, likewise.
    pub stdout: Option<File>,
    /// The reading end of a pipe from the child, likewise.
    pub stderr: Option<File>,
    pidfd: OwnedFd,
    id: u32,
    /// Since it is known.
    status: Option<ExitStatus>,
}

impl Child {
    pub(super) fn new(pidfd: OwnedFd, id: u32, [stdin, stdout, stderr]: [Option<File>; 3]) -> Self {
        Child { stdin, stdout, stderr, pidfd, id, status: None }
    }

    /// The process ID.  It refers to the child until somebody has waited for it; the pidfd always does.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The pidfd alone.  That is no `Into`, by which a child could stand for a descriptor of another one:
    ///
    /// ```compile_fail,E0277
    /// # use pidfd_spawn::process::Command;
    /// # fn main() -> std::io::Result<()> {
    /// let first = Command::new("echo").spawn()?;
    /// Command::new("cat").stdin(first).spawn()?; // Its output was meant.
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_pidfd(self) -> OwnedFd {
        self.pidfd
    }

    /// Closes the pipe to the child, if there is one, waits until the child has ended, and gives its status.
    ///
    /// By pidfd_wait(3): the status is known even if somebody else in this process has waited for the child, if SIGCHLD
    /// is ignored, or if the child was started with [`Command::autoreap`](super::Command::autoreap).  Where that has
    /// happened before Linux 6.15, the error is ECHILD.
    ///
    /// A child that this process traces (ptrace(2)) has not ended when it stops, but each of its stops is told as well,
    /// as by std: see [`ExitStatusExt::stopped_signal`].  (Not where the pidfd was made one that does not block.)
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        let mut events = libc::POLLIN;
        let mut in_vain = false;
        loop {
            match self.look(0) {
                // For an event loop, the pidfd may have been made one that does not block.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [libc::pollfd { fd: self.as_raw_fd(), events, revents: 0 }])?;
                    // Where the status is for somebody else the pidfd is readable, again and again, before it is told;
                    // then it hangs up.
                    if !self.is_unreaped() {
                        events = 0;
                    } else if in_vain {
                        // So it is where another process traces the child and has not waited for it.
                        thread::sleep(Duration::from_millis(10));
                    }
                    in_vain = true;
                }
                Ok(Some(status)) => return Ok(status),
                Ok(None) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether it is a child of this process whose status nobody has taken.
    fn is_unreaped(&self) -> bool {
        let look = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
        // SAFETY: what was used is not asked for.
        unsafe { take_status(self.as_raw_fd(), look, ptr::null_mut()) }.is_ok()
    }

    /// The status, if the child has ended; and the stop of one that is traced, as for [`wait`](Self::wait).
    ///
    /// ```
    /// # use pidfd_spawn::process::Command;
    /// # fn main() -> std::io::Result<()> {
    /// let mut child = Command::new("sleep").arg("100").spawn()?;
    /// assert_eq!(child.try_wait()?, None);
    /// child.kill()?;
    /// assert!(!child.wait()?.success());
    /// assert!(child.try_wait()?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.look(libc::WNOHANG)
    }

    fn look(&mut self, options: c_int) -> io::Result<Option<ExitStatus>> {
        if self.status.is_some() {
            return Ok(self.status);
        }
        let mut news = SigInfo::new();
        // SAFETY: one siginfo is written; what was used is not asked for.
        match unsafe { wait::wait(self.as_raw_fd(), &mut news, options, ptr::null_mut()) } {
            Err(Errno(libc::EINTR)) => return Ok(None),
            result => result?,
        }
        self.status = news.exit_status().map(ExitStatus::from_raw);
        Ok(self.status.or_else(|| stop(&news)))
    }

    /// Reads what the pipes from the child give until they end, waits, and gives all of it.
    ///
    /// After an error the child goes on by itself, as if the `Child` were dropped.
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        self.collect()
    }

    pub(super) fn collect(&mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (mut stdout, mut stderr) = (vec![], vec![]);
        read_both([(self.stdout.take(), &mut stdout), (self.stderr.take(), &mut stderr)])?;
        Ok(Output { status: self.wait()?, stdout, stderr })
    }

    /// Kills the child, if that is permitted, and takes its status away.
    pub(super) fn end(&mut self) {
        if self.kill().is_ok() {
            let _ = self.wait();
        }
    }

    /// Sends SIGKILL.  For a child that has ended already it does nothing, as in std.
    pub fn kill(&mut self) -> io::Result<()> {
        self.send_signal(libc::SIGKILL)
    }

    /// Sends the signal.  For a child that has ended already it does nothing.
    ///
    /// Where a sandbox refuses pidfd_send_signal(2), a child that nobody has waited for gets it by its process ID.
    ///
    /// ```
    /// # use pidfd_spawn::process::Command;
    /// use std::os::unix::process::ExitStatusExt;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut child = Command::new("sleep").arg("100").spawn()?;
    /// child.send_signal(libc::SIGTERM)?;
    /// assert_eq!(child.wait()?.signal(), Some(libc::SIGTERM));
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_signal(&self, signal: i32) -> io::Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        let sent = match pidfd_send_signal(self.as_raw_fd(), signal) {
            // By a sandbox that is older than pidfds.  The number is the child's while nobody has taken its status.
            Err(Errno(libc::EPERM | libc::ENOSYS)) if is_refused() && self.is_unreaped() => {
                kill(self.id as pid_t, signal)
            }
            sent => sent,
        };
        match sent {
            Err(Errno(libc::ESRCH)) => Ok(()),
            sent => Ok(sent?),
        }
    }
}

/// Whether it is a sandbox that says so, whatever the descriptor is.
fn is_refused() -> bool {
    pidfd_send_signal(-1, 0) != Err(Errno(libc::EBADF))
}

/// The stop of a traced child, which the kernel tells whether it was asked for or not: a status as wait gives it.
fn stop(news: &SigInfo) -> Option<ExitStatus> {
    (news.code == libc::CLD_TRAPPED).then(|| ExitStatus::from_raw(news.status << 8 | 0x7f))
}

/// Reads the files to their ends, whichever has something to read.
fn read_both(mut files: [(Option<File>, &mut Vec<u8>); 2]) -> io::Result<()> {
    let mut chunk = [0; 8192];
    loop {
        // A negative number is passed over.
        let number = |file: &Option<File>| file.as_ref().map_or(-1, File::as_raw_fd);
        let entry = |file| libc::pollfd { fd: number(file), events: libc::POLLIN, revents: 0 };
        let mut entries = [entry(&files[0].0), entry(&files[1].0)];
        if entries.iter().all(|entry| entry.fd < 0) {
            return Ok(());
        }
        poll(&mut entries)?;
        for (entry, (file, text)) in entries.iter().zip(&mut files) {
            if let (true, Some(open)) = (entry.revents != 0, file.as_mut()) {
                match open.read(&mut chunk) {
                    Ok(0) => *file = None,
                    Ok(count) => text.extend_from_slice(&chunk[..count]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// Waits until one of the entries has something to tell, or a signal handler has run.
fn poll(entries: &mut [libc::pollfd]) -> io::Result<()> {
    // SAFETY: the libc writes `revents` of the slice's entries.
    if unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, -1) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(())
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl AsRawFd for Child {
    fn as_raw_fd(&self) -> RawFd {
        self.pidfd.as_raw_fd()
    }
}

impl IntoRawFd for Child {
    fn into_raw_fd(self) -> RawFd {
        self.pidfd.into_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each status comes back as waitpid would give it.
    #[test]
    fn statuses() {
        assert_eq!(SigInfo::new().exit_status(), None);
        let with_core = 0x80;
        for status in (0..256).map(|code| code << 8).chain(1..65).chain((1..65).map(|signal| signal | with_core)) {
            assert_eq!(SigInfo::of_exit(1, 2, status).exit_status(), Some(status));
        }
    }
}

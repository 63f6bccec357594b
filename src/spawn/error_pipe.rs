//! How a child that got a copy of the memory instead of sharing it (some emulators do that) says why it failed: through
//! a pipe.
//!
//! That the program runs could be told from the end of file, for its exec closes the pipe.  But a fork in another
//! thread of the caller holds a copy, maybe for ever.  So before its exec the child takes a lock on the pipe and says
//! so.  The lock belongs to the process and is not inherited; the exec, or the child's end, takes it away.
//!
//! The pipe takes descriptor numbers that the caller did not use and that a file action may name.  Such an action must
//! find the number free, so the child moves its end out of the way (`ChildEnd::vacate`) or says that the number is not
//! open (`ChildEnd::holds`).

use crate::errno::{Errno, Result};
use crate::kernel::fd::{self, OwnedFd};
use crate::kernel::process;
use crate::kernel::uapi::{PollFd, POLLIN};
use core::cell::Cell;
use libc::c_int;

/// The child's end.
pub struct ChildEnd {
    reader: c_int,
    writer: Cell<c_int>,
    permission: c_int,
}

impl ChildEnd {
    /// Nothing to report through: the memory is shared.
    pub const fn none() -> Self {
        ChildEnd { reader: -1, writer: Cell::new(-1), permission: -1 }
    }

    /// The child's first step: only the writing end is left.
    pub fn open(&self) {
        if self.reader >= 0 {
            let _ = fd::close(self.reader);
            let _ = fd::close(self.permission);
        }
    }

    /// Whether a child that finds no pidfd in the frame may go on.  A copy of the memory does not show it; then the
    /// parent says so, unless it is suspended, as under valgrind.  If the memory is the parent's there is none, and
    /// nobody would ever have a name for the program; that is asked last, for there are sandboxes that kill for kcmp.
    pub fn is_permitted(&self) -> bool {
        if self.permission < 0 {
            return false;
        }
        let mut events = [PollFd::new(self.permission, POLLIN)];
        for _ in 0..PATIENCE {
            if fd::read(self.permission, &mut [0; 8]).is_ok() {
                return true;
            }
            if fd::poll(&mut events, TICK).is_err() {
                process::nap();
            }
        }
        process::shares_memory_with_parent() != Ok(true)
    }

    pub fn send(&self, error: Errno) {
        if self.writer.get() >= 0 {
            let _ = fd::write(self.writer.get(), &error.0.to_ne_bytes());
        }
    }

    /// The child's last step before its exec: closing another descriptor of the pipe would take the lock away.
    #[inline(always)]
    pub fn announce_execution(&self) {
        if self.writer.get() >= 0 && fd::lock(self.writer.get()).is_ok() {
            self.send(EXECUTING);
        }
    }

    /// Whether that number is open only because of the error pipe.
    pub fn holds(&self, fd: c_int) -> bool {
        fd >= 0 && fd == self.writer.get()
    }

    /// Whether the error pipe takes a number that would otherwise be free and is lower than that one.
    pub fn is_below(&self, fd: c_int) -> bool {
        (0..fd).contains(&self.writer.get())
    }

    /// The number of the writing end, -1 without one.
    pub fn number(&self) -> c_int {
        self.writer.get()
    }

    /// Frees that number for a file action.
    pub fn vacate(&self, fd: c_int) -> Result<()> {
        if self.holds(fd) {
            self.writer.set(fd::fcntl_dupfd(fd, 0)?);
            let _ = fd::close(fd);
        }
        Ok(())
    }
}

/// The parent's end.
pub struct ErrorPipe {
    reader: OwnedFd,
    writer: OwnedFd,
    permission: OwnedFd,
}

impl ErrorPipe {
    pub fn new() -> Result<Self> {
        let (reader, writer) = fd::pipe()?;
        Ok(ErrorPipe {
            reader: fd::above_standard(reader)?,
            writer: fd::above_standard(writer)?,
            permission: fd::above_standard(fd::eventfd()?)?,
        })
    }

    /// The child's copies of the descriptors.
    pub fn child_end(&self) -> ChildEnd {
        ChildEnd { reader: self.reader.raw(), writer: Cell::new(self.writer.raw()), permission: self.permission.raw() }
    }

    /// Lets the child go on, and waits until it has exec'd, or has ended, which gives 0, or has said why it could not.
    pub fn receive(self, pidfd: &Option<OwnedFd>) -> c_int {
        self.receive_watching(pidfd.as_ref().map_or(-1, OwnedFd::raw), false, |_, _| {})
    }

    /// The same, and calls the function after so many milliseconds without news, each time: with true while the child
    /// does nothing that may take long, which it says itself from its file actions on.
    pub fn receive_watching(self, pidfd: c_int, mut is_brief: bool, mut watch: impl FnMut(u32, bool)) -> c_int {
        let _ = fd::write(self.permission.raw(), &1_u64.to_ne_bytes());
        drop(self.writer);
        let mut last;
        loop {
            last = await_message(&self.reader, pidfd, |milliseconds| watch(milliseconds, is_brief));
            match last {
                Some(PERFORMING_ACTIONS) => is_brief = false,
                Some(CHANGING_IDS) => is_brief = true,
                _ => break,
            }
        }
        if last == Some(EXECUTING) {
            last = await_last_message(&self.reader, pidfd, |milliseconds| watch(milliseconds, true));
        }
        last.map_or(0, |error| error.0)
    }
}

/// What the child says before its exec.
const EXECUTING: Errno = Errno(-1);

/// What one that changes its user says before its file actions, and after them.
pub const PERFORMING_ACTIONS: Errno = Errno(-2);
pub const CHANGING_IDS: Errno = Errno(-3);

/// The child's message, or None when there will be none.
fn await_message(reader: &OwnedFd, pidfd: c_int, mut watch: impl FnMut(u32)) -> Option<Errno> {
    let mut ended = false;
    loop {
        if let Some(message) = message(reader) {
            return message;
        }
        if ended {
            return None;
        }
        let mut events = [PollFd::new(reader.raw(), POLLIN), PollFd::new(pidfd, POLLIN)];
        match fd::poll(&mut events, TICK) {
            Ok(count) => {
                ended = events[1].is_ready();
                if count == 0 {
                    watch(TICK as u32);
                }
            }
            Err(_) => {
                watch(process::nap());
                ended = process::has_ended(pidfd);
            }
        }
    }
}

/// What comes after that: nothing more once the lock is gone.
fn await_last_message(reader: &OwnedFd, pidfd: c_int, mut watch: impl FnMut(u32)) -> Option<Errno> {
    loop {
        let is_free = fd::try_lock(reader.raw());
        if let Some(message) = message(reader) {
            return message;
        }
        match is_free {
            Ok(true) => return None,
            Ok(false) => {}
            // Nobody can be asked: then the end is all that there is to wait for.
            Err(_) => return await_message(reader, pidfd, watch),
        }
        match fd::poll(&mut [PollFd::new(reader.raw(), POLLIN)], TICK) {
            Ok(0) => watch(TICK as u32),
            Ok(_) => {}
            Err(_) => watch(process::nap()),
        }
    }
}

/// How long a side waits before it looks again, in milliseconds.
const TICK: usize = 50;

/// How many ticks the child waits for a parent that is not suspended, and so writes at once.
const PATIENCE: usize = 4;

/// What is in the pipe: nothing yet, the end of file, or a message.
fn message(reader: &OwnedFd) -> Option<Option<Errno>> {
    let mut text = [0; 4];
    match fd::read(reader.raw(), &mut text) {
        Ok(4) => Some(Some(Errno(c_int::from_ne_bytes(text)))),
        Err(Errno(libc::EAGAIN)) => None,
        _ => Some(None),
    }
}

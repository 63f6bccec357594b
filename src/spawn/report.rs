//! How a child that got a copy of the memory instead of sharing it (some emulators do that) says why it failed: through
//! a pipe that its exec closes.
//!
//! The pipe takes descriptor numbers that the caller did not use and that a file action may name.  Such an action must
//! find the number free, so the child moves its end out of the way (`Report::vacate`) or says that the number is not
//! open (`Report::holds`).

use crate::errno::{Errno, Result};
use crate::kernel::fd::{self, OwnedFd};
use core::cell::Cell;
use libc::c_int;

/// The child's end.
pub struct Report {
    reader: c_int,
    writer: Cell<c_int>,
}

impl Report {
    /// Nothing to report through: the memory is shared.
    pub const fn none() -> Self {
        Report { reader: -1, writer: Cell::new(-1) }
    }

    /// The child's first step: only the writing end is left.
    pub fn open(&self) {
        if self.reader >= 0 {
            let _ = fd::close(self.reader);
        }
    }

    pub fn send(&self, error: Errno) {
        if self.writer.get() >= 0 {
            let _ = fd::write(self.writer.get(), &error.0.to_ne_bytes());
        }
    }

    /// Whether that number is open only because of the report.
    pub fn holds(&self, fd: c_int) -> bool {
        fd >= 0 && fd == self.writer.get()
    }

    /// The number of the writing end, -1 without one.
    pub fn number(&self) -> c_int {
        self.writer.get()
    }

    /// Frees that number for a file action.
    pub fn vacate(&self, fd: c_int) -> Result<()> {
        if self.holds(fd) {
            self.writer.set(fd::dup_from(fd, 0)?);
            let _ = fd::close(fd);
        }
        Ok(())
    }
}

/// The parent's end.
pub struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Pipe {
    pub fn new() -> Result<Self> {
        let (reader, writer) = fd::pipe()?;
        Ok(Pipe { reader, writer })
    }

    /// The child's copies of the descriptors.
    pub fn child_end(&self) -> Report {
        Report { reader: self.reader.raw(), writer: Cell::new(self.writer.raw()) }
    }

    /// Waits until the child has exec'd, which gives 0, or has said why not.
    pub fn receive(self) -> c_int {
        drop(self.writer);
        let mut error = [0; 4];
        match fd::read(self.reader.raw(), &mut error) {
            Ok(4) => c_int::from_ne_bytes(error),
            _ => 0,
        }
    }
}

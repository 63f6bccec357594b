//! Starting programs, in Rust's own terms: [`Command`] and [`Child`] as in `std::process`, with a pidfd for each child,
//! and with what a program otherwise runs code for between fork and exec.
//!
//! It needs the feature `std`.  The methods that `std::process::Command` and its `CommandExt` have as well mean the
//! same here.  What is different:
//!
//! - A [`Child`] *is* a pidfd: it can be polled ([`AsFd`](std::os::unix::io::AsFd), for tokio's `AsyncFd`, mio and
//!   others), it never comes to mean another process, and its status cannot be stolen: [`Child::wait`] knows it even if
//!   other code in the program waits for all children, or if SIGCHLD is ignored (Linux 6.15).
//! - Linux 5.4 or newer is needed.  Where the kernel has no pidfds (nor has gVisor), or a sandbox hides them, `spawn`
//!   fails with `Unsupported` (ENOSYS); std goes on without a pidfd.
//! - One method for each thing that `pidfd_spawn_ext` can do: [`Command::close_on_exec_from`],
//!   [`Command::death_signal`], [`Command::limit`] and so on.  Where the kernel cannot do what was asked for, `spawn`
//!   says so and starts nothing.  (Only `SEARCH` has none: a program is always looked for in the child's PATH.)
//! - [`Command::current_dir`] is done with the caller's rights, before [`Command::uid`] and [`Command::gid`]; std
//!   changes the IDs first.
//! - [`Stdio`] is this module's own, because that of std cannot be opened up.  It has the same constructors, and
//!   everything that can be made an [`OwnedFd`](std::os::unix::io::OwnedFd) can be given in its place: a `File`, a
//!   socket, std's `ChildStdout`.  The pipes of a [`Child`] are `File`s.
//! - A file without `#!` is `ENOEXEC`; where std forks, for `uid`, `groups` or another PATH, the C library may hand it
//!   to a shell.
//! - There is no `pre_exec`: the child shares its parent's memory and no code of the program runs in it.
//! - The environment is read as `std::env::vars_os` gives it, so that other threads may change it meanwhile, and an
//!   entry without `=` is not passed on.
//!
//! ```
//! use pidfd_spawn::process::{Command, Stdio};
//!
//! # fn main() -> std::io::Result<()> {
//! let output = Command::new("echo")
//!     .arg("from a child")
//!     .close_on_exec_from(3)
//!     .death_signal(libc::SIGKILL)
//!     .stdin(Stdio::null())
//!     .output()?;
//! assert!(output.status.success());
//! assert_eq!(output.stdout, b"from a child\n");
//! # Ok(())
//! # }
//! ```
//!
//! Errors are `std::io::Error`s with the number that pidfd_spawn_ext(3) tells; a string with a NUL inside is
//! `InvalidInput`.

mod child;
mod command;
mod environment;
mod start;
mod stdio;

pub use child::Child;
pub use command::{Command, Resource, UNLIMITED};
pub use stdio::Stdio;

use crate::errno::Errno;
use std::io;

impl From<Errno> for io::Error {
    fn from(error: Errno) -> Self {
        io::Error::from_raw_os_error(error.0)
    }
}

//! pidfd_spawn, pidfd_spawnp and pidfd_getpid for C libraries that lack them; and pidfd_spawn_ext, pidfd_wait and
//! pidfd_fork, which no C library has.
//!
//! # As a dependency
//!
//! Rust's standard library has weak references to `pidfd_spawnp` and `pidfd_getpid`, for the pidfds that
//! `std::os::linux::process` gives.  A program that starts others and is built on glibc 2.39 or newer therefore asks
//! for that version when it starts, and says ``version `GLIBC_2.39' not found`` on older systems, whether it uses
//! pidfds or not.  One line, in the program or in any crate that it is made of, makes the linker take the functions
//! from here:
//!
//! ```
//! use pidfd_spawn as _;
//!
//! let status = std::process::Command::new("true").status().unwrap();
//! assert!(status.success());
//! ```
//!
//! Off Linux, which alone has pidfds, the crate is empty: that line does no harm there, and what names the functions
//! needs `#[cfg(target_os = "linux")]`.
//!
//! What std does then goes through this library: a child whose pidfd is asked for is started by it instead of by fork.
//! Nothing else changes; above all posix_spawn is still the libc's.  Which older systems the program starts on depends
//! on the other functions that it takes from the libc: the README says more.
//!
//! # From Rust
//!
//! With the feature `std`, which is off by default, there is a safe module `process`: the names of `std::process`, a
//! method for each thing that pidfd_spawn_ext can do, and children that are pidfds.  (The standard library's own
//! `CommandExt::create_pidfd` needs a nightly compiler.)
//!
//! ```
//! # #[cfg(feature = "std")]
//! # fn main() -> std::io::Result<()> {
//! use pidfd_spawn::process::Command;
//!
//! let mut child = Command::new("sleep").arg("0.1").close_on_exec_from(3).spawn()?;
//! assert!(child.wait()?.success());
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "std"))]
//! # fn main() {}
//! ```
//!
//! The functions can be called as well, by their C signatures.
//!
//! ```
//! use pidfd_spawn::capi::{pidfd_spawn, pidfd_wait};
//! use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};
//! use std::ptr;
//!
//! let argv = [b"true\0".as_ptr() as *mut _, ptr::null_mut()];
//! let envp = [ptr::null_mut()];
//! let mut pidfd = -1;
//! // SAFETY: strings that end in NUL, in arrays that end in NULL; the descriptor is new.
//! let child = unsafe {
//!     let path = b"/bin/true\0".as_ptr().cast();
//!     let error = pidfd_spawn(&mut pidfd, path, ptr::null(), ptr::null(), argv.as_ptr(), envp.as_ptr());
//!     assert_eq!(error, 0);
//!     OwnedFd::from_raw_fd(pidfd)
//! };
//! // SAFETY: it need not store anything.
//! let result = unsafe { pidfd_wait(child.as_raw_fd(), ptr::null_mut(), 0, ptr::null_mut()) };
//! assert_eq!(result, 0);
//! drop(child); // Closes the pidfd.
//! ```
//!
//! # The modules, from the outside in
//!
//! - `process`: the safe module.  `command` collects what is asked for, `start` makes a request of it for the engine,
//!   without the libc's objects; `child` is what comes of it.
//! - [`capi`]: the C functions and their documentation; raw pointers and return conventions end there.  Its
//!   `posix_spawn` are the libc's functions whose place the shared library takes, so that SETCGROUP works everywhere.
//! - `runtime`: what is known of the kernel and the libc that the process runs on, and the libc's own functions.
//! - `spawn`: starting a program.  `spawn` itself is the parent's half, `spawn::child` the child's; `clone` makes the
//!   child, and `fallback` where clone3 is refused; `file_actions` and `path_search` are the two larger things that the
//!   child does, `error_pipe` is for emulators.
//! - `spawn::extended`: what pidfd_spawn_ext does besides; `user_change` is for children that change their user.
//! - `fork`: pidfd_fork; `handshake` is the proof that its pidfd names the child, `raw` for a libc without _Fork.
//! - `getpid`: pidfd_getpid; `wait`: pidfd_wait.
//! - `libc_abi`: the caller's attributes and file actions, read from the libc's private layouts, and the check that the
//!   layouts are what they are thought to be.
//! - `cancel`: keeps thread cancellation out.
//! - `errno`: error numbers.
//! - `properties`: what holds for any input of the parsers; for unit tests and fuzzing alone.
//! - `kernel`: system calls as typed functions; `kernel::arch` holds the instructions.
//!
//! # The path of a call
//!
//! A spawn goes from `capi`, which asks `runtime` how to read the arguments, to `spawn`, which makes the child by one
//! clone3 on the caller's own stack and is suspended; the child performs the attributes and actions with system calls
//! alone and executes the program or leaves the error in the shared frame; the parent reaps a failed child through
//! its pidfd and returns.
//!
//! `unsafe` is denied here and allowed file by file; each such file opens with what makes it sound.

#![cfg_attr(not(any(test, fuzzing, feature = "std")), no_std)]
#![deny(unsafe_code)]
#![warn(missing_docs)]

#[cfg(target_os = "linux")]
mod cancel;
#[cfg(target_os = "linux")]
pub mod capi;
#[cfg(target_os = "linux")]
mod errno;
#[cfg(target_os = "linux")]
mod fork;
#[cfg(target_os = "linux")]
mod getpid;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod libc_abi;
#[cfg(all(target_os = "linux", feature = "std"))]
pub mod process;
#[cfg(all(target_os = "linux", any(test, fuzzing)))]
#[path = "tests/properties.rs"]
pub mod properties;
#[cfg(target_os = "linux")]
mod runtime;
#[cfg(target_os = "linux")]
mod spawn;
#[cfg(target_os = "linux")]
mod wait;

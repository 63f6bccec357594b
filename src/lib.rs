//! pidfd_spawn, pidfd_spawnp, pidfd_fork and pidfd_getpid for C libraries that lack them.
//!
//! # The modules, from the outside in
//!
//! - [`capi`]: the four C functions and their documentation; raw pointers and return conventions end there.
//! - `host`: what the process offers, examined once at load: which libc's layouts, which kernel support.
//! - `spawn`: starting a program.  `spawn` itself is the parent's half, `spawn::child` the child's; `clone` makes the
//!   child, `actions` and `exec` are the two larger things that it does, `report` is for emulators.
//! - `fork`: pidfd_fork and the proof that its pidfd names the child.
//! - `getpid`: pidfd_getpid.
//! - [`interpose`]: the libc's functions whose place the shared library takes, so that SETCGROUP works everywhere.
//! - `libc_abi`: the caller's attributes and file actions, read from the libc's private layouts, and the check that the
//!   layouts are what they are thought to be.
//! - `cancel`: keeps thread cancellation out.
//! - `errno`: error numbers.
//! - `properties`: what holds for any input of the parsers; for unit tests and fuzzing alone.
//! - `kernel`: system calls as typed functions; `kernel::arch` holds the instructions.
//!
//! # The way of a call
//!
//! A spawn goes from `capi`, which asks `host` how to read the arguments, to `spawn`, which makes the child by one
//! clone3 on the caller's own stack and is suspended; the child performs the attributes and actions with system calls
//! alone and executes the program or leaves the error in the shared frame; the parent reaps a failed child through
//! its pidfd and returns.
//!
//! `unsafe` is denied here and allowed file by file; each such file opens with what makes it sound.

#![cfg_attr(not(any(test, fuzzing)), no_std)]
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod cancel;
pub mod capi;
mod errno;
mod fork;
mod getpid;
mod host;
pub mod interpose;
mod kernel;
mod libc_abi;
#[cfg(any(test, fuzzing))]
pub mod properties;
mod spawn;

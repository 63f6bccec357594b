//! The child's half of a spawn: from the clone to the exec.
//!
//! Everything here runs in the caller's memory while the caller is suspended.  It makes system calls, reads the request
//! and writes the frame's error; it calls no libc function, allocates nothing and cannot panic.

// Sound because: `main` is only entered by a clone whose argument is a `Frame` that outlives the child's use of it.
#![allow(unsafe_code)]

use super::{file_actions, path_search, Frame, HandlerReset, NO_PIDFD};
use crate::errno::{Errno, Result};
use crate::kernel::process;
use crate::kernel::signal;
use crate::kernel::uapi::{SignalSet, SIG_DFL, SIG_IGN};
use crate::libc_abi::{flag, Attributes};
use core::sync::atomic::Ordering;
use libc::{c_int, c_void};

/// What a shell uses for a program that could not be executed; nobody sees it, for the caller reaps the child.
pub const NOT_EXECUTED: c_int = 127;

pub unsafe extern "C" fn main(frame: *const c_void) -> ! {
    let frame = &*frame.cast::<Frame>();
    let request = frame.request;
    run(frame, || prepare(frame), || path_search::execute(&request.program, request.argv, request.envp))
}

/// Becomes the program, or says why not.
#[inline(always)]
pub(super) unsafe fn run(frame: &Frame, prepare: impl FnOnce() -> Result<()>, execute: impl FnOnce() -> Errno) -> ! {
    frame.reached.store(true, Ordering::Relaxed);
    // Without a pidfd in the frame this is a copy of the memory, or nobody could ever refer to the program.
    let unnamed = frame.request.wants_pidfd && frame.pidfd.load(Ordering::Relaxed) == NO_PIDFD;
    if unnamed && !frame.error_pipe.is_permitted() {
        process::exit(NOT_EXECUTED);
    }
    frame.error_pipe.open();
    let error = match prepare() {
        Ok(()) => {
            frame.error_pipe.announce_execution();
            execute()
        }
        Err(error) => error,
    };
    frame.error.store(error.0, Ordering::Relaxed);
    frame.error_pipe.send(error);
    process::exit(NOT_EXECUTED)
}

/// Everything that is asked for before the program is executed, in the order that the contract gives.
unsafe fn prepare(frame: &Frame) -> Result<()> {
    let attributes = &frame.request.attributes;
    let mask = match frame.handler_reset {
        HandlerReset::ByChild { mask, .. } => mask,
        HandlerReset::ByKernel if has_work(frame) => signal::sigprocmask(SignalSet::ALL),
        HandlerReset::ByKernel => return Ok(()),
    };
    set_dispositions(frame.handler_reset, attributes)?;
    set_scheduling(attributes)?;
    set_session(attributes)?;
    reset_ids(attributes)?;
    file_actions::perform(frame.request.actions, &frame.error_pipe)?;
    signal::sigprocmask(programs_mask(attributes, mask));
    Ok(())
}

#[inline(always)]
pub(super) fn has_work(frame: &Frame) -> bool {
    let mut actions = frame.request.actions;
    frame.request.attributes.flags & !(flag::USEVFORK | flag::SETCGROUP) != 0 || actions.next().is_some()
}

/// Handlers become default, for they are code of a memory that the program will not have; ignored signals stay ignored
/// unless the caller wants them default.
#[inline(always)]
pub(super) fn set_dispositions(handler_reset: HandlerReset, attributes: &Attributes) -> Result<()> {
    let chosen = if attributes.has(flag::SETSIGDEF) { attributes.default_signals } else { SignalSet::EMPTY };
    match handler_reset {
        HandlerReset::ByKernel if chosen == SignalSet::EMPTY => Ok(()),
        HandlerReset::ByKernel => chosen.for_each(signal::set_default),
        HandlerReset::ByChild { handlers: Some(handlers), .. } => chosen.with(handlers).for_each(signal::set_default),
        // No handler of a signal that stays blocked can run, and the exec makes it default.
        HandlerReset::ByChild { mask, handlers: None } => {
            let open = programs_mask(attributes, mask).complement();
            chosen.with(open).for_each(|number| {
                if chosen.contains(number) || has_handler(number)? {
                    signal::set_default(number)?;
                }
                Ok(())
            })
        }
    }
}

/// What the program starts with; the second is the caller's own.
#[inline(always)]
pub(super) fn programs_mask(attributes: &Attributes, mask: SignalSet) -> SignalSet {
    if attributes.has(flag::SETSIGMASK) {
        attributes.mask
    } else {
        mask
    }
}

fn has_handler(number: c_int) -> Result<bool> {
    Ok(!matches!(signal::disposition(number)?.handler, SIG_DFL | SIG_IGN))
}

#[inline(always)]
pub fn set_scheduling(attributes: &Attributes) -> Result<()> {
    if attributes.has(flag::SETSCHEDULER) {
        process::sched_setscheduler(attributes.policy, attributes.priority)?;
    } else if attributes.has(flag::SETSCHEDPARAM) {
        process::sched_setparam(attributes.priority)?;
    }
    Ok(())
}

#[inline(always)]
pub fn set_session(attributes: &Attributes) -> Result<()> {
    if attributes.has(flag::SETSID) {
        process::setsid()?;
    }
    if attributes.has(flag::SETPGROUP) {
        process::setpgid(attributes.group)?;
    }
    Ok(())
}

#[inline(always)]
pub fn reset_ids(attributes: &Attributes) -> Result<()> {
    if attributes.has(flag::RESETIDS) {
        process::seteuid(process::getuid())?;
        process::setegid(process::getgid())?;
    }
    Ok(())
}

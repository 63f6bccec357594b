//! The child's half of pidfd_spawn_ext.  Same conditions as in `spawn::child`.

// Sound because: as in `spawn::child`; the arguments' arrays are as long as their counts say and stay unchanged.
#![allow(unsafe_code)]

use super::args::*;
use super::{cgroup, close_on_exec, has_several_ids, Extension};
use crate::errno::{Errno, Result};
use crate::kernel::uapi::SignalSet;
use crate::kernel::{fd, process, signal};
use crate::libc_abi::flag;
use crate::spawn::child::{self, NOT_EXECUTED};
use crate::spawn::error_pipe::{CHANGING_IDS, PERFORMING_ACTIONS};
use crate::spawn::file_actions::{self, visible};
use crate::spawn::{path_search, Frame, HandlerReset};
use libc::c_void;

pub unsafe extern "C" fn main(frame: *const c_void) -> ! {
    let frame = &*frame.cast::<Frame>();
    let extension = match frame.extension {
        Some(extension) => extension,
        None => process::exit(NOT_EXECUTED),
    };
    let failed = |error| {
        give_up_terminal(extension);
        error
    };
    child::run(frame, || prepare(frame, extension).map_err(failed), || failed(execute(frame, extension)))
}

/// Everything that is asked for before the program is executed, in the order that the contract gives.
unsafe fn prepare(frame: &Frame, extension: &Extension) -> Result<()> {
    let (args, attributes) = (extension.args, &frame.request.attributes);
    if let Some(change) = extension.user_change {
        // The parent is not suspended: this tells it when the memory is its own again.
        process::set_tid_address(change.memory_is_used())?;
        change.try_group()?;
    }
    if extension.moves.get() {
        cgroup::enter(visible(attributes.cgroup, &frame.error_pipe)?)?;
    }
    let mask = match frame.handler_reset {
        HandlerReset::ByChild { mask, .. } => mask,
        HandlerReset::ByKernel if child::has_work(frame) || args.has(!FLAGS_WITHOUT_STEPS) => {
            signal::sigprocmask(SignalSet::ALL)
        }
        HandlerReset::ByKernel => return Ok(()),
    };
    // From here on; a change of the IDs takes it back.  That it cannot be had is said in its turn.
    let death_signal =
        if args.has(PIDFD_SPAWN_PDEATHSIG) { process::set_death_signal(args.death_signal) } else { Ok(()) };
    child::set_dispositions(frame.handler_reset, attributes)?;
    extension.ignored.for_each(signal::set_ignored)?;
    child::set_scheduling(attributes)?;
    child::set_session(attributes)?;
    if args.has(PIDFD_SPAWN_SETCTTY) {
        fd::set_controlling_terminal(visible(args.terminal, &frame.error_pipe)?)?;
    }
    if let Some(change) = extension.user_change {
        change.begin()?;
        if attributes.has(flag::RESETIDS) {
            change.expose(true);
        }
    }
    if attributes.has(flag::RESETIDS) {
        extension.hide_memory();
        child::reset_ids(attributes)?;
        extension.hide_memory();
        if args.has(PIDFD_SPAWN_PDEATHSIG) {
            let _ = process::set_death_signal(args.death_signal);
        }
    }
    if args.has(PIDFD_SPAWN_SETUMASK) {
        process::umask(args.umask)?;
    }
    if args.has(PIDFD_SPAWN_CLOEXEC_FROM) {
        close_on_exec::mark_from(args.cloexec_from)?;
        for index in 0..args.inherit_count as usize {
            fd::clear_close_on_exec(visible(*args.inherit.add(index), &frame.error_pipe)?)?;
        }
    }
    if let Some(change) = extension.user_change {
        change.begin_actions();
    } else if extension.hides_memory {
        frame.error_pipe.send(PERFORMING_ACTIONS);
    }
    file_actions::perform(frame.request.actions, &frame.error_pipe)?;
    // Afterwards there may be no number for what tells it.
    let for_files = if args.has(PIDFD_SPAWN_PDEATHSIG) { kept_file_system_ids(args) } else { [None; 2] };
    if args.has(PIDFD_SPAWN_SETRLIMITS) {
        for index in 0..args.limit_count as usize {
            let limit = &*args.limits.add(index);
            process::setrlimit(limit.resource, limit.soft, limit.hard)?;
        }
    }
    if extension.hides_memory {
        frame.error_pipe.send(CHANGING_IDS);
    }
    set_credentials(extension)?;
    if args.has(PIDFD_SPAWN_PDEATHSIG) {
        let changes_ids = args.has(PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SETGID) || attributes.has(flag::RESETIDS);
        let kept = if changes_ids { process::set_death_signal(args.death_signal) } else { death_signal };
        kept?;
        check_death_signal(extension, for_files)?;
    }
    signal::sigprocmask(child::programs_mask(attributes, mask));
    Ok(())
}

/// What is done by the clone or by the exec.
const FLAGS_WITHOUT_STEPS: u64 = PIDFD_SPAWN_SEARCH
    | PIDFD_SPAWN_SEARCH_ENVP
    | PIDFD_SPAWN_EXEC_FD
    | PIDFD_SPAWN_CGROUP
    | PIDFD_SPAWN_CGROUP_MAY_MOVE
    | PIDFD_SPAWN_AUTOREAP
    | PIDFD_SPAWN_KILL_ON_CLOSE;

unsafe fn set_credentials(extension: &Extension) -> Result<()> {
    let args = extension.args;
    if let Some(change) = extension.user_change {
        change.expose(false);
    }
    extension.hide_memory();
    if args.has(PIDFD_SPAWN_SETGROUPS) {
        process::setgroups(args.group_count as usize, args.groups)?;
    }
    if args.has(LOSE_GROUPS) {
        match process::setgroups(0, core::ptr::null()) {
            Ok(()) | Err(Errno(libc::EPERM)) => {}
            Err(error) => return Err(error),
        }
    }
    set_group_ids(extension)?;
    if args.has(PIDFD_SPAWN_SETUID) {
        process::setuid(args.uid)?;
    }
    extension.hide_memory();
    if args.has(PIDFD_SPAWN_NO_NEW_PRIVS) {
        process::set_no_new_privs()?;
    }
    Ok(())
}

fn set_group_ids(extension: &Extension) -> Result<()> {
    let args = extension.args;
    let group = if args.has(PIDFD_SPAWN_SETGID) { Some(args.gid) } else { None };
    match (extension.user_change, group) {
        (Some(change), group) => change.setgid(group),
        (None, Some(group)) => process::setgid(group),
        (None, None) => Ok(()),
    }
}

/// A caller that ended before could not be noticed by the signal any more.  It has no number for a child in a PID
/// namespace that it entered after its own birth.
fn check_death_signal(extension: &Extension, for_files: [Option<u32>; 2]) -> Result<()> {
    let parent = process::getppid();
    if parent != 0 && extension.caller != Some(parent) {
        return Err(Errno(libc::ESRCH));
    }
    // The exec takes the signal away, as that of a set-user-ID program does, if it changes an ID by which anything is
    // permitted, or gives root a capability.
    let users = process::user_pair();
    let may_gain = !extension.args.has(PIDFD_SPAWN_NO_NEW_PRIVS) && users[1] == 0;
    if has_several_ids(users, for_files) || may_gain && process::root_may_gain_capability() {
        return Err(Errno(libc::EOPNOTSUPP));
    }
    Ok(())
}

/// Those that no change of the user or the group will set.
fn kept_file_system_ids(args: &pidfd_spawn_args) -> [Option<u32>; 2] {
    let (sets_user, sets_group) = (args.has(PIDFD_SPAWN_SETUID), args.has(PIDFD_SPAWN_SETGID));
    if sets_user && sets_group {
        return [None; 2];
    }
    let [user, group] = fd::file_system_ids();
    [user.filter(|_| !sets_user), group.filter(|_| !sets_group)]
}

/// Without this the end of a child that could not become the program would hang up the terminal, for its caller too.
fn give_up_terminal(extension: &Extension) {
    if extension.args.has(PIDFD_SPAWN_SETCTTY) {
        // It sends SIGHUP.
        signal::sigprocmask(SignalSet::ALL);
        // File actions may have moved it.
        for fd in [extension.args.terminal, 0, 1, 2] {
            if fd::give_up_controlling_terminal(fd).is_ok() {
                return;
            }
        }
        let flags = libc::O_RDONLY | libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC;
        if let Ok(terminal) = fd::open_in(libc::AT_FDCWD, b"/dev/tty\0", flags) {
            let _ = fd::give_up_controlling_terminal(terminal.raw());
        }
    }
}

unsafe fn execute(frame: &Frame, extension: &Extension) -> Errno {
    let (args, request) = (extension.args, frame.request);
    if !args.has(PIDFD_SPAWN_EXEC_FD) {
        return path_search::execute(&request.program, request.argv, request.envp);
    }
    match visible(args.exec_fd, &frame.error_pipe) {
        Ok(fd) => process::execveat(fd, request.argv, request.envp),
        Err(error) => error,
    }
}

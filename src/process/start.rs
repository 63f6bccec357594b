//! From a `Command` to the engine.

// Sound because: everything that the request points to is borrowed or held here until the child has left this memory,
// which is before the engine's function returns; the environment is a copy.
#![allow(unsafe_code)]

use super::command::Command;
use super::stdio::{copy_above_standard, is_standard, Prepared};
use super::{Child, Stdio};
use crate::cancel;
use crate::capi::*;
use crate::errno::Errno;
use crate::kernel::fd::OwnedFd as EngineFd;
use crate::kernel::process;
use crate::kernel::uapi::SignalSet;
use crate::libc_abi::{flag, Attributes, FileAction, FileActions, Libc};
use crate::runtime::Runtime;
use crate::spawn::extended;
use crate::spawn::{Program, Request, SearchBuffer};
use libc::{c_char, c_int};
use std::env;
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

impl Command {
    /// Starts the program; the standard descriptors are those where nothing else was said.
    pub(super) fn start(&self, [stdin, stdout, stderr]: [&Stdio; 3]) -> io::Result<Child> {
        self.check()?;
        if !Runtime::get().has_pidfds() {
            return Err(Errno(libc::ENOSYS).into());
        }
        let environment = self.environment.strings(env::vars_os())?;
        let envp = array(environment.iter());
        let argv = array(self.arguments());
        let standard = [
            Prepared::new(self.stdin.as_ref().unwrap_or(stdin), libc::STDIN_FILENO)?,
            Prepared::new(self.stdout.as_ref().unwrap_or(stdout), libc::STDOUT_FILENO)?,
            Prepared::new(self.stderr.as_ref().unwrap_or(stderr), libc::STDERR_FILENO)?,
        ];
        let exec_fd = self.exec_fd.as_ref().map(above_standard).transpose()?;
        let actions = self.actions(&standard);
        let args = self.additions(exec_fd.as_ref().map_or(-1, Held::number));
        let mut room = MaybeUninit::uninit();
        let buffer = SearchBuffer::in_place(&mut room);
        // SAFETY: strings that end in NUL, in arrays that end in NULL; all that is pointed to lives until the end of
        // this function.
        let child = unsafe {
            args.check()?;
            let libc = if cfg!(target_env = "musl") { Libc::Musl } else { Libc::Glibc };
            let path = libc.search_path_in(envp.as_ptr());
            let request = Request {
                program: Program::Search { name: self.program.as_ptr(), path, buffer },
                actions: FileActions::listed(&actions),
                attributes: self.attributes(),
                argv: argv.as_ptr(),
                envp: envp.as_ptr(),
                wants_pidfd: true,
            };
            let _no_cancellation = cancel::Deferred::new();
            extended::spawn(&request, &args, self.ignored)?
        };
        // The engine's children have one wherever one is asked for.
        let pidfd = child.pidfd.ok_or(Errno(libc::ENOSYS))?;
        Ok(Child::new(own(pidfd), child.pid as u32, standard.map(|prepared| prepared.pipe)))
    }

    fn actions(&self, standard: &[Prepared]) -> Vec<FileAction> {
        // Onto itself, a descriptor is inherited.
        let inherited = self.inherited.iter().map(|fd| FileAction::Dup2 { from: fd.as_raw_fd(), to: fd.as_raw_fd() });
        let chdir = self.directory.iter().map(|path| FileAction::Chdir { path: path.as_ptr() });
        standard.iter().filter_map(|prepared| prepared.action).chain(inherited).chain(chdir).collect()
    }

    fn attributes(&self) -> Attributes {
        // Rust programs ignore SIGPIPE, others do not expect it.
        let default_signals = SignalSet(1 << (libc::SIGPIPE - 1));
        let mut attributes = Attributes { flags: flag::SETSIGDEF, default_signals, ..Attributes::NONE };
        if self.is_session_leader {
            attributes.flags |= flag::SETSID;
        }
        if let Some(group) = self.process_group {
            attributes.flags |= flag::SETPGROUP;
            attributes.group = group;
        }
        if let Some(cgroup) = &self.cgroup {
            attributes.flags |= flag::SETCGROUP;
            attributes.cgroup = cgroup.as_raw_fd();
        }
        attributes
    }

    fn additions(&self, exec_fd: c_int) -> pidfd_spawn_args {
        // As std does: root's groups are not meant for another user.
        let loses_groups = self.user.is_some() && self.groups.is_none() && process::getuid() == 0;
        let groups = if loses_groups { Some(&[][..]) } else { self.groups.as_deref() };
        let search = if exec_fd < 0 { PIDFD_SPAWN_SEARCH_ENVP } else { PIDFD_SPAWN_EXEC_FD };
        let given = [
            (self.lowest_close_on_exec.is_some(), PIDFD_SPAWN_CLOEXEC_FROM),
            (!self.limits.is_empty(), PIDFD_SPAWN_SETRLIMITS),
            (self.umask.is_some(), PIDFD_SPAWN_SETUMASK),
            (self.terminal.is_some(), PIDFD_SPAWN_SETCTTY),
            (self.cgroup.is_some(), PIDFD_SPAWN_CGROUP),
            (groups.is_some(), PIDFD_SPAWN_SETGROUPS),
            (self.group.is_some(), PIDFD_SPAWN_SETGID),
            (self.user.is_some(), PIDFD_SPAWN_SETUID),
            (self.death_signal.is_some(), PIDFD_SPAWN_PDEATHSIG),
        ];
        let given = given.iter().filter(|(is_given, _)| *is_given).fold(0, |flags, (_, flag)| flags | flag);
        let groups = groups.unwrap_or(&[]);
        pidfd_spawn_args {
            flags: self.flags | search | given,
            exec_fd,
            cloexec_from: self.lowest_close_on_exec.unwrap_or(0),
            inherit: ptr::null(),
            limits: self.limits.as_ptr(),
            inherit_count: 0,
            limit_count: self.limits.len() as u32,
            // The engine gets the set itself.
            ignore: ptr::null(),
            umask: self.umask.unwrap_or(0),
            terminal: self.terminal.as_ref().map_or(-1, OwnedFd::as_raw_fd),
            cgroup: self.cgroup.as_ref().map_or(-1, OwnedFd::as_raw_fd),
            group_count: groups.len() as u32,
            groups: groups.as_ptr(),
            gid: self.group.unwrap_or(0),
            uid: self.user.unwrap_or(0),
            death_signal: self.death_signal.unwrap_or(0),
            reserved: 0,
        }
    }
}

/// An array for execve.
fn array<'a>(strings: impl Iterator<Item = &'a CString>) -> Vec<*mut c_char> {
    strings.map(|text| text.as_ptr() as *mut c_char).chain([ptr::null_mut()]).collect()
}

/// A descriptor that no file action for a standard descriptor replaces.
enum Held<'a> {
    Itself(&'a OwnedFd),
    Copy(OwnedFd),
}

impl Held<'_> {
    fn number(&self) -> c_int {
        match self {
            Held::Itself(fd) => fd.as_raw_fd(),
            Held::Copy(fd) => fd.as_raw_fd(),
        }
    }
}

fn above_standard(fd: &OwnedFd) -> io::Result<Held<'_>> {
    Ok(if is_standard(fd) { Held::Copy(copy_above_standard(fd)?) } else { Held::Itself(fd) })
}

fn own(pidfd: EngineFd) -> OwnedFd {
    // SAFETY: it is given away.
    unsafe { OwnedFd::from_raw_fd(pidfd.into_raw()) }
}

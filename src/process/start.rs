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
        let is_replaced =
            |fd: &OwnedFd| standard.get(fd.as_raw_fd() as usize).map_or(false, |own| own.action.is_some());
        if self.inherited.iter().any(is_replaced) {
            let complaint = "a descriptor to inherit has the number of a standard one that is said to be another";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, complaint));
        }
        let exec_fd = self.exec_fd.as_ref().map(above_standard).transpose()?;
        let actions = self.actions(&standard);
        let mut args = self.additions(exec_fd.as_ref().map_or(-1, Held::number));
        let mut room = MaybeUninit::uninit();
        let buffer = SearchBuffer::in_place(&mut room);
        // SAFETY: strings that end in NUL, in arrays that end in NULL; all that is pointed to lives until the end of
        // this function.
        let child = unsafe {
            args.check()?;
            // As std does: the caller's groups are not meant for another user.
            if self.user.is_some() && self.groups.is_none() {
                args.flags |= LOSE_GROUPS;
            }
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
        let default_signals = SignalSet::of(&[libc::SIGPIPE]);
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
        let search = if exec_fd < 0 { PIDFD_SPAWN_SEARCH_ENVP } else { PIDFD_SPAWN_EXEC_FD };
        let given = [
            (self.lowest_close_on_exec.is_some(), PIDFD_SPAWN_CLOEXEC_FROM),
            (!self.limits.is_empty(), PIDFD_SPAWN_SETRLIMITS),
            (self.umask.is_some(), PIDFD_SPAWN_SETUMASK),
            (self.terminal.is_some(), PIDFD_SPAWN_SETCTTY),
            (self.cgroup.is_some(), PIDFD_SPAWN_CGROUP),
            (self.groups.is_some(), PIDFD_SPAWN_SETGROUPS),
            (self.group.is_some(), PIDFD_SPAWN_SETGID),
            (self.user.is_some(), PIDFD_SPAWN_SETUID),
            (self.death_signal.is_some(), PIDFD_SPAWN_PDEATHSIG),
        ];
        let given = given.iter().filter(|(is_given, _)| *is_given).fold(0, |flags, (_, flag)| flags | flag);
        let groups = self.groups.as_deref().unwrap_or(&[]);
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

#[cfg(test)]
mod tests {
    use super::super::{Resource, UNLIMITED};
    use super::*;
    use crate::libc_abi::same;
    use std::slice;

    fn pipe() -> [OwnedFd; 2] {
        let mut ends = [-1; 2];
        assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
        ends.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
    }

    #[test]
    fn strings_become_an_array_that_ends_in_null() {
        let mut command = Command::new("program");
        command.args(["", "b"]);
        let argv = array(command.arguments());
        let texts: Vec<_> = argv[..3].iter().map(|&text| unsafe { std::ffi::CStr::from_ptr(text) }).collect();
        assert_eq!(texts.iter().map(|text| text.to_bytes()).collect::<Vec<_>>(), [&b"program"[..], b"", b"b"]);
        assert!(argv.len() == 4 && argv[3].is_null());
        command.arg0("other");
        assert_eq!(unsafe { std::ffi::CStr::from_ptr(array(command.arguments())[0]) }.to_bytes(), b"other");
    }

    /// The engine takes them from the list one by one.
    #[test]
    fn actions_in_their_order() {
        let [one, other] = pipe();
        let fd = one.as_raw_fd();
        let mut command = Command::new("program");
        command.stdin(other).inherit(one).current_dir("/folder");
        let standard = [Prepared::new(command.stdin.as_ref().unwrap(), 0).unwrap()];
        let actions = command.actions(&standard);
        let expected = [
            standard[0].action.unwrap(),
            FileAction::Dup2 { from: fd, to: fd },
            FileAction::Chdir { path: b"/folder\0".as_ptr().cast() },
        ];
        let listed: Vec<_> = unsafe { FileActions::listed(&actions) }.collect();
        assert_eq!(listed.len(), expected.len());
        for (action, expected) in listed.into_iter().zip(expected) {
            assert!(unsafe { same(action.unwrap(), expected) });
        }
        assert!(unsafe { FileActions::listed(&[]) }.next().is_none());
    }

    #[test]
    fn each_request_is_a_flag() {
        let flags = |change: fn(&mut Command) -> &mut Command| {
            let mut command = Command::new("program");
            change(&mut command);
            command.additions(-1).flags & !PIDFD_SPAWN_SEARCH_ENVP
        };
        assert_eq!(flags(|command| command), 0);
        assert_eq!(flags(|command| command.close_on_exec_from(5)), PIDFD_SPAWN_CLOEXEC_FROM);
        assert_eq!(flags(|command| command.limit(Resource::Core, 0, 0)), PIDFD_SPAWN_SETRLIMITS);
        assert_eq!(flags(|command| command.umask(0)), PIDFD_SPAWN_SETUMASK);
        assert_eq!(flags(|command| command.controlling_terminal(pipe()[0].try_clone().unwrap())), PIDFD_SPAWN_SETCTTY);
        assert_eq!(flags(|command| command.cgroup(pipe()[0].try_clone().unwrap())), PIDFD_SPAWN_CGROUP);
        assert_eq!(flags(|command| command.cgroup_may_move(true)), PIDFD_SPAWN_CGROUP_MAY_MOVE);
        assert_eq!(flags(|command| command.groups(&[])), PIDFD_SPAWN_SETGROUPS);
        assert_eq!(flags(|command| command.gid(0)), PIDFD_SPAWN_SETGID);
        assert_eq!(flags(|command| command.uid(0).groups(&[])), PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SETGROUPS);
        assert_eq!(flags(|command| command.no_new_privs(true)), PIDFD_SPAWN_NO_NEW_PRIVS);
        assert_eq!(flags(|command| command.death_signal(1)), PIDFD_SPAWN_PDEATHSIG);
        assert_eq!(flags(|command| command.autoreap(true)), PIDFD_SPAWN_AUTOREAP);
        assert_eq!(flags(|command| command.kill_on_close(true)), PIDFD_SPAWN_KILL_ON_CLOSE);
        assert_eq!(flags(|command| command.kill_on_close(true).kill_on_close(false)), 0);
        assert_eq!(Command::new("program").additions(3).flags, PIDFD_SPAWN_EXEC_FD);
    }

    #[test]
    fn arrays_are_as_long_as_their_counts() {
        let mut command = Command::new("program");
        command.groups(&[7, 8]).limit(Resource::NoFile, 1, 2).limit(Resource::RtTime, 3, UNLIMITED);
        let args = command.additions(-1);
        let groups = unsafe { slice::from_raw_parts(args.groups, args.group_count as usize) };
        let limits = unsafe { slice::from_raw_parts(args.limits, args.limit_count as usize) };
        assert_eq!(groups, [7, 8]);
        let limits: Vec<_> = limits.iter().map(|limit| (limit.resource, limit.soft, limit.hard)).collect();
        assert_eq!(limits, [(7, 1, 2), (15, 3, u64::MAX)]);
        assert!(unsafe { args.check() }.is_ok());
    }

    #[test]
    fn resources_have_the_numbers_of_the_libc() {
        use Resource::*;
        let numbers = [
            libc::RLIMIT_CPU,
            libc::RLIMIT_FSIZE,
            libc::RLIMIT_DATA,
            libc::RLIMIT_STACK,
            libc::RLIMIT_CORE,
            libc::RLIMIT_RSS,
            libc::RLIMIT_NPROC,
            libc::RLIMIT_NOFILE,
            libc::RLIMIT_MEMLOCK,
            libc::RLIMIT_AS,
            libc::RLIMIT_LOCKS,
            libc::RLIMIT_SIGPENDING,
            libc::RLIMIT_MSGQUEUE,
            libc::RLIMIT_NICE,
            libc::RLIMIT_RTPRIO,
            libc::RLIMIT_RTTIME,
        ];
        let resources = [
            Cpu, FSize, Data, Stack, Core, Rss, NProc, NoFile, MemLock, As, Locks, SigPending, MsgQueue, Nice, RtPrio,
            RtTime,
        ];
        assert_eq!(numbers.map(i64::from), resources.map(|resource| resource as i64));
    }
}

//! What is to be started.

use super::environment::Environment;
use super::{Child, Stdio};
use crate::capi::*;
use crate::kernel::uapi::{SignalSet, NSIG};
use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::io::{OwnedFd, RawFd};
use std::path::Path;
use std::process::{ExitStatus, Output};

/// A program to be started, and how.
///
/// The methods can be chained, the command can be used again, and nothing happens before one of [`spawn`], [`status`]
/// and [`output`].  What was asked for is done in the order in which pidfd_spawn_ext(3) tells it, whatever the order of
/// the methods: [session and group](Self::setsid), [terminal](Self::controlling_terminal), [`umask`], close-on-exec
/// marks, standard descriptors, [directory](Self::current_dir), [limits](Self::limit), [groups and users](Self::uid),
/// [`no_new_privs`], [`death_signal`].
///
/// ```
/// use pidfd_spawn::process::Command;
///
/// # fn main() -> std::io::Result<()> {
/// let status = Command::new("sh").args(["-c", "exit 7"]).status()?;
/// assert_eq!(status.code(), Some(7));
///
/// let error = Command::new("there-is-no-such-program").spawn().unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// # Ok(())
/// # }
/// ```
///
/// As with std, a child gets the caller's environment, directory, signal mask and ignored signals, but for SIGPIPE,
/// which Rust programs ignore: it has its default action.  Descriptors that are close-on-exec, as all are that Rust
/// opens, are not inherited.
///
/// [`spawn`]: Self::spawn
/// [`status`]: Self::status
/// [`output`]: Self::output
/// [`umask`]: Self::umask
/// [`no_new_privs`]: Self::no_new_privs
/// [`death_signal`]: Self::death_signal
#[derive(Debug)]
pub struct Command {
    pub(super) program: CString,
    name: Option<CString>,
    arguments: Vec<CString>,
    pub(super) environment: Environment,
    /// Whether one of the strings cannot be passed on.
    has_nul: bool,
    pub(super) directory: Option<CString>,
    pub(super) stdin: Option<Stdio>,
    pub(super) stdout: Option<Stdio>,
    pub(super) stderr: Option<Stdio>,
    pub(super) inherited: Vec<OwnedFd>,
    pub(super) lowest_close_on_exec: Option<RawFd>,
    pub(super) exec_fd: Option<OwnedFd>,
    pub(super) terminal: Option<OwnedFd>,
    pub(super) cgroup: Option<OwnedFd>,
    pub(super) is_session_leader: bool,
    pub(super) process_group: Option<i32>,
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) groups: Option<Vec<u32>>,
    pub(super) limits: Vec<pidfd_spawn_rlimit>,
    pub(super) umask: Option<u32>,
    pub(super) ignored: SignalSet,
    has_unknown_signal: bool,
    pub(super) death_signal: Option<i32>,
    /// Of pidfd_spawn_args: those that have no members.
    pub(super) flags: u64,
}

// The array of limits holds numbers.
const _: fn() = || {
    fn is_shared_by_threads<T: Send + Sync>() {}
    is_shared_by_threads::<Command>();
    is_shared_by_threads::<Child>();
};

/// The program, its arguments and its environment.
impl Command {
    /// A command that starts the program, without arguments.  A name without a slash is looked for in the PATH of the
    /// child's environment, or where that has none in the C library's default.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut has_nul = false;
        Command {
            program: string(program.as_ref(), &mut has_nul),
            name: None,
            arguments: vec![],
            environment: Environment::default(),
            has_nul,
            directory: None,
            stdin: None,
            stdout: None,
            stderr: None,
            inherited: vec![],
            lowest_close_on_exec: None,
            exec_fd: None,
            terminal: None,
            cgroup: None,
            is_session_leader: false,
            process_group: None,
            user: None,
            group: None,
            groups: None,
            limits: vec![],
            umask: None,
            ignored: SignalSet::EMPTY,
            has_unknown_signal: false,
            death_signal: None,
            flags: 0,
        }
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        let argument = string(argument.as_ref(), &mut self.has_nul);
        self.arguments.push(argument);
        self
    }

    /// Adds arguments.
    ///
    /// ```
    /// # use pidfd_spawn::process::Command;
    /// # fn main() -> std::io::Result<()> {
    /// let output = Command::new("echo").arg("-n").args(["one", "two"]).output()?;
    /// assert_eq!(output.stdout, b"one two");
    /// # Ok(())
    /// # }
    /// ```
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        for argument in arguments {
            self.arg(argument);
        }
        self
    }

    /// The program's name for itself, in place of that by which it is looked for.
    pub fn arg0(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.name = Some(string(name.as_ref(), &mut self.has_nul));
        self
    }

    /// Executes the file that the descriptor refers to, whatever its name; that of the command is only passed on.  A
    /// script cannot be executed so, because its interpreter could not open it (ENOENT).
    ///
    /// ```
    /// # use pidfd_spawn::process::Command;
    /// use std::fs::File;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let output = Command::new("echo").arg("by a descriptor").exec_fd(File::open("/bin/echo")?).output()?;
    /// assert_eq!(output.stdout, b"by a descriptor\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn exec_fd(&mut self, file: impl Into<OwnedFd>) -> &mut Self {
        self.exec_fd = Some(file.into());
        self
    }

    /// Sets a variable in the child's environment.
    ///
    /// ```
    /// # use pidfd_spawn::process::Command;
    /// # fn main() -> std::io::Result<()> {
    /// let output = Command::new("/usr/bin/env").env_clear().env("A", "1").envs([("B", "2"), ("C", "3")]).output()?;
    /// assert_eq!(output.stdout, b"A=1\nB=2\nC=3\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.environment.set(name.as_ref(), value.as_ref());
        self
    }

    /// Sets variables.
    pub fn envs(&mut self, variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>) -> &mut Self {
        for (name, value) in variables {
            self.env(name, value);
        }
        self
    }

    /// Removes a variable.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.environment.remove(name.as_ref());
        self
    }

    /// Removes all variables, also those that were set before.
    pub fn env_clear(&mut self) -> &mut Self {
        self.environment.clear();
        self
    }

    /// The child's working directory.  A relative path of the program, or in PATH, is resolved in it.  It is entered
    /// with the caller's rights: before [`uid`](Self::uid) and [`gid`](Self::gid), unlike with std.
    ///
    /// ```
    /// # use pidfd_spawn::process::Command;
    /// # fn main() -> std::io::Result<()> {
    /// let output = Command::new("pwd").current_dir("/").output()?;
    /// assert_eq!(output.stdout, b"/\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn current_dir(&mut self, directory: impl AsRef<Path>) -> &mut Self {
        self.directory = Some(string(directory.as_ref().as_os_str(), &mut self.has_nul));
        self
    }

    /// The argument vector, from the program's name on.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &CString> {
        std::iter::once(self.name.as_ref().unwrap_or(&self.program)).chain(&self.arguments)
    }
}

/// Its descriptors.
///
/// ```
/// use pidfd_spawn::process::{Command, Stdio};
/// use std::io::Write;
///
/// # fn main() -> std::io::Result<()> {
/// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// child.stdin.as_mut().unwrap().write_all(b"to and fro")?;
/// assert_eq!(child.wait_with_output()?.stdout, b"to and fro");
/// # Ok(())
/// # }
/// ```
impl Command {
    /// Standard input.  Unless something is said it is the caller's, and /dev/null for [`output`](Self::output).
    pub fn stdin(&mut self, stdio: impl Into<Stdio>) -> &mut Self {
        self.stdin = Some(stdio.into());
        self
    }

    /// Standard output.  Unless something is said it is the caller's, and a pipe for [`output`](Self::output).
    pub fn stdout(&mut self, stdio: impl Into<Stdio>) -> &mut Self {
        self.stdout = Some(stdio.into());
        self
    }

    /// Standard error; likewise.
    pub fn stderr(&mut self, stdio: impl Into<Stdio>) -> &mut Self {
        self.stderr = Some(stdio.into());
        self
    }

    /// The child inherits this descriptor under its number, though it is close-on-exec here.  If that is the number of
    /// a standard descriptor which is to be another, the start fails with `InvalidInput`.
    ///
    /// ```
    /// # use pidfd_spawn::process::{Command, Stdio};
    /// use std::fs::File;
    /// use std::os::unix::io::AsRawFd;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let file = File::open("/dev/zero")?;
    /// let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    /// let output = Command::new("readlink").arg(name).inherit(file).close_on_exec_from(3).output()?;
    /// assert_eq!(output.stdout, b"/dev/zero\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn inherit(&mut self, fd: impl Into<OwnedFd>) -> &mut Self {
        self.inherited.push(fd.into());
        self
    }

    /// The child inherits no descriptor from this number on, whether it is close-on-exec or not, but for those given
    /// to [`inherit`](Self::inherit) and the standard descriptors.
    pub fn close_on_exec_from(&mut self, lowest: RawFd) -> &mut Self {
        // What becomes of the standard descriptors is said otherwise.
        self.lowest_close_on_exec = Some(if lowest < 0 { lowest } else { lowest.max(3) });
        self
    }
}

/// Its session, terminal and signals.
///
/// ```
/// # use pidfd_spawn::process::Command;
/// # fn main() -> std::io::Result<()> {
/// // Process, process group and session.
/// let script = "kill -TERM $$; cut -d ' ' -f 1,5,6 /proc/$$/stat";
/// let output = Command::new("sh").args(["-c", script]).setsid(true).ignore_signals([libc::SIGTERM]).output()?;
/// let text = String::from_utf8(output.stdout).unwrap();
/// let numbers: Vec<_> = text.split_whitespace().collect();
/// assert!(numbers.len() == 3 && numbers.iter().all(|&number| number == numbers[0]));
/// # Ok(())
/// # }
/// ```
impl Command {
    /// Whether the child leads a new session.  With [`process_group`](Self::process_group) that is EPERM.
    pub fn setsid(&mut self, yes: bool) -> &mut Self {
        self.is_session_leader = yes;
        self
    }

    /// The child's process group; 0 is one of its own.
    pub fn process_group(&mut self, group: i32) -> &mut Self {
        self.process_group = Some(group);
        self
    }

    /// The controlling terminal of the child's session.  It needs [`setsid`](Self::setsid), and is never taken from
    /// another session (EPERM).
    pub fn controlling_terminal(&mut self, terminal: impl Into<OwnedFd>) -> &mut Self {
        self.terminal = Some(terminal.into());
        self
    }

    /// These signals are ignored in the program.  May be called several times.
    pub fn ignore_signals(&mut self, signals: impl IntoIterator<Item = i32>) -> &mut Self {
        for signal in signals {
            if (1..=NSIG).contains(&signal) {
                self.ignored = self.ignored.with(SignalSet::of(&[signal]));
            } else {
                self.has_unknown_signal = true;
            }
        }
        self
    }

    /// The child gets this signal when the *thread* that starts it ends, if that may then still send it: not where the
    /// caller has changed its own user since, and the child is another's.
    ///
    /// # Errors
    ///
    /// - EPERM: the child gets another user, to whose processes the caller may send no signals (CAP_KILL).
    /// - EOPNOTSUPP: the exec would take the signal away, because the real and the effective or the file-system ID
    ///   differ, or because user 0 would gain a capability by it and there is no [`no_new_privs`](Self::no_new_privs).
    /// - EINVAL: there is no such signal.
    ///
    /// ```
    /// # use pidfd_spawn::process::Command;
    /// use std::os::unix::process::ExitStatusExt;
    ///
    /// let start = || Command::new("sleep").arg("100").death_signal(libc::SIGTERM).spawn();
    /// let mut child = std::thread::spawn(start).join().unwrap().unwrap();
    /// assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
    /// ```
    pub fn death_signal(&mut self, signal: i32) -> &mut Self {
        self.death_signal = Some(signal);
        self
    }
}

/// Its user and what it may do.
///
/// ```
/// # use pidfd_spawn::process::{Command, Resource};
/// # fn main() -> std::io::Result<()> {
/// let output = Command::new("sh")
///     .args(["-c", "ulimit -n; umask; grep NoNewPrivs /proc/self/status"])
///     .limit(Resource::NoFile, 64, 64)
///     .umask(0o027)
///     .no_new_privs(true)
///     .output()?;
/// assert_eq!(output.stdout, b"64\n0027\nNoNewPrivs:\t1\n");
///
/// // As root, a user without any right but its own.
/// let id = Command::new("id").arg("-G").uid(65534).gid(65534).groups(&[65534]).output();
/// match id {
///     Ok(output) => assert_eq!(output.stdout, b"65534\n"),
///     Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
/// }
/// # Ok(())
/// # }
/// ```
impl Command {
    /// All three user IDs of the child.  Where no [`groups`](Self::groups) are given and the caller may set them, the
    /// child has no supplementary groups, as with std.  Ambient capabilities of a caller that is not root stay: drop
    /// them first.
    ///
    /// While the child starts, other threads find this process not dumpable (prctl(2)), and a process that one of them
    /// forks meanwhile stays so.  In some cases, which pidfd_spawn_ext(3) names, the memory is copied, as by fork.
    ///
    /// # Errors
    ///
    /// - EPERM: the caller may not.
    /// - EINVAL: the ID is -1, or has no meaning in the user namespace.
    /// - EMFILE, ENFILE: where the memory is copied, three more descriptors are needed for a moment.
    pub fn uid(&mut self, user: u32) -> &mut Self {
        self.user = Some(user);
        self
    }

    /// All three group IDs; what [`uid`](Self::uid) says of memory and errors applies.
    pub fn gid(&mut self, group: u32) -> &mut Self {
        self.group = Some(group);
        self
    }

    /// The supplementary groups.
    pub fn groups(&mut self, groups: &[u32]) -> &mut Self {
        self.groups = Some(groups.to_vec());
        self
    }

    /// No program that the child executes gives it privileges any more.
    pub fn no_new_privs(&mut self, yes: bool) -> &mut Self {
        self.flag(PIDFD_SPAWN_NO_NEW_PRIVS, yes)
    }

    /// A resource limit: the soft and the hard one, or [`UNLIMITED`].
    ///
    /// It is in force when the program is executed: one that is too low, as of the address space or the stack, can
    /// forbid that, and the start fails or the child is killed.
    ///
    /// # Errors
    ///
    /// - EPERM: the caller may not raise the hard limit.
    /// - EINVAL: the soft limit is above the hard one.
    pub fn limit(&mut self, resource: Resource, soft: u64, hard: u64) -> &mut Self {
        self.limits.push(pidfd_spawn_rlimit { resource: resource as u32, reserved: 0, soft, hard });
        self
    }

    /// The file mode creation mask, of permission bits; EINVAL beyond 0o777.
    pub fn umask(&mut self, mask: u32) -> &mut Self {
        self.umask = Some(mask);
        self
    }

    /// The cgroup in which the child is born, by its directory (cgroup v2).  It needs clone3: without it the error is
    /// EOPNOTSUPP, unless the child [may move](Self::cgroup_may_move).  With a change of the user the caller's
    /// memory is copied, as by fork.
    ///
    /// ```
    /// # use pidfd_spawn::process::Command;
    /// # fn start(directory: &std::path::Path) -> std::io::Result<()> {
    /// let cgroup = std::fs::File::open(directory)?;
    /// let child = Command::new("make").cgroup(cgroup).cgroup_may_move(true).spawn()?;
    /// # drop(child);
    /// # Ok(())
    /// # }
    /// ```
    pub fn cgroup(&mut self, directory: impl Into<OwnedFd>) -> &mut Self {
        self.cgroup = Some(directory.into());
        self
    }

    /// Where the child cannot be born in its cgroup, it moves there, first of all.
    pub fn cgroup_may_move(&mut self, yes: bool) -> &mut Self {
        self.flag(PIDFD_SPAWN_CGROUP_MAY_MOVE, yes)
    }
}

/// Its end.
///
/// ```
/// # use pidfd_spawn::process::Command;
/// # fn main() -> std::io::Result<()> {
/// // Linux 7.1; before, nothing is started.
/// match Command::new("sleep").arg("100").kill_on_close(true).no_new_privs(true).spawn() {
///     Ok(child) => drop(child),           // and it is gone
///     Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP)),
/// }
/// # Ok(())
/// # }
/// ```
impl Command {
    /// Whether the child leaves no zombie and sends no SIGCHLD; [`Child::wait`] still knows its status.  Linux 7.1;
    /// EOPNOTSUPP without.
    pub fn autoreap(&mut self, yes: bool) -> &mut Self {
        self.flag(PIDFD_SPAWN_AUTOREAP, yes)
    }

    /// Whether the child is killed when the last copy of its pidfd is closed, as by dropping the [`Child`]; includes
    /// [`autoreap`](Self::autoreap).  Linux 7.1; EOPNOTSUPP without.  It needs [`no_new_privs`](Self::no_new_privs)
    /// or CAP_SYS_ADMIN (EPERM).
    pub fn kill_on_close(&mut self, yes: bool) -> &mut Self {
        self.flag(PIDFD_SPAWN_KILL_ON_CLOSE, yes)
    }
}

/// Starting it.
impl Command {
    /// Starts the program.  An error means that nothing was started and that nothing is left.
    ///
    /// A pipe's other end is in the [`Child`].  For [`output`](Self::output) standard output and error are pipes, if
    /// nothing else was said; here and for [`status`](Self::status) they are the caller's.
    ///
    /// # Errors
    ///
    /// - ENOSYS (`Unsupported`): there are no pidfds here.
    /// - EMFILE: no descriptor is free.  The pidfd always takes one, and each pipe two.
    /// - EAGAIN (`WouldBlock`): there are too many processes, of the user or in all.
    /// - Those of executing the program: `NotFound`, `PermissionDenied`, ENOEXEC and others of execve(2).
    /// - Those of what was asked for besides, which the methods name.
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.start([&Stdio::inherit(); 3])
    }

    /// Starts the program, waits for it, and gives its status.
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// Starts the program, reads what it writes, waits for it, and gives both.  Where one of the last two fails, the
    /// program is killed.
    ///
    /// ```
    /// # use pidfd_spawn::process::Command;
    /// # fn main() -> std::io::Result<()> {
    /// let output = Command::new("sh").args(["-c", "echo out; echo error >&2; exit 3"]).output()?;
    /// assert_eq!(output.status.code(), Some(3));
    /// assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"error\n"[..]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn output(&mut self) -> io::Result<Output> {
        let mut child = self.start([&Stdio::null(), &Stdio::piped(), &Stdio::piped()])?;
        child.collect().map_err(|error| {
            // The caller never had it.
            child.end();
            error
        })
    }

    fn flag(&mut self, flag: u64, yes: bool) -> &mut Self {
        self.flags = if yes { self.flags | flag } else { self.flags & !flag };
        self
    }

    /// What cannot be passed on to the engine.
    pub(super) fn check(&self) -> io::Result<()> {
        let complaint = if self.has_nul {
            "a string has a NUL inside"
        } else if self.has_unknown_signal {
            "there is no such signal"
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, complaint))
    }
}

/// The string for the kernel; nothing, and a note, if it cannot be one.
fn string(text: &OsStr, has_nul: &mut bool) -> CString {
    CString::new(text.as_bytes()).unwrap_or_else(|_| {
        *has_nul = true;
        CString::default()
    })
}

/// No limit, for [`Command::limit`].
pub const UNLIMITED: u64 = u64::MAX;

/// What [`Command::limit`] limits: the resources of setrlimit(2), by their names there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
// musl's are signed.
#[allow(clippy::unnecessary_cast)]
pub enum Resource {
    /// Processor time, in seconds.
    Cpu = libc::RLIMIT_CPU as u32,
    /// The size of a file that is written.
    FSize = libc::RLIMIT_FSIZE as u32,
    /// The data segment.
    Data = libc::RLIMIT_DATA as u32,
    /// The stack of the first thread.
    Stack = libc::RLIMIT_STACK as u32,
    /// The size of a core dump.
    Core = libc::RLIMIT_CORE as u32,
    /// The resident set; without effect today.
    Rss = libc::RLIMIT_RSS as u32,
    /// The processes and threads of the user.
    NProc = libc::RLIMIT_NPROC as u32,
    /// One more than the highest descriptor.
    NoFile = libc::RLIMIT_NOFILE as u32,
    /// Locked memory.
    MemLock = libc::RLIMIT_MEMLOCK as u32,
    /// The address space.
    As = libc::RLIMIT_AS as u32,
    /// File locks; without effect today.
    Locks = libc::RLIMIT_LOCKS as u32,
    /// Signals that wait to be delivered, of the user.
    SigPending = libc::RLIMIT_SIGPENDING as u32,
    /// The bytes in POSIX message queues, of the user.
    MsgQueue = libc::RLIMIT_MSGQUEUE as u32,
    /// 20 less the lowest nice value.
    Nice = libc::RLIMIT_NICE as u32,
    /// The real-time priority.
    RtPrio = libc::RLIMIT_RTPRIO as u32,
    /// The time in microseconds that a real-time process runs without a blocking system call.
    RtTime = libc::RLIMIT_RTTIME as u32,
}

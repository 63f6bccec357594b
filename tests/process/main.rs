//! The safe module: what a started program gets, and what its parent is told.

mod harness;

use harness::{skip, tests};
use pidfd_spawn::process::{Child, Command, Resource, Stdio, UNLIMITED};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::io::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, ptr, thread};

fn main() {
    // The caller's may have folders that it may not search, which is another error than that nothing is there.
    env::set_var("PATH", "/usr/bin:/bin");
    harness::run(tests![
        arguments,
        the_environment_is_passed_on_with_changes,
        programs_are_looked_for_in_the_childs_path,
        the_environment_may_change_meanwhile,
        current_dir,
        strings_with_a_nul_are_errors,
        standard_descriptors,
        standard_descriptors_that_are_closed_here,
        standard_descriptors_that_change_places,
        standard_descriptors_that_cannot_be_moved,
        output_that_cannot_be_waited_for,
        output_that_cannot_be_read_leaves_no_child,
        output_of_both_pipes_at_once,
        exec_fd,
        exec_fd_in_the_place_of_a_standard_descriptor,
        descriptors_that_are_inherited,
        limits,
        umask,
        dispositions,
        sessions_and_groups,
        controlling_terminal,
        users,
        other_users_are_refused,
        no_new_privs,
        death_signal,
        cgroup,
        reaped_by_the_kernel,
        killed_on_close,
        the_pidfd_is_the_childs,
        statuses,
        stops_of_a_traced_child,
        signals_for_a_child_that_is_gone,
        signals_that_a_sandbox_refuses_for_pidfds,
        signals_for_a_child_of_another_user,
        a_stolen_status,
        ignored_sigchld,
        a_pidfd_that_does_not_block,
        a_zombie_of_another_process,
        dropping_closes_the_pidfd_alone,
        dropping_leaves_a_zombie,
        one_loop_for_many_children,
        a_kernel_without_pidfds,
        no_free_descriptor,
        an_error_leaves_nothing,
        a_command_can_be_used_again,
        what_cannot_be_is_refused,
    ]);
}

/// What the shell says to these commands.
fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "shell"]);
    command
}

fn text(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

fn error(command: &mut Command) -> io::Error {
    command.spawn().expect_err("it is refused")
}

/// The value of a line in the program's /proc/self/status.
fn status_line(command: &mut Command, name: &str) -> String {
    command.args([&format!("s/^{name}:[[:space:]]*//p"), "/proc/self/status"]);
    text(command).trim_end().replace('\t', " ")
}

fn sed() -> Command {
    let mut command = Command::new("sed");
    command.arg("-n");
    command
}

fn descriptors() -> BTreeSet<RawFd> {
    let listed = fs::read_dir("/proc/self/fd").expect("there is procfs");
    listed.map(|entry| entry.unwrap().file_name().into_string().unwrap().parse().unwrap()).collect()
}

fn is_open(fd: RawFd) -> bool {
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

fn has_children() -> bool {
    let mut status = 0;
    unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) >= 0 }
}

fn is_root() -> bool {
    unsafe { libc::geteuid() == 0 }
}

/// A new folder that nobody removes before this process has ended.
fn folder() -> PathBuf {
    let path = env::temp_dir().join(format!("pidfd_spawn-{}", std::process::id()));
    fs::create_dir(&path).expect("it is new");
    path
}

/// A file without a name.
fn temporary() -> File {
    let path = env::temp_dir().join(format!("pidfd_spawn-{}.txt", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).expect("it is new");
    fs::remove_file(path).expect("it is there");
    file
}

fn content(mut file: File) -> String {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

/// The release of the running kernel.
fn kernel() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").expect("there is procfs");
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().expect("a number"));
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// Ends a test that needs the exit status from the kernel.
fn need_statuses_of_others() {
    if kernel() < (6, 15) {
        skip("before Linux 6.15 nobody tells a status that was taken");
    }
}

fn arguments() {
    let mut command = Command::new("printf");
    command.arg("%s,").args(["a b", "", "*"]).arg("\u{e4}");
    assert_eq!(text(&mut command), "a b,,*,\u{e4},");
    assert_eq!(text(Command::new("sh").arg0("another").args(["-c", "tr '\\0' , </proc/$$/cmdline"])), {
        "another,-c,tr '\\0' , </proc/$$/cmdline,"
    });
}

fn the_environment_is_passed_on_with_changes() {
    env::set_var("KEPT", "1");
    env::set_var("REMOVED", "1");
    env::set_var("CHANGED", "1");
    let script = "echo $KEPT,${REMOVED-none},$CHANGED,$NEW";
    assert_eq!(text(&mut shell(script)), "1,1,1,\n");
    assert_eq!(text(shell(script).env("CHANGED", "2").env("NEW", "3").env_remove("REMOVED")), "1,none,2,3\n");
    assert_eq!(text(Command::new("env").env("A", "1").env_clear()), "");
    assert_eq!(text(Command::new("env").env_clear().envs([("B", "="), ("A", "\u{e4}")])), "A=\u{e4}\nB==\n");
}

fn programs_are_looked_for_in_the_childs_path() {
    let folder = folder();
    let program = folder.join("only-here");
    fs::write(&program, "#!/bin/sh\necho found\n").unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    assert_eq!(error(&mut Command::new("only-here")).kind(), ErrorKind::NotFound);
    assert_eq!(text(Command::new("only-here").env("PATH", &folder)), "found\n");
    // What stands in our own environment counts where the child has it too.
    let path = env::var_os("PATH").expect("it is set");
    env::set_var("PATH", &folder);
    assert_eq!(text(&mut Command::new("only-here")), "found\n");
    assert_eq!(error(Command::new("only-here").env("PATH", &path)).kind(), ErrorKind::NotFound);
    assert_eq!(error(Command::new("only-here").env_clear()).kind(), ErrorKind::NotFound);
    assert_eq!(text(Command::new("echo").env_remove("PATH")), "\n");
    fs::set_permissions(&program, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(error(Command::new("only-here").env("PATH", &folder)).kind(), ErrorKind::PermissionDenied);
    fs::remove_dir_all(folder).unwrap();
}

fn the_environment_may_change_meanwhile() {
    let changer = thread::spawn(|| {
        for round in 0..20_000 {
            env::set_var(format!("VARIABLE_{}", round % 500), "x".repeat(round % 100));
        }
    });
    while !changer.is_finished() {
        assert!(Command::new("true").status().unwrap().success());
    }
    changer.join().unwrap();
}

fn current_dir() {
    let folder = folder();
    fs::write(folder.join("program"), "#!/bin/sh\npwd -P\n").unwrap();
    fs::set_permissions(folder.join("program"), Permissions::from_mode(0o755)).unwrap();
    let real = fs::canonicalize(&folder).unwrap();
    assert_eq!(text(Command::new("./program").current_dir(&folder)), format!("{}\n", real.display()));
    let here = env::current_dir().unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(error(Command::new("true").current_dir(&folder)).kind(), ErrorKind::NotFound);
    assert_eq!(env::current_dir().unwrap(), here);
}

fn strings_with_a_nul_are_errors() {
    for command in [
        &mut Command::new("tr\0ue"),
        Command::new("true").arg("\0"),
        Command::new("true").arg0("\0"),
        Command::new("true").env("A", "\0"),
        Command::new("true").env("\0", "A"),
        Command::new("true").current_dir("/\0"),
    ] {
        assert_eq!(error(command).kind(), ErrorKind::InvalidInput);
        assert_eq!(command.status().unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(command.output().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

fn standard_descriptors() {
    let link = |fd: RawFd| fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
    let mut command = shell("readlink /proc/$$/fd/0; readlink /proc/$$/fd/2");
    assert_eq!(text(command.stdin(Stdio::inherit()).stderr(Stdio::inherit())), {
        format!("{}\n{}\n", link(0).display(), link(2).display())
    });
    assert_eq!(text(command.stdin(Stdio::null()).stderr(Stdio::null())), "/dev/null\n/dev/null\n");
    // It is there for its direction alone.
    assert!(!shell("read line").stdin(Stdio::null()).status().unwrap().success());
    assert!(shell("echo a >&1").stdout(Stdio::null()).status().unwrap().success());

    let [input, out, err] = [temporary(), temporary(), temporary()];
    (&input).write_all(b"what was read").unwrap();
    (&input).seek(SeekFrom::Start(0)).unwrap();
    let mut command = shell("cat; echo error >&2");
    command.stdin(input).stdout(OwnedFd::from(out.try_clone().unwrap())).stderr(err.try_clone().unwrap());
    assert!(command.status().unwrap().success());
    assert_eq!((&content(out)[..], &content(err)[..]), ("what was read", "error\n"));

    let mut theirs = std::process::Command::new("echo");
    let mut theirs = theirs.arg("from std").stdout(std::process::Stdio::piped()).spawn().unwrap();
    assert_eq!(text(Command::new("cat").stdin(theirs.stdout.take().unwrap())), "from std\n");
    assert!(theirs.wait().unwrap().success());

    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    assert!(child.stderr.is_none());
    child.stdin.as_ref().unwrap().write_all(b"to and fro").unwrap();
    // Closes the pipe, or cat would wait as well.
    assert!(child.wait().unwrap().success());
    let mut answer = String::new();
    child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "to and fro");
}

/// Pipes then have the numbers of standard descriptors themselves.
fn standard_descriptors_that_are_closed_here() {
    for closed in [&[0][..], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]] {
        let kept: Vec<_> = closed.iter().map(|&fd| unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 10) }).collect();
        closed.iter().for_each(|&fd| drop(unsafe { File::from_raw_fd(fd) }));
        let child = shell("cat; echo error >&2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .and_then(|child| {
                child.stdin.as_ref().unwrap().write_all(b"through")?;
                child.wait_with_output()
            });
        for (&fd, copy) in closed.iter().zip(kept) {
            assert_eq!(unsafe { libc::dup2(copy, fd) }, fd);
            drop(unsafe { File::from_raw_fd(copy) });
        }
        let output = child.unwrap();
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"through"[..], &b"error\n"[..]), "{closed:?}");
    }
}

fn standard_descriptors_that_change_places() {
    let [out, err, kept_out] = [temporary(), temporary(), unsafe { File::from_raw_fd(libc::dup(1)) }];
    let kept_err = unsafe { File::from_raw_fd(libc::dup(2)) };
    // Ours are 2 and 1.
    unsafe {
        assert_eq!(libc::dup2(out.as_raw_fd(), 2), 2);
        assert_eq!(libc::dup2(err.as_raw_fd(), 1), 1);
    }
    let [one, two] = [1, 2].map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    let status = shell("echo out; echo err >&2").stdout(two).stderr(one).status();
    unsafe {
        libc::dup2(kept_out.as_raw_fd(), 1);
        libc::dup2(kept_err.as_raw_fd(), 2);
    }
    assert!(status.unwrap().success());
    assert_eq!((&content(out)[..], &content(err)[..]), ("out\n", "err\n"));
}

fn limit_descriptors(count: libc::rlim_t) {
    unsafe {
        let mut limit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = count;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
}

/// The copy that the child is to get would need a number that nobody may have.
fn standard_descriptors_that_cannot_be_moved() {
    let out = unsafe { OwnedFd::from_raw_fd(1) };
    limit_descriptors(3);
    assert_eq!(error(Command::new("true").stderr(out)).raw_os_error(), Some(libc::EMFILE));
}

/// The kernel lets nobody poll more descriptors than may be open.
fn output_that_cannot_be_waited_for() {
    let child = shell("echo through").stdout(Stdio::piped()).spawn().unwrap();
    limit_descriptors(0);
    assert_eq!(child.wait_with_output().unwrap_err().raw_os_error(), Some(libc::EINVAL));
}

fn output_that_cannot_be_read_leaves_no_child() {
    // The first line is read when nothing more can be polled.
    let error = match shell("prlimit --pid $PPID --nofile=0: || exit; echo; exec sleep 100").output() {
        Ok(output) => skip(&format!("no prlimit: {}", String::from_utf8_lossy(&output.stderr).trim_end())),
        Err(error) => error,
    };
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    assert!(!has_children());
}

fn output_of_both_pipes_at_once() {
    let script = "i=0; while [ $i -lt 3000 ]; do \
        echo 0123456789012345678901234567890123456789012345678901234567890123456789; \
        echo 0123456789012345678901234567890123456789012345678901234567890123456789 >&2; \
        i=$((i + 1)); done";
    let output = shell(script).output().unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len()), (3000 * 71, 3000 * 71));
    let output = shell("echo a; exec >&-; echo b >&2").output().unwrap();
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"a\n"[..], &b"b\n"[..]));
    let output = shell("echo out; echo err >&2").stderr(Stdio::null()).output().unwrap();
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b""[..]));
}

fn exec_fd() {
    let mut program = unsafe {
        let fd = libc::syscall(libc::SYS_memfd_create, b"program\0".as_ptr(), libc::MFD_CLOEXEC);
        assert!(fd >= 0, "{}", io::Error::last_os_error());
        File::from_raw_fd(fd as RawFd)
    };
    program.write_all(&fs::read(fs::canonicalize("/bin/cat").unwrap()).unwrap()).unwrap();
    let mut command = Command::new("cat");
    command.exec_fd(File::open(format!("/proc/self/fd/{}", program.as_raw_fd())).unwrap());
    drop(program);
    assert!(text(command.arg("/proc/self/cmdline")).starts_with("cat\0/proc"));

    let mut script = temporary();
    script.write_all(b"#!/bin/sh\n").unwrap();
    script.set_permissions(Permissions::from_mode(0o755)).unwrap();
    let opened = File::open(format!("/proc/self/fd/{}", script.as_raw_fd())).unwrap();
    drop(script);
    assert_eq!(error(Command::new("script").exec_fd(opened)).raw_os_error(), Some(libc::ENOENT));
}

fn exec_fd_in_the_place_of_a_standard_descriptor() {
    let program = File::open("/bin/echo").unwrap();
    assert_eq!(unsafe { libc::dup2(program.as_raw_fd(), 0) }, 0);
    let program = unsafe { OwnedFd::from_raw_fd(0) };
    assert_eq!(text(Command::new("echo").arg("here").stdin(Stdio::null()).exec_fd(program)), "here\n");
}

/// The numbers that are open in the program: the standard ones, and between those that the shell takes for itself and
/// what this test may have inherited.
fn inherited(command: &mut Command) -> Vec<RawFd> {
    let numbers: BTreeSet<_> = text(command).split_whitespace().map(|fd| fd.parse().unwrap()).collect();
    numbers.into_iter().filter(|fd| matches!(fd, 0..=2 | 20..=60)).collect()
}

fn descriptors_that_are_inherited() {
    let list = || {
        let mut command = shell("for fd in /proc/$$/fd/*; do echo ${fd##*/}; done");
        command.stdin(Stdio::null());
        command
    };
    for fd in [20, 21, 40] {
        assert_eq!(unsafe { libc::dup2(2, fd) }, fd);
    }
    let closed = File::open("/dev/null").unwrap();
    let given =
        |lowest: RawFd| unsafe { OwnedFd::from_raw_fd(libc::fcntl(closed.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest)) };
    assert_eq!(inherited(&mut list()), [0, 1, 2, 20, 21, 40]);
    assert_eq!(inherited(list().inherit(given(50))), [0, 1, 2, 20, 21, 40, 50]);
    assert_eq!(inherited(list().close_on_exec_from(21)), [0, 1, 2, 20]);
    assert_eq!(inherited(list().close_on_exec_from(3).inherit(given(50)).inherit(given(60))), [0, 1, 2, 50, 60]);
    // One that has the number of another is not lost.
    let kept = unsafe { OwnedFd::from_raw_fd(libc::dup(0)) };
    let standard = unsafe { OwnedFd::from_raw_fd(0) };
    assert_eq!(error(list().stdin(Stdio::null()).inherit(standard)).kind(), ErrorKind::InvalidInput);
    assert_eq!(unsafe { libc::dup2(kept.as_raw_fd(), 0) }, 0);
    // The standard descriptors are what was said.
    assert!(shell("for fd in 0 1 2; do test -e /proc/$$/fd/$fd || exit; done")
        .close_on_exec_from(0)
        .status()
        .unwrap()
        .success());
    assert_eq!(error(list().close_on_exec_from(-1)).kind(), ErrorKind::InvalidInput);
    assert!(is_open(20) && is_open(40));
}

fn limits() {
    let mut command = Command::new("cat");
    command.arg("/proc/self/limits").limit(Resource::NoFile, 50, 60).limit(Resource::Core, 0, UNLIMITED);
    command.limit(Resource::Stack, 1 << 20, 1 << 21);
    let limits = match command.output() {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            skip("the hard limit of core dumps cannot be raised")
        }
        output => String::from_utf8(output.unwrap().stdout).unwrap(),
    };
    let values = |name: &str| -> Vec<String> {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("it has a line");
        line.split_whitespace().take(2).map(str::to_owned).collect()
    };
    assert_eq!(values("Max open files"), ["50", "60"]);
    assert_eq!(values("Max core file size"), ["0", "unlimited"]);
    assert_eq!(values("Max stack size"), ["1048576", "2097152"]);
    assert_eq!(error(Command::new("true").limit(Resource::NoFile, 60, 50)).kind(), ErrorKind::InvalidInput);
}

fn umask() {
    assert_eq!(text(shell("umask").umask(0o027)), "0027\n");
    assert_eq!(error(Command::new("true").umask(0o1000)).kind(), ErrorKind::InvalidInput);
}

fn dispositions() {
    let ignored = |command: &mut Command| u64::from_str_radix(&status_line(command, "SigIgn"), 16).unwrap();
    let bit = |signal: i32| 1_u64 << (signal - 1);
    // Ours is ignored, by Rust.
    assert_eq!(ignored(&mut sed()) & bit(libc::SIGPIPE), 0);
    assert_ne!(ignored(sed().ignore_signals([libc::SIGPIPE])) & bit(libc::SIGPIPE), 0);
    let asked = bit(libc::SIGTERM) | bit(libc::SIGUSR1) | bit(64);
    let mut command = sed();
    command.ignore_signals([libc::SIGTERM, libc::SIGKILL]).ignore_signals(vec![libc::SIGUSR1, 64]);
    assert_eq!(ignored(&mut command) & (asked | bit(libc::SIGKILL)), asked);
    for signal in [0, -1, 65] {
        assert_eq!(error(sed().ignore_signals([signal])).kind(), ErrorKind::InvalidInput);
    }
}

/// The program's process, group, session and terminal.
const IDS: &str = "cut -d ' ' -f 1,5,6,7 /proc/$$/stat";

fn numbers(text: &str) -> [i32; 4] {
    let numbers: Vec<i32> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    numbers[..].try_into().unwrap()
}

fn sessions_and_groups() {
    let own = unsafe { [libc::getpgrp(), libc::getsid(0)] };
    let [_, group, session, _] = numbers(&text(&mut shell(IDS)));
    assert_eq!([group, session], own);
    let [pid, group, session, _] = numbers(&text(shell(IDS).process_group(0)));
    assert_eq!([group, session], [pid, own[1]]);
    let [pid, group, session, _] = numbers(&text(shell(IDS).setsid(true)));
    assert_eq!([group, session], [pid, pid]);
    let mut leader = Command::new("sleep").arg("100").process_group(0).spawn().unwrap();
    let [_, group, ..] = numbers(&text(shell(IDS).process_group(leader.id() as i32)));
    assert_eq!(group, leader.id() as i32);
    leader.kill().unwrap();
    leader.wait().unwrap();
}

fn controlling_terminal() {
    let master = OpenOptions::new().read(true).write(true).open("/dev/ptmx");
    let master = master.unwrap_or_else(|error| skip(&format!("no terminal can be made: {error}")));
    let slave = unsafe {
        let mut name = [0; 64];
        assert_eq!(libc::grantpt(master.as_raw_fd()), 0);
        assert_eq!(libc::unlockpt(master.as_raw_fd()), 0);
        assert_eq!(libc::ptsname_r(master.as_raw_fd(), name.as_mut_ptr(), name.len()), 0);
        let fd = libc::open(name.as_ptr(), libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(fd >= 0);
        OwnedFd::from_raw_fd(fd)
    };
    let terminal = || slave.try_clone().unwrap();
    assert_eq!(error(Command::new("true").controlling_terminal(terminal())).kind(), ErrorKind::InvalidInput);
    let [.., number] = numbers(&text(shell(IDS).setsid(true)));
    assert_eq!(number, 0);
    let script = format!("{IDS}; : </dev/tty");
    let [.., number] = numbers(&text(shell(&script).setsid(true).controlling_terminal(terminal())));
    assert_ne!(number, 0);
    let file = OwnedFd::from(File::open("/dev/null").unwrap());
    let error = error(Command::new("true").setsid(true).controlling_terminal(file));
    assert_eq!(error.raw_os_error(), Some(libc::ENOTTY));
}

fn users() {
    if !is_root() {
        skip("only root can start programs as other users");
    }
    let line = |command: &mut Command, name| status_line(command, name);
    let other = || {
        let mut command = sed();
        command.uid(1234).gid(2345);
        command
    };
    assert_eq!(line(&mut other(), "Uid"), "1234 1234 1234 1234");
    assert_eq!(line(&mut other(), "Gid"), "2345 2345 2345 2345");
    assert_eq!(line(other().groups(&[5, 6, 7]), "Groups").trim_end(), "5 6 7");
    unsafe { assert_eq!(libc::setgroups(2, [8, 9].as_ptr()), 0) };
    assert_eq!(line(&mut sed(), "Groups").trim_end(), "8 9");
    assert_eq!(line(sed().gid(5), "Groups").trim_end(), "8 9");
    // As std does.
    assert_eq!(line(sed().uid(1234), "Groups").trim_end(), "");
    assert_eq!(line(sed().groups(&[]), "Groups").trim_end(), "");
    for command in [sed().uid(u32::MAX), sed().gid(u32::MAX), sed().groups(&[u32::MAX])] {
        assert_eq!(error(command).kind(), ErrorKind::InvalidInput);
    }
    // Whoever may change them, as a set-user-ID program.
    unsafe { assert_eq!(libc::setresuid(1234, 0, 0), 0) };
    assert_eq!(line(sed().uid(1234), "Groups").trim_end(), "");
    assert_eq!(unsafe { libc::getuid() }, 1234);
}

fn other_users_are_refused() {
    if is_root() {
        unsafe {
            assert_eq!(libc::setgroups(0, ptr::null()), 0);
            assert_eq!(libc::setresgid(2345, 2345, 2345), 0);
            assert_eq!(libc::setresuid(1234, 1234, 1234), 0);
        }
    }
    let [user, group] = unsafe { [libc::getuid(), libc::getgid()] };
    assert!(Command::new("true").uid(user).gid(group).status().unwrap().success());
    for command in
        [Command::new("true").uid(user + 1), Command::new("true").gid(group + 1), Command::new("true").groups(&[1])]
    {
        assert_eq!(error(command).kind(), ErrorKind::PermissionDenied);
    }
    assert!(!has_children());
}

fn no_new_privs() {
    assert_eq!(status_line(sed().no_new_privs(true), "NoNewPrivs"), "1");
    let own = status_line(&mut sed(), "NoNewPrivs");
    assert_eq!(status_line(sed().no_new_privs(true).no_new_privs(false), "NoNewPrivs"), own);
}

fn death_signal() {
    let start = || Command::new("sleep").arg("100").death_signal(libc::SIGUSR1).spawn();
    let mut child = thread::spawn(start).join().unwrap().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGUSR1));
    assert_eq!(error(Command::new("true").death_signal(0)).kind(), ErrorKind::InvalidInput);
}

fn cgroup() {
    let name = format!("pidfd_spawn-{}", std::process::id());
    let root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .iter()
        .map(PathBuf::from)
        .find(|root| root.join("cgroup.procs").exists() && fs::create_dir(root.join(&name)).is_ok())
        .unwrap_or_else(|| skip("there is no cgroup v2 in which a cgroup can be made"));
    let path = root.join(&name);
    let directory = File::open(&path).unwrap();
    let mut command = Command::new("grep");
    command.args(["^0::", "/proc/self/cgroup"]).cgroup(directory).cgroup_may_move(true);
    let output = command.output();
    drop(command);
    // The kernel needs a moment after the last process has gone.
    while let Err(error) = fs::remove_dir(&path) {
        assert_eq!(error.raw_os_error(), Some(libc::EBUSY));
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), format!("0::/{name}\n"));
    assert_eq!(error(Command::new("true").cgroup_may_move(true)).kind(), ErrorKind::InvalidInput);
}

fn reaped_by_the_kernel() {
    match shell("exit 5").autoreap(true).spawn() {
        Ok(mut child) => assert_eq!(child.wait().unwrap().code(), Some(5)),
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
            assert!(kernel() < (7, 1));
        }
    }
    assert!(!has_children());
}

fn killed_on_close() {
    match Command::new("sleep").arg("100").kill_on_close(true).no_new_privs(true).spawn() {
        Ok(child) => {
            // One of the process's own, which is no copy and does not count.
            let watched = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) } as RawFd;
            assert!(watched >= 0, "{}", io::Error::last_os_error());
            let ends_within = |milliseconds| {
                let mut entry = libc::pollfd { fd: watched, events: libc::POLLIN, revents: 0 };
                unsafe { libc::poll(&mut entry, 1, milliseconds) == 1 }
            };
            let copy = child.as_fd().try_clone_to_owned().unwrap();
            drop(child);
            assert!(!ends_within(100));
            drop(copy);
            assert!(ends_within(10_000));
            let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
            assert_eq!(unsafe { pidfd_spawn::capi::pidfd_wait(watched, &mut info, 0, ptr::null_mut()) }, 0);
            assert_eq!((info.si_code, unsafe { info.si_status() }), (libc::CLD_KILLED, libc::SIGKILL));
        }
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
            assert!(kernel() < (7, 1));
            skip("KILL_ON_CLOSE needs Linux 7.1");
        }
    }
}

fn the_pidfd_is_the_childs() {
    let mut child = shell("echo $$").stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(told.trim_end().parse(), Ok(child.id()));
    let number = child.as_raw_fd();
    assert_eq!(child.as_fd().as_raw_fd(), number);
    assert_eq!(pidfd_spawn::capi::pidfd_getpid(number), child.id() as i32);
    let pidfd = child.into_pidfd();
    assert_eq!(pidfd.as_raw_fd(), number);
    let mut info = unsafe { std::mem::zeroed() };
    assert_eq!(unsafe { libc::waitid(libc::P_PIDFD, number as u32, &mut info, libc::WEXITED) }, 0);
    let raw = Command::new("true").spawn().unwrap().into_raw_fd();
    assert!(is_open(raw));
    assert_ne!(unsafe { libc::fcntl(raw, libc::F_GETFD) } & libc::FD_CLOEXEC, 0);
}

fn statuses() {
    assert_eq!(shell("exit 200").status().unwrap().code(), Some(200));
    assert_eq!(shell("kill -USR1 $$").status().unwrap().signal(), Some(libc::SIGUSR1));
    let dumped = shell("kill -ABRT $$").limit(Resource::Core, 0, 0).status().unwrap();
    assert_eq!(dumped.signal(), Some(libc::SIGABRT));

    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    drop(child.stdin.take());
    let status = child.wait().unwrap();
    assert!(status.success());
    // It is still known.
    assert_eq!(child.wait().unwrap(), status);
    assert_eq!(child.try_wait().unwrap(), Some(status));
    assert!(!has_children());

    // A child that is stopped has not ended.
    let mut child = Command::new("sleep").arg("100").spawn().unwrap();
    child.send_signal(libc::SIGSTOP).unwrap();
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let stopped = unsafe { libc::waitid(libc::P_PIDFD, child.as_raw_fd() as u32, &mut info, libc::WSTOPPED) };
    assert_eq!(stopped, 0);
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
}

fn stops_of_a_traced_child() {
    let mut child = shell("echo; read line").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let _open = child.stdin.take();
    // When it has begun the exec is over, which would be a stop too.
    child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
    let (id, none) = (child.id() as i32, ptr::null_mut::<libc::c_void>());
    let trace = |request| unsafe { libc::ptrace(request, id, none, none) };
    if trace(libc::PTRACE_ATTACH) != 0 {
        let error = io::Error::last_os_error();
        child.kill().unwrap();
        skip(&format!("the child cannot be traced: {error}"));
    }
    let stop = child.wait().unwrap();
    assert_eq!((stop.stopped_signal(), stop.code(), stop.signal()), (Some(libc::SIGSTOP), None, None));
    // It is told once, and another time is another one.
    assert_eq!(child.try_wait().unwrap(), None);
    child.send_signal(libc::SIGUSR1).unwrap();
    assert_eq!(trace(libc::PTRACE_CONT), 0);
    let stop = loop {
        if let Some(stop) = child.try_wait().unwrap() {
            break stop;
        }
    };
    assert_eq!(stop.stopped_signal(), Some(libc::SIGUSR1));
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
}

fn signals_for_a_child_that_is_gone() {
    let mut child = Command::new("true").spawn().unwrap();
    assert_eq!(child.send_signal(1000).unwrap_err().kind(), ErrorKind::InvalidInput);
    child.wait().unwrap();
    child.kill().unwrap();
    child.send_signal(libc::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
}

/// From now on the system call fails with this error.
fn refuse(call: libc::c_long, error: i32) {
    let step = |code, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut code = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, call as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | error as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: code.len() as u16, filter: code.as_mut_ptr() };
    let set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program)
    };
    if set != 0 {
        skip(&format!("system calls cannot be refused: {}", io::Error::last_os_error()));
    }
}

fn signals_that_a_sandbox_refuses_for_pidfds() {
    for error in [libc::ENOSYS, libc::EPERM] {
        refuse(libc::SYS_pidfd_send_signal, error);
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        // Whichever thread has started it.
        thread::scope(|scope| scope.spawn(|| child.send_signal(libc::SIGTERM).unwrap()).join().unwrap());
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
        child.kill().unwrap();

        let mut child = Command::new("true").spawn().unwrap();
        let mut status = 0;
        assert_eq!(unsafe { libc::waitpid(child.id() as i32, &mut status, 0) }, child.id() as i32);
        // The number can be that of another process by now.
        assert_eq!(child.kill().unwrap_err().raw_os_error(), Some(error));
    }
}

fn signals_for_a_child_of_another_user() {
    if !is_root() {
        skip("only root can start programs as other users");
    }
    let mut child = Command::new("sleep").arg("100").uid(1234).spawn().unwrap();
    unsafe { assert_eq!(libc::setresuid(2345, 2345, 0), 0) };
    assert_eq!(child.kill().unwrap_err().kind(), ErrorKind::PermissionDenied);
    unsafe { assert_eq!(libc::setresuid(0, 0, 0), 0) };
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
}

fn a_stolen_status() {
    need_statuses_of_others();
    let mut children: Vec<Child> = (0..10).map(|number| shell(&format!("exit {number}")).spawn().unwrap()).collect();
    let thief = thread::spawn(|| while has_children() {});
    for (number, child) in children.iter_mut().enumerate() {
        assert_eq!(child.wait().unwrap().code(), Some(number as i32));
    }
    thief.join().unwrap();
    let mut child = shell("exit 9").spawn().unwrap();
    let mut status = 0;
    assert_eq!(unsafe { libc::waitpid(child.id() as i32, &mut status, 0) }, child.id() as i32);
    assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(9));
}

fn ignored_sigchld() {
    need_statuses_of_others();
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    assert_eq!(shell("exit 3").status().unwrap().code(), Some(3));
    let output = shell("echo text; kill -TERM $$").output().unwrap();
    assert_eq!((output.status.signal(), &output.stdout[..]), (Some(libc::SIGTERM), &b"text\n"[..]));
    assert_eq!(Command::new("there-is-no-such-program").spawn().unwrap_err().kind(), ErrorKind::NotFound);
}

/// As an event loop may make it.
fn unblock(child: &Child) {
    assert_eq!(unsafe { libc::fcntl(child.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }, 0);
}

fn a_pidfd_that_does_not_block() {
    let start = |script| {
        let child = shell(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        unblock(&child);
        child
    };
    let mut child = start("read line; sleep 0.1; exit 3");
    assert_eq!(child.try_wait().unwrap(), None);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let output = start("echo text; exec >&-; read line; sleep 0.1; exit 4").wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(4), &b"text\n"[..]));
    // Also for nothing.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    match start("read line; sleep 0.1; exit 5").wait() {
        Ok(status) => assert_eq!(status.code(), Some(5)),
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(libc::ECHILD));
            assert!(kernel() < (6, 15));
        }
    }
}

/// Its pidfd is readable, which is no reason to look again and again.
fn a_zombie_of_another_process() {
    need_statuses_of_others();
    let mut child = shell("exit 6").spawn().unwrap();
    unblock(&child);
    let other = unsafe { libc::fork() };
    if other == 0 {
        let status = child.wait().unwrap();
        let mut used: libc::timespec = unsafe { std::mem::zeroed() };
        assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut used) }, 0);
        assert!(used.tv_sec == 0 && used.tv_nsec < 100_000_000, "{} ns", used.tv_nsec);
        std::process::exit(status.code().unwrap());
    }
    thread::sleep(Duration::from_millis(500));
    assert_eq!(child.wait().unwrap().code(), Some(6));
    let mut status = 0;
    assert_eq!(unsafe { libc::waitpid(other, &mut status, 0) }, other);
    assert_eq!((libc::WIFEXITED(status), libc::WEXITSTATUS(status)), (true, 6));
}

fn dropping_closes_the_pidfd_alone() {
    let before = descriptors();
    let child = Command::new("sleep").arg("100").spawn().unwrap();
    let (pid, pidfd) = (child.id() as i32, child.as_raw_fd());
    assert!(is_open(pidfd));
    drop(child);
    assert_eq!(descriptors(), before);
    let mut status = 0;
    unsafe {
        assert_eq!(libc::waitpid(pid, &mut status, libc::WNOHANG), 0);
        // Not SIGKILL, which could be on its way.
        assert_eq!(libc::kill(pid, libc::SIGTERM), 0);
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
        assert_eq!(libc::WTERMSIG(status), libc::SIGTERM);
    }
}

fn dropping_leaves_a_zombie() {
    let child = Command::new("true").spawn().unwrap();
    let (pid, options) = (child.id() as i32, libc::WEXITED | libc::WNOWAIT);
    let (mut status, mut info) = (0, unsafe { std::mem::zeroed() });
    assert_eq!(unsafe { libc::waitid(libc::P_PIDFD, child.as_raw_fd() as u32, &mut info, options) }, 0);
    drop(child);
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
}

fn one_loop_for_many_children() {
    let mut children: Vec<Child> =
        (0..20).map(|number| shell(&format!("sleep 0.0{}; exit {number}", number % 5)).spawn().unwrap()).collect();
    let mut ended = BTreeSet::new();
    while ended.len() < children.len() {
        let watched: Vec<_> = (0..children.len()).filter(|number| !ended.contains(number)).collect();
        let mut entries: Vec<_> = watched
            .iter()
            .map(|&number| libc::pollfd { fd: children[number].as_raw_fd(), events: libc::POLLIN, revents: 0 })
            .collect();
        assert!(unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, -1) } > 0);
        for (entry, number) in entries.iter().zip(watched) {
            let status = children[number].try_wait().unwrap();
            if entry.revents != 0 {
                assert_eq!(status.expect("it has ended").code(), Some(number as i32));
            }
            if status.is_some() {
                ended.insert(number);
            }
        }
    }
}

fn a_kernel_without_pidfds() {
    // As before Linux 5.4.
    refuse(libc::SYS_waitid, libc::EINVAL);
    let error = error(&mut Command::new("true"));
    assert_eq!((error.raw_os_error(), error.kind()), (Some(libc::ENOSYS), ErrorKind::Unsupported));
}

fn no_free_descriptor() {
    limit_descriptors(0);
    assert_eq!(error(&mut Command::new("true")).raw_os_error(), Some(libc::EMFILE));
}

fn an_error_leaves_nothing() {
    let before = descriptors();
    let [mut missing, mut unfit] = [Command::new("there-is-no-such-program"), Command::new("true")];
    unfit.umask(0o10000);
    for command in [&mut missing, &mut unfit] {
        for _ in 0..3 {
            assert!(command.stdin(Stdio::piped()).output().is_err());
        }
    }
    assert_eq!(descriptors(), before);
    assert!(!has_children());
}

fn a_command_can_be_used_again() {
    let file = temporary();
    let mut command = Command::new("sh");
    command.args(["-c", "echo $VARIABLE"]).stdout(file.try_clone().unwrap());
    for value in ["1", "2"] {
        assert!(command.env("VARIABLE", value).status().unwrap().success());
    }
    assert_eq!(content(file), "1\n2\n");
    let before = descriptors();
    drop(command);
    assert_eq!(descriptors().len(), before.len() - 1);
}

fn what_cannot_be_is_refused() {
    let directory = File::open("/").unwrap();
    let error = |command: &mut Command| error(command).raw_os_error();
    assert!(matches!(error(Command::new("true").cgroup(directory)), Some(libc::EBADF | libc::EOPNOTSUPP)));
    assert_eq!(error(Command::new("true").setsid(true).process_group(0)), Some(libc::EPERM));
    assert_eq!(error(&mut Command::new("/")), Some(libc::EACCES));
    assert_eq!(error(&mut Command::new("")), Some(libc::ENOENT));
    assert!(!has_children());
}

// A program that knows nothing of the library: Rust's standard library looks for pidfd_spawnp by itself, as a weak
// symbol, when a pidfd is asked for.
//
//   rust-std tests            the tests, in the words of the suite
//   rust-std latency MIB N    the median time of N spawns with MIB mebibytes resident: by fork, by pidfd_spawnp

#![feature(linux_pidfd)]

use std::io::{self, Read};
use std::os::linux::process::{ChildExt, CommandExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

extern "C" {
    fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
}

type Outcome = Result<(), String>;

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).create_pidfd(true);
    command
}

fn started(command: &mut Command) -> Result<Child, String> {
    command.spawn().map_err(|error| format!("not started: {error}"))
}

fn text(command: &mut Command) -> Result<(String, u32), String> {
    let mut child = started(command.stdout(Stdio::piped()))?;
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).map_err(|error| error.to_string())?;
    let status = child.wait().map_err(|error| error.to_string())?;
    same("status", status.into_raw(), 0)?;
    Ok((text, child.id()))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should_be: T) -> Outcome {
    if is == should_be {
        Ok(())
    } else {
        Err(format!("{what} is {is:?}, not {should_be:?}"))
    }
}

fn no_child_left() -> Outcome {
    let pid = unsafe { waitpid(-1, std::ptr::null_mut(), 1) };
    same("waitpid without children", (pid, io::Error::last_os_error().raw_os_error()), (-1, Some(10)))
}

fn wait() -> Outcome {
    let mut child = started(&mut command("sh", &["-c", "exit 7"]))?;
    same("status", child.wait().map_err(|error| error.to_string())?.code(), Some(7))?;
    no_child_left()
}

fn wait_by_pidfd() -> Outcome {
    let child = started(&mut command("sh", &["-c", "exit 9"]))?;
    let pidfd = child.into_pidfd().map_err(|_| "no pidfd".to_string())?;
    same("status", pidfd.wait().map_err(|error| error.to_string())?.code(), Some(9))?;
    no_child_left()
}

fn process_id() -> Outcome {
    let (text, id) = text(&mut command("sh", &["-c", "echo $$"]))?;
    same("process ID", text.trim(), id.to_string().as_str())
}

fn kill() -> Outcome {
    let mut child = started(&mut command("sleep", &["100"]))?;
    child.pidfd().map_err(|error| format!("no pidfd: {error}"))?;
    same("status before", child.try_wait().map_err(|error| error.to_string())?, None)?;
    child.kill().map_err(|error| error.to_string())?;
    same("signal", child.wait().map_err(|error| error.to_string())?.signal(), Some(9))?;
    no_child_left()
}

fn working_directory() -> Outcome {
    let (text, _) = text(command("/bin/pwd", &[]).current_dir("/usr"))?;
    same("directory", text.trim(), "/usr")
}

fn relative_program() -> Outcome {
    let (text, _) = text(command("./echo", &["here"]).current_dir("/bin"))?;
    same("output", text.trim(), "here")
}

fn process_group() -> Outcome {
    let (text, id) = text(command("cat", &["/proc/self/stat"]).process_group(0))?;
    same("process group", text.split(' ').nth(4), Some(id.to_string().as_str()))
}

fn environment() -> Outcome {
    let (text, _) = text(command("/usr/bin/env", &[]).env_clear().env("NAME", "value"))?;
    same("environment", text.as_str(), "NAME=value\n")
}

fn streams() -> Outcome {
    let output = command("sh", &["-c", "echo out; echo err >&2"]).output().map_err(|error| error.to_string())?;
    same("output", (output.stdout.as_slice(), output.stderr.as_slice()), (b"out\n", b"err\n"))
}

// The standard library ignores SIGPIPE in this program and asks for the default in children.
fn signals() -> Outcome {
    let (text, _) = text(&mut command("cat", &["/proc/self/status"]))?;
    let ignored = text.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap_or("?");
    same("ignored SIGPIPE", u64::from_str_radix(ignored, 16).map(|set| set & 1 << 12), Ok(0))
}

fn refused(program: &str, errno: i32) -> Outcome {
    match command(program, &[]).spawn() {
        Ok(_) => Err("it was started".to_string()),
        Err(error) => same("error", error.raw_os_error(), Some(errno)),
    }?;
    no_child_left()
}

fn threads() -> Outcome {
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            std::thread::spawn(move || {
                (0..25).try_for_each(|turn| {
                    let code = (thread * 25 + turn) % 256;
                    let mut child = started(&mut command("sh", &["-c", &format!("exit {code}")]))?;
                    same("status", child.wait().map_err(|error| error.to_string())?.code(), Some(code))
                })
            })
        })
        .collect();
    threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "panicked".to_string())?)?;
    no_child_left()
}

fn tests() -> i32 {
    let tests: &[(&str, fn() -> Outcome)] = &[
        ("wait", wait),
        ("wait by pidfd", wait_by_pidfd),
        ("process ID", process_id),
        ("kill", kill),
        ("working directory", working_directory),
        ("relative program", relative_program),
        ("process group", process_group),
        ("environment", environment),
        ("streams", streams),
        ("signals", signals),
        ("ENOENT", || refused("there-is-no-such-program", 2)),
        ("EACCES", || refused("/etc/passwd", 13)),
        ("eight threads", threads),
    ];
    let mode = std::env::args().nth(2).unwrap_or_default();
    let mut failures = 0;
    for (name, test) in tests {
        match test() {
            Ok(()) => println!("ok - Rust std, {mode}: {name}"),
            Err(why) => {
                failures += 1;
                println!("not ok - Rust std, {mode}: {name}\n# {why}");
            }
        }
    }
    (failures > 0) as i32
}

fn latency(mebibytes: usize, count: usize) {
    let memory = vec![1u8; mebibytes << 20];
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..2 * count {
        let mut command = command("/bin/true", &[]);
        if turn % 2 == 0 {
            // Anything to be called in the child makes the standard library fork.
            unsafe { command.pre_exec(|| Ok(())) };
        }
        let start = Instant::now();
        let child = command.spawn();
        let time = start.elapsed();
        child.and_then(|mut child| child.wait()).expect("/bin/true");
        times[turn % 2].push(time);
    }
    assert_eq!(std::hint::black_box(&memory)[memory.len() / 2], 1);
    let [fork, spawn] = times.map(|mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    println!("{fork:.0} {spawn:.0} {:.3}", spawn / fork);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("tests") => std::process::exit(tests()),
        Some("latency") => latency(arguments[2].parse().unwrap(), arguments[3].parse().unwrap()),
        _ => std::process::exit(2),
    }
}

//! Supervises several children in one event loop, without threads and without a handler for SIGCHLD:
//!
//!     event-loop 'sleep 0.2' false 'sleep 100'
//!
//! Each argument is a command of words between spaces.  Each child's pidfd is readable when the child has ended; one
//! that runs for longer than a second is told to end.  The children inherit no descriptor besides the standard ones,
//! and end when the supervisor does.  It prints how each child ended, in that order, and ends with status 1 if one of
//! them failed.

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use pidfd_spawn::process::{Child, Command, Stdio};
use std::collections::BTreeMap;
use std::env;
use std::io;
use std::os::unix::io::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::time::{Duration, Instant};

/// Not worth a dependency.
const SIGTERM: i32 = 15;

const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> io::Result<ExitCode> {
    let commands: Vec<String> = env::args().skip(1).collect();
    let mut poll = Poll::new()?;
    let mut running = BTreeMap::new();
    for (number, command) in commands.iter().enumerate() {
        let child = start(command)?;
        poll.registry().register(&mut SourceFd(&child.as_raw_fd()), Token(number), Interest::READABLE)?;
        running.insert(Token(number), child);
    }

    let mut deadline = Some(Instant::now() + PATIENCE);
    let mut events = Events::with_capacity(64);
    let mut all_succeeded = true;
    while !running.is_empty() {
        let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match poll.poll(&mut events, rest) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            let token = event.token();
            let Some(child) = running.get_mut(&token) else { continue };
            // It does not block: the child has ended.
            let Some(status) = child.try_wait()? else { continue };
            // Before the pidfd is closed: a copy that another call holds for a moment would stay in the epoll set.
            poll.registry().deregister(&mut SourceFd(&child.as_raw_fd()))?;
            running.remove(&token);
            println!("{}: {}", commands[token.0], describe(status));
            all_succeeded &= status.success();
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            deadline = None;
            for child in running.values() {
                child.send_signal(SIGTERM)?;
            }
        }
    }
    Ok(if all_succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn start(command: &str) -> io::Result<Child> {
    let mut words = command.split_whitespace();
    Command::new(words.next().unwrap_or_default())
        .args(words)
        .stdin(Stdio::null())
        .close_on_exec_from(3)
        .death_signal(SIGTERM)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{command}: {error}")))
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("status {code}"),
        (_, signal) => format!("signal {}", signal.unwrap_or(0)),
    }
}

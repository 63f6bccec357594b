//! Runs each test in a process of its own, so that it may close, ignore and steal what it likes.  A test that cannot
//! run says why and counts as skipped; the last line has the form of cargo's own harness.

use std::env;
use std::process::{exit, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub type Test = (&'static str, fn());

/// A list of functions with their names.
macro_rules! tests {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name)),*] };
}
pub(crate) use tests;

const RUN: &str = "--run-one";
const SKIPPED: i32 = 77;

/// Against hanging: the suite's variable, in seconds, or long enough for any machine.
fn limit() -> Duration {
    Duration::from_secs(env::var("TEST_TIME_LIMIT").map_or(120, |text| text.parse().expect("it is a number")))
}

/// Runs the tests whose names have one of the arguments in them.
pub fn run(tests: &[Test]) {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [option, name] = &arguments[..] {
        if option == RUN {
            let (_, test) = tests.iter().find(|(known, _)| known == name).expect("a test has that name");
            return test();
        }
    }
    let wanted: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let (chosen, others): (Vec<_>, Vec<_>) = tests.iter().partition(|(name, _)| is_wanted(name));
    println!("\nrunning {} tests", chosen.len());
    let [mut passed, mut failed, mut skipped] = [0; 3];
    for (name, _) in chosen {
        match outcome(name) {
            Some(0) => passed += 1,
            Some(SKIPPED) => skipped += 1,
            other => {
                failed += 1;
                println!("test {name} ... FAILED ({other:?})");
            }
        }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "test result: {word}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured; {} filtered out\n",
        others.len()
    );
    exit(i32::from(failed > 0));
}

/// The test's exit status, if it has one.
fn outcome(name: &str) -> Option<i32> {
    let program = env::current_exe().expect("there is procfs");
    let mut child = Command::new(program).args([RUN, name]).stdin(Stdio::null()).spawn().expect("it starts");
    let start = Instant::now();
    loop {
        match child.try_wait().expect("it is our child") {
            Some(status) => return status.code(),
            None if start.elapsed() < limit() => sleep(Duration::from_millis(2)),
            None => {
                println!("test {name}: it takes too long");
                child.kill().expect("it is our child");
            }
        }
    }
}

/// Ends the test, which cannot run here.
pub fn skip(why: &str) -> ! {
    println!("skipped: {why}");
    exit(SKIPPED);
}

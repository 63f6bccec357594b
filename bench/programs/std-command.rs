// SPDX-License-Identifier: MIT OR Apache-2.0

//! Starts programs by Rust std's Command; see run.py.
//!
//! Its stable methods `uid` and `gid` drop the supplementary groups, and `pre_exec` runs after them, when it is too
//! late to set some.  So the whole request is in `pre_exec`, as programs with groups have it.

use std::env;
use std::ffi::c_void;
use std::io::{self, BufRead, Write};
use std::os::raw::{c_int, c_uint, c_ulong};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;
use std::time::{Duration, Instant};

#[repr(C)]
struct Limit {
    soft: u64,
    hard: u64,
}

extern "C" {
    fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int;
    fn getrlimit(resource: c_int, limit: *mut Limit) -> c_int;
    fn setrlimit(resource: c_int, limit: *const Limit) -> c_int;
    fn setgroups(count: usize, groups: *const u32) -> c_int;
    fn setgid(group: u32) -> c_int;
    fn setuid(user: u32) -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn open(path: *const u8, flags: c_int, ...) -> c_int;
    fn mmap(address: *mut c_void, size: usize, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> *mut u8;
    fn madvise(address: *mut u8, size: usize, advice: c_int) -> c_int;
}

const CLOSE_RANGE_CLOEXEC: c_int = 4;
const RLIMIT_CORE: c_int = 4;
const RLIMIT_NOFILE: c_int = 7;
const PR_SET_PDEATHSIG: c_int = 1;
const SIGKILL: c_ulong = 9;
const PROT_READ_WRITE: c_int = 3;
const MAP_PRIVATE_ANONYMOUS: c_int = 0x22;
const MADV_NOHUGEPAGE: c_int = 15;

fn check(result: c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn hold_memory(size: usize) {
    unsafe {
        let memory = mmap(ptr::null_mut(), size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
        assert_ne!(memory as isize, -1, "memory");
        madvise(memory, size, MADV_NOHUGEPAGE);
        for offset in (0..size).step_by(4096) {
            memory.add(offset).write_volatile(1);
        }
    }
}

fn open_descriptors(count: u32) -> io::Result<()> {
    unsafe {
        let mut limit = Limit { soft: 0, hard: 0 };
        check(getrlimit(RLIMIT_NOFILE, &mut limit))?;
        limit.soft = limit.hard;
        check(setrlimit(RLIMIT_NOFILE, &limit))?;
        for _ in 0..count {
            check(open(b"/dev/null\0".as_ptr(), 0))?;
        }
    }
    Ok(())
}

fn prepare() -> io::Result<()> {
    let groups = [65533, 65532, 65531];
    unsafe {
        check(close_range(3, c_uint::MAX, CLOSE_RANGE_CLOEXEC))?;
        check(setrlimit(RLIMIT_NOFILE, &Limit { soft: 256, hard: 1024 }))?;
        check(setrlimit(RLIMIT_CORE, &Limit { soft: 0, hard: 0 }))?;
        check(setgroups(groups.len(), groups.as_ptr()))?;
        check(setgid(65533))?;
        check(setuid(65534))?;
        check(prctl(PR_SET_PDEATHSIG, SIGKILL))
    }
}

fn start(child: &str) -> io::Result<Duration> {
    let before = Instant::now();
    let mut command = Command::new(child);
    command.arg("user").env_clear();
    unsafe { command.pre_exec(prepare) };
    let status = command.spawn()?.wait()?;
    let duration = before.elapsed();
    assert!(status.success(), "the child failed");
    Ok(duration)
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    hold_memory(arguments[1].parse::<usize>().expect("mebibytes") << 20);
    open_descriptors(arguments[2].parse().expect("descriptors"))?;
    for line in io::stdin().lock().lines() {
        let mut total = Duration::ZERO;
        for _ in 0..line?.parse().expect("how often") {
            total += start(&arguments[3])?;
        }
        println!("{}", total.as_nanos());
        io::stdout().flush()?;
    }
    Ok(())
}

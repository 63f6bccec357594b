//! Stands in for the standard library around its own tests, which are linked to beside this file: for them the crate is
//! std, and a module they are in is that of std.

#![cfg_attr(doctest, doc = include_str!("examples.md"))]
#![cfg_attr(test, feature(assert_matches, core_io_borrowed_buf, linux_pidfd, read_buf))]
#![allow(stable_features)]

#[cfg(test)]
pub use std::*;

#[cfg(test)]
pub mod process {
    pub use std::process::*;
    mod tests;
}

#[cfg(test)]
pub mod unix {
    mod tests;
}

#[cfg(test)]
pub mod pidfd {
    mod tests;

    pub struct PidFd;

    impl PidFd {
        /// Whether there are pidfds.
        pub fn current_process() -> std::io::Result<()> {
            cvt(unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) } as i32).map(drop)
        }
    }

    pub fn cvt(result: i32) -> std::io::Result<i32> {
        if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(result) }
    }
}

/// What the tests see of std's inner pidfd.
#[cfg(test)]
pub mod sys {
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::linux::process::PidFd;

    pub trait AsInner {
        fn as_inner(&self) -> &Self {
            self
        }
        fn pid(&self) -> io::Result<u32>;
    }

    impl AsInner for PidFd {
        fn pid(&self) -> io::Result<u32> {
            let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", self.as_raw_fd()))?;
            let pid = text.lines().find_map(|line| line.strip_prefix("Pid:\t")).and_then(|pid| pid.parse().ok());
            pid.ok_or_else(|| io::Error::other(text))
        }
    }
}

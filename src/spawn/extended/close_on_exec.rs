//! Marking descriptors close-on-exec rather than closing them, so that the file actions still find them.  Same
//! conditions as in `spawn::child`.

use crate::errno::{Errno, Result};
use crate::kernel::fd;
use crate::spawn::file_actions::{for_each_found, for_each_listed};
use libc::{c_int, c_uint};

pub fn mark_from(first: c_int) -> Result<()> {
    let first = first as c_uint;
    // Before Linux 5.11 it cannot mark, and sandboxes refuse it in several ways.
    if fd::close_range(first, c_uint::MAX, fd::CLOSE_RANGE_CLOEXEC).is_ok() {
        return Ok(());
    }
    // Whether marking one by one is permitted: a number that is none is refused in a way of its own.
    match fd::set_close_on_exec(-1) {
        Err(Errno(libc::EBADF)) => {}
        other => return other,
    }
    for_each_listed(first, c_uint::MAX, mark).or_else(|_| for_each_found(first, c_uint::MAX, fd::is_open, mark))
}

fn mark(fd: c_int) {
    // It fails for a number that is not open, and for no other.
    let _ = fd::set_close_on_exec(fd);
}

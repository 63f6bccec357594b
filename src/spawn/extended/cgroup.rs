//! Moving into a cgroup, for a child that could not be born there.  Same conditions as in `spawn::child`.

use crate::errno::{Errno, Result};
use crate::kernel::fd;
use crate::kernel::uapi::CGROUP2;
use libc::c_int;

/// `directory` can be a descriptor that was opened with O_PATH.
pub fn enter(directory: c_int) -> Result<()> {
    // What clone3 says of a directory that is no cgroup, also where that has a file of the name below.
    let not_a_cgroup = Errno(libc::EBADF);
    if fd::file_system(directory)? != CGROUP2 {
        return Err(not_a_cgroup);
    }
    let list = match fd::open_in(directory, b"cgroup.procs\0", libc::O_WRONLY | libc::O_CLOEXEC) {
        Ok(list) => list.into_raw(),
        Err(Errno(libc::ENOTDIR)) => return Err(not_a_cgroup),
        Err(error) => return Err(error),
    };
    let result = fd::write(list, b"0").map(drop);
    let _ = fd::close(list);
    result
}

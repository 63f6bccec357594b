//! Moving into a cgroup, for a child that could not be born there.  Same conditions as in `spawn::child`.

use crate::errno::{Errno, Result};
use crate::kernel::fd;
use crate::kernel::uapi::CGROUP2;
use libc::c_int;

/// `directory` can be a descriptor that was opened with O_PATH.
pub fn enter(directory: c_int) -> Result<()> {
    let list = fd::open_in(directory, b"cgroup.procs\0", libc::O_WRONLY | libc::O_CLOEXEC)?.into_raw();
    let result = match fd::file_system(list) {
        Ok(CGROUP2) => fd::write(list, b"0").map(drop),
        // A file of that name elsewhere: as clone3 says of such a directory.
        Ok(_) => Err(Errno(libc::EBADF)),
        Err(error) => Err(error),
    };
    let _ = fd::close(list);
    result
}

//! The libc's functions whose place the shared library takes: see `pidfd_spawn::capi::posix_spawn`.
//! scripts/static-archive leaves them out of the archive.

use libc::{c_char, c_int, c_short, pid_t, posix_spawn_file_actions_t, posix_spawnattr_t};
use pidfd_spawn::capi::posix_spawn::{self as interpose, Arguments};

#[no_mangle]
unsafe extern "C" fn posix_spawn(
    pid: *mut pid_t,
    name: *const c_char,
    actions: *const posix_spawn_file_actions_t,
    attributes: *const posix_spawnattr_t,
    argv: *const *mut c_char,
    envp: *const *mut c_char,
) -> c_int {
    interpose::posix_spawn(&Arguments { pid, name, actions, attributes, argv, envp })
}

#[no_mangle]
unsafe extern "C" fn posix_spawnp(
    pid: *mut pid_t,
    name: *const c_char,
    actions: *const posix_spawn_file_actions_t,
    attributes: *const posix_spawnattr_t,
    argv: *const *mut c_char,
    envp: *const *mut c_char,
) -> c_int {
    interpose::posix_spawnp(&Arguments { pid, name, actions, attributes, argv, envp })
}

#[no_mangle]
unsafe extern "C" fn posix_spawnattr_setflags(attributes: *mut posix_spawnattr_t, flags: c_short) -> c_int {
    interpose::set_flags(attributes, flags)
}

#[no_mangle]
unsafe extern "C" fn posix_spawnattr_setcgroup_np(attributes: *mut posix_spawnattr_t, cgroup: c_int) -> c_int {
    interpose::set_cgroup(attributes, cgroup)
}

#[no_mangle]
unsafe extern "C" fn posix_spawnattr_getcgroup_np(attributes: *const posix_spawnattr_t, cgroup: *mut c_int) -> c_int {
    interpose::get_cgroup(attributes, cgroup)
}

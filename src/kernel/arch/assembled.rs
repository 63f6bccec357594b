//! Architectures for which the oldest supported compiler has no inline assembly: build.rs has the file of the same name
//! assembled.

// Sound because: as in x86_64.rs.
#![allow(unsafe_code)]

use libc::c_void;

extern "C" {
    fn libpidfd_spawn_syscall(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize;
    fn libpidfd_spawn_clone_calling(
        number: usize,
        a: usize,
        b: usize,
        c: usize,
        entry: unsafe extern "C" fn(*const c_void) -> !,
        argument: *const c_void,
    ) -> isize;
}

/// A system call with up to three arguments.
///
/// # Safety
/// The arguments must be what the system call `number` asks for.
#[inline(always)]
pub unsafe fn syscall3(number: usize, a: usize, b: usize, c: usize) -> isize {
    libpidfd_spawn_syscall(number, a, b, c, 0, 0, 0)
}

/// A system call with up to six arguments.
///
/// # Safety
/// As `syscall3`.
#[inline(always)]
pub unsafe fn syscall6(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
    libpidfd_spawn_syscall(number, a, b, c, d, e, f)
}

/// As in x86_64.rs.  The child goes on below the frame of the assembled function, which the caller, suspended, still
/// needs and the child leaves alone.
///
/// # Safety
/// As in x86_64.rs.
#[inline(always)]
pub unsafe fn clone_calling(
    number: usize,
    a: usize,
    b: usize,
    c: usize,
    entry: unsafe extern "C" fn(*const c_void) -> !,
    argument: *const c_void,
) -> isize {
    libpidfd_spawn_clone_calling(number, a, b, c, entry, argument)
}

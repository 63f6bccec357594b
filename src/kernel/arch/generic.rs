//! Any other architecture: the libc's `syscall` and `clone`.
//!
//! This is the only place where a child that shares its parent's memory calls the libc.  `syscall` touches nothing but
//! errno, which is put back here, and `clone` is made for such children.  It takes no clone3, so the fallback path is
//! the only one, and it wants a stack for the child.

// Sound because: the arguments are the responsibility of the caller, the typed function in `kernel`; the child's stack
// is part of a frame that stays while the caller is suspended.
#![allow(unsafe_code)]

use crate::errno;
use core::mem::{size_of_val, MaybeUninit};
use libc::{c_int, c_long, c_void};

/// The result as the kernel gives it, and errno as it was.
unsafe fn without_errno(call: impl FnOnce() -> c_long) -> isize {
    let before = errno::get();
    match call() {
        -1 => {
            let error = errno::get();
            errno::set(before);
            -error as isize
        }
        result => result as isize,
    }
}

/// A system call with up to three arguments.
///
/// # Safety
/// The arguments must be what the system call `number` asks for.
pub unsafe fn syscall3(number: usize, a: usize, b: usize, c: usize) -> isize {
    without_errno(|| libc::syscall(number as c_long, a, b, c))
}

/// A system call with up to six arguments.
///
/// # Safety
/// As `syscall3`.
pub unsafe fn syscall6(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
    without_errno(|| libc::syscall(number as c_long, a, b, c, d, e, f))
}

/// The child needs less than a kilobyte, much of it for directory entries; several without optimisation.  What there is
/// more of is for architectures with larger frames; it is part of what a spawn takes of the caller's stack.
#[repr(align(16))]
struct Stack(MaybeUninit<[u8; STACK_SIZE]>);

const STACK_SIZE: usize = if cfg!(any(debug_assertions, large_frames)) { 8192 } else { 4096 };

extern "C" {
    fn clone(
        entry: unsafe extern "C" fn(*const c_void) -> !,
        stack: *mut c_void,
        flags: c_int,
        argument: *const c_void,
        parent_tid: usize,
        ...
    ) -> c_int;
}

/// As in x86_64.rs, but a child that is given no stack has one within this function's frame; ENOSYS for clone3.
///
/// # Safety
/// As in x86_64.rs.
#[inline(never)]
pub unsafe fn clone_calling(
    number: usize,
    a: usize,
    b: usize,
    c: usize,
    entry: unsafe extern "C" fn(*const c_void) -> !,
    argument: *const c_void,
) -> isize {
    if number != libc::SYS_clone as usize {
        return -libc::ENOSYS as isize;
    }
    // In the order of the system call, which differs.
    let (flags, given) = if cfg!(target_arch = "s390x") { (b, a) } else { (a, b) };
    let mut own = Stack(MaybeUninit::uninit());
    let end = match given as *mut c_void {
        none if none.is_null() => own.0.as_mut_ptr().cast::<u8>().add(size_of_val(&own)).cast(),
        given => given,
    };
    without_errno(|| c_long::from(clone(entry, end, flags as c_int, argument, c)))
}

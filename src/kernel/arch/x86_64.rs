//! x86_64: `syscall` takes the number in rax and arguments in rdi, rsi, rdx, r10, r8, r9; it overwrites rcx and r11.

// Sound because: each function is exactly the kernel's calling convention; what the system call does to memory is the
// responsibility of the caller, which is the typed function in `kernel`.
#![allow(unsafe_code)]

use core::arch::asm;
use libc::c_void;

/// A system call with up to three arguments.
///
/// # Safety
/// The arguments must be what the system call `number` asks for.
#[inline(always)]
pub unsafe fn syscall3(number: usize, a: usize, b: usize, c: usize) -> isize {
    let result: isize;
    asm!(
        "syscall",
        inlateout("rax") number as isize => result,
        in("rdi") a,
        in("rsi") b,
        in("rdx") c,
        out("rcx") _,
        out("r11") _,
        options(nostack, preserves_flags)
    );
    result
}

/// A system call with up to six arguments.
///
/// # Safety
/// As `syscall3`.
#[inline(always)]
pub unsafe fn syscall6(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
    let result: isize;
    asm!(
        "syscall",
        inlateout("rax") number as isize => result,
        in("rdi") a,
        in("rsi") b,
        in("rdx") c,
        in("r10") d,
        in("r8") e,
        in("r9") f,
        out("rcx") _,
        out("r11") _,
        options(nostack, preserves_flags)
    );
    result
}

/// Makes a child that shares the caller's memory (CLONE_VM) or gets a copy, and in the child calls `entry(argument)`,
/// which never returns.  `number` is clone3 or clone, the other arguments are that call's.
///
/// With shared memory and without a stack in them the caller is to be suspended (CLONE_VFORK).  The child goes on with
/// the caller's stack pointer and its frames lie below the caller's frame: space that is free while the caller is
/// suspended, guarded by the same guard page, and as large as the caller's stack allows.  The block has no `nostack`
/// option, so that the compiler keeps nothing in the red zone below the stack pointer and the pointer is aligned for
/// the call.  A debugger that unwinds the child finds the caller's frames, which are really there.  A shadow stack
/// works in the same way: the kernel lets a vfork child push onto its parent's, and gives one of its own to a child
/// with a stack.
///
/// # Safety
/// `number` and the arguments must be a clone, and with CLONE_VM either CLONE_VFORK or an aligned stack; `entry` must
/// not return and must leave the caller's frames as they are.
#[inline(always)]
pub unsafe fn clone_calling(
    number: usize,
    a: usize,
    b: usize,
    c: usize,
    entry: unsafe extern "C" fn(*const c_void) -> !,
    argument: *const c_void,
) -> isize {
    let result: isize;
    asm!(
        "syscall",
        "test rax, rax",
        "jnz 2f",
        "mov rdi, {argument}",
        "call {entry}",
        "ud2",
        "2:",
        // Both are read after the system call, so they must share nothing that it changes: no `lateout` here.
        entry = in(reg) entry,
        argument = in(reg) argument,
        inout("rax") number as isize => result,
        in("rdi") a,
        in("rsi") b,
        in("rdx") c,
        // clone's last two, the child's thread ID address and TLS: not used by any caller here.
        in("r10") 0,
        in("r8") 0,
        out("rcx") _,
        out("r11") _,
    );
    result
}

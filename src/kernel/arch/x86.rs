//! i386: `int 0x80` takes the number in eax and arguments in ebx, ecx, edx, esi, edi, ebp; it changes eax alone.
//!
//! The faster entry of the vDSO is found through the thread's control block, which is the libc's.

// Sound because: as in x86_64.rs.
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
        "int 0x80",
        inlateout("eax") number as isize => result,
        in("ebx") a,
        in("ecx") b,
        in("edx") c,
        options(nostack, preserves_flags)
    );
    result
}

/// A system call with up to six arguments.  The compiler keeps esi and ebp for itself, so they are saved and loaded
/// here.
///
/// # Safety
/// As `syscall3`.
#[inline(always)]
pub unsafe fn syscall6(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
    let others = [d, f, number];
    let result: isize;
    asm!(
        "push esi",
        "push ebp",
        "mov esi, [eax]",
        "mov ebp, [eax + 4]",
        "mov eax, [eax + 8]",
        "int 0x80",
        "pop ebp",
        "pop esi",
        inlateout("eax") others.as_ptr() => result,
        in("ebx") a,
        in("ecx") b,
        in("edx") c,
        in("edi") e,
        options(preserves_flags)
    );
    result
}

/// As in x86_64.rs.  There is no red zone; the child aligns its stack, which moves it below the caller's frame or
/// within its own, and there an unwinder, which is not told, loses its way unless it goes by frame pointers.  Once the
/// child is made it reads registers alone, for a caller that is not suspended may have written over `call`.
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
    let call = [argument, entry as *const c_void];
    let result: isize;
    asm!(
        "push esi",
        "mov esi, [edi + 4]",
        "mov edi, [edi]",
        "int 0x80",
        "test eax, eax",
        "jnz 2f",
        "and esp, -16",
        "sub esp, 12",
        "push edi",
        "call esi",
        "ud2",
        "2:",
        "pop esi",
        inout("eax") number as isize => result,
        in("ebx") a,
        in("ecx") b,
        in("edx") c,
        // clone's last two, in esi and edi, are not asked for by any caller's flags.
        inout("edi") call.as_ptr() => _,
    );
    result
}

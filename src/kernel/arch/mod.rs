//! What differs between architectures: the system call instruction and the calling convention around clone.
//! Each file has the same three functions and nothing but instructions.

#[cfg_attr(generic_instructions, path = "generic.rs")]
#[cfg_attr(all(not(generic_instructions), target_arch = "x86_64"), path = "x86_64.rs")]
#[cfg_attr(all(not(generic_instructions), target_arch = "x86"), path = "x86.rs")]
#[cfg_attr(all(not(generic_instructions), target_arch = "aarch64"), path = "aarch64.rs")]
#[cfg_attr(all(not(generic_instructions), target_arch = "arm"), path = "arm.rs")]
#[cfg_attr(all(not(generic_instructions), target_arch = "riscv64"), path = "riscv64.rs")]
#[cfg_attr(
    all(not(generic_instructions), any(target_arch = "s390x", target_arch = "powerpc64")),
    path = "assembled.rs"
)]
#[cfg_attr(all(not(generic_instructions), target_arch = "loongarch64"), path = "generic.rs")]
mod instructions;
pub use instructions::*;

/// Whether a system call goes through the libc, and so through the calling thread's errno.
pub const CALLS_LIBC: bool = cfg!(any(generic_instructions, target_arch = "loongarch64"));

#[cfg(not(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "x86",
    all(target_arch = "aarch64", target_pointer_width = "64"),
    all(target_arch = "arm", target_endian = "little"),
    target_arch = "riscv64",
    target_arch = "s390x",
    all(target_arch = "powerpc64", target_endian = "little"),
    target_arch = "loongarch64",
)))]
compile_error!(
    "pidfd_spawn knows no system call instructions for this architecture; CONTRIBUTING.md says how to add them"
);

//! What differs between architectures: the system call instruction and the calling convention around clone.
//! Each file has the same three functions and nothing but instructions.  build.rs says where the compiler has inline
//! assembly, and that the generic ones are taken where there are none.

#[cfg_attr(generic_instructions, path = "generic.rs")]
#[cfg_attr(all(not(generic_instructions), not(inline_assembly)), path = "assembled.rs")]
#[cfg_attr(all(not(generic_instructions), target_arch = "x86_64"), path = "x86_64.rs")]
#[cfg_attr(all(not(generic_instructions), target_arch = "x86"), path = "x86.rs")]
#[cfg_attr(all(not(generic_instructions), target_arch = "aarch64"), path = "aarch64.rs")]
#[cfg_attr(all(not(generic_instructions), target_arch = "arm"), path = "arm.rs")]
#[cfg_attr(all(not(generic_instructions), target_arch = "riscv64"), path = "riscv64.rs")]
#[cfg_attr(all(not(generic_instructions), target_arch = "loongarch64"), path = "loongarch64.rs")]
mod instructions;
pub use instructions::*;

/// Whether a system call goes through the libc, and so through the calling thread's errno.
pub const CALLS_LIBC: bool = cfg!(generic_instructions);

//! What differs between architectures: the system call instruction and the calling convention around clone.
//! Each file has the same functions and nothing but assembly.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub use x86_64::*;

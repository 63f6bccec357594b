//! Chooses the system call instructions for the target, and refuses, in plain words, one that has none.  Off Linux,
//! which alone has pidfds, the crate is empty.

use std::env;

/// The architectures with a file of inline assembly in src/kernel/arch/.
const INLINE: &[&str] = &["x86_64", "x86", "aarch64", "arm", "riscv64"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/libc_abi/weak.s");
    if target("OS") != "linux" {
        return;
    }
    let arch = target("ARCH");
    let bits = target("POINTER_WIDTH");
    let kind = match (arch.as_str(), bits.as_str(), target("ENDIAN").as_str()) {
        ("x86_64" | "aarch64", "32", _) => refuse(&arch, &bits),
        ("s390x", "64", "big") | ("powerpc64", "64", "little") => "assembled",
        (_, _, "little") if INLINE.contains(&arch.as_str()) => &arch,
        ("aarch64", "64", _) => &arch,
        ("loongarch64", "64", _) => "generic",
        _ => refuse(&arch, &bits),
    };
    // For the tests of the generic instructions on an architecture that has its own.
    let kind = if env::var_os("CARGO_CFG_GENERIC_INSTRUCTIONS").is_some() { "generic" } else { kind };
    println!("cargo:rustc-cfg=instructions=\"{kind}\"");

    // Where the compiler has no inline assembly, what is assembled elsewhere too needs an assembler as well.
    if matches!(arch.as_str(), "s390x" | "powerpc64") {
        let name = if arch == "s390x" { "s390x" } else { "powerpc64le" };
        let instructions = format!("src/kernel/arch/{name}.s");
        println!("cargo:rerun-if-changed={instructions}");
        cc::Build::new()
            .files([instructions.as_str(), "src/libc_abi/weak.s"])
            .flag("-Wa,--noexecstack")
            .compile("pidfd_spawn_assembled");
    }
}

fn refuse(arch: &str, bits: &str) -> ! {
    panic!(
        "no system call instructions for {arch} with {bits}-bit pointers; known: {INLINE:?}, s390x, \
         powerpc64 (little-endian), and loongarch64 by the libc's syscall(). \
         CONTRIBUTING.md says how to add an architecture."
    )
}

fn target(key: &str) -> String {
    env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default()
}

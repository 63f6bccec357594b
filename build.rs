//! Assembles what the compiler has no inline assembly for.  Which instructions are taken, src/kernel/arch/mod.rs says.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/libc_abi/weak.s");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    // Off Linux, which alone has pidfds, the crate is empty.
    if target("OS") != "linux" {
        return;
    }
    name_what_architectures_share(&target("ARCH"), &target("POINTER_WIDTH"));
    let name = match target("ARCH").as_str() {
        "s390x" => "s390x",
        "powerpc64" => "powerpc64le",
        _ => return,
    };
    let instructions = format!("src/kernel/arch/{name}.s");
    println!("cargo:rerun-if-changed={instructions}");
    cc::Build::new()
        .files([instructions.as_str(), "src/libc_abi/weak.s"])
        .flag("-Wa,--noexecstack")
        .compile("pidfd_spawn_assembled");
}

/// For conditions in src/kernel/ that would name several architectures each time.
fn name_what_architectures_share(arch: &str, pointer_width: &str) {
    let mips = matches!(arch, "mips" | "mips32r6" | "mips64" | "mips64r6");
    // The kernel's generic table of calls has only the wider one of two.
    let calls_twice = pointer_width == "32" && !matches!(arch, "riscv32" | "csky");
    for (name, holds) in [
        ("mips", mips),
        ("sparc", matches!(arch, "sparc" | "sparc64")),
        // The kernel's struct sigaction has a restorer.
        ("sigaction_restorer", !mips && !matches!(arch, "riscv64" | "riscv32" | "loongarch64" | "csky")),
        ("calls_twice", calls_twice),
        // IDs had 16 bits before they had 32.
        ("short_ids", calls_twice && !mips && arch != "powerpc"),
    ] {
        if holds {
            println!("cargo:rustc-cfg={name}");
        }
    }
}

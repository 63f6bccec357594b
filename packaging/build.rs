//! Links the shared library: its soname, no undefined symbols, and a C library without version numbers.
//!
//! A reference to a symbol of the libc carries the version that the libc of the build machine gives it, and the library
//! would then refuse to load into processes with an older one.  So it is linked against a stub that is called libc.so.6
//! and defines the few functions that are used without any version.  At run time such a reference finds the oldest
//! definition that the libc has; each of these functions means the same in all versions.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Everything that the library takes from the libc, a name a line; scripts/check-abi reads the same list.  A name that
/// is missing here is an error of the linker.  What is taken only if the libc has it, by a weak reference, must not be
/// here: mold makes a strong one of it then.
const LIBC: &str = include_str!("libc-functions");

/// Taken where src/kernel/arch/ has no instructions for the architecture; and what the panic handler calls.
const SOMETIMES: &[&str] = &["clone", "syscall", "abort"];

/// The compiler may call these at any place; scripts/check-abi allows none of them.
const COMPILER: &[&str] = &["memcmp", "memcpy", "memmove", "memset", "strlen", "bcmp"];

fn main() {
    // The compiler would complain of two panic handlers.
    if env::var_os("DEP_PIDFD_SPAWN_STD").is_some() {
        panic!("the C libraries have no std: build them by themselves (-p libpidfd_spawn), without the feature std");
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=libc-functions");
    println!("cargo:rerun-if-changed=src/personality.s");
    cc::Build::new().file("src/personality.s").flag("-Wa,--noexecstack").compile("pidfd_spawn_personality");
    if calls_memory_functions() {
        println!("cargo:rerun-if-changed=src/memory.c");
        // What the CFLAGS of whoever builds may ask for is for other code than this.
        cc::Build::new()
            .file("src/memory.c")
            .flag("-fno-builtin")
            .flag("-fno-lto")
            .flag("-fno-sanitize=all")
            .compile("pidfd_spawn_memory");
    }
    // The libc crate asks for the libc only where that is glibc.
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("musl") {
        println!("cargo:rustc-cdylib-link-arg=-lc");
    }
    let stub = stub_of_the_libc();
    println!("cargo:rustc-link-search=native={}", stub.display());
    for argument in
        ["-Wl,-soname,libpidfd_spawn.so.0", "-Wl,-z,defs", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]
    {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
    // Where lld links: it would map constants and code apart, and let what is relocated lie across two pages, each of
    // which a process copies at load.  Together that is a hundredth of the time in which a small program starts.
    const COMPACT: &[&str] = &["-Wl,--no-rosegment", "-Wl,-z,separate-loadable-segments"];
    if links_with(COMPACT) {
        for argument in COMPACT {
            println!("cargo:rustc-cdylib-link-arg={argument}");
        }
    }
}

/// For structures of a few words; elsewhere the library calls none at all, which scripts/check-abi sees.
fn calls_memory_functions() -> bool {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    arch.starts_with("mips") || arch == "powerpc"
}

/// Whether rustc's linker, which the C compiler need not use, knows these arguments.
fn links_with(arguments: &[&str]) -> bool {
    let variable = |name| env::var(name).unwrap_or_default();
    let folder = PathBuf::from(variable("OUT_DIR")).join("probe");
    let source = folder.join("probe.rs");
    if fs::create_dir_all(&folder).and_then(|()| fs::write(&source, "")).is_err() {
        return false;
    }
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--crate-type=cdylib", "--target", &variable("TARGET"), "--out-dir"]).arg(&folder).arg(&source);
    rustc.args(variable("CARGO_ENCODED_RUSTFLAGS").split('\x1f').filter(|flag| !flag.is_empty()));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        rustc.arg("-C").arg(format!("linker={}", linker.to_string_lossy()));
    }
    for argument in arguments {
        rustc.arg("-C").arg(format!("link-arg={argument}"));
    }
    rustc.output().map_or(false, |output| output.status.success())
}

/// A folder with a libc.so that the linker finds before the real one.
fn stub_of_the_libc() -> PathBuf {
    let folder = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("stub");
    fs::create_dir_all(&folder).expect("the build folder is writable");
    let source = folder.join("stub.c");
    let functions: String = LIBC
        .lines()
        .chain(SOMETIMES.iter().copied())
        .chain(COMPILER.iter().copied())
        .map(|name| format!("__attribute__ ((visibility (\"default\"))) void {name}(void) {{}}\n"))
        .collect();
    fs::write(&source, functions).expect("the build folder is writable");
    // After the CFLAGS of whoever builds, which are for other code than this.
    let status = cc::Build::new()
        .get_compiler()
        .to_command()
        .args(["-shared", "-nostdlib", "-fPIC", "-fno-builtin", "-fno-lto", "-fno-sanitize=all", "-w"])
        .args(["-Wl,-soname,libc.so.6", "-o"])
        .arg(folder.join("libc.so"))
        .arg(&source)
        .status();
    match status {
        Ok(status) if status.success() => folder,
        other => panic!("the C compiler did not make the stub of the libc: {other:?}; install gcc and libc6-dev"),
    }
}

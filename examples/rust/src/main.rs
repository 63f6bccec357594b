//! An ordinary Rust program that starts others.
//!
//! The standard library knows pidfd_spawnp and pidfd_getpid as weak symbols.  Built on glibc 2.39 or newer, a program
//! therefore asks for that glibc when it starts; with the line below it has the functions itself.

#![cfg_attr(feature = "create_pidfd", feature(linux_pidfd))]

#[cfg(feature = "pidfd_spawn")]
use pidfd_spawn as _;

use std::ffi::{c_char, c_int, c_void, CStr};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(feature = "create_pidfd")]
use std::os::linux::process::{ChildExt, CommandExt};

fn main() {
    count_forks();
    let thread = std::thread::spawn(|| command("sh", &["-c", "exit 7"]).status().expect("sh starts"));
    assert_eq!(thread.join().expect("the thread ends").code(), Some(7));

    let output = command("echo", &[r#"{ "text": "a line" }"#]).output().expect("echo starts");
    assert_eq!(serde_json::from_slice::<Line>(&output.stdout).expect("it is JSON").text, "a line");

    let error = command("there-is-no-such-program", &[]).spawn().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);

    let mut child = command("sleep", &["100"]).stdin(Stdio::null()).spawn().expect("sleep starts");
    #[cfg(feature = "create_pidfd")]
    child.pidfd().expect("std has a pidfd");
    child.kill().expect("the child is there");
    assert_eq!(child.wait().expect("the child is ours").code(), None);

    assert_eq!(env!("BUILT_BY"), "a build script");

    println!(
        "children: as they should be; pidfd_spawnp: {}; forks: {}",
        origin(c"pidfd_spawnp"),
        FORKS.load(Ordering::Relaxed)
    );
}

#[derive(serde::Deserialize)]
struct Line {
    text: String,
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    #[cfg(feature = "create_pidfd")]
    command.create_pidfd(true);
    command
}

/// What std does where it finds no pidfd_spawnp and a pidfd is asked for.
static FORKS: AtomicU32 = AtomicU32::new(0);

fn count_forks() {
    extern "C" fn count() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler only counts.
    unsafe { pthread_atfork(Some(count), None, None) };
}

/// The file that has the function, as the dynamic loader sees it.
fn origin(name: &CStr) -> String {
    let mut info = DlInfo { file: std::ptr::null(), rest: [std::ptr::null(); 3] };
    // SAFETY: RTLD_DEFAULT is NULL; the loader keeps its file names.
    unsafe {
        let address = dlsym(std::ptr::null_mut(), name.as_ptr());
        if address.is_null() || dladdr(address, &mut info) == 0 {
            return "nowhere".to_string();
        }
        CStr::from_ptr(info.file).to_string_lossy().into_owned()
    }
}

#[repr(C)]
struct DlInfo {
    file: *const c_char,
    rest: [*const c_void; 3],
}

extern "C" {
    fn pthread_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
    ) -> c_int;
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dladdr(address: *const c_void, info: *mut DlInfo) -> c_int;
}

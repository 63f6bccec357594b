//! Functions that the running libc may or may not have.
//!
//! Stable Rust has no weak references; the assembler does: the table in weak.s holds their addresses.  So nothing is
//! looked up by name when the library runs, but for the one function that is newer than all else that a program takes
//! from the libc.

// Sound because: each entry of the table is null or the address of the libc's function of that name, whose C signature
// is the one written here.
#![allow(unsafe_code)]

use core::mem::{transmute, MaybeUninit};
use core::ptr;
use libc::{c_char, c_int, c_void, pid_t, sched_param, Dl_info};
use libc::{posix_spawn_file_actions_t as Actions, posix_spawnattr_t as Attr};

// Where the compiler has no inline assembly, build.rs has the file assembled.
#[cfg(inline_assembly)]
core::arch::global_asm!(include_str!("weak.s"));
#[cfg(all(inline_assembly, feature = "__c-library"))]
core::arch::global_asm!(include_str!("weak-private.s"));

/// Each with its place in the table.
macro_rules! weak_functions {
    ($($(#[$meta:meta])* $index:literal $name:ident: fn($($argument:ty),*) -> $result:ty;)*) => {
        $(
            $(#[$meta])*
            #[allow(non_snake_case)]
            pub fn $name() -> Option<unsafe extern "C" fn($($argument),*) -> $result> {
                // SAFETY: null or a function of this signature.
                unsafe { transmute(libpidfd_spawn_weak[$index]) }
            }
        )*

        /// The names, by their places in the table.
        #[cfg(test)]
        const NAMES: &[(usize, &str)] = &[$(($index, concat!(stringify!($name), "\0"))),*];
    };
}

extern "C" {
    static libpidfd_spawn_weak: [*const c_void; 12];
}

weak_functions! {
    /// Where it exists the libc is glibc.
    0 gnu_get_libc_version: fn() -> *const c_char;
    /// glibc 2.34, musl 1.2.2
    1 _Fork: fn() -> pid_t;
    2 dlsym: fn(*mut c_void, *const c_char) -> *mut c_void;
    3 posix_spawn_file_actions_addchdir_np: fn(*mut Actions, *const c_char) -> c_int;
    4 posix_spawn_file_actions_addfchdir_np: fn(*mut Actions, c_int) -> c_int;
    5 posix_spawn_file_actions_addclosefrom_np: fn(*mut Actions, c_int) -> c_int;
    6 posix_spawnattr_setschedparam: fn(*mut Attr, *const sched_param) -> c_int;
    7 posix_spawnattr_setschedpolicy: fn(*mut Attr, c_int) -> c_int;
    8 dlvsym: fn(*mut c_void, *const c_char, *const c_char) -> *mut c_void;
    9 dladdr: fn(*const c_void, *mut Dl_info) -> c_int;
    10 dlopen: fn(*const c_char, c_int) -> *mut c_void;
    11 dlerror: fn() -> *mut c_char;
}

/// Not by a reference: in a Rust program or a C program with the archive that would carry the function's version, and
/// the program would ask for glibc 2.35 when it starts.  Only looked up where it exists.
pub fn posix_spawn_file_actions_addtcsetpgrp_np() -> Option<unsafe extern "C" fn(*mut Actions, c_int) -> c_int> {
    if glibc_minor_version()? < 35 {
        return None;
    }
    // SAFETY: null or a function of this signature.
    unsafe { transmute(definition(b"posix_spawn_file_actions_addtcsetpgrp_np\0")) }
}

/// Of what the library has not itself; null where there is none.
pub fn definition(name: &'static [u8]) -> *mut c_void {
    // SAFETY: the name ends in a NUL.
    dlsym().map_or(ptr::null_mut(), |dlsym| noticed(unsafe { dlsym(libc::RTLD_DEFAULT, name.as_ptr().cast()) }))
}

/// What is not found leaves a text for dlerror, which the program would take for that of a call of its own: musl's
/// dlopen of a library whose constructor looked for something does not take it away.
fn noticed(found: *mut c_void) -> *mut c_void {
    if let (true, Some(dlerror)) = (found.is_null(), dlerror()) {
        // SAFETY: nothing is passed.
        unsafe { dlerror() };
    }
    found
}

/// Whether names can be looked up at load.  The fallback without dlsym is not for static programs, which do not need
/// it, and in a process without the loader's functions nobody holds its lock for long.
pub fn looks_up_at_load() -> bool {
    dlsym().is_some()
}

/// The definition after ours in the search order, which is the libc's if no other library is in between.  Null where
/// there is none, or no way to find it.
pub fn next_definition(name: &'static [u8]) -> *mut c_void {
    let dlsym = match dlsym() {
        Some(dlsym) => dlsym,
        #[cfg(feature = "__c-library")]
        None => return libcs_definition(name, private::dlopen_mode(), private::dlsym()),
        #[cfg(not(feature = "__c-library"))]
        None => return ptr::null_mut(),
    };
    // SAFETY: the name ends in a NUL.
    let found = unsafe { dlsym(libc::RTLD_NEXT, name.as_ptr().cast()) };
    // Next is counted from the caller, which is another library that defines dlsym and passes the call on.
    if is_ours(found) {
        return noticed(libcs_definition(name, dlopen(), Some(dlsym)));
    }
    noticed(found)
}

type Open = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;
type Find = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;

fn libcs_definition(name: &'static [u8], open: Option<Open>, find: Option<Find>) -> *mut c_void {
    let (open, find) = match (open, find) {
        (Some(open), Some(find)) => (open, find),
        _ => return ptr::null_mut(),
    };
    // SAFETY: the names end in a NUL.
    unsafe {
        let libc = open(b"libc.so.6\0".as_ptr().cast(), libc::RTLD_LAZY | libc::RTLD_NOLOAD);
        if libc.is_null() {
            libc
        } else {
            find(libc, name.as_ptr().cast())
        }
    }
}

/// Whether it is a function of the library that this one is in.
fn is_ours(function: *const c_void) -> bool {
    /// Larger than the library.
    const FAR: usize = 1 << 17;
    let own = is_ours as *const c_void;
    let distance = (own as usize).wrapping_sub(function as usize) as isize;
    // To ask the loader takes long.
    let dladdr = match dladdr() {
        Some(dladdr) if distance.unsigned_abs() < FAR => dladdr,
        _ => return false,
    };
    let base = |address| {
        let mut information = MaybeUninit::<Dl_info>::uninit();
        // SAFETY: written where the result is not 0.
        unsafe {
            if dladdr(address, information.as_mut_ptr()) == 0 {
                return ptr::null_mut();
            }
            (*information.as_ptr()).dli_fbase
        }
    };
    base(own) == base(function)
}

/// Before glibc 2.34 dlsym was in a library of its own, which not every process has.  The libc had these.
#[cfg(feature = "__c-library")]
mod private {
    use super::{transmute, Find, Open};
    use libc::c_void;

    extern "C" {
        static libpidfd_spawn_weak_private: [*const c_void; 2];
    }

    pub fn dlopen_mode() -> Option<Open> {
        // SAFETY: null or a function of this signature.
        unsafe { transmute(libpidfd_spawn_weak_private[0]) }
    }

    pub fn dlsym() -> Option<Find> {
        // SAFETY: as above.
        unsafe { transmute(libpidfd_spawn_weak_private[1]) }
    }
}

/// That of a version, both ended by a NUL; null where the libc has no versions.  Of several the plain way gives the
/// oldest before glibc 2.36.
pub fn next_definition_of(name: &'static [u8], version: &'static [u8]) -> *mut c_void {
    let find = match dlvsym() {
        Some(find) => find,
        None => return ptr::null_mut(),
    };
    // SAFETY: they end in a NUL.
    let found = noticed(unsafe { find(libc::RTLD_NEXT, name.as_ptr().cast(), version.as_ptr().cast()) });
    if is_ours(found) {
        return ptr::null_mut();
    }
    found
}

/// N of glibc 2.N.
pub fn glibc_minor_version() -> Option<u32> {
    // SAFETY: a string, read up to its end.
    unsafe {
        let mut text = gnu_get_libc_version()?().cast::<u8>();
        for &expected in b"2." {
            if *text != expected {
                return None;
            }
            text = text.add(1);
        }
        let mut minor = 0_u32;
        while (*text).is_ascii_digit() {
            minor = minor.wrapping_mul(10).wrapping_add(u32::from(*text - b'0'));
            text = text.add(1);
        }
        Some(minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What makes weak.s the list of them all, for others to read.
    #[test]
    fn the_table_has_these_names_in_this_order() {
        let in_table =
            include_str!("weak.s").lines().filter_map(|line| line.split_once(".weakref ")?.1.split_once(", "));
        let names: Vec<_> = in_table.map(|(_, name)| name).collect();
        assert_eq!(names, NAMES.iter().map(|(_, name)| name.trim_end_matches('\0')).collect::<Vec<_>>());
    }

    #[test]
    fn each_place_in_the_table_has_the_function_of_its_name() {
        assert_eq!(NAMES.len(), unsafe { libpidfd_spawn_weak.len() });
        for (expected, &(index, name)) in NAMES.iter().enumerate() {
            assert_eq!(index, expected);
            let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr().cast()) };
            // A static program of musl has functions that dlsym does not find.
            if !(cfg!(all(target_env = "musl", target_feature = "crt-static")) && found.is_null()) {
                assert_eq!(unsafe { libpidfd_spawn_weak[index] }, found, "{name}");
            }
        }
    }

    #[cfg(target_env = "gnu")]
    #[test]
    fn what_is_looked_up_by_name_is_found_where_it_is() {
        let found = posix_spawn_file_actions_addtcsetpgrp_np().is_some();
        assert_eq!(found, glibc_minor_version().unwrap() >= 35);
    }
}

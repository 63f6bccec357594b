//! Functions of the libc whose place the shared library takes, all five or none, so that a child can be born in a
//! cgroup whatever the libc's age.
//!
//! The libcs before glibc 2.39, and musl, have no function that sets the cgroup, and refuse its flag.  If the flag
//! could be set all the same, their posix_spawn would ignore it and start the program in the wrong cgroup.  So
//! posix_spawn and posix_spawnp are taken over as well: with the flag this library does the work, without it the libc's
//! own function.
//!
//! The exported symbols are in the package that makes the shared library: a static archive or a Rust program must not
//! take anything of the libc over.

// Sound because: the callers of the exported functions promise valid arguments, and the objects are written only where
// the layout was recognised.
#![allow(unsafe_code)]
// What a caller must guarantee is what POSIX says of the functions.
#![allow(clippy::missing_safety_doc)]

use super::{Arguments, Name, Spawn};
use crate::errno::Errno;
use crate::libc_abi::{flag, Attributes, Libc};
use crate::runtime::{self, Next, Runtime};
use crate::spawn::{Program, SearchBuffer};
use core::mem::{transmute, MaybeUninit};
use libc::{c_int, c_short, c_void, posix_spawnattr_t};

type SetFlags = unsafe extern "C" fn(*mut posix_spawnattr_t, c_short) -> c_int;
type SetCgroup = unsafe extern "C" fn(*mut posix_spawnattr_t, c_int) -> c_int;
type GetCgroup = unsafe extern "C" fn(*const posix_spawnattr_t, *mut c_int) -> c_int;

/// posix_spawnattr_setflags, which knows POSIX_SPAWN_SETCGROUP besides the flags that the libc knows.
pub unsafe fn set_flags(attributes: *mut posix_spawnattr_t, flags: c_short) -> c_int {
    let wanted = u32::from(flags as u16);
    // SAFETY: null or the libc's function of that name.
    let next: Option<SetFlags> = transmute(runtime::SET_FLAGS.get());
    let abi = match Runtime::get().abi() {
        Some(abi) => abi,
        None => return next.map_or(libc::ENOSYS, |next| next(attributes, flags)),
    };
    let refused = match next {
        Some(next) => next(attributes, (wanted & !flag::SETCGROUP) as c_short),
        None if wanted & !flag::KNOWN != 0 => libc::EINVAL,
        None => 0,
    };
    if refused == 0 {
        Attributes::set_flags(abi, attributes.cast(), wanted);
    }
    refused
}

/// posix_spawnattr_setcgroup_np.
pub unsafe fn set_cgroup(attributes: *mut posix_spawnattr_t, cgroup: c_int) -> c_int {
    match Runtime::get().abi() {
        Some(abi) => {
            *Attributes::cgroup(abi, attributes.cast()) = cgroup;
            0
        }
        None => {
            // SAFETY: null or the libc's function of that name.
            let next: Option<SetCgroup> = transmute(runtime::SET_CGROUP.get());
            next.map_or(libc::ENOSYS, |next| next(attributes, cgroup))
        }
    }
}

/// posix_spawnattr_getcgroup_np.
pub unsafe fn get_cgroup(attributes: *const posix_spawnattr_t, cgroup: *mut c_int) -> c_int {
    match Runtime::get().abi() {
        Some(abi) => {
            *cgroup = *Attributes::cgroup(abi, attributes as *mut c_void);
            0
        }
        None => {
            // SAFETY: null or the libc's function of that name.
            let next: Option<GetCgroup> = transmute(runtime::GET_CGROUP.get());
            next.map_or(libc::ENOSYS, |next| next(attributes, cgroup))
        }
    }
}

/// posix_spawn.
pub unsafe fn posix_spawn(arguments: &Arguments) -> c_int {
    match arguments.takes(&runtime::POSIX_SPAWN) {
        Ok(abi) => arguments.spawn_in_cgroup(abi, Program::Path(arguments.name)),
        Err(result) => result,
    }
}

/// posix_spawnp.
pub unsafe fn posix_spawnp(arguments: &Arguments) -> c_int {
    match arguments.takes(&runtime::POSIX_SPAWNP) {
        Ok(abi) => arguments.search_in_cgroup(abi),
        Err(result) => result,
    }
}

impl Arguments {
    /// Ok when the work is this library's; otherwise the libc has done it, and this is its result.
    unsafe fn takes(&self, next: &Next) -> core::result::Result<Libc, c_int> {
        let wants_cgroup = !self.attributes.is_null() && Attributes::may_have(self.attributes.cast(), flag::SETCGROUP);
        // SAFETY: null or the libc's function of that name.
        let next: Option<Spawn> = transmute(next.get());
        match next {
            Some(next) if !wants_cgroup => Err(self.pass_on(next)),
            next => match (Runtime::get().abi(), next) {
                (Some(abi), None) => Ok(abi),
                (Some(abi), _) if Attributes::flags(abi, self.attributes.cast()) & flag::SETCGROUP != 0 => Ok(abi),
                (_, Some(next)) => Err(self.pass_on(next)),
                (None, None) => Err(libc::ENOSYS),
            },
        }
    }

    /// Not inlined, so that what is passed on does not take the buffer's room on the stack.
    #[inline(never)]
    unsafe fn search_in_cgroup(&self, abi: Libc) -> c_int {
        let mut room = MaybeUninit::uninit();
        let buffer = SearchBuffer::in_place(&mut room);
        let path = abi.search_path();
        self.spawn_in_cgroup(abi, Program::Search { name: self.name, path, buffer })
    }

    unsafe fn spawn_in_cgroup(&self, abi: Libc, program: Program) -> c_int {
        let result = match Attributes::new(abi, self.attributes.cast()) {
            Ok(_) if Runtime::get().has_pidfds() => self.spawn(abi, program, Name::ProcessId),
            Ok(attributes) if attributes.has(flag::SETCGROUP) => Err(Errno(libc::EOPNOTSUPP)),
            Ok(_) => Err(Errno(libc::ENOSYS)),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => 0,
            Err(Errno(error)) => error,
        }
    }
}

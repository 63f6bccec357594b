//! Functions of the libc whose place the shared library takes, all five or none, so that a child can be born in a cgroup
//! whatever the libc's age.
//!
//! The libcs before glibc 2.39, and musl, have no function that sets the cgroup, and refuse its flag.  If the flag could be
//! set all the same, their posix_spawn would ignore it and start the program in the wrong cgroup.  So posix_spawn and
//! posix_spawnp are taken over as well: with the flag this library does the work, without it the libc's own function.
//!
//! The exported symbols are in the package that makes the shared library: a static archive or a Rust program must not take
//! anything of the libc over.

// Sound because: the callers of the exported functions promise valid arguments, and the objects are written only where
// the layout was recognised.
#![allow(unsafe_code)]
// What a caller must guarantee is what POSIX says of the functions.
#![allow(clippy::missing_safety_doc)]

use crate::cancel;
use crate::errno::{Errno, Result};
use crate::libc_abi::{flag, Attributes, FileActions, Libc};
use crate::runtime::{self, Next, Runtime};
use crate::spawn::{self, Program, Request, SearchBuffer};
use core::mem::{transmute, MaybeUninit};
use libc::{c_char, c_int, c_short, c_void, pid_t, posix_spawn_file_actions_t, posix_spawnattr_t};

type Spawn = unsafe extern "C" fn(
    *mut pid_t,
    *const c_char,
    *const posix_spawn_file_actions_t,
    *const posix_spawnattr_t,
    *const *mut c_char,
    *const *mut c_char,
) -> c_int;
type SetFlags = unsafe extern "C" fn(*mut posix_spawnattr_t, c_short) -> c_int;
type SetCgroup = unsafe extern "C" fn(*mut posix_spawnattr_t, c_int) -> c_int;
type GetCgroup = unsafe extern "C" fn(*const posix_spawnattr_t, *mut c_int) -> c_int;

/// posix_spawnattr_setflags, which knows POSIX_SPAWN_SETCGROUP besides the flags that the libc knows.
pub unsafe fn set_flags(attributes: *mut posix_spawnattr_t, flags: c_short) -> c_int {
    let wanted = u32::from(flags as u16);
    // SAFETY: null or the libc's function of that name.
    let next: Option<SetFlags> = transmute(runtime::SET_FLAGS.get());
    let libc = match Runtime::get().libc() {
        Some(libc) => libc,
        None => return next.map_or(libc::ENOSYS, |next| next(attributes, flags)),
    };
    let refused = match next {
        Some(next) => next(attributes, (wanted & !flag::SETCGROUP) as c_short),
        None if wanted & !flag::KNOWN != 0 => libc::EINVAL,
        None => 0,
    };
    if refused == 0 {
        Attributes::set_flags(libc, attributes.cast(), wanted);
    }
    refused
}

/// posix_spawnattr_setcgroup_np.
pub unsafe fn set_cgroup(attributes: *mut posix_spawnattr_t, cgroup: c_int) -> c_int {
    match Runtime::get().libc() {
        Some(libc) => {
            *Attributes::cgroup(libc, attributes.cast()) = cgroup;
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
    match Runtime::get().libc() {
        Some(libc) => {
            *cgroup = *Attributes::cgroup(libc, attributes as *mut c_void);
            0
        }
        None => {
            // SAFETY: null or the libc's function of that name.
            let next: Option<GetCgroup> = transmute(runtime::GET_CGROUP.get());
            next.map_or(libc::ENOSYS, |next| next(attributes, cgroup))
        }
    }
}

/// The arguments of posix_spawn and posix_spawnp.
#[allow(missing_docs)]
#[derive(Clone, Copy)]
pub struct Arguments {
    pub pid: *mut pid_t,
    pub name: *const c_char,
    pub actions: *const posix_spawn_file_actions_t,
    pub attributes: *const posix_spawnattr_t,
    pub argv: *const *mut c_char,
    pub envp: *const *mut c_char,
}

/// posix_spawn.
pub unsafe fn posix_spawn(arguments: &Arguments) -> c_int {
    match arguments.takes(&runtime::POSIX_SPAWN) {
        Ok(libc) => arguments.run(libc, Program::Path(arguments.name)),
        Err(result) => result,
    }
}

/// posix_spawnp.
pub unsafe fn posix_spawnp(arguments: &Arguments) -> c_int {
    match arguments.takes(&runtime::POSIX_SPAWNP) {
        Ok(libc) => {
            let mut room = MaybeUninit::uninit();
            let buffer = SearchBuffer::in_place(&mut room);
            let path = libc.search_path();
            arguments.run(libc, Program::Search { name: arguments.name, path, buffer })
        }
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
            next => match (Runtime::get().libc(), next) {
                (Some(libc), None) => Ok(libc),
                (Some(libc), _) if Attributes::flags(libc, self.attributes.cast()) & flag::SETCGROUP != 0 => Ok(libc),
                (_, Some(next)) => Err(self.pass_on(next)),
                (None, None) => Err(libc::ENOSYS),
            },
        }
    }

    unsafe fn pass_on(&self, next: Spawn) -> c_int {
        next(self.pid, self.name, self.actions, self.attributes, self.argv, self.envp)
    }

    unsafe fn run(&self, libc: Libc, program: Program) -> c_int {
        match self.spawn(libc, program) {
            Ok(()) => 0,
            Err(Errno(error)) => error,
        }
    }

    unsafe fn spawn(&self, libc: Libc, program: Program) -> Result<()> {
        let _no_cancellation = cancel::Deferred::new();
        let request = Request {
            program,
            actions: FileActions::new(libc, self.actions.cast()),
            attributes: Attributes::new(libc, self.attributes.cast())?,
            argv: self.argv,
            envp: self.envp,
            wants_pidfd: false,
        };
        if !Runtime::get().has_pidfds() {
            return Err(Errno(if request.attributes.has(flag::SETCGROUP) { libc::EOPNOTSUPP } else { libc::ENOSYS }));
        }
        let child = spawn::spawn(&request)?;
        if !self.pid.is_null() {
            *self.pid = child.pid;
        }
        Ok(())
    }
}

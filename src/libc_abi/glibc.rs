//! glibc's layouts, 2.17 to today.  The actions are an array of tagged records.

// Sound because: the caller passes objects that glibc's functions initialised, and `check` saw this layout in them.
#![allow(unsafe_code)]

use super::{kernel_set, Attributes, FileAction, LibcSignalSet, UNKNOWN_ACTION};
use crate::errno::Result;
use core::mem::size_of;
use libc::{c_char, c_int, c_void, mode_t, pid_t};

#[repr(C)]
struct ActionsObject {
    allocated: c_int,
    used: c_int,
    records: *const Record,
    padding: [c_int; 16],
}

#[repr(C)]
struct Record {
    tag: c_int,
    body: Body,
}

#[repr(C)]
union Body {
    /// Also fchdir, closefrom and tcsetpgrp.
    fd: c_int,
    dup2: Dup2,
    open: Open,
    /// chdir
    path: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Dup2 {
    from: c_int,
    to: c_int,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Open {
    fd: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
}

#[repr(C)]
struct AttributesObject {
    flags: i16,
    group: pid_t,
    default_signals: LibcSignalSet,
    mask: LibcSignalSet,
    priority: c_int,
    policy: c_int,
    cgroup: c_int,
    padding: [c_int; 15],
}

const _: () = assert!(size_of::<AttributesObject>() == 336);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<ActionsObject>() == 80 && size_of::<Record>() == 32);

#[derive(Clone, Copy)]
pub struct Actions {
    next: *const Record,
    left: c_int,
}

impl Actions {
    /// # Safety
    /// `object` is a file actions object of this libc.
    pub unsafe fn new(object: *const c_void) -> Self {
        let object = object.cast::<ActionsObject>();
        Actions { next: (*object).records, left: (*object).used }
    }

    pub fn left(&self) -> c_int {
        self.left
    }

    #[inline(always)]
    pub fn next(&mut self) -> Option<Result<FileAction>> {
        if self.left <= 0 {
            return None;
        }
        // SAFETY: `left` records from `next` on were filled by glibc's functions; the tag says which body is valid.
        unsafe {
            let record = &*self.next;
            self.next = self.next.add(1);
            self.left -= 1;
            Some(decode(record))
        }
    }
}

#[inline(always)]
unsafe fn decode(record: &Record) -> Result<FileAction> {
    let body = &record.body;
    Ok(match record.tag {
        0 => FileAction::Close { fd: body.fd },
        1 => FileAction::Dup2 { from: body.dup2.from, to: body.dup2.to },
        2 => FileAction::Open { fd: body.open.fd, path: body.open.path, flags: body.open.flags, mode: body.open.mode },
        3 => FileAction::Chdir { path: body.path },
        4 => FileAction::Fchdir { fd: body.fd },
        5 => FileAction::CloseFrom { first: body.fd },
        6 => FileAction::SetForegroundGroup { terminal: body.fd },
        _ => return Err(UNKNOWN_ACTION),
    })
}

/// # Safety
/// `object` is a spawn attributes object of this libc.
pub unsafe fn attributes(object: *const c_void) -> Attributes {
    let object = &*object.cast::<AttributesObject>();
    Attributes {
        flags: u32::from(object.flags as u16),
        group: object.group,
        default_signals: kernel_set(&object.default_signals),
        mask: kernel_set(&object.mask),
        priority: object.priority,
        policy: object.policy,
        cgroup: object.cgroup,
    }
}

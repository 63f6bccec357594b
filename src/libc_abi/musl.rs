//! musl's layouts, 1.1.24 to today.  The actions are a doubly linked list whose head is the newest.

// Sound because: the caller passes objects that musl's functions initialised, and `check` saw this layout in them.
#![allow(unsafe_code)]

use super::{kernel_set, Attributes, FileAction, LibcSignalSet, UNKNOWN_ACTION};
use crate::errno::Result;
use core::mem::size_of;
use core::ptr::addr_of;
use libc::{c_char, c_int, c_void, mode_t, pid_t};

#[repr(C)]
struct ActionsObject {
    padding: [c_int; 2],
    newest: *const Node,
    more_padding: [c_int; 16],
}

#[repr(C)]
struct Node {
    next: *const Node,
    previous: *const Node,
    command: c_int,
    fd: c_int,
    source: c_int,
    flags: c_int,
    mode: mode_t,
    path: [c_char; 0],
}

#[repr(C)]
struct AttributesObject {
    flags: c_int,
    group: pid_t,
    default_signals: LibcSignalSet,
    mask: LibcSignalSet,
    priority: c_int,
    policy: c_int,
    function: *const c_void,
    padding: [u8; 64 - size_of::<*const c_void>()],
}

const _: () = assert!(size_of::<AttributesObject>() == 336);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<ActionsObject>() == 80);

#[derive(Clone, Copy)]
pub struct Actions {
    /// The oldest that was not given yet.
    current: *const Node,
}

impl Actions {
    /// # Safety
    /// `object` is a file actions object of this libc.
    pub unsafe fn new(object: *const c_void) -> Self {
        let mut current = (*object.cast::<ActionsObject>()).newest;
        if !current.is_null() {
            while !(*current).next.is_null() {
                current = (*current).next;
            }
        }
        Actions { current }
    }

    /// Whether the object holds a list whose head looks like musl's, so that it is safe to follow.
    ///
    /// # Safety
    /// `object` was zeroed and then used with some libc's functions.
    pub unsafe fn plausible(object: *const c_void) -> bool {
        let newest = (*object.cast::<ActionsObject>()).newest;
        !newest.is_null() && (*newest).previous.is_null() && (1..=5).contains(&(*newest).command)
    }

    #[inline(always)]
    pub fn next(&mut self) -> Option<Result<FileAction>> {
        if self.current.is_null() {
            return None;
        }
        // SAFETY: a node of the list, filled by musl's functions; the path, where there is one, follows it.
        unsafe {
            let node = self.current;
            self.current = (*node).previous;
            Some(decode(node))
        }
    }
}

#[inline(always)]
unsafe fn decode(node: *const Node) -> Result<FileAction> {
    let path = addr_of!((*node).path).cast::<c_char>();
    let fd = (*node).fd;
    Ok(match (*node).command {
        1 => FileAction::Close { fd },
        2 => FileAction::Dup2 { from: (*node).source, to: fd },
        3 => FileAction::Open { fd, path, flags: (*node).flags, mode: (*node).mode },
        4 => FileAction::Chdir { path },
        5 => FileAction::Fchdir { fd },
        _ => return Err(UNKNOWN_ACTION),
    })
}

/// # Safety
/// `object` is a spawn attributes object of this libc.
pub unsafe fn attributes(object: *const c_void) -> Attributes {
    let object = &*object.cast::<AttributesObject>();
    Attributes {
        flags: object.flags as u32,
        group: object.group,
        default_signals: kernel_set(&object.default_signals),
        mask: kernel_set(&object.mask),
        priority: object.priority,
        policy: object.policy,
        cgroup: -1,
    }
}

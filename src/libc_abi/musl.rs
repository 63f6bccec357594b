//! musl's layouts, 1.1.24 to today.  The actions are a doubly linked list whose head is the newest.

// Sound because: the caller passes objects that musl's functions initialised, and `check` saw this layout in them.
#![allow(unsafe_code)]

use super::{kernel_set, Attributes, FileAction, LibcSignalSet, UNKNOWN_ACTION};
use crate::errno::Result;
use core::mem::size_of;
use core::ptr::{addr_of, addr_of_mut};
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
    /// Padding to musl; the place is this library's, see `capi::posix_spawn`.
    cgroup: c_int,
    padding: [u8; 60 - size_of::<*const c_void>()],
}

const _: () = assert!(size_of::<AttributesObject>() == 336);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<ActionsObject>() == 80 && size_of::<Node>() == 40);
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<ActionsObject>() == 76 && size_of::<Node>() == 28);

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
        cgroup: object.cgroup,
    }
}

/// # Safety
/// `object` is a spawn attributes object of this libc.
pub unsafe fn set_flags(object: *mut c_void, flags: u32) {
    (*object.cast::<AttributesObject>()).flags = flags as c_int;
}

/// # Safety
/// As above.
pub unsafe fn cgroup(object: *mut c_void) -> *mut c_int {
    addr_of_mut!((*object.cast::<AttributesObject>()).cgroup)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::uapi::SignalSet;
    use crate::libc_abi::{same, write_signals, FileActions, Libc};
    use std::mem::{size_of, MaybeUninit};
    use std::ptr;

    /// A list as musl's functions make it: each new action becomes the head.
    pub struct List {
        object: ActionsObject,
        nodes: Vec<*mut Node>,
    }

    impl List {
        pub fn new() -> Self {
            List {
                object: ActionsObject { padding: [0; 2], newest: ptr::null(), more_padding: [0; 16] },
                nodes: vec![],
            }
        }

        pub fn add(&mut self, command: c_int, fd: c_int, source: c_int, flags: c_int, mode: mode_t, path: &str) {
            let words = (size_of::<Node>() + path.len() + 8) / 8;
            let node: *mut Node = Box::leak(vec![0_u64; words].into_boxed_slice()).as_mut_ptr().cast();
            unsafe {
                ptr::write(
                    node,
                    Node {
                        next: self.object.newest,
                        previous: ptr::null(),
                        command,
                        fd,
                        source,
                        flags,
                        mode,
                        path: [],
                    },
                );
                let text = ptr::addr_of_mut!((*node).path).cast::<u8>();
                ptr::copy_nonoverlapping(path.as_ptr(), text, path.len());
                if let Some(&newest) = self.nodes.last() {
                    (*newest).previous = node;
                }
            }
            self.object.newest = node;
            self.nodes.push(node);
        }

        pub fn object(&self) -> *const c_void {
            (&self.object as *const ActionsObject).cast()
        }
    }

    #[test]
    fn actions_come_out_oldest_first() {
        let mut list = List::new();
        list.add(3, 7, 0, libc::O_RDWR, 0o640, "/some/file");
        list.add(2, 8, 9, 0, 0, "");
        list.add(1, 10, 0, 0, 0, "");
        list.add(4, 0, 0, 0, 0, "/some/folder");
        list.add(5, 11, 0, 0, 0, "");
        let expected = [
            FileAction::Open { fd: 7, path: b"/some/file\0".as_ptr().cast(), flags: libc::O_RDWR, mode: 0o640 },
            FileAction::Dup2 { from: 9, to: 8 },
            FileAction::Close { fd: 10 },
            FileAction::Chdir { path: b"/some/folder\0".as_ptr().cast() },
            FileAction::Fchdir { fd: 11 },
        ];
        let actions = unsafe { FileActions::new(Libc::Musl, list.object()) };
        assert_eq!(actions.count(), expected.len());
        for (action, expected) in actions.zip(expected) {
            assert!(unsafe { same(action.unwrap(), expected) }, "{action:?} {expected:?}");
        }
        assert!(unsafe { Actions::plausible(list.object()) });
    }

    #[test]
    fn an_empty_list_has_no_actions() {
        let list = List::new();
        assert_eq!(unsafe { FileActions::new(Libc::Musl, list.object()) }.count(), 0);
        assert!(!unsafe { Actions::plausible(list.object()) });
    }

    #[test]
    fn an_unknown_command_is_an_error_and_not_skipped() {
        for command in [-1, 0, 6, 7] {
            let mut list = List::new();
            list.add(1, 3, 0, 0, 0, "");
            list.add(command, 3, 0, 0, 0, "");
            let results: Vec<_> = unsafe { FileActions::new(Libc::Musl, list.object()) }.collect();
            assert!(results[0].is_ok());
            assert_eq!(results[1].unwrap_err(), UNKNOWN_ACTION);
        }
    }

    #[test]
    fn attributes_are_where_musl_has_them() {
        let mut object = MaybeUninit::<AttributesObject>::zeroed();
        let bytes: *mut u8 = object.as_mut_ptr().cast();
        let decoded = unsafe {
            bytes.cast::<c_int>().write(0x9f);
            bytes.add(4).cast::<pid_t>().write(42);
            write_signals(bytes.add(8), &[1, 3, 64]);
            write_signals(bytes.add(136), &[2, 33, 40]);
            bytes.add(264).cast::<c_int>().write(3);
            bytes.add(268).cast::<c_int>().write(1);
            bytes.add(272 + size_of::<usize>()).cast::<c_int>().write(21);
            attributes(bytes.cast())
        };
        let expected = Attributes {
            flags: 0x9f,
            group: 42,
            default_signals: SignalSet::of(&[1, 3, 64]),
            mask: SignalSet::of(&[2, 33, 40]),
            priority: 3,
            policy: 1,
            cgroup: 21,
        };
        assert_eq!(decoded, expected);
    }
}

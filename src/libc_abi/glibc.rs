//! glibc's layouts, 2.17 to today.  The actions are an array of tagged records.

// Sound because: the caller passes objects that glibc's functions initialised, and `check` saw this layout in them.
#![allow(unsafe_code)]

use super::{kernel_set, Attributes, FileAction, LibcSignalSet, UNKNOWN_ACTION};
use crate::errno::Result;
use core::mem::{size_of, MaybeUninit};
use core::ptr::addr_of_mut;
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

/// Room for records.
pub struct Records<const N: usize>(#[allow(dead_code)] MaybeUninit<[Record; N]>);

impl<const N: usize> Records<N> {
    pub const fn new() -> Self {
        Records(MaybeUninit::uninit())
    }
}

const _: () = assert!(size_of::<AttributesObject>() == 336);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<ActionsObject>() == 80 && size_of::<Record>() == 32);
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<ActionsObject>() == 76 && size_of::<Record>() == 20);

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

    /// Gives a new object an array of so many records, which glibc then fills without allocating.
    ///
    /// # Safety
    /// The object is a new one of this libc and must not be destroyed by its function.
    pub unsafe fn set_records<const N: usize>(object: *mut c_void, records: *mut Records<N>) {
        let object = object.cast::<ActionsObject>();
        (*object).allocated = N as c_int;
        (*object).records = records.cast();
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

/// # Safety
/// `object` is a spawn attributes object of this libc.
pub unsafe fn set_flags(object: *mut c_void, flags: u32) {
    (*object.cast::<AttributesObject>()).flags = flags as i16;
}

/// # Safety
/// As above.  Before glibc 2.39 the place is padding, which the libc fills with zeroes.
pub unsafe fn cgroup(object: *mut c_void) -> *mut c_int {
    addr_of_mut!((*object.cast::<AttributesObject>()).cgroup)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno::Errno;
    use crate::kernel::uapi::SignalSet;
    use crate::libc_abi::{flag, same, write_signals, FileActions, Libc};

    /// A record by its bytes, of which glibc has 32 with pointers of 64 bits and 20 with those of 32.
    type Bytes = [u8; if cfg!(target_pointer_width = "64") { 32 } else { 20 }];

    /// Where it has the first number or the only path, the second number, the path after a number, the flags, the mode.
    const PLACES: [usize; 5] = if cfg!(target_pointer_width = "64") { [8, 12, 16, 24, 28] } else { [4, 8, 8, 12, 16] };
    const FIRST: usize = PLACES[0];
    const SECOND: usize = PLACES[1];
    const PATH: usize = PLACES[2];
    const FLAGS: usize = PLACES[3];
    const MODE: usize = PLACES[4];

    fn record(tag: c_int, numbers: &[(usize, c_int)], path: Option<(usize, *const c_char)>) -> Bytes {
        let mut bytes = Bytes::default();
        bytes[..4].copy_from_slice(&tag.to_ne_bytes());
        for &(place, number) in numbers {
            bytes[place..place + 4].copy_from_slice(&number.to_ne_bytes());
        }
        if let Some((place, path)) = path {
            bytes[place..place + size_of::<usize>()].copy_from_slice(&(path as usize).to_ne_bytes());
        }
        bytes
    }

    fn decode_records(records: &[Bytes]) -> Vec<Result<FileAction>> {
        // Aligned as glibc's are.
        let mut words: Vec<u64> = vec![0; records.len() * 4];
        let start: *mut u8 = words.as_mut_ptr().cast();
        unsafe { std::ptr::copy_nonoverlapping(records.as_ptr().cast(), start, std::mem::size_of_val(records)) };
        let object =
            ActionsObject { allocated: 8, used: records.len() as c_int, records: start.cast(), padding: [0; 16] };
        unsafe { FileActions::new(Libc::Glibc, (&object as *const ActionsObject).cast()) }.collect()
    }

    #[test]
    fn every_tag_is_decoded_from_its_place() {
        let path = b"/some/file\0".as_ptr().cast();
        let decoded = decode_records(&[
            record(0, &[(FIRST, 5)], None),
            record(1, &[(FIRST, 6), (SECOND, 7)], None),
            record(2, &[(FIRST, 8), (FLAGS, libc::O_RDWR), (MODE, 0o640)], Some((PATH, path))),
            record(3, &[], Some((FIRST, path))),
            record(4, &[(FIRST, 9)], None),
            record(5, &[(FIRST, 10)], None),
            record(6, &[(FIRST, 11)], None),
        ]);
        let expected = [
            FileAction::Close { fd: 5 },
            FileAction::Dup2 { from: 6, to: 7 },
            FileAction::Open { fd: 8, path, flags: libc::O_RDWR, mode: 0o640 },
            FileAction::Chdir { path },
            FileAction::Fchdir { fd: 9 },
            FileAction::CloseFrom { first: 10 },
            FileAction::SetForegroundGroup { terminal: 11 },
        ];
        assert_eq!(decoded.len(), expected.len());
        for (action, expected) in decoded.into_iter().zip(expected) {
            assert!(unsafe { same(action.unwrap(), expected) }, "{action:?} {expected:?}");
        }
    }

    #[test]
    fn an_unknown_tag_is_an_error_and_not_skipped() {
        for tag in [7, 99, -1] {
            let decoded = decode_records(&[
                record(0, &[(FIRST, 5)], None),
                record(tag, &[], None),
                record(0, &[(FIRST, 6)], None),
            ]);
            assert!(decoded[0].is_ok() && decoded[2].is_ok());
            assert_eq!(decoded[1].unwrap_err(), UNKNOWN_ACTION);
        }
    }

    #[test]
    fn attributes_are_where_glibc_has_them() {
        let mut object = MaybeUninit::<AttributesObject>::zeroed();
        let bytes: *mut u8 = object.as_mut_ptr().cast();
        let decoded = unsafe {
            bytes.cast::<i16>().write(0x1ff);
            bytes.add(4).cast::<pid_t>().write(42);
            write_signals(bytes.add(8), &[1, 3, 64]);
            write_signals(bytes.add(136), &[2, 33, 40]);
            bytes.add(264).cast::<c_int>().write(3);
            bytes.add(268).cast::<c_int>().write(1);
            bytes.add(272).cast::<c_int>().write(21);
            super::super::Attributes::new(Libc::Glibc, bytes.cast())
        };
        let expected = Attributes {
            flags: 0x1ff,
            group: 42,
            default_signals: SignalSet::of(&[1, 3, 64]),
            mask: SignalSet::of(&[2, 33, 40]),
            priority: 3,
            policy: 1,
            cgroup: 21,
        };
        assert_eq!(decoded, Ok(expected));
    }

    #[test]
    fn an_unknown_flag_is_an_error() {
        for bit in 9..16 {
            let mut object = MaybeUninit::<AttributesObject>::zeroed();
            let bytes: *mut u8 = object.as_mut_ptr().cast();
            let decoded = unsafe {
                bytes.cast::<u16>().write(flag::SETSID as u16 | 1 << bit);
                super::super::Attributes::new(Libc::Glibc, bytes.cast())
            };
            assert_eq!(decoded, Err(Errno(libc::EINVAL)));
        }
    }
}

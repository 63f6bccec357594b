//! execve and the PATH search, as the child does them.  Same conditions as in `child`.

// Sound because: strings end in a NUL by the caller's promise, and what is written into the buffer is counted.
#![allow(unsafe_code)]

use crate::errno::Errno;
use crate::kernel::process::execve;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;
use libc::c_char;

/// What to execute.
pub enum Program<'a> {
    Path(*const c_char),
    /// Look for `name` in the directories of `path`.
    Search {
        name: *const c_char,
        path: *const c_char,
        buffer: &'a SearchBuffer,
    },
}

const PATH_MAX: usize = libc::PATH_MAX as usize;
const NAME_MAX: usize = 255;

/// Room for the candidates of a search: a directory, a slash, a name and a NUL.  It is part of the caller's frame,
/// where its size is seen, rather than of the child's.
pub struct SearchBuffer(UnsafeCell<MaybeUninit<[u8; PATH_MAX + NAME_MAX + 1]>>);

impl SearchBuffer {
    /// A buffer in that room.  Nothing is written: a value that is passed on would be copied, four times in a build
    /// without optimisation, and the stack may be small.
    pub fn in_place(room: &mut MaybeUninit<Self>) -> &Self {
        // SAFETY: bytes of any kind, written or not, are a value of the type.
        unsafe { room.assume_init_ref() }
    }

    fn start(&self) -> *mut u8 {
        self.0.get().cast()
    }
}

/// Only returns when the program could not be executed.
#[inline(always)]
pub unsafe fn execute(program: &Program, argv: *const *mut c_char, envp: *const *mut c_char) -> Errno {
    match *program {
        Program::Path(path) => execve(path, argv, envp),
        Program::Search { name, path, buffer } => search(name.cast(), path.cast(), buffer, argv, envp),
    }
}

unsafe fn search(
    name: *const u8,
    path: *const u8,
    buffer: &SearchBuffer,
    argv: *const *mut c_char,
    envp: *const *mut c_char,
) -> Errno {
    let mut name_length = 0;
    loop {
        match byte(name, name_length) {
            0 => break,
            b'/' => return execve(name.cast(), argv, envp),
            _ => name_length += 1,
        }
    }
    if name_length == 0 {
        return Errno(libc::ENOENT);
    }
    if name_length > NAME_MAX {
        return Errno(libc::ENAMETOOLONG);
    }

    let candidate = buffer.start();
    let mut directory = path;
    let mut denied = false;
    let mut last = libc::ENOENT;
    loop {
        let mut length = 0;
        while !matches!(byte(directory, length), 0 | b':') {
            if length < PATH_MAX {
                put(candidate, length, byte(directory, length));
            }
            length += 1;
        }
        // A directory too long for the buffer is too long for the kernel.
        if length < PATH_MAX {
            let mut end = length;
            // An empty element is the current directory.
            if length > 0 {
                put(candidate, end, b'/');
                end += 1;
            }
            let mut index = 0;
            while index <= name_length {
                put(candidate, end + index, byte(name, index));
                index += 1;
            }
            last = execve(candidate as *const c_char, argv, envp).0;
            match last {
                libc::EACCES => denied = true,
                libc::ENOENT | libc::ESTALE | libc::ENOTDIR | libc::ENODEV | libc::ETIMEDOUT => {}
                _ => return Errno(last),
            }
        }
        if byte(directory, length) == 0 {
            return Errno(if denied { libc::EACCES } else { last });
        }
        directory = directory.add(length + 1);
    }
}

/// Volatile, because a compiler may turn a loop over plain accesses into a call of the libc's strlen or memcpy.
unsafe fn byte(text: *const u8, index: usize) -> u8 {
    ptr::read_volatile(text.add(index))
}

/// As `byte`.
unsafe fn put(text: *mut u8, index: usize, value: u8) {
    ptr::write_volatile(text.add(index), value);
}

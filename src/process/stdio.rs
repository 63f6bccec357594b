//! What a child's standard descriptors are.

// Sound because: the descriptors of a new pipe, and a new copy, belong to nobody else.
#![allow(unsafe_code)]

use crate::kernel::fd::copy_above;
use crate::libc_abi::FileAction;
use libc::{c_char, c_int};
use std::fs::File;
use std::io;
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};

/// What becomes of one of a child's standard descriptors.
///
/// Whatever can be made an [`OwnedFd`] can be given in its place; the child gets a copy, and the [`Command`] keeps the
/// descriptor until it is dropped.
///
/// ```
/// use pidfd_spawn::process::{Command, Stdio};
///
/// # fn main() -> std::io::Result<()> {
/// let mut first = Command::new("echo").arg("a b c").stdout(Stdio::piped()).spawn()?;
/// let pipe = first.stdout.take().unwrap();
/// let second = Command::new("tr").args(["a-z", "A-Z"]).stdin(pipe).output()?;
/// assert!(first.wait()?.success());
/// assert_eq!(second.stdout, b"A B C\n");
/// # Ok(())
/// # }
/// ```
///
/// [`Command`]: super::Command
#[derive(Debug)]
pub struct Stdio(Kind);

#[derive(Debug)]
enum Kind {
    Inherit,
    Null,
    Piped,
    Fd(OwnedFd),
}

impl Stdio {
    /// The caller's own.
    pub const fn inherit() -> Self {
        Stdio(Kind::Inherit)
    }

    /// /dev/null.
    pub const fn null() -> Self {
        Stdio(Kind::Null)
    }

    /// A new pipe, whose other end is in the [`Child`](super::Child).
    pub const fn piped() -> Self {
        Stdio(Kind::Piped)
    }
}

impl<T: Into<OwnedFd>> From<T> for Stdio {
    fn from(fd: T) -> Self {
        Stdio(Kind::Fd(fd.into()))
    }
}

/// A standard descriptor of a child that is about to be started.
pub struct Prepared {
    /// How the child gets it.
    pub action: Option<FileAction>,
    /// The parent's end of a pipe.
    pub pipe: Option<File>,
    /// Open until the child has its copy.
    _source: Option<OwnedFd>,
}

impl Prepared {
    pub fn new(stdio: &Stdio, number: c_int) -> io::Result<Self> {
        let is_input = number == libc::STDIN_FILENO;
        Ok(match &stdio.0 {
            Kind::Inherit => Prepared { action: None, pipe: None, _source: None },
            Kind::Null => {
                let path = b"/dev/null\0".as_ptr().cast::<c_char>();
                let flags = if is_input { libc::O_RDONLY } else { libc::O_WRONLY };
                let action = FileAction::Open { fd: number, path, flags, mode: 0 };
                Prepared { action: Some(action), pipe: None, _source: None }
            }
            Kind::Piped => {
                let (reader, writer) = pipe()?;
                let (theirs, ours) = if is_input { (reader, writer) } else { (writer, reader) };
                let source = if is_standard(&theirs) { copy_above_standard(&theirs)? } else { theirs };
                let action = FileAction::Dup2 { from: source.as_raw_fd(), to: number };
                Prepared { action: Some(action), pipe: Some(ours.into()), _source: Some(source) }
            }
            Kind::Fd(fd) => {
                let copy = if is_standard(fd) { Some(copy_above_standard(fd)?) } else { None };
                let from = copy.as_ref().unwrap_or(fd).as_raw_fd();
                Prepared { action: Some(FileAction::Dup2 { from, to: number }), pipe: None, _source: copy }
            }
        })
    }
}

/// Whether another action could replace it before its turn.
pub fn is_standard(fd: &OwnedFd) -> bool {
    fd.as_raw_fd() <= libc::STDERR_FILENO
}

pub fn copy_above_standard(fd: &OwnedFd) -> io::Result<OwnedFd> {
    let copy = copy_above(fd.as_raw_fd(), libc::STDERR_FILENO)?;
    // SAFETY: it is given away.
    Ok(unsafe { OwnedFd::from_raw_fd(copy.into_raw()) })
}

/// The reading and the writing end, both close-on-exec.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: the libc writes two numbers, both new.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libc_abi::same;
    use std::io::{Read, Write};

    fn action(stdio: &Stdio, number: c_int) -> FileAction {
        Prepared::new(stdio, number).unwrap().action.expect("there is one")
    }

    #[test]
    fn nothing_is_done_for_what_is_inherited() {
        let prepared = Prepared::new(&Stdio::inherit(), 1).unwrap();
        assert!(prepared.action.is_none() && prepared.pipe.is_none());
    }

    #[test]
    fn null_is_opened_for_its_direction() {
        for (fd, flags) in [(0, libc::O_RDONLY), (1, libc::O_WRONLY), (2, libc::O_WRONLY)] {
            let path = b"/dev/null\0".as_ptr().cast();
            let expected = FileAction::Open { fd, path, flags, mode: 0 };
            assert!(unsafe { same(action(&Stdio::null(), fd), expected) });
        }
    }

    #[test]
    fn a_descriptor_is_copied_to_its_place() {
        let fd = pipe().unwrap().0;
        let from = fd.as_raw_fd();
        assert!(unsafe { same(action(&fd.into(), 2), FileAction::Dup2 { from, to: 2 }) });
    }

    #[test]
    fn the_ends_of_a_pipe() {
        for number in 0..3 {
            let Prepared { action, pipe, _source } = Prepared::new(&Stdio::piped(), number).unwrap();
            let (mut ours, mut theirs) = (pipe.unwrap(), File::from(_source.unwrap()));
            let from = theirs.as_raw_fd();
            assert!(unsafe { same(action.unwrap(), FileAction::Dup2 { from, to: number }) });
            let (reader, writer) = if number == 0 { (&mut theirs, &mut ours) } else { (&mut ours, &mut theirs) };
            writer.write_all(b"x").unwrap();
            let mut text = [0; 2];
            assert_eq!(reader.read(&mut text).unwrap(), 1);
        }
    }
}

//! The flag that says whether other processes may trace this one and whether it dumps core.
//!
//! It belongs to the memory, and the kernel clears it when a process changes its user.  A child of a spawn shares the
//! memory, so the caller's own flag is gone as well.  Here it is kept, and given back when the child has left.

use crate::errno::Result;
use crate::kernel::process;
use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use libc::c_int;

/// How many calls are in between, the flag as it was before the first of them, whether the last one is giving it back,
/// and how many have ended: what a call read before another one came and went must not be taken for new.
static STATE: AtomicUsize = AtomicUsize::new(0);

/// The process that the count is of: one that another thread forks in between has a copy, and no call under way.
static OWNER: AtomicI32 = AtomicI32::new(0);

const FLAG: usize = 3;
const RESTORING: usize = 1 << 2;
const ONE: usize = 1 << 3;
const COUNT: usize = (1 << 18) - ONE;
const ROUND: usize = COUNT + ONE;

/// How often a call looks whether another one has given the flag back: for a second.  What it waits for may be a copy
/// that nobody will change.
const MOST_NAPS: usize = 200;

/// Until this goes out of scope, the flag may be cleared.
pub struct Kept {
    /// As it was before.
    flag: c_int,
}

impl Kept {
    /// An error where the flag could not be given back.
    pub fn new() -> Result<Self> {
        process::can_set_dumpable()?;
        let own = process::getpid();
        let mut naps = 0;
        loop {
            let state = STATE.load(Ordering::Acquire);
            if OWNER.load(Ordering::Acquire) != own {
                // The copy's count ends first: whoever sees a count of this process then sees its owner as well.
                let none = (state & !(COUNT | RESTORING)).wrapping_add(ROUND);
                if STATE.compare_exchange(state, none, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                    OWNER.store(own, Ordering::Release);
                }
                continue;
            }
            if state & RESTORING != 0 && naps < MOST_NAPS {
                // The flag would be set for a moment while this call's child is another user's already.
                naps += 1;
                process::nap();
                continue;
            }
            let next = if state & COUNT == 0 {
                (state & !FLAG | process::dumpable()? as usize & FLAG) + ONE
            } else {
                state + ONE
            };
            if STATE.compare_exchange(state, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return Ok(Kept { flag: (next & FLAG) as c_int });
            }
        }
    }

    /// Whether other processes of the same user might read the memory.
    pub fn is_open(&self) -> bool {
        self.flag == process::DUMPABLE
    }

    /// Whether the flag is one that can be given back.
    pub fn can_be_given_back(&self) -> bool {
        matches!(self.flag, process::DUMPABLE | process::NOT_DUMPABLE)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        loop {
            let state = STATE.load(Ordering::Acquire);
            let is_last = state & COUNT == ONE;
            let next = if is_last { state | RESTORING } else { (state - ONE).wrapping_add(ROUND) };
            if STATE.compare_exchange(state, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                if is_last {
                    process::set_dumpable(self.flag);
                    STATE.fetch_add(ROUND - ONE - RESTORING, Ordering::AcqRel);
                }
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_calls_give_back_what_the_first_one_found() {
        process::set_dumpable(process::DUMPABLE);
        drop(Kept::new().unwrap());
        // One that has read the flag for its own first call must see that another one, which cleared it, came and went.
        let rounds = STATE.load(Ordering::Relaxed);
        drop(Kept::new().unwrap());
        assert_ne!(STATE.load(Ordering::Relaxed), rounds);

        let first = Kept::new().unwrap();
        process::set_dumpable(process::NOT_DUMPABLE);
        let second = Kept::new().unwrap();
        assert!(first.is_open() && second.is_open());
        drop(first);
        assert_eq!(process::dumpable(), Ok(process::NOT_DUMPABLE));
        drop(second);
        assert_eq!(process::dumpable(), Ok(process::DUMPABLE));

        // A process that was forked while the flag was given back.
        OWNER.store(-1, Ordering::Release);
        STATE.fetch_add(ONE | RESTORING, Ordering::AcqRel);
        let first = Kept::new().unwrap();
        assert_eq!(STATE.load(Ordering::Acquire) & RESTORING, 0);
        drop(first);

        // In a process that was forked during a call, two threads make their first one at once,
        // or nearly so.
        for round in 0..2_000 {
            OWNER.store(-1, Ordering::Release);
            STATE.fetch_add(ONE, Ordering::AcqRel);
            let both = std::sync::Barrier::new(2);
            let call = |late| {
                both.wait();
                (0..late).for_each(|_| std::hint::spin_loop());
                drop(Kept::new().unwrap());
            };
            std::thread::scope(|scope| {
                scope.spawn(|| call(0));
                call(round % 100 * 32);
            });
            assert_eq!(STATE.load(Ordering::Acquire) & COUNT, 0);
        }
        assert_eq!(process::dumpable(), Ok(process::DUMPABLE));
    }
}

//! Is what waits in a queue worth waking another LWP for?
//!
//! A wake-up costs both cores some microseconds, and so does the way of each thread's data to the other
//! core. Threads that run for less are over sooner where they are: started by the thousand and joined,
//! or woken by a tick of the clock, they took twice the time on two processors.
//!
//! So an owner that finds threads in its queue before a slice, and nobody there to take them, begins to
//! watch. It wakes somebody once the slices since then have lasted [`WORTH`] each, or [`BACKLOG`]
//! together: what the threads in the queue lose by that is less than one long slice, or `BACKLOG`.
//! The clock is read at the first looks and now and then; so watching costs a slice next to nothing.

use std::time::Duration;

use super::run::Time;

/// A slice of this length is worth a wake-up.
const WORTH: Duration = Duration::from_micros(10);
/// Shorter ones are when some have waited in the queue all this time.
const BACKLOG: Duration = Duration::from_micros(200);
/// After the first looks the clock is read once in so many; one less than a power of two.
const LOOK_MASK: u32 = 15;

/// Slices of an owner before each of which threads waited in its queue. Only the owner touches it.
#[derive(Debug)]
pub(super) struct Backlog {
    looks: u32,
    since: Time,
}

impl Backlog {
    pub(super) const NONE: Self = Self { looks: 0, since: Time::START };

    /// Before a slice: threads wait. True if another LWP is to be woken for them.
    #[inline(always)]
    pub(super) fn grows(&mut self, now: impl FnOnce() -> Time) -> bool {
        self.looks += 1;
        (self.looks & LOOK_MASK == 0 || self.looks.is_power_of_two()) && self.weigh(now())
    }

    /// Before a slice: none waits, or somebody is there to take them.
    #[inline(always)]
    pub(super) fn ends(&mut self) {
        self.looks = 0;
    }

    #[cold]
    fn weigh(&mut self, now: Time) -> bool {
        if self.looks == 1 {
            self.since = now;
            return false;
        }
        let slices = self.looks - 1;
        let worth = now.since(self.since) >= BACKLOG.min(WORTH * slices);
        if worth {
            self.ends();
        }
        worth
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// How many slices of this length go by before somebody is woken, if anybody is within 10,000.
    fn slices_before(nanos: u64) -> Option<u64> {
        let mut backlog = Backlog::NONE;
        (0..10_000).find(|slices| backlog.grows(|| Time::from_nanos(slices * nanos)))
    }

    #[test]
    fn long_slices_are_worth_it_at_once() {
        assert_eq!(slices_before(60_000), Some(1));
        assert_eq!(slices_before(10_000), Some(1));
    }

    #[test]
    fn short_ones_when_some_have_waited_long() {
        for nanos in [50, 1_000, 5_000, 9_999] {
            let waited = slices_before(nanos).unwrap() * nanos;
            assert!((200_000..400_000).contains(&waited), "{nanos}: {waited}");
        }
    }

    #[test]
    fn a_long_one_among_short_ones_is_noticed() {
        let mut backlog = Backlog::NONE;
        assert!((0..100).all(|slice| !backlog.grows(|| Time::from_nanos(slice * 50))));
        let late = Time::from_nanos(300_000);
        assert!((0..u64::from(LOOK_MASK) + 1).any(|_| backlog.grows(|| late)));
    }

    #[test]
    fn what_was_done_is_forgotten() {
        let mut backlog = Backlog::NONE;
        assert!(!backlog.grows(|| Time::START));
        backlog.ends();
        assert!(!backlog.grows(|| Time::from_nanos(1_000_000)));
        assert!(!backlog.grows(|| Time::from_nanos(1_000_050)));
    }
}

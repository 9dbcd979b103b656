//! Samples of what threads spend their time on, for a profile.
//!
//! The profiler's clock ticks about once a millisecond. An LWP that sees a tick which it has not
//! seen takes a sample: the calls of the thread that it runs, and the CPU time that it itself has
//! used since its last one. It looks before each instruction of the loop, and after each one outside,
//! which may have been a long one. So time goes to the instruction that took it, what no script runs
//! for (idle LWPs, threads that wait) counts nothing, and calls that block count what they computed.

use std::cell::Cell;
use std::time::Duration;

use super::machine::Machine;
use crate::{
    profile::{Clock, Profiler, cpu_time},
    rc,
    sched::Outcome,
    thread::{Frames, Place},
};

thread_local! {
    /// The last tick that this LWP has seen.
    static SEEN: Cell<u32> = const { Cell::new(0) };
    /// The CPU time that this LWP had used at its last sample.
    static SAMPLED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The last tick that this LWP has seen.
pub(super) fn seen() -> u32 {
    SEEN.get()
}

/// A slice begins; gives the clock, and the last tick that was seen.
pub(super) fn start<'a>(m: &Machine<'a>) -> (Option<&'a Clock>, u32) {
    rc::watch_copies();
    (m.vm().profiler.get().map(Profiler::clock), seen())
}

/// Takes a sample of where the machine stands.
#[cold]
#[inline(never)]
pub(super) fn take(m: &mut Machine<'_>) {
    let place = m.save();
    take_at(m, place);
}

/// The instruction at `from` was done outside the loop: a sample, if it is time for one, and what the
/// instruction has copied. A thread that has ended has no calls to look at.
pub(super) fn after(m: &mut Machine<'_>, from: Place, outcome: Option<Outcome>) {
    let Some(profiler) = m.vm().profiler.get() else { return };
    if outcome == Some(Outcome::Done) {
        return;
    }
    let copies = rc::take_copies();
    let due = profiler.clock().ticks() != seen();
    if !due && copies.is_empty() {
        return;
    }
    let mut place = m.save();
    if (place.base, place.constants) == (from.base, from.constants) {
        place.pc = from.pc;
    }
    for copy in copies {
        profiler.copied(Frames::new(m.state(), place), copy);
    }
    if due {
        take_at(m, place);
    }
}

fn take_at(m: &mut Machine<'_>, place: Place) {
    let Some(profiler) = m.vm().profiler.get() else { return };
    SEEN.set(profiler.clock().ticks());
    let now = cpu_time();
    let used = now.saturating_sub(SAMPLED.replace(now));
    profiler.sampled(Frames::new(m.state(), place), used);
}

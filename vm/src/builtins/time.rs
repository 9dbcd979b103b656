//! Channels that the clock sends to: `time.after` and `time.ticker`.
//!
//! There is no thread behind them and no timer of their own: a tick is there when its time has come,
//! and who waits for one sets the timer of its own wait. So ticks that nobody takes cost nothing and
//! pile up nowhere, and a ticker that nobody waits on keeps no program from being deadlocked.

use std::time::Duration;

use super::channel::ChannelHandle;
use crate::{
    atomics::Mutex,
    native::{Call, FunctionDef, NativeResult, Next},
    sched::Time,
    value::{Kind, Owned, error},
    waiting::duration,
};

/// The functions that the module `time` has from here.
pub static FUNCTIONS: &[FunctionDef] = &[
    FunctionDef {
        name: "after",
        signature: "(seconds)",
        doc: "A channel that gives one value after this time, and is closed then.",
        run: after,
        shortcut: None,
    },
    FunctionDef {
        name: "ticker",
        signature: "(seconds)",
        doc: "A channel that gives a value each time so much time has passed, until it is closed.",
        run: ticker,
        shortcut: None,
    },
];

/// When a channel has its next tick.
#[derive(Debug)]
pub(crate) struct Ticks {
    /// Any LWP, under the lock.
    next: Mutex<Time>,
    /// How long from one to the next; `None` when there is only one. Immutable.
    period: Option<Duration>,
}

/// Whether a tick is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tick {
    /// It was taken: it had this time. It was the last one if that is so.
    Taken(Time, Last),
    /// Not before this time.
    Later(Time),
}

/// Whether another tick follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Last {
    Yes,
    No,
}

impl Ticks {
    /// One tick at this time; then one after each period, if there is one.
    pub(crate) fn new(first: Time, period: Option<Duration>) -> Self {
        Self { next: Mutex::new(first), period }
    }

    /// Takes the tick that is there. Those that nobody took before it are dropped.
    pub(crate) fn take(&self, now: Time) -> Tick {
        let mut next = self.next.lock();
        let due = *next;
        if now < due {
            return Tick::Later(due);
        }
        let Some(period) = self.period else {
            *next = Time::NEVER;
            return Tick::Taken(due, Last::Yes);
        };
        let missed = now.since(due).as_nanos() / period.as_nanos();
        let ahead = period.as_nanos().saturating_mul(missed + 1);
        let latest = period.as_nanos().saturating_mul(missed);
        *next = due + nanos(ahead);
        Tick::Taken(due + nanos(latest), Last::No)
    }

    /// When the next tick is there.
    pub(crate) fn next(&self) -> Time {
        *self.next.lock()
    }
}

fn nanos(n: u128) -> Duration {
    Duration::from_nanos(u64::try_from(n).unwrap_or(u64::MAX))
}

fn after(call: &mut Call<'_>) -> NativeResult {
    let span = duration(call.arg(0))?;
    let first = call.context().now() + span;
    Ok(Next::Return(ChannelHandle::ticking(call.vm(), Ticks::new(first, None))))
}

fn ticker(call: &mut Call<'_>) -> NativeResult {
    let span = duration(call.arg(0))?;
    if span.is_zero() {
        return Err(error(Kind::Value, "the time between two ticks cannot be zero"));
    }
    let first = call.context().now() + span;
    Ok(Next::Return(ChannelHandle::ticking(call.vm(), Ticks::new(first, Some(span)))))
}

/// What a tick is as a value: its time in seconds, on the clock that never goes back.
pub(crate) fn value(time: Time) -> Owned {
    Owned::float(time.since(Time::START).as_secs_f64())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Time {
        Time::from_nanos(n * 1_000_000)
    }

    #[test]
    fn one_tick_and_no_other() {
        let ticks = Ticks::new(ms(5), None);
        assert_eq!(ticks.take(ms(4)), Tick::Later(ms(5)));
        assert_eq!(ticks.take(ms(7)), Tick::Taken(ms(5), Last::Yes));
        assert_eq!(ticks.take(ms(9)), Tick::Later(Time::NEVER));
    }

    #[test]
    fn ticks_keep_their_beat_and_missed_ones_are_dropped() {
        let ticks = Ticks::new(ms(10), Some(Duration::from_millis(10)));
        assert_eq!(ticks.take(ms(12)), Tick::Taken(ms(10), Last::No));
        assert_eq!(ticks.take(ms(19)), Tick::Later(ms(20)));
        assert_eq!(ticks.take(ms(57)), Tick::Taken(ms(50), Last::No));
        assert_eq!(ticks.next(), ms(60));
    }
}

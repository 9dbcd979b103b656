//! Instructions for threads: spawn, scopes, select, shields, loops over channels.
//!
//! An operation that parks leaves the place at its instruction and is called again there.

#![expect(unsafe_code, reason = "operations see the thread's state and the scheduler at once")]

use lisle_compiler::bytecode::{Arm, op::KILL_B};

use super::iter;
use super::machine::{Exit, Machine, Step};
use crate::{
    builtins::channel::{ChannelHandle, channel_of, receive},
    link::LINK,
    sched::Outcome,
    scope,
    select::{self, Chosen},
    thread::{Stopped, ThreadOptions},
    value::Owned,
    waiting::{Progress, Waits, duration},
};

impl<'a> Machine<'a> {
    /// What operations that may park need.
    pub(super) fn waits(&mut self) -> Waits<'_, 'a> {
        let thread = self.thread;
        thread.wait.stand_at(self.pc);
        // SAFETY: both belong to this slice, are different things, and are borrowed as long as
        // `self` is.
        unsafe { Waits { thread, state: &mut *self.state, context: &mut *self.context } }
    }

    /// Is the current instruction the one that the thread was parked in? Asked once.
    fn was_parked(&mut self) -> bool {
        let stopped = std::mem::take(&mut self.state().stopped);
        matches!(stopped, Stopped::Inside)
    }

    fn park<T>(&mut self) -> Step<T> {
        self.state().stopped = Stopped::Inside;
        Err(Exit::Stop(Outcome::Parked))
    }
}

/// Starts a thread.
pub(super) fn spawn(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let first = m.base.wrapping_add(word.a as usize + LINK).cast::<Owned>();
    // SAFETY: these registers are owned and this instruction consumes them; nobody else touches them
    // before the end of this function, and the stack stays where it is.
    let arguments = unsafe { std::slice::from_raw_parts_mut(first, word.c as usize) };
    let dies = word.flags & KILL_B != 0;
    let mut callee = if dies { m.take(word.b) } else { m.get(word.b).clone() };
    let mut options = ThreadOptions::default();
    let started = crate::spawn::spawn(&mut m.waits(), &mut callee, arguments, &mut options);
    if started.is_err() {
        for argument in arguments {
            drop(argument.take());
        }
        if dies {
            // It is still owned when the instruction throws.
            m.put(word.b, callee);
        }
    }
    m.put(word.a, started?);
    m.next(1)
}

/// A cleanup handler starts.
pub(super) fn shield(m: &mut Machine<'_>) -> Step {
    m.state().shield += 1;
    m.next(1)
}

/// A cleanup handler ends.
pub(super) fn shield_end(m: &mut Machine<'_>) -> Step {
    m.state().shield -= 1;
    // A request may have been held back.
    m.look_soon();
    m.next(1)
}

/// Opens a scope.
pub(super) fn scope_enter(m: &mut Machine<'_>) -> Step {
    scope::enter(&mut m.waits())?;
    m.next(1)
}

/// Closes the innermost scope.
pub(super) fn scope_leave(m: &mut Machine<'_>) -> Step {
    m.was_parked();
    match scope::leave(&mut m.waits())? {
        Progress::Done(()) => m.next(1),
        Progress::Park => m.park(),
    }
}

/// Closes the innermost scope, whose body threw what is in `a`.
pub(super) fn scope_abort(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let thrown = if m.was_parked() { None } else { Some(m.take(word.a)) };
    match scope::abort(&mut m.waits(), thrown)? {
        Progress::Done(thrown) => {
            m.put(word.a, thrown);
            m.next(1)
        }
        Progress::Park => m.park(),
    }
}

/// Waits for the first of several arms.
pub(super) fn select(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let count = word.c as usize;
    let progress: Progress<Chosen> = if m.was_parked() {
        select::resume(&mut m.waits())?
    } else if let Some(chosen) = receive_at_once(m, count) {
        for word in m.words(1, count) {
            let word = word.get();
            if word.op != Arm::Else as u8 {
                drop(m.take(word.a));
            }
            if word.flags & 1 != 0 {
                drop(m.take(word.c));
            }
        }
        Progress::Done(chosen)
    } else {
        let arms = arms(m, count);
        select::start(&mut m.waits(), arms)?
    };
    match progress {
        Progress::Done((index, value)) => {
            m.put(word.a, Owned::int(index as i64));
            m.put_at(m.reg_after(word.a, 1), value);
            m.next(1 + count)
        }
        Progress::Park => m.park(),
    }
}

/// The most arms that are tried where they stand.
const FEW: usize = 16;

/// Receives by an arm that is ready, if all arms that are on receive from channels, or are an `else` or
/// an `after`, and nothing is wrong with any. Nothing is consumed: the other ways to select look at the
/// arms again.
fn receive_at_once(m: &mut Machine<'_>, count: usize) -> Option<Chosen> {
    let words = m.words(1, count);
    let mut channels: [Option<(usize, &ChannelHandle)>; FEW] = [None; FEW];
    let mut filled = 0;
    for (index, word) in words.iter().enumerate() {
        let word = word.get();
        if word.flags & 1 != 0 && !m.get(word.c).truthy() {
            continue;
        }
        match Arm::from_code(word.op).expect("verified code has known arms") {
            Arm::Recv => {
                // SAFETY: the register keeps the channel until it is consumed.
                let subject = unsafe { &*m.reg(word.a).cast::<Owned>() };
                let handle = channel_of(subject).ok().filter(|handle| handle.ticks().is_none())?;
                if handle.channel().offers() {
                    *channels.get_mut(filled)? = Some((index, handle));
                    filled += 1;
                }
            }
            Arm::Else => {}
            Arm::After => drop(duration(m.get(word.a)).ok()?),
            Arm::Send | Arm::Join => return None,
        }
    }
    select::receive_at_once(&mut m.waits(), &mut channels[..filled])
}

/// The arms that are on; all their registers are consumed.
fn arms(m: &mut Machine<'_>, count: usize) -> Vec<select::Arm> {
    let words = m.words(1, count);
    let mut arms = Vec::with_capacity(count);
    for (index, word) in words.iter().enumerate() {
        let word = word.get();
        let kind = Arm::from_code(word.op).expect("verified code has known arms");
        let subject = if kind == Arm::Else { Owned::NIL } else { m.take(word.a) };
        let value = if kind == Arm::Send { m.take(word.b) } else { Owned::NIL };
        let on = word.flags & 1 == 0 || m.take(word.c).truthy();
        if on {
            arms.push(select::Arm { index, kind, subject, value });
        }
    }
    arms
}

/// The next turn of a loop over a channel.
pub(super) fn iter_channel(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let channel = m.raw(word.a);
    // SAFETY: the walk's register keeps the channel.
    let channel = unsafe { Owned::borrow_raw(&channel) };
    let progress = receive(&mut m.waits(), channel_of(channel)?)?;
    iter::progress(m, progress)
}

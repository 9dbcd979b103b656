//! Throwing: which handler gets the value, what is dropped on the way, where calls of natives end.

#![expect(unsafe_code, reason = "frames are popped off the register stack")]

use lisle_compiler::bytecode::MAX_PLACES;

use super::machine::{Exit, Machine, Step};
use super::{native, places, proto_of, run};
use crate::{
    link::{Proto, SLOT},
    sched::Outcome,
    scope,
    thread::{Edge, Frames, Place, Then, ThreadState, Wait, caller, record_trace},
    value::{Owned, Raw},
};

/// Throws a value: goes on at the innermost handler, or ends the thread.
///
/// The place is the instruction that throws; what it consumes has been dropped.
pub(super) fn throw(m: &mut Machine<'_>, mut value: Owned) -> Option<Outcome> {
    record(m, &mut value);
    // `os.exit` runs no defers.
    let exits = scope::is_uncatchable(&value) && m.thread.vm().exiting();
    loop {
        if let Some(proto) = proto_of(m.constants) {
            let index = proto.index_of(m.pc);
            let passes = scope::is_uncatchable(&value);
            let handler = proto.handlers.iter().find(|handler| {
                !exits
                    && (handler.start..handler.end).contains(&index)
                    && (handler.cleanup || !passes)
            });
            let owned = proto.live.owned(index);
            if let Some(handler) = handler {
                let kept = proto.live.owned(handler.target);
                for &register in owned {
                    if kept.binary_search(&register).is_err() || register == handler.register {
                        drop(m.take(register * SLOT as u16));
                    }
                }
                m.put(handler.register * SLOT as u16, value);
                m.pc = proto.at(handler.target);
                return None;
            }
            let mut changed = 0;
            for &register in owned {
                if usize::from(register) < MAX_PLACES && proto.places >> register & 1 != 0 {
                    changed |= 1 << register;
                } else {
                    drop(m.take(register * SLOT as u16));
                }
            }
            if proto.places != 0 {
                places::leave(m, changed);
                continue;
            }
            let place = m.save();
            let start = m.state().stack.start().cast();
            // SAFETY: the frame is that of a script function.
            m.restore(unsafe { caller(start, place.base) });
            continue;
        }
        drop(m.take(0));
        let pending = &mut m.state().pending;
        if !matches!(pending.last().map(|pending| &pending.then), Some(Then::Called(..))) {
            return Some(run::ended(m, Err(value)));
        }
        let pending = pending.pop().expect("it was looked at");
        match native::resume(m, pending, Err(value)) {
            Ok(()) => return None,
            Err(Exit::Stop(outcome)) => return Some(outcome),
            Err(Exit::Throw(again)) => {
                value = again;
                record(m, &mut value);
            }
        }
    }
}

/// Gives the value its trace, unless it has one.
fn record(m: &mut Machine<'_>, value: &mut Owned) {
    let place = m.save();
    let thread = m.thread;
    record_trace(m.state(), place, || thread.name(), value);
}

/// Joins the error `b`, thrown by a defer, to the error `a` that is unwinding.
pub(super) fn also(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let second = m.take(word.b);
    if let Some(error) = m.place(word.a).error_mut() {
        error.also.push(second);
    }
    m.next(1)
}

/// Drops everything that a thread which will never run again still owns. Then it has ended.
pub(crate) fn abandon(wait: &Wait, state: &mut ThreadState) {
    let place = state.place(wait);
    if place.pc.is_null() {
        return;
    }
    state.stand_at(wait, Place::ENDED);
    let heap = &raw const state.heap;
    // SAFETY: the state outlives the guard, and its heap stays where it is.
    let entered = unsafe { crate::rc::Heap::enter_raw(heap) };
    let start = state.stack.start();
    let mut dying: Vec<usize> = Vec::new();
    let entry_owns_args = place.pc == run::entry();
    let mut frames = Frames::new(state, place);
    loop {
        match frames.step() {
            Ok(frame) => dying.extend(owned_slots(frame.proto, frame.index, frame.base)),
            Err(Edge::Native(pending)) => dying.push(pending.called()),
            Err(Edge::Entry) => break,
        }
    }
    dying.push(crate::thread::ENTRY_CALLEE);
    if let Some(slots) = std::mem::take(&mut state.stopped).slots() {
        dying.extend(slots.range());
    } else if entry_owns_args && state.pending.is_empty() {
        let count = state.start_args();
        dying.extend(crate::thread::ENTRY_ARGS..crate::thread::ENTRY_ARGS + count);
    }
    for pending in &state.pending {
        dying.extend(pending.args..pending.args + pending.count);
    }
    let pending = std::mem::take(&mut state.pending);
    let handed = std::mem::take(&mut state.handed);
    for slot in dying {
        // SAFETY: the live maps and the pending calls say that the slot is owned; nobody uses it
        // afterwards.
        drop(unsafe { Owned::from_raw(start.add(slot).replace(Raw::NIL)) });
    }
    drop(pending);
    drop(handed);
    state.parked = Default::default();
    while let Some(scope) = state.close_scope() {
        drop(scope.give_up());
    }
    drop(entered);
}

fn owned_slots(proto: &Proto, index: u32, base: usize) -> impl Iterator<Item = usize> + '_ {
    proto.live.owned(index).iter().map(move |&register| base / SLOT + register as usize)
}

//! Walking the frames of a thread: for traces, for unwinding, for the depth of calls.

#![expect(unsafe_code, reason = "frame links stand among the registers")]

use std::sync::Arc;

use super::{Pending, Place, Then, ThreadState, Thrown};
use crate::{
    interp::proto_of,
    link::{CodeWord, LINK, Proto, SLOT, Word},
    value::{Owned, Raw, TraceEntry},
};

/// A trace shows so many calls at each end.
const SHOWN: usize = 50;

/// A frame of a thread: a function, and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// The function.
    pub(crate) proto: &'a Proto,
    /// The instruction: the current one, or the call that goes on.
    pub(crate) index: u32,
    /// Its first register, in bytes from the start of the stack.
    pub(crate) base: usize,
}

/// What is found where the frames of a run of script functions end.
pub(crate) enum Edge<'a> {
    /// A native called them.
    Native(&'a Pending),
    /// The thread's entry.
    Entry,
}

/// The frames of a thread, innermost first.
pub(crate) struct Frames<'a> {
    start: *const u8,
    pending: &'a [Pending],
    place: Place,
}

impl<'a> Frames<'a> {
    /// The frames of a thread that stands at `place`.
    pub(crate) fn new(state: &'a ThreadState, place: Place) -> Self {
        Self { start: state.stack.start().cast(), pending: &state.pending, place }
    }

    /// The next frame, or what called the last one.
    pub(crate) fn step(&mut self) -> Result<Frame<'a>, Edge<'a>> {
        let Place { pc, base, constants } = self.place;
        let Some(proto) = proto_of(constants) else { return Err(self.edge()) };
        let frame = Frame { proto, index: proto.index_of(pc), base };
        // SAFETY: below every frame of a script function stands its link.
        self.place = unsafe { caller(self.start, base) };
        Ok(frame)
    }

    /// What called the frames that end here. A native: the next frame is its caller's.
    fn edge(&mut self) -> Edge<'a> {
        while let Some((last, rest)) = self.pending.split_last() {
            self.pending = rest;
            if matches!(last.then, Then::Called(..)) {
                self.place = last.place;
                return Edge::Native(last);
            }
        }
        Edge::Entry
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    /// The next frame; natives in between are passed over.
    fn next(&mut self) -> Option<Frame<'a>> {
        loop {
            match self.step() {
                Ok(frame) => return Some(frame),
                Err(Edge::Native(_)) => {}
                Err(Edge::Entry) => return None,
            }
        }
    }
}

/// Where the caller of the frame at `base` stands: at the last word of its call.
///
/// # Safety
/// `base` is that of a script function's frame on the stack that starts at `start`.
pub(crate) unsafe fn caller(start: *const u8, base: usize) -> Place {
    // SAFETY: the caller's promise: the slot below the base is the link.
    let link = unsafe { *start.add(base - SLOT).cast::<Raw>() };
    let back: *const Word = std::ptr::with_exposed_provenance(link.tag as usize);
    let pc = back.wrapping_sub(1);
    // SAFETY: every call leaves its result register in the word before the one it returns to.
    // It may be a step of a path, which changes.
    let result = unsafe { (*pc.cast::<CodeWord>()).get() }.a as usize;
    let constants = std::ptr::with_exposed_provenance(link.bits as usize);
    Place { pc, base: base - LINK - result, constants }
}

/// Gives a thrown value its trace, unless it has one.
pub(crate) fn record_trace(
    state: &mut ThreadState,
    place: Place,
    name: impl FnOnce() -> Arc<str>,
    value: &mut Owned,
) {
    match value.as_error() {
        Some(error) if !error.trace.is_empty() => {}
        Some(_) => {
            let trace = trace(state, place);
            if let Some(error) = value.error_mut() {
                error.trace = trace;
                error.thread = Some(name());
            }
        }
        None => {
            let raw = value.as_raw();
            if !state.thrown().is_some_and(|thrown| thrown.value.same(raw)) {
                let trace = trace(state, place);
                state.set_thrown(Thrown { value: raw, trace });
            }
        }
    }
}

/// The calls that go on, innermost first; of very many the middle is left out.
fn trace(state: &ThreadState, place: Place) -> Vec<TraceEntry> {
    let mut entries: Vec<TraceEntry> = Vec::new();
    let mut last = std::collections::VecDeque::new();
    let mut cut = 0_usize;
    for frame in Frames::new(state, place) {
        if entries.len() < SHOWN {
            entries.push(entry(frame));
            continue;
        }
        if last.len() == SHOWN {
            last.pop_front();
            cut += 1;
        }
        last.push_back(frame);
    }
    if cut > 0
        && let Some(before) = entries.last().cloned()
    {
        entries.push(TraceEntry { function: format!("... {cut} more calls").into(), ..before });
    }
    entries.extend(last.into_iter().map(entry));
    entries
}

fn entry(frame: Frame<'_>) -> TraceEntry {
    TraceEntry {
        function: frame.proto.label.clone(),
        source: frame.proto.source().clone(),
        span: frame.proto.span_at(frame.index),
    }
}

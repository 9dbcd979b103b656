//! The blocking call that a thread makes, or is to make, for those who look from outside.
//!
//! Written by whoever has the thread in hand, read by anybody. The two fields are read one after the
//! other, so what is shown may be half of one call and half of the next: it is for people.

use std::sync::Arc;

use crate::atomics::{AtomicU8, Mutex, Ordering};

const NONE: u8 = 0;
const ASKED: u8 = 1;
const MADE: u8 = 2;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Calling {
    /// How far it is. Whoever has the thread in hand, atomic.
    phase: AtomicU8,
    /// What is called; stays until the next call. Whoever has the thread in hand, under the lock.
    name: Mutex<Option<Arc<str>>>,
}

/// A call as it is seen at a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum InCall {
    /// It waits for its turn: too many calls are out.
    Asked(Arc<str>),
    /// It is being made.
    Made(Arc<str>),
}

impl Calling {
    /// Of a thread that makes none.
    pub(crate) fn new() -> Self {
        Self { phase: AtomicU8::new(NONE), name: Mutex::default() }
    }

    /// The thread asks for a call of this name.
    pub(crate) fn ask(&self, name: &Arc<str>) {
        let mut known = self.name.lock();
        // Mostly it is the call that the thread made last.
        if !known.as_ref().is_some_and(|known| Arc::ptr_eq(known, name)) {
            *known = Some(name.clone());
        }
        drop(known);
        self.set(ASKED);
    }

    /// The call begins.
    pub(crate) fn begin(&self) {
        self.set(MADE);
    }

    /// The call has ended.
    pub(crate) fn end(&self) {
        self.set(NONE);
    }

    /// The call at this moment.
    pub(crate) fn now(&self) -> Option<InCall> {
        // Relaxed: see the module's text.
        let phase = self.phase.load(Ordering::Relaxed);
        let name = || self.name.lock().clone();
        match phase {
            ASKED => name().map(InCall::Asked),
            MADE => name().map(InCall::Made),
            _ => None,
        }
    }

    fn set(&self, phase: u8) {
        // Relaxed: as in `now`.
        self.phase.store(phase, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_call_shows_how_far_it_is() {
        let calling = Calling::new();
        let [read, write]: [Arc<str>; 2] = ["read".into(), "write".into()];
        assert_eq!(calling.now(), None);
        for name in [&read, &read, &write] {
            calling.ask(name);
            assert_eq!(calling.now(), Some(InCall::Asked(name.clone())));
            calling.begin();
            assert_eq!(calling.now(), Some(InCall::Made(name.clone())));
            calling.end();
            assert_eq!(calling.now(), None);
        }
    }
}

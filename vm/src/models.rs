//! What the models of several files share: threads that wait, as the models see them, and the
//! checks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use loom::sync::{Condvar, Mutex};

use crate::{
    atomics::{Spot, weaken},
    sync::Sleeper,
    thread::{Generation, Interrupt, Wait},
};

/// A thread of a model: its wait word as it is shipped, and what stands in for the scheduler.
#[derive(Clone)]
pub(crate) struct Sleep(Arc<Inner>);

struct Inner {
    id: u64,
    wait: Wait<Woken>,
    ready: Mutex<bool>,
    woken: Condvar,
}

#[derive(Debug, PartialEq, Eq)]
enum Woken {
    ByPartner,
    ByRequest,
}

/// One wait of it.
pub(crate) struct Sleeping(Sleep, Generation);

impl Sleep {
    pub(crate) fn new(id: u64) -> Self {
        let (ready, woken) = (Mutex::new(false), Condvar::new());
        Self(Arc::new(Inner { id, wait: Wait::new(), ready, woken }))
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    /// Begins a wait. A request that came before is forgotten.
    pub(crate) fn begin(&self) -> Option<Sleeping> {
        self.0.wait.take_notice();
        let generation = loop {
            match self.0.wait.begin(0) {
                Ok(generation) => break generation,
                Err(_) => drop(self.0.wait.take_notice()),
            }
        };
        Some(Sleeping(self.clone(), generation))
    }

    /// Asks the thread to stop.
    pub(crate) fn interrupt(&self) {
        if self.0.wait.interrupt(0, Woken::ByRequest) == Interrupt::Claimed {
            self.make_ready();
        }
    }

    /// Waits; true when a partner ended the wait.
    pub(crate) fn park(&self) -> bool {
        let mut ready = self.0.ready.lock().unwrap();
        while !*ready {
            ready = self.0.woken.wait(ready).unwrap();
        }
        *ready = false;
        drop(ready);
        self.0.wait.end().expect("the winner left word") == Woken::ByPartner
    }

    fn make_ready(&self) {
        let again = std::mem::replace(&mut *self.0.ready.lock().unwrap(), true);
        assert!(!again, "made ready twice");
        self.0.woken.notify_one();
    }
}

impl Sleeping {
    /// What whoever woke it does next.
    pub(crate) fn ready(&self) {
        self.0.make_ready();
    }
}

impl Sleeper for Sleeping {
    fn id(&self) -> u64 {
        self.0.id()
    }

    fn wake(&self) -> bool {
        self.0.0.wait.claim(self.1, Woken::ByPartner).is_ok()
    }

    fn is_open(&self) -> bool {
        self.0.0.wait.is_open(self.1)
    }
}

/// Tries every interleaving, with few preemptions.
pub(crate) fn check(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(f);
}

/// The model must not hold without what stands at `spot`.
#[track_caller]
pub(crate) fn must_fail(spot: Spot, f: impl Fn() + Send + Sync + 'static) {
    let outcome = weaken(spot, || catch_unwind(AssertUnwindSafe(|| check(f))));
    assert!(outcome.is_err(), "the model holds without {spot:?}");
}

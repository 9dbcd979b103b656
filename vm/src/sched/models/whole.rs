//! What the models of a whole scheduler share: the scheduler without a monitor, which the model plays
//! if it needs one, and threads that note what becomes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::sched::{Config, Context, Handoff, Hooks, Outcome, ParkWord, Runnable, Scheduler};

/// One processor, and no kernel threads yet.
pub(super) fn scheduler(hooks: impl Hooks + 'static) -> Scheduler<Thread> {
    let config = Config {
        processors: 1,
        max_lwps: 3,
        seed: Some(1),
        lwp_stack_bytes: 0,
        idle_exit: Duration::from_secs(3_600),
        virtual_time: false,
    };
    Scheduler::unstarted(config, Box::new(hooks))
}

/// Counts the stalls that are reported.
#[derive(Clone, Default)]
pub(super) struct Reports(Arc<AtomicUsize>);

impl Hooks for Reports {
    fn stalled(&self) -> bool {
        self.0.fetch_add(1, Relaxed);
        true
    }
}

impl Reports {
    pub(super) fn count(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// A user thread: perhaps a call, then its end.
#[derive(Clone)]
pub(super) struct Thread(Arc<Inner>);

struct Inner {
    park: ParkWord,
    /// Calls that it has still to make. Of the model: the checker does not look at it.
    calls: AtomicUsize,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Relaxed);
    }
}

impl Thread {
    /// A thread that makes so many calls, and the number of threads that are gone.
    pub(super) fn new(calls: usize) -> (Self, Arc<AtomicUsize>) {
        let dropped = Arc::new(AtomicUsize::new(0));
        let calls = AtomicUsize::new(calls);
        let inner = Inner { park: ParkWord::new(), calls, dropped: dropped.clone() };
        (Self(Arc::new(inner)), dropped)
    }

    /// One that waits: it has run and parked.
    pub(super) fn parked(scheduler: &Scheduler<Self>) -> Self {
        let (thread, _) = Self::new(0);
        scheduler.shared.totals.injected.add_shared();
        assert!(thread.0.park.take_up());
        thread.0.park.put_down();
        thread
    }
}

impl Runnable for Thread {
    fn run(&self, _: &mut Context<'_, Self>) -> Outcome {
        let left = self.0.calls.load(Relaxed);
        if left == 0 {
            return Outcome::Done;
        }
        self.0.calls.store(left - 1, Relaxed);
        Outcome::Blocking(Handoff::Eager)
    }

    fn call(&self) {}

    fn number(&self) -> u64 {
        0
    }

    fn bound_to(&self) -> Option<usize> {
        None
    }

    fn park_word(&self) -> &ParkWord {
        &self.0.park
    }

    fn timer_fired(&self, _: u64) -> bool {
        true
    }

    fn source_ready(&self, _: u64) -> bool {
        true
    }

    fn waits(&self, _: u64) -> bool {
        true
    }
}

//! Threads that are closures.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::sched::{Config, Context, Handoff, Hooks, Outcome, ParkWord, Runnable, Scheduler};

pub(super) type Cx<'a, 'b> = &'a mut Context<'b, Toy>;
type Body = Box<dyn FnMut(Cx<'_, '_>, &Toy) -> Outcome + Send>;
type Call = Box<dyn FnMut() + Send>;

pub(super) struct Inner {
    park: ParkWord,
    body: Mutex<Body>,
    call: Mutex<Call>,
    /// The token of the wait that is on; 0 for none.
    pub(super) wait: AtomicU64,
    running: AtomicBool,
    bound_to: Option<usize>,
}

#[derive(Clone)]
pub(super) struct Toy(pub(super) Arc<Inner>);

impl Toy {
    /// What listings call each of them.
    pub(super) const NUMBER: u64 = 7;

    pub(super) fn new(body: impl FnMut(Cx<'_, '_>, &Toy) -> Outcome + Send + 'static) -> Self {
        Self::with_call(|| {}, body)
    }

    pub(super) fn with_call(
        call: impl FnMut() + Send + 'static,
        body: impl FnMut(Cx<'_, '_>, &Toy) -> Outcome + Send + 'static,
    ) -> Self {
        Self::bound(None, call, body)
    }

    /// One that only LWP `to` may run.
    pub(super) fn bound(
        to: Option<usize>,
        call: impl FnMut() + Send + 'static,
        body: impl FnMut(Cx<'_, '_>, &Toy) -> Outcome + Send + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            park: ParkWord::new(),
            body: Mutex::new(Box::new(body)),
            call: Mutex::new(Box::new(call)),
            wait: AtomicU64::new(0),
            running: AtomicBool::new(false),
            bound_to: to,
        }))
    }

    /// Wins the claim of the wait that is on.
    pub(super) fn claim(&self) -> bool {
        let token = self.0.wait.load(SeqCst);
        token != 0 && self.claim_token(token)
    }

    pub(super) fn claim_token(&self, token: u64) -> bool {
        self.0.wait.compare_exchange(token, 0, SeqCst, SeqCst).is_ok()
    }

    fn enter(&self) {
        assert!(!self.0.running.swap(true, SeqCst), "run by two at once");
    }

    fn exit(&self) {
        self.0.running.store(false, SeqCst);
    }
}

impl Runnable for Toy {
    fn run(&self, cx: &mut Context<'_, Self>) -> Outcome {
        self.enter();
        let outcome = (self.0.body.lock().unwrap())(cx, self);
        self.exit();
        outcome
    }

    fn call(&self) {
        self.enter();
        (self.0.call.lock().unwrap())();
        self.exit();
    }

    fn number(&self) -> u64 {
        Self::NUMBER
    }

    fn park_word(&self) -> &ParkWord {
        &self.0.park
    }

    fn bound_to(&self) -> Option<usize> {
        self.0.bound_to
    }

    fn timer_fired(&self, token: u64) -> bool {
        self.claim_token(token)
    }

    fn source_ready(&self, token: u64) -> bool {
        self.claim_token(token)
    }

    fn waits(&self, token: u64) -> bool {
        self.0.wait.load(SeqCst) == token
    }
}

/// Counts stalls; `then` is run for each.
pub(super) struct Stalls {
    pub(super) count: Arc<AtomicUsize>,
}

impl Hooks for Stalls {
    fn stalled(&self) -> bool {
        self.count.fetch_add(1, SeqCst);
        true
    }
}

/// A scheduler, and the number of stalls it reported.
pub(super) fn start(config: Config) -> (Scheduler<Toy>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let scheduler = Scheduler::new(config, Box::new(Stalls { count: count.clone() })).unwrap();
    (scheduler, count)
}

pub(super) fn processors(processors: usize) -> Config {
    // An LWP that leaves looks around before; nothing may depend on that.
    let idle_exit = Duration::from_secs(3_600);
    Config { processors, seed: Some(7), idle_exit, ..Config::default() }
}

/// A number that others wait for.
#[derive(Clone, Default)]
pub(super) struct Tally(Arc<(Mutex<usize>, Condvar)>);

/// Far longer than anything here takes on a machine with other work; only a test that fails waits for
/// so long.
const PATIENCE: Duration = Duration::from_secs(120);

impl Tally {
    pub(super) fn add(&self) {
        *self.0.0.lock().unwrap() += 1;
        self.0.1.notify_all();
    }

    pub(super) fn wait_for(&self, number: usize) {
        let guard = self.0.0.lock().unwrap();
        let (guard, _) =
            self.0.1.wait_timeout_while(guard, PATIENCE, |seen| *seen < number).unwrap();
        assert!(*guard >= number, "{} of {number} came", *guard);
    }
}

/// Waits until `condition` holds.
pub(super) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let from = Instant::now();
    while !condition() {
        assert!(from.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}

/// A thread that makes one call and ends.
pub(super) fn caller(
    handoff: Handoff,
    call: impl FnMut() + Send + 'static,
    mut after: impl FnMut() + Send + 'static,
) -> Toy {
    let mut called = false;
    Toy::with_call(call, move |_, _| {
        if !called {
            called = true;
            return Outcome::Blocking(handoff);
        }
        after();
        Outcome::Done
    })
}

/// Counts its end.
pub(super) struct Dropped(pub(super) Tally);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add();
    }
}

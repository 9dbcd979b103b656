//! How a thread ended, and who wants to know.
//!
//! # Invariants
//!
//! - A thread ends once. Its result is shared by then, and stays.
//! - Whoever joins either finds the result or is in the list when the thread ends; never neither.
//! - A failure is *noticed* when a join throws it, or when its scope does. One that was not noticed
//!   is reported once: when the last handle goes, or at the end of the program.
//! - Joiners are woken in the order in which they came.
//! - A thread that has ended runs under no deadline.
//!
//! The lock ranks below the channels' (a `select` enters joiners after it has let those go) and is
//! a leaf: nothing is dropped, woken or reported while it is held.

use std::fmt;

use thin_vec::ThinVec;

use super::{Scope, ThreadRef, Ticket, WaitQueue, WaitToken, family::DEADLINE};
use crate::{
    atomics::{Arc, AtomicU8, AtomicU32, Condvar, Mutex, Ordering},
    value::Shared,
};

/// How a thread ended.
#[derive(Clone, Debug)]
pub enum End {
    /// Its function returned this.
    Value(Shared),
    /// It threw this, and nobody caught it.
    Failed(Shared),
    /// It was asked to stop, and did; what its cleanup threw meanwhile.
    Cancelled(ThinVec<Shared>),
}

/// A thread's end, and those who wait for it.
pub struct Completion {
    /// How many handles of the thread there are, until it has ended well. Any LWP, atomic.
    handles: AtomicU32,
    /// [`OPEN`], [`WELL`] or [`PLAIN`]. Written once, under the lock.
    well: AtomicU8,
    /// Any LWP, under the lock.
    state: Mutex<State>,
}

/// It has not ended, or has failed.
const OPEN: u8 = 0;
/// It has ended, and did not fail: there is nothing to notice.
const WELL: u8 = 1;
/// The same, and its end holds no object.
const PLAIN: u8 = 2;

#[derive(Default)]
struct State {
    outcome: Outcome,
    /// Its place in its scope.
    place: Option<Ticket>,
    /// What most threads have not.
    rare: Option<Box<Rare>>,
}

/// Most threads are joined by one other, if any: that one has no ticket. One level of variants, since
/// every thread has room for it.
enum Outcome {
    /// It has not ended.
    Open(Option<WaitToken>),
    /// [`End::Value`].
    Value(Shared),
    /// [`End::Failed`], and whether that has been thrown somewhere else, or reported.
    Failed(Shared, bool),
    /// [`End::Cancelled`].
    Cancelled(ThinVec<Shared>),
}

// See `UserThread`.
const _: () = assert!(cfg!(loom) || size_of::<Outcome>() == 24);

impl Outcome {
    fn of(end: End, noticed: bool) -> Self {
        match end {
            End::Value(value) => Self::Value(value),
            End::Failed(error) => Self::Failed(error, noticed),
            End::Cancelled(more) => Self::Cancelled(more),
        }
    }

    fn end(&self) -> Option<End> {
        match self {
            Self::Open(_) => None,
            Self::Value(value) => Some(End::Value(value.clone())),
            Self::Failed(error, _) => Some(End::Failed(error.clone())),
            Self::Cancelled(more) => Some(End::Cancelled(more.clone())),
        }
    }

    fn has_ended(&self) -> bool {
        !matches!(self, Self::Open(_))
    }

    /// The end, if it has come, whose failure counts as noticed now.
    fn notice(&mut self) -> Option<End> {
        if let Self::Failed(_, noticed) = self {
            *noticed = true;
        }
        self.end()
    }
}

#[derive(Default, Debug)]
struct Rare {
    /// Further threads that join it.
    joiners: WaitQueue<WaitToken>,
    /// Host threads that wait for the end.
    host: Option<Arc<Condvar>>,
    /// The deadlines that the thread runs under, by their tokens. Here because the lock is.
    deadlines: Vec<(u64, Arc<Scope>)>,
}

/// What came of joining.
#[must_use]
#[derive(Debug)]
pub enum Joining {
    /// The thread has ended, and a failure counts as noticed.
    Ended(End),
    /// The caller is in the list, and parks now; by this it leaves.
    Waiting(Option<Ticket>),
    /// The wait did not begin: there is a request to stop. Nothing has happened.
    Noticed,
}

/// The thread has ended already.
#[derive(Debug)]
pub struct Over;

/// What the end of a thread leads to. To be done without any lock.
#[must_use]
#[derive(Debug)]
pub struct Ended {
    /// To be woken, in this order.
    pub joiners: Joiners,
    /// Its place in its scope.
    pub place: Option<Ticket>,
    /// It failed, and nobody has a handle through which that could be noticed.
    pub unnoticed: bool,
}

/// Threads that have joined one that has ended, in the order they came.
#[derive(Debug)]
pub struct Joiners {
    first: Option<WaitToken>,
    rest: Option<Box<Rare>>,
}

impl Iterator for Joiners {
    type Item = WaitToken;

    #[inline]
    fn next(&mut self) -> Option<WaitToken> {
        self.first.take().or_else(|| self.rest.as_mut()?.joiners.pop())
    }
}

impl Completion {
    /// Of a thread that has not ended, with so many handles.
    pub fn new(handles: u32) -> Self {
        let (handles, well) = (AtomicU32::new(handles), AtomicU8::new(OPEN));
        Self { handles, well, state: Mutex::default() }
    }

    /// Notes where in its scope the thread is. Before it runs.
    pub fn set_place(&self, place: Ticket) {
        self.state.lock().place = Some(place);
    }

    /// The thread has ended. A failure inside a scope is the scope's to throw, so it is noticed.
    pub fn end(&self, end: End, in_scope: bool) -> Ended {
        let mut state = self.state.lock();
        let failed = matches!(end, End::Failed(_));
        // Relaxed: it says nothing but itself, and who misses it looks under the lock.
        self.well.store(if failed { OPEN } else { WELL }, Ordering::Relaxed);
        // Its deadlines go with it, when the lock is free.
        let rest = state.rare.take();
        let host = rest.as_ref().and_then(|rare| rare.host.as_ref());
        // The host looks when it wakes up; a thread that joins has a handle, and looks then too.
        let noticed = in_scope || host.is_some();
        let unnoticed = failed && !noticed && self.no_handle();
        let outcome = Outcome::of(end, noticed || unnoticed);
        let open = std::mem::replace(&mut state.outcome, outcome);
        let place = state.place;
        drop(state);
        if let Some(host) = host {
            host.notify_all();
        }
        let Outcome::Open(first) = open else { unreachable!("a thread ends once") };
        Ended { joiners: Joiners { first, rest }, place, unnoticed }
    }

    /// The same, of a thread that has returned.
    #[inline]
    pub fn end_well(&self, value: Shared) -> Ended {
        let mut state = self.state.lock();
        if state.rare.is_some() {
            drop(state);
            return self.end(End::Value(value), false);
        }
        // Relaxed: as in `end`.
        self.well.store(if value.is_plain() { PLAIN } else { WELL }, Ordering::Relaxed);
        let open = std::mem::replace(&mut state.outcome, Outcome::Value(value));
        let place = state.place;
        drop(state);
        let Outcome::Open(first) = open else { unreachable!("a thread ends once") };
        Ended { joiners: Joiners { first, rest: None }, place, unnoticed: false }
    }

    /// The end, if it has come; else the caller enters the list. `begin` begins its wait.
    #[inline(always)]
    pub fn join(&self, begin: impl FnOnce() -> Option<WaitToken>) -> Joining {
        let mut state = self.state.lock();
        if let Some(end) = state.outcome.notice() {
            return Joining::Ended(end);
        }
        match begin() {
            Some(token) => Joining::Waiting(state.enlist(token)),
            None => Joining::Noticed,
        }
    }

    /// What the thread has returned, when it has; and nothing that needs notice.
    pub fn value_at_once(&self) -> Option<Shared> {
        // Relaxed: the lock orders.
        if self.well.load(Ordering::Relaxed) == OPEN {
            return None;
        }
        match &self.state.lock().outcome {
            Outcome::Value(value) => Some(value.clone()),
            Outcome::Failed(..) | Outcome::Cancelled(_) | Outcome::Open(_) => None,
        }
    }

    /// Enters a wait that has begun; gives by what it leaves.
    pub fn enlist(&self, token: &WaitToken) -> Result<Option<Ticket>, Over> {
        let mut state = self.state.lock();
        if state.outcome.has_ended() {
            return Err(Over);
        }
        Ok(state.enlist(token.clone()))
    }

    /// Takes the wait of a thread out that has ended otherwise.
    pub fn leave(&self, thread: &ThreadRef, ticket: Option<Ticket>) {
        let left = self.state.lock().delist(thread, ticket);
        drop(left);
    }

    /// True when the thread has ended, and its end holds no object. It stays so.
    pub fn is_plain(&self) -> bool {
        // Relaxed: it says nothing but itself.
        self.well.load(Ordering::Relaxed) == PLAIN
    }

    /// Has the thread ended?
    pub fn ended(&self) -> bool {
        self.state.lock().outcome.has_ended()
    }

    /// The thread runs under a deadline from here on; gives the token for its timer. The number is
    /// one that no other deadline of the thread has.
    pub(crate) fn add_deadline(&self, number: u64, scope: Arc<Scope>) -> u64 {
        let token = DEADLINE | number;
        self.state.lock().rare().deadlines.push((token, scope));
        token
    }

    /// It does not any more.
    pub(crate) fn remove_deadline(&self, token: u64) {
        let mut state = self.state.lock();
        let deadlines = &mut state.rare().deadlines;
        let i = deadlines.iter().position(|(its, _)| *its == token);
        let removed = i.map(|i| deadlines.remove(i));
        drop(state);
        drop(removed);
    }

    /// A deadline that it runs under.
    pub(crate) fn deadline(&self, token: u64) -> Option<Arc<Scope>> {
        let state = self.state.lock();
        let (_, scope) = state.rare.as_ref()?.deadlines.iter().find(|(its, _)| *its == token)?;
        Some(scope.clone())
    }

    /// Does it run under a deadline?
    pub(crate) fn has_deadline(&self) -> bool {
        self.state.lock().rare.as_ref().is_some_and(|rare| !rare.deadlines.is_empty())
    }

    /// Counts a new handle.
    pub fn add_handle(&self) {
        // Relaxed: who makes one of a thread that has ended can still notice, and whoever is to report
        // the failure then is told under the lock.
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a handle that goes. Gives the failure that is to be reported now, if there is one.
    #[must_use]
    pub fn drop_handle(&self) -> Option<Shared> {
        // Relaxed: as in `end`, after which nobody counts where all is well.
        if self.well.load(Ordering::Relaxed) != OPEN {
            return None;
        }
        // Relaxed: the lock orders this with the end. If that comes later it sees that there is no
        // handle, else this sees the end; `noticed` lets one of the two report it.
        let last = self.handles.fetch_sub(1, Ordering::Relaxed) == 1;
        if last { self.state.lock().take_unnoticed() } else { None }
    }

    fn no_handle(&self) -> bool {
        // Relaxed: as in `drop_handle`.
        self.handles.load(Ordering::Relaxed) == 0
    }

    /// The failure that nobody has noticed, at the end of the program: to be reported now.
    #[must_use]
    pub fn take_unnoticed(&self) -> Option<Shared> {
        self.state.lock().take_unnoticed()
    }

    /// Has it failed without anybody's notice?
    pub fn unnoticed(&self) -> bool {
        matches!(self.state.lock().outcome, Outcome::Failed(_, false))
    }

    /// What it threw, if it has failed. For people: this is no notice.
    pub fn failure(&self) -> Option<Shared> {
        match &self.state.lock().outcome {
            Outcome::Failed(failure, _) => Some(failure.clone()),
            Outcome::Value(_) | Outcome::Cancelled(_) | Outcome::Open(_) => None,
        }
    }

    /// Waits on a host's thread for the end; a failure counts as noticed. Whenever it is woken
    /// otherwise it asks whether to give up.
    pub fn wait_host(&self, give_up: impl Fn() -> bool) -> Option<End> {
        let mut state = self.state.lock();
        loop {
            if let Some(end) = state.outcome.notice() {
                return Some(end);
            }
            if give_up() {
                return None;
            }
            let condition =
                state.rare().host.get_or_insert_with(|| Arc::new(Condvar::new())).clone();
            state = condition.wait(state);
        }
    }

    /// Has the hosts that wait ask whether to give up.
    pub fn wake_host(&self) {
        let host = self.state.lock().rare.as_ref().and_then(|rare| rare.host.clone());
        if let Some(host) = host {
            host.notify_all();
        }
    }
}

impl State {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn take_unnoticed(&mut self) -> Option<Shared> {
        match &mut self.outcome {
            Outcome::Failed(error, noticed @ false) => {
                *noticed = true;
                Some(error.clone())
            }
            Outcome::Failed(_, true)
            | Outcome::Value(_)
            | Outcome::Cancelled(_)
            | Outcome::Open(_) => None,
        }
    }

    /// Adds somebody who joins; gives by what it leaves.
    fn enlist(&mut self, token: WaitToken) -> Option<Ticket> {
        let alone = self.rare.as_ref().is_none_or(|rare| rare.joiners.is_empty());
        match &mut self.outcome {
            Outcome::Open(first @ None) if alone => {
                *first = Some(token);
                None
            }
            _ => Some(self.rare().joiners.push(token)),
        }
    }

    fn delist(&mut self, thread: &ThreadRef, ticket: Option<Ticket>) -> Option<WaitToken> {
        match (ticket, &mut self.outcome) {
            (Some(ticket), _) => self.rare.as_mut()?.joiners.remove(ticket),
            (None, Outcome::Open(first)) => first.take_if(|token| token.thread() == thread),
            (None, Outcome::Value(_) | Outcome::Failed(..) | Outcome::Cancelled(_)) => None,
        }
    }
}

impl Default for Outcome {
    fn default() -> Self {
        Self::Open(None)
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion").field("ended", &self.ended()).finish_non_exhaustive()
    }
}

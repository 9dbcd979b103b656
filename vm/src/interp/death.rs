//! A thread dies: it ends without unwinding. Its cleanup has used up the reserve of fuel, or the
//! interpreter has panicked in it.
//!
//! No code of the script runs any more, so no `defer`. But others may wait for what the thread has
//! in its hands, and what they wait for must not die with it:
//!
//! 1. Its scopes are given up: the threads in them are asked to stop, and nobody waits for them.
//! 2. The natives that wait for a function which they called are told, the innermost first, by an
//!    error as if that function had thrown it, with [`died`] set. So what they do on the way out of
//!    a failure they do here: a mutex and a permit are released, a `once` and a module have not been
//!    run. A mutex also notes that its value may be half changed. What they answer is dropped.
//!
//! Then its record is emptied as that of a thread at the end of the VM ([`unwind::abandon`]).
//!
//! # Invariants
//!
//! - A native that is given an error by its [`Resume`] begins no wait: a dead thread never runs
//!   again, so nobody may make it ready.
//! - Nothing of a frame is dropped before all natives were told: they find receiver and arguments
//!   where they were.
//!
//! The end of the program (`os.exit`, the last handle of the VM) stops threads where they stand, and
//! all that could wait for them: nobody is told then.
//!
//! Rejected: a list of what a thread holds, kept up by each lock. It costs on every use of a lock
//! what is wanted in none.
//!
//! [`died`]: crate::thread::ThreadState::died
//! [`unwind::abandon`]: super::unwind::abandon

use super::machine::Machine;
use super::native;
use crate::{
    native::{Next, Resume},
    thread::{After, Called, Then},
    value::Owned,
};

/// Lets go of what others may wait for. `error` is what the thread ends with.
pub(super) fn let_go(m: &mut Machine<'_>, error: &Owned) {
    let place = m.place_of_thread();
    m.state().die();
    while let Some(scope) = m.state().close_scope() {
        scope.give_up().spread(scope.level(), m.context());
    }
    // They stay in the list: their frames are found by it.
    for i in (0..m.state().pending.len()).rev() {
        if let Some(resume) = take_resume(&mut m.state().pending[i].then) {
            native::tell(m, i, resume, error.clone());
        }
    }
    m.stand_at(place);
}

/// What goes on in a native when the function it has called has ended.
fn take_resume(then: &mut Then) -> Option<Resume> {
    let Then::Called(called) = then else { return None };
    let Called { then: after, back, .. } = called;
    let nothing = After::Native(Box::new(|_, outcome| outcome.map(Next::Return)));
    match std::mem::replace(after, nothing) {
        After::Native(resume) => Some(resume),
        After::NativePlace(resume) => {
            let back = back.take();
            Some(Box::new(move |call, outcome| resume(call, outcome, back)))
        }
        After::Lent(resume) => {
            let back = back.take();
            Some(Box::new(move |call, outcome| resume(call, outcome, back)))
        }
        After::Instruction(_) => None,
    }
}

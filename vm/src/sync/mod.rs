//! What threads share on purpose besides channels: mutexes, atomics, semaphores,
//! barriers, wait groups, onces.
//!
//! Each is a handle with a lock of its own (std's, held for a few instructions, never across a park
//! or a drop) around a small state and a queue of waits; all park the user thread, never its LWP.
//! The states know neither values nor the interpreter: they end waits through [`Sleeper`], and are
//! model-checked as they are shipped.

mod atomic;
mod barrier;
mod contended;
mod mutex;
mod once;
mod semaphore;
mod waitgroup;

pub(crate) use contended::Contended;
pub(crate) use once::{Asked, Run};

pub(crate) use atomic::METHODS as ATOMIC;
pub(crate) use barrier::METHODS as BARRIER;
pub(crate) use mutex::METHODS as MUTEX;
pub(crate) use once::METHODS as ONCE;
pub(crate) use semaphore::METHODS as SEMAPHORE;
pub(crate) use waitgroup::METHODS as WAITGROUP;

use crate::{
    native::{Call, FunctionDef},
    thread::WaitToken,
    value::{Handle, Kind, Owned, View, error},
};

/// A wait that a primitive can end.
pub(crate) trait Sleeper {
    /// A number that names the thread.
    fn id(&self) -> u64;

    /// Ends the wait; false when it has ended otherwise.
    fn wake(&self) -> bool;

    /// Is the wait open? A hint, but a wait that is over stays so.
    fn is_open(&self) -> bool;
}

impl Sleeper for WaitToken {
    fn id(&self) -> u64 {
        self.thread().id()
    }

    fn wake(&self) -> bool {
        Self::wake(self)
    }

    fn is_open(&self) -> bool {
        Self::is_open(self)
    }
}

/// The functions of the module `sync`.
pub static FUNCTIONS: &[FunctionDef] = &[
    FunctionDef {
        name: "mutex",
        signature: "(value)",
        doc: "A value that threads share and change one at a time.",
        run: mutex::mutex,
        shortcut: None,
    },
    FunctionDef {
        name: "atomic",
        signature: "(value = 0)",
        doc: "An int that threads share and change in single steps.",
        run: atomic::atomic,
        shortcut: None,
    },
    FunctionDef {
        name: "semaphore",
        signature: "(n)",
        doc: "`n` permits; who finds none waits.",
        run: semaphore::semaphore,
        shortcut: None,
    },
    FunctionDef {
        name: "barrier",
        signature: "(n)",
        doc: "Where `n` threads wait for each other.",
        run: barrier::barrier,
        shortcut: None,
    },
    FunctionDef {
        name: "once",
        signature: "(f)",
        doc: "A function that is run once, when its value is first asked for.",
        run: once::once,
        shortcut: None,
    },
    FunctionDef {
        name: "waitgroup",
        signature: "()",
        doc: "A count of work to be done, and a way to wait until it is zero.",
        run: waitgroup::waitgroup,
        shortcut: None,
    },
];

/// The receiver of a method, as the handle that its type has.
fn receiver<'c, T: Handle>(call: &'c Call<'_>) -> Result<&'c T, Owned> {
    of(call.receiver())
}

/// A value as the handle that its type has.
fn of<T: Handle>(value: &Owned) -> Result<&T, Owned> {
    match value.view() {
        View::Handle(handle) => handle.downcast(),
        _ => None,
    }
    .ok_or_else(|| error(Kind::Type, format!("this method is not for {}", value.type_name())))
}

/// An int argument.
fn int(value: &Owned) -> Result<i64, Owned> {
    value
        .as_int()
        .ok_or_else(|| error(Kind::Type, format!("expected an int, not {}", value.type_name())))
}

/// What the tests of several primitives share.
#[cfg(all(test, not(loom)))]
mod probe {
    /// A wait that is open or has ended otherwise, and stays so.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Probe(pub(super) u64, pub(super) bool);

    impl super::Sleeper for Probe {
        fn id(&self) -> u64 {
            self.0
        }

        fn wake(&self) -> bool {
            self.1
        }

        fn is_open(&self) -> bool {
            self.1
        }
    }
}

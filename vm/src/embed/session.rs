//! Texts that come one after the other and share their names.

#![expect(unsafe_code, reason = "lends the session's cells to a thread that has not started")]

use std::{fmt, sync::Arc};

use lisle_compiler::{self as compiler, source::Source};

use super::{EVAL, Vm, ended, host::Host, load};
use crate::{
    atomics::Mutex,
    convert::{Arguments, FromValue, Value, within},
    error::{Error, ErrorKind},
    link::Globals,
    rc::Heap,
    thread::ThreadRef,
    value::{CellDomain, Owned},
    vm::VmShared,
};

/// A conversation with a VM: each text sees the names of those before, and may define them anew.
///
/// Threads that a text spawns go on while the host prepares the next one.
#[derive(Clone)]
pub struct Session {
    vm: Vm,
}

impl Session {
    pub(super) fn new(mut vm: Vm) -> Self {
        vm.names = Arc::new(Names::new(vm.host.shared()));
        Self { vm }
    }

    /// The VM.
    pub fn vm(&self) -> &Vm {
        &self.vm
    }

    /// Evaluates a text; gives the value of its last expression.
    pub fn eval<T: FromValue>(&self, source: &str) -> Result<T, Error> {
        self.eval_named(EVAL, source)
    }

    /// As [`eval`](Self::eval), with a name for messages.
    pub fn eval_named<T: FromValue>(&self, name: &str, source: &str) -> Result<T, Error> {
        self.vm.names.eval(&self.vm.host, name, source)?.to()
    }

    /// Calls a function that a text defined.
    pub fn call<T: FromValue>(&self, name: &str, arguments: impl Arguments) -> Result<T, Error> {
        self.vm.call(name, arguments)
    }

    /// How a value that a text gave prints inside a collection: as [`Value::literal`], which cannot
    /// see into the session's cells. Waits while a text is evaluated.
    pub fn show(&self, value: &Value) -> String {
        self.vm.names.show(value)
    }

    /// A handle that stops whatever the session is evaluating, from any kernel thread.
    pub fn interrupt(&self) -> Interrupt {
        Interrupt { names: self.vm.names.clone(), host: self.vm.host.weak() }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// Stops what a [`Session`] evaluates. Keeps nothing alive.
#[derive(Clone)]
pub struct Interrupt {
    names: Arc<Names>,
    host: super::host::WeakHost,
}

impl Interrupt {
    /// Cancels the running evaluation, which ends with an error of kind `cancelled` when it has
    /// cleaned up. Without one, does nothing. A call that is inside the kernel ends first.
    pub fn cancel(&self) {
        if let Some(host) = self.host.upgrade()
            && let Some(thread) = self.names.running.lock().clone()
        {
            host.cancel(&thread);
        }
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupt").finish_non_exhaustive()
    }
}

/// The top-level names of texts that belong together.
pub(super) struct Names {
    globals: Arc<Globals>,
    /// What the compiler knows of them. Under the lock, for as long as it takes to compile.
    known: Mutex<compiler::Session>,
    /// Held while a text is evaluated: it moves the session's variables out and back.
    turn: Mutex<()>,
    /// The thread that evaluates; none between texts.
    running: Mutex<Option<ThreadRef>>,
    /// The cells that the texts make: lent to each while it is evaluated.
    cells: Arc<CellDomain>,
    /// Owns what the values of the names are made of, so it goes last.
    vm: Arc<VmShared>,
}

impl Names {
    pub(super) fn new(vm: &Arc<VmShared>) -> Self {
        Self {
            globals: Globals::new(true),
            known: Mutex::default(),
            turn: Mutex::default(),
            running: Mutex::default(),
            cells: CellDomain::new(),
            vm: vm.clone(),
        }
    }

    /// Evaluates a text.
    pub(super) fn eval(&self, host: &Host, name: &str, text: &str) -> Result<Value, Error> {
        host.may_wait()?;
        if let Some(status) = host.exited() {
            return Err(ended(status));
        }
        let source = Source::new(name, text);
        let _turn = self.turn.lock();
        let main = {
            let mut known = self.known.lock();
            let prepared = load::prepare(host, &source, Some(&known), self.globals.clone())?;
            if let Some(session) = prepared.session {
                *known = session;
            }
            prepared.main
        };
        let result = host.start(main.as_owned(), Vec::new(), |thread| {
            // SAFETY: the thread has not been given to the scheduler yet.
            unsafe { (*thread.state()).heap.lend_cells(&self.cells) };
            *self.running.lock() = Some(thread.clone());
        });
        *self.running.lock() = None;
        result
    }

    /// How a value prints for those who may see the session's cells.
    fn show(&self, value: &Value) -> String {
        let _turn = self.turn.lock();
        let heap = Heap::new(self.vm.heap.clone(), None);
        heap.lend_cells(&self.cells);
        let entered = heap.enter();
        let text = value.literal();
        drop(entered);
        heap.end_cells();
        text
    }

    /// What `say` makes of the value of a top-level name.
    pub(super) fn about<R>(&self, name: &str, say: impl FnOnce(&Owned) -> R) -> Option<R> {
        self.globals.named(name).map(|value| say(&value))
    }

    /// The value of a top-level name.
    pub(super) fn named(&self, host: &Host, name: &str) -> Result<Value, Error> {
        match self.globals.named(name) {
            Some(value) => Ok(Value::new_in(value, Some(host.shared()))),
            None => Err(Error::new(ErrorKind::Name, format!("no text has defined `{name}`"))),
        }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        within(Some(&self.vm), || Heap::end_session(&self.vm.heap, &self.cells));
    }
}

/// Does a text end in the middle of something that more text could complete? A doc comment waits for
/// its declaration.
pub fn is_incomplete(text: &str) -> bool {
    let last = text.rsplit('\n').next().unwrap_or_default();
    last.trim_start().starts_with("## ") || compiler::is_incomplete(&Source::new(EVAL, text))
}

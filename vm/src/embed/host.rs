//! What the handles on a VM share: starting a thread for the host, waiting for it, and the end.
//!
//! # Holds
//!
//! The scheduler reports a stall when nothing can ever run again and nobody has a hold. Here there
//! is one hold, which exists unless a program is being run or every handle on the VM has a call waiting;
//! it is let go and taken under one lock, with the counts of handles and of waiting calls.
//!
//! A stall gives an error to the threads in `awaited`, which are those of waiting calls, and to
//! nobody else: what the host has left running may be waiting for the next call. A program that is
//! [`run`] has no such thread but is counted there, and its stall is the deadlock of all. Whoever
//! has waited takes the hold before it leaves `awaited`.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use lisle_compiler::{
    Environment,
    bytecode::Unit,
    diagnostics::{self, Diagnostic},
    source::Source,
};

use super::{
    builder::Members,
    color,
    late::Late,
    library::{Docs, ModuleDocs},
    load::{self, Loader},
    not_utf8,
};
use crate::{
    atomics::{Mutex, MutexGuard},
    convert::{Arguments, Value, within},
    error::{Error, ErrorKind, MAIN},
    link::Globals,
    rc::Heap,
    sched::{BindError, Hold},
    spawn,
    thread::{End, ThreadOptions, ThreadRef},
    value::{Owned, Shared},
    vm::VmShared,
};

/// The program's text is wrong.
const WRONG_TEXT: i32 = 2;

/// One handle on a VM.
pub(super) struct Host(Arc<Inner>);

pub(super) struct WeakHost(Weak<Inner>);

struct Inner {
    vm: Arc<VmShared>,
    /// What exists besides a text. Under the lock; more of it when something late is needed.
    environment: Mutex<Arc<Environment>>,
    /// What modules say of themselves. Under the lock, like the environment.
    docs: Mutex<Docs>,
    /// What was not needed yet. The lock is held while it is compiled, so that whoever needs it too
    /// waits for that.
    late: Mutex<Late>,
    /// Reports show terminal colours. Immutable.
    color: bool,
    /// Where modules come from. Immutable.
    loader: Option<Box<dyn Loader>>,
    /// See the module's text. Under the lock.
    users: Mutex<Users>,
}

struct Users {
    handles: usize,
    waiting: usize,
    /// Programs that are being run: meanwhile the host wakes nobody.
    running: usize,
    hold: Option<Hold>,
}

impl Users {
    /// Takes or lets go the hold. What is let go is given back, to be dropped without the lock.
    #[must_use]
    fn settle(&mut self, vm: &VmShared) -> Option<Hold> {
        if self.running == 0 && self.waiting < self.handles {
            self.hold.get_or_insert_with(|| vm.scheduler().hold());
            None
        } else {
            self.hold.take()
        }
    }
}

/// Says that threads which wait may be woken by the host. See [`Vm::guard`](super::Vm::guard).
#[derive(Debug)]
#[must_use]
pub struct Guard {
    hold: Hold,
}

impl Guard {
    /// Lets go.
    pub fn release(self) {
        drop(self.hold);
    }
}

impl Host {
    pub(super) fn new(vm: Arc<VmShared>, color: bool, loader: Option<Box<dyn Loader>>) -> Self {
        let hold = Some(vm.scheduler().hold());
        let users = Mutex::new(Users { handles: 1, waiting: 0, running: 0, hold });
        Self(Arc::new(Inner {
            vm,
            environment: Mutex::default(),
            docs: Mutex::default(),
            late: Mutex::default(),
            color,
            loader,
            users,
        }))
    }

    /// Says what modules say of themselves, and what exists besides a text.
    pub(super) fn complete(&self, docs: Docs, environment: Environment) {
        *self.0.docs.lock() = docs;
        *self.0.environment.lock() = Arc::new(environment);
    }

    /// Says what is compiled when it is needed.
    pub(super) fn set_late(&self, late: Late) {
        *self.0.late.lock() = late;
    }

    pub(super) fn docs(&self) -> MutexGuard<'_, Docs> {
        self.0.docs.lock()
    }

    /// Adds functions to a module that say what they do; the others are their helpers.
    pub(super) fn add_members(&self, module: &str, functions: Vec<(Box<str>, Shared)>) {
        let mut environment = self.0.environment.lock();
        let members = Arc::make_mut(&mut environment).modules.get_mut(module);
        if let (Some(docs), Some(members)) = (self.docs().get_mut(module), members) {
            for (name, function) in functions {
                if docs.add(&name, function.as_owned()) {
                    within(Some(&self.0.vm), || {
                        self.0.vm.define_member(module, &name, function.into_owned());
                    });
                    members.insert(name, None);
                }
            }
        }
    }

    /// Adds a module that is late: what it says of itself, and what of it the compiler may know.
    pub(super) fn add_module(&self, docs: (Box<str>, ModuleDocs), members: Members) {
        let mut environment = self.0.environment.lock();
        Arc::make_mut(&mut environment).modules.insert(docs.0.clone(), members);
        self.docs().extend([docs]);
    }

    /// What a text that is about to be compiled may name.
    pub(super) fn need_before(&self, text: &str) -> Result<(), Error> {
        self.0.late.lock().before(self, text)
    }

    /// What code calls that is about to be linked.
    pub(super) fn need_for(&self, unit: &Unit) -> Result<(), Error> {
        self.0.late.lock().called(self, unit)
    }

    /// All modules, for messages about names that are not known. True when there are more than before.
    pub(super) fn need_modules(&self) -> bool {
        self.0.late.lock().modules(self).unwrap_or_else(|error| {
            self.report(&error);
            false
        })
    }

    /// All that there is, to tell about it.
    pub(super) fn need_all(&self) {
        let done = self.0.late.lock().all(self);
        if let Err(error) = done {
            self.report(&error);
        }
    }

    /// Where modules come from.
    pub(super) fn loader(&self) -> Option<&dyn Loader> {
        self.0.loader.as_deref()
    }

    pub(super) fn weak(&self) -> WeakHost {
        WeakHost(Arc::downgrade(&self.0))
    }

    pub(super) fn shared(&self) -> &Arc<VmShared> {
        &self.0.vm
    }

    /// What exists besides a text.
    pub(super) fn environment(&self) -> Arc<Environment> {
        self.0.environment.lock().clone()
    }

    pub(super) fn guard(&self) -> Guard {
        Guard { hold: self.0.vm.scheduler().hold() }
    }

    /// The status of `os.exit`, once a script has called it.
    pub(super) fn exited(&self) -> Option<i32> {
        self.0.vm.exit_status()
    }

    /// A native that runs on an LWP cannot wait for another user thread: that may need the LWP.
    pub(super) fn may_wait(&self) -> Result<(), Error> {
        if Heap::with(|heap| heap.is_some()) {
            return Err(Error::new(
                ErrorKind::Value,
                "a native function that is not blocking cannot wait for a script; see `Reply::call`",
            ));
        }
        Ok(())
    }

    /// Calls a function of a script.
    pub(super) fn call(&self, function: &Value, arguments: impl Arguments) -> Result<Value, Error> {
        use crate::convert::IntoValue;
        self.may_wait()?;
        if let Some(status) = self.exited() {
            return Err(super::ended(status));
        }
        let (callee, arguments) = within(Some(&self.0.vm), || {
            let callee = function.into_value()?.into_owned();
            let arguments = arguments.into_arguments()?;
            let arguments: Vec<_> = arguments.into_iter().map(|local| local.into_owned()).collect();
            Ok::<_, Error>((callee, arguments))
        })?;
        self.start(&callee, arguments, |_| {})
    }

    /// Starts a user thread and waits for its end. `started` is told of it before it runs.
    pub(super) fn start(
        &self,
        callee: &Owned,
        mut arguments: Vec<Owned>,
        started: impl FnOnce(&ThreadRef),
    ) -> Result<Value, Error> {
        let vm = &self.0.vm;
        let options = ThreadOptions { name: Some(MAIN.into()), ..ThreadOptions::default() };
        let thread =
            within(Some(vm), || ThreadRef::new(vm, options, &mut callee.clone(), &mut arguments));
        let thread = thread.map_err(|refused| no_lwp(&refused))?;
        // The handle keeps a failure from being reported as nobody's before it is looked at.
        thread.done.add_handle();
        started(&thread);
        let waiting = Waiting::begin(&self.0, &thread, || vm.scheduler().spawn(thread.clone()));
        let end = thread.done.wait_host(|| vm.exiting());
        drop(waiting);
        // The failure was noticed by the wait, so there is none to report.
        let _ = thread.done.drop_handle();
        // Whoever waits for an answer has seen what was printed on the way.
        self.flush();
        match (self.exited(), end) {
            (Some(status), _) => Err(super::ended(status)),
            (None, Some(End::Value(value))) => Ok(Value::from_shared(value, vm)),
            (None, Some(End::Failed(error))) => Err(failure(&thread, &error)),
            (None, Some(End::Cancelled(_)) | None) => {
                Err(Error::new(ErrorKind::Cancelled, "the evaluation was cancelled"))
            }
        }
    }

    /// Asks a thread to stop.
    pub(super) fn cancel(&self, thread: &ThreadRef) {
        thread.cancel(&mut self.0.vm.scheduler());
    }

    /// Asks all threads to stop.
    pub(super) fn cancel_all(&self) {
        for thread in self.0.vm.threads() {
            self.cancel(&thread);
        }
    }

    pub(super) fn flush(&self) {
        // An output that is gone cannot be told.
        let _ = self.0.vm.stdout.flush();
        let _ = self.0.vm.stderr.flush();
    }

    pub(super) fn report(&self, error: &Error) {
        self.say(&error.report(color(self.0.color)));
    }

    /// Writes the warnings among `diagnostics`.
    pub(super) fn warn(&self, source: &Source, diagnostics: &[Diagnostic]) {
        if !diagnostics.is_empty() {
            self.say(&diagnostics::render(diagnostics, source, self.0.color));
        }
    }

    /// Reports show terminal colours.
    pub(super) fn is_colored(&self) -> bool {
        self.0.color
    }

    fn say(&self, text: &str) {
        say(&self.0.vm, text);
    }
}

impl Clone for Host {
    fn clone(&self) -> Self {
        self.0.add_handle();
        Self(self.0.clone())
    }
}

impl WeakHost {
    pub(super) fn upgrade(&self) -> Option<Host> {
        let inner = self.0.upgrade()?;
        inner.add_handle();
        Some(Host(inner))
    }
}

impl Clone for WeakHost {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Inner {
    fn add_handle(&self) {
        let mut users = self.users.lock();
        users.handles += 1;
        let free = users.settle(&self.vm);
        drop(users);
        drop(free);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let mut users = self.0.users.lock();
        users.handles -= 1;
        let last = users.handles == 0;
        // At the very end no stall is of interest.
        let free = if last { None } else { users.settle(&self.0.vm) };
        drop(users);
        drop(free);
        if last {
            end(&self.0.vm);
        }
    }
}

/// A call of the host that waits for a thread.
struct Waiting<'a> {
    inner: &'a Inner,
    thread: &'a ThreadRef,
}

impl<'a> Waiting<'a> {
    /// `start` makes the thread run: it is awaited before, and the hold is there until after, so
    /// that no stall comes in between.
    fn begin(inner: &'a Inner, thread: &'a ThreadRef, start: impl FnOnce()) -> Self {
        inner.vm.awaited.lock().threads.push(thread.clone());
        start();
        let mut users = inner.users.lock();
        users.waiting += 1;
        let free = users.settle(&inner.vm);
        drop(users);
        drop(free);
        Self { inner, thread }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // A hold first, its own: the shared one may not be due yet, when others wait by way of the same
        // handle. With its end it is asked again whether those are stalled.
        let hold = self.inner.vm.scheduler().hold();
        let mut users = self.inner.users.lock();
        users.waiting -= 1;
        let free = users.settle(&self.inner.vm);
        drop(users);
        drop(free);
        self.inner.vm.awaited.lock().threads.retain(|thread| thread != self.thread);
        drop(hold);
    }
}

/// Ends a VM: its threads are stopped where they stand, its kernel threads joined.
fn end(vm: &Arc<VmShared>) {
    within(Some(vm), || vm.shutdown());
    let _ = vm.stdout.flush();
    let _ = vm.stderr.flush();
}

/// Runs a program; gives its exit status.
pub(super) fn run(host: &Host, name: &str, bytes: &[u8]) -> i32 {
    if let Err(error) = host.may_wait() {
        host.report(&error);
        return 1;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            host.report(&not_utf8(name, bytes, error));
            return WRONG_TEXT;
        }
    };
    let source = Source::new(name, text);
    let vm = host.shared();
    let main = match load::prepare(host, &source, None, Globals::new(false)) {
        Ok(prepared) => prepared.main,
        Err(error) => {
            host.report(&error);
            return WRONG_TEXT;
        }
    };
    let options = ThreadOptions { name: Some(MAIN.into()), main: true, ..ThreadOptions::default() };
    let thread = within(Some(vm), || ThreadRef::new(vm, options, &mut main.to_owned(), &mut []));
    let thread = match thread {
        Ok(thread) => thread,
        Err(refused) => {
            host.report(&no_lwp(&refused));
            return 1;
        }
    };
    vm.awaited.lock().programs += 1;
    let settle = |change: fn(&mut usize)| {
        let mut users = host.0.users.lock();
        change(&mut users.running);
        users.settle(vm)
    };
    let hold = settle(|running| *running += 1);
    vm.scheduler().spawn(thread);
    drop(hold);
    let status = vm.wait();
    drop(settle(|running| *running -= 1));
    vm.awaited.lock().programs -= 1;
    host.flush();
    status
}

/// A thread did not get the LWP of its own that it was to have.
pub(super) fn no_lwp(refused: &BindError) -> Error {
    Error::new(ErrorKind::Io, spawn::explain(refused))
}

/// Reports a thread that failed and that nobody took notice of.
pub(super) fn report_failure(thread: &ThreadRef, thrown: &Shared, colored: bool) {
    if thread.vm().exiting() {
        // `os.exit` is no failure, and what fails because of it is nobody's.
        return;
    }
    say(thread.vm(), &failure(thread, thrown).report(color(colored)));
}

fn failure(thread: &ThreadRef, thrown: &Shared) -> Error {
    let vm = thread.vm();
    within(Some(vm), || {
        // Where a value that is no error was thrown is kept by its thread.
        let trace = thread.thrown_at();
        Error::from_thrown_with(thrown.to_owned(), trace, Some(thread.name()), Some(vm))
    })
}

fn say(vm: &VmShared, text: &str) {
    // What was printed before comes first.
    let _ = vm.stdout.flush();
    let _ = vm.stderr.append(text.as_bytes());
    let _ = vm.stderr.flush();
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

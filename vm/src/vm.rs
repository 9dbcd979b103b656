//! One virtual machine: what all its threads share.
//!
//! [`VmShared`] is behind an `Arc` that every thread holds. It knows the names (symbols), the
//! methods of the built-in types, the functions that are built in everywhere, the standard modules,
//! the code that was linked, the live threads, the scheduler that runs them, where output goes, and
//! when the program has ended.
//!
//! # When the program ends
//!
//! The registry counts the threads that have not ended, those in the background apart. When
//! the last other thread has ended, those in the background are cancelled; when they have ended
//! too, [`VmShared::wait`] returns. An [exit request](VmShared::request_exit) ends it at once: all
//! threads are told to stop and none of their cleanup runs.

#![expect(unsafe_code, reason = "at its end the VM has all threads in hand")]

use std::{
    collections::HashMap,
    io,
    sync::{Arc, OnceLock, Weak},
};

use crate::{
    atomics::{AtomicU8, Condvar, Mutex, Ordering},
    deadlock,
    files::Files,
    input::Input,
    interp,
    link::Units,
    methods::Methods,
    model::Model,
    native::{FunctionDef, NativeDef},
    output::Output,
    profile::Profiler,
    rc::SharedHeap,
    sched::{Config, Hooks, Scheduler, StartError},
    symbols::Symbols,
    sync::Contended,
    thread::{Program, Registry, ThreadRef, cancel},
    value::{Owned, Shared},
};

/// The status of a program whose reader has gone away: as if the signal had ended it.
const BROKEN_PIPE: i32 = 141;

/// Limits of a VM.
#[derive(Clone, Debug)]
pub struct VmOptions {
    /// The most that all objects of the VM may take together, in bytes.
    pub memory_limit: Option<u64>,
    /// The most that the objects of one thread may take, in bytes.
    pub thread_memory_limit: Option<u64>,
    /// How deep calls may nest.
    pub max_depth: usize,
    /// How many slots a thread's register stack may have.
    pub max_slots: usize,
    /// How user threads are mapped to kernel threads.
    pub model: Model,
}

impl Default for VmOptions {
    fn default() -> Self {
        Self {
            memory_limit: None,
            thread_memory_limit: None,
            max_depth: 200_000,
            max_slots: 1 << 25,
            model: Model::default(),
        }
    }
}

/// What the threads of a VM share.
pub struct VmShared {
    /// The account of shared objects.
    pub(crate) heap: Arc<SharedHeap>,
    /// The limits. Immutable.
    pub(crate) options: VmOptions,
    pub(crate) symbols: Symbols,
    pub(crate) methods: Methods,
    /// Names built in everywhere.
    pub(crate) builtins: Mutex<HashMap<Box<str>, Shared>>,
    /// The members of the standard modules.
    pub(crate) modules: Mutex<HashMap<Box<str>, HashMap<Box<str>, Shared>>>,
    /// The file modules.
    pub(crate) files: Files,
    pub(crate) registry: Registry,
    /// What threads have in common besides the scheduler.
    pub(crate) program: Program,
    /// The mutexes that threads have waited for.
    pub(crate) contended: Arc<Contended>,
    /// What `print` writes to.
    pub stdout: Output,
    /// Where reports go.
    pub stderr: Output,
    /// What `input` reads from.
    pub stdin: Input,
    /// Runs the threads.
    pub(crate) scheduler: Scheduler<ThreadRef>,
    /// Tells the host of a thread that failed without anybody's notice.
    pub(crate) reporter: OnceLock<Reporter>,
    /// What host threads wait for: theirs is a deadlock when nothing can run.
    pub(crate) awaited: Mutex<Awaited>,
    /// Finds out what threads spend their time on, if the host wants to know.
    pub(crate) profiler: OnceLock<Profiler>,
    life: Life,
    /// Linked code, and the values that live as long as the VM. The last field: everything above
    /// may refer to them.
    pub(crate) units: Units,
}

impl std::fmt::Debug for VmShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VmShared").field("life", &self.life).finish_non_exhaustive()
    }
}

/// What host threads wait for.
#[derive(Debug, Default)]
pub(crate) struct Awaited {
    /// The threads of their calls.
    pub(crate) threads: Vec<ThreadRef>,
    /// How many programs are being run: whoever runs one waits for all threads.
    pub(crate) programs: usize,
}

/// Called with a thread and its error, on whichever kernel thread finds out.
pub(crate) type Reporter = Box<dyn Fn(&VmShared, &ThreadRef, &Shared) + Send + Sync>;

/// How a program ends.
#[derive(Debug, Default)]
struct Life {
    /// 0, or 1 once somebody has asked for the end. Any LWP, atomic.
    exiting: AtomicU8,
    /// The status that was asked for, or that failures give.
    ending: Mutex<Ending>,
    changed: Condvar,
}

/// How the program ends.
#[derive(Clone, Copy, Default, Debug)]
struct Ending {
    exit: Option<i32>,
    failed: bool,
}

/// Hears of stalls from the scheduler, which is made before the VM.
struct Stalls(OnceLock<Weak<VmShared>>);

impl Hooks for Arc<Stalls> {
    fn stalled(&self) -> bool {
        self.0.get().and_then(Weak::upgrade).is_none_or(|vm| deadlock::stalled(&vm))
    }
}

impl VmShared {
    /// A VM with the built-in functions and types, and no standard modules.
    pub fn new(options: VmOptions, config: Config) -> Result<Arc<Self>, StartError> {
        let stalls = Arc::new(Stalls(OnceLock::new()));
        let scheduler = Scheduler::new(config, Box::new(stalls.clone()))?;
        let heap = SharedHeap::new(options.memory_limit);
        let symbols = Symbols::default();
        let methods = Methods::built_in(&symbols);
        let vm = Arc::new(Self {
            heap,
            options,
            symbols,
            methods,
            builtins: Mutex::default(),
            modules: Mutex::default(),
            files: Files::default(),
            registry: Registry::default(),
            program: Program::default(),
            contended: Arc::default(),
            stdout: Output::new(Box::new(io::stdout())),
            stderr: Output::new(Box::new(io::stderr())),
            stdin: Input::of_process(),
            scheduler,
            reporter: OnceLock::new(),
            awaited: Mutex::default(),
            profiler: OnceLock::new(),
            life: Life::default(),
            units: Units::default(),
        });
        for row in crate::builtins::functions() {
            vm.define_builtin(row);
        }
        // Set once, here.
        let _ = stalls.0.set(Arc::downgrade(&vm));
        Ok(vm)
    }

    /// Makes a function known everywhere.
    fn define_builtin(&self, row: &FunctionDef) {
        self.define(row.name, Owned::native(Arc::new(NativeDef::from(row))));
    }

    /// Gives a name that is built in everywhere its value.
    pub fn define(&self, name: &str, value: Owned) {
        let value = Shared::new(self.units.keep(value));
        self.builtins.lock().insert(name.into(), value);
    }

    /// Gives a member of a standard module its value.
    pub fn define_member(&self, module: &str, name: &str, value: Owned) {
        let value = Shared::new(self.units.keep(value));
        self.modules.lock().entry(module.into()).or_default().insert(name.into(), value);
    }

    /// The value of a name that is built in everywhere.
    pub fn builtin(&self, name: &str) -> Option<Owned> {
        self.builtins.lock().get(name).map(|value| value.to_owned())
    }

    /// The value of a member of a standard module.
    pub fn member(&self, module: &str, name: &str) -> Option<Owned> {
        self.modules.lock().get(module)?.get(name).map(|value| value.to_owned())
    }

    /// The scheduler.
    pub fn scheduler(&self) -> &Scheduler<ThreadRef> {
        &self.scheduler
    }

    /// All live threads in the order of their creation.
    pub fn threads(&self) -> Vec<ThreadRef> {
        self.registry.all()
    }

    /// How many threads this VM has made.
    pub fn threads_made(&self) -> u64 {
        self.registry.made()
    }

    /// How many threads are live.
    pub fn threads_live(&self) -> usize {
        self.registry.len()
    }

    /// The last thread that kept the program alive has ended, or the last one in the background.
    pub(crate) fn last_has_ended(&self) {
        // The lock orders this with the check of a waiter that is about to wait.
        let _ending = self.life.ending.lock();
        self.life.changed.notify_all();
    }

    /// The live threads that do not keep the program alive.
    pub(crate) fn background_threads(&self) -> Vec<ThreadRef> {
        self.registry.all().into_iter().filter(|thread| thread.background()).collect()
    }

    /// Notes that a thread failed and nobody took notice: the status will be 1.
    pub fn note_failure(&self) {
        self.life.ending.lock().failed = true;
    }

    /// Tells the host of a failure that nobody has noticed.
    pub(crate) fn report_failure(&self, thread: &ThreadRef, error: &Shared) {
        self.note_failure();
        if let Some(report) = self.reporter.get() {
            report(self, thread, error);
        }
    }

    /// Ends the program at once with a status: no thread runs another instruction beyond its
    /// slice, and no cleanup.
    pub fn request_exit(&self, status: i32) {
        self.life.ending.lock().exit.get_or_insert(status);
        // Release pairs with the acquire in `exiting`.
        self.life.exiting.store(1, Ordering::Release);
        self.life.changed.notify_all();
        for thread in self.registry.all() {
            thread.set_flags(cancel::KILL);
        }
    }

    /// What came of writing something out. Where nobody listens any more the program ends, and has
    /// nothing to say about it.
    pub(crate) fn written(&self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.request_exit(BROKEN_PIPE);
                Ok(())
            }
            result => result,
        }
    }

    /// True once the program's end was requested.
    #[inline]
    pub fn exiting(&self) -> bool {
        // Acquire pairs with the release in `request_exit`.
        self.life.exiting.load(Ordering::Acquire) != 0
    }

    /// Waits on the host's thread until the program has ended; gives its exit status.
    pub fn wait(&self) -> i32 {
        let mut ending = self.life.ending.lock();
        while ending.exit.is_none() && self.threads_live() > 0 {
            ending = self.life.changed.wait(ending);
        }
        drop(ending);
        if !self.exiting() {
            for thread in self.program.take_failed() {
                if let Some(error) = thread.done.take_unnoticed() {
                    self.report_failure(&thread, &error);
                }
            }
        }
        // A reader that has gone away ends the program quietly.
        self.stdout.flush().ok();
        self.stderr.flush().ok();
        let ending = self.life.ending.lock();
        ending.exit.unwrap_or(i32::from(ending.failed))
    }

    /// The status that was requested.
    pub(crate) fn exit_status(&self) -> Option<i32> {
        self.life.ending.lock().exit
    }

    /// Stops the scheduler and frees the threads that have not ended. Further calls do nothing.
    /// Called by a host thread that has entered a heap of this VM.
    pub fn shutdown(&self) {
        for thread in self.registry.all() {
            thread.set_flags(cancel::KILL);
        }
        self.scheduler.shutdown();
        if interp::is_running() {
            // Called by a native: the kernel threads are still there. The host calls it again.
            return;
        }
        for thread in self.registry.clear() {
            // SAFETY: the scheduler has ended, so nobody has the thread in hand, and nobody will.
            interp::abandon(&thread.wait, unsafe { &mut *thread.state() });
        }
        self.files.release();
        self.units.release();
        drop(self.program.take_failed());
        drop(std::mem::take(&mut *self.awaited.lock()));
    }
}

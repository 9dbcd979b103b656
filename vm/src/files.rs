//! The file modules of a VM: each is linked once, and run by whoever imports it first.
//!
//! A module's code, like all code, lives as long as the VM. Its functions and types are constants of
//! whoever names them; the values of its `let`s are read from its slots, and kept in cells of the
//! readers' code once they are set.
//!
//! # Invariants
//!
//! - A module is entered after all modules that it imports, and never replaced.
//! - Its top level runs at most once, in the thread that imports it first. Threads that import it
//!   meanwhile wait for that run; all get what it came to. A run that was stopped counts as failed:
//!   its `let`s may be half set, and what has been read of them is kept.
//! - Imports have no cycles, so threads that wait for each other's modules do not wait in a circle.

use std::{collections::HashMap, sync::Arc};

use lisle_compiler::{Interface, Member};

use crate::{
    atomics::{Mutex, MutexGuard},
    link::{Globals, Module},
    native::{Call, FunctionDef, NativeDef, NativeResult, Next},
    scope,
    sync::{Asked, Run},
    thread::{Delivery, Memo, WaitReason, WaitToken},
    value::{Kind, Owned, Shared, error},
    waiting::Waits,
};

/// The file modules that a VM knows.
#[derive(Debug)]
pub(crate) struct Files {
    /// By name. Host threads enter them, LWPs look them up; under the lock.
    modules: Mutex<HashMap<Box<str>, Arc<FileModule>>>,
    /// Held by a host thread from its look for modules until it has entered those it compiled, so
    /// that no two compile the same one.
    loading: Mutex<()>,
    /// What an import statement calls. Immutable.
    import: NativeDef,
}

/// A linked module.
#[derive(Debug)]
pub(crate) struct FileModule {
    interface: Arc<Interface>,
    /// Its top-level code.
    main: Shared,
    /// Its members that are constants: functions, and types.
    constants: HashMap<Box<str>, Shared>,
    globals: Arc<Globals>,
    run: Run<WaitToken, Outcome>,
}

/// What came of a module's run.
type Outcome = Result<(), Shared>;

/// What a name of a module is to other code.
pub(crate) enum Foreign {
    /// An immortal value.
    Constant(Owned),
    /// A slot of the module.
    Slot(Slot),
}

/// The slot of a `let` of a module.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    module: Arc<Interface>,
    globals: Arc<Globals>,
    slot: usize,
}

impl Slot {
    /// The value, counted; an error when the module has not come to it.
    pub(crate) fn value(&self) -> Result<Owned, Owned> {
        self.globals.value(self.slot).map_err(|name| {
            let text = format!("`{name}` of `{}` has not been set yet", self.module.shown);
            error(Kind::Name, text)
        })
    }
}

impl Default for Files {
    fn default() -> Self {
        let import = NativeDef::from(&FunctionDef {
            name: "import",
            signature: "(module)",
            doc: "Runs a module, unless that was done.",
            run: import,
            shortcut: None,
        });
        Self { modules: Mutex::default(), loading: Mutex::default(), import }
    }
}

impl Files {
    /// What an import statement calls with the name of a module.
    pub(crate) fn import(&self) -> &NativeDef {
        &self.import
    }

    /// The right to look for modules that are not known, and to enter them.
    pub(crate) fn loading(&self) -> MutexGuard<'_, ()> {
        self.loading.lock()
    }

    /// What others may know of a module.
    pub(crate) fn interface(&self, name: &str) -> Option<Arc<Interface>> {
        self.get(name).map(|module| module.interface.clone())
    }

    /// The interfaces of these modules.
    pub(crate) fn interfaces(&self) -> Vec<(Box<str>, Arc<Interface>)> {
        let modules = self.modules.lock();
        modules.iter().map(|(name, module)| (name.clone(), module.interface.clone())).collect()
    }

    /// Enters a module.
    pub(crate) fn enter(&self, name: Box<str>, interface: Arc<Interface>, module: &Module) {
        let constant = |member: &Member| match member {
            Member::Function { index, .. } => module.function(*index as usize),
            Member::Type { index, .. } => module.type_value(*index as usize),
            Member::Value => None,
        };
        let members = interface.members.iter();
        let constants = members
            .filter_map(|(name, member)| Some((name.clone(), Shared::new(constant(member)?))))
            .collect();
        let main = Shared::new(module.main());
        let globals = module.globals.clone();
        let module = FileModule { interface, main, constants, globals, run: Run::new() };
        self.modules.lock().insert(name, Arc::new(module));
    }

    /// What a name of a module stands for.
    pub(crate) fn member(&self, module: &str, name: &str) -> Option<Foreign> {
        let module = self.get(module)?;
        if let Some(constant) = module.constants.get(name) {
            return Some(Foreign::Constant(constant.to_owned()));
        }
        let slot = module.globals.slot(name)?;
        let (globals, module) = (module.globals.clone(), module.interface.clone());
        Some(Foreign::Slot(Slot { module, globals, slot }))
    }

    /// Lets go of all modules, at the end of the VM: of what they failed with, and of who waits.
    pub(crate) fn release(&self) {
        let modules = std::mem::take(&mut *self.modules.lock());
        drop(modules);
    }

    fn get(&self, name: &str) -> Option<Arc<FileModule>> {
        self.modules.lock().get(name).cloned()
    }
}

/// Runs the module that the argument names, or waits for whoever does.
fn import(call: &mut Call<'_>) -> NativeResult {
    let name = call.arg(0).as_str().unwrap_or_default();
    let Some(module) = call.vm().files.get(name) else {
        return Err(error(Kind::Import, format!("there is no module `{name}`")));
    };
    let mut waits = Waits::of(call);
    if let Some(Delivery::Interrupted) = waits.delivery() {
        if let Some(ticket) = waits.state.parked.take_ticket() {
            module.run.leave(ticket);
        }
        return Err(waits.interrupted());
    }
    loop {
        let begin = waits.begin(WaitReason::Module);
        match module.run.ask(waits.thread.id(), || begin.begin()) {
            Asked::Value(Ok(())) => return Next::nil(),
            Asked::Value(Err(thrown)) => return Err(thrown.into_owned()),
            Asked::Run => {
                let main = module.main.to_owned();
                let resume = move |call: &mut Call<'_>, outcome| ended(&module, call, outcome);
                return Ok(Next::Call(main, Vec::new(), Box::new(resume)));
            }
            Asked::Twice => {
                let text = format!("`{}` is imported while it runs", module.interface.shown);
                return Err(error(Kind::Import, text));
            }
            Asked::Waiting(ticket) => {
                waits.state.parked = Memo::ticket(ticket);
                return Ok(Next::Park);
            }
            Asked::Noticed => waits.look()?,
        }
    }
}

/// The top level of a module has ended.
fn ended(module: &FileModule, call: &mut Call<'_>, outcome: Result<Owned, Owned>) -> NativeResult {
    let said = match &outcome {
        Ok(_) => Ok(()),
        Err(thrown) if scope::is_uncatchable(thrown) => {
            let why = thrown.as_error().map_or("", |error| error.message());
            let text = format!("`{}` was stopped while it ran: {why}", module.interface.shown);
            Err(Shared::new(error(Kind::Import, text)))
        }
        Err(thrown) => Err(Shared::new(thrown.clone())),
    };
    let mut waits = Waits::of(call);
    for waiter in module.run.ended(Some(said)) {
        waits.wake(Some(waiter));
    }
    outcome.map(|_| Next::Return(Owned::NIL))
}

//! What belongs to a VM and waits until a program needs it: modules, and methods of built-in types and
//! parts of modules that are written in the language itself.
//!
//! Making and compiling all of it takes longer than all else that a VM does at its start, and most
//! programs need little of it. So a late module waits until a text imports it, a late text of a module
//! until another has the module's name in it, and methods until code is to be linked that calls one of
//! such a name. Code that runs has everything that it can name: who compiles or links a text asks here
//! first, on the host's kernel thread. A text that is wrong is judged with all modules known, since
//! messages name them.
//!
//! A late text has functions and imports and nothing else, so that nothing of it has to run: it could
//! be a native that asks, whose LWP would have to run it.

use std::{borrow::Cow, sync::Arc};

use lisle_compiler::{
    self as compiler, Compiled, Options,
    bytecode::{Constant, Op, Unit},
    source::Source,
};

use super::{
    builder::{define_module, members_of},
    host::{self, Host},
    library::ModuleDocs,
};
use crate::{
    convert::within,
    error::{Error, ErrorKind, PRELUDE},
    link::{Globals, Module, link},
    methods::Method,
    module::ModuleBuilder,
    thread::{End, ThreadOptions, ThreadRef},
    value::{Shared, tag},
    vm::VmShared,
};

/// What `elements` in a function's name stands for: all that is walked element by element.
const ELEMENTS: &[u64] = &[tag::LIST, tag::RANGE, tag::STR, tag::SET, tag::BYTES];

/// What was not needed yet.
#[derive(Debug, Default)]
pub(super) struct Late {
    methods: Vec<LateMethod>,
    modules: Vec<LateModule>,
    /// The program's arguments, of which members may be made.
    args: Vec<String>,
    /// The names of modules, and what is written of them in the language.
    scripts: Vec<(Cow<'static, str>, &'static str)>,
}

#[derive(Debug)]
struct LateMethod {
    name: &'static str,
    /// The function, with its doc comment.
    text: &'static str,
}

/// A module, by its name, and what makes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LateModule {
    pub(super) name: &'static str,
    pub(super) make: fn() -> ModuleBuilder,
}

impl Late {
    /// With modules that wait.
    pub(super) fn new(modules: Vec<LateModule>, args: Vec<String>) -> Self {
        Self { modules, args, ..Self::default() }
    }

    /// Makes a module of the VM. Gives what it says of itself, and its text that is to be compiled
    /// when all modules are there.
    pub(super) fn define(
        &mut self,
        vm: &VmShared,
        mut module: ModuleBuilder,
    ) -> Result<(ModuleDocs, Option<Cow<'static, str>>), Error> {
        let docs = ModuleDocs::new(&module);
        let script = module.script.take();
        if let Some(text) = module.late_script.take() {
            self.add_script(module.name.clone(), text);
        }
        define_module(vm, module, &self.args)?;
        Ok((docs, script))
    }

    /// Makes a module that waited.
    fn make(&mut self, host: &Host, LateModule { name, make }: LateModule) -> Result<(), Error> {
        let vm = host.shared();
        let module = make();
        let (docs, script) = within(Some(vm), || self.define(vm, module))?;
        host.add_module((name.into(), docs), members_of(vm, name));
        match script {
            Some(text) => self.script(host, name, &text)?.run(),
            None => Ok(()),
        }
    }

    /// Makes all modules that waited; true if there were any.
    pub(super) fn modules(&mut self, host: &Host) -> Result<bool, Error> {
        let modules = std::mem::take(&mut self.modules);
        modules.iter().try_for_each(|&module| self.make(host, module))?;
        Ok(!modules.is_empty())
    }

    /// Adds methods for later: the functions of a text in which nothing else stands.
    pub(super) fn add_methods(&mut self, vm: &VmShared, text: &'static str) {
        let mut announced = Vec::new();
        for text in functions_in(text) {
            let name = text.lines().find_map(|line| line.strip_prefix("fn ")?.split('(').next());
            let Some((of_type, name)) = name.and_then(split) else { continue };
            let symbol = vm.symbols.intern(name);
            announced.extend(tags(of_type).map(|tag| (tag, symbol)));
            self.methods.push(LateMethod { name, text });
        }
        vm.methods.announce(announced);
    }

    /// Adds the part of a module that is written in the language.
    pub(super) fn add_script(&mut self, module: Cow<'static, str>, text: &'static str) {
        self.scripts.push((module, text));
    }

    /// Before a text is compiled: the modules that it names.
    pub(super) fn before(&mut self, host: &Host, text: &str) -> Result<(), Error> {
        for name in imported(text) {
            if let Some(i) = self.modules.iter().position(|module| module.name == name) {
                let module = self.modules.remove(i);
                self.make(host, module)?;
            }
        }
        while let Some(i) = self.scripts.iter().position(|(module, _)| text.contains(&**module)) {
            let (module, script) = self.scripts.remove(i);
            self.before(host, script)?;
            self.script(host, &module, script)?.has_run()?;
        }
        Ok(())
    }

    /// Before code is linked: the methods that it calls.
    pub(super) fn called(&mut self, host: &Host, unit: &Unit) -> Result<(), Error> {
        // The name of every method that is called is among the constants.
        let constants = || unit.functions.iter().flat_map(|function| &function.constants);
        let is_called = |method: &LateMethod| {
            constants()
                .any(|constant| matches!(constant, Constant::Str(text) if **text == *method.name))
        };
        let called: Vec<_> = self.methods.extract_if(.., |method| is_called(method)).collect();
        self.compile(host, &called)
    }

    /// All that is still missing.
    pub(super) fn all(&mut self, host: &Host) -> Result<(), Error> {
        self.modules(host)?;
        while let Some((module, _)) = self.scripts.first() {
            let module = module.clone();
            self.before(host, &module)?;
        }
        let methods = std::mem::take(&mut self.methods);
        self.compile(host, &methods)
    }

    fn compile(&mut self, host: &Host, methods: &[LateMethod]) -> Result<(), Error> {
        if methods.is_empty() {
            return Ok(());
        }
        let text: String = methods.iter().flat_map(|method| [method.text, "\n"]).collect();
        self.methods(host, &text)?.has_run()
    }

    /// Adds the functions of a text to a module, if they say what they do.
    pub(super) fn script<'a>(
        &mut self,
        host: &'a Host,
        module: &str,
        text: &str,
    ) -> Result<Ready<'a>, Error> {
        let shown = |name: &str| Some(format!("{module}.{name}"));
        let (ready, functions) = self.functions_of(host, text, shown)?;
        host.add_members(module, functions);
        Ok(ready)
    }

    /// Makes the functions of a text methods. Those of one type come in place of those of all.
    pub(super) fn methods<'a>(&mut self, host: &'a Host, text: &str) -> Result<Ready<'a>, Error> {
        let shown = |name: &str| split(name).map(|(_, method)| method.to_owned());
        let (ready, functions) = self.functions_of(host, text, shown)?;
        let vm = host.shared();
        let entries = |wanted: &str| -> Vec<_> {
            let of_type = |(name, function): &(Box<str>, Shared)| {
                let (_, method) = split(name).filter(|&(of_type, _)| of_type == wanted)?;
                Some((vm.symbols.intern(method), Method::Script(function.clone())))
            };
            functions.iter().filter_map(of_type).collect()
        };
        let shared = entries("elements");
        if !shared.is_empty() {
            ELEMENTS.iter().for_each(|&tag| vm.methods.extend(tag, &shared));
        }
        for tag in tag::NIL..tag::END {
            let own = entries(tag::name(tag));
            if !own.is_empty() {
                vm.methods.extend(tag, &own);
            }
        }
        Ok(ready)
    }

    /// Compiles a text; gives its functions. `shown` says what messages call them.
    fn functions_of<'a>(
        &mut self,
        host: &'a Host,
        text: &str,
        shown: impl Fn(&str) -> Option<String>,
    ) -> Result<(Ready<'a>, Vec<(Box<str>, Shared)>), Error> {
        let vm = host.shared();
        let source = Source::new(PRELUDE, text);
        let environment = host.environment();
        let Compiled { unit, diagnostics, .. } =
            compiler::compile(&source, &Options::new(&environment));
        let Some(mut unit) = unit else { return Err(Error::from_diagnostics(source, diagnostics)) };
        let names: Vec<_> = unit.functions.iter().map(|function| function.name.clone()).collect();
        for function in &mut unit.functions {
            if let Some(shown) = shown(&function.name) {
                function.name = shown.into();
            }
        }
        let has_run = matches!(*unit.functions[0].code, [word] if word.op == Op::RetNil as u8);
        self.called(host, &unit)?;
        let module = within(Some(vm), || link(vm, &unit, Globals::new(false)))
            .map_err(|message| Error::new(ErrorKind::Syntax, message))?;
        let functions = within(Some(vm), || {
            let value = |(i, name)| Some((name, Shared::new(module.function(i)?)));
            names.into_iter().enumerate().filter_map(value).collect()
        });
        Ok((Ready { vm, module, has_run }, functions))
    }
}

/// A text of which all is known, and whose top-level code has not run yet.
#[must_use]
pub(super) struct Ready<'a> {
    vm: &'a Arc<VmShared>,
    module: &'a Module,
    /// There is no such code.
    has_run: bool,
}

impl Ready<'_> {
    /// Nothing is left to do.
    fn has_run(self) -> Result<(), Error> {
        if self.has_run {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Value, "a late text has functions and nothing else"))
    }

    /// Runs the top-level code.
    pub(super) fn run(self) -> Result<(), Error> {
        if self.has_run {
            return Ok(());
        }
        let vm = self.vm;
        let thread = within(Some(vm), || {
            ThreadRef::new(vm, ThreadOptions::default(), &mut self.module.main(), &mut [])
        });
        let thread = thread.map_err(|refused| host::no_lwp(&refused))?;
        thread.done.add_handle();
        vm.scheduler().spawn(thread.clone());
        let end = thread.done.wait_host(|| vm.exiting());
        let _ = thread.done.drop_handle();
        match end {
            Some(End::Failed(thrown)) => Err(Error::from_thrown(thrown.to_owned(), Some(vm))),
            Some(End::Value(_) | End::Cancelled(_)) | None => Ok(()),
        }
    }
}

/// The names of modules that a text imports, and perhaps others. (One that stands behind a comment is
/// not found; then the text is wrong at first.)
fn imported(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(IMPORT).map(|(at, _)| {
        let name = text[at + IMPORT.len()..].trim_start();
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        &name[..end]
    })
}

const IMPORT: &str = "import";

/// The functions of a text, each with the doc comment above it.
fn functions_in(text: &str) -> impl Iterator<Item = &str> {
    let mut starts: Vec<usize> = Vec::new();
    let (mut at, mut below_doc) = (0, false);
    for line in text.split_inclusive('\n') {
        let is_doc = line.starts_with("## ");
        if (is_doc || line.starts_with("fn ")) && !below_doc {
            starts.push(at);
        }
        (at, below_doc) = (at + line.len(), is_doc);
    }
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &text[start..end])
}

/// The type and the method that a function's name says.
fn split(name: &str) -> Option<(&'static str, &str)> {
    let types = (tag::NIL..tag::END).map(tag::name).chain(["elements"]);
    types.into_iter().find_map(|of_type| {
        let method = name.strip_prefix(of_type)?.strip_prefix('_')?;
        Some((of_type, method))
    })
}

/// The tags of a type in a function's name.
fn tags(of_type: &str) -> impl Iterator<Item = u64> {
    let is_meant = move |&tag: &u64| match of_type {
        "elements" => ELEMENTS.contains(&tag),
        of_type => tag::name(tag) == of_type,
    };
    (tag::NIL..tag::END).filter(is_meant)
}

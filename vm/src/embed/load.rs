//! From a text to code that can run, with the file modules that it imports.
//!
//! Modules are looked for, compiled and entered by one host thread at a time, so that each is
//! compiled once; what they are called and what is in them is the [`Loader`]'s business. Nothing is
//! entered of a text that is wrong, so that a file which is mended can be imported after all.

use std::{collections::BTreeMap, sync::Arc};

use lisle_compiler::{
    Environment, Interface, Session,
    bytecode::Unit,
    diagnostics::Diagnostic,
    graph::{self, Built, FileModule, Library, Refusal},
    source::Source,
};

use super::host::Host;
use crate::{
    atomics::MutexGuard,
    convert::within,
    error::{Error, ErrorKind},
    link::{Globals, Module, link},
    value::Shared,
};

/// Where scripts' `import "./path"` finds modules: files, or whatever the host keeps them in. A VM
/// without one has none to import.
///
/// Modules have names, which are the loader's own: [`resolve`](Self::resolve) gives them. It is
/// called on the host's kernel threads, when a text is compiled, by one at a time; it must not
/// compile texts in the same VM itself.
///
/// ```
/// use std::collections::HashMap;
/// use lisle_vm::{Error, ErrorKind, Loader, Vm};
///
/// /// Modules that are part of the host.
/// struct Texts(HashMap<&'static str, &'static str>);
///
/// impl Loader for Texts {
///     fn resolve(&self, _importer: &str, path: &str) -> Result<String, Error> {
///         match self.0.contains_key(path) {
///             true => Ok(path.to_owned()),
///             false => Err(Error::new(ErrorKind::Import, "there is no such module")),
///         }
///     }
///
///     fn load(&self, module: &str) -> Result<String, Error> {
///         Ok(self.0[module].to_owned())
///     }
/// }
///
/// # fn main() -> Result<(), Error> {
/// let texts = HashMap::from([("rates", "fn vat(sum) { sum * 0.19 }")]);
/// let vm = Vm::builder().loader(Texts(texts)).build()?;
/// let vat: f64 = vm.eval("import \"rates\"\nrates.vat(100)")?;
/// assert_eq!(vat, 19.0);
/// # Ok(())
/// # }
/// ```
pub trait Loader: Send + Sync + 'static {
    /// The name of the module that `path` means in `importer`: that is a module, or a text of the
    /// host by the name it has in messages (`<eval>` if it has none). The same module has the same
    /// name however it is written, since it is by its name that it is run once.
    fn resolve(&self, importer: &str, path: &str) -> Result<String, Error>;

    /// The text of a module.
    fn load(&self, module: &str) -> Result<String, Error>;

    /// How a module is called in messages: its name, unless there is something better.
    fn shown(&self, module: &str) -> String {
        module.to_owned()
    }

    /// The module that a text of the host is, when it could be imported as well: then the text
    /// imports as that module does, and its own name tells when an import leads back to it.
    fn module_of(&self, text: &str) -> Option<String> {
        let _ = text;
        None
    }

    /// Paths that a script may have meant when it wrote `path`, which leads nowhere.
    fn candidates(&self, importer: &str, path: &str) -> Vec<String> {
        let _ = (importer, path);
        Vec::new()
    }
}

/// A text that is ready to run.
pub(super) struct Prepared {
    /// Its top-level code.
    pub(super) main: Shared,
    /// What is defined after it, in a session.
    pub(super) session: Option<Session>,
}

/// Compiles a text and the modules it imports, and links what was not known. Warnings are written.
pub(super) fn prepare(
    host: &Host,
    source: &Source,
    session: Option<&Session>,
    globals: Arc<Globals>,
) -> Result<Prepared, Error> {
    let vm = host.shared();
    host.need_before(source.text())?;
    let mut library = HostLibrary { host, loading: None };
    let Built { mut compiled, modules, mut findings } = build(source, session, &mut library);
    let own = std::mem::take(&mut compiled.diagnostics);
    if !own.is_empty() {
        findings.push((source.clone(), own));
    }
    let Some(unit) = compiled.unit else {
        // Warnings about other files can wait.
        findings.retain(|(_, list)| list.iter().any(Diagnostic::is_error));
        return Err(Error::from_findings(findings));
    };
    for (source, list) in &findings {
        host.warn(source, list);
    }
    for FileModule { name, interface, unit } in modules {
        let linked = ready(host, &unit, Globals::new(false))?;
        within(Some(vm), || vm.files.enter(name, interface, linked));
    }
    let linked = ready(host, &unit, globals)?;
    let main = within(Some(vm), || Shared::new(linked.main()));
    Ok(Prepared { main, session: compiled.session })
}

/// What there is to say about a text and the modules it imports. Nothing is entered.
pub(super) fn findings(host: &Host, source: &Source) -> Vec<(Source, Vec<Diagnostic>)> {
    if let Err(error) = host.need_before(source.text()) {
        host.report(&error);
    }
    let mut library = HostLibrary { host, loading: None };
    let Built { compiled, mut findings, .. } = build(source, None, &mut library);
    findings.push((source.clone(), compiled.diagnostics));
    findings
}

fn build(source: &Source, session: Option<&Session>, library: &mut HostLibrary<'_>) -> Built {
    let host = library.host;
    let name = host.loader().and_then(|loader| loader.module_of(source.name()));
    let modules: BTreeMap<_, _> = host.shared().files.interfaces().into_iter().collect();
    let built = graph::compile(source, name.as_deref(), session, modules.clone(), library);
    let found = built.findings.iter().flat_map(|(_, found)| found);
    let is_wrong = found.chain(&built.compiled.diagnostics).any(Diagnostic::is_error);
    if is_wrong && host.need_modules() {
        // What is wrong is said again by a compiler that knows all modules by their names.
        return graph::compile(source, name.as_deref(), session, modules, library);
    }
    built
}

/// Links code; what it calls is there.
fn ready<'a>(host: &'a Host, unit: &Unit, globals: Arc<Globals>) -> Result<&'a Module, Error> {
    host.need_for(unit)?;
    let vm = host.shared();
    let linked = within(Some(vm), || link(vm, unit, globals));
    linked.map_err(|message| Error::new(ErrorKind::Syntax, message))
}

/// The host's loader, as the compiler sees it.
struct HostLibrary<'a> {
    host: &'a Host,
    /// Taken at the first look for a module, and held until what was compiled is entered.
    loading: Option<MutexGuard<'a, ()>>,
}

impl Library for HostLibrary<'_> {
    fn find(&mut self, importer: &str, path: &str) -> Result<Box<str>, Refusal> {
        let Some(loader) = self.host.loader() else {
            let message = "the host of this program has given it no files".to_owned();
            return Err(Refusal { message, candidates: Vec::new() });
        };
        self.loading.get_or_insert_with(|| self.host.shared().files.loading());
        loader.resolve(importer, path).map(String::into_boxed_str).map_err(|error| Refusal {
            message: error.message().to_owned(),
            candidates: loader.candidates(importer, path),
        })
    }

    fn known(&mut self, module: &str) -> Option<Arc<Interface>> {
        self.host.shared().files.interface(module)
    }

    fn read(&mut self, module: &str) -> Result<Source, Refusal> {
        let refused = |message| Refusal { message, candidates: Vec::new() };
        let loader = self.host.loader().ok_or_else(|| refused("no loader".to_owned()))?;
        let load = || {
            let text = loader.load(module)?;
            self.host.need_before(&text)?;
            Ok::<_, Error>(text)
        };
        let text = load().map_err(|error| refused(error.message().to_owned()))?;
        Ok(Source::new(loader.shown(module), text))
    }

    fn environment(&mut self) -> Arc<Environment> {
        self.host.environment()
    }
}

//! Programs of several files: which modules a text needs, in which order they are compiled, and that
//! none needs itself.
//!
//! [`compile`] follows the imports of a text, depth first, and compiles each module once, after all
//! that it imports, since a text is checked against the interfaces of what it names. A module that
//! is wrong makes wrong whatever imports it, of which nothing further is said; all that is wrong
//! with any file comes out at once, each with its own text.
//!
//! The texts come from a [`Library`], which alone knows what a path means. Here modules are names.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Compiled, Environment, Interface, Located, Options, Session, bytecode::Unit, compile_scanned,
    diagnostics::Diagnostic, lexer::Lexed, parse, source::Source, spelling::closest,
};

/// Where modules come from.
pub trait Library {
    /// The name of the module that `path` means in the text called `importer`. It is the same
    /// however the path is written.
    fn find(&mut self, importer: &str, path: &str) -> Result<Box<str>, Refusal>;

    /// What others may know of a module that was compiled before.
    fn known(&mut self, module: &str) -> Option<Arc<Interface>>;

    /// The text of a module.
    fn read(&mut self, module: &str) -> Result<Source, Refusal>;

    /// What exists besides texts, as far as the texts that were read may name it.
    fn environment(&mut self) -> Arc<Environment>;
}

/// Why a module cannot be had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// Paths that may have been meant.
    pub candidates: Vec<String>,
}

/// A compiled module.
#[derive(Debug)]
pub struct FileModule {
    /// Its name.
    pub name: Box<str>,
    /// Its code.
    pub unit: Unit,
    /// What others may know of it.
    pub interface: Arc<Interface>,
}

/// A text and the modules it needs.
#[derive(Debug)]
pub struct Built {
    /// The text itself.
    pub compiled: Compiled,
    /// The modules that were not known before, each after those that it imports.
    pub modules: Vec<FileModule>,
    /// What was found in their texts, of those that there is something to say of.
    pub findings: Vec<(Source, Vec<Diagnostic>)>,
}

/// Compiles a text and the modules it needs. `name` is the text's own name among the modules, if it
/// could be imported, `session` what earlier texts defined, if it goes on from them. `modules` are
/// known already, by their names.
pub fn compile(
    source: &Source,
    name: Option<&str>,
    session: Option<&Session>,
    modules: BTreeMap<Box<str>, Arc<Interface>>,
    library: &mut dyn Library,
) -> Built {
    let mut graph = Graph {
        session,
        library,
        stack: vec![Node::new(name.unwrap_or(source.name()).into(), source.clone())],
        settled: BTreeMap::new(),
        interfaces: modules,
        modules: Vec::new(),
        findings: Vec::new(),
    };
    let compiled = graph.run();
    Built { compiled, modules: graph.modules, findings: graph.findings }
}

/// A text whose imports are being followed.
struct Node {
    name: Box<str>,
    source: Source,
    lexed: Lexed,
    /// The imports that are still to be followed, the next one last.
    left: Vec<Box<str>>,
    paths: BTreeMap<Box<str>, Located>,
}

impl Node {
    fn new(name: Box<str>, source: Source) -> Self {
        let lexed = parse::scan(&source);
        let mut left = parse::file_imports(&source, &lexed);
        left.reverse();
        Self { name, source, lexed, left, paths: BTreeMap::new() }
    }
}

struct Graph<'a> {
    session: Option<&'a Session>,
    library: &'a mut dyn Library,
    /// From the text to the module that is looked at: each imports the next.
    stack: Vec<Node>,
    /// Modules that are compiled, or wrong.
    settled: BTreeMap<Box<str>, Located>,
    interfaces: BTreeMap<Box<str>, Arc<Interface>>,
    modules: Vec<FileModule>,
    findings: Vec<(Source, Vec<Diagnostic>)>,
}

impl Graph<'_> {
    /// The essay's walk, without recursion: chains of imports may be long.
    fn run(&mut self) -> Compiled {
        loop {
            let top = self.stack.len() - 1;
            if let Some(path) = self.stack[top].left.pop() {
                self.follow(path);
                continue;
            }
            let Some(node) = self.stack.pop() else { unreachable!("the text itself is below") };
            let is_module = !self.stack.is_empty();
            let environment = self.library.environment();
            let options = Options {
                environment: &environment,
                session: self.session.filter(|_| !is_module),
                paths: &node.paths,
                modules: &self.interfaces,
                is_module,
            };
            let compiled = compile_scanned(&node.source, node.lexed, &options);
            if !is_module {
                return compiled;
            }
            self.settle(node.name, node.source, compiled);
        }
    }

    /// Follows an import of the text on top.
    fn follow(&mut self, path: Box<str>) {
        let importer = self.stack.len() - 1;
        if self.stack[importer].paths.contains_key(&path) {
            return;
        }
        let located = match self.library.find(&self.stack[importer].name, &path) {
            Err(refusal) => refusal.located(&path),
            Ok(name) => match self.settled(&name).or_else(|| self.cycle(&name)) {
                Some(located) => located,
                None => match self.library.read(&name) {
                    Ok(source) => {
                        // It is asked for again when the module is settled.
                        self.stack[importer].left.push(path);
                        self.stack.push(Node::new(name, source));
                        return;
                    }
                    Err(refusal) => refusal.located(&path),
                },
            },
        };
        self.stack[importer].paths.insert(path, located);
    }

    /// A module that was compiled, now or earlier.
    fn settled(&mut self, name: &str) -> Option<Located> {
        if let Some(located) = self.settled.get(name) {
            return Some(located.clone());
        }
        let interface = self.library.known(name)?;
        self.interfaces.insert(name.into(), interface);
        Some(Located::Module(name.into()))
    }

    /// What an import is that leads back to a text it stands in.
    fn cycle(&self, name: &str) -> Option<Located> {
        let first = self.stack.iter().position(|node| *node.name == *name)?;
        let chain: Vec<&str> = self.stack[first..].iter().map(|node| node.source.name()).collect();
        let (message, help) = match chain[..] {
            [file] => (format!("`{file}` imports itself"), "its own names need no import"),
            [file, ..] => (
                format!("import cycle: {} -> {file}", chain.join(" -> ")),
                "move what they share into a file that imports none of them",
            ),
            [] => return None,
        };
        Some(Located::Refused { message, help: Some(help.to_owned()) })
    }

    fn settle(&mut self, name: Box<str>, source: Source, compiled: Compiled) {
        let Compiled { unit, interface, diagnostics, .. } = compiled;
        if !diagnostics.is_empty() {
            self.findings.push((source, diagnostics));
        }
        let located = match (unit, interface) {
            (Some(unit), Some(interface)) => {
                let interface = Arc::new(interface);
                self.interfaces.insert(name.clone(), interface.clone());
                self.modules.push(FileModule { name: name.clone(), unit, interface });
                Located::Module(name.clone())
            }
            _ => Located::Broken,
        };
        self.settled.insert(name, located);
    }
}

impl Refusal {
    fn located(self, path: &str) -> Located {
        let message = format!("cannot import `{path}`: {}", self.message);
        let close = closest(path, self.candidates.iter().map(String::as_str));
        let help = close.map(|close| format!("did you mean `{close}`?"));
        Located::Refused { message, help }
    }
}

//! The compiler of Lisle: source text to bytecode and diagnostics.
//!
//! ```text
//! text ─ lexer ─► tokens ─ layout ─► tokens with terminators ─ grammar ─► ast
//!      ─ codegen ─► drafts of functions ─ liveness ─► explicit ownership ─ assemble ─► Unit
//! ```
//!
//! It is pure: no input or output, no threads, no environment but the [`Environment`] it is given.
//! Every pass reports what it finds wrong and goes on; [`compile`] gives all of it.

#![forbid(unsafe_code)]

pub mod ast;
pub mod bytecode;
pub mod diagnostics;
pub mod graph;
pub mod source;

mod codegen;
mod familiar;
mod interface;
mod layout;
mod lexer;
mod lint;
mod parse;
mod spelling;
mod token;

use std::{collections::BTreeMap, sync::Arc};

use bumpalo::Bump;
use bytecode::{Global, Unit};
use diagnostics::Diagnostic;
use lexer::Lexed;
use parse::Parsed;
use source::Source;

pub use interface::{Hidden, Interface, Located, Member, ModuleName};

/// How a function may be called: for checks at compile time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Signature {
    /// The parameters, without the rest parameter.
    pub parameters: Arc<[ParameterShape]>,
    /// It takes any number of further positional arguments.
    pub rest: bool,
}

/// A parameter of a [`Signature`], or a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParameterShape {
    /// Its name.
    pub name: Box<str>,
    /// It has a default.
    pub optional: bool,
    /// It is `mut`: the call hands over a place.
    pub mutable: bool,
}

impl Signature {
    /// The parameters' names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|parameter| &*parameter.name)
    }

    /// The number of the parameter of that name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.names().position(|known| known == name)
    }
}

/// What is known of a struct or enum where it is used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TypeShape {
    /// What its values are made of.
    pub body: ShapeBody,
    /// Its functions, methods and operators.
    pub functions: BTreeMap<Box<str>, FunctionShape>,
}

/// What the values of a type are made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ShapeBody {
    /// A struct: its fields, as its constructor takes them.
    Struct(Signature),
    /// An enum: its variants in order.
    Enum(Vec<VariantShape>),
}

/// A variant of an enum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VariantShape {
    /// Its name.
    pub name: Box<str>,
    /// Its fields, as its constructor takes them.
    pub fields: Signature,
}

/// A function of a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionShape {
    /// How it may be called; `self` is not among the parameters.
    pub signature: Signature,
    /// It is called on a value, not on the type.
    pub takes_self: bool,
    /// It may change the value it is called on.
    pub changes_self: bool,
}

/// What exists besides the source: built-in names and standard modules.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Names that are built in everywhere, with how they may be called.
    pub builtins: BTreeMap<Box<str>, Option<Signature>>,
    /// Standard modules with their members.
    pub modules: BTreeMap<Box<str>, BTreeMap<Box<str>, Option<Signature>>>,
}

/// What earlier texts of a session defined.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Module-level names, by slot.
    pub globals: Vec<Global>,
    /// How the functions among them may be called.
    pub signatures: BTreeMap<Box<str>, Signature>,
    /// What is known of the structs and enums among them.
    pub types: BTreeMap<Box<str>, Arc<TypeShape>>,
    /// Imported names: the module, and the member where one was named.
    pub imports: BTreeMap<Box<str>, (ModuleName, Option<Box<str>>)>,
}

/// How to compile.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What exists besides the source.
    pub environment: &'a Environment,
    /// `None`: the text is a whole program. Else it goes on from what earlier texts defined, and
    /// its top-level names stay for later ones.
    pub session: Option<&'a Session>,
    /// Where the paths lead that the text imports.
    pub paths: &'a BTreeMap<Box<str>, Located>,
    /// The file modules that it may name, by their names.
    pub modules: &'a BTreeMap<Box<str>, Arc<Interface>>,
    /// The text is a module: its top-level names are for others as well.
    pub is_module: bool,
}

static NO_PATHS: BTreeMap<Box<str>, Located> = BTreeMap::new();
static NO_MODULES: BTreeMap<Box<str>, Arc<Interface>> = BTreeMap::new();

impl<'a> Options<'a> {
    /// A program of one file.
    pub fn new(environment: &'a Environment) -> Self {
        let (paths, modules) = (&NO_PATHS, &NO_MODULES);
        Self { environment, session: None, paths, modules, is_module: false }
    }

    /// The next text of a session of texts without files.
    pub fn in_session(environment: &'a Environment, session: &'a Session) -> Self {
        Self { session: Some(session), ..Self::new(environment) }
    }
}

/// The outcome of [`compile`].
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The code, when there was no error.
    pub unit: Option<Unit>,
    /// Errors and warnings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// In a session: what is defined after this text, when there was no error.
    pub session: Option<Session>,
    /// Of a module: what others may know of it, when there was no error.
    pub interface: Option<Interface>,
    /// The text ends in the middle of something that more text could complete.
    pub incomplete: bool,
}

/// Compiles a source text.
pub fn compile(source: &Source, options: &Options<'_>) -> Compiled {
    compile_scanned(source, parse::scan(source), options)
}

/// True when the text ends in the middle of something that more text could complete.
pub fn is_incomplete(source: &Source) -> bool {
    parse::parse(source, parse::scan(source), &Bump::new()).incomplete
}

/// Compiles the tokens of a text. The tree lives in an arena of its own meanwhile.
fn compile_scanned(source: &Source, lexed: Lexed, options: &Options<'_>) -> Compiled {
    let arena = Bump::new();
    let parsed = parse::parse(source, lexed, &arena);
    let incomplete = parsed.incomplete;
    if parsed.doubt.total && parsed.diagnostics.iter().any(Diagnostic::is_error) {
        // Where blocks begin and end is not known: judging names would blame them for that.
        let diagnostics = parsed.diagnostics;
        return Compiled { unit: None, diagnostics, session: None, interface: None, incomplete };
    }
    let Parsed { program, diagnostics, doubt, .. } = parsed;
    let compiled = codegen::generate(source, &program, diagnostics, &doubt, options);
    Compiled { incomplete, ..compiled }
}

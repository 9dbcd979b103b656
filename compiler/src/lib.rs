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
pub mod source;

mod codegen;
mod layout;
mod lexer;
mod parse;
mod token;

use std::collections::BTreeMap;

use bytecode::{Global, Unit};
use diagnostics::Diagnostic;
use source::Source;

pub use parse::{Parsed, parse};

/// How a function may be called: for checks at compile time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Signature {
    /// The parameters' names, without the rest parameter.
    pub parameters: Vec<Box<str>>,
    /// How many of them must be given (those without a default; they may stand anywhere).
    pub optional: Vec<bool>,
    /// It takes any number of further positional arguments.
    pub rest: bool,
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
    /// Imported names: the module, and the member where one was named.
    pub imports: BTreeMap<Box<str>, (Box<str>, Option<Box<str>>)>,
}

/// How to compile.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What exists besides the source.
    pub environment: &'a Environment,
    /// `None`: the text is a whole program. Else it goes on from what earlier texts defined, and
    /// its top-level names stay for later ones.
    pub session: Option<&'a Session>,
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
    /// The text ends in the middle of something that more text could complete.
    pub incomplete: bool,
}

/// Compiles a source text.
pub fn compile(source: &Source, options: &Options<'_>) -> Compiled {
    let parsed = parse(source);
    let incomplete = parsed.incomplete;
    if parsed.diagnostics.iter().any(Diagnostic::is_error) {
        // What a statement that could not be read declares is not known: judging the rest would
        // blame it for that.
        let diagnostics = parsed.diagnostics;
        return Compiled { unit: None, diagnostics, session: None, incomplete };
    }
    let compiled = codegen::generate(source, &parsed.program, parsed.diagnostics, options);
    Compiled { incomplete, ..compiled }
}

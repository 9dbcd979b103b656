//! Code generation: the syntax tree to bytecode.
//!
//! One walk resolves names and writes instructions; it reports all the errors it finds and goes
//! on. What it writes is plain (see [`draft`](crate::bytecode::draft)): values are copied
//! where they are needed, ownership is settled afterwards.
//!
//! An expression is evaluated to a [`Dest`]: into a register, for its effects alone, or as the
//! value that the function returns. Values arrive in registers that are dead before; only the last
//! instruction of an expression writes its destination, so that a variable may be assigned what is
//! computed from it.

mod block;
mod call;
mod constants;
mod construct;
mod control;
mod expr;
mod for_place;
mod func;
mod hand_over;
mod imports;
mod matching;
mod names;
mod operators;
mod params;
mod pattern;
mod pattern_type;
mod pattern_value;
mod place;
mod select;
mod spawn;
mod toplevel;
mod type_names;
mod types;
mod walk;

use std::collections::BTreeMap;

use bumpalo::Bump;
use hashbrown::HashMap;

use crate::ast;
use crate::bytecode::{Function, Global, TypeDecl, Unit, assemble::assemble, draft::Label};
use crate::diagnostics::{Code, Diagnostic, review};
use crate::lint;
use crate::parse::Doubt;
use crate::source::{Source, Span};
use crate::{Compiled, Environment, ModuleName, Options, Session, Signature};

use func::{Func, Reg};

/// Where the value of an expression goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Dest {
    /// Nowhere: the expression is evaluated for its effects.
    Discard,
    /// Into a register, dead before.
    Into(Reg),
    /// It is what the function returns.
    Tail,
}

/// What a module-level name stands for.
#[derive(Clone, Debug)]
enum Item {
    /// A function of this unit, called directly.
    Function { index: u32, signature: Signature },
    /// A module slot.
    Slot { slot: u16, signature: Option<Signature> },
    /// A struct or enum.
    Type(types::KnownType),
    /// A variable of the top-level code of a program; functions cannot see it.
    TopVar,
    /// A variable of a session: a local of the line that is being compiled.
    SessionVar { slot: u16 },
    /// A module.
    Module(ModuleName),
    /// A member of a module.
    Member { module: ModuleName, name: Box<str> },
    /// Part of a module that is wrong itself: nothing is known of it.
    Broken,
}

struct Codegen<'a> {
    environment: &'a Environment,
    /// What the text may import.
    files: imports::Files<'a>,
    /// True when top-level names outlive this unit.
    is_session: bool,
    /// Functions being compiled, the innermost last.
    funcs: Vec<Func<'a>>,
    /// The one finished last.
    finished: Func<'a>,
    /// Finished functions by index.
    functions: Vec<Option<Function>>,
    /// Where a function is assembled.
    room: Bump,
    /// How many values each function captures.
    captures: Vec<u16>,
    items: HashMap<&'a str, (Item, Span)>,
    /// Registers of the session's variables that this text names.
    session_vars: HashMap<&'a str, Reg>,
    globals: Vec<Global>,
    /// The structs and enums of this text.
    types: Vec<TypeDecl>,
    /// Where a `?.` that finds nil goes, while the chain it stands in is compiled.
    chain: Option<Label>,
    /// How many blocks stand around the current statement.
    block_depth: u32,
    diagnostics: Vec<Diagnostic>,
}

/// Compiles a parsed program. Diagnostics of the parser are in `diagnostics` already; what they
/// leave open is in `doubt`.
pub(crate) fn generate<'a>(
    source: &Source,
    program: &'a ast::Program<'a>,
    diagnostics: Vec<Diagnostic>,
    doubt: &Doubt,
    options: &Options<'a>,
) -> Compiled {
    let syntax = diagnostics.len();
    let mut codegen = Codegen {
        environment: options.environment,
        files: imports::Files::new(options),
        is_session: options.session.is_some(),
        funcs: Vec::new(),
        finished: Func::default(),
        functions: Vec::new(),
        room: Bump::new(),
        captures: Vec::new(),
        items: HashMap::new(),
        session_vars: HashMap::new(),
        globals: Vec::new(),
        types: Vec::new(),
        chain: None,
        block_depth: 0,
        diagnostics,
    };
    let imports = codegen.program(source, program, options.session);
    if !codegen.diagnostics.iter().any(Diagnostic::is_error) {
        codegen.diagnostics.extend(lint::warnings(program, options));
    }
    let diagnostics = review(source, codegen.diagnostics, syntax, doubt);
    let failed = codegen.files.broken || diagnostics.iter().any(Diagnostic::is_error);
    let interface = (options.is_module && !failed)
        .then(|| imports::interface(source, &codegen.items, &codegen.globals));
    let functions: Option<Vec<Function>> = codegen.functions.into_iter().collect();
    let unit = match functions {
        Some(functions) if !failed => {
            let (source, globals) = (source.clone(), codegen.globals.clone());
            Some(Unit { source, functions, types: codegen.types, globals })
        }
        _ => None,
    };
    let session = options.session.filter(|_| !failed).map(|before| Session {
        globals: codegen.globals,
        signatures: codegen
            .items
            .iter()
            .filter_map(|(name, (item, _))| match item {
                Item::Slot { signature: Some(s), .. } => Some(((*name).into(), s.clone())),
                _ => None,
            })
            .collect(),
        types: codegen
            .items
            .iter()
            .filter_map(|(name, (item, _))| match item {
                Item::Type(ty) => Some(((*name).into(), ty.shape.clone())),
                _ => None,
            })
            .collect(),
        // What this text defines anew is no import any more.
        imports: before
            .imports
            .clone()
            .into_iter()
            .chain(imports)
            .filter(|(name, _)| {
                let item = codegen.items.get(&**name).map(|(item, _)| item);
                matches!(item, Some(Item::Module(_) | Item::Member { .. }))
            })
            .collect::<BTreeMap<_, _>>(),
    });
    Compiled { unit, diagnostics, session, interface, incomplete: false }
}

impl<'a> Codegen<'a> {
    /// The function being compiled.
    fn func(&mut self) -> &mut Func<'a> {
        let last = self.funcs.len() - 1;
        &mut self.funcs[last]
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.report(Diagnostic::error(code, span, message))
    }

    fn report(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        self.diagnostics.push(diagnostic);
        let last = self.diagnostics.len() - 1;
        &mut self.diagnostics[last]
    }

    /// Starts a function; it is the innermost until [`Self::end_function`].
    fn begin_function(&mut self, name: &str, span: Span) {
        let finished = std::mem::take(&mut self.finished);
        self.funcs.push(Func::new(name, span, finished));
    }

    /// Finishes the innermost function as number `index`.
    fn end_function(&mut self, index: u32) -> Vec<func::Capture<'a>> {
        let Some(mut func) = self.funcs.pop() else { return Vec::new() };
        if !func.is_dead_end() {
            func.push_return_nil();
        }
        func.push_mismatches();
        if func.overflows() {
            let span = func.span;
            self.error(Code::TooLarge, span, "this function needs too many variables at once")
                .help = Some("split it up into several functions".to_owned());
        }
        let captures = func.captures.clone();
        // Code after errors may be malformed; it will never run.
        if self.diagnostics.iter().any(Diagnostic::is_error) {
            self.functions[index as usize] = Some(Function::empty());
            return captures;
        }
        let captured = func.finish();
        let assembled = assemble(&func.draft, &self.captures, &self.room);
        self.room.reset();
        self.captures[index as usize] = captured;
        let function = match assembled {
            Some(code) => Function {
                name: std::mem::take(&mut func.name),
                parameters: std::mem::take(&mut func.parameters),
                registers: func.draft.registers,
                captures: captured,
                code: code.words,
                constants: func.constants.take(),
                spans: code.spans,
                handlers: code.handlers,
                live: code.live,
                span: func.span,
                doc: func.doc.take(),
            },
            None => {
                self.error(Code::TooLarge, func.span, "this function is too long");
                Function::empty()
            }
        };
        self.functions[index as usize] = Some(function);
        self.finished = func;
        captures
    }

    /// Makes room for a function.
    fn reserve_function(&mut self) -> u32 {
        self.functions.push(None);
        self.captures.push(0);
        self.functions.len() as u32 - 1
    }
}

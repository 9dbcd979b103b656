//! The top level: which names a module has, functions that may be called above their line, and the
//! variables that a session keeps from line to line.
//!
//! In a program a top-level `let` gets a module slot only when a function names it; else it is a
//! local of the top-level code. In a session every top-level name has a slot. A variable of a
//! session is a local of the line that names it: the line moves it out of its slot at its start and
//! back at its end, however it ends.

use hashbrown::HashSet;

use super::func::{LocalKind, Reg};
use super::imports::Imports;
use super::pattern::names_in_pattern;
use super::types::{KnownType, TypeRef};
use super::{Code, Codegen, Dest, Item};
use crate::ast::{self, FnDecl, PatternKind, Program, Stmt, StmtKind};
use crate::bytecode::{Constant, Global, GlobalKind, Op};
use crate::source::{Source, Span};
use crate::{ParameterShape, Session, Signature};

impl<'a> Codegen<'a> {
    /// Compiles the whole text; function 0 is its top-level code. Gives the imports.
    pub(super) fn program(
        &mut self,
        source: &Source,
        program: &'a Program,
        session: Option<&'a Session>,
    ) -> Imports {
        if let Some(session) = session {
            self.known_from(session);
        }
        let main = self.reserve_function();
        let mut imports = Imports::new();
        let mut declared: Vec<(&'a FnDecl, u32)> = Vec::new();
        let named_in_functions = lets_in_functions(program);
        for stmt in program.stmts {
            self.declare_top(stmt, &named_in_functions, &mut declared, &mut imports);
        }
        self.type_bodies(program);
        for (decl, index) in &declared {
            self.item_function(decl, *index);
        }
        let span = Span::new(0, source.text().len());
        self.begin_function("main", span);
        self.main(program, &declared, session);
        self.end_function(main);
        imports
    }

    fn known_from(&mut self, session: &'a Session) {
        self.globals = session.globals.clone();
        for (slot, global) in session.globals.iter().enumerate() {
            let slot = slot as u16;
            let item = match global.kind {
                GlobalKind::Var => Item::SessionVar { slot },
                GlobalKind::Let | GlobalKind::Fn | GlobalKind::Type => {
                    match session.types.get(&global.name) {
                        Some(shape) => {
                            let (name, shape) = ((&*global.name).into(), shape.clone());
                            Item::Type(KnownType { name, at: TypeRef::Slot(slot), shape })
                        }
                        None => {
                            let signature = session.signatures.get(&global.name).cloned();
                            Item::Slot { slot, signature }
                        }
                    }
                }
            };
            self.items.insert(&global.name, (item, Span::default()));
        }
        for (name, (module, member)) in &session.imports {
            let item = match member {
                None => Item::Module(module.clone()),
                Some(member) => Item::Member { module: module.clone(), name: member.clone() },
            };
            self.items.insert(name, (item, Span::default()));
        }
    }

    /// Notes the name that a top-level statement declares.
    fn declare_top(
        &mut self,
        stmt: &'a Stmt<'a>,
        named_in_functions: &HashSet<&'a str>,
        declared: &mut Vec<(&'a FnDecl<'a>, u32)>,
        imports: &mut Imports,
    ) {
        match &stmt.kind {
            StmtKind::Fn(decl) => {
                let signature = signature_of(decl.params);
                let index = self.reserve_function();
                declared.push((decl, index));
                let item = if self.is_session {
                    let slot = self.slot(decl.name.name, GlobalKind::Fn);
                    Item::Slot { slot, signature: Some(signature) }
                } else {
                    Item::Function { index, signature }
                };
                self.declare_item(decl.name.name, item, decl.name.span);
            }
            StmtKind::Let { pattern, mutable, .. } => {
                names_in_pattern(pattern, &mut |name, span| {
                    let item = match (self.is_session, *mutable) {
                        (false, true) => Item::TopVar,
                        (true, true) => Item::SessionVar { slot: self.slot(name, GlobalKind::Var) },
                        (false, false)
                            if !named_in_functions.contains(name) && !self.files.exports(name) =>
                        {
                            Item::TopVar
                        }
                        (_, false) => {
                            Item::Slot { slot: self.slot(name, GlobalKind::Let), signature: None }
                        }
                    };
                    self.declare_item(name, item, span);
                });
            }
            StmtKind::Import(import) => self.declare_import(import, imports),
            StmtKind::Struct(decl) => self.declare_struct(decl),
            StmtKind::Enum(decl) => self.declare_enum(decl),
            StmtKind::Expr(_) | StmtKind::Assign { .. } | StmtKind::Defer(_) | StmtKind::Error => {}
        }
    }

    pub(super) fn slot(&mut self, name: &str, kind: GlobalKind) -> u16 {
        // A redefinition in a session takes over the slot, so that earlier functions see it. What was
        // none becomes a variable in a slot of its own: functions cannot see variables.
        let is_var = |kind| kind == GlobalKind::Var;
        let known = self.globals.iter().rposition(|g| &*g.name == name);
        let known = known.filter(|at| is_var(self.globals[*at].kind) == is_var(kind));
        let slot = known.unwrap_or_else(|| {
            self.globals.push(Global { name: name.into(), kind });
            self.globals.len() - 1
        });
        self.globals[slot].kind = kind;
        if slot > u16::MAX as usize {
            let message = "too many top-level names";
            self.error(Code::TooLarge, Span::default(), message);
            return 0;
        }
        slot as u16
    }

    pub(super) fn declare_item(&mut self, name: &'a str, item: Item, span: Span) {
        if let Some((_, first)) = self.items.get(name)
            && !self.is_session
        {
            let first = *first;
            let message = format!("`{name}` is defined twice in this file");
            let error = self.error(Code::DuplicateName, span, message);
            error.labels.push((first, "first defined here".to_owned()));
            return;
        }
        self.items.insert(name, (item, span));
    }

    /// Compiles a named top-level function.
    fn item_function(&mut self, decl: &'a FnDecl, index: u32) {
        self.begin_function(decl.name.name, decl.span);
        self.func().is_item = true;
        self.func().doc = decl.doc.map(Into::into);
        self.parameters(decl.params);
        self.function_body(decl.body);
        self.end_function(index);
    }

    /// The top-level code.
    fn main(
        &mut self,
        program: &'a Program,
        declared: &[(&'a FnDecl, u32)],
        session: Option<&'a Session>,
    ) {
        if self.is_session {
            for (decl, index) in declared {
                let function = self.func().alloc();
                let k = self.func().constant(Constant::Function(*index));
                self.func().push_wide(Op::LoadConst, function, k);
                self.set_slot(decl.name.name, function);
            }
        }
        let vars = self.take_session_vars(program, session);
        if vars.is_empty() {
            self.statements(program.stmts, Dest::Tail);
            return;
        }
        // The line's value, then every variable back into its slot, however the line ends.
        let func = self.func();
        let (result, error) = (func.alloc(), func.alloc());
        let handler = func.label();
        func.open_region(handler, error, true);
        // Inside: when one cannot be taken, those that were taken go back.
        let taken = self.func().alloc();
        for &(reg, slot) in &vars {
            if self.func().locals.iter().any(|local| local.reg == reg) {
                self.func().push(Op::TakeGlobal, taken, slot, 0);
                self.func().push(Op::Copy, reg, taken, 0);
            }
        }
        self.statements(program.stmts, Dest::Into(result));
        self.func().close_region();
        self.put_back(&vars);
        self.func().push(Op::Ret, result, 0, 0);
        self.func().place(handler);
        self.func().push(Op::Landing, error, 0, 0);
        self.put_back(&vars);
        self.func().push(Op::Rethrow, error, 0, 0);
    }

    /// Makes locals of the session's variables that this line names or declares.
    fn take_session_vars(
        &mut self,
        program: &'a Program,
        session: Option<&'a Session>,
    ) -> Vec<(Reg, u16)> {
        let Some(session) = session else { return Vec::new() };
        let mut declared = HashSet::new();
        for stmt in program.stmts {
            if let StmtKind::Let { pattern, mutable: true, .. } = &stmt.kind {
                names_in_pattern(pattern, &mut |name, _| {
                    declared.insert(name);
                });
            }
        }
        let mut named = HashSet::new();
        for stmt in program.stmts {
            super::walk::names_in_stmt(stmt, &mut |name, _| {
                named.insert(name);
            });
        }
        let mut names: Vec<&str> = named.union(&declared).copied().collect();
        names.sort_unstable();
        let mut vars = Vec::new();
        for name in names {
            let Some((Item::SessionVar { slot }, _)) = self.items.get(name) else { continue };
            let slot = *slot;
            let reg = self.func().alloc();
            self.func().push(Op::LoadNil, reg, 0, 0);
            if session.globals.get(slot as usize).is_some_and(|g| g.kind == GlobalKind::Var) {
                self.func().declare(name, reg, LocalKind::Var);
            }
            self.session_vars.insert(name, reg);
            vars.push((reg, slot));
        }
        vars
    }

    fn put_back(&mut self, vars: &[(Reg, u16)]) {
        for &(reg, slot) in vars {
            self.func().push(Op::SetGlobal, reg, slot, 0);
        }
    }

    /// Sets the module slot of `name`, when it has one, to the consumed register.
    pub(super) fn set_slot(&mut self, name: &str, value: Reg) {
        if let Some((Item::Slot { slot, .. }, _)) = self.items.get(name) {
            let slot = *slot;
            self.func().push(Op::SetGlobal, value, slot, 0);
        }
    }
}

/// How a function with these parameters may be called.
pub(super) fn signature_of(params: &[&ast::Param]) -> Signature {
    let plain = params.iter().filter(|param| !param.rest).map(|param| ParameterShape {
        name: match param.pattern.kind {
            PatternKind::Binding(name) => name.into(),
            _ => "_".into(),
        },
        optional: param.default.is_some(),
        mutable: param.mutable,
    });
    let rest = params.iter().any(|param| param.rest);
    Signature { parameters: plain.collect(), rest }
}

/// The names of top-level `let`s that functions mention.
fn lets_in_functions<'a>(program: &Program<'a>) -> HashSet<&'a str> {
    let mut lets = HashSet::new();
    for stmt in program.stmts {
        if let StmtKind::Let { pattern, mutable: false, .. } = stmt.kind {
            names_in_pattern(pattern, &mut |name, _| {
                lets.insert(name);
            });
        }
    }
    let mut named = HashSet::new();
    if lets.is_empty() {
        return named;
    }
    for stmt in program.stmts {
        if let StmtKind::Fn(_) | StmtKind::Struct(_) | StmtKind::Enum(_) = &stmt.kind {
            super::walk::names_in_stmt(stmt, &mut |name, _| {
                if lets.contains(name) {
                    named.insert(name);
                }
            });
        }
    }
    named
}

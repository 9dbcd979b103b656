//! Blocks and statements: scopes of names, declarations, defers, the value of the last expression.

use super::func::{Control, LocalKind, Reg};
use super::names::Resolved;
use super::pattern::names_in_pattern;
use super::{Code, Codegen, Dest, Item};
use crate::ast::{Block, Expr, ExprKind, FnDecl, Pattern, PatternKind, Stmt, StmtKind};
use crate::bytecode::Op;
use crate::source::Span;

/// How deep defers may stand inside defers: each level is compiled once for every way out.
const MAX_DEFER_DEPTH: u32 = 5;

/// How many defers of one function may wait at a place: the rest of the block is inside of each.
const MAX_DEFERS: usize = 100;

impl<'a> Codegen<'a> {
    /// The body of a function: its value is returned.
    pub(super) fn function_body(&mut self, body: &'a Block) {
        self.block(body, Dest::Tail);
    }

    /// `{ ... }` as a scope of names.
    pub(super) fn block(&mut self, block: &'a Block, dest: Dest) {
        let func = self.func();
        let (names, top) = (func.locals.len(), func.top);
        self.block_depth += 1;
        self.statements(block.stmts, dest);
        self.block_depth -= 1;
        let func = self.func();
        func.locals.truncate(names);
        func.top = top;
    }

    /// The statements of a block; the value of the last goes to `dest`.
    pub(super) fn statements(&mut self, stmts: &'a [&'a Stmt], dest: Dest) {
        let later = self.func().later.len();
        for stmt in stmts {
            match &stmt.kind {
                StmtKind::Let { pattern, .. } => names_in_pattern(pattern, &mut |name, span| {
                    self.func().later.push((name, span));
                }),
                StmtKind::Fn(decl) => {
                    self.func().later.push((decl.name.name, decl.name.span));
                }
                _ => {}
            }
        }
        self.rest_of_block(stmts, dest);
        self.func().later.truncate(later);
    }

    fn rest_of_block(&mut self, stmts: &'a [&'a Stmt], dest: Dest) {
        for (i, stmt) in stmts.iter().enumerate() {
            self.func().span_now = stmt.span;
            if let StmtKind::Defer(body) = &stmt.kind {
                self.deferred(body, stmt.span, &stmts[i + 1..], dest);
                return;
            }
            if let (true, StmtKind::Expr(value)) = (i + 1 == stmts.len(), &stmt.kind) {
                self.eval(value, dest);
                return;
            }
            self.statement(stmt);
        }
        self.nil_to(dest);
    }

    /// Nil where a value is wanted.
    pub(super) fn nil_to(&mut self, dest: Dest) {
        match dest {
            Dest::Discard => {}
            Dest::Into(reg) => {
                self.func().push(Op::LoadNil, reg, 0, 0);
            }
            Dest::Tail => {
                if !self.func().is_dead_end() {
                    self.func().push_return_nil();
                }
            }
        }
    }

    /// A statement whose value nobody wants.
    pub(super) fn statement(&mut self, stmt: &'a Stmt) {
        self.func().span_now = stmt.span;
        let top = self.func().top;
        match &stmt.kind {
            StmtKind::Expr(value) => {
                if let Some(what) = without_effect(value) {
                    let message = format!("{what} has no effect here");
                    let help = self.effect_meant(value);
                    self.error(Code::NoEffect, value.span, message).help = Some(help);
                } else {
                    self.eval(value, Dest::Discard);
                }
                self.func().top = top;
            }
            StmtKind::Let { pattern, mutable, value } => match &pattern.kind {
                PatternKind::Binding(name) => {
                    self.binding(name, *mutable, value, pattern.span);
                }
                _ => self.destructure(pattern, *mutable, value),
            },
            StmtKind::Assign { place, op, value } => {
                self.assign(place, *op, value);
                self.func().top = top;
            }
            StmtKind::Fn(decl) => self.local_fn(decl),
            StmtKind::Defer(_) => {
                // A defer that is the whole body of something has nothing to run after.
                let message = "a `defer` belongs to a block";
                self.error(Code::MisplacedDeclaration, stmt.span, message);
            }
            StmtKind::Import(import) if self.is_top_level() => self.run_import(import),
            StmtKind::Import(_) | StmtKind::Struct(_) | StmtKind::Enum(_) => {
                if !self.is_top_level() {
                    let message = "structs, enums and imports are declared at the top level only";
                    self.error(Code::MisplacedDeclaration, stmt.span, message);
                }
            }
            StmtKind::Error => {}
        }
    }

    /// What an expression without effect was perhaps meant to be.
    fn effect_meant(&mut self, e: &Expr) -> String {
        match &e.kind {
            ExprKind::Binary { op: crate::ast::BinaryOp::Eq, .. } => {
                "write `=` to assign".to_owned()
            }
            ExprKind::Str(_) => "a comment starts with `#`".to_owned(),
            ExprKind::Name(name) => match self.resolve(name) {
                Resolved::Item(Item::Function { .. }) | Resolved::Builtin => {
                    format!("write `{name}()` to call it")
                }
                _ => "use its value, or take the line out".to_owned(),
            },
            ExprKind::Paren(inner) => self.effect_meant(inner),
            _ => "use its value, or take the line out".to_owned(),
        }
    }

    fn is_top_level(&self) -> bool {
        self.funcs.len() == 1 && self.at_module_level()
    }

    /// True in the top-level code itself, outside all blocks.
    fn at_module_level(&self) -> bool {
        let Some(func) = self.funcs.first() else { return false };
        &*func.name == "main" && !func.is_item && self.block_depth == 0
    }

    /// `let name = value` and `var name = value`.
    fn binding(&mut self, name: &'a str, mutable: bool, value: &'a Expr, span: Span) {
        if name == "_" {
            let top = self.func().top;
            self.eval(value, Dest::Discard);
            self.func().top = top;
            return;
        }
        if self.is_top_level()
            && let Some((item, declared)) = self.items.get(name)
            && *declared == span
        {
            match item {
                Item::Slot { .. } => {
                    let reg = self.temp(value);
                    self.set_slot(name, reg);
                    self.func().top = reg;
                    return;
                }
                Item::SessionVar { .. } => {
                    let temp = self.temp(value);
                    if let Some(&reg) = self.session_vars.get(name) {
                        self.func().push(Op::Copy, reg, temp, 0);
                        self.func().declare(name, reg, LocalKind::Var);
                    }
                    self.func().top = temp;
                    return;
                }
                Item::TopVar
                | Item::Type(_)
                | Item::Function { .. }
                | Item::Module(_)
                | Item::Member { .. }
                | Item::Broken => {}
            }
        }
        let reg = self.func().alloc();
        self.eval(value, Dest::Into(reg));
        self.func().top = reg + 1;
        let kind = if mutable { LocalKind::Var } else { LocalKind::Let };
        self.func().declare(name, reg, kind);
        let is_literal =
            matches!(value.kind, ExprKind::List(_) | ExprKind::Map(_) | ExprKind::Str(_));
        if let Some(local) = self.func().locals.last_mut() {
            local.is_literal = is_literal;
        }
    }

    /// `let [a, b] = value` and `var [a, b] = value`.
    fn destructure(&mut self, pattern: &'a Pattern, mutable: bool, value: &'a Expr) {
        let bound = self.bound_names(pattern, None);
        let top = self.func().top;
        let (reg, _) = self.scrutinee(value, false);
        self.take_apart(pattern, reg, &bound);
        self.func().top = top;
        let kind = if mutable { LocalKind::Var } else { LocalKind::Let };
        let is_top_level = self.is_top_level();
        for &(name, span, reg) in &bound.names {
            let item =
                self.items.get(name).filter(|(_, declared)| is_top_level && *declared == span);
            match item {
                Some((Item::Slot { .. }, _)) => self.set_slot(name, reg),
                Some((Item::SessionVar { .. }, _)) => {
                    if let Some(&kept) = self.session_vars.get(name) {
                        self.func().push(Op::Copy, kept, reg, 0);
                        self.func().declare(name, kept, LocalKind::Var);
                    }
                }
                _ => self.func().declare(name, reg, kind),
            }
        }
    }

    /// A function declared inside a block: a closure under a name.
    fn local_fn(&mut self, decl: &'a FnDecl) {
        if self.is_top_level() {
            // Compiled and set before everything else.
            return;
        }
        let index = self.reserve_function();
        self.begin_function(decl.name.name, decl.span);
        self.func().own_name = Some(decl.name.name);
        self.func().doc = decl.doc.map(Into::into);
        self.parameters(decl.params);
        self.function_body(decl.body);
        let captures = self.end_function(index);
        let reg = self.func().alloc();
        self.closure(index, &captures, reg);
        self.func().declare(decl.name.name, reg, LocalKind::Let);
    }

    /// `defer body`, and the rest of the block, on whose every way out it runs.
    fn deferred(&mut self, body: &'a Stmt, span: Span, rest: &'a [&'a Stmt], dest: Dest) {
        if self.func().defer_depth >= MAX_DEFER_DEPTH {
            let message = format!("defers nest more than {MAX_DEFER_DEPTH} deep");
            self.error(Code::TooLarge, span, message);
            return;
        }
        let waiting =
            self.func().controls.iter().filter(|c| matches!(c, Control::Defer { .. })).count();
        if waiting >= MAX_DEFERS {
            let message = format!("more than {MAX_DEFERS} defers wait at once here");
            self.error(Code::TooLarge, span, message).help =
                Some("let one defer clean up a list of things".to_owned());
            return;
        }
        let names = self.func().locals.len();
        let region = self.func().region;
        let body = Control::Defer { body, names, region };
        self.guarded(body, dest, |codegen, dest| codegen.rest_of_block(rest, dest));
    }

    /// Evaluates something with a cleanup around it: the cleanup runs when it ends, when something
    /// leaves it, and when it throws.
    pub(super) fn guarded(
        &mut self,
        cleanup: Control<'a>,
        dest: Dest,
        inside: impl FnOnce(&mut Self, Dest),
    ) {
        let result = if dest == Dest::Tail { Some(self.func().alloc()) } else { None };
        let inner = result.map_or(dest, Dest::Into);
        let func = self.func();
        let error = func.alloc();
        let (handler, end) = (func.label(), func.label());
        func.open_region(handler, error, true);
        func.controls.push(cleanup.clone());
        inside(self, inner);
        let func = self.func();
        func.controls.pop();
        func.close_region();
        let lives = !func.is_dead_end();
        if lives {
            self.clean_up(&cleanup);
            self.func().jump(Op::Jump, 0, 0, end);
        }
        self.func().place(handler);
        self.func().push(Op::Landing, error, 0, 0);
        match &cleanup {
            Control::Scope { .. } => {
                self.func().push(Op::ScopeAbort, error, 0, 0);
            }
            Control::Defer { .. } => self.clean_up_unwinding(&cleanup, error),
            Control::Place { .. } => self.clean_up(&cleanup),
            Control::Loop { .. } | Control::Barrier => {}
        }
        self.func().push(Op::Rethrow, error, 0, 0);
        self.func().place(end);
        if let Some(result) = result {
            self.return_register(result);
        }
    }

    /// Runs a cleanup on the way out without an error.
    pub(super) fn clean_up(&mut self, cleanup: &Control<'a>) {
        match cleanup {
            Control::Scope { .. } => {
                self.func().push(Op::ScopeLeave, 0, 0, 0);
            }
            Control::Defer { body, names, .. } => self.defer_body(body, *names),
            Control::Place { back, .. } => self.put_place_back(back),
            Control::Loop { .. } | Control::Barrier => {}
        }
    }

    /// Runs a defer while `error` unwinds: shielded, and an error of its own joins the first.
    fn clean_up_unwinding(&mut self, cleanup: &Control<'a>, error: Reg) {
        let func = self.func();
        let second = func.alloc();
        let (handler, end) = (func.label(), func.label());
        func.push(Op::Shield, 0, 0, 0);
        func.open_region(handler, second, true);
        self.clean_up(cleanup);
        let func = self.func();
        func.close_region();
        func.jump(Op::Jump, 0, 0, end);
        func.place(handler);
        func.push(Op::Landing, second, 0, 0);
        func.push(Op::Also, error, second, 0);
        func.place(end);
        func.push(Op::ShieldEnd, 0, 0, 0);
    }

    /// The statement of a defer, which sees the names that stood above it.
    fn defer_body(&mut self, body: &'a Stmt, names: usize) {
        let func = self.func();
        let hidden = func.locals.split_off(names);
        let (top, span) = (func.top, func.span_now);
        func.controls.push(Control::Barrier);
        func.defer_depth += 1;
        match &body.kind {
            StmtKind::Expr(value) => {
                self.func().span_now = body.span;
                self.eval(value, Dest::Discard);
            }
            _ => self.statement(body),
        }
        let func = self.func();
        func.defer_depth -= 1;
        func.controls.pop();
        func.top = top;
        func.span_now = span;
        func.locals.truncate(names);
        func.locals.extend(hidden);
    }
}

/// What an expression is, when evaluating it can do nothing but give a value.
fn without_effect(e: &Expr) -> Option<&'static str> {
    match &e.kind {
        ExprKind::Nil
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Str(_) => Some("a literal"),
        ExprKind::Interpolated(_) => Some("a string"),
        ExprKind::Name(_) | ExprKind::TypeName(_) | ExprKind::SelfRef => Some("a name"),
        ExprKind::List(_) => Some("a list"),
        ExprKind::Map(_) => Some("a map"),
        ExprKind::Range { .. } => Some("a range"),
        ExprKind::Unary { .. } | ExprKind::Is { .. } => Some("this value"),
        ExprKind::Binary { op: crate::ast::BinaryOp::Eq, .. } => Some("a comparison"),
        ExprKind::Binary { .. } => Some("this value is computed and thrown away: it"),
        ExprKind::Field { .. } => Some("a field"),
        ExprKind::Index { .. } => Some("an element"),
        ExprKind::Lambda(_) => Some("a lambda"),
        ExprKind::Paren(inner) => without_effect(inner),
        _ => None,
    }
}

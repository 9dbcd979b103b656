//! The walk over the tree: scopes, which names are read, and whose values are wanted.

use super::{Lint, Sort, each_name};
use crate::ast::{
    Arg, AssignOp, Block, Cond, Element, Expr, ExprKind, FnDecl, Index, MapElement, Param, Pattern,
    PatternKind, SelectArm, SelectKind, Stmt, StmtKind, StrPart, TypePath,
};

impl<'a> Lint<'a> {
    /// The statements of a block; `wanted` if somebody gets the value of the last.
    pub(super) fn stmts(&mut self, stmts: &'a [&'a Stmt], wanted: bool) {
        self.unreachable(stmts);
        for (i, stmt) in stmts.iter().enumerate() {
            self.stmt(stmt, wanted && i + 1 == stmts.len());
        }
    }

    fn block(&mut self, block: &'a Block, wanted: bool) {
        let names = self.locals.len();
        self.depth += 1;
        self.stmts(block.stmts, wanted);
        self.depth -= 1;
        self.leave(names);
    }

    fn stmt(&mut self, stmt: &'a Stmt, wanted: bool) {
        match &stmt.kind {
            StmtKind::Expr(e) => self.expr(e, wanted),
            StmtKind::Let { pattern, value, .. } => {
                self.value(value);
                self.empty_block(value);
                self.pattern(pattern);
                if self.depth > 0 {
                    each_name(pattern, &mut |name, span| self.check_shadow(name, span));
                    self.declare(pattern, Sort::Variable);
                }
            }
            StmtKind::Assign { place, op, value } => {
                self.value(value);
                self.empty_block(value);
                match (&place.kind, op) {
                    (ExprKind::Name(name), AssignOp::Set | AssignOp::Op(_)) => self.assigned(name),
                    (ExprKind::Name(_), AssignOp::Coalesce) => self.value(place),
                    _ => self.value(place),
                }
            }
            StmtKind::Defer(body) => self.stmt(body, false),
            StmtKind::Fn(decl) => {
                if self.depth > 0 {
                    self.check_shadow(decl.name.name, decl.name.span);
                    self.declare_ident(&decl.name, Sort::Function);
                }
                let names = self.locals.len();
                // Its own name inside is a call of itself, which is no use of it.
                self.declare_ident(&decl.name, Sort::Free);
                self.function(decl);
                self.leave(names);
            }
            StmtKind::Struct(decl) => {
                let names = self.locals.len();
                self.params(decl.fields);
                self.leave(names);
                decl.functions.iter().for_each(|function| self.function(function));
            }
            StmtKind::Enum(decl) => {
                for (_, payload) in decl.variants {
                    let names = self.locals.len();
                    self.params(payload);
                    self.leave(names);
                }
                decl.functions.iter().for_each(|function| self.function(function));
            }
            StmtKind::Import(_) | StmtKind::Error => {}
        }
    }

    fn function(&mut self, decl: &'a FnDecl) {
        let names = self.locals.len();
        self.params(decl.params);
        self.block(decl.body, true);
        self.leave(names);
    }

    fn params(&mut self, params: &'a [&'a Param]) {
        for param in params {
            if let Some(default) = &param.default {
                self.value(default);
            }
            self.pattern(param.pattern);
            self.declare(param.pattern, Sort::Free);
        }
    }

    /// What a pattern mentions besides the names it binds.
    fn pattern(&mut self, pattern: &'a Pattern) {
        match &pattern.kind {
            PatternKind::Is { ty, .. } => self.type_path(ty),
            PatternKind::List { items, .. } => items.iter().for_each(|item| self.pattern(item)),
            PatternKind::Map { entries, .. } => {
                entries.iter().for_each(|(_, value)| self.pattern(value));
            }
            PatternKind::Constructor { path, args, .. } => {
                self.type_path(path);
                args.iter().copied().flatten().for_each(|arg| self.pattern(arg.pattern));
            }
            PatternKind::Or(alternatives) => {
                alternatives.iter().for_each(|one| self.pattern(one));
            }
            PatternKind::Binding(_)
            | PatternKind::Literal(_)
            | PatternKind::Range { .. }
            | PatternKind::Error => {}
        }
    }

    fn type_path(&mut self, path: &'a TypePath) {
        if let Some(first) = path.parts.first() {
            self.read(first.name);
        }
    }

    fn values(&mut self, list: impl IntoIterator<Item = &'a Expr<'a>>) {
        list.into_iter().for_each(|e| self.value(e));
    }

    fn args(&mut self, args: &'a [Arg]) {
        self.values(args.iter().map(|arg| arg.value));
        args.iter().for_each(|arg| self.empty_block(arg.value));
    }

    /// An expression whose value is wanted.
    fn value(&mut self, e: &'a Expr) {
        self.expr(e, true);
    }

    fn expr(&mut self, e: &'a Expr, wanted: bool) {
        if !wanted {
            self.discarded(e);
        }
        match &e.kind {
            ExprKind::Nil
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_)
            | ExprKind::SelfRef
            | ExprKind::Continue
            | ExprKind::Error => {}
            ExprKind::Name(name) | ExprKind::TypeName(name) => self.read(name),
            ExprKind::Interpolated(parts) => {
                for part in *parts {
                    if let StrPart::Expr { value, .. } = part {
                        self.value(value);
                    }
                }
            }
            ExprKind::List(items) => self.values(items.iter().map(|item| match item {
                Element::Value(e) | Element::Spread(e) => *e,
            })),
            ExprKind::Map(items) => {
                for item in *items {
                    match item {
                        MapElement::Entry { key, value } => self.values([*key, *value]),
                        MapElement::Spread(e) => self.value(e),
                    }
                }
            }
            ExprKind::Range { start, end, step, .. } => {
                self.values([&**start, &**end].into_iter().chain(step.as_deref()));
            }
            ExprKind::Is { value, ty, .. } => {
                self.value(value);
                self.type_path(ty);
            }
            ExprKind::Paren(e) => self.expr(e, true),
            ExprKind::Unary { operand: e, .. }
            | ExprKind::Field { object: e, .. }
            | ExprKind::Spawn(e)
            | ExprKind::Throw(e) => self.value(e),
            ExprKind::Binary { left, right, .. } => self.values([&**left, &**right]),
            ExprKind::Logic { left, right, .. } => {
                self.value(left);
                self.expr(right, wanted);
            }
            ExprKind::Index { object, index } => {
                self.value(object);
                match &**index {
                    Index::At(e) => self.value(e),
                    Index::Open { start, end, .. } => self.values(start.iter().chain(end).copied()),
                }
            }
            ExprKind::Call { callee: e, args } | ExprKind::Method { object: e, args, .. } => {
                self.value(e);
                self.args(args);
            }
            ExprKind::Return(value) | ExprKind::Break(value) => self.values(value.as_deref()),
            ExprKind::Block(block) | ExprKind::Scope { body: block } => self.block(block, wanted),
            ExprKind::Loop { body } => self.block(body, false),
            ExprKind::If { cond, then, otherwise } => {
                let names = self.locals.len();
                self.cond(cond, Sort::Variable);
                self.block(then, wanted);
                self.leave(names);
                if let Some(otherwise) = otherwise {
                    self.expr(otherwise, wanted);
                }
            }
            ExprKind::While { cond, body } => {
                let names = self.locals.len();
                // `while let x = next()` has to name what it goes on for.
                self.cond(cond, Sort::Free);
                self.block(body, false);
                self.leave(names);
            }
            ExprKind::Match { value, arms } => {
                self.value(value);
                for arm in *arms {
                    let names = self.locals.len();
                    self.pattern(arm.pattern);
                    let is_name = matches!(arm.pattern.kind, PatternKind::Binding(_));
                    let sort = if is_name { Sort::Arm } else { Sort::Variable };
                    self.declare(arm.pattern, sort);
                    self.values(arm.guard);
                    self.body(arm.body, wanted);
                    self.leave(names);
                }
            }
            ExprKind::Try { body, name, handler } => {
                // A call may be there for the error it throws.
                self.block(body, true);
                let names = self.locals.len();
                if let Some(name) = name {
                    self.declare(name, Sort::Free);
                }
                self.block(handler, wanted);
                self.leave(names);
            }
            ExprKind::For { first, second, iterable, body, .. } => {
                self.value(iterable);
                let names = self.locals.len();
                for pattern in [Some(first), second.as_ref()].into_iter().flatten() {
                    self.pattern(pattern);
                    self.declare(pattern, Sort::Free);
                }
                self.block(body, false);
                self.leave(names);
            }
            ExprKind::Select { arms } => arms.iter().for_each(|arm| self.arm(arm, wanted)),
            ExprKind::Lambda(lambda) => {
                let names = self.locals.len();
                self.params(lambda.params);
                self.body(lambda.body, true);
                self.leave(names);
            }
        }
    }

    fn arm(&mut self, arm: &'a SelectArm, wanted: bool) {
        self.values(arm.guard);
        let names = self.locals.len();
        match &arm.kind {
            SelectKind::Call { binding, call } => {
                self.value(call);
                if let Some(name) = binding {
                    self.declare_ident(name, Sort::Free);
                }
            }
            SelectKind::After(delay) => self.value(delay),
            SelectKind::Else => {}
        }
        self.body(arm.body, wanted);
        self.leave(names);
    }

    /// The body of a lambda or an arm, which is no statement of the top level.
    fn body(&mut self, body: &'a Stmt, wanted: bool) {
        self.depth += 1;
        self.stmt(body, wanted);
        self.depth -= 1;
    }

    fn cond(&mut self, cond: &'a Cond, plain: Sort) {
        match cond {
            Cond::Expr(e) => self.value(e),
            Cond::Let { pattern, value } => {
                self.value(value);
                self.pattern(pattern);
                let is_plain = matches!(pattern.kind, PatternKind::Binding(_));
                self.declare(pattern, if is_plain { plain } else { Sort::Variable });
            }
        }
    }
}

//! Walks over the tree before it is compiled: what an expression may change, which names it mentions.

use super::place::{path_of, root_name};
use crate::ast::{
    Arg, ArgKind, Block, Cond, Element, Expr, ExprKind, FnDecl, Index, MapElement, Param,
    SelectKind, Stmt, StmtKind, StrPart,
};
use crate::source::Span;

/// True when evaluating `e` may change a local variable of the function it stands in.
pub(super) fn may_write(e: &Expr) -> bool {
    writes(e, &|_| true)
}

/// True when evaluating `e` may change the local variable of this name.
pub(super) fn may_write_to(variable: &str, e: &Expr) -> bool {
    writes(e, &|name| name == variable)
}

/// The same for all variables whose name `hits` accepts.
fn writes(e: &Expr, hits: &dyn Fn(&str) -> bool) -> bool {
    match &e.kind {
        ExprKind::Nil
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Str(_)
        | ExprKind::Name(_)
        | ExprKind::TypeName(_)
        | ExprKind::SelfRef
        | ExprKind::Lambda(_)
        | ExprKind::Error
        | ExprKind::Continue => false,
        ExprKind::Interpolated(parts) => parts.iter().any(|p| match p {
            StrPart::Text(_) => false,
            StrPart::Expr { value, .. } => writes(value, hits),
        }),
        ExprKind::List(items) => items.iter().any(|i| match i {
            Element::Value(e) | Element::Spread(e) => writes(e, hits),
        }),
        ExprKind::Map(items) => items.iter().any(|i| match i {
            MapElement::Entry { key, value } => writes(key, hits) || writes(value, hits),
            MapElement::Spread(e) => writes(e, hits),
        }),
        ExprKind::Range { start, end, step, .. } => {
            writes(start, hits)
                || writes(end, hits)
                || step.as_deref().is_some_and(|step| writes(step, hits))
        }
        ExprKind::Unary { operand: e, .. }
        | ExprKind::Is { value: e, .. }
        | ExprKind::Field { object: e, .. }
        | ExprKind::Paren(e)
        | ExprKind::Throw(e) => writes(e, hits),
        ExprKind::Binary { left, right, .. } | ExprKind::Logic { left, right, .. } => {
            writes(left, hits) || writes(right, hits)
        }
        ExprKind::Index { object, index } => {
            writes(object, hits)
                || match &**index {
                    Index::At(e) => writes(e, hits),
                    Index::Open { start, end, .. } => {
                        [start, end].into_iter().flatten().copied().any(|end| writes(end, hits))
                    }
                }
        }
        ExprKind::Call { callee, args } => {
            writes(callee, hits) || args.iter().any(|arg| hands_over(arg, hits))
        }
        // A method may change the variable it is called on.
        ExprKind::Method { object, args, .. } => {
            root_name(path_of(object).0).is_some_and(hits)
                || writes(object, hits)
                || args.iter().any(|arg| hands_over(arg, hits))
        }
        // There may be assignments in it.
        ExprKind::Block(_)
        | ExprKind::If { .. }
        | ExprKind::Match { .. }
        | ExprKind::Try { .. }
        | ExprKind::While { .. }
        | ExprKind::Loop { .. }
        | ExprKind::For { .. }
        | ExprKind::Scope { .. }
        | ExprKind::Select { .. }
        | ExprKind::Spawn(_)
        | ExprKind::Return(_)
        | ExprKind::Break(_) => true,
    }
}

/// True when evaluating an argument or the call may change such a variable.
fn hands_over(arg: &Arg, hits: &dyn Fn(&str) -> bool) -> bool {
    let is_place = arg.kind == ArgKind::Place;
    (is_place && root_name(path_of(arg.value).0).is_none_or(hits)) || writes(arg.value, hits)
}

/// True when an argument may change a variable: by being evaluated, or in the call.
pub(super) fn argument_writes(arg: &Arg) -> bool {
    arg.kind == ArgKind::Place || may_write(arg.value)
}

/// Visits every name that a statement mentions, at any depth.
pub(super) fn names_in_stmt<'e>(stmt: &'e Stmt, visit: &mut impl FnMut(&'e str, Span)) {
    match &stmt.kind {
        StmtKind::Expr(e) => names_in(e, visit),
        StmtKind::Let { value, .. } => names_in(value, visit),
        StmtKind::Assign { place, value, .. } => {
            names_in(place, visit);
            names_in(value, visit);
        }
        StmtKind::Defer(body) => names_in_stmt(body, visit),
        StmtKind::Fn(decl) => names_in_fn(decl, visit),
        StmtKind::Struct(decl) => {
            names_in_defaults(decl.fields, visit);
            decl.functions.iter().for_each(|f| names_in_fn(f, visit));
        }
        StmtKind::Enum(decl) => {
            decl.variants.iter().for_each(|(_, fields)| names_in_defaults(fields, visit));
            decl.functions.iter().for_each(|f| names_in_fn(f, visit));
        }
        StmtKind::Import(_) | StmtKind::Error => {}
    }
}

fn names_in_fn<'e>(decl: &'e FnDecl, visit: &mut impl FnMut(&'e str, Span)) {
    names_in_defaults(decl.params, visit);
    names_in_block(decl.body, visit);
}

fn names_in_defaults<'e>(params: &'e [&'e Param], visit: &mut impl FnMut(&'e str, Span)) {
    params.iter().filter_map(|p| p.default.as_ref()).for_each(|e| names_in(e, visit));
}

/// Visits every name that a block mentions, at any depth.
pub(super) fn names_in_block<'e>(block: &'e Block, visit: &mut impl FnMut(&'e str, Span)) {
    block.stmts.iter().for_each(|s| names_in_stmt(s, visit));
}

fn names_in_cond<'e>(cond: &'e Cond, visit: &mut impl FnMut(&'e str, Span)) {
    match cond {
        Cond::Expr(e) | Cond::Let { value: e, .. } => names_in(e, visit),
    }
}

fn names_in<'e>(e: &'e Expr, visit: &mut impl FnMut(&'e str, Span)) {
    match &e.kind {
        ExprKind::Nil
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Str(_)
        | ExprKind::TypeName(_)
        | ExprKind::Continue
        | ExprKind::Error => {}
        ExprKind::Name(name) => visit(name, e.span),
        ExprKind::SelfRef => visit("self", e.span),
        ExprKind::Interpolated(parts) => {
            for part in *parts {
                if let StrPart::Expr { value, .. } = part {
                    names_in(value, visit);
                }
            }
        }
        ExprKind::List(items) => items.iter().for_each(|i| match i {
            Element::Value(e) | Element::Spread(e) => names_in(e, visit),
        }),
        ExprKind::Map(items) => items.iter().for_each(|i| match i {
            MapElement::Entry { key, value } => {
                names_in(key, visit);
                names_in(value, visit);
            }
            MapElement::Spread(e) => names_in(e, visit),
        }),
        ExprKind::Range { start, end, step, .. } => {
            names_in(start, visit);
            names_in(end, visit);
            if let Some(step) = step {
                names_in(step, visit);
            }
        }
        ExprKind::Unary { operand: e, .. }
        | ExprKind::Is { value: e, .. }
        | ExprKind::Field { object: e, .. }
        | ExprKind::Paren(e)
        | ExprKind::Spawn(e)
        | ExprKind::Throw(e) => names_in(e, visit),
        ExprKind::Binary { left, right, .. } | ExprKind::Logic { left, right, .. } => {
            names_in(left, visit);
            names_in(right, visit);
        }
        ExprKind::Index { object, index } => {
            names_in(object, visit);
            match &**index {
                Index::At(e) => names_in(e, visit),
                Index::Open { start, end, .. } => {
                    [start, end].into_iter().flatten().for_each(|e| names_in(e, visit));
                }
            }
        }
        ExprKind::Call { callee: e, args } | ExprKind::Method { object: e, args, .. } => {
            names_in(e, visit);
            args.iter().for_each(|a| names_in(a.value, visit));
        }
        ExprKind::Block(block)
        | ExprKind::Loop { body: block }
        | ExprKind::Scope { body: block } => {
            names_in_block(block, visit);
        }
        ExprKind::If { cond, then, otherwise } => {
            names_in_cond(cond, visit);
            names_in_block(then, visit);
            if let Some(e) = otherwise {
                names_in(e, visit);
            }
        }
        ExprKind::Match { value, arms } => {
            names_in(value, visit);
            for arm in *arms {
                if let Some(guard) = &arm.guard {
                    names_in(guard, visit);
                }
                names_in_stmt(arm.body, visit);
            }
        }
        ExprKind::Try { body, handler, .. } => {
            names_in_block(body, visit);
            names_in_block(handler, visit);
        }
        ExprKind::While { cond, body } => {
            names_in_cond(cond, visit);
            names_in_block(body, visit);
        }
        ExprKind::For { iterable, body, .. } => {
            names_in(iterable, visit);
            names_in_block(body, visit);
        }
        ExprKind::Select { arms } => {
            for arm in *arms {
                match &arm.kind {
                    SelectKind::Call { call: e, .. } | SelectKind::After(e) => names_in(e, visit),
                    SelectKind::Else => {}
                }
                if let Some(guard) = &arm.guard {
                    names_in(guard, visit);
                }
                names_in_stmt(arm.body, visit);
            }
        }
        ExprKind::Lambda(lambda) => {
            names_in_defaults(lambda.params, visit);
            names_in_stmt(lambda.body, visit);
        }
        ExprKind::Return(value) | ExprKind::Break(value) => {
            if let Some(e) = value {
                names_in(e, visit);
            }
        }
    }
}

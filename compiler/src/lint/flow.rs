//! Code that nothing gets to: what stands in a block behind something that always leaves it.

use super::Lint;
use crate::ast::{Block, Cond, Expr, ExprKind, SelectKind, Stmt, StmtKind};
use crate::diagnostics::Code;

impl Lint<'_> {
    /// Warns about the first statement behind one that leaves.
    pub(super) fn unreachable(&mut self, stmts: &[&Stmt]) {
        let Some(at) = stmts.iter().position(|stmt| leaves(stmt)) else { return };
        // A declaration is no code that runs.
        let runs = |stmt: &&Stmt| {
            !matches!(
                stmt.kind,
                StmtKind::Fn(_)
                    | StmtKind::Struct(_)
                    | StmtKind::Enum(_)
                    | StmtKind::Import(_)
                    | StmtKind::Error
            )
        };
        if let Some(next) = stmts[at + 1..].iter().find(|stmt| runs(stmt)) {
            let leaving = match &stmts[at].kind {
                StmtKind::Expr(e) => word(e),
                _ => None,
            };
            let message = match leaving {
                Some(word) => format!("nothing gets here: `{word}` has left the block"),
                None => "nothing gets here: what stands above always leaves".to_owned(),
            };
            let above = stmts[at].span;
            let warning = self.warn(Code::Unreachable, next.span, message);
            warning.labels.push((above, "this always leaves".to_owned()));
        }
    }
}

/// The word that leaves, if it is just one.
fn word(e: &Expr) -> Option<&'static str> {
    match &e.kind {
        ExprKind::Return(_) => Some("return"),
        ExprKind::Break(_) => Some("break"),
        ExprKind::Continue => Some("continue"),
        ExprKind::Throw(_) => Some("throw"),
        _ => None,
    }
}

fn leaves(stmt: &Stmt) -> bool {
    matches!(&stmt.kind, StmtKind::Expr(e) if never_ends(e))
}

fn block_leaves(block: &Block) -> bool {
    block.stmts.iter().any(|stmt| leaves(stmt))
}

/// True when what stands behind `e` in its block cannot be reached.
fn never_ends(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Return(_) | ExprKind::Break(_) | ExprKind::Continue | ExprKind::Throw(_) => true,
        ExprKind::Paren(inner) => never_ends(inner),
        ExprKind::Block(block) | ExprKind::Scope { body: block } => block_leaves(block),
        ExprKind::If { then, otherwise: Some(otherwise), .. } => {
            block_leaves(then) && never_ends(otherwise)
        }
        ExprKind::Match { arms, .. } => !arms.is_empty() && arms.iter().all(|arm| leaves(arm.body)),
        ExprKind::Select { arms } => !arms.is_empty() && arms.iter().all(|arm| leaves(arm.body)),
        ExprKind::Try { body, handler, .. } => block_leaves(body) && block_leaves(handler),
        ExprKind::Loop { body } => !breaks_block(body),
        _ => false,
    }
}

fn breaks_block(block: &Block) -> bool {
    block.stmts.iter().any(|stmt| breaks_stmt(stmt))
}

fn breaks_stmt(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Expr(e) | StmtKind::Let { value: e, .. } => breaks(e),
        StmtKind::Assign { place, value, .. } => breaks(place) || breaks(value),
        StmtKind::Defer(_)
        | StmtKind::Fn(_)
        | StmtKind::Struct(_)
        | StmtKind::Enum(_)
        | StmtKind::Import(_) => false,
        StmtKind::Error => true,
    }
}

/// True when `e` may hold a `break` of the loop around it. In doubt it may.
fn breaks(e: &Expr) -> bool {
    let cond = |cond: &Cond| match cond {
        Cond::Expr(e) | Cond::Let { value: e, .. } => breaks(e),
    };
    match &e.kind {
        ExprKind::Nil
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Str(_)
        | ExprKind::Name(_)
        | ExprKind::TypeName(_)
        | ExprKind::SelfRef
        | ExprKind::Continue
        // Loops and functions inside have breaks of their own; what heads them is no place for one.
        | ExprKind::Loop { .. }
        | ExprKind::While { .. }
        | ExprKind::For { .. }
        | ExprKind::Lambda(_)
        | ExprKind::Spawn(_) => false,
        ExprKind::Call { callee: e, args } | ExprKind::Method { object: e, args, .. } => {
            breaks(e) || args.iter().any(|arg| breaks(arg.value))
        }
        ExprKind::Paren(e)
        | ExprKind::Throw(e)
        | ExprKind::Field { object: e, .. }
        | ExprKind::Unary { operand: e, .. }
        | ExprKind::Is { value: e, .. } => breaks(e),
        ExprKind::Return(value) => value.as_deref().is_some_and(breaks),
        ExprKind::Binary { left, right, .. } | ExprKind::Logic { left, right, .. } => {
            breaks(left) || breaks(right)
        }
        ExprKind::Block(block) | ExprKind::Scope { body: block } => breaks_block(block),
        ExprKind::If { cond: c, then, otherwise } => {
            cond(c) || breaks_block(then) || otherwise.as_deref().is_some_and(breaks)
        }
        ExprKind::Match { value, arms } => {
            breaks(value) || arms.iter().any(|arm| breaks_stmt(arm.body))
        }
        ExprKind::Select { arms } => arms.iter().any(|arm| {
            breaks_stmt(arm.body)
                || matches!(&arm.kind, SelectKind::Call { call: e, .. } | SelectKind::After(e) if breaks(e))
        }),
        ExprKind::Try { body, handler, .. } => breaks_block(body) || breaks_block(handler),
        ExprKind::Break(_)
        | ExprKind::Interpolated(_)
        | ExprKind::List(_)
        | ExprKind::Map(_)
        | ExprKind::Range { .. }
        | ExprKind::Index { .. }
        | ExprKind::Error => true,
    }
}

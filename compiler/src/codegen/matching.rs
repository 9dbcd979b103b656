//! `match`: its arms in order, and whether they can all be reached and leave nothing out.

use super::func::{LocalKind, Reg};
use super::names::Resolved;
use super::pattern::fits_all;
use super::type_names::Named;
use super::types::KnownType;
use super::walk::may_write;
use super::{Code, Codegen, Dest};
use crate::ShapeBody;
use crate::ast::{Expr, ExprKind, MatchArm, Pattern, PatternKind, StmtKind, TypePath};
use crate::bytecode::Op;
use crate::diagnostics::Diagnostic;
use crate::source::Span;

impl<'a> Codegen<'a> {
    pub(super) fn match_value(
        &mut self,
        value: &'a Expr,
        arms: &'a [&'a MatchArm],
        span: Span,
        dest: Dest,
    ) {
        let top = self.func().top;
        let guards_write = arms.iter().filter_map(|arm| arm.guard).any(may_write);
        let (scrutinee, is_stable) = self.scrutinee(value, guards_write);
        let end = self.func().label();
        let mut caught: Option<Span> = None;
        for arm in arms {
            if let Some(catcher) = caught {
                let message = "nothing gets to this arm";
                let error = self.error(Code::WrongPattern, arm.pattern.span, message);
                error.labels.push((catcher, "this arm catches everything".to_owned()));
                break;
            }
            let next = self.func().label();
            let names = self.func().locals.len();
            let inside = self.func().top;
            let bound = self.bound_names(arm.pattern, is_stable.then_some(scrutinee));
            self.test(arm.pattern, scrutinee, &bound, next);
            self.declare_bound(&bound, LocalKind::Bound);
            if let Some(guard) = &arm.guard {
                self.jump_if(guard, false, next);
            } else if fits_all(arm.pattern) {
                caught = Some(arm.pattern.span);
            }
            match &arm.body.kind {
                StmtKind::Expr(value) => self.eval(value, dest),
                _ => {
                    self.statement(arm.body);
                    self.nil_to(dest);
                }
            }
            self.func().locals.truncate(names);
            self.func().top = inside;
            if !self.func().is_dead_end() {
                self.func().jump(Op::Jump, 0, 0, end);
            }
            self.func().place(next);
        }
        if caught.is_none() {
            self.func().span_now = span;
            self.func().push(Op::MatchError, scrutinee, 0, 0);
            self.check_variants(arms, value.span);
        }
        self.func().place(end);
        self.func().top = top;
    }

    /// The register of the value that is taken apart, and whether nothing but that value is ever in
    /// it. A variable is not copied: what its patterns bind is, as far as it is needed.
    pub(super) fn scrutinee(&mut self, value: &'a Expr, may_change: bool) -> (Reg, bool) {
        let mut inner = value;
        while let ExprKind::Paren(e) = &inner.kind {
            inner = e;
        }
        let name = super::place::root_name(inner);
        match name.map(|name| self.resolve(name)) {
            Some(Resolved::Local { kind: LocalKind::Var, .. }) if may_change => {
                (self.temp(value), true)
            }
            Some(Resolved::Local { reg, kind }) => (reg, kind != LocalKind::Var),
            _ => (self.temp(value), true),
        }
    }

    /// Warns when the arms name variants of one enum, and leave some out.
    fn check_variants(&mut self, arms: &'a [&'a MatchArm], span: Span) {
        let mut paths = Vec::new();
        arms.iter().for_each(|arm| type_paths(arm.pattern, &mut paths));
        let mut found: Option<KnownType> = None;
        let mut named = Vec::new();
        for path in paths {
            let (ty, variant) = match self.known_type_path(path) {
                Some(Named::Variant(ty, variant)) => (ty, variant),
                // `x is Shape` takes them all.
                Some(Named::Type(ty)) if matches!(ty.shape.body, ShapeBody::Enum(_)) => return,
                Some(Named::Type(_) | Named::Builtin(_)) | None => continue,
            };
            if found.as_ref().is_some_and(|known| known.shape != ty.shape) {
                return;
            }
            named.push(variant);
            found = Some(ty);
        }
        let Some(KnownType { name, shape, .. }) = found else { return };
        let ShapeBody::Enum(variants) = &shape.body else { return };
        let missing: Vec<String> = variants
            .iter()
            .enumerate()
            .filter(|(i, _)| !named.contains(i))
            .map(|(_, variant)| format!("`{name}.{}`", variant.name))
            .collect();
        if missing.is_empty() {
            return;
        }
        let message = format!("this `match` has no arm for {}", missing.join(", "));
        let warning = Diagnostic::warning(Code::MissingVariant, span, message)
            .help("add the arms, or `_ => ...` for all others");
        self.report(warning);
    }
}

/// The types that a pattern names for the whole value.
fn type_paths<'p>(pattern: &Pattern<'p>, paths: &mut Vec<&'p TypePath<'p>>) {
    match &pattern.kind {
        PatternKind::Constructor { path, .. } => paths.push(path),
        PatternKind::Is { ty, .. } => paths.push(ty),
        PatternKind::Or(all) => all.iter().for_each(|one| type_paths(one, paths)),
        _ => {}
    }
}

//! Values that are thrown away where getting them was all that a call did.

use super::Lint;
use crate::ast::{Expr, ExprKind};
use crate::diagnostics::Code;

/// Methods of the built-in types that only give a value, and that no handle has under these names.
const PURE_METHODS: &[&str] = &[
    "chars",
    "chunks",
    "contains",
    "ends_with",
    "entries",
    "enumerate",
    "filter",
    "flat_map",
    "flatten",
    "group_by",
    "index_of",
    "is_empty",
    "keys",
    "len",
    "map",
    "pad",
    "repeat",
    "replace",
    "reverse",
    "slice",
    "sort",
    "sort_by",
    "split",
    "starts_with",
    "sum",
    "to_lower",
    "to_upper",
    "trim",
    "trim_end",
    "trim_start",
    "unique",
    "values",
    "zip",
];

/// Those whose result people expect to find in the receiver.
const LOOKS_MUTATING: &[&str] = &[
    "filter",
    "flatten",
    "map",
    "pad",
    "repeat",
    "replace",
    "reverse",
    "sort",
    "sort_by",
    "to_lower",
    "to_upper",
    "trim",
    "trim_end",
    "trim_start",
    "unique",
];

/// Built-in functions that only give a value, and do not fail on most.
const PURE_FUNCTIONS: &[&str] =
    &["abs", "bool", "chr", "error", "max", "min", "ord", "str", "type"];

/// Standard modules all of whose functions only give a value.
const PURE_MODULES: &[&str] = &["math"];

impl Lint<'_> {
    /// Warns about `{}` where a value is wanted: people mean a map.
    pub(super) fn empty_block(&mut self, value: &Expr) {
        if let ExprKind::Block(block) = &value.kind
            && block.stmts.is_empty()
        {
            let message = "this block is empty: its value is nil";
            self.warn(Code::EmptyBlock, value.span, message).help =
                Some("an empty map is written `[:]`".to_owned());
        }
    }

    /// Warns when the value of the statement `e`, which nobody wants, is all that `e` does.
    pub(super) fn discarded(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Paren(inner) => self.discarded(inner),
            ExprKind::Call { callee, .. } => {
                let ExprKind::Name(name) = &callee.kind else { return };
                if !PURE_FUNCTIONS.contains(&&**name) || !self.is_builtin(name) {
                    return;
                }
                let message = format!("what `{name}` gives is thrown away");
                let help = match &**name {
                    "error" => "write `throw error(...)` to throw it".to_owned(),
                    _ => "use the value, or take the line out".to_owned(),
                };
                self.warn(Code::DiscardedValue, e.span, message).help = Some(help);
            }
            ExprKind::Method { object, name, args, .. } => {
                let method = name.name;
                if let ExprKind::Name(module) = &object.kind
                    && PURE_MODULES.contains(&&**module)
                    && self.is_import(module)
                {
                    let message = format!("what `{module}.{method}` gives is thrown away");
                    self.warn(Code::DiscardedValue, e.span, message).help =
                        Some("use the value, or take the line out".to_owned());
                    return;
                }
                if !PURE_METHODS.contains(&method)
                    || self.methods.contains(method)
                    || self.foreign && !is_built_in_value(object)
                {
                    return;
                }
                let message = format!("what `{method}` gives is thrown away");
                let help = match (&object.kind, method) {
                    (_, "map") => {
                        "`map` gives a new list; to do something with each, write `for` or `each`"
                            .to_owned()
                    }
                    (ExprKind::Name(name), _) if LOOKS_MUTATING.contains(&method) => {
                        let args = if args.is_empty() { "" } else { "..." };
                        format!(
                            "`{method}` changes nothing, it gives a new value: use that, as in \
                             `x = {name}.{method}({args})`"
                        )
                    }
                    (_, _) if LOOKS_MUTATING.contains(&method) => {
                        format!("`{method}` changes nothing, it gives a new value")
                    }
                    _ => "use the value, or take the line out".to_owned(),
                };
                self.warn(Code::DiscardedValue, e.span, message).help = Some(help);
            }
            _ => {}
        }
    }
}

/// The receiver is no value of a type that some other file declares.
fn is_built_in_value(object: &Expr) -> bool {
    match &object.kind {
        ExprKind::Str(_) | ExprKind::Interpolated(_) | ExprKind::List(_) | ExprKind::Map(_) => true,
        ExprKind::Paren(inner) => is_built_in_value(inner),
        _ => false,
    }
}

//! Patterns of structs and variants: which type, and which pattern belongs to which field.

use super::func::Reg;
use super::names::closest;
use super::pattern::Bound;
use super::type_names::Named;
use super::{Code, Codegen};
use crate::ast::{CtorArg, Pattern, PatternKind, TypePath};
use crate::bytecode::Op;
use crate::bytecode::draft::Label;
use crate::source::Span;
use crate::{ShapeBody, Signature};

/// What stands in the parentheses of a pattern, whether `...` ends it, and the whole of it.
type Arguments<'a> = (Option<&'a [&'a CtorArg<'a>]>, bool, Span);

impl<'a> Codegen<'a> {
    /// `Point(x: 0, y)`, `Shape.Empty`
    pub(super) fn test_constructor(
        &mut self,
        path: &'a TypePath,
        arguments: Arguments<'a>,
        value: Reg,
        bound: &Bound<'a>,
        fail: Label,
    ) {
        let Some(named) = self.type_path(path) else { return };
        let Some((name, fields)) = self.fields_to_match(&named, path, arguments) else { return };
        let Some(parts) = self.parts(&name, &fields, arguments) else { return };
        let holds = self.func().alloc();
        self.test_named(&named, value, holds);
        self.func().jump(Op::JumpIfNot, holds, 0, fail);
        for (field, pattern) in parts {
            let name = self.func().string(&field);
            self.test_part(pattern, bound, fail, |c, part| c.func().get_field(part, value, name));
        }
    }

    /// The name of what a pattern wants, and its fields; reports what cannot be matched like that.
    fn fields_to_match(
        &mut self,
        named: &Named,
        path: &TypePath,
        (args, _, span): Arguments<'a>,
    ) -> Option<(String, Signature)> {
        let (name, fields) = match named {
            Named::Builtin(_) => {
                let message = format!("`{}` is not matched by its parts", path.parts[0].name);
                self.error(Code::WrongPattern, path.span, message).help =
                    Some(format!("test for it with a name: `x is {}`", path.parts[0].name));
                return None;
            }
            Named::Type(ty) => match &ty.shape.body {
                ShapeBody::Struct(fields) => (ty.name.to_string(), fields.clone()),
                ShapeBody::Enum(variants) => {
                    let message = format!("`{}` is an enum: a pattern names a variant", ty.name);
                    let help = match variants.first() {
                        Some(first) => format!(
                            "write `{0}.{1}`, or `x is {0}` for any of its values",
                            ty.name, first.name
                        ),
                        None => format!("write `x is {}` for any of its values", ty.name),
                    };
                    self.error(Code::WrongPattern, path.span, message).help = Some(help);
                    return None;
                }
            },
            Named::Variant(ty, variant) => {
                let ShapeBody::Enum(variants) = &ty.shape.body else { return None };
                let variant = &variants[*variant];
                let name = format!("{}.{}", ty.name, variant.name);
                if variant.fields.parameters.is_empty() {
                    if args.is_some() {
                        let message = format!("`{name}` has no fields");
                        self.error(Code::WrongPattern, span, message).help =
                            Some(format!("write `{name}` without parentheses"));
                        return None;
                    }
                    return Some((name, Signature::default()));
                }
                (name, variant.fields.clone())
            }
        };
        if args.is_none() {
            let message = format!("this pattern says nothing about the fields of `{name}`");
            self.error(Code::WrongPattern, span, message).help =
                Some(format!("write `{name}({})`, or `{name}(...)` for any", list_of(&fields)));
            return None;
        }
        Some((name, fields))
    }

    /// Which pattern belongs to which field.
    fn parts(
        &mut self,
        name: &str,
        fields: &Signature,
        (args, rest, span): Arguments<'a>,
    ) -> Option<Vec<(Box<str>, &'a Pattern<'a>)>> {
        let args = args.unwrap_or_default();
        let before = self.diagnostics.len();
        let positional = args.iter().take_while(|arg| arg.field.is_none()).count();
        let by_field = positional < args.len();
        let all = &fields.parameters;
        if positional > all.len() {
            let message = format!("`{name}` has {}, not {positional}", fields_text(fields));
            self.error(Code::WrongPattern, span, message);
            return None;
        }
        if positional < all.len() && !by_field && !rest {
            let message =
                format!("`{name}` has {}, this pattern names {positional}", fields_text(fields));
            self.error(Code::WrongPattern, span, message).help =
                Some("`...` at the end leaves the others out".to_owned());
            return None;
        }
        let mut parts: Vec<(Box<str>, &'a Pattern<'a>)> = Vec::with_capacity(args.len());
        for (i, arg) in args.iter().enumerate() {
            let (field, at) = match (&arg.field, &arg.pattern.kind) {
                _ if i < positional => (all[i].name.clone(), arg.pattern.span),
                (Some(field), _) => (field.name.into(), field.span),
                // After the first `name:` a bare name is the field of that name.
                (None, PatternKind::Binding(field)) if *field != "_" => {
                    ((*field).into(), arg.pattern.span)
                }
                (None, _) => {
                    let message = "after a field's name all fields are named";
                    self.error(Code::WrongPattern, arg.pattern.span, message).help =
                        Some("write `field: pattern`".to_owned());
                    continue;
                }
            };
            if fields.position(&field).is_none() {
                let message = format!("`{name}` has no field `{field}`");
                let close = closest(&field, fields.names());
                let help = close.map(|close| format!("did you mean `{close}`?"));
                self.error(Code::WrongMember, at, message).help = help;
                continue;
            }
            if parts.iter().any(|(known, _)| *known == field) {
                let message = format!("this pattern names the field `{field}` twice");
                self.error(Code::WrongPattern, at, message);
                continue;
            }
            parts.push((field, arg.pattern));
        }
        (self.diagnostics.len() == before).then_some(parts)
    }
}

/// The names of fields or parameters, for messages.
pub(super) fn list_of(signature: &Signature) -> String {
    signature.names().collect::<Vec<_>>().join(", ")
}

/// `1 field (x)`, `2 fields (x, y)`
pub(super) fn fields_text(fields: &Signature) -> String {
    let list = list_of(fields);
    match fields.parameters.len() {
        0 => "no fields".to_owned(),
        1 => format!("1 field ({list})"),
        n => format!("{n} fields ({list})"),
    }
}

//! What is named through a type: new values, functions of the type, variants.

use super::call::{Callee, is_plain};
use super::func::{LocalKind, Reg};
use super::names::{Resolved, closest};
use super::pattern_type::fields_text;
use super::types::{KnownType, TypeRef};
use super::{Code, Codegen, Dest};
use crate::ast::{Arg, ArgKind, Expr, ExprKind, Ident};
use crate::bytecode::{Constant, Op, TypeBody, Word};
use crate::source::Span;
use crate::{ShapeBody, Signature};

/// What is made: a value of a struct, or of a variant of an enum.
struct Made {
    name: String,
    fields: Signature,
    variant: Option<usize>,
}

impl<'a> Codegen<'a> {
    /// The type that an expression names.
    pub(super) fn type_of_expr(&mut self, e: &Expr) -> Option<KnownType> {
        match &e.kind {
            ExprKind::TypeName(name) => self.known_type(name),
            ExprKind::Field { object, name, optional: false } => self.type_as_member(object, name),
            _ => None,
        }
    }

    /// The type that is a member of a module.
    pub(super) fn type_as_member(&mut self, module: &Expr, name: &Ident) -> Option<KnownType> {
        match &module.kind {
            ExprKind::Name(module) => self.type_of_module(module, name.name),
            _ => None,
        }
    }

    /// `Point` as a value.
    pub(super) fn type_name(&mut self, name: &str, span: Span, dest: Dest) {
        match self.known_type(name) {
            Some(ty) => self.produce(dest, |c, dest| c.load_type(&ty, dest)),
            None => self.unknown_type(name, span),
        }
    }

    /// `Point(x, y)`
    pub(super) fn construct(&mut self, ty: &KnownType, args: &'a [Arg], span: Span, dest: Dest) {
        match &ty.shape.body {
            ShapeBody::Struct(fields) => {
                let made =
                    Made { name: ty.name.to_string(), fields: fields.clone(), variant: None };
                self.make(ty, &made, args, span, dest);
            }
            ShapeBody::Enum(variants) => {
                let message =
                    format!("`{}` is an enum: its values are made by its variants", ty.name);
                let help = variants.first().map(|v| format!("write `{}.{}`", ty.name, v.name));
                self.error(Code::WrongMember, span, message).help = help;
            }
        }
    }

    /// `Shape.Circle(r)`, `Stack.new(xs)`
    pub(super) fn call_on_type(
        &mut self,
        ty: &KnownType,
        name: &'a Ident,
        args: &'a [Arg],
        span: Span,
        dest: Dest,
    ) {
        if let (Some(variant), ShapeBody::Enum(variants)) = (ty.variant(name.name), &ty.shape.body)
        {
            let fields = variants[variant].fields.clone();
            let full_name = format!("{}.{}", ty.name, name.name);
            if fields.parameters.is_empty() {
                let message = format!("`{full_name}` has no fields: it is a value already");
                self.error(Code::WrongArguments, span, message).help =
                    Some(format!("write `{full_name}` without parentheses"));
                return;
            }
            let made = Made { name: full_name, fields, variant: Some(variant) };
            self.make(ty, &made, args, span, dest);
            return;
        }
        let top = self.func().top;
        let Some(signature) = self.static_function(ty, name) else { return };
        let full_name = format!("{}.{}", ty.name, name.name);
        self.check_arguments(&full_name, Some(&signature), args, span);
        let callee = match self.function_constant(ty, name).filter(|_| is_plain(args)) {
            Some(k) => Callee::Constant(k),
            None => {
                let reg = self.func().alloc();
                self.load_function(ty, name, reg);
                Callee::Register(reg)
            }
        };
        self.call_of(callee, args, span, dest);
        self.func().top = top;
    }

    /// `Shape.Empty`, `Shape.Circle`, `Stack.new` as values.
    pub(super) fn read_on_type(&mut self, ty: &KnownType, name: &Ident, dest: Reg) {
        if let (Some(variant), ShapeBody::Enum(variants)) = (ty.variant(name.name), &ty.shape.body)
        {
            if !variants[variant].fields.parameters.is_empty() {
                self.load_variant_type(ty, variant, dest);
            } else if let TypeRef::Unit(index) = ty.at {
                let constant = Constant::UnitVariant { ty: index, variant: variant as u32 };
                let k = self.func().constant(constant);
                self.func().push_wide(Op::LoadConst, dest, k);
            } else {
                self.read_of_type(ty, name.name, dest);
            }
            return;
        }
        if self.static_function(ty, name).is_some() {
            self.load_function(ty, name, dest);
        }
    }

    /// A function of a type into a register, to be called there or elsewhere.
    pub(super) fn load_function(&mut self, ty: &KnownType, name: &Ident, dest: Reg) {
        match self.function_of(ty, name) {
            Some(index) => {
                let k = self.func().constant(Constant::Function(index));
                self.func().push_wide(Op::LoadConst, dest, k);
            }
            None => self.read_of_type(ty, name.name, dest),
        }
    }

    /// The function of this unit, when that is where the type is.
    fn function_of(&self, ty: &KnownType, name: &Ident) -> Option<u32> {
        let TypeRef::Unit(index) = ty.at else { return None };
        let functions = &self.types[index as usize].functions;
        functions.iter().find(|f| *f.name == *name.name).map(|f| f.function)
    }

    fn function_constant(&mut self, ty: &KnownType, name: &Ident) -> Option<u16> {
        let index = self.function_of(ty, name)?;
        self.func().short_constant(Constant::Function(index))
    }

    /// How the function of a type may be called; reports when there is none that is called on it.
    fn static_function(&mut self, ty: &KnownType, name: &Ident) -> Option<Signature> {
        let owner = &ty.name;
        let (message, help) = match ty.shape.functions.get(name.name) {
            Some(function) if !function.takes_self => return Some(function.signature.clone()),
            Some(_) => (
                format!("`{}` is a method: it is called on a value of `{owner}`", name.name),
                Some(format!("write `value.{}(...)`", name.name)),
            ),
            None if ty.has_field(name.name) => (
                format!("`{}` is a field of the values of `{owner}`, not of the type", name.name),
                None,
            ),
            None => {
                let variants = match &ty.shape.body {
                    ShapeBody::Struct(_) => &[][..],
                    ShapeBody::Enum(variants) => variants,
                };
                let statics = ty.shape.functions.iter().filter(|(_, f)| !f.takes_self);
                let names = statics.map(|(n, _)| &**n).chain(variants.iter().map(|v| &*v.name));
                let close = closest(name.name, names);
                let what = if variants.is_empty() { "function" } else { "variant or function" };
                (
                    format!("`{owner}` has no {what} `{}`", name.name),
                    close.map(|close| format!("did you mean `{owner}.{close}`?")),
                )
            }
        };
        self.error(Code::WrongMember, name.span, message).help = help;
        None
    }

    fn make(&mut self, ty: &KnownType, made: &Made, args: &'a [Arg], span: Span, dest: Dest) {
        if !self.check_construction(made, args, span) {
            return;
        }
        let top = self.func().top;
        if let TypeRef::Unit(index) = ty.at {
            let constant = match made.variant {
                None => Constant::Type(index),
                Some(variant) => Constant::Variant { ty: index, variant: variant as u32 },
            };
            let all = &made.fields;
            let positions: Option<Vec<usize>> = args
                .iter()
                .enumerate()
                .map(|(i, arg)| match &arg.name {
                    _ if arg.kind != ArgKind::Value => None,
                    None => Some(i),
                    Some(name) => all.position(name.name),
                })
                .collect();
            if let Some(positions) = positions.filter(|p| p.len() == all.parameters.len())
                && let Some(k) = self.func().short_constant(constant)
            {
                let (first, count) = (top, all.parameters.len() as u16);
                if positions.is_sorted() {
                    for arg in args {
                        self.temp(arg.value);
                    }
                } else {
                    self.func().alloc_n(count);
                    for (arg, position) in args.iter().zip(positions) {
                        let inside = self.func().top;
                        self.eval(arg.value, Dest::Into(first + position as u16));
                        self.func().top = inside;
                    }
                }
                self.func().span_now = span;
                self.produce(dest, |c, dest| {
                    let ext = [Word::abc(Op::NewRecord, first, 0, 0)];
                    c.func().push_ext(Op::NewRecord, dest, k, count, &ext);
                });
                self.func().top = top;
                return;
            }
        }
        let constructor = self.constructor_of(ty, made.variant).filter(|_| is_plain(args));
        let known = constructor.and_then(|f| self.func().short_constant(Constant::Function(f)));
        let callee = match known {
            Some(k) => Callee::Constant(k),
            None => {
                let reg = self.func().alloc();
                match made.variant {
                    None => self.load_type(ty, reg),
                    Some(variant) => self.load_variant_type(ty, variant, reg),
                }
                Callee::Register(reg)
            }
        };
        self.call_of(callee, args, span, dest);
        self.func().top = top;
    }

    fn constructor_of(&self, ty: &KnownType, variant: Option<usize>) -> Option<u32> {
        let TypeRef::Unit(index) = ty.at else { return None };
        match (&self.types[index as usize].body, variant) {
            (TypeBody::Struct { constructor, .. }, None) => Some(*constructor),
            (TypeBody::Enum(variants), Some(variant)) => variants[variant].constructor,
            (TypeBody::Struct { .. }, Some(_)) | (TypeBody::Enum(_), None) => None,
        }
    }

    /// Reports fields that are missing, unknown, or given twice.
    fn check_construction(&mut self, made: &Made, args: &[Arg], span: Span) -> bool {
        let before = self.diagnostics.len();
        let Made { name, fields, .. } = made;
        if let Some(arg) = args.iter().find(|a| a.kind == ArgKind::Place) {
            let message = "a new value takes its fields by value, not by `&`";
            self.error(Code::WrongArguments, arg.value.span, message);
            return false;
        }
        let positional = args.iter().filter(|a| a.name.is_none()).count();
        let has_spread = args.iter().any(|a| a.kind == ArgKind::Spread);
        let all = &fields.parameters;
        if positional > all.len() && !has_spread {
            let message =
                format!("`{name}` has {}, {positional} values are given", fields_text(fields));
            self.error(Code::WrongArguments, span, message);
            return false;
        }
        let mut given: Vec<bool> = (0..all.len()).map(|i| i < positional && !has_spread).collect();
        for arg in args {
            let Some(field) = &arg.name else { continue };
            match fields.position(field.name) {
                Some(i) if given[i] => {
                    let message = format!("the field `{}` is given twice", field.name);
                    self.error(Code::WrongArguments, field.span, message);
                }
                Some(i) => given[i] = true,
                None => {
                    let message = format!("`{name}` has no field `{}`", field.name);
                    let close = closest(field.name, fields.names());
                    let help = match close {
                        Some(close) => format!("did you mean `{close}`?"),
                        None => format!("it has {}", fields_text(fields)),
                    };
                    self.error(Code::WrongArguments, field.span, message).help = Some(help);
                }
            }
        }
        if self.diagnostics.len() == before && !has_spread {
            let missing: Vec<String> = all
                .iter()
                .enumerate()
                .filter(|(i, field)| !given[*i] && !field.optional)
                .map(|(_, field)| format!("`{}`", field.name))
                .collect();
            let message = match &missing[..] {
                [] => return true,
                [field] => format!("`{name}` needs a value for its field {field}"),
                fields => format!("`{name}` needs values for its fields {}", fields.join(", ")),
            };
            self.error(Code::WrongArguments, span, message);
        }
        self.diagnostics.len() == before
    }

    /// Reports a method that `self` does not have, or that cannot be called like that.
    pub(super) fn check_self_method(&mut self, name: &Ident, args: &[Arg], span: Span) {
        let Some(ty) = self.type_of_self() else { return };
        let Some(function) = ty.shape.functions.get(name.name) else {
            let (message, help) = if ty.has_field(name.name) {
                (
                    format!("`{}` is a field of `{}`, not a method", name.name, ty.name),
                    Some(format!("call what it holds: `(self.{})(...)`", name.name)),
                )
            } else {
                let methods = ty.shape.functions.iter().filter(|(_, f)| f.takes_self);
                let close = closest(name.name, methods.map(|(n, _)| &**n));
                (
                    format!("`{}` has no method `{}`", ty.name, name.name),
                    close.map(|close| format!("did you mean `{close}`?")),
                )
            };
            self.error(Code::WrongMember, name.span, message).help = help;
            return;
        };
        if !function.takes_self {
            let message = format!("`{}` takes no `self`: it is called on the type", name.name);
            self.error(Code::WrongMember, name.span, message).help =
                Some(format!("write `{}.{}(...)`", ty.name, name.name));
            return;
        }
        let signature = function.signature.clone();
        self.check_arguments(name.name, Some(&signature), args, span);
        if function.changes_self {
            let (why, help) = match self.resolve("self") {
                Resolved::Local { kind: LocalKind::Parameter, .. } => (
                    "which is not `mut` in this method",
                    "write `mut self` in the method's parameters",
                ),
                Resolved::Local { kind: LocalKind::Captured, .. } => (
                    "which is captured by value",
                    "a closure has its own copy; change `self` outside of it",
                ),
                _ => return,
            };
            let message = format!("`{}` changes `self`, {why}", name.name);
            self.error(Code::NotAssignable, name.span, message).help = Some(help.to_owned());
        }
    }
}

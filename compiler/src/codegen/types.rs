//! Structs and enums: their declarations, constructors, methods and operators.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::names::closest;
use super::toplevel::signature_of;
use super::{Code, Codegen, Item};
use crate::ast::{
    EnumDecl, FnDecl, Ident, Param, PatternKind, Program, Stmt, StmtKind, StructDecl,
};
use crate::bytecode::{
    Constant, GlobalKind, Op, TypeBody, TypeDecl, TypeFunction, VariantDecl, Word,
};
use crate::source::Span;
use crate::{FunctionShape, ShapeBody, Signature, TypeShape, VariantShape};

/// The operators of two operands that a type may define.
const BINARY: [&str; 10] = ["+", "-", "*", "/", "//", "%", "**", "==", "<", "[]"];

/// What a type may define for one operand.
const UNARY: [&str; 2] = ["str", "neg"];

/// Where a type is found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum TypeRef {
    /// Among the types of this unit.
    Unit(u32),
    /// In a module slot: a later text of the session may replace it.
    Slot(u16),
    /// In the module of another file, by that module's name and its own.
    Module(Box<str>, Box<str>),
}

/// A struct or enum that can be named.
#[derive(Clone, Debug)]
pub(super) struct KnownType {
    pub(super) name: Arc<str>,
    pub(super) at: TypeRef,
    pub(super) shape: Arc<TypeShape>,
}

impl KnownType {
    /// The number of the variant of that name.
    pub(super) fn variant(&self, name: &str) -> Option<usize> {
        match &self.shape.body {
            ShapeBody::Struct(_) => None,
            ShapeBody::Enum(variants) => variants.iter().position(|v| &*v.name == name),
        }
    }

    /// True when a value of it may have that field.
    pub(super) fn has_field(&self, name: &str) -> bool {
        self.fields().any(|field| field == name)
    }

    /// The fields that a value of it may have.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        let (own, variants) = match &self.shape.body {
            ShapeBody::Struct(fields) => (Some(fields), &[][..]),
            ShapeBody::Enum(variants) => (None, &variants[..]),
        };
        own.into_iter().chain(variants.iter().map(|v| &v.fields)).flat_map(Signature::names)
    }
}

/// The parts of a declaration that a struct and an enum share.
struct Declared<'a> {
    name: &'a str,
    functions: &'a [&'a FnDecl<'a>],
}

fn declared<'a>(stmt: &Stmt<'a>) -> Option<Declared<'a>> {
    match &stmt.kind {
        StmtKind::Struct(d) => Some(Declared { name: d.name.name, functions: d.functions }),
        StmtKind::Enum(d) => Some(Declared { name: d.name.name, functions: d.functions }),
        _ => None,
    }
}

impl<'a> Codegen<'a> {
    /// Notes a struct: its name is known in the whole text.
    pub(super) fn declare_struct(&mut self, decl: &'a StructDecl) {
        self.check_fields(format_args!("{}", decl.name.name), decl.fields);
        let constructor = self.reserve_function();
        let signature = signature_of(decl.fields);
        let body =
            TypeBody::Struct { fields: signature.names().map(Into::into).collect(), constructor };
        let (functions, shapes) = self.declare_functions(decl.name.name, decl.functions);
        let shape = TypeShape { body: ShapeBody::Struct(signature), functions: shapes };
        let (name, doc) = (decl.name.name.into(), decl.doc.map(Into::into));
        let decl_ = TypeDecl { name, body, functions, slot: None, span: decl.span, doc };
        self.declare_type(decl_, shape, decl.name);
    }

    /// Notes an enum.
    pub(super) fn declare_enum(&mut self, decl: &'a EnumDecl) {
        let name = &decl.name.name;
        let mut variants = Vec::with_capacity(decl.variants.len());
        let mut shapes: Vec<VariantShape> = Vec::with_capacity(decl.variants.len());
        for (variant, payload) in decl.variants {
            if shapes.iter().any(|known| *known.name == *variant.name) {
                let message = format!("`{name}` has two variants `{}`", variant.name);
                self.error(Code::DuplicateName, variant.span, message);
            }
            self.check_fields(format_args!("{name}.{}", variant.name), payload);
            let fields = signature_of(payload);
            let constructor = (!payload.is_empty()).then(|| self.reserve_function());
            let names = fields.names().map(Into::into).collect();
            variants.push(VariantDecl { name: variant.name.into(), fields: names, constructor });
            shapes.push(VariantShape { name: variant.name.into(), fields });
        }
        if variants.is_empty() {
            let message = format!("the enum `{name}` has no variants: it would have no values");
            self.error(Code::BadType, decl.name.span, message);
        }
        let (functions, function_shapes) = self.declare_functions(name, decl.functions);
        let shape = TypeShape { body: ShapeBody::Enum(shapes), functions: function_shapes };
        let (name, body, doc) =
            ((*name).into(), TypeBody::Enum(variants), decl.doc.map(Into::into));
        let decl_ = TypeDecl { name, body, functions, slot: None, span: decl.span, doc };
        self.declare_type(decl_, shape, decl.name);
    }

    fn declare_type(&mut self, mut decl: TypeDecl, shape: TypeShape, ident: Ident<'a>) {
        let Ident { name, span } = ident;
        if name == "Error" {
            let message = "`Error` is the type of errors";
            self.error(Code::BadType, span, message).help =
                Some("choose another name; any value can be thrown".to_owned());
        }
        let at = if self.is_session {
            let slot = self.slot(name, GlobalKind::Type);
            decl.slot = Some(slot);
            TypeRef::Slot(slot)
        } else {
            TypeRef::Unit(self.types.len() as u32)
        };
        self.types.push(decl);
        let known = KnownType { name: name.into(), at, shape: Arc::new(shape) };
        self.declare_item(name, Item::Type(known), span);
    }

    /// Reports fields that are more than a name and a default.
    fn check_fields(&mut self, owner: std::fmt::Arguments<'_>, fields: &'a [&'a Param]) {
        let mut known: Vec<&str> = Vec::with_capacity(fields.len());
        for field in fields {
            let PatternKind::Binding(name) = &field.pattern.kind else {
                let message = "a field is a plain name";
                self.error(Code::BadType, field.span, message);
                continue;
            };
            let refused = if field.mutable {
                Some("a field is not `mut`: whether it may be changed depends on the variable")
            } else if field.rest {
                Some("a field holds one value, so it takes no `...`")
            } else if &**name == "_" || &**name == "self" {
                Some("a field needs a name of its own")
            } else {
                None
            };
            if let Some(message) = refused {
                self.error(Code::BadType, field.span, message);
            }
            if known.contains(&&**name) {
                let message = format!("`{owner}` has two fields `{name}`");
                self.error(Code::DuplicateName, field.pattern.span, message);
            }
            known.push(name);
        }
    }

    fn declare_functions(
        &mut self,
        owner: &str,
        functions: &'a [&'a FnDecl],
    ) -> (Vec<TypeFunction>, BTreeMap<Box<str>, FunctionShape>) {
        let mut shapes: BTreeMap<Box<str>, FunctionShape> = BTreeMap::new();
        let mut all = Vec::with_capacity(functions.len());
        for decl in functions {
            let name = &decl.name.name;
            if shapes.contains_key(*name) {
                let message = format!("`{owner}` has two functions `{name}`");
                self.error(Code::DuplicateName, decl.name.span, message);
            }
            let receiver = decl.params.first().filter(|param| is_self(param));
            let takes_self = receiver.is_some();
            let changes_self = receiver.is_some_and(|param| param.mutable);
            self.check_operator(decl, takes_self, changes_self);
            let signature = signature_of(&decl.params[usize::from(takes_self)..]);
            shapes.insert((*name).into(), FunctionShape { signature, takes_self, changes_self });
            let function = self.reserve_function();
            all.push(TypeFunction { name: (*name).into(), function, takes_self });
        }
        (all, shapes)
    }

    /// Reports an operator whose parameters are not its operands.
    fn check_operator(&mut self, decl: &FnDecl, takes_self: bool, changes_self: bool) {
        let name = decl.name.name;
        let (count, form) = if BINARY.contains(&name) {
            (2, format!("fn {name}(self, other)"))
        } else if UNARY.contains(&name) {
            (1, format!("fn {name}(self)"))
        } else {
            return;
        };
        let plain = decl.params.iter().all(|p| !p.rest && !p.mutable && p.default.is_none());
        if takes_self && plain && decl.params.len() == count {
            return;
        }
        let message = if changes_self {
            format!("`{name}` gives a new value: it cannot change `self`")
        } else {
            match count {
                1 => format!("`{name}` takes `self` and nothing else"),
                _ => format!("the operator `{name}` takes `self` and the other operand"),
            }
        };
        self.error(Code::BadType, decl.name.span, message).help = Some(format!("write `{form}`"));
    }

    /// Compiles what the types of a text consist of.
    pub(super) fn type_bodies(&mut self, program: &'a Program) {
        let mut index = 0;
        for stmt in program.stmts {
            let Some(Declared { name, functions }) = declared(stmt) else { continue };
            match &stmt.kind {
                StmtKind::Struct(decl) => self.struct_constructor(decl, index),
                StmtKind::Enum(decl) => self.variant_constructors(decl, index),
                _ => {}
            }
            for (i, function) in functions.iter().enumerate() {
                let number = self.types[index].functions[i].function;
                self.begin_function(&format!("{name}.{}", function.name.name), function.span);
                self.func().is_item = true;
                self.func().owner = Some(name);
                self.func().doc = function.doc.map(Into::into);
                self.parameters(function.params);
                self.function_body(function.body);
                self.end_function(number);
            }
            index += 1;
        }
    }

    fn struct_constructor(&mut self, decl: &'a StructDecl, index: usize) {
        let TypeBody::Struct { constructor, .. } = self.types[index].body else { return };
        let constant = Constant::Type(index as u32);
        self.constructor(decl.name.name, decl.fields, (constructor, constant), decl.span);
    }

    fn variant_constructors(&mut self, decl: &'a EnumDecl, index: usize) {
        for (i, (variant, payload)) in decl.variants.iter().enumerate() {
            let TypeBody::Enum(variants) = &self.types[index].body else { return };
            let Some(constructor) = variants[i].constructor else { continue };
            let constant = Constant::Variant { ty: index as u32, variant: i as u32 };
            let name = format!("{}.{}", decl.name.name, variant.name);
            self.constructor(&name, payload, (constructor, constant), variant.span);
        }
    }

    /// The function that makes a value of its parameters, which are the fields.
    fn constructor(
        &mut self,
        name: &str,
        fields: &'a [&'a Param],
        (number, constant): (u32, Constant),
        span: Span,
    ) {
        if !are_plain(fields) {
            return;
        }
        self.begin_function(name, span);
        self.func().is_item = true;
        self.parameters(fields);
        let Some(k) = self.func().short_constant(constant) else {
            self.too_many_constants(span);
            return;
        };
        let result = self.func().alloc();
        let ext = [Word::abc(Op::NewRecord, 0, 0, 0)];
        self.func().push_ext(Op::NewRecord, result, k, fields.len() as u16, &ext);
        self.return_register(result);
        self.end_function(number);
    }

    /// The type whose method the code stands in, also inside closures.
    pub(super) fn type_of_self(&self) -> Option<KnownType> {
        let method = self.funcs.iter().rev().find(|f| f.is_item)?;
        let has_self = method.parameters.first().is_some_and(|p| &*p.name == "self");
        self.known_type(method.owner.filter(|_| has_self)?)
    }

    /// What to write for a name that is not known, but is something of the type around.
    pub(super) fn sibling(&self, name: &str) -> Option<String> {
        let method = self.funcs.iter().rev().find(|f| f.is_item)?;
        let ty = self.known_type(method.owner?)?;
        match ty.shape.functions.get(name) {
            Some(function) if function.takes_self => {
                Some(format!("a method is called on a value: `self.{name}(...)`"))
            }
            Some(_) => Some(format!("it is called on the type: `{}.{name}(...)`", ty.name)),
            None if ty.has_field(name) => Some(format!("a field is read from `self.{name}`")),
            None => None,
        }
    }

    /// Reports a field that `self` does not have.
    pub(super) fn check_self_field(&mut self, name: &Ident) {
        let Some(ty) = self.type_of_self() else { return };
        if ty.has_field(name.name) {
            return;
        }
        let (message, help) = match ty.shape.functions.get(name.name) {
            Some(function) if function.takes_self => (
                format!("`{}` is a method of `{}`, not a field", name.name, ty.name),
                Some(format!("call it: `self.{}(...)`", name.name)),
            ),
            Some(_) => (
                format!("`{}` is a function of the type `{}`, not a field", name.name, ty.name),
                Some(format!("call it on the type: `{}.{}(...)`", ty.name, name.name)),
            ),
            None => (
                format!("`{}` has no field `{}`", ty.name, name.name),
                closest(name.name, ty.fields()).map(|close| format!("did you mean `{close}`?")),
            ),
        };
        self.error(Code::WrongMember, name.span, message).help = help;
    }
}

/// Different names, perhaps with defaults; what else there is has been reported.
fn are_plain(fields: &[&Param]) -> bool {
    let mut names: Vec<&str> = Vec::with_capacity(fields.len());
    fields.iter().all(|field| match &field.pattern.kind {
        PatternKind::Binding(name) if &**name != "self" && !names.contains(&&**name) => {
            names.push(name);
            !field.rest && !field.mutable
        }
        _ => false,
    })
}

fn is_self(param: &Param) -> bool {
    matches!(&param.pattern.kind, PatternKind::Binding(name) if &**name == "self")
}

//! Names of types: what `Point`, `Shape.Circle`, `geo.Point` and `int` stand for, as a type to test
//! for and as a value.

use super::func::Reg;
use super::names::{Resolved, closest};
use super::types::{KnownType, TypeRef};
use super::{Code, Codegen, Item};
use crate::ast::{Ident, TypePath};
use crate::bytecode::op::NUMBER;
use crate::bytecode::{Constant, Op};
use crate::source::Span;
use crate::{ModuleName, ShapeBody};

/// The built-in types, as `type(v)` spells them.
const BUILT_IN: [&str; 16] = [
    "nil", "bool", "int", "float", "string", "bytes", "list", "map", "set", "range", "function",
    "type", "error", "channel", "thread", "cell",
];

/// What the name of a type stands for.
#[derive(Clone, Debug)]
pub(super) enum Named {
    /// A built-in type, as `type(v)` spells it.
    Builtin(Box<str>),
    /// A struct or enum.
    Type(KnownType),
    /// A variant of an enum.
    Variant(KnownType, usize),
}

impl Codegen<'_> {
    /// The struct or enum of that name.
    pub(super) fn known_type(&self, name: &str) -> Option<KnownType> {
        match &self.items.get(name)?.0 {
            Item::Type(ty) => Some(ty.clone()),
            Item::Member { module: ModuleName::File(module), name } => {
                self.files.type_of(module, name)
            }
            _ => None,
        }
    }

    /// What a path of names stands for, where that is known; says nothing where it is not.
    pub(super) fn known_type_path(&mut self, path: &TypePath) -> Option<Named> {
        let (ty, rest) = match path.parts {
            [first, rest @ ..] if is_upper(first.name) => (self.known_type(first.name)?, rest),
            [module, name, rest @ ..] => (self.type_of_module(module.name, name.name)?, rest),
            _ => return None,
        };
        match rest {
            [] => Some(Named::Type(ty)),
            [variant] => {
                let i = ty.variant(variant.name)?;
                Some(Named::Variant(ty, i))
            }
            _ => None,
        }
    }

    /// What a path of names stands for; reports what it does not.
    pub(super) fn type_path(&mut self, path: &TypePath) -> Option<Named> {
        if let Some(named) = self.known_type_path(path) {
            return Some(named);
        }
        match path.parts {
            [only] if only.name == "Error" => Some(Named::Builtin("error".into())),
            [only] if !is_upper(only.name) => {
                let name = only.name;
                if !BUILT_IN.contains(&name)
                    && let Some(close) = crate::familiar::type_name(name)
                        .or_else(|| closest(name, BUILT_IN.into_iter()))
                {
                    // Objects of the host have types of any name.
                    let message = format!("there is no type `{name}`");
                    self.error(Code::UnknownType, only.span, message).help =
                        Some(format!("did you mean `{close}`?"));
                    return None;
                }
                Some(Named::Builtin(only.name.into()))
            }
            [first, rest @ ..] if is_upper(first.name) => {
                match (self.known_type(first.name), rest) {
                    (Some(ty), [variant, ..]) => self.unknown_variant(&ty, variant),
                    _ => self.unknown_type(first.name, first.span),
                }
                None
            }
            [module, name, rest @ ..] => {
                match (self.type_of_module(module.name, name.name), rest) {
                    (Some(ty), [variant, ..]) => self.unknown_variant(&ty, variant),
                    _ => self.no_type_in_module(module, name),
                }
                None
            }
            _ => None,
        }
    }

    fn no_type_in_module(&mut self, module: &Ident, name: &Ident) {
        match self.resolve(module.name) {
            Resolved::Item(Item::Broken) => {}
            Resolved::Item(Item::Module(known)) => {
                self.unknown_member(&known, name.name, name.span);
            }
            _ => {
                let message = format!("`{}` is no module, so it has no types", module.name);
                self.error(Code::UnknownType, module.span, message);
            }
        }
    }

    /// The type that a module of that name in this text has.
    pub(super) fn type_of_module(&mut self, module: &str, name: &str) -> Option<KnownType> {
        match self.resolve(module) {
            Resolved::Item(Item::Module(ModuleName::File(module))) => {
                self.files.type_of(&module, name)
            }
            _ => None,
        }
    }

    /// Reports that an enum, or a struct, has no such variant.
    pub(super) fn unknown_variant(&mut self, ty: &KnownType, variant: &Ident) {
        let (message, help) = match &ty.shape.body {
            ShapeBody::Struct(_) => {
                (format!("`{}` is a struct: it has no variants", ty.name), None)
            }
            ShapeBody::Enum(variants) => {
                let names = || variants.iter().map(|v| &*v.name);
                let help = match closest(variant.name, names()) {
                    Some(close) => format!("did you mean `{}.{close}`?", ty.name),
                    None => format!("it has {}", names().collect::<Vec<_>>().join(", ")),
                };
                (format!("`{}` has no variant `{}`", ty.name, variant.name), Some(help))
            }
        };
        self.error(Code::UnknownType, variant.span, message).help = help;
    }

    /// Reports the name of a type that is not known.
    pub(super) fn unknown_type(&mut self, name: &str, span: Span) {
        if matches!(self.items.get(name), Some((Item::Broken, _))) {
            return;
        }
        let types = self.items.iter().filter(|(_, (item, _))| matches!(item, Item::Type(_)));
        let close = closest(name, types.map(|(name, _)| &**name)).map(str::to_owned);
        let mut enums: Vec<&str> = self
            .items
            .values()
            .filter_map(|(item, _)| match item {
                Item::Type(ty) if ty.variant(name).is_some() => Some(&*ty.name),
                _ => None,
            })
            .collect();
        enums.sort_unstable();
        let familiar = crate::familiar::exactly(name);
        let help = match (enums.first(), close) {
            (None, _) if name != "Error" && familiar.is_some() => familiar.unwrap_or_default(),
            (Some(owner), _) => format!("a variant is named with its enum: `{owner}.{name}`"),
            (None, Some(close)) => format!("did you mean `{close}`?"),
            (None, None) if name == "Error" => {
                "make one with `error(message, kind: ...)`; test for one with `e is Error`"
                    .to_owned()
            }
            (None, None) => "names of values start with a lower-case letter".to_owned(),
        };
        let message = format!("unknown type `{name}`");
        self.error(Code::UnknownType, span, message).help = Some(help);
    }

    /// Whether the value in a register is of a type, into `holds`; false when there is no such type,
    /// which has been reported.
    pub(super) fn type_test(&mut self, path: &TypePath, value: Reg, holds: Reg) -> bool {
        let Some(named) = self.type_path(path) else { return false };
        self.test_named(&named, value, holds);
        true
    }

    /// As [`Self::type_test`], for a type that is known.
    pub(super) fn test_named(&mut self, named: &Named, value: Reg, holds: Reg) {
        let top = self.func().top;
        let ty = match named {
            Named::Builtin(name) => return self.is_builtin(name, value, holds),
            Named::Type(ty) => {
                let reg = self.func().alloc();
                self.load_type(ty, reg);
                reg
            }
            Named::Variant(ty, variant) => {
                let reg = self.func().alloc();
                self.load_variant_type(ty, *variant, reg);
                reg
            }
        };
        if self.func().last().op == Op::LoadConst {
            // A type is never counted, and is read right here: nothing need drop it.
            self.func().last().word.flags = NUMBER;
        }
        self.func().push(Op::IsRecord, holds, value, ty);
        self.func().top = top;
    }

    /// Whether the value in a register is of a built-in type, into `holds`.
    pub(super) fn is_builtin(&mut self, name: &str, value: Reg, holds: Reg) {
        match self.func().short_constant(Constant::Str(name.into())) {
            Some(k) => {
                self.func().push(Op::IsType, holds, value, k);
            }
            None => {
                let span = self.func().span_now;
                self.too_many_constants(span);
            }
        }
    }

    /// A type as a value.
    pub(super) fn load_type(&mut self, ty: &KnownType, dest: Reg) {
        match &ty.at {
            TypeRef::Unit(index) => {
                let k = self.func().constant(Constant::Type(*index));
                self.func().push_wide(Op::LoadConst, dest, k);
            }
            TypeRef::Slot(slot) => {
                self.func().push(Op::GetGlobal, dest, *slot, 0);
            }
            TypeRef::Module(module, name) => {
                let foreign = Constant::Foreign { module: module.clone(), name: name.clone() };
                let k = self.func().constant(foreign);
                self.func().push_wide(Op::LoadConst, dest, k);
            }
        }
    }

    /// A variant as a type.
    pub(super) fn load_variant_type(&mut self, ty: &KnownType, variant: usize, dest: Reg) {
        if let TypeRef::Unit(index) = ty.at {
            let constant = Constant::Variant { ty: index, variant: variant as u32 };
            let k = self.func().constant(constant);
            self.func().push_wide(Op::LoadConst, dest, k);
            return;
        }
        let ShapeBody::Enum(variants) = &ty.shape.body else { return };
        self.get_variant(ty, &variants[variant].name, dest);
    }

    /// What a type whose declaration is elsewhere has under a name.
    pub(super) fn read_of_type(&mut self, ty: &KnownType, name: &str, dest: Reg) {
        let top = self.func().top;
        let reg = self.func().alloc();
        self.load_type(ty, reg);
        let name = self.func().string(name);
        self.func().get_field(dest, reg, name);
        self.func().top = top;
    }

    /// A variant, as a type, of an enum whose declaration is elsewhere.
    fn get_variant(&mut self, ty: &KnownType, name: &str, dest: Reg) {
        let top = self.func().top;
        let reg = self.func().alloc();
        self.load_type(ty, reg);
        match self.func().short_constant(Constant::Str(name.into())) {
            Some(k) => {
                self.func().push(Op::GetVariant, dest, reg, k);
            }
            None => {
                let span = self.func().span_now;
                self.too_many_constants(span);
            }
        }
        self.func().top = top;
    }
}

/// True for the name of a type or variant.
pub(super) fn is_upper(name: &str) -> bool {
    name.trim_start_matches('_').starts_with(char::is_uppercase)
}

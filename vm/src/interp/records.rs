//! Structs, enums and their types, and the tests that patterns are made of.

#![expect(unsafe_code, reason = "fields are moved from registers into the record")]

use std::sync::Arc;

use lisle_compiler::bytecode::op::OPEN;

use super::machine::{Exit, Machine, Step};
use crate::{
    link::SLOT,
    value::{Kind, Owned, Raw, RecordObject, TypeInfo, TypeKind, TypeRef, did_you_mean, error},
};

/// `a = ` a value of the type that constant `b` names
pub(super) fn new_record(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let ty = m.constant_value(word.b as usize).as_type().expect("linked code names a type");
    debug_assert_eq!(ty.fields().len(), word.c as usize);
    let fields: *const Raw = m.reg(m.extension(1).a);
    // SAFETY: there stand as many values as the type has fields, which the instruction consumes.
    let record = unsafe { RecordObject::allocate(ty, fields) };
    // SAFETY: the record was just made, with one reference.
    m.put(word.a, unsafe { Owned::from_raw(record) });
    m.next(2)
}

/// `a = b is c`
pub(super) fn is_record(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let Some(ty) = m.get(word.c).as_type() else {
        let text = format!("`is` needs a type on its right, not {}", m.get(word.c).type_name());
        return Err(error(Kind::Type, text).into());
    };
    let holds = m.get(word.b).as_record().is_some_and(|record| record.type_ref().is(ty));
    m.put(word.a, Owned::bool(holds));
    m.next(1)
}

/// `a = ` the type of variant `c` of the enum in `b`
pub(super) fn get_variant(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let name = m.text(word.c as usize);
    let value = m.get(word.b);
    let Some(ty) = value.as_type().filter(|ty| ty.kind() == TypeKind::Enum) else {
        let text = format!("only an enum has variants: {} has none", value.type_name());
        return Err(error(Kind::Type, text).into());
    };
    match ty.variant(name).and_then(|variant| variant.info.value()) {
        Some(variant) => {
            m.put(word.a, variant);
            m.next(1)
        }
        None => Err(Exit::Throw(no_variant(&ty, name))),
    }
}

#[cold]
fn no_variant(ty: &TypeInfo, name: &str) -> Owned {
    let hint = did_you_mean(name, ty.variants().iter().map(|variant| variant.info.name()));
    error(Kind::Name, format!("`{}` has no variant `{name}`{hint}", ty.name()))
}

/// `a = b` is a list of so many elements
pub(super) fn match_list(m: &mut Machine<'_>) -> Step {
    let len = m.get(m.word().b).as_list().map(|list| list.len());
    matches(m, len)
}

/// `a = b` is a map of so many entries
pub(super) fn match_map(m: &mut Machine<'_>) -> Step {
    let len = m.get(m.word().b).as_map().map(|map| map.len());
    matches(m, len)
}

fn matches(m: &mut Machine<'_>, len: Option<usize>) -> Step {
    let word = m.word();
    let wanted = word.c as usize;
    let open = word.flags & OPEN != 0;
    let holds = len.is_some_and(|len| len == wanted || open && len > wanted);
    m.put(word.a, Owned::bool(holds));
    m.next(1)
}

/// Why a type cannot be called.
#[cold]
pub(super) fn no_constructor(ty: &TypeInfo) -> Owned {
    let name = ty.full_name();
    let text = match (ty.kind(), ty.variants().first()) {
        (TypeKind::Enum, Some(variant)) => format!(
            "`{name}` is an enum: name one of its variants, as in `{}`",
            variant.info.full_name()
        ),
        _ => format!("`{name}` has no fields: it is written without `()`"),
    };
    error(Kind::Type, text)
}

/// What a name after the dot of a type is, in a call.
pub(super) enum Static {
    /// A function that is called on the type, or makes a value of a variant.
    Function(Owned),
    /// Nothing that can be called so: the error says why.
    Error(Owned),
}

/// What `Type.name(...)` calls.
pub(super) fn of_type(ty: TypeRef, name: &Arc<str>) -> Static {
    if let Some(variant) = ty.variant(name) {
        return match variant.info.constructor() {
            Some(function) => Static::Function(function),
            None => Static::Error(no_constructor(&variant.info)),
        };
    }
    let method = ty.method_by_text(name);
    if let Some(method) = method.filter(|method| method.takes_self) {
        let text = format!(
            "`{}` is a method: call it on a value of `{}`, as in `x.{}(...)`",
            method.name,
            ty.name(),
            method.name
        );
        return Static::Error(error(Kind::Type, text));
    }
    match ty.member(name) {
        Some(function) => Static::Function(function),
        None => {
            let variants = ty.variants().iter().map(|variant| variant.info.name());
            let functions = ty.methods().filter(|method| !method.takes_self).map(|m| &*m.name);
            let hint = did_you_mean(name, variants.chain(functions));
            let text = format!("`{}` has no function `{name}`{hint}", ty.full_name());
            Static::Error(error(Kind::Name, text))
        }
    }
}

// Fields stand in the registers as they do in the record.
const _: () = assert!(SLOT == size_of::<Owned>());

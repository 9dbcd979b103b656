//! Linking types: structs and enums of a unit become what the VM knows of them.
//!
//! Types and functions refer to each other, so it is done in two steps: [`declare`] makes the types
//! with their names and fields; [`define`], when the functions exist as values, sets what they do.

#![expect(unsafe_code, reason = "types and their values live as long as the VM")]

use lisle_compiler::bytecode::{TypeBody, TypeDecl, TypeFunction, Unit};

use super::{Proto, Units};
use crate::{
    value::{
        Behaviour, Operator, Owned, Raw, RecordObject, TypeInfo, TypeMethod, TypeRef, Variant,
    },
    vm::VmShared,
};

/// A struct or enum of a unit.
pub(super) struct LinkedType {
    info: TypeRef,
    /// The type as a value.
    pub(super) value: Raw,
    pub(super) variants: Vec<LinkedVariant>,
}

/// A variant of an enum.
pub(super) struct LinkedVariant {
    info: TypeRef,
    /// The variant as a value that is a type.
    pub(super) value: Raw,
    /// The only value of a variant without fields.
    pub(super) unit: Option<Raw>,
}

impl LinkedType {
    /// The type as a value.
    pub(super) fn owned(&self) -> Owned {
        // SAFETY: the value is immortal, so a reference to it needs no count.
        unsafe { Owned::from_raw(self.value) }
    }
}

impl Units {
    /// Keeps a type as long as the VM lives.
    fn keep_type(&self, info: TypeInfo) -> TypeRef {
        let info = Box::new(info);
        // SAFETY: the box is in a list that only grows, and is dropped after all values.
        let known = unsafe { TypeRef::new(&info) };
        self.types.lock().push(info);
        known
    }

    /// The immortal names of fields.
    fn field_names(&self, fields: &[Box<str>]) -> Box<[Raw]> {
        let mut raws = Vec::with_capacity(fields.len());
        for field in fields {
            let raw = self.text(field);
            raws.push(*self.names.lock().entry(field.clone()).or_insert(raw));
        }
        raws.into()
    }

    /// Makes the type as a value.
    fn type_value(&self, info: TypeRef) -> Raw {
        let value = self.keep(Owned::type_value(info)).into_raw();
        info.set_value(value);
        value
    }
}

/// Makes the types of a unit, without what they do.
pub(super) fn declare(vm: &VmShared, unit: &Unit) -> Vec<LinkedType> {
    unit.types.iter().map(|decl| declare_one(&vm.units, decl)).collect()
}

fn declare_one(units: &Units, decl: &TypeDecl) -> LinkedType {
    let variants = match &decl.body {
        TypeBody::Struct { fields, .. } => {
            let fields = units.field_names(fields);
            let info = units.keep_type(TypeInfo::new_struct(&decl.name, fields));
            info.set_doc(decl.doc.as_deref());
            let value = units.type_value(info);
            return LinkedType { info, value, variants: Vec::new() };
        }
        TypeBody::Enum(variants) => variants,
    };
    let info = units.keep_type(TypeInfo::new_enum(&decl.name));
    info.set_doc(decl.doc.as_deref());
    let value = units.type_value(info);
    let variants: Vec<LinkedVariant> = variants
        .iter()
        .map(|variant| {
            let fields = units.field_names(&variant.fields);
            let info = units.keep_type(TypeInfo::new_variant(info, &variant.name, fields));
            let value = units.type_value(info);
            let unit = variant.fields.is_empty().then(|| {
                // SAFETY: the type has no fields, so nothing is taken over.
                let value = unsafe { RecordObject::allocate(info, std::ptr::dangling()) };
                // SAFETY: it was just made, with one reference.
                units.keep(unsafe { Owned::from_raw(value) }).into_raw()
            });
            LinkedVariant { info, value, unit }
        })
        .collect();
    let known = variants.iter().map(|v| Variant { info: v.info, unit: v.unit }).collect();
    info.set_variants(known);
    LinkedType { info, value, variants }
}

/// Gives the types of a unit their functions.
pub(super) fn define(
    vm: &VmShared,
    unit: &Unit,
    types: &[LinkedType],
    protos: &mut [Box<Proto>],
) -> Result<(), String> {
    for (decl, linked) in unit.types.iter().zip(types) {
        let mut behaviour = Behaviour::default();
        for function in &decl.functions {
            add(vm, &mut behaviour, function, protos)?;
        }
        linked.info.set_behaviour(behaviour);
        match &decl.body {
            TypeBody::Struct { constructor, .. } => {
                constructs(linked.info, *constructor, protos)?;
            }
            TypeBody::Enum(variants) => {
                for (variant, linked) in variants.iter().zip(&linked.variants) {
                    if let Some(constructor) = variant.constructor {
                        constructs(linked.info, constructor, protos)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn add(
    vm: &VmShared,
    behaviour: &mut Behaviour,
    declared: &TypeFunction,
    protos: &[Box<Proto>],
) -> Result<(), String> {
    let proto = protos.get(declared.function as usize).filter(|proto| proto.function.is_heap());
    let Some(proto) = proto else {
        return Err(format!("function {} of a type is no constant", declared.function));
    };
    let function = proto.function;
    if declared.takes_self
        && let Some(operator) = Operator::from_name(&declared.name)
    {
        behaviour.operators[operator as usize] = Some(function);
    }
    // `str` and `neg` may be called by their names as well.
    let method = TypeMethod {
        name: declared.name.clone(),
        function,
        takes_self: declared.takes_self,
        self_mutable: declared.takes_self && proto.places & 1 != 0,
    };
    behaviour.add_method(vm.symbols.intern(&declared.name), method);
    Ok(())
}

fn constructs(info: TypeRef, function: u32, protos: &mut [Box<Proto>]) -> Result<(), String> {
    let proto = protos.get_mut(function as usize).filter(|proto| proto.function.is_heap());
    let Some(proto) = proto else { return Err(format!("constructor {function} is no constant")) };
    proto.constructs = true;
    info.set_constructor(proto.function);
    Ok(())
}

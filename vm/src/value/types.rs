//! What the VM knows of a struct, an enum or a variant, and such a type as a value.
//!
//! There is one [`TypeInfo`] for each struct, each enum and each variant of an enum. The linker makes
//! it in three steps, because functions, values and types of a unit refer to each other: name and
//! fields first; then, when the functions of the unit are there, its variants, value, constructor,
//! methods and operators, each once. Readers take no lock.
//!
//! # Invariants
//!
//! - A `TypeInfo` lives as long as its VM, and so longer than every value that refers to it: making
//!   a [`TypeRef`] promises that.
//! - The values in it (names of fields, functions, unit values) are immortal, so every thread may
//!   have them.
//! - Methods and operators of a variant are those of its enum.

#![expect(unsafe_code, reason = "types are referred to by address, and hold immortal values")]

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::OnceLock;

use super::{Owned, Raw, tag};
use crate::rc::{Body, Heap, class};
use crate::symbols::Symbol;

/// What a type is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TypeKind {
    /// A struct.
    Struct,
    /// An enum; its values are those of its variants.
    Enum,
    /// A variant of an enum.
    Variant,
}

/// The operators that a type may define.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operator {
    /// `+`
    Add,
    /// `-` between two values
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `//`
    FloorDiv,
    /// `%`
    Mod,
    /// `**`
    Pow,
    /// `==`
    Eq,
    /// `<`
    Lt,
    /// `[]`
    Index,
    /// `str`
    Str,
    /// `neg`
    Neg,
}

impl Operator {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::ALL.len();

    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 12] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::FloorDiv,
        Self::Mod,
        Self::Pow,
        Self::Eq,
        Self::Lt,
        Self::Index,
        Self::Str,
        Self::Neg,
    ];

    /// As it is declared: `fn +(self, other)`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Mod => "%",
            Self::Pow => "**",
            Self::Eq => "==",
            Self::Lt => "<",
            Self::Index => "[]",
            Self::Str => "str",
            Self::Neg => "neg",
        }
    }

    /// The operator that is declared under this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.name() == name)
    }
}

/// A function of a type.
#[derive(Clone, Debug)]
pub(crate) struct TypeMethod {
    /// Its name, without the type's.
    pub name: Box<str>,
    /// The immortal function.
    pub function: Raw,
    /// It is called on a value; the others are called on the type.
    pub takes_self: bool,
    /// It is `mut self`.
    pub self_mutable: bool,
}

impl TypeMethod {
    /// The function as a value.
    pub(crate) fn value(&self) -> Owned {
        // SAFETY: immortal.
        unsafe { Owned::from_raw(self.function) }
    }
}

/// A variant of an enum.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    /// Its type.
    pub info: TypeRef,
    /// The immortal value of a variant without fields.
    pub unit: Option<Raw>,
}

/// The functions of a struct or enum.
#[derive(Debug, Default)]
pub(crate) struct Behaviour {
    /// Methods and functions, as they were declared.
    methods: Vec<(Symbol, TypeMethod)>,
    /// Where in `methods` the one with a name is. At least twice as many as methods, and a power of
    /// two: a name's seat is that of its number, or the next that was free.
    seats: Vec<Seat>,
    /// The immortal functions of its operators, by number.
    pub operators: [Option<Raw>; Operator::COUNT],
}

/// Who sits here: a name, and the position of its method.
#[derive(Clone, Copy, Debug)]
struct Seat {
    name: Symbol,
    method: u32,
}

impl Seat {
    const VACANT: Self = Self { name: Symbol(u32::MAX), method: u32::MAX };
}

impl Behaviour {
    /// Adds a method or function, in place of one with the same name.
    pub(crate) fn add_method(&mut self, name: Symbol, method: TypeMethod) {
        if let Some(at) = self.find(name) {
            self.methods[at].1 = method;
            return;
        }
        self.methods.push((name, method));
        if self.seats.len() < 2 * self.methods.len() {
            self.seats = vec![Seat::VACANT; (2 * self.methods.len()).next_power_of_two()];
            (0..self.methods.len()).for_each(|at| self.sit(at));
        } else {
            self.sit(self.methods.len() - 1);
        }
    }

    /// Gives a method its seat.
    fn sit(&mut self, at: usize) {
        let name = self.methods[at].0;
        let mut seat = self.seat_of(name);
        while self.seats[seat].method != Seat::VACANT.method {
            seat = (seat + 1) % self.seats.len();
        }
        self.seats[seat] = Seat { name, method: at as u32 };
    }

    /// The seat of a name, where it is free.
    #[inline(always)]
    fn seat_of(&self, name: Symbol) -> usize {
        name.0 as usize & self.seats.len().wrapping_sub(1)
    }

    fn find(&self, name: Symbol) -> Option<usize> {
        let mut at = self.seat_of(name);
        loop {
            let seat = self.seats.get(at)?;
            if seat.method == Seat::VACANT.method {
                return None;
            }
            if seat.name == name {
                return Some(seat.method as usize);
            }
            at = (at + 1) % self.seats.len();
        }
    }

    /// The method or function with this name, if it has got its own seat.
    #[inline(always)]
    fn find_seated(&self, name: Symbol) -> Option<&TypeMethod> {
        let seat = self.seats.get(self.seat_of(name))?;
        if seat.name != name {
            return None;
        }
        self.methods.get(seat.method as usize).map(|(_, method)| method)
    }
}

/// A struct, an enum or a variant.
#[derive(Debug)]
pub(crate) struct TypeInfo {
    name: Box<str>,
    full_name: Box<str>,
    kind: TypeKind,
    /// The class of its values.
    class: u16,
    /// The enum of a variant.
    parent: Option<TypeRef>,
    /// Immortal strings.
    fields: Box<[Raw]>,
    /// Set by the linker, once; empty but for enums.
    variants: OnceLock<Box<[Variant]>>,
    /// Set by the linker, once; variants ask their enum's.
    behaviour: OnceLock<Behaviour>,
    /// Set by the linker, once: an immortal function. None for an enum and a variant without fields.
    constructor: OnceLock<Raw>,
    /// Set by the linker, once: the type as an immortal value.
    value: OnceLock<Raw>,
    /// Set by the linker, once: the doc comment above it.
    doc: OnceLock<Box<str>>,
}

impl TypeInfo {
    /// A struct with these fields, which are immortal strings.
    pub(crate) fn new_struct(name: &str, fields: Box<[Raw]>) -> Self {
        Self::new(name.into(), name.into(), TypeKind::Struct, None, fields)
    }

    /// An enum.
    pub(crate) fn new_enum(name: &str) -> Self {
        Self::new(name.into(), name.into(), TypeKind::Enum, None, Box::default())
    }

    /// A variant of an enum with these fields, which are immortal strings.
    pub(crate) fn new_variant(parent: TypeRef, name: &str, fields: Box<[Raw]>) -> Self {
        let full_name = format!("{}.{name}", parent.name());
        Self::new(name.into(), full_name.into(), TypeKind::Variant, Some(parent), fields)
    }

    fn new(
        name: Box<str>,
        full_name: Box<str>,
        kind: TypeKind,
        parent: Option<TypeRef>,
        fields: Box<[Raw]>,
    ) -> Self {
        debug_assert!(fields.iter().all(|name| tag::is_string(name.tag)));
        Self {
            name,
            full_name,
            kind,
            class: class::take().unwrap_or(tag::RECORD as u16),
            parent,
            fields,
            variants: OnceLock::new(),
            behaviour: OnceLock::new(),
            constructor: OnceLock::new(),
            value: OnceLock::new(),
            doc: OnceLock::new(),
        }
    }

    /// Says which variants an enum has; counts once.
    pub(crate) fn set_variants(&self, variants: Box<[Variant]>) {
        let _ = self.variants.set(variants);
    }

    /// Says which functions a struct or enum has; counts once.
    pub(crate) fn set_behaviour(&self, behaviour: Behaviour) {
        if behaviour.operators[Operator::Eq as usize].is_some() {
            Heap::note_own_equality();
        }
        let _ = self.behaviour.set(behaviour);
    }

    /// Says which immortal function makes a value of it; counts once.
    pub(crate) fn set_constructor(&self, function: Raw) {
        let _ = self.constructor.set(function);
    }

    /// Says which immortal value ([`Owned::type_value`]) it is; counts once.
    pub(crate) fn set_value(&self, value: Raw) {
        debug_assert!(value.tag == tag::TYPE);
        let _ = self.value.set(value);
    }

    /// Says what its doc comment says; counts once.
    pub(crate) fn set_doc(&self, doc: Option<&str>) {
        if let Some(doc) = doc {
            let _ = self.doc.set(doc.into());
        }
    }

    /// What its doc comment says.
    pub(crate) fn doc(&self) -> &str {
        self.doc.get().map_or("", |doc| doc)
    }

    /// `Point`, `Shape`; of a variant `Circle`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `Point`, `Shape`; of a variant `Shape.Circle`.
    pub(crate) fn full_name(&self) -> &str {
        &self.full_name
    }

    /// What it is.
    pub(crate) fn kind(&self) -> TypeKind {
        self.kind
    }

    /// The class of its values.
    #[inline(always)]
    pub(crate) fn class(&self) -> u16 {
        self.class
    }

    /// What its values are of: the enum of a variant, else itself.
    pub(crate) fn owner(&self) -> &Self {
        match &self.parent {
            Some(parent) => parent,
            None => self,
        }
    }

    /// The names of its fields: strings.
    pub(crate) fn fields(&self) -> &[Owned] {
        let fields: *const [Raw] = &raw const *self.fields;
        // SAFETY: the same layout; immortal values are not counted, so borrowing them is enough.
        unsafe { &*(fields as *const [Owned]) }
    }

    /// Where the field with this name (a string) stands.
    #[inline]
    pub(crate) fn field_index(&self, name: &Owned) -> Option<usize> {
        // The names in code are mostly the very same objects.
        let wanted = name.as_raw();
        let same = self.fields.iter().position(|field| field.same(wanted));
        same.or_else(|| self.field_by_text(name.as_str()?))
    }

    /// Where the field with this name stands.
    pub(crate) fn field_by_text(&self, name: &str) -> Option<usize> {
        self.fields().iter().position(|field| field.as_str() == Some(name))
    }

    /// The variants of an enum.
    pub(crate) fn variants(&self) -> &[Variant] {
        self.variants.get().map_or(&[], |variants| variants)
    }

    /// The variant of an enum with this name.
    pub(crate) fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants().iter().find(|variant| variant.info.name() == name)
    }

    /// The method or function with this name.
    #[inline]
    pub(crate) fn method(&self, name: Symbol) -> Option<&TypeMethod> {
        let behaviour = self.owner().behaviour.get()?;
        Some(&behaviour.methods[behaviour.find(name)?].1)
    }

    /// The same, where it is found at once.
    #[inline(always)]
    pub(crate) fn method_at_once(&self, name: Symbol) -> Option<&TypeMethod> {
        self.owner().behaviour.get()?.find_seated(name)
    }

    /// All methods and functions, in no order.
    pub(crate) fn methods(&self) -> impl Iterator<Item = &TypeMethod> {
        self.owner()
            .behaviour
            .get()
            .into_iter()
            .flat_map(|behaviour| behaviour.methods.iter().map(|(_, method)| method))
    }

    /// The method or function with this name; slower than [`TypeInfo::method`].
    pub(crate) fn method_by_text(&self, name: &str) -> Option<&TypeMethod> {
        self.methods().find(|method| &*method.name == name)
    }

    /// The function of an operator, if the type defines it.
    #[inline]
    pub(crate) fn operator(&self, operator: Operator) -> Option<Owned> {
        let function = self.owner().behaviour.get()?.operators[operator as usize]?;
        // SAFETY: immortal.
        Some(unsafe { Owned::from_raw(function) })
    }

    /// The function that makes a value of it; none for an enum and a variant without fields.
    pub(crate) fn constructor(&self) -> Option<Owned> {
        // SAFETY: immortal.
        self.constructor.get().map(|&function| unsafe { Owned::from_raw(function) })
    }

    /// The type as a value, when it is linked.
    pub(crate) fn value(&self) -> Option<Owned> {
        // SAFETY: immortal.
        self.value.get().map(|&value| unsafe { Owned::from_raw(value) })
    }

    /// What `Type.name` stands for: a variant's value or type, or a function that is called on the
    /// type.
    pub(crate) fn member(&self, name: &str) -> Option<Owned> {
        if let Some(variant) = self.variant(name) {
            // SAFETY: immortal.
            let unit = variant.unit.map(|unit| unsafe { Owned::from_raw(unit) });
            return unit.or_else(|| variant.info.value());
        }
        let method = self.method_by_text(name).filter(|method| !method.takes_self)?;
        // SAFETY: immortal.
        Some(unsafe { Owned::from_raw(method.function) })
    }
}

impl Drop for TypeInfo {
    fn drop(&mut self) {
        if self.class >= class::FIRST {
            class::give_back(self.class);
        }
    }
}

/// Refers to a type, which outlives every value.
#[derive(Clone, Copy)]
pub(crate) struct TypeRef(NonNull<TypeInfo>);

// SAFETY: a `TypeInfo` is changed through set-once cells only, and what is in it is immortal.
unsafe impl Send for TypeRef {}
// SAFETY: as above.
unsafe impl Sync for TypeRef {}

impl TypeRef {
    /// Refers to a type.
    ///
    /// # Safety
    /// The type stays where it is until no value of its VM is left.
    pub(crate) unsafe fn new(info: &TypeInfo) -> Self {
        Self(NonNull::from(info))
    }

    /// Where the type stands.
    pub(crate) fn as_ptr(self) -> *const TypeInfo {
        self.0.as_ptr()
    }

    /// A value of type `self` is a `wanted`: the same type, or a variant of it.
    #[inline]
    pub(crate) fn is(self, wanted: Self) -> bool {
        self == wanted || self.parent == Some(wanted)
    }

    /// Values of both are of one type: the same struct or enum.
    #[inline]
    pub(crate) fn same_owner(self, other: Self) -> bool {
        self.parent.unwrap_or(self) == other.parent.unwrap_or(other)
    }
}

impl Deref for TypeRef {
    type Target = TypeInfo;

    #[inline(always)]
    fn deref(&self) -> &TypeInfo {
        // SAFETY: by the promise to `new`.
        unsafe { self.0.as_ref() }
    }
}

impl PartialEq for TypeRef {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for TypeRef {}

impl fmt::Debug for TypeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.full_name())
    }
}

/// The body of a type as a value.
#[derive(Debug)]
pub(crate) struct TypeObject {
    info: TypeRef,
}

// SAFETY: types have a tag of their own.
unsafe impl Body for TypeObject {
    const TAG: u64 = tag::TYPE;

    fn buffer_bytes(&self) -> usize {
        0
    }

    fn children(&self, _: &mut dyn FnMut(&Owned)) {}
}

impl TypeObject {
    /// This type as a value.
    pub(crate) fn new(info: TypeRef) -> Self {
        Self { info }
    }

    /// The type.
    pub(crate) fn info(&self) -> TypeRef {
        self.info
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: u32) -> (Symbol, TypeMethod) {
        let function = Raw::int(name.into());
        let name = name.to_string().into();
        (
            Symbol(function.bits as u32),
            TypeMethod { name, function, takes_self: true, self_mutable: false },
        )
    }

    #[test]
    fn methods_whose_names_want_the_same_seat_are_all_found() {
        let mut behaviour = Behaviour::default();
        assert!(behaviour.find(Symbol(0)).is_none());
        let names: Vec<u32> = (0..40).map(|i| i * 1024).chain([1, 2, 1025]).collect();
        for (i, &name) in names.iter().enumerate() {
            let (symbol, method) = method(name);
            behaviour.add_method(symbol, method.clone());
            behaviour.add_method(symbol, method);
            assert_eq!(behaviour.methods.len(), i + 1, "one with the same name takes its place");
        }
        for &name in &names {
            let at = behaviour.find(Symbol(name)).expect("it was added");
            assert_eq!(behaviour.methods[at].0, Symbol(name));
            let seated = behaviour.find_seated(Symbol(name));
            assert!(seated.is_none_or(|method| *method.name == *name.to_string()));
        }
        assert!(
            behaviour.find(Symbol(3)).is_none() && behaviour.find(Symbol(2048 * 1024)).is_none()
        );
        assert!(behaviour.find_seated(Symbol(0)).is_some(), "the first has its own seat");
    }
}

//! The three views of a value that a host gets. See the module above.

use std::{fmt, sync::Arc};

use crate::{
    convert::{FromValue, IntoValue},
    error::{Error, ErrorKind},
    module::HostObject,
    rc::{Heap, SharedHeap},
    value::{self, ErrorObject, Item, MapObject, Owned, Shared, View},
    vm::VmShared,
};

/// A value of a script, looked at.
#[derive(Clone, Copy)]
pub struct ValueRef<'a> {
    value: Item<'a>,
    /// The VM it belongs to; `None` when the host made it without one.
    home: Option<&'a Arc<VmShared>>,
}

impl<'a> ValueRef<'a> {
    pub(crate) fn new(value: &'a Owned, home: Option<&'a Arc<VmShared>>) -> Self {
        Self { value: Item::Place(value), home }
    }

    pub(crate) fn owned(&self) -> &Owned {
        &self.value
    }

    /// Its type as `type(v)` names it.
    pub fn type_name(self) -> &'a str {
        self.value.type_name()
    }

    /// Is it nil?
    pub fn is_nil(self) -> bool {
        matches!(self.value.view(), View::Nil)
    }

    /// The bool it is.
    pub fn as_bool(self) -> Option<bool> {
        if let View::Bool(b) = self.value.view() { Some(b) } else { None }
    }

    /// The int it is.
    pub fn as_int(self) -> Option<i64> {
        if let View::Int(int) = self.value.view() { Some(int) } else { None }
    }

    /// The float it is.
    pub fn as_float(self) -> Option<f64> {
        if let View::Float(float) = self.value.view() { Some(float) } else { None }
    }

    /// The int or float it is, as a float.
    pub fn as_number(self) -> Option<f64> {
        match self.value.view() {
            View::Int(int) => Some(int as f64),
            View::Float(float) => Some(float),
            _ => None,
        }
    }

    /// The string it is.
    pub fn as_str(self) -> Option<&'a str> {
        if let View::Str(text) = self.value.view() { Some(text.as_str()) } else { None }
    }

    /// The bytes it is.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        if let View::Bytes(bytes) = self.value.view() { Some(bytes) } else { None }
    }

    /// The elements of the list it is.
    pub fn items(self) -> Option<impl ExactSizeIterator<Item = ValueRef<'a>>> {
        let View::List(list) = self.value.view() else { return None };
        Some(list.iter().map(move |value| ValueRef { value, home: self.home }))
    }

    /// The keys and values of the map it is, in their order.
    pub fn entries(self) -> Option<impl Iterator<Item = (ValueRef<'a>, ValueRef<'a>)>> {
        let View::Map(map) = self.value.view() else { return None };
        let home = self.home;
        Some(
            map.iter()
                .map(move |(key, value)| (ValueRef::new(key, home), ValueRef::new(value, home))),
        )
    }

    /// How many elements or entries the list or map has.
    pub fn size(self) -> Option<usize> {
        match self.value.view() {
            View::List(list) => Some(list.len()),
            View::Map(map) => Some(map.len()),
            _ => None,
        }
    }

    /// The value of a string key of the map it is.
    pub fn get(self, key: &str) -> Option<ValueRef<'a>> {
        let View::Map(map) = self.value.view() else { return None };
        map.get_str(key).map(|value| ValueRef::new(value, self.home))
    }

    /// The element of the list it is.
    pub fn at(self, i: usize) -> Option<ValueRef<'a>> {
        let View::List(list) = self.value.view() else { return None };
        list.item(i).map(|value| ValueRef { value, home: self.home })
    }

    /// The host object it is.
    pub fn object<T: HostObject>(self) -> Option<&'a Arc<T>> {
        crate::module::object(self.value.place()?)
    }

    /// Is it a function?
    pub fn is_function(self) -> bool {
        matches!(self.value.view(), View::Function(_) | View::Native(_))
    }

    /// How it prints inside a collection: strings in quotes.
    pub fn literal(self) -> String {
        value::literal(&self.value)
    }

    /// Converts it.
    pub fn to<T: FromValue>(self) -> Result<T, Error> {
        T::from_value(self)
    }

    /// A handle on it that may be kept. What it refers to becomes shared.
    pub fn to_value(self) -> Value {
        Value::new_in(self.value.to_owned(), self.home)
    }

    /// One more owner of it, to give back.
    pub fn to_local(self) -> Local {
        Local::new(self.value.to_owned())
    }

    /// The error that it is no `T`.
    pub fn mismatch<T: FromValue>(self) -> Error {
        let (expected, found) = (T::expected(), self.type_name());
        Error::new(
            ErrorKind::Type,
            format!("expected {}, got {}", with_article(&expected), with_article(found)),
        )
    }
}

/// As `print` shows it.
impl fmt::Display for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&value::display(&self.value))
    }
}

impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.literal())
    }
}

impl PartialEq for ValueRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        value::equals(&self.value, &other.value)
    }
}

fn with_article(name: &str) -> String {
    match name {
        "nil" | "bytes" => name.to_owned(),
        _ if name.starts_with(['a', 'e', 'i', 'o']) => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

/// A value of a script, owned by the kernel thread that runs: what natives give back.
pub struct Local {
    value: Owned,
}

impl Local {
    /// Nil.
    pub const NIL: Self = Self { value: Owned::NIL };

    pub(crate) fn new(value: Owned) -> Self {
        Self { value }
    }

    pub(crate) fn into_owned(self) -> Owned {
        self.value
    }

    /// Looks at it.
    pub fn as_ref(&self) -> ValueRef<'_> {
        ValueRef::new(&self.value, None)
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

/// A value of a script in the hands of the host: it may be kept, cloned, and sent to any kernel
/// thread, and it outlives the VM it came from.
///
/// Passed back to its own VM it is the same value; passed to another one it is copied, which only
/// data can be: functions, channels, threads and other handles stay with their VM.
#[derive(Clone, Default)]
pub struct Value {
    /// Never `None` but while it is dropped.
    value: Option<Shared>,
    /// The VM it came from; `None` for what the host made, and for what needs no VM.
    home: Option<Arc<VmShared>>,
}

impl Value {
    /// Nil.
    pub const NIL: Self = Self { value: None, home: None };

    /// A value made by the host.
    pub fn new(value: impl IntoValue) -> Result<Self, Error> {
        Ok(Self::new_in(value.into_value()?.into_owned(), None))
    }

    pub(crate) fn new_in(value: Owned, home: Option<&Arc<VmShared>>) -> Self {
        if value.is_heap() {
            Self { value: Some(Shared::new(value)), home: home.cloned() }
        } else {
            Self { value: Some(Shared::new(value)), home: None }
        }
    }

    pub(crate) fn from_shared(value: Shared, home: &Arc<VmShared>) -> Self {
        let home = value.as_owned().is_heap().then(|| home.clone());
        Self { value: Some(value), home }
    }

    fn owned(&self) -> &Owned {
        const NIL: &Owned = &Owned::NIL;
        self.value.as_ref().map_or(NIL, Shared::as_owned)
    }

    /// Looks at it.
    pub fn as_ref(&self) -> ValueRef<'_> {
        ValueRef::new(self.owned(), self.home.as_ref())
    }

    /// Its type as `type(v)` names it.
    pub fn type_name(&self) -> &str {
        self.as_ref().type_name()
    }

    /// Is it nil?
    pub fn is_nil(&self) -> bool {
        self.as_ref().is_nil()
    }

    /// How it prints inside a collection: strings in quotes.
    pub fn literal(&self) -> String {
        self.as_ref().literal()
    }

    /// Converts it.
    pub fn to<T: FromValue>(&self) -> Result<T, Error> {
        T::from_value(self.as_ref())
    }

    /// The elements of the list it is.
    pub fn items(&self) -> Option<Vec<Self>> {
        Some(self.as_ref().items()?.map(ValueRef::to_value).collect())
    }

    /// The value of a string key of the map it is.
    pub fn get(&self, key: &str) -> Option<Self> {
        self.as_ref().get(key).map(ValueRef::to_value)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let value = self.value.take();
        within(self.home.as_ref(), || drop(value));
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

/// As `print` shows it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_ref(), f)
    }
}

impl FromValue for Value {
    fn expected() -> String {
        "value".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        Ok(value.to_value())
    }
}

impl IntoValue for Value {
    fn into_value(self) -> Result<Local, Error> {
        (&self).into_value()
    }
}

impl IntoValue for &Value {
    fn into_value(self) -> Result<Local, Error> {
        let value = self.owned();
        let same = !value.is_heap()
            || Heap::with(|heap| match (heap, &self.home) {
                (Some(heap), Some(home)) => std::ptr::eq(heap.vm(), &raw const *home.heap),
                // An object that the host made has no VM yet.
                (_, None) => matches!(value.view(), View::Handle(_)),
                (None, Some(_)) => false,
            });
        if same { Ok(Local::new(value.clone())) } else { copy(value).map(Local::new) }
    }
}

/// Runs `f` with the accounts of a VM, if this kernel thread does not run it already.
pub(crate) fn within<R>(home: Option<&Arc<VmShared>>, f: impl FnOnce() -> R) -> R {
    let Some(home) = home else { return f() };
    within_heap(&home.heap, f)
}

fn within_heap<R>(account: &Arc<SharedHeap>, f: impl FnOnce() -> R) -> R {
    let inside =
        Heap::with(|heap| heap.is_some_and(|heap| std::ptr::eq(heap.vm(), &raw const **account)));
    if inside {
        return f();
    }
    let heap = Heap::new(account.clone(), None);
    let entered = heap.enter();
    let result = f();
    drop(entered);
    result
}

/// A copy of data that shares nothing with it. Without recursion, since data may nest to any depth.
fn copy(root: &Owned) -> Result<Owned, Error> {
    let mut open: Vec<Container<'_>> = Vec::new();
    match Container::of(root) {
        Some(outermost) => open.push(outermost),
        None => return leaf(root),
    }
    while let Some(innermost) = open.last_mut() {
        if let Some(child) = innermost.left.next() {
            match Container::of(child) {
                Some(inner) => open.push(inner),
                None => innermost.copies.push(leaf(child)?),
            }
        } else if let Some(done) = open.pop() {
            let done = done.finish()?;
            match open.last_mut() {
                Some(outer) => outer.copies.push(done),
                None => return Ok(done),
            }
        }
    }
    Ok(Owned::NIL)
}

/// A list or map that is being copied; a map is a row of keys and values in turn.
struct Container<'a> {
    is_map: bool,
    left: Box<dyn Iterator<Item = &'a Owned> + 'a>,
    copies: Vec<Owned>,
}

impl<'a> Container<'a> {
    fn of(value: &'a Owned) -> Option<Self> {
        let (is_map, left): (_, Box<dyn Iterator<Item = _>>) = match value.view() {
            View::List(list) => (false, Box::new(list.values()?.iter())),
            View::Map(map) => (true, Box::new(map.iter().flat_map(|(key, value)| [key, value]))),
            _ => return None,
        };
        Some(Self { is_map, left, copies: Vec::new() })
    }

    fn finish(self) -> Result<Owned, Error> {
        if !self.is_map {
            return Ok(Owned::list(self.copies));
        }
        let mut map = MapObject::with_capacity(self.copies.len() / 2);
        let mut row = self.copies.into_iter();
        while let (Some(key), Some(value)) = (row.next(), row.next()) {
            map.insert(key, value).map_err(|e| Error::from_thrown(e, None))?;
        }
        Ok(Owned::map(map))
    }
}

/// A copy of what holds no other values.
fn leaf(value: &Owned) -> Result<Owned, Error> {
    match value.view() {
        View::Str(text) => Ok(Owned::str(text.as_str())),
        View::Bytes(bytes) => Ok(Owned::bytes(bytes.to_vec())),
        View::Range(range) => Ok(Owned::range(*range)),
        View::List(list) if list.is_packed() => Ok(Owned::from(list.clone())),
        View::Error(error) => {
            let (kind, message) = (Owned::str(error.kind()), Owned::str(error.message()));
            Ok(Owned::error(ErrorObject::new(kind, message, Owned::NIL)))
        }
        _ if !value.is_heap() => Ok(value.clone()),
        _ => Err(Error::new(
            ErrorKind::Type,
            format!("a {} stays in its own VM; only data can go to another one", value.type_name()),
        )),
    }
}

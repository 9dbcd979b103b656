//! A value that owns its reference: what everything outside of the interpreter's core works with.

#![expect(unsafe_code, reason = "turns counted references into safe values and back")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use super::{
    BytesObject, CellObject, ErrorObject, Handle, HandleObject, ListObject, MapObject, NativeCode,
    NativeObject, RangeObject, Raw, RecordObject, SetObject, StrObject, TypeObject, TypeRef, View,
    tag, text,
};
use crate::rc;

/// A value with its reference: `clone` counts one more, `drop` one less.
///
/// Laid out like a [`Raw`], so that registers and elements can be looked at as `Owned`. It is
/// bound to the thread it is in; a [`Shared`](super::Shared) is what crosses.
#[repr(transparent)]
pub(crate) struct Owned(Raw, PhantomData<*mut ()>);

const _: () = assert!(size_of::<Owned>() == size_of::<Raw>());

impl Owned {
    /// `nil`
    pub(crate) const NIL: Self = Self::inline(Raw::NIL);
    /// An argument that was left out. No script sees it.
    pub(crate) const ABSENT: Self = Self::inline(Raw::ABSENT);

    const fn inline(raw: Raw) -> Self {
        Self(raw, PhantomData)
    }

    /// An integer.
    #[inline(always)]
    pub(crate) const fn int(n: i64) -> Self {
        Self::inline(Raw::int(n))
    }

    /// A float.
    #[inline(always)]
    pub(crate) const fn float(x: f64) -> Self {
        Self::inline(Raw::float(x))
    }

    /// A bool.
    #[inline(always)]
    pub(crate) const fn bool(b: bool) -> Self {
        Self::inline(Raw::bool(b))
    }

    /// A string, copied.
    pub(crate) fn str(text: &str) -> Self {
        Self::inline(text::string(text))
    }

    /// A string, taken over.
    pub(crate) fn string(text: String) -> Self {
        Self::inline(text::take_string(text))
    }

    /// A string of one character.
    pub(crate) fn char(c: char) -> Self {
        Self::str(c.encode_utf8(&mut [0; 4]))
    }

    /// A list.
    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::from(ListObject::from(items))
    }

    /// A list of two: what `entries`, `zip` and `enumerate` give.
    pub(crate) fn pair(a: Self, b: Self) -> Self {
        Self::list(vec![a, b])
    }

    /// A map.
    pub(crate) fn map(map: MapObject) -> Self {
        Self::inline(rc::allocate(map))
    }

    /// A range.
    pub(crate) fn range(range: RangeObject) -> Self {
        Self::inline(rc::allocate(range))
    }

    /// A native function.
    pub(crate) fn native(code: Arc<dyn NativeCode>) -> Self {
        Self::inline(rc::allocate(NativeObject::new(code)))
    }

    /// An error.
    pub(crate) fn error(error: ErrorObject) -> Self {
        Self::inline(rc::allocate(error))
    }

    /// A channel.
    pub(crate) fn channel(handle: impl Handle) -> Self {
        Self::shared_handle(tag::CHANNEL, handle)
    }

    /// A handle of a user thread.
    pub(crate) fn thread(handle: impl Handle) -> Self {
        Self::shared_handle(tag::THREAD, handle)
    }

    /// Any other handle.
    pub(crate) fn handle(handle: impl Handle) -> Self {
        Self::shared_handle(tag::HANDLE, handle)
    }

    /// A struct value or an enum value, with the fields of its type in their order.
    ///
    /// # Panics
    /// When there are not as many as the type has.
    #[cfg(test)]
    pub fn record(info: TypeRef, fields: Vec<Self>) -> Self {
        assert_eq!(fields.len(), info.fields().len(), "a value for each field");
        let mut fields = ManuallyDrop::new(fields);
        // SAFETY: as many owned values as the type has fields, which the record takes over.
        let raw = unsafe { RecordObject::allocate(info, fields.as_ptr().cast()) };
        // SAFETY: the elements belong to the record now; the buffer is dropped with the rest.
        unsafe { fields.set_len(0) };
        drop(ManuallyDrop::into_inner(fields));
        Self::inline(raw)
    }

    /// A struct, an enum or a variant as a value.
    pub(crate) fn type_value(info: TypeRef) -> Self {
        Self::inline(rc::allocate(TypeObject::new(info)))
    }

    /// A set.
    pub(crate) fn set(set: SetObject) -> Self {
        Self::inline(rc::allocate(set))
    }

    /// Bytes.
    pub(crate) fn bytes(bytes: Vec<u8>) -> Self {
        Self::inline(rc::allocate(BytesObject::from(bytes)))
    }

    /// A cell of the running thread.
    pub(crate) fn cell(value: Self) -> Self {
        let init = |at: *mut CellObject| {
            // SAFETY: there is room for the body.
            unsafe { at.write(CellObject::new(value)) };
        };
        // SAFETY: `init` writes the whole body.
        Self::inline(unsafe { rc::allocate_shared(tag::CELL, tag::CELL as u16, 0, init) })
    }

    fn shared_handle(tag: u64, handle: impl Handle) -> Self {
        let class = if tag == tag::HANDLE { handle.class() } else { tag as u16 };
        Self::inline(HandleObject::allocate(tag, class, handle))
    }

    /// Takes over a reference.
    ///
    /// # Safety
    /// If `raw` refers to an object, that is live, and the caller owns one reference to it, which
    /// is now the new value's.
    #[inline(always)]
    pub(crate) const unsafe fn from_raw(raw: Raw) -> Self {
        Self::inline(raw)
    }

    /// Counts a new reference.
    ///
    /// # Safety
    /// If `raw` refers to an object, that is live.
    #[inline(always)]
    pub(crate) unsafe fn clone_raw(raw: Raw) -> Self {
        // SAFETY: the caller's promise.
        unsafe { rc::retain(raw) };
        Self::inline(raw)
    }

    /// Looks at a reference that someone else owns as an owned value.
    ///
    /// # Safety
    /// If `raw` refers to an object, that is live as long as the result is used.
    #[inline(always)]
    pub(crate) const unsafe fn borrow_raw(raw: &Raw) -> &Self {
        // SAFETY: the same layout; the reference behind a shared borrow is not given up.
        unsafe { &*std::ptr::from_ref(raw).cast() }
    }

    /// Gives the reference to the caller.
    #[inline(always)]
    pub(crate) fn into_raw(self) -> Raw {
        ManuallyDrop::new(self).0
    }

    /// The words, without a reference.
    #[inline(always)]
    pub(crate) const fn as_raw(&self) -> Raw {
        self.0
    }

    /// The tag: see [`tag`].
    #[inline(always)]
    pub(crate) const fn tag(&self) -> u64 {
        self.0.tag
    }

    /// What it is.
    #[inline(always)]
    pub(crate) fn view(&self) -> View<'_> {
        // SAFETY: the tag tells the type of the object, which this reference keeps alive; it is
        // written through an exclusive borrow of its only reference alone.
        unsafe { View::of(&self.0) }
    }

    /// The name of its type, as `type(v)` gives it.
    pub(crate) fn type_name(&self) -> &str {
        match self.view() {
            View::Handle(handle) => handle.get().type_name(),
            View::Record(record) => record.info().owner().name(),
            _ => tag::name(self.tag()),
        }
    }

    /// Everything but nil and false is true in a condition.
    #[inline(always)]
    pub(crate) const fn truthy(&self) -> bool {
        self.0.truthy()
    }

    /// True when it refers to a counted object.
    #[inline(always)]
    pub(crate) const fn is_heap(&self) -> bool {
        self.0.is_heap()
    }

    /// True for nil.
    #[inline(always)]
    pub(crate) const fn is_nil(&self) -> bool {
        self.0.tag == tag::NIL
    }

    /// The bool, if it is one.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        if let View::Bool(b) = self.view() { Some(b) } else { None }
    }

    /// The integer, if it is one.
    #[inline]
    pub(crate) fn as_int(&self) -> Option<i64> {
        (self.0.tag == tag::INT).then(|| self.0.as_i64())
    }

    /// The float, if it is one.
    #[inline]
    pub(crate) fn as_float(&self) -> Option<f64> {
        (self.0.tag == tag::FLOAT).then(|| self.0.as_f64())
    }

    /// The text, if it is a string.
    #[inline]
    pub(crate) fn as_str(&self) -> Option<&str> {
        if let View::Str(text) = self.view() { Some(text.as_str()) } else { None }
    }

    /// The list, if it is one.
    #[inline]
    pub(crate) fn as_list(&self) -> Option<&ListObject> {
        if let View::List(list) = self.view() { Some(list) } else { None }
    }

    /// The map, if it is one.
    #[inline]
    pub(crate) fn as_map(&self) -> Option<&MapObject> {
        if let View::Map(map) = self.view() { Some(map) } else { None }
    }

    /// The range, if it is one.
    pub(crate) fn as_range(&self) -> Option<&RangeObject> {
        if let View::Range(range) = self.view() { Some(range) } else { None }
    }

    /// The error, if it is one.
    pub(crate) fn as_error(&self) -> Option<&ErrorObject> {
        if let View::Error(error) = self.view() { Some(error) } else { None }
    }

    /// The record, if it is one.
    #[inline]
    pub(crate) fn as_record(&self) -> Option<&RecordObject> {
        if let View::Record(record) = self.view() { Some(record) } else { None }
    }

    /// The type, if it is one as a value.
    pub(crate) fn as_type(&self) -> Option<TypeRef> {
        if let View::Type(object) = self.view() { Some(object.info()) } else { None }
    }

    /// The set, if it is one.
    #[inline]
    pub(crate) fn as_set(&self) -> Option<&SetObject> {
        if let View::Set(set) = self.view() { Some(set) } else { None }
    }

    /// The bytes, if it is some.
    #[inline]
    pub(crate) fn as_bytes(&self) -> Option<&BytesObject> {
        if let View::Bytes(bytes) = self.view() { Some(bytes) } else { None }
    }

    /// The cell, if it is one.
    #[inline]
    pub(crate) fn as_cell(&self) -> Option<&CellObject> {
        if let View::Cell(cell) = self.view() { Some(cell) } else { None }
    }

    /// What stands behind a handle (also a channel or a thread) of this type.
    pub(crate) fn as_handle<T: Handle>(&self) -> Option<&T> {
        match self.view() {
            View::Channel(h) | View::Thread(h) | View::Handle(h) => h.downcast(),
            _ => None,
        }
    }

    /// The string for writing, if it stands in an object: copied first when someone else has it too.
    #[inline]
    pub(crate) fn str_mut(&mut self) -> Option<&mut StrObject> {
        // SAFETY: it has the tag of the type asked for.
        (self.0.tag == tag::STR).then(|| unsafe { self.unique_body() })
    }

    /// The list for writing: copied first when someone else has it too.
    #[inline]
    pub(crate) fn list_mut(&mut self) -> Option<&mut ListObject> {
        // SAFETY: it has the tag of the type asked for.
        (self.0.tag == tag::LIST).then(|| unsafe { self.unique_body() })
    }

    /// The list for writing, where nobody else has it.
    #[inline]
    pub(crate) fn own_list_mut(&mut self) -> Option<&mut ListObject> {
        // SAFETY: only objects are counted.
        let own = self.0.tag == tag::LIST && unsafe { rc::is_unique(self.0) };
        // SAFETY: it has the tag of the type asked for, and this is its only reference.
        own.then(|| unsafe { rc::body_mut(self.0) })
    }

    /// The map for writing: copied first when someone else has it too.
    #[inline]
    pub(crate) fn map_mut(&mut self) -> Option<&mut MapObject> {
        // SAFETY: it has the tag of the type asked for.
        (self.0.tag == tag::MAP).then(|| unsafe { self.unique_body() })
    }

    /// The error for writing: copied first when someone else has it too.
    pub(crate) fn error_mut(&mut self) -> Option<&mut ErrorObject> {
        // SAFETY: it has the tag of the type asked for.
        (self.0.tag == tag::ERROR).then(|| unsafe { self.unique_body() })
    }

    /// The record for writing: copied first when someone else has it too.
    #[inline]
    pub(crate) fn record_mut(&mut self) -> Option<&mut RecordObject> {
        // SAFETY: it has the tag of the type asked for.
        (self.0.tag == tag::RECORD).then(|| unsafe { self.unique_body() })
    }

    /// The set for writing: copied first when someone else has it too.
    #[inline]
    pub(crate) fn set_mut(&mut self) -> Option<&mut SetObject> {
        // SAFETY: it has the tag of the type asked for.
        (self.0.tag == tag::SET).then(|| unsafe { self.unique_body() })
    }

    /// The bytes for writing: copied first when someone else has them too.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> Option<&mut BytesObject> {
        // SAFETY: it has the tag of the type asked for.
        (self.0.tag == tag::BYTES).then(|| unsafe { self.unique_body() })
    }

    /// # Safety
    /// It refers to an object whose body is a `T`, of a kind that can be changed.
    #[inline]
    unsafe fn unique_body<T: rc::Body>(&mut self) -> &mut T {
        // SAFETY: this value owns its reference, which is replaced by that of a copy if need be.
        unsafe { rc::make_unique(&mut self.0) };
        // SAFETY: it is the only reference now, and borrowed exclusively.
        unsafe { rc::body_mut(self.0) }
    }

    /// True when nobody else has it, so that changing it copies nothing. A shared object of which
    /// this is the last reference does not count until it is changed.
    #[inline]
    pub(crate) fn is_unique(&self) -> bool {
        // SAFETY: this value keeps the object alive.
        self.0.is_heap() && unsafe { rc::is_unique(self.0) }
    }

    /// True for an object of which this is the only reference, local or shared: it occurs once in
    /// a graph.
    pub(super) fn occurs_once(&self) -> bool {
        // SAFETY: this value keeps the object alive.
        self.0.is_heap() && unsafe { rc::has_one_reference(self.0) }
    }

    /// Moves the value out and leaves nil.
    #[inline]
    pub(crate) const fn take(&mut self) -> Self {
        std::mem::replace(self, Self::NIL)
    }

    /// The same object, or the same scalar.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.same(other.0)
    }
}

impl Clone for Owned {
    #[inline(always)]
    fn clone(&self) -> Self {
        // SAFETY: this value keeps the object alive.
        unsafe { rc::retain(self.0) };
        Self(self.0, PhantomData)
    }
}

impl Drop for Owned {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the reference is this value's, which ends here.
        unsafe { rc::release(self.0) };
    }
}

impl Default for Owned {
    fn default() -> Self {
        Self::NIL
    }
}

impl fmt::Debug for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::literal(self))
    }
}

impl From<ListObject> for Owned {
    fn from(list: ListObject) -> Self {
        Self::inline(rc::allocate(list))
    }
}

impl From<MapObject> for Owned {
    fn from(map: MapObject) -> Self {
        Self::map(map)
    }
}

impl From<i64> for Owned {
    fn from(n: i64) -> Self {
        Self::int(n)
    }
}

impl From<f64> for Owned {
    fn from(x: f64) -> Self {
        Self::float(x)
    }
}

impl From<bool> for Owned {
    fn from(b: bool) -> Self {
        Self::bool(b)
    }
}

impl From<&str> for Owned {
    fn from(text: &str) -> Self {
        Self::str(text)
    }
}

impl From<String> for Owned {
    fn from(text: String) -> Self {
        Self::string(text)
    }
}

impl From<Vec<Self>> for Owned {
    fn from(items: Vec<Self>) -> Self {
        Self::list(items)
    }
}

impl<T: Into<Self>> From<Option<T>> for Owned {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::NIL, Into::into)
    }
}

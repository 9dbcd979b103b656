//! A value taken apart.

#![expect(unsafe_code, reason = "the tag tells the type of the object")]

use super::{
    BytesObject, CellObject, Closure, ErrorObject, HandleObject, ListObject, MapObject,
    NativeObject, RangeObject, Raw, RecordObject, SetObject, Text, TypeObject, tag,
};
use crate::rc;

/// What a value is, with access to its object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum View<'a> {
    /// `nil`
    Nil,
    /// A bool.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str(Text<'a>),
    /// A list.
    List(&'a ListObject),
    /// A map.
    Map(&'a MapObject),
    /// A range.
    Range(&'a RangeObject),
    /// A function of a script.
    Function(&'a Closure),
    /// A function of the host.
    Native(&'a NativeObject),
    /// An error.
    Error(&'a ErrorObject),
    /// A channel.
    Channel(&'a HandleObject),
    /// A handle of a user thread.
    Thread(&'a HandleObject),
    /// Any other handle.
    Handle(&'a HandleObject),
    /// A struct value or an enum value.
    Record(&'a RecordObject),
    /// A struct, an enum or a variant as a value.
    Type(&'a TypeObject),
    /// A set.
    Set(&'a SetObject),
    /// Bytes.
    Bytes(&'a BytesObject),
    /// A cell.
    Cell(&'a CellObject),
    /// An argument that was left out.
    Absent,
}

impl<'a> View<'a> {
    /// What a raw value is.
    ///
    /// # Safety
    /// An object that it refers to is live, and not written, as long as the view is used.
    #[inline(always)]
    pub(crate) unsafe fn of(place: &'a Raw) -> Self {
        let raw = *place;
        // SAFETY: the tag tells the type of the body; the rest is the caller's promise.
        unsafe {
            match raw.tag {
                tag::NIL => Self::Nil,
                tag::FALSE => Self::Bool(false),
                tag::TRUE => Self::Bool(true),
                tag::INT => Self::Int(raw.as_i64()),
                tag::FLOAT => Self::Float(raw.as_f64()),
                tag::SHORT..tag::STR => Self::Str(Text::short(place)),
                tag::STR => Self::Str(Text::long(rc::body(raw))),
                tag::LIST => Self::List(rc::body(raw)),
                tag::MAP => Self::Map(rc::body(raw)),
                tag::RANGE => Self::Range(rc::body(raw)),
                tag::FUNCTION => Self::Function(rc::body(raw)),
                tag::NATIVE => Self::Native(rc::body(raw)),
                tag::ERROR => Self::Error(rc::body(raw)),
                tag::CHANNEL => Self::Channel(rc::body(raw)),
                tag::THREAD => Self::Thread(rc::body(raw)),
                tag::HANDLE => Self::Handle(rc::body(raw)),
                tag::RECORD => Self::Record(rc::body(raw)),
                tag::TYPE => Self::Type(rc::body(raw)),
                tag::SET => Self::Set(rc::body(raw)),
                tag::BYTES => Self::Bytes(rc::body(raw)),
                tag::CELL => Self::Cell(rc::body(raw)),
                _ => Self::Absent,
            }
        }
    }
}

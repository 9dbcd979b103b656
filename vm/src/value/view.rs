//! A value taken apart.

use super::{
    Closure, ErrorObject, HandleObject, ListObject, MapObject, NativeObject, RangeObject, StrObject,
};

/// What a value is, with access to its object.
#[derive(Clone, Copy, Debug)]
pub enum View<'a> {
    /// `nil`
    Nil,
    /// A bool.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str(&'a StrObject),
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
    /// An argument that was left out.
    Absent,
}

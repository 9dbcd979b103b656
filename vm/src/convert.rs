//! Between Rust types and values of scripts.
//!
//! Three views of a value, by who has it:
//!
//! - [`ValueRef`] looks at a value without counting it: what natives get as arguments. It costs
//!   nothing and lasts as long as the call.
//! - [`Local`] owns a value that only the current kernel thread has: what natives make and give
//!   back. It cannot leave the thread, so making one marks nothing as shared.
//! - [`Value`] is the host's own handle: it may be kept, cloned and sent anywhere.
//!
//! [`FromValue`] and [`IntoValue`] convert. A type of the host implements them by converting to and
//! from types that have them:
//!
//! ```
//! use lisle_vm::{Error, FromValue, IntoValue, Local, ValueRef};
//!
//! struct Point { x: f64, y: f64 }
//!
//! impl IntoValue for Point {
//!     fn into_value(self) -> Result<Local, Error> {
//!         lisle_vm::Entries(vec![("x", self.x), ("y", self.y)]).into_value()
//!     }
//! }
//!
//! impl FromValue for Point {
//!     fn expected() -> String {
//!         "map with x and y".into()
//!     }
//!
//!     fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
//!         let (Some(x), Some(y)) = (value.get("x"), value.get("y")) else {
//!             return Err(value.mismatch::<Self>());
//!         };
//!         Ok(Self { x: x.to()?, y: y.to()? })
//!     }
//! }
//! ```
//!
//! An int is taken where a float is wanted, if the float is the same number; nothing else converts
//! by itself.

mod args;
mod value;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    error::Error as StdError,
    hash::{BuildHasher, Hash},
};

pub(crate) use args::Work;
pub use args::{
    Args, Arguments, BlockingFunction, BlockingMethod, FromArgument, HostFunction, HostMethod,
};
pub(crate) use value::within;
pub use value::{Local, Value, ValueRef};

use crate::{
    error::{Error, ErrorKind},
    value::{MapObject, Owned},
};

/// A type that values of scripts convert to.
pub trait FromValue: Sized {
    /// What a message says it wants: `int`, `list of string`.
    fn expected() -> String;

    /// Converts, or says why not.
    fn from_value(value: ValueRef<'_>) -> Result<Self, Error>;

    /// Converts an entry of a map, where an element of a list is wanted. Only pairs can.
    #[doc(hidden)]
    fn from_entry(_key: ValueRef<'_>, _value: ValueRef<'_>) -> Option<Result<Self, Error>> {
        None
    }
}

/// A type that converts to a value of scripts.
pub trait IntoValue {
    /// Converts, or says why not: a number beyond the ints of scripts, a key that no map takes.
    fn into_value(self) -> Result<Local, Error>;
}

/// Pairs that convert to and from a map in their order.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct Entries<K, V>(pub Vec<(K, V)>);

impl IntoValue for Local {
    fn into_value(self) -> Result<Local, Error> {
        Ok(self)
    }
}

impl IntoValue for () {
    fn into_value(self) -> Result<Local, Error> {
        Ok(Local::NIL)
    }
}

impl FromValue for () {
    fn expected() -> String {
        "nil".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        if value.is_nil() { Ok(()) } else { Err(value.mismatch::<Self>()) }
    }
}

impl IntoValue for bool {
    fn into_value(self) -> Result<Local, Error> {
        Ok(Local::new(Owned::bool(self)))
    }
}

impl FromValue for bool {
    fn expected() -> String {
        "bool".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        value.as_bool().ok_or_else(|| value.mismatch::<Self>())
    }
}

macro_rules! ints {
    ($($int:ident)*) => {$(
        impl IntoValue for $int {
            fn into_value(self) -> Result<Local, Error> {
                match i64::try_from(self) {
                    Ok(int) => Ok(Local::new(Owned::int(int))),
                    Err(_) => Err(Error::new(
                        ErrorKind::Overflow,
                        format!("{self} does not fit an int"),
                    )),
                }
            }
        }

        impl FromValue for $int {
            fn expected() -> String {
                "int".into()
            }

            fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
                let int = value.as_int().ok_or_else(|| value.mismatch::<Self>())?;
                $int::try_from(int).map_err(|_| Error::new(
                    ErrorKind::Value,
                    format!("expected an int in {}..={}, got {int}", $int::MIN, $int::MAX),
                ))
            }
        }
    )*};
}

ints! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }

impl IntoValue for f64 {
    fn into_value(self) -> Result<Local, Error> {
        Ok(Local::new(Owned::float(self)))
    }
}

impl FromValue for f64 {
    fn expected() -> String {
        "float".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        value.as_number().ok_or_else(|| value.mismatch::<Self>())
    }
}

impl IntoValue for f32 {
    fn into_value(self) -> Result<Local, Error> {
        f64::from(self).into_value()
    }
}

impl FromValue for f32 {
    fn expected() -> String {
        "float".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        value.as_number().map(|number| number as Self).ok_or_else(|| value.mismatch::<Self>())
    }
}

impl IntoValue for &str {
    fn into_value(self) -> Result<Local, Error> {
        Ok(Local::new(Owned::str(self)))
    }
}

impl IntoValue for String {
    fn into_value(self) -> Result<Local, Error> {
        Ok(Local::new(Owned::string(self)))
    }
}

impl IntoValue for &String {
    fn into_value(self) -> Result<Local, Error> {
        self.as_str().into_value()
    }
}

impl IntoValue for Box<str> {
    fn into_value(self) -> Result<Local, Error> {
        String::from(self).into_value()
    }
}

impl IntoValue for Cow<'_, str> {
    fn into_value(self) -> Result<Local, Error> {
        self.into_owned().into_value()
    }
}

impl FromValue for String {
    fn expected() -> String {
        "string".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        value.as_str().map(Self::from).ok_or_else(|| value.mismatch::<Self>())
    }
}

/// Bytes, which a `Vec<u8>` is not: that is a list of ints.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct Bytes(pub Vec<u8>);

impl IntoValue for Bytes {
    fn into_value(self) -> Result<Local, Error> {
        Ok(Local::new(Owned::bytes(self.0)))
    }
}

impl FromValue for Bytes {
    fn expected() -> String {
        "bytes".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        value.as_bytes().map(|bytes| Self(bytes.into())).ok_or_else(|| value.mismatch::<Self>())
    }
}

impl IntoValue for char {
    fn into_value(self) -> Result<Local, Error> {
        (&*self.encode_utf8(&mut [0; 4])).into_value()
    }
}

impl FromValue for char {
    fn expected() -> String {
        "string of one character".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        let mut chars = value.as_str().unwrap_or_default().chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(value.mismatch::<Self>()),
        }
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Result<Local, Error> {
        self.map_or(Ok(Local::NIL), T::into_value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn expected() -> String {
        format!("{} or nil", T::expected())
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        if value.is_nil() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

fn list(items: impl IntoIterator<Item = impl IntoValue>) -> Result<Local, Error> {
    let items = items.into_iter().map(|item| Ok(item.into_value()?.into_owned()));
    Ok(Local::new(Owned::list(items.collect::<Result<Vec<_>, Error>>()?)))
}

impl<T: IntoValue> IntoValue for Vec<T> {
    fn into_value(self) -> Result<Local, Error> {
        list(self)
    }
}

impl<T: IntoValue, const N: usize> IntoValue for [T; N] {
    fn into_value(self) -> Result<Local, Error> {
        list(self)
    }
}

impl<T: IntoValue + Clone> IntoValue for &[T] {
    fn into_value(self) -> Result<Local, Error> {
        list(self.iter().cloned())
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn expected() -> String {
        format!("list of {}", T::expected())
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        if let Some(items) = value.items() {
            return items
                .enumerate()
                .map(|(i, item)| {
                    T::from_value(item).map_err(|e| e.context(&format!("element {i}")))
                })
                .collect();
        }
        let entries = value.entries().ok_or_else(|| value.mismatch::<Self>())?;
        entries
            .map(|(key, item)| {
                T::from_entry(key, item).unwrap_or_else(|| Err(value.mismatch::<Self>()))
            })
            .collect()
    }
}

fn map<K: IntoValue, V: IntoValue>(
    entries: impl IntoIterator<Item = (K, V)>,
) -> Result<Local, Error> {
    let mut map = MapObject::new();
    for (key, value) in entries {
        map.insert(key.into_value()?.into_owned(), value.into_value()?.into_owned())
            .map_err(|e| Error::from_thrown(e, None))?;
    }
    Ok(Local::new(Owned::map(map)))
}

fn entry<K: FromValue, V: FromValue>(
    key: ValueRef<'_>,
    value: ValueRef<'_>,
) -> Result<(K, V), Error> {
    let place = |e: Error| e.context(&format!("the value of key {}", key.literal()));
    Ok((K::from_value(key).map_err(|e| e.context("a key"))?, V::from_value(value).map_err(place)?))
}

fn map_of<K: FromValue, V: FromValue>() -> String {
    format!("map from {} to {}", K::expected(), V::expected())
}

impl<K: IntoValue, V: IntoValue> IntoValue for Entries<K, V> {
    fn into_value(self) -> Result<Local, Error> {
        map(self.0)
    }
}

impl<K: FromValue, V: FromValue> FromValue for Entries<K, V> {
    fn expected() -> String {
        map_of::<K, V>()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        let entries = value.entries().ok_or_else(|| value.mismatch::<Self>())?;
        entries.map(|(key, value)| entry(key, value)).collect::<Result<_, _>>().map(Self)
    }
}

impl<K: IntoValue, V: IntoValue> IntoValue for BTreeMap<K, V> {
    fn into_value(self) -> Result<Local, Error> {
        map(self)
    }
}

impl<K: FromValue + Ord, V: FromValue> FromValue for BTreeMap<K, V> {
    fn expected() -> String {
        map_of::<K, V>()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        let entries = value.entries().ok_or_else(|| value.mismatch::<Self>())?;
        entries.map(|(key, value)| entry(key, value)).collect()
    }
}

/// The order of the entries is that of the keys, so that what a script sees never depends on a
/// hash.
impl<K: IntoValue + Ord, V: IntoValue, S> IntoValue for HashMap<K, V, S> {
    fn into_value(self) -> Result<Local, Error> {
        let mut entries: Vec<_> = self.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        map(entries)
    }
}

impl<K: FromValue + Eq + Hash, V: FromValue, S: BuildHasher + Default> FromValue
    for HashMap<K, V, S>
{
    fn expected() -> String {
        map_of::<K, V>()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        let entries = value.entries().ok_or_else(|| value.mismatch::<Self>())?;
        entries.map(|(key, value)| entry(key, value)).collect()
    }
}

macro_rules! tuples {
    ($($count:literal $($name:ident $index:tt)+;)*) => {$(
        impl<$($name: IntoValue),+> IntoValue for ($($name,)+) {
            fn into_value(self) -> Result<Local, Error> {
                Ok(Local::new(Owned::list(vec![$(self.$index.into_value()?.into_owned()),+])))
            }
        }

        impl<$($name: FromValue),+> FromValue for ($($name,)+) {
            fn expected() -> String {
                format!("list of {}", [$($name::expected()),+].join(", "))
            }

            fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
                match value.items() {
                    Some(items) if items.len() == $count => {
                        let items: Vec<_> = items.collect();
                        Ok(($($name::from_value(items[$index])
                            .map_err(|e| e.context(concat!("element ", $index)))?,)+))
                    }
                    _ => Err(value.mismatch::<Self>()),
                }
            }

            fn from_entry(key: ValueRef<'_>, value: ValueRef<'_>) -> Option<Result<Self, Error>> {
                tuples!(@entry key value $($name)+)
            }
        }
    )*};
    (@entry $key:ident $value:ident $a:ident $b:ident) => { Some(entry($key, $value)) };
    (@entry $key:ident $value:ident $($other:ident)+) => {{ let _ = ($key, $value); None }};
}

tuples! {
    1 A 0;
    2 A 0 B 1;
    3 A 0 B 1 C 2;
    4 A 0 B 1 C 2 D 3;
    5 A 0 B 1 C 2 D 3 E 4;
    6 A 0 B 1 C 2 D 3 E 4 F 5;
    7 A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    8 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
}

/// An `Err` is thrown. An [`Error`] is thrown as what it is; any other error becomes one of kind
/// `host` with its text.
impl<T: IntoValue, E: StdError + Send + Sync + 'static> IntoValue for Result<T, E> {
    fn into_value(self) -> Result<Local, Error> {
        match self {
            Ok(value) => value.into_value(),
            Err(error) => Err(Error::from_host(error)),
        }
    }
}

//! Arguments that functions of several modules take: data to write, limits of time.

use std::time::Duration;

use lisle_vm::{Error, ErrorKind, FromArgument, FromValue, ValueRef};

/// What is to be written: the bytes of a string, or bytes.
pub(crate) struct Data(pub(crate) Vec<u8>);

impl FromValue for Data {
    fn expected() -> String {
        "string or bytes".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        DataRef::from_argument(value).map(|bytes| Self(bytes.into()))
    }
}

/// The same, looked at without copying it.
pub(crate) struct DataRef;

impl FromArgument for DataRef {
    type Item<'a> = &'a [u8];

    fn from_argument(value: ValueRef<'_>) -> Result<&[u8], Error> {
        let text = value.as_str().map(str::as_bytes);
        text.or(value.as_bytes()).ok_or_else(|| value.mismatch::<Data>())
    }
}

/// How long something may take; `None` for as long as it likes, which nil and infinity say.
pub(crate) struct Limit(pub(crate) Option<Duration>);

impl FromValue for Limit {
    fn expected() -> String {
        "number of seconds or nil".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        if value.is_nil() {
            return Ok(Self(None));
        }
        let seconds = value.as_number().ok_or_else(|| value.mismatch::<Self>())?;
        if seconds.is_nan() {
            return Err(Error::new(ErrorKind::Value, "a number of seconds cannot be nan"));
        }
        // What is too long for a duration is as good as no limit.
        Ok(Self(Duration::try_from_secs_f64(seconds.max(0.0)).ok()))
    }
}

//! The methods of errors: there is nothing to do with them but to look at their fields.

use super::arguments::format;

methods! {
    /// The message in a format, as in `"{e:>8}"`.
    "format" "(spec)" => format;
}

//! The tags of values: one number that says which kind a value is.
//!
//! Tags below [`HEAP`] are complete in themselves or carry their value inline; from `HEAP` on the
//! payload is a pointer to a counted object. The order matters: `nil` and `false` are the two
//! smallest, so that "is true in a condition" is one comparison.

/// `nil`
pub(crate) const NIL: u64 = 0;
/// `false`
pub(crate) const FALSE: u64 = 1;
/// `true`
pub(crate) const TRUE: u64 = 2;
/// A 64-bit signed integer, in the payload.
pub(crate) const INT: u64 = 3;
/// A double, its bits in the payload.
pub(crate) const FLOAT: u64 = 4;
/// An argument that was left out, a map entry that was removed. Scripts never see it.
pub(crate) const ABSENT: u64 = 5;
/// A string of no bytes. The eight tags behind it are those of longer short strings, up to eight
/// bytes, which stand in the payload.
pub(crate) const SHORT: u64 = 6;
/// The first tag of counted objects.
pub(crate) const HEAP: u64 = 15;
/// A longer string.
pub(crate) const STR: u64 = 15;
/// A list.
pub(crate) const LIST: u64 = 16;
/// A map.
pub(crate) const MAP: u64 = 17;
/// A range.
pub(crate) const RANGE: u64 = 18;
/// A function of a script, with what it captured.
pub(crate) const FUNCTION: u64 = 19;
/// A function of the host.
pub(crate) const NATIVE: u64 = 20;
/// An error.
pub(crate) const ERROR: u64 = 21;
/// A channel.
pub(crate) const CHANNEL: u64 = 22;
/// A handle of a user thread.
pub(crate) const THREAD: u64 = 23;
/// Any other object with identity: a mutex, a file, an object of the host.
pub(crate) const HANDLE: u64 = 24;
/// A value of a struct or an enum.
pub(crate) const RECORD: u64 = 25;
/// A type as a value.
pub(crate) const TYPE: u64 = 26;
/// A set.
pub(crate) const SET: u64 = 27;
/// Bytes.
pub(crate) const BYTES: u64 = 28;
/// A cell.
pub(crate) const CELL: u64 = 29;
/// One past the last tag.
pub(crate) const END: u64 = 30;

/// The tag that stands for all values of the same type: what belongs to the type is kept by it.
#[inline(always)]
pub(crate) const fn of_type(tag: u64) -> u64 {
    if is_string(tag) { STR } else { tag }
}

/// Is this the tag of a string, short or long?
#[inline(always)]
pub(crate) const fn is_string(tag: u64) -> bool {
    tag.wrapping_sub(SHORT) <= STR - SHORT
}

/// The name that `type(v)` gives for a tag; handles and records have names of their own.
pub(crate) fn name(tag: u64) -> &'static str {
    match tag {
        NIL => "nil",
        FALSE | TRUE => "bool",
        INT => "int",
        FLOAT => "float",
        ABSENT => "absent",
        SHORT..=STR => "string",
        LIST => "list",
        MAP => "map",
        RANGE => "range",
        FUNCTION | NATIVE => "function",
        ERROR => "error",
        CHANNEL => "channel",
        THREAD => "thread",
        RECORD => "struct",
        TYPE => "type",
        SET => "set",
        BYTES => "bytes",
        CELL => "cell",
        _ => "handle",
    }
}

//! The tags of values: one number that says which kind a value is.
//!
//! Tags below [`HEAP`] are complete in themselves or carry their value inline; from `HEAP` on the
//! payload is a pointer to a counted object. The order matters: `nil` and `false` are the two
//! smallest, so that "is true in a condition" is one comparison.

/// `nil`
pub const NIL: u64 = 0;
/// `false`
pub const FALSE: u64 = 1;
/// `true`
pub const TRUE: u64 = 2;
/// A 64-bit signed integer, in the payload.
pub const INT: u64 = 3;
/// A double, its bits in the payload.
pub const FLOAT: u64 = 4;
/// An argument that was left out, a map entry that was removed. Scripts never see it.
pub const ABSENT: u64 = 5;
/// The first tag of counted objects.
pub const HEAP: u64 = 8;
/// A string.
pub const STR: u64 = 8;
/// A list.
pub const LIST: u64 = 9;
/// A map.
pub const MAP: u64 = 10;
/// A range.
pub const RANGE: u64 = 11;
/// A function of a script, with what it captured.
pub const FUNCTION: u64 = 12;
/// A function of the host.
pub const NATIVE: u64 = 13;
/// An error.
pub const ERROR: u64 = 14;
/// A channel.
pub const CHANNEL: u64 = 15;
/// A handle of a user thread.
pub const THREAD: u64 = 16;
/// Any other object with identity: a mutex, a file, an object of the host.
pub const HANDLE: u64 = 17;
/// One past the last tag.
pub const END: u64 = 18;

/// The name that `type(v)` gives for a tag; handles have names of their own.
pub fn name(tag: u64) -> &'static str {
    match tag {
        NIL => "nil",
        FALSE | TRUE => "bool",
        INT => "int",
        FLOAT => "float",
        ABSENT => "absent",
        STR => "string",
        LIST => "list",
        MAP => "map",
        RANGE => "range",
        FUNCTION | NATIVE => "function",
        ERROR => "error",
        CHANNEL => "channel",
        THREAD => "thread",
        _ => "handle",
    }
}

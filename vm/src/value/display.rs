//! Values as text, without recursion.
//!
//! *Bare*: what `print` and `str` show; a string is its text, an error its message. *Literal*: how
//! values look inside collections, close to how they are written in a program. The `str` of a type
//! is a function of the script and not asked here.

#![expect(unsafe_code, reason = "looks into cells")]

use std::collections::HashSet;

use super::number::{write_float, write_int};
use super::{
    BytesObject, CellObject, ErrorObject, Item, ListObject, MapObject, Owned, RangeObject,
    RecordObject, SetObject, TypeKind, View, room,
};
use crate::rc;

/// So many bytes are written for a unit of fuel: about a number.
const BYTES_PER_UNIT: usize = 4;

/// Texts in messages are cut after so many characters.
const CUT: usize = 80;

/// The bare text.
pub(crate) fn display(value: &Owned) -> String {
    let mut out = String::new();
    write_display(&mut out, value);
    out
}

/// The literal.
pub(crate) fn literal(value: &Owned) -> String {
    let mut out = String::new();
    if !write_leaf(&mut out, value, Quote::Literal) {
        // Without a check it cannot fail.
        let _ = Writer::new(&mut out, usize::MAX, Checked::No).run(value);
    }
    out
}

/// The bare text, or an error of kind `memory` when it would pass a limit.
pub(crate) fn try_display(value: &Owned) -> Result<String, Owned> {
    let mut out = String::new();
    if !write_leaf(&mut out, value, Quote::Bare) {
        Writer::new(&mut out, usize::MAX, Checked::Yes).run(value)?;
    }
    Ok(out)
}

/// Appends the bare text.
pub(crate) fn write_display(out: &mut String, value: &Owned) {
    if !write_leaf(out, value, Quote::Bare) {
        // Without a check it cannot fail.
        let _ = Writer::new(out, usize::MAX, Checked::No).run(value);
    }
}

/// The literal for messages: cut when it is long, and no more work than that.
pub(crate) fn cut_literal(value: &Owned) -> String {
    let mut out = String::new();
    match value.view() {
        View::Str(text) if text.byte_len() > 4 * CUT => {
            let end = text.as_str().floor_char_boundary(4 * CUT);
            write_quoted(&mut out, &text.as_str()[..end]);
        }
        _ if write_leaf(&mut out, value, Quote::Literal) => {}
        _ => {
            let _ = Writer::new(&mut out, 4 * CUT, Checked::No).run(value);
        }
    }
    if let Some((end, _)) = out.char_indices().nth(CUT) {
        out.truncate(end);
        out.push_str("...");
    }
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Quote {
    Bare,
    Literal,
}

/// Whether the memory limits are looked at while writing.
#[derive(Clone, Copy, PartialEq)]
enum Checked {
    Yes,
    No,
}

/// A collection that is being written: what comes next.
enum Frame<'a> {
    List(&'a ListObject, usize),
    Map(&'a MapObject, usize),
    /// The value of an entry whose key is written.
    Entry(&'a Owned),
    Set(&'a SetObject, usize),
    Record(&'a RecordObject, usize),
    Bytes(&'a BytesObject, usize),
    /// The end of a cell, which may be written again from here on.
    Cell(u64),
    /// Text to end with.
    End(&'static str),
}

struct Writer<'a, 'o> {
    out: &'o mut String,
    frames: Vec<Frame<'a>>,
    /// The cells that are being written: one inside itself is not written again.
    open: HashSet<u64>,
    /// Stops soon after so many bytes.
    most: usize,
    checked: Checked,
    /// The length at which memory is looked at next.
    watch: usize,
}

impl<'a, 'o> Writer<'a, 'o> {
    fn new(out: &'o mut String, most: usize, checked: Checked) -> Self {
        let watch = out.len() + 4096;
        Self { out, frames: Vec::new(), open: HashSet::new(), most, checked, watch }
    }

    fn run(&mut self, value: &'a Owned) -> Result<(), Owned> {
        let before = self.out.len();
        let result = self.write(value);
        rc::work((self.out.len() - before) / BYTES_PER_UNIT);
        result
    }

    fn write(&mut self, value: &'a Owned) -> Result<(), Owned> {
        self.begin(value);
        while let Some(frame) = self.frames.last_mut() {
            if self.out.len() > self.most {
                return Ok(());
            }
            if self.checked == Checked::Yes && self.out.len() > self.watch {
                self.watch = self.out.len() * 2;
                // The buffer may double next.
                room(self.watch)?;
            }
            match frame {
                Frame::List(list, next) => {
                    let list = *list;
                    let at = *next;
                    *next += 1;
                    if at + 1 >= list.len() {
                        // Nothing to come back to but the bracket.
                        self.frames.pop();
                        self.frames.push(Frame::End("]"));
                    }
                    if at > 0 {
                        self.out.push_str(", ");
                    }
                    match list.item(at) {
                        Some(Item::Place(element)) => self.begin(element),
                        Some(element) => _ = write_leaf(self.out, &element, Quote::Literal),
                        None => unreachable!("empty lists are leaves"),
                    }
                }
                Frame::Map(map, next) => {
                    let map = *map;
                    let Some((at, key, value)) = map.next_from(*next) else {
                        self.frames.pop();
                        self.out.push(']');
                        continue;
                    };
                    let first = *next == 0;
                    *next = at + 1;
                    if !first {
                        self.out.push_str(", ");
                    }
                    self.frames.push(Frame::Entry(value));
                    // A name, string or number stands for itself; all else in parentheses.
                    if matches!(key.view(), View::Str(_) | View::Int(_))
                        || key.as_float().is_some_and(f64::is_finite)
                    {
                        self.begin(key);
                    } else {
                        self.out.push('(');
                        self.frames.push(Frame::End(")"));
                        self.begin(key);
                    }
                }
                Frame::Entry(value) => {
                    let value = *value;
                    self.frames.pop();
                    self.out.push_str(": ");
                    self.begin(value);
                }
                Frame::End(text) => {
                    self.out.push_str(text);
                    self.frames.pop();
                }
                Frame::Set(set, next) => {
                    let set = *set;
                    let first = *next == 0;
                    let Some((at, element)) = set.next_from(*next) else {
                        self.frames.pop();
                        self.out.push_str("])");
                        continue;
                    };
                    *next = at + 1;
                    if !first {
                        self.out.push_str(", ");
                    }
                    self.begin(element);
                }
                Frame::Record(record, next) => {
                    let record = *record;
                    let at = *next;
                    *next += 1;
                    if at + 1 >= record.fields().len() {
                        // Nothing to come back to but the parenthesis.
                        self.frames.pop();
                        self.frames.push(Frame::End(")"));
                    }
                    if let Some(field) = record.fields().get(at) {
                        self.out.push_str(if at == 0 { "(" } else { ", " });
                        self.out.push_str(record.info().fields()[at].as_str().unwrap_or_default());
                        self.out.push_str(": ");
                        self.begin(field);
                    }
                }
                Frame::Bytes(bytes, next) => {
                    let bytes = *bytes;
                    let end = bytes.len().min(*next + 1024);
                    for at in *next..end {
                        if at > 0 {
                            self.out.push_str(", ");
                        }
                        write_int(self.out, bytes[at].into());
                    }
                    *next = end;
                    if end == bytes.len() {
                        self.out.push_str("])");
                        self.frames.pop();
                    }
                }
                Frame::Cell(cell) => {
                    self.open.remove(cell);
                    self.frames.pop();
                    self.out.push(')');
                }
            }
        }
        Ok(())
    }

    /// Writes a value that holds no others, or begins one that does.
    fn begin(&mut self, value: &'a Owned) {
        if write_leaf(self.out, value, Quote::Literal) {
            return;
        }
        match value.view() {
            View::List(list) => {
                self.out.push('[');
                self.frames.push(Frame::List(list, 0));
            }
            View::Map(map) => {
                self.out.push('[');
                self.frames.push(Frame::Map(map, 0));
            }
            View::Error(e) => self.begin_error(e),
            View::Set(set) => {
                self.out.push_str("set([");
                self.frames.push(Frame::Set(set, 0));
            }
            View::Record(record) => {
                self.out.push_str(record.info().full_name());
                self.frames.push(Frame::Record(record, 0));
            }
            View::Bytes(bytes) => {
                self.out.push_str("bytes([");
                self.frames.push(Frame::Bytes(bytes, 0));
            }
            View::Cell(cell) => self.begin_cell(value, cell),
            _ => unreachable!("leaves are written already"),
        }
    }

    fn begin_cell(&mut self, value: &Owned, cell: &'a CellObject) {
        let identity = value.as_raw().bits;
        // SAFETY: while something is written nothing changes a cell, and what is being written keeps
        // the cell alive.
        let content: Option<&'a Owned> = unsafe { cell.peek() };
        match content {
            Some(content) if self.open.insert(identity) => {
                self.out.push_str("cell(");
                self.frames.push(Frame::Cell(identity));
                self.begin(content);
            }
            // Inside itself, in use, or of another thread.
            _ => self.out.push_str("cell(...)"),
        }
    }

    fn begin_error(&mut self, e: &'a ErrorObject) {
        self.out.push_str("error(");
        write_leaf(self.out, &e.message, Quote::Literal);
        self.out.push_str(", kind: ");
        write_leaf(self.out, &e.kind, Quote::Literal);
        self.frames.push(Frame::End(")"));
        if !e.data.is_nil() {
            self.out.push_str(", data");
            self.frames.push(Frame::Entry(&e.data));
        }
    }
}

/// Writes a value that holds no others; false for those that do.
fn write_leaf(out: &mut String, value: &Owned, quote: Quote) -> bool {
    match value.view() {
        View::Nil => out.push_str("nil"),
        View::Absent => out.push_str("<absent>"),
        View::Bool(b) => out.push_str(if b { "true" } else { "false" }),
        View::Int(n) => write_int(out, n),
        View::Float(x) => write_float(out, x),
        View::Str(text) => match quote {
            Quote::Bare => out.push_str(text.as_str()),
            Quote::Literal => write_quoted(out, text.as_str()),
        },
        View::Range(range) => write_range(out, range),
        View::Function(function) => write_function(out, function.name()),
        View::Native(native) => write_function(out, native.name()),
        View::Channel(handle) | View::Thread(handle) | View::Handle(handle) => {
            out.push_str(&handle.get().display());
        }
        View::Error(e) if quote == Quote::Bare => out.push_str(e.message()),
        View::List(list) if list.is_empty() => out.push_str("[]"),
        View::Map(map) if map.is_empty() => out.push_str("[:]"),
        View::Type(object) => out.push_str(object.info().full_name()),
        View::Set(set) if set.is_empty() => out.push_str("set([])"),
        View::Record(record) if record.fields().is_empty() => {
            out.push_str(record.info().full_name());
            if record.info().kind() == TypeKind::Struct {
                out.push_str("()");
            }
        }
        View::List(_)
        | View::Map(_)
        | View::Error(_)
        | View::Set(_)
        | View::Record(_)
        | View::Bytes(_)
        | View::Cell(_) => return false,
    }
    true
}

fn write_function(out: &mut String, name: &str) {
    out.push_str("<fn ");
    out.push_str(name);
    out.push('>');
}

fn write_range(out: &mut String, range: &RangeObject) {
    write_int(out, range.start);
    out.push_str(if range.inclusive { "..=" } else { ".." });
    write_int(out, range.end);
    if range.step != 1 {
        out.push_str(" by ");
        write_int(out, range.step);
    }
}

/// Appends a string literal.
pub(super) fn write_quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '{' => "\\{",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\0' => "\\0",
            '\x1b' => "\\e",
            c if c.is_control() => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        plain = at + c.len_utf8();
        if escape.is_empty() {
            out.extend(c.escape_unicode());
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

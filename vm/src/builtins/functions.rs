//! The functions that are built in everywhere, but for those that wait.

use std::io;
use std::sync::Arc;

use super::arguments::{elements, give, text};
use super::compare::{Extreme, extreme};
use super::elements::as_list;
use super::set::set_of;
use super::{bytes, number, string, texts};
use crate::input::{self, Wanted};
use crate::native::{Call, Finish, FunctionDef, NativeResult, Next};
use crate::output::Output;
use crate::sched::Handoff;
use crate::value::number::{IntError, parse_float, parse_int, truncate};
use crate::value::{ErrorObject, Kind, Owned, View, cut_literal, error as make_error};
use crate::vm::VmShared;
use crate::watch::parked;

functions! {
    /// Writes the texts of its arguments, with a space between them, and ends the line.
    "print" "(...values)" => |call| print(call, |vm| &vm.stdout);
    /// As `print`, to standard error.
    "eprint" "(...values)" => |call| print(call, |vm| &vm.stderr);
    /// The next line of the input, without its end; nil when there is none. Writes `prompt` first.
    "input" "(prompt = nil)" => input;
    /// The text of a value.
    "str" "(value)" => to_text, short text_at_once;
    /// The int that a text spells, or what is left of a float without its fraction.
    "int" "(value, base = 10)" => to_int;
    /// The float that a text spells, or that is nearest to an int.
    "float" "(value)" => to_float;
    /// False for nil and false, true for all else.
    "bool" "(value)" => |call| give(call.arg(0).truthy());
    /// Bytes: a text in UTF-8, ints from 0 to 255, or so many zeros.
    "bytes" "(value = 0)" => bytes::bytes;
    /// A set of what `for` would walk.
    "set" "(values = \"\")" => set;
    /// A handle of a value that all who have the handle see and change, in one thread.
    "cell" "(value)" => |call| {
        let value = call.take(0);
        give(Owned::cell(value))
    };
    /// The name of a value's type.
    "type" "(value)" => |call| give(call.arg(0).type_name());
    /// An error, to be thrown.
    "error" "(message, kind = \"error\", data = nil)" => error;
    /// Throws an error of kind `assert` when `cond` is false or nil.
    "assert" "(cond, message = nil)" => assert;
    /// The code point of a character.
    "ord" "(c)" => string::ord;
    /// The character of a code point.
    "chr" "(n)" => string::chr;
    /// The least of its arguments, or of what a single one holds.
    "min" "(...values)" => |call| extreme_of(call, "min", Extreme::Min), short min_at_once;
    /// The greatest of its arguments, or of what a single one holds.
    "max" "(...values)" => |call| extreme_of(call, "max", Extreme::Max), short max_at_once;
    /// A number without its sign.
    "abs" "(x)" => |call| give(number::absolute(call.arg(0))?);
}

fn print(call: &mut Call<'_>, output: fn(&VmShared) -> &Output) -> NativeResult {
    let mut values = call.take(0);
    let Some(values) = values.list_mut() else { unreachable!("a rest parameter is a list") };
    texts::line(call, values.take_values(), " ".to_owned(), move |call, mut line| {
        line.push('\n');
        if !output(call.vm()).append(line.as_bytes()) {
            return Next::nil();
        }
        let vm = Arc::clone(call.vm());
        Ok(Next::Block(
            Handoff::Lazy,
            Box::new(move || -> Finish {
                let result = output(&vm).flush();
                Box::new(move |call| written(call, result))
            }),
        ))
    })
}

/// What comes of having written.
fn written(call: &mut Call<'_>, result: io::Result<()>) -> NativeResult {
    match call.vm().written(result) {
        Ok(()) => Next::nil(),
        Err(e) => Err(make_error(Kind::Io, format!("cannot write: {e}"))),
    }
}

fn input(call: &mut Call<'_>) -> NativeResult {
    if let Some(going) = parked(call) {
        return going.go(call);
    }
    match call.take(0) {
        prompt if prompt.is_nil() => read_line(call),
        prompt => texts::of(call, prompt, |call, prompt| {
            // It is flushed in any case, below.
            let _ = call.vm().stdout.append(prompt.as_str().unwrap_or_default().as_bytes());
            read_line(call)
        }),
    }
}

fn read_line(call: &mut Call<'_>) -> NativeResult {
    let then = |_: &mut Call<'_>, line: io::Result<Option<String>>| match line {
        Ok(line) => give(line),
        Err(e) => Err(make_error(Kind::Io, format!("cannot read the input: {e}"))),
    };
    input::read(Wanted::Line, then).go(call)
}

fn to_text(call: &mut Call<'_>) -> NativeResult {
    let value = call.take(0);
    texts::of(call, value, |_, text| Ok(Next::Return(text)))
}

fn text_at_once(_: &mut Owned, args: &mut [Owned]) -> Option<Owned> {
    let [value] = args else { return None };
    match value.view() {
        View::Int(int) => Some(Owned::str(itoa::Buffer::new().format(int))),
        View::Str(_) => Some(value.take()),
        _ => None,
    }
}

fn min_at_once(_: &mut Owned, args: &mut [Owned]) -> Option<Owned> {
    first_is_less(args).map(|less| args[usize::from(!less)].take())
}

fn max_at_once(_: &mut Owned, args: &mut [Owned]) -> Option<Owned> {
    first_is_less(args).map(|less| args[usize::from(less)].take())
}

/// Which of two numbers of a kind is the lesser one, if one is.
fn first_is_less(args: &[Owned]) -> Option<bool> {
    let [a, b] = args else { return None };
    let order = match (a.view(), b.view()) {
        (View::Int(a), View::Int(b)) => Some(a.cmp(&b)),
        (View::Float(a), View::Float(b)) => a.partial_cmp(&b),
        _ => None,
    };
    order.filter(|order| order.is_ne()).map(|order| order.is_lt())
}

fn to_int(call: &mut Call<'_>) -> NativeResult {
    let value = call.arg(0);
    let bad = |why: &str| Err(make_error(Kind::Value, format!("{} {why}", cut_literal(value))));
    let base = match call.arg(1).as_int().and_then(|base| u32::try_from(base).ok()) {
        Some(base @ 2..=36) => base,
        _ => {
            let base = cut_literal(call.arg(1));
            return Err(make_error(Kind::Value, format!("`base` must be 2 to 36, not {base}")));
        }
    };
    match value.view() {
        View::Int(_) => Ok(Next::Return(call.take(0))),
        View::Float(x) => match truncate(x) {
            Some(n) => give(n),
            None => bad("does not fit an int"),
        },
        View::Bool(b) => give(i64::from(b)),
        View::Str(text) => match parse_int(text.as_str(), base) {
            Ok(n) => give(n),
            Err(IntError::Range) => bad("does not fit an int"),
            Err(IntError::Syntax) => bad("is not the text of an int"),
        },
        _ => Err(make_error(Kind::Type, format!("cannot make an int of {}", value.type_name()))),
    }
}

fn to_float(call: &mut Call<'_>) -> NativeResult {
    let value = call.arg(0);
    match value.view() {
        View::Int(n) => give(n as f64),
        View::Float(x) => give(x),
        View::Bool(b) => give(f64::from(u8::from(b))),
        View::Str(text) => match parse_float(text.as_str()) {
            Some(x) => give(x),
            None => {
                let text = format!("{} is not the text of a float", cut_literal(value));
                Err(make_error(Kind::Value, text))
            }
        },
        _ => Err(make_error(Kind::Type, format!("cannot make a float of {}", value.type_name()))),
    }
}

fn error(call: &mut Call<'_>) -> NativeResult {
    text(call, 1, "kind")?;
    let message = call.take(0);
    texts::of(call, message, |call, message| {
        let (kind, data) = (call.take(1), call.take(2));
        give(Owned::error(ErrorObject::new(kind, message, data)))
    })
}

fn assert(call: &mut Call<'_>) -> NativeResult {
    if call.arg(0).truthy() {
        return Next::nil();
    }
    match call.take(1) {
        message if message.is_nil() => Err(make_error(Kind::Assert, "assertion failed")),
        message => texts::of(call, message, |_, message| {
            Err(make_error(Kind::Assert, message.as_str().unwrap_or_default()))
        }),
    }
}

fn extreme_of(call: &mut Call<'_>, name: &str, which: Extreme) -> NativeResult {
    let Some(values) = call.arg(0).as_list() else { unreachable!("a rest parameter is a list") };
    let items = match values.item(0) {
        None => {
            return Err(make_error(Kind::Arity, format!("`{name}` needs at least one argument")));
        }
        Some(one) if values.len() == 1 => match one.view() {
            View::List(_) | View::Range(_) | View::Map(_) | View::Set(_) | View::Bytes(_) => {
                as_list(&one)?
            }
            _ => {
                let given = one.type_name();
                let text = format!("`{name}` of one argument needs a list, not {given}");
                return Err(make_error(Kind::Type, text));
            }
        },
        Some(_) => call.arg(0).clone(),
    };
    if items.as_list().is_some_and(|list| list.is_empty()) {
        return Err(make_error(Kind::Value, format!("`{name}` of nothing")));
    }
    extreme(call, items, which)
}

/// `set(values)`
fn set(call: &mut Call<'_>) -> NativeResult {
    if call.arg(0).as_set().is_some() {
        return Ok(Next::Return(call.take(0)));
    }
    let items = elements(call.arg(0))?;
    call.charge(items.len());
    give(Owned::set(set_of(items)?))
}

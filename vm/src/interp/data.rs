//! Copies, globals, and the making of values.

#![expect(unsafe_code, reason = "constants, cells and closures are referred to by address")]

use lisle_compiler::bytecode::op::{BORROWED, INCLUSIVE, KILL_C};

use super::machine::{Exit, Machine, Step};
use super::operators::{self, Asked};
use crate::{
    builtins::long::{self, LONG},
    link::{Cell, DIRECT, FOREIGN, Word},
    native::own_text,
    rc,
    value::{self, Closure, Kind, ListObject, MapObject, Owned, Raw, View, error, ops, tag},
};

/// `a = b`
pub(super) fn copy(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.get(word.b).clone();
    m.put(word.a, value);
    m.next(1)
}

/// `a = constant`, one that is counted
pub(super) fn load_const(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.constant_value(word.wide_u32() as usize).clone();
    m.put(word.a, value);
    m.next(1)
}

/// Drops what `a` holds.
pub(super) fn drop_register(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    drop(m.take(word.a));
    m.next(1)
}

/// `a = ` the value of a module slot; fills the cell, if there is one.
pub(super) fn get_global(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let globals = &m.module().globals;
    let unset = |name: Box<str>| error(Kind::Name, format!("`{name}` has not been set yet"));
    let value = if word.flags & DIRECT != 0 {
        globals.value(word.b as usize).map_err(unset)?
    } else {
        // SAFETY: linked code names a cell of its function.
        let cell = unsafe { &*m.constants.add(word.b as usize).cast::<Cell>() };
        let filled = cell.load();
        if filled.tag == tag::ABSENT {
            let value = if filled.bits & FOREIGN != 0 {
                m.proto().foreign[(filled.bits ^ FOREIGN) as usize].value()?
            } else {
                globals.value(filled.bits as usize).map_err(unset)?
            };
            // The globals keep what they hold as long as the VM lives.
            cell.fill(value.as_raw());
            value
        } else {
            // SAFETY: as above.
            unsafe { Owned::clone_raw(filled) }
        }
    };
    if word.flags & BORROWED != 0 {
        // The globals keep it, so this is not the last reference.
        m.put_borrowed(word.a, &value);
    } else {
        m.put(word.a, value);
    }
    m.next(1)
}

/// Sets a module slot.
pub(super) fn set_global(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.take(word.a);
    m.module().globals.set(word.b as usize, value, &m.vm().units);
    m.next(1)
}

/// Moves the value of a module slot out.
pub(super) fn take_global(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.module().globals.take(word.b as usize);
    let value =
        value.map_err(|name| error(Kind::Name, format!("`{name}` has not been set yet")))?;
    m.put(word.a, value);
    m.next(1)
}

/// `a = ` a closure of a function of the unit
pub(super) fn closure(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let proto = &*m.module().protos[word.b as usize];
    let captures = m.reg(word.c);
    // SAFETY: protos live as long as the VM, and no value outlives that; the registers are owned, and
    // this instruction consumes them.
    let closure =
        unsafe { Closure::allocate((&raw const *proto).cast(), captures, proto.captures.into()) };
    // SAFETY: the one reference to it.
    m.put(word.a, unsafe { Owned::from_raw(closure) });
    m.next(1)
}

/// `a = ` a list of `c` values
pub(super) fn new_list(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let first: *const Raw = m.reg(word.b);
    // SAFETY: the registers are owned, and this instruction consumes them.
    let list = unsafe { ListObject::of(std::slice::from_raw_parts(first, word.c as usize)) };
    m.put(word.a, Owned::from(list));
    m.next(1)
}

/// Appends `b` to the list `a`.
pub(super) fn list_append(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.take(word.b);
    let list = m.place(word.a).list_mut().expect("a list is being built");
    list.admit(&value)?;
    list.push(value);
    m.next(1)
}

/// `a = ` a map of `c` pairs
pub(super) fn new_map(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let count = word.c as usize;
    let mut map = MapObject::with_capacity(count);
    let mut items = m.take_all(word.b, 2 * count).into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        map.insert(key, value)?;
    }
    m.put(word.a, Owned::map(map));
    m.next(1)
}

/// Spreads the map `b` into the map `a`.
pub(super) fn map_extend(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let value = m.take(word.b);
    let Some(more) = value.as_map() else {
        let text = format!("cannot spread {} into a map", value.type_name());
        return Err(error(Kind::Type, text).into());
    };
    let map = m.place(word.a).map_mut().expect("a map is being built");
    for (key, value) in more.iter() {
        map.insert(key.clone(), value.clone())?;
    }
    m.fuel -= (more.len() / 8) as i64;
    m.next(1)
}

/// Inserts key `b` and value `c` into the map `a`.
pub(super) fn map_insert(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let (key, value) = (m.take(word.b), m.take(word.c));
    m.place(word.a).map_mut().expect("a map is being built").insert(key, value)?;
    m.next(1)
}

/// `a = ` a range from `b` to `b+1` by `b+2`
pub(super) fn new_range(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let parts = m.take_all(word.b, 3);
    let inclusive = word.flags & INCLUSIVE != 0;
    let step = (!parts[2].is_nil()).then_some(&parts[2]);
    let range = ops::range(&parts[0], &parts[1], step, inclusive)?;
    m.put(word.a, Owned::range(range));
    m.next(1)
}

/// `a = ` the texts of `c` values, joined
pub(super) fn concat(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let (first, count) = (m.reg(word.b).cast::<Owned>(), word.c as usize);
    // SAFETY: as verified code says these registers are owned, and here they are used up.
    let parts = unsafe { std::slice::from_raw_parts_mut(first, count) };
    if let Some(text) = value::joined(parts) {
        parts.iter_mut().for_each(|part| drop(part.take()));
        m.put(word.a, text);
        return m.next(1);
    }
    if parts.iter().any(|part| part.as_record().is_some()) {
        let parts = m.take_all(word.b, count);
        return join(m, parts, 0);
    }
    if long::joined_length(parts, "") >= LONG {
        let parts = m.take_all(word.b, count);
        return operators::ask(m, long::concatenation(), parts, Asked::Value);
    }
    let text = joined(parts);
    parts.iter_mut().for_each(|part| drop(part.take()));
    m.put(word.a, text?);
    m.next(1)
}

/// The texts of values, joined.
fn joined(parts: &[Owned]) -> Result<Owned, Owned> {
    value::written(|text| {
        for part in parts {
            match part.view() {
                View::Str(part) => {
                    value::room(part.byte_len())?;
                    text.push_str(part.as_str());
                }
                View::Int(_) | View::Float(_) | View::Nil | View::Bool(_) => {
                    value::write_display(text, part);
                }
                _ => text.push_str(&value::try_display(part)?),
            }
        }
        rc::work_on(text.len());
        Ok(())
    })
}

/// Joins texts; from `at` on there may be values whose type has a `str` of its own.
pub(super) fn join(m: &mut Machine<'_>, mut parts: Vec<Owned>, at: usize) -> Step {
    let own = parts.iter().enumerate().skip(at).find_map(|(i, part)| Some((i, own_text(part)?)));
    if let Some((i, function)) = own {
        let value = parts[i].take();
        let name = value.type_name().into();
        return operators::ask(m, function, vec![value], Asked::Texts(parts, i, name));
    }
    let word = m.word();
    m.put(word.a, joined(&parts)?);
    m.next(1)
}

/// `a = ` the text of `b` in a format
pub(super) fn format(m: &mut Machine<'_>) -> Step {
    let value: *const Owned = m.get(m.word().b);
    // SAFETY: the register stays as it is until the instruction has ended.
    let value = unsafe { &*value };
    match own_text(value) {
        Some(function) => operators::ask(m, function, vec![value.clone()], Asked::Text),
        None => formatted(m, value),
    }
}

/// Ends `format` with the value, or what the `str` of its type gave.
pub(super) fn formatted(m: &mut Machine<'_>, value: &Owned) -> Step {
    let word = m.word();
    let text = value::format(value, m.text(word.c as usize))?;
    // `c` is a constant.
    m.kill(Word { flags: word.flags & !KILL_C, ..word });
    m.put(word.a, Owned::string(text));
    m.next(1)
}

/// Throws the error about a value that fits no pattern.
pub(super) fn match_error(m: &mut Machine<'_>) -> Step {
    let word = m.word();
    let shown = value::cut_literal(m.get(word.a));
    let text = match word.b {
        0 => format!("no arm of this `match` fits {shown}"),
        _ => format!("{shown} does not fit this pattern"),
    };
    Err(Exit::Throw(error(Kind::Match, text)))
}

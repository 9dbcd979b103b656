//! Messages about names: arguments, methods, globals.

use std::sync::Arc;

use crate::{
    builtins::foreign::called_here,
    native::Param,
    value::{Kind, Owned, did_you_mean, error},
};

/// `area` takes 2 arguments (w, h), 3 given
#[cold]
pub(super) fn wrong_count(name: &str, params: &[Param], given: usize) -> Owned {
    let required = params.iter().filter(|param| !param.optional && !param.rest).count();
    let has_rest = params.last().is_some_and(|param| param.rest);
    let most = params.len() - usize::from(has_rest);
    let takes = match (required, has_rest) {
        (_, true) => format!("at least {}", arguments(required)),
        _ if required == most => arguments(required),
        _ => format!("{required} to {}", arguments(most)),
    };
    let list: Vec<String> = params
        .iter()
        .map(|param| {
            let dots = if param.rest { "..." } else { "" };
            let mark = if param.optional { "?" } else { "" };
            format!("{dots}{}{mark}", param.name)
        })
        .collect();
    let list = if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) };
    error(Kind::Arity, format!("`{name}` takes {takes}{list}, {given} given"))
}

fn arguments(count: usize) -> String {
    match count {
        0 => "no arguments".to_owned(),
        1 => "1 argument".to_owned(),
        n => format!("{n} arguments"),
    }
}

/// More values than a type has fields, or none for a field that needs one.
#[cold]
pub(super) fn wrong_fields(name: &str, params: &[Param], given: usize) -> Owned {
    let list: Vec<&str> = params.iter().map(|param| &*param.name).collect();
    let has = match list.len() {
        0 => "no fields".to_owned(),
        1 => format!("1 field ({})", list[0]),
        n => format!("{n} fields ({})", list.join(", ")),
    };
    error(Kind::Arity, format!("`{name}` has {has}, {given} given"))
}

/// Fields that need a value have none.
#[cold]
pub(super) fn missing_fields(name: &str, params: &[Param], bound: &[Option<Owned>]) -> Owned {
    let missing: Vec<String> = params
        .iter()
        .zip(bound)
        .filter(|(param, value)| value.is_none() && !param.optional)
        .map(|(param, _)| format!("`{}`", param.name))
        .collect();
    let text = match &*missing {
        [one] => format!("`{name}` needs the field {one}"),
        [before @ .., last] => {
            format!("`{name}` needs the fields {} and {last}", before.join(", "))
        }
        [] => unreachable!("a field is missing"),
    };
    error(Kind::Arity, text)
}

/// A value is given for no field.
#[cold]
pub(super) fn unknown_field(name: &str, params: &[Param], field: &str) -> Owned {
    let hint = did_you_mean(field, params.iter().map(|param| &*param.name));
    error(Kind::Arity, format!("`{name}` has no field `{field}`{hint}"))
}

/// An argument is named like no parameter.
#[cold]
pub(super) fn unknown_argument(name: &str, params: &[Param], argument: &str) -> Owned {
    let names = params.iter().filter(|param| !param.rest).map(|param| &*param.name);
    let hint = did_you_mean(argument, names);
    error(Kind::Arity, format!("`{name}` has no parameter `{argument}`{hint}"))
}

/// A type has no such method.
#[cold]
pub(super) fn unknown_method(value: &Owned, name: &str, names: &[Arc<str>]) -> Owned {
    let known = |other: &str| names.iter().any(|name| **name == *other);
    let hint = match called_here(name, known) {
        Some(ours) => format!("; it is called `{ours}` here"),
        None => did_you_mean(name, names.iter().map(|name| &**name)),
    };
    error(Kind::Name, format!("{} has no method `{name}`{hint}", value.type_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told() {
        let param = |name: &str, optional, rest| Param { name: name.into(), optional, rest };
        let text = |params: &[Param], given| {
            let error = wrong_count("f", params, given);
            error.as_error().map(|e| e.message().to_owned()).unwrap_or_default()
        };
        let (w, h) = (param("w", false, false), param("h", true, false));
        assert_eq!(text(std::slice::from_ref(&w), 3), "`f` takes 1 argument (w), 3 given");
        assert_eq!(text(&[w.clone(), h], 0), "`f` takes 1 to 2 arguments (w, h?), 0 given");
        let rest = param("xs", false, true);
        assert_eq!(text(&[w, rest], 0), "`f` takes at least 1 argument (w, ...xs), 0 given");
    }
}

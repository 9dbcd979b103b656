//! Texts about what exists: functions, types, methods, modules, and what the texts of a session
//! have defined.

use super::{
    host::Host,
    library::{Entry, Library, Section, library, of_function, of_type},
    session::Names,
};
use crate::{convert::within, value::did_you_mean};

/// A text about a name, or what to say when there is nothing.
pub(super) fn about(host: &Host, names: &Names, name: &str) -> Result<String, String> {
    if let Some(text) = within(Some(host.shared()), || defined(names, name)) {
        return Ok(text);
    }
    host.need_all();
    let library = library(host.shared(), &host.docs());
    built_in(&library, name).ok_or_else(|| {
        let hint = did_you_mean(name, everything(&library).iter().map(String::as_str));
        format!("nothing is known about `{name}`{hint}\n")
    })
}

/// About something that a text has defined: a function, a type, a function of a type.
fn defined(names: &Names, name: &str) -> Option<String> {
    if let Some((owner, member)) = name.split_once('.') {
        let section = names.about(owner, of_type)??;
        let mut entries = section.entries.iter();
        let entry = entries.find(|e| e.name == member || e.name == name)?;
        let owner =
            if entry.written.starts_with(owner) { String::new() } else { format!("{owner}.") };
        return Some(entry_text(&owner, entry));
    }
    names.about(name, |value| {
        if let Some(entry) = of_function(name, value) {
            return entry_text("", &entry);
        }
        match of_type(value) {
            Some(section) => type_text(&section),
            None => format!("{name}: {}\n", value.type_name()),
        }
    })
}

/// A type of a script.
fn type_text(section: &Section) -> String {
    let mut lines = section.doc.lines();
    let mut text = format!("{}\n", lines.next().unwrap_or_default());
    lines.for_each(|line| text.push_str(&format!("    {line}\n")));
    text.push_str(&members(section, ""));
    text
}

/// About something that is built in.
fn built_in(library: &Library, name: &str) -> Option<String> {
    let types = || library.types.iter();
    let handles = || library.modules.iter().flat_map(|module| &module.handles);
    if let Some((owner, member)) = name.split_once('.') {
        let modules = library.modules.iter().map(|module| &module.section);
        let mut owners = types().chain(modules).chain(handles()).filter(|s| s.name == owner);
        return owners.find_map(|section| {
            let entry = section.entries.iter().find(|entry| entry.name == member)?;
            Some(entry_text(&format!("{owner}."), entry))
        });
    }
    // `thread` is a type and a module, `int` a type and a function: all of it.
    let mut text = String::new();
    let functions = library.functions.iter().filter(|entry| entry.name == name);
    functions.for_each(|entry| text.push_str(&entry_text("", entry)));
    for section in types().chain(handles()).filter(|section| section.name == name) {
        text.push_str(&section_text(section, "."));
    }
    for module in library.modules.iter().filter(|module| module.section.name == name) {
        text.push_str(&section_text(&module.section, &format!("{name}.")));
        for handle in &module.handles {
            text.push_str(&format!("  {} (:help {0}): {}\n", handle.name, handle.doc));
        }
    }
    if text.is_empty() {
        for section in types().chain(handles()) {
            let methods = section.entries.iter().filter(|entry| entry.name == name);
            let owner = format!("{}.", section.name);
            methods.for_each(|entry| text.push_str(&entry_text(&owner, entry)));
        }
    }
    (!text.is_empty()).then_some(text)
}

/// A function, in two lines or more.
fn entry_text(owner: &str, entry: &Entry) -> String {
    let mut text = format!("{owner}{}\n", entry.written);
    entry.doc.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
    if entry.changes {
        text.push_str("    It changes its receiver, which must be a `var` or a part of one.\n");
    }
    text
}

/// A type or a module with its members, one a line.
fn section_text(section: &Section, before: &str) -> String {
    format!("{}: {}\n{}", section.name, section.doc, members(section, before))
}

fn members(section: &Section, before: &str) -> String {
    /// Longer ones have their line to themselves.
    const COLUMN: usize = 30;
    let mut text = String::new();
    for entry in &section.entries {
        let written = format!("{before}{}", entry.written);
        let line = entry.doc.replace('\n', " ");
        if written.len() > COLUMN {
            text.push_str(&format!("  {written}\n"));
            text.push_str(format!("  {:COLUMN$}  {line}", "").trim_end());
        } else {
            text.push_str(format!("  {written:COLUMN$}  {line}").trim_end());
        }
        text.push('\n');
    }
    text
}

/// All names that there is something to say about.
fn everything(library: &Library) -> Vec<String> {
    let modules = library.modules.iter().map(|module| &module.section);
    let handles = library.modules.iter().flat_map(|module| &module.handles);
    let sections = || library.types.iter().chain(modules.clone()).chain(handles.clone());
    let members = sections().flat_map(|section| {
        section.entries.iter().map(|entry| format!("{}.{}", section.name, entry.name))
    });
    let sections = sections().map(|section| section.name.clone());
    let functions = library.functions.iter().map(|entry| entry.name.clone());
    functions.chain(sections).chain(members).collect()
}

//! Native functions: what they are called with and how they answer.
//!
//! A native is a Rust function `fn(&mut Call) -> NativeResult`. It sees its arguments already bound
//! to its signature: named arguments are in their places, defaults are filled in, a rest parameter
//! is one list. It borrows them; what it wants to keep it clones or takes. It never blocks the LWP:
//! it answers with one of
//!
//! - [`Next::Return`]: the result;
//! - [`Next::Yield`]: other threads run first, and then the native is called again, as after a park;
//! - [`Next::Later`]: a part of long work is done, and a closure that goes on with it;
//! - [`Next::Park`]: it has entered the thread in some wait queue; when the thread is made ready
//!   the *same* native is called again with the *same* arguments and receiver. So a native that may
//!   park looks first whether it has been woken (see [`waiting`](crate::waiting));
//! - [`Next::Block`]: a closure that may block in the kernel; it runs without the thread's state,
//!   and what it returns (a [`Finish`]) is run back in the thread to give the result;
//! - [`Next::Call`]: a function to call, and a [`Resume`] that gets its value or its error;
//! - [`Next::CallPlaces`]: the same, with arguments that the function may change: what they are
//!   afterwards comes back;
//! - `Err(value)`: the value is thrown.

use std::{
    borrow::Cow,
    collections::HashMap,
    mem::MaybeUninit,
    sync::{Arc, OnceLock},
};

use crate::{
    rc::class,
    sched::{Context, Handoff},
    scope,
    thread::{ThreadRef, ThreadState},
    value::{Kind, NativeCode, Operator, Owned, Shared, error, tag},
    vm::VmShared,
    waiting::Waits,
};

/// The scheduler, as seen from a running user thread.
pub type Cx<'a> = Context<'a, ThreadRef>;

/// A native written as a plain function.
pub type NativeFn = fn(&mut Call<'_>) -> NativeResult;

/// A native without its call: gives the result, having used up its arguments, where that takes no
/// fuel, parks nobody, throws nothing and drops nothing; else `None`, having done nothing at all. A
/// method gets the register of the receiver and those of the arguments, one for each parameter; it may
/// change its receiver, if its row says so, when nobody else has it. A function gets nil and the
/// arguments as they are given, which may be too few or too many.
pub type AtOnce = fn(&mut Owned, &mut [Owned]) -> Option<Owned>;

/// The same for a method that may park or wake, whose thread has not parked in it yet. A result is
/// written where it is to be.
pub(crate) type OrPark =
    fn(&mut Waits<'_, '_>, &Owned, &mut [Owned], &mut MaybeUninit<Owned>) -> Brief;

/// What came of an [`OrPark`].
#[must_use]
pub(crate) enum Brief {
    /// The result is written; the arguments are used up.
    Done,
    /// The thread parks; what delivers it gives the result.
    Park,
    /// There is more to it. Nothing has happened.
    Longer,
}

impl Brief {
    /// With this result.
    #[inline(always)]
    pub(crate) fn done(result: &mut MaybeUninit<Owned>, value: Owned) -> Self {
        result.write(value);
        Self::Done
    }
}

/// The short way of a native.
#[derive(Clone, Copy, Debug)]
pub struct Shortcut {
    /// Tried first.
    pub(crate) at_once: AtOnce,
    /// Tried next.
    pub(crate) or_park: Option<OrPark>,
}

impl Shortcut {
    /// That of a native that never parks, or where nobody needs to.
    pub const fn new(at_once: AtOnce) -> Self {
        Self { at_once, or_park: None }
    }

    /// The same, which may park where it cannot be done at once.
    pub(crate) const fn parking(at_once: AtOnce, or_park: OrPark) -> Self {
        Self { at_once, or_park: Some(or_park) }
    }
}

/// The short way of a method whose only argument is a function that it calls with a place of its own:
/// the receiver lends the place, and has it back when the function returns, which gives the method's
/// result. Where anything else is to be done, all goes on the long way.
#[derive(Clone, Copy, Debug)]
pub struct Loan {
    /// Moves what is in the place out of the receiver; false when there is more to it than that, and
    /// then nothing has happened.
    pub take: fn(&Owned, &ThreadRef, &mut MaybeUninit<Owned>) -> bool,
    /// Takes it back after a success; false when there is more to it, and then nothing has happened.
    pub put_back: fn(&Owned, &mut Cx<'_>, &mut Owned) -> bool,
    /// What the long way goes on with when the function has ended.
    pub resume: ResumeLent,
}

/// A native of the host: a closure.
pub type HostFn = Box<dyn Fn(&mut Call<'_>) -> NativeResult + Send + Sync>;

/// What a native answers: what comes next, or a value to throw.
pub type NativeResult = Result<Next, Owned>;

/// Runs in the thread after a blocking closure has ended.
pub type Finish = Box<dyn FnOnce(&mut Call<'_>) -> NativeResult + Send>;

/// Goes on with work that is done in parts. It stays with its thread, so it may hold values.
pub type Later = Box<dyn FnOnce(&mut Call<'_>) -> NativeResult>;

/// Runs in the thread when the function of a [`Next::Call`] has returned or thrown. Something that
/// cannot be caught (a cancellation, say) comes as an error too and must be returned as it is.
///
/// It stays with its thread, so it may hold values.
pub type Resume = Box<dyn FnOnce(&mut Call<'_>, Result<Owned, Owned>) -> NativeResult>;

/// As [`Resume`], for a [`Next::CallPlace`]: the last argument is what became of the place, also when
/// the function has thrown.
pub type ResumePlace = Box<dyn FnOnce(&mut Call<'_>, Result<Owned, Owned>, Owned) -> NativeResult>;

/// The same for a [`Loan`].
pub type ResumeLent = fn(&mut Call<'_>, Result<Owned, Owned>, Owned) -> NativeResult;

/// The code of a native.
pub enum NativeRun {
    /// One of ours.
    Fn(NativeFn),
    /// One of the host, whose panics become errors.
    Host(HostFn),
}

/// How a native goes on.
pub enum Next {
    /// This is the result.
    Return(Owned),
    /// Other threads run first; then the native is called again.
    Yield,
    /// A part of the work is done. The closure goes on with it; other threads run first if the slice
    /// is used up.
    Later(Later),
    /// The thread waits; the native is called again when it is ready.
    Park,
    /// The closure blocks in the kernel.
    Block(Handoff, Box<dyn FnOnce() -> Finish + Send>),
    /// Calls a function with arguments and goes on with its outcome.
    Call(Owned, Vec<Owned>, Resume),
    /// Calls a function with one argument, which may go to a `mut` parameter; from another parameter it
    /// comes back as it was.
    CallPlace(Owned, Owned, ResumePlace),
}

impl Next {
    /// The result nil.
    pub fn nil() -> NativeResult {
        Ok(Self::Return(Owned::NIL))
    }
}

impl From<Owned> for Next {
    fn from(value: Owned) -> Self {
        Self::Return(value)
    }
}

impl std::fmt::Debug for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Return(_) => "Return",
            Self::Yield => "Yield",
            Self::Later(_) => "Later",
            Self::Park => "Park",
            Self::Block(..) => "Block",
            Self::Call(..) => "Call",
            Self::CallPlace(..) => "CallPlace",
        })
    }
}

/// Row of a table of functions that are built in everywhere.
#[derive(Clone, Copy, Debug)]
pub struct FunctionDef {
    /// Its name.
    pub name: &'static str,
    /// Its parameters: `(value, digits = 2, ...more)`.
    pub signature: &'static str,
    /// One line for help.
    pub doc: &'static str,
    /// Its code.
    pub run: NativeFn,
    /// The short way to the same, where there is one.
    pub shortcut: Option<Shortcut>,
}

/// Row of a table of methods of a type.
#[derive(Clone, Copy, Debug)]
pub struct MethodDef {
    /// Its name.
    pub name: &'static str,
    /// Its parameters without the receiver: `(width, fill = " ")`.
    pub signature: &'static str,
    /// One line for help.
    pub doc: &'static str,
    /// It changes its receiver, which must be a place that may change.
    pub mutating: bool,
    /// Its code.
    pub run: NativeFn,
    /// The short way to the same, where there is one.
    pub shortcut: Option<Shortcut>,
}

/// The methods of a type of handles: a `static` of that type's module.
#[derive(Debug)]
pub struct MethodTable {
    rows: &'static [MethodDef],
    /// The rows with their signatures read, in the same order; made at the first look.
    ready: OnceLock<Box<[NativeDef]>>,
    class: OnceLock<u16>,
    /// Which of them lends a place.
    lender: Option<(&'static str, Loan)>,
}

impl MethodTable {
    /// A table of these rows.
    pub const fn new(rows: &'static [MethodDef]) -> Self {
        Self { rows, ready: OnceLock::new(), class: OnceLock::new(), lender: None }
    }

    /// The same, where the method `name` lends a place.
    pub const fn lending(rows: &'static [MethodDef], name: &'static str, loan: Loan) -> Self {
        let lender = Some((name, loan));
        Self { rows, ready: OnceLock::new(), class: OnceLock::new(), lender }
    }

    /// The method called `name`.
    pub fn find(&self, name: &str) -> Option<&NativeDef> {
        let i = self.rows.iter().position(|row| row.name == name)?;
        Some(&self.ready()[i])
    }

    /// All its methods, in order.
    pub fn natives(&self) -> impl Iterator<Item = &NativeDef> {
        self.ready().iter()
    }

    fn ready(&self) -> &[NativeDef] {
        let loan = |name| self.lender.and_then(|(lender, loan)| (lender == name).then_some(loan));
        let native = |row: &MethodDef| NativeDef { loan: loan(row.name), ..NativeDef::from(row) };
        self.ready.get_or_init(|| self.rows.iter().map(native).collect())
    }

    /// The class of the handles that have these methods.
    pub fn class(&self) -> u16 {
        class_of(&self.class)
    }

    /// The names of all its methods.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.rows.iter().map(|row| row.name)
    }
}

/// The methods of a handle whose type is made at run time, and lives as long as the process.
#[derive(Debug, Default)]
pub struct MethodMap {
    /// By name.
    pub methods: HashMap<Box<str>, Arc<NativeDef>>,
    class: OnceLock<u16>,
}

impl MethodMap {
    /// The class of the handles that have these methods.
    pub fn class(&self) -> u16 {
        class_of(&self.class)
    }
}

/// The class that a table of methods has, taken when it is first asked for.
fn class_of(own: &OnceLock<u16>) -> u16 {
    *own.get_or_init(|| class::take().unwrap_or(tag::HANDLE as u16))
}

/// A native function, ready to be called.
pub struct NativeDef {
    /// Its name for traces and messages.
    pub name: Cow<'static, str>,
    /// Its name with that of its module or type, as dumps show it.
    pub label: Arc<str>,
    /// Its parameters.
    pub signature: Signature,
    /// One line for help.
    pub doc: Cow<'static, str>,
    /// As [`MethodDef::mutating`].
    pub mutating: bool,
    /// Its code.
    pub run: NativeRun,
    /// As [`MethodDef::shortcut`].
    pub(crate) shortcut: Option<Shortcut>,
    /// The same as its code for a float as the only argument.
    pub(crate) of_float: Option<fn(f64) -> f64>,
    /// As [`MethodTable::lending`].
    pub(crate) loan: Option<Loan>,
}

impl NativeDef {
    /// A native of the host. `signature` is `name(a, b = 2, ...rest)`.
    pub fn host(
        signature: &str,
        doc: impl Into<Cow<'static, str>>,
        run: HostFn,
    ) -> Result<Self, String> {
        let (name, signature) = Signature::parse(signature)?;
        Ok(Self {
            label: name.as_str().into(),
            name: Cow::Owned(name),
            signature,
            doc: doc.into(),
            mutating: false,
            run: NativeRun::Host(run),
            shortcut: None,
            of_float: None,
            loan: None,
        })
    }

    fn of_row(
        name: &'static str,
        signature: &str,
        doc: &'static str,
        mutating: bool,
        run: NativeFn,
    ) -> Self {
        let signature = match Signature::parse(signature) {
            Ok((_, signature)) => signature,
            Err(what) => panic!("`{name}`: {what}"),
        };
        let (label, name, doc) = (name.into(), Cow::Borrowed(name), Cow::Borrowed(doc));
        let run = NativeRun::Fn(run);
        let (shortcut, of_float, loan) = (None, None, None);
        Self { name, label, signature, doc, mutating, run, shortcut, of_float, loan }
    }

    /// So many positional arguments are its parameters as they are.
    #[inline]
    pub(crate) fn takes_exactly(&self, count: usize) -> bool {
        let params = self.signature.params();
        params.len() == count && params.last().is_none_or(|param| !param.rest)
    }

    /// So many positional arguments are its first parameters as they are, and the others may be left out.
    #[inline]
    pub(crate) fn takes(&self, count: usize) -> bool {
        let (params, required) = (self.signature.params(), self.signature.required());
        (required..=params.len()).contains(&count) && params.last().is_none_or(|param| !param.rest)
    }

    /// The native as a member of a module or a method of a type.
    #[must_use]
    pub fn of(self, owner: &str) -> Self {
        Self { label: format!("{owner}.{}", self.name).into(), ..self }
    }
}

impl From<&FunctionDef> for NativeDef {
    /// # Panics
    ///
    /// When the row's signature is no signature.
    fn from(row: &FunctionDef) -> Self {
        let native = Self::of_row(row.name, row.signature, row.doc, false, row.run);
        Self { shortcut: row.shortcut, ..native }
    }
}

impl From<&MethodDef> for NativeDef {
    /// # Panics
    ///
    /// When the row's signature is no signature.
    fn from(row: &MethodDef) -> Self {
        let native = Self::of_row(row.name, row.signature, row.doc, row.mutating, row.run);
        Self { shortcut: row.shortcut, ..native }
    }
}

impl NativeCode for NativeDef {
    fn name(&self) -> &str {
        &self.name
    }
}

impl std::fmt::Debug for NativeDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.name, self.signature)
    }
}

/// A parameter, of a native or of a script function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param {
    /// Its name.
    pub name: Box<str>,
    /// It may be left out.
    pub optional: bool,
    /// It takes all further positional arguments as a list.
    pub rest: bool,
}

/// The parameters of a native.
#[derive(Clone, Debug)]
pub struct Signature {
    params: Box<[Param]>,
    /// What an optional parameter is when it is left out.
    defaults: Box<[Option<Shared>]>,
    required: usize,
}

impl Signature {
    /// Reads `name(a, b = 2, ...rest)`; the name may be missing. A default is nil, a bool, a
    /// number, or a string in quotes.
    pub fn parse(text: &str) -> Result<(String, Self), String> {
        let bad = |what: &str| format!("the signature `{text}` {what}");
        let (name, rest) = text.split_once('(').ok_or_else(|| bad("has no `(`"))?;
        let mut rest = rest.trim_end().strip_suffix(')').ok_or_else(|| bad("has no `)`"))?.trim();
        // A comma in a default makes it one too many.
        let count = if rest.is_empty() { 0 } else { 1 + rest.matches(',').count() };
        let mut params = Vec::<Param>::with_capacity(count);
        let mut defaults = Vec::with_capacity(count);
        while !rest.is_empty() {
            if params.last().is_some_and(|p| p.rest) {
                return Err(bad("has a parameter after `...`"));
            }
            let dots = rest.strip_prefix("...");
            let is_rest = dots.is_some();
            rest = dots.unwrap_or(rest);
            let end = rest.find([',', '=']).unwrap_or(rest.len());
            let param = rest[..end].trim();
            if param.is_empty() || params.iter().any(|p| *p.name == *param) {
                return Err(bad("has a parameter without a name of its own"));
            }
            rest = &rest[end..];
            let mut default = None;
            if let Some(after) = rest.strip_prefix('=') {
                let (value, left) =
                    literal(after.trim_start()).ok_or_else(|| bad("has a bad default"))?;
                default = Some(Shared::new(value));
                rest = left.trim_start();
            } else if !is_rest && params.iter().any(|p| p.optional) {
                return Err(bad("has a required parameter after an optional one"));
            }
            let optional = default.is_some();
            params.push(Param { name: param.into(), optional, rest: is_rest });
            defaults.push(default);
            rest = match rest.strip_prefix(',') {
                Some(left) => left.trim_start(),
                None if rest.is_empty() => rest,
                None => return Err(bad("lacks a comma")),
            };
        }
        let required = params.iter().filter(|p| !p.optional && !p.rest).count();
        Ok((
            name.trim().to_owned(),
            Self { params: params.into(), defaults: defaults.into(), required },
        ))
    }

    /// Its parameters in order.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// How many arguments must be given.
    pub fn required(&self) -> usize {
        self.required
    }

    /// The value of parameter `i` when it is left out; nil for one that must be given.
    pub fn default(&self, i: usize) -> Owned {
        self.defaults[i].as_ref().map_or(Owned::NIL, |value| value.clone().into_owned())
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(")?;
        for (i, param) in self.params.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            let dots = if param.rest { "..." } else { "" };
            write!(f, "{comma}{dots}{}", param.name)?;
            if self.defaults[i].is_some() {
                write!(f, " = {}", crate::value::literal(&self.default(i)))?;
            }
        }
        f.write_str(")")
    }
}

/// Reads a constant at the start of `text`; gives it and what follows.
fn literal(text: &str) -> Option<(Owned, &str)> {
    if let Some(body) = text.strip_prefix('"') {
        let end = body.find('"')?;
        let value = body[..end].replace("\\n", "\n").replace("\\t", "\t");
        return Some((Owned::str(&value), &body[end + 1..]));
    }
    let end = text.find(',').unwrap_or(text.len());
    let value = match text[..end].trim() {
        "nil" => Owned::NIL,
        "true" => Owned::bool(true),
        "false" => Owned::bool(false),
        word => match word.parse::<i64>() {
            Ok(int) => Owned::int(int),
            Err(_) => Owned::float(word.parse().ok()?),
        },
    };
    Some((value, &text[end..]))
}

/// What stands before the dot of a method call.
#[derive(Debug)]
pub(crate) enum ReceiverSlot<'a> {
    /// A function call has none.
    None,
    /// May only be read.
    Borrowed(&'a Owned),
    /// Dead after the call: may be taken.
    Last(&'a mut Owned),
    /// A place that the method changes.
    Place(&'a mut Owned),
}

/// One call of a native: its arguments and its surroundings.
#[derive(Debug)]
pub struct Call<'a> {
    pub(crate) args: &'a mut [Owned],
    pub(crate) receiver: ReceiverSlot<'a>,
    pub(crate) thread: &'a ThreadRef,
    pub(crate) state: &'a mut ThreadState,
    pub(crate) context: &'a mut Cx<'a>,
    pub(crate) charged: u64,
}

impl<'a> Call<'a> {
    /// The arguments, one for each parameter; a rest parameter is one list.
    pub fn args(&self) -> &[Owned] {
        self.args
    }

    /// Argument `i`.
    pub fn arg(&self, i: usize) -> &Owned {
        &self.args[i]
    }

    /// Moves argument `i` out; nil stays. Not before the native knows that it will not park.
    pub fn take(&mut self, i: usize) -> Owned {
        self.args[i].take()
    }

    /// What stands before the dot of the method call.
    ///
    /// # Panics
    ///
    /// When the native was not called as a method.
    pub fn receiver(&self) -> &Owned {
        match &self.receiver {
            ReceiverSlot::Borrowed(value) => value,
            ReceiverSlot::Last(value) | ReceiverSlot::Place(value) => value,
            ReceiverSlot::None => panic!("a method was called without a receiver"),
        }
    }

    /// The receiver of a method that changes it: a place, made unique by whoever writes to it.
    ///
    /// # Panics
    ///
    /// When the method's row does not say that it is `mutating`.
    pub fn receiver_mut(&mut self) -> &mut Owned {
        match &mut self.receiver {
            ReceiverSlot::Place(value) => value,
            _ => panic!("a method that does not say so changes its receiver"),
        }
    }

    /// The receiver, moved out when this is its last use and copied otherwise. A method that throws
    /// afterwards must put it back first ([`Call::give_back`]): the variable keeps its value then.
    pub fn take_receiver(&mut self) -> Owned {
        match &mut self.receiver {
            ReceiverSlot::Borrowed(value) => value.clone(),
            ReceiverSlot::Last(value) | ReceiverSlot::Place(value) => value.take(),
            ReceiverSlot::None => panic!("a method was called without a receiver"),
        }
    }

    /// Puts back what [`Call::take_receiver`] gave.
    pub fn give_back(&mut self, receiver: Owned) {
        if let ReceiverSlot::Last(value) | ReceiverSlot::Place(value) = &mut self.receiver {
            **value = receiver;
        }
    }

    /// The VM.
    pub fn vm(&self) -> &Arc<VmShared> {
        self.thread.vm()
    }

    /// The calling thread.
    pub fn thread(&self) -> &ThreadRef {
        self.thread
    }

    /// The scheduler, as seen from the running thread.
    pub fn context(&mut self) -> &mut Cx<'a> {
        self.context
    }

    /// What the thread is to throw because of a request to stop.
    pub(crate) fn interruption(&mut self) -> Option<Owned> {
        // Nearly always there is none.
        if self.thread.flags() == 0 { None } else { scope::interruption(self.thread, self.state) }
    }

    /// Takes `work` units of fuel: for natives whose work grows with their arguments. A unit is
    /// about the work of a short loop turn.
    pub fn charge(&mut self, work: usize) {
        self.charged = self.charged.saturating_add(work as u64);
    }
}

/// What goes on with the values of which texts are wanted.
pub(crate) type WithTexts = Box<dyn FnOnce(&mut Call<'_>, Vec<Owned>) -> NativeResult>;

/// Goes on with `values` in which each struct or enum that has its own `str` has become the string
/// that this gives. (Inside of containers it is not asked.)
pub(crate) fn with_texts(call: &mut Call<'_>, values: Vec<Owned>, then: WithTexts) -> NativeResult {
    texts_from(call, values, 0, then)
}

/// The same for those from `start` on.
fn texts_from(
    call: &mut Call<'_>,
    mut values: Vec<Owned>,
    start: usize,
    then: WithTexts,
) -> NativeResult {
    let mut rest = values.iter().enumerate().skip(start);
    let own = rest.find_map(|(i, value)| Some((i, own_text(value)?)));
    let Some((i, function)) = own else { return then(call, values) };
    let value = values[i].take();
    let name = value.type_name().to_owned();
    let resume: Resume = Box::new(move |call, outcome| {
        values[i] = check_text(outcome?, &name)?;
        texts_from(call, values, i + 1, then)
    });
    Ok(Next::Call(function, vec![value], resume))
}

/// The function that gives the text of a value, when its type has its own.
pub(crate) fn own_text(value: &Owned) -> Option<Owned> {
    value.as_record()?.info().operator(Operator::Str)
}

/// What the `str` of a type gives must be a string.
pub(crate) fn check_text(text: Owned, type_name: &str) -> Result<Owned, Owned> {
    if text.as_str().is_some() {
        return Ok(text);
    }
    let given = text.type_name();
    Err(error(Kind::Type, format!("the `str` of {type_name} must give a string, not {given}")))
}

#[cfg(test)]
mod tests {
    use super::Signature;

    fn shown(text: &str) -> Result<String, String> {
        Signature::parse(text).map(|(name, signature)| format!("{name}{signature}"))
    }

    #[test]
    fn signatures_read_and_print() {
        for text in ["()", "pad(width, fill = \" \")", "print(...values)", "f(a, b = 1, c = nil)"] {
            assert_eq!(shown(text).as_deref(), Ok(text));
        }
        let (_, signature) = Signature::parse("f(a, b = -1.5, ...c)").unwrap();
        assert_eq!(signature.required(), 1);
    }

    #[test]
    fn bad_signatures_are_refused() {
        for text in ["f", "f(", "f(a, a)", "f(...a, b)", "f(a = 1, b)", "f(a = x)", "f(, a)"] {
            assert!(shown(text).is_err(), "{text}");
        }
    }
}

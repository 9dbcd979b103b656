//! What a host adds to the language: functions, modules, and types of objects.
//!
//! A native says how it treats the kernel thread it runs on:
//!
//! | | runs | for |
//! |---|---|---|
//! | [`function`](ModuleBuilder::function) | at once | what takes less than some microseconds |
//! | [`blocking`](ModuleBuilder::blocking) | its processor is taken over if it takes longer | what may wait: files |
//! | [`eager`](ModuleBuilder::eager) | its processor is given away first | what is known to wait |
//! | [`raw`](ModuleBuilder::raw) | as its [`Reply`] says | what decides when called |
//!
//! Signatures are written as in scripts, `"pad(text, width, fill = \" \")"`; they give the native
//! its name, named arguments, defaults and messages. That a closure takes as many parameters as
//! its signature has is checked when the VM is built.

pub mod builtin;
mod streams;

use std::{
    any::Any,
    borrow::Cow,
    collections::HashMap,
    fmt, io,
    os::fd::AsFd,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use crate::{
    convert::{
        Args, BlockingFunction, BlockingMethod, FromArgument, HostFunction, HostMethod, IntoValue,
        Local, Value, Work,
    },
    error::{Error, ErrorKind},
    native::{Call, Finish, HostFn, MethodMap, NativeDef, NativeResult, Next},
    sched::{Handoff, Interest},
    value::{Handle, Owned},
    watch::{self, Going, Poller, Waited, Watched},
};

pub use streams::{Stdin, Stream};

/// A module of the host: what `import name` gives.
#[derive(Debug)]
pub struct ModuleBuilder {
    pub(crate) name: Cow<'static, str>,
    pub(crate) doc: Cow<'static, str>,
    pub(crate) members: Vec<Member>,
    /// Types of handles that come from the module, for help.
    pub(crate) handles: Vec<HandleDocs>,
    /// Functions written in Lisle.
    pub(crate) script: Option<Cow<'static, str>>,
    pub(crate) late_script: Option<&'static str>,
}

/// What there is to say of a type of handles.
#[derive(Debug)]
pub(crate) struct HandleDocs {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    /// The methods: how each is written, and a line about it.
    pub(crate) methods: Vec<(String, String)>,
}

/// A member of a module.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: Cow<'static, str>,
    pub(crate) doc: Cow<'static, str>,
    pub(crate) value: Result<MemberValue, Error>,
}

/// Makes a value of the program's arguments.
pub(crate) struct OfArgs(pub(crate) Box<dyn FnOnce(&[String]) -> Result<Local, Error> + Send>);

impl fmt::Debug for OfArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfArgs")
    }
}

#[derive(Debug)]
pub(crate) enum MemberValue {
    Value(Value),
    OfArgs(OfArgs),
    Native(NativeDef),
    /// Rows written inside the VM.
    Row(&'static crate::native::FunctionDef),
}

impl ModuleBuilder {
    /// An empty module with one line of description.
    pub fn new(name: impl Into<Cow<'static, str>>, doc: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            doc: doc.into(),
            members: Vec::new(),
            handles: Vec::new(),
            script: None,
            late_script: None,
        }
    }

    /// Adds a constant.
    #[must_use]
    pub fn value(
        self,
        name: impl Into<Cow<'static, str>>,
        doc: impl Into<Cow<'static, str>>,
        value: impl IntoValue,
    ) -> Self {
        self.with(name.into(), doc.into(), Value::new(value).map(MemberValue::Value))
    }

    /// Adds a constant that is made of the program's arguments when the VM is built.
    #[must_use]
    pub fn value_of_args<R: IntoValue>(
        self,
        name: impl Into<Cow<'static, str>>,
        doc: impl Into<Cow<'static, str>>,
        value: impl FnOnce(&[String]) -> R + Send + 'static,
    ) -> Self {
        let value = OfArgs(Box::new(move |args| value(args).into_value()));
        self.with(name.into(), doc.into(), Ok(MemberValue::OfArgs(value)))
    }

    /// Adds a function that answers at once.
    #[must_use]
    pub fn function<P>(
        self,
        signature: &str,
        doc: impl Into<Cow<'static, str>>,
        function: impl HostFunction<P>,
    ) -> Self {
        self.native(signature, doc.into(), |signature, doc| quick(signature, doc, function))
    }

    /// As [`function`](Self::function), for one that makes a float of a float: calls of it cost little
    /// more than an operator.
    #[must_use]
    pub fn float_function(
        self,
        signature: &str,
        doc: impl Into<Cow<'static, str>>,
        function: fn(f64) -> f64,
    ) -> Self {
        self.native(signature, doc.into(), |signature, doc| {
            Ok(NativeDef { of_float: Some(function), ..quick(signature, doc, function)? })
        })
    }

    /// Adds a function that may wait in the kernel.
    #[must_use]
    pub fn blocking<P>(
        self,
        signature: &str,
        doc: impl Into<Cow<'static, str>>,
        function: impl BlockingFunction<P>,
    ) -> Self {
        self.native(signature, doc.into(), |signature, doc| {
            blocking(signature, doc, Handoff::Lazy, function)
        })
    }

    /// Adds a function that does wait in the kernel.
    #[must_use]
    pub fn eager<P>(
        self,
        signature: &str,
        doc: impl Into<Cow<'static, str>>,
        function: impl BlockingFunction<P>,
    ) -> Self {
        self.native(signature, doc.into(), |signature, doc| {
            blocking(signature, doc, Handoff::Eager, function)
        })
    }

    /// Adds a function that sees its [`Context`] and says by its [`Reply`] how it goes on.
    #[must_use]
    pub fn raw(
        self,
        signature: &str,
        doc: impl Into<Cow<'static, str>>,
        function: impl Fn(&mut Context<'_, '_>) -> Result<Reply, Error> + Send + Sync + 'static,
    ) -> Self {
        self.native(signature, doc.into(), |signature, doc| raw(signature, doc, function))
    }

    /// Adds functions written in Lisle: those of the text that have a doc comment. The text may
    /// import what is a module of the VM.
    #[must_use]
    pub fn script(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.script = Some(text.into());
        self
    }

    /// As [`script`](Self::script), but the text is compiled when another one first has the module's
    /// name in it: what is wrong is found out only then. It has functions and imports and nothing else.
    #[must_use]
    pub fn late_script(mut self, text: &'static str) -> Self {
        self.late_script = Some(text);
        self
    }

    /// Says that objects of this type come from the module, for help.
    #[must_use]
    pub fn object<T: HostObject>(mut self, doc: &'static str) -> Self {
        let HostType { name, methods, properties } = T::host_type();
        let written = |native: &NativeDef| match properties.contains_key(&*native.name) {
            true => native.name.to_string(),
            false => format!("{native:?}"),
        };
        let methods = methods.methods.values();
        let mut methods: Vec<_> =
            methods.map(|native| (written(native), native.doc.to_string())).collect();
        methods.sort_unstable();
        self.handles.push(HandleDocs { name, doc, methods });
        self
    }

    /// As [`object`](Self::object), for handles of the VM itself.
    #[must_use]
    pub(crate) fn handle(
        mut self,
        name: &'static str,
        doc: &'static str,
        methods: &crate::native::MethodTable,
    ) -> Self {
        let methods =
            methods.natives().map(|native| (format!("{native:?}"), native.doc.to_string()));
        self.handles.push(HandleDocs { name, doc, methods: methods.collect() });
        self
    }

    /// Adds functions that the VM itself brings.
    #[must_use]
    pub(crate) fn rows(mut self, rows: &'static [crate::native::FunctionDef]) -> Self {
        self.members.extend(rows.iter().map(|row| Member {
            name: row.name.into(),
            doc: row.doc.into(),
            value: Ok(MemberValue::Row(row)),
        }));
        self
    }

    fn native(
        self,
        signature: &str,
        doc: Cow<'static, str>,
        make: impl FnOnce(&str, Cow<'static, str>) -> Result<NativeDef, Error>,
    ) -> Self {
        let name = signature.split('(').next().unwrap_or(signature).trim().to_owned();
        let native = make(signature, doc.clone()).map(MemberValue::Native);
        self.with(name.into(), doc, native)
    }

    fn with(
        mut self,
        name: Cow<'static, str>,
        doc: Cow<'static, str>,
        value: Result<MemberValue, Error>,
    ) -> Self {
        self.members.push(Member { name, doc, value });
        self
    }
}

/// What a raw native answers.
pub struct Reply(ReplyKind);

enum ReplyKind {
    Now(Owned),
    Later(Handoff, Work),
    /// Goes on as it says itself.
    Going(Box<dyn Going>),
    Call(Owned, Vec<Owned>, Then),
}

/// Goes on after a function that a native called.
type Then = Box<dyn FnOnce(Result<Local, Error>) -> Result<Reply, Error> + Send>;

impl Reply {
    /// This is the result.
    pub fn now(value: impl IntoValue) -> Result<Self, Error> {
        Ok(Self(ReplyKind::Now(value.into_value()?.into_owned())))
    }

    /// The result is what `work` gives, which may wait in the kernel.
    pub fn later<R: IntoValue + Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Self {
        Self(ReplyKind::Later(Handoff::Lazy, defer(work)))
    }

    /// The result is what `work` gives, which does wait in the kernel.
    pub fn eager<R: IntoValue + Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Self {
        Self(ReplyKind::Later(Handoff::Eager, defer(work)))
    }

    /// Goes on with what `work` gives, which may wait in the kernel.
    pub fn later_then<R: Send + 'static>(
        work: impl FnOnce() -> R + Send + 'static,
        then: impl FnOnce(R) -> Result<Self, Error> + Send + 'static,
    ) -> Self {
        let work = move || -> Finish {
            let result = work();
            Box::new(move |call| guarded(|| then(result))?.into_next(call))
        };
        Self(ReplyKind::Going(Box::new(Blocking(work))))
    }

    /// Calls `attempt` until it says something else than that it [would block]; in between the user
    /// thread is parked, and holds no kernel thread, until another attempt is worth it. Goes on with
    /// what came of that.
    ///
    /// `attempt` is quick and never blocks. `limit` is for all attempts together; when it is zero there
    /// is one. A thread that is cancelled meanwhile drops `then`, and what its last attempt had done
    /// stays done.
    ///
    /// [would block]: std::io::ErrorKind::WouldBlock
    pub fn io<T: AsFd + Send + Sync + 'static, R: 'static>(
        watched: &Watched<T>,
        interest: Interest,
        limit: Option<Duration>,
        attempt: impl FnMut(&T) -> io::Result<R> + Send + 'static,
        then: impl FnOnce(Waited<R>) -> Result<Self, Error> + Send + 'static,
    ) -> Self {
        let then = |call: &mut Call<'_>, waited| guarded(|| then(waited))?.into_next(call);
        Self(ReplyKind::Going(watched.attempts(interest, limit, attempt, then)))
    }

    /// Calls a function of the script, which may do and wait for whatever it likes, and goes on
    /// with what it gave or threw. An error that `then` gives back goes on as it was.
    pub fn call(
        function: Local,
        arguments: Vec<Local>,
        then: impl FnOnce(Result<Local, Error>) -> Result<Self, Error> + Send + 'static,
    ) -> Self {
        let arguments = arguments.into_iter().map(Local::into_owned).collect();
        Self(ReplyKind::Call(function.into_owned(), arguments, Box::new(then)))
    }

    fn into_next(self, call: &mut Call<'_>) -> NativeResult {
        Ok(match self.0 {
            ReplyKind::Now(value) => Next::Return(value),
            ReplyKind::Later(handoff, work) => block(handoff, work),
            ReplyKind::Going(going) => return going.go(call),
            ReplyKind::Call(function, arguments, then) => Next::Call(
                function,
                arguments,
                Box::new(move |call, outcome| {
                    let home = call.vm().clone();
                    let outcome = outcome
                        .map(Local::new)
                        .map_err(|thrown| Error::from_thrown(thrown, Some(&home)));
                    guarded(|| then(outcome))?.into_next(call)
                }),
            ),
        })
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            ReplyKind::Now(_) => "Now",
            ReplyKind::Later(..) => "Later",
            ReplyKind::Going(_) => "Going",
            ReplyKind::Call(..) => "Call",
        })
    }
}

/// Blocking work that says how its native goes on.
struct Blocking<F>(F);

impl<F: FnOnce() -> Finish + Send + 'static> Going for Blocking<F> {
    fn go(self: Box<Self>, _: &mut Call<'_>) -> NativeResult {
        Ok(Next::Block(
            Handoff::Lazy,
            Box::new(move || match catch_unwind(AssertUnwindSafe(self.0)) {
                Ok(finish) => finish,
                Err(panic) => failing(Error::from_panic(&*panic)),
            }),
        ))
    }
}

/// One call of a raw native: its arguments, and the VM around it.
#[derive(Debug)]
pub struct Context<'a, 'call> {
    call: &'a mut Call<'call>,
    names: &'a [Box<str>],
}

impl Context<'_, '_> {
    /// The arguments.
    pub fn args(&self) -> Args<'_> {
        Args::new(self.call.args(), self.names, self.call.vm())
    }

    /// Argument `i`, converted; an error names the parameter.
    pub fn get<T: FromArgument>(&self, i: usize) -> Result<T::Item<'_>, Error> {
        self.args().get::<T>(i)
    }

    /// The VM's standard output.
    pub fn stdout(&self) -> Stream {
        Stream::stdout(self.call.vm())
    }

    /// The VM's standard error.
    pub fn stderr(&self) -> Stream {
        Stream::stderr(self.call.vm())
    }

    /// The VM's standard input.
    pub fn stdin(&self) -> Stdin {
        Stdin::new(self.call.vm())
    }

    /// What watches descriptors for the VM.
    pub fn poller(&self) -> Poller {
        Poller::new(self.call.vm())
    }

    /// Ends the program at once with a status; the native returns the error that this gives.
    pub fn exit(&self, status: i32) -> Error {
        let vm = self.call.vm();
        vm.request_exit(status);
        // Calls of the host end with the program.
        for thread in vm.awaited.lock().threads.iter() {
            thread.done.wake_host();
        }
        Error::new(ErrorKind::Exit(status), "the program ends")
    }

    /// Takes `work` units of fuel, for work that grows with the arguments: a unit is about the
    /// work of a short loop turn.
    pub fn charge(&mut self, work: usize) {
        self.call.charge(work);
    }
}

/// A type of the host whose objects scripts hold as handles: they are shared, equal when they are
/// the same one, and dropped when nobody holds them any more.
///
/// ```
/// use std::sync::{LazyLock, atomic::{AtomicI64, Ordering::Relaxed}};
/// use lisle_vm::{HostObject, HostType};
///
/// struct Counter(AtomicI64);
///
/// impl HostObject for Counter {
///     fn host_type() -> &'static HostType<Self> {
///         static TYPE: LazyLock<HostType<Counter>> = LazyLock::new(|| {
///             HostType::new("counter")
///                 .method("add(n = 1)", "Adds; gives the new count.", |c: &Counter, n: i64| {
///                     c.0.fetch_add(n, Relaxed) + n
///                 })
///         });
///         &TYPE
///     }
/// }
/// ```
///
/// An object with a method `next` can be walked by `for`: each turn gets what `next` gives, until
/// that is nil.
pub trait HostObject: Send + Sync + Sized + 'static {
    /// Its name and methods, made once.
    fn host_type() -> &'static HostType<Self>;
}

/// The name and the methods of a [`HostObject`].
pub struct HostType<T> {
    name: &'static str,
    methods: MethodMap,
    properties: HashMap<Box<str>, Property<T>>,
}

type Property<T> = Arc<dyn Fn(&T) -> Result<Local, Error> + Send + Sync>;

impl<T: HostObject> HostType<T> {
    /// A type without methods, of the name that `type(v)` gives.
    pub fn new(name: &'static str) -> Self {
        Self { name, methods: MethodMap::default(), properties: HashMap::new() }
    }

    /// Adds something that an object has, rather than does: it reads as a field, and with `()` too.
    #[must_use]
    pub fn property<R: IntoValue>(
        mut self,
        name: &str,
        doc: impl Into<Cow<'static, str>>,
        get: impl Fn(&T) -> R + Send + Sync + 'static,
    ) -> Self {
        let get: Property<T> = Arc::new(move |object| get(object).into_value());
        self.properties.insert(name.into(), get.clone());
        self.with(&format!("{name}()"), doc.into(), Some(0), move |call, _| {
            let object = receiver::<T>(call)?;
            let value = guarded(|| get(&object))?;
            Ok(Next::Return(value.into_owned()))
        })
    }

    /// Adds a method that answers at once.
    ///
    /// # Panics
    ///
    /// When the signature is malformed or does not fit the closure, here as below.
    #[must_use]
    pub fn method<P>(
        self,
        signature: &str,
        doc: impl Into<Cow<'static, str>>,
        method: impl HostMethod<T, P>,
    ) -> Self {
        self.with(signature, doc.into(), count_of_method(&method), move |call, names| {
            let object = receiver::<T>(call)?;
            let args = Args::new(call.args(), names, call.vm());
            let value = guarded(|| method.invoke(&object, args))?;
            Ok(Next::Return(value.into_owned()))
        })
    }

    /// Adds a method that may wait in the kernel.
    #[must_use]
    pub fn blocking<P>(
        self,
        signature: &str,
        doc: impl Into<Cow<'static, str>>,
        method: impl BlockingMethod<T, P>,
    ) -> Self {
        let count = count_of_blocking_method(&method);
        let method = Arc::new(method);
        self.with(signature, doc.into(), count, move |call, names| {
            let object = receiver::<T>(call)?;
            let args = Args::new(call.args(), names, call.vm());
            let work = guarded(|| method.prepare(object, args))?;
            Ok(block(Handoff::Lazy, work))
        })
    }

    /// Adds a method that sees its [`Context`] and says by its [`Reply`] how it goes on.
    #[must_use]
    pub fn raw(
        self,
        signature: &str,
        doc: impl Into<Cow<'static, str>>,
        method: impl Fn(&Arc<T>, &mut Context<'_, '_>) -> Result<Reply, Error> + Send + Sync + 'static,
    ) -> Self {
        self.with(signature, doc.into(), None, move |call, names| {
            let object = receiver::<T>(call)?;
            guarded(|| method(&object, &mut Context { call, names }))?.into_next(call)
        })
    }

    fn with(
        mut self,
        signature: &str,
        doc: Cow<'static, str>,
        count: Option<usize>,
        run: impl Fn(&mut Call<'_>, &[Box<str>]) -> NativeResult + Send + Sync + 'static,
    ) -> Self {
        match native(signature, doc, count, run) {
            Ok(native) => {
                let native = native.of(self.name);
                self.methods.methods.insert(native.name.as_ref().into(), Arc::new(native));
                self
            }
            Err(error) => panic!("the type `{}`: {}", self.name, error.message()),
        }
    }
}

impl<T> fmt::Debug for HostType<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostType").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An object of the host on its way into a script: gives a handle.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<T: HostObject> IntoValue for Object<T> {
    fn into_value(self) -> Result<Local, Error> {
        Arc::new(self.0).into_value()
    }
}

/// All conversions of one `Arc` are equal: they stand for one object.
impl<T: HostObject> IntoValue for Arc<T> {
    fn into_value(self) -> Result<Local, Error> {
        Ok(Local::new(Owned::handle(Hosted { object: self })))
    }
}

/// The handle behind an object of the host.
struct Hosted<T> {
    object: Arc<T>,
}

impl<T: HostObject> Handle for Hosted<T> {
    fn type_name(&self) -> &str {
        T::host_type().name
    }

    fn methods(&self) -> &dyn Any {
        &T::host_type().methods
    }

    fn class(&self) -> u16 {
        T::host_type().methods.class()
    }

    fn identity(&self) -> Option<usize> {
        Some(Arc::as_ptr(&self.object).cast::<()>().addr())
    }

    fn field(&self, name: &str) -> Option<Result<Owned, Owned>> {
        let get = T::host_type().properties.get(name)?;
        Some(guarded(|| get(&self.object)).map(Local::into_owned))
    }
}

/// The object of the host that a value is.
pub(crate) fn object<T: HostObject>(value: &Owned) -> Option<&Arc<T>> {
    value.as_handle::<Hosted<T>>().map(|hosted| &hosted.object)
}

fn receiver<T: HostObject>(call: &Call<'_>) -> Result<Arc<T>, Owned> {
    object::<T>(call.receiver()).cloned().ok_or_else(|| {
        let message = format!("a method of {} was called on something else", T::host_type().name);
        Error::new(ErrorKind::Type, message).into_thrown()
    })
}

/// A native that answers at once.
pub(crate) fn quick<P>(
    signature: &str,
    doc: Cow<'static, str>,
    function: impl HostFunction<P>,
) -> Result<NativeDef, Error> {
    native(signature, doc, Some(count_of(&function)), move |call, names| {
        let args = Args::new(call.args(), names, call.vm());
        let value = guarded(|| function.invoke(args))?;
        Ok(Next::Return(value.into_owned()))
    })
}

/// A native that may wait.
pub(crate) fn blocking<P>(
    signature: &str,
    doc: Cow<'static, str>,
    handoff: Handoff,
    function: impl BlockingFunction<P>,
) -> Result<NativeDef, Error> {
    let count = count_of_blocking(&function);
    let function = Arc::new(function);
    native(signature, doc, Some(count), move |call, names| {
        let args = Args::new(call.args(), names, call.vm());
        let work = guarded(|| function.prepare(args))?;
        Ok(block(handoff, work))
    })
}

/// A native that says by its reply how it goes on.
pub(crate) fn raw(
    signature: &str,
    doc: Cow<'static, str>,
    function: impl Fn(&mut Context<'_, '_>) -> Result<Reply, Error> + Send + Sync + 'static,
) -> Result<NativeDef, Error> {
    native(signature, doc, None, move |call, names| {
        guarded(|| function(&mut Context { call, names }))?.into_next(call)
    })
}

fn native(
    signature: &str,
    doc: Cow<'static, str>,
    count: Option<usize>,
    run: impl Fn(&mut Call<'_>, &[Box<str>]) -> NativeResult + Send + Sync + 'static,
) -> Result<NativeDef, Error> {
    // The closure needs the names, which are known when the signature has been read: twice, since
    // the first reading only looks at it.
    let misuse = |message| Error::new(ErrorKind::Value, message);
    let probe = crate::native::Signature::parse(signature).map_err(misuse)?;
    let names: Box<[Box<str>]> = probe.1.params().iter().map(|p| p.name.clone()).collect();
    if let Some(count) = count
        && count != names.len()
    {
        return Err(misuse(format!(
            "the signature `{signature}` has {} parameters, its function takes {count}",
            names.len()
        )));
    }
    let run: HostFn = Box::new(move |call| match watch::parked(call) {
        Some(going) => going.go(call),
        None => run(call, &names),
    });
    NativeDef::host(signature, doc, run).map_err(misuse)
}

fn block(handoff: Handoff, work: Work) -> Next {
    Next::Block(
        handoff,
        Box::new(move || -> Finish {
            match catch_unwind(AssertUnwindSafe(work)) {
                Ok(answer) => Box::new(move |_| {
                    let value = guarded(answer)?;
                    Ok(Next::Return(value.into_owned()))
                }),
                Err(panic) => failing(Error::from_panic(&*panic)),
            }
        }),
    )
}

/// A blocking call that ends with an error.
fn failing(error: Error) -> Finish {
    Box::new(move |_| Err(error.into_thrown()))
}

fn defer<R: IntoValue + Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Work {
    Box::new(move || {
        let result = work();
        Box::new(move || result.into_value())
    })
}

/// Runs code of the host: an error or a panic becomes a value to throw.
fn guarded<T>(run: impl FnOnce() -> Result<T, Error>) -> Result<T, Owned> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.into_thrown()),
        Err(panic) => Err(Error::from_panic(&*panic).into_thrown()),
    }
}

fn count_of<P, F: HostFunction<P>>(_: &F) -> usize {
    F::COUNT
}

fn count_of_blocking<P, F: BlockingFunction<P>>(_: &F) -> usize {
    F::COUNT
}

fn count_of_method<T, P, F: HostMethod<T, P>>(_: &F) -> Option<usize> {
    Some(F::COUNT)
}

fn count_of_blocking_method<T, P, F: BlockingMethod<T, P>>(_: &F) -> Option<usize> {
    Some(F::COUNT)
}

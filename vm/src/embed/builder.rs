//! A VM before it runs: what the host gives it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    io::{Read, Write},
    marker::PhantomData,
    sync::Arc,
};

use lisle_compiler::{self as compiler, Environment};

use super::{
    Vm,
    host::{self, Host},
    late::{Late, LateModule},
    library::Docs,
    load::Loader,
    session::Names,
};
use crate::{
    convert::{BlockingFunction, HostFunction, IntoValue, within},
    error::{Error, ErrorKind},
    model::Model,
    module::{Member, MemberValue, ModuleBuilder, blocking, quick},
    native::{NativeDef, Signature},
    profile::Profiler,
    sched::{Config, Handoff},
    value::{Owned, Shared},
    vm::{VmOptions, VmShared},
};

/// Configures a [`Vm`], or a host's own type around one.
pub struct VmBuilder<V = Vm> {
    config: Config,
    lwps: Option<usize>,
    options: VmOptions,
    stdout: Option<Box<dyn Write + Send>>,
    stdout_buffered: bool,
    stderr: Option<Box<dyn Write + Send>>,
    stdin: Option<Box<dyn Read + Send>>,
    args: Vec<String>,
    color: bool,
    profile: bool,
    loader: Option<Box<dyn Loader>>,
    functions: Vec<Result<NativeDef, Error>>,
    modules: Vec<ModuleBuilder>,
    late_modules: Vec<LateModule>,
    methods: Vec<Cow<'static, str>>,
    late_methods: Vec<&'static str>,
    marker: PhantomData<fn() -> V>,
}

impl<V: From<Vm>> VmBuilder<V> {
    pub(super) fn new() -> Self {
        Self {
            config: Config::default(),
            lwps: None,
            options: VmOptions::default(),
            stdout: None,
            stdout_buffered: false,
            stderr: None,
            stdin: None,
            args: Vec::new(),
            color: false,
            profile: false,
            loader: None,
            functions: Vec::new(),
            modules: Vec::new(),
            late_modules: Vec::new(),
            methods: Vec::new(),
            late_methods: Vec::new(),
            marker: PhantomData,
        }
    }

    /// How many LWPs run scripts at once; by default as many as there are CPUs, and one in the model
    /// [`Model::NToOne`], which allows no other number.
    #[must_use]
    pub fn lwps(mut self, n: usize) -> Self {
        self.lwps = Some(n);
        self
    }

    /// How user threads are mapped to kernel threads; by default [`Model::MToN`].
    #[must_use]
    pub fn model(mut self, model: Model) -> Self {
        self.options.model = model;
        self
    }

    /// How many LWPs there may be at all: besides those that run scripts, those that are inside a
    /// blocking call. Past that, such calls take turns. LWPs of bound threads do not count.
    #[must_use]
    pub fn max_lwps(mut self, n: usize) -> Self {
        self.config.max_lwps = n;
        self
    }

    /// What `print` writes to; by default the standard output of the process.
    #[must_use]
    pub fn stdout(mut self, writer: impl Write + Send + 'static) -> Self {
        self.stdout = Some(Box::new(writer));
        self
    }

    /// Gathers what `print` writes, some kilobytes at a time; it is written out when a call of the
    /// host returns, when the program ends, and before the standard input is read.
    #[must_use]
    pub fn buffer_stdout(mut self) -> Self {
        self.stdout_buffered = true;
        self
    }

    /// What `eprint` and reports go to; by default the standard error of the process.
    #[must_use]
    pub fn stderr(mut self, writer: impl Write + Send + 'static) -> Self {
        self.stderr = Some(Box::new(writer));
        self
    }

    /// What `input` reads; by default the standard input of the process.
    #[must_use]
    pub fn stdin(mut self, reader: impl Read + Send + 'static) -> Self {
        self.stdin = Some(Box::new(reader));
        self
    }

    /// As [`stdin`](Self::stdin), from bytes.
    #[must_use]
    pub fn stdin_bytes(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin(std::io::Cursor::new(bytes.into()))
    }

    /// The program's arguments, as `os.args` gives them.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Whether reports show terminal colours; they do not by default.
    #[must_use]
    pub fn color(mut self, color: bool) -> Self {
        self.color = color;
        self
    }

    /// Finds out what the VM's threads spend their time on, for [`Vm::profile`]. Scripts are slower
    /// then.
    ///
    /// ```
    /// use lisle_vm::Vm;
    ///
    /// # fn main() -> Result<(), lisle_vm::Error> {
    /// let vm = Vm::builder().profile().build()?;
    /// vm.load(
    ///     "fn work() {
    ///         var xs = [0] * 1000
    ///         var before = nil
    ///         for i in 0..200 { before = xs; xs[i] = i }
    ///         before.len()
    ///     }",
    /// )?;
    /// let length: i64 = vm.call("work", ())?;
    /// let profile = vm.profile();
    /// // What was copied only because `before` had it too.
    /// let copies = &profile.copies()[0];
    /// assert_eq!((copies.times, copies.longest as i64), (200, length));
    /// assert_eq!(copies.place.as_ref().map(|place| place.line()), Some(4));
    /// // For tools that draw flame graphs: a line for each stack of calls, with microseconds.
    /// let text = profile.folded();
    /// assert!(text.lines().all(|line| line.contains(' ')));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn profile(mut self) -> Self {
        self.profile = true;
        self
    }

    /// The most that the values of all scripts may take together, in bytes. An allocation past it
    /// is an error of kind `memory`.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.options.memory_limit = Some(bytes);
        self
    }

    /// Adds a function that is known everywhere and answers at once. See
    /// [`ModuleBuilder::function`].
    #[must_use]
    pub fn function<P>(mut self, signature: &str, function: impl HostFunction<P>) -> Self {
        self.functions.push(quick(signature, Cow::Borrowed(""), function));
        self
    }

    /// Adds a function that is known everywhere and may wait in the kernel. See
    /// [`ModuleBuilder::blocking`].
    #[must_use]
    pub fn blocking_function<P>(
        mut self,
        signature: &str,
        function: impl BlockingFunction<P>,
    ) -> Self {
        self.functions.push(blocking(signature, Cow::Borrowed(""), Handoff::Lazy, function));
        self
    }

    /// Adds a function that is known everywhere and does wait in the kernel. See
    /// [`ModuleBuilder::eager`].
    #[must_use]
    pub fn eager_function<P>(
        mut self,
        signature: &str,
        function: impl BlockingFunction<P>,
    ) -> Self {
        self.functions.push(blocking(signature, Cow::Borrowed(""), Handoff::Eager, function));
        self
    }

    /// Adds a module. One of the same name that was added before is replaced.
    #[must_use]
    pub fn module(mut self, module: ModuleBuilder) -> Self {
        self.without_module(&module.name).modules.push(module);
        self
    }

    /// As [`module`](Self::module), but the module is made when a text first imports it: what is wrong
    /// with it is found out only then.
    #[must_use]
    pub fn late_module(mut self, name: &'static str, make: fn() -> ModuleBuilder) -> Self {
        self.without_module(name).late_modules.push(LateModule { name, make });
        self
    }

    fn without_module(&mut self, name: &str) -> &mut Self {
        self.modules.retain(|other| other.name != name);
        self.late_modules.retain(|other| other.name != name);
        self
    }

    /// Lets scripts import what this loader finds. Without one they can only import the modules that
    /// were added.
    #[must_use]
    pub fn loader(mut self, loader: impl Loader) -> Self {
        self.loader = Some(Box::new(loader));
        self
    }

    /// Adds methods to built-in types, written in Lisle: a top-level `fn list_second(xs)` is the
    /// method `second` of lists, `fn elements_second(xs)` one of all types that are walked element
    /// by element: lists, ranges, strings, sets and bytes.
    #[must_use]
    pub fn methods(mut self, source: impl Into<Cow<'static, str>>) -> Self {
        self.methods.push(source.into());
        self
    }

    /// As [`methods`](Self::methods), but a function is compiled when a text first calls a method of
    /// its name: what is wrong with it is found out only then. In the text stand functions and nothing
    /// else, and a function does not call another one but as a method.
    #[must_use]
    pub fn late_methods(mut self, source: &'static str) -> Self {
        self.late_methods.push(source);
        self
    }

    /// Starts the VM. Fails when a native's signature is wrong, methods do not compile, the model does
    /// not allow the number of LWPs, or the kernel refuses a thread.
    pub fn build(mut self) -> Result<V, Error> {
        self.config.processors = match (self.options.model, self.lwps) {
            (Model::NToOne, None) => 1,
            (Model::NToOne, Some(n)) if n != 1 => {
                let text =
                    format!("in the model n:1 one LWP runs scripts, not {n}: leave `lwps` out");
                return Err(Error::new(ErrorKind::Value, text).context("starting the VM"));
            }
            (_, None) => self.config.processors,
            (_, Some(n)) => n,
        };
        let vm = VmShared::new(self.options, self.config)
            .map_err(|e| Error::new(ErrorKind::Io, e.to_string()).context("starting the VM"))?;
        if self.profile {
            let profiler = Profiler::start()
                .map_err(|e| Error::new(ErrorKind::Io, e.to_string()).context("profiling"))?;
            // Set once, here.
            let _ = vm.profiler.set(profiler);
        }
        let colored = self.color;
        let _ = vm.reporter.set(Box::new(move |_, thread, thrown| {
            host::report_failure(thread, thrown, colored);
        }));
        if let Some(stdout) = self.stdout {
            vm.stdout.redirect(stdout);
        }
        vm.stdout.set_prompt(!self.stdout_buffered);
        if let Some(stderr) = self.stderr {
            vm.stderr.redirect(stderr);
        }
        vm.stderr.set_prompt(true);
        if let Some(stdin) = self.stdin {
            vm.stdin.redirect(stdin);
        }
        // From here on the handle ends the VM when something is wrong.
        let host = Host::new(vm, colored, self.loader);
        let vm = host.shared();
        let mut docs = Docs::new();
        let mut scripts = Vec::new();
        let mut late = Late::new(self.late_modules, self.args);
        within(Some(vm), || {
            for function in self.functions {
                let function = Arc::new(function?);
                vm.define(&function.name.clone(), Owned::native(function));
            }
            self.modules.into_iter().try_for_each(|module| {
                let name = module.name.clone();
                let (said, script) = late.define(vm, module)?;
                docs.insert(name.as_ref().into(), said);
                scripts.extend(script.map(|text| (name, text)));
                Ok::<_, Error>(())
            })
        })?;
        for text in self.late_methods {
            late.add_methods(vm, text);
        }
        host.complete(docs, environment(vm));
        for (module, text) in scripts {
            late.script(&host, &module, &text)?.run()?;
        }
        self.methods.iter().try_for_each(|text| late.methods(&host, text)?.run())?;
        host.set_late(late);
        let names = Arc::new(Names::new(vm));
        Ok(Vm { host, names }.into())
    }
}

impl<V> fmt::Debug for VmBuilder<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VmBuilder")
            .field("config", &self.config)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Makes the members of a module.
pub(super) fn define_module(
    vm: &VmShared,
    module: ModuleBuilder,
    args: &[String],
) -> Result<(), Error> {
    let name = module.name;
    for Member { name: member, value, .. } in module.members {
        let context = |e: Error| e.context(&format!("{name}.{member}"));
        let value = match value.map_err(context)? {
            MemberValue::Value(value) => value.into_value().map_err(context)?.into_owned(),
            MemberValue::OfArgs(make) => (make.0)(args).map_err(context)?.into_owned(),
            MemberValue::Native(native) => Owned::native(Arc::new(native.of(&name))),
            MemberValue::Row(row) => Owned::native(Arc::new(NativeDef::from(row))),
        };
        vm.define_member(&name, &member, value);
    }
    Ok(())
}

/// What the compiler may know of the members of a module.
pub(super) type Members = BTreeMap<Box<str>, Option<compiler::Signature>>;

/// What the compiler may know of the names that exist.
fn environment(vm: &VmShared) -> Environment {
    let modules = vm.modules.lock();
    let modules = modules.iter().map(|(module, members)| (module.clone(), known(members)));
    Environment { builtins: known(&*vm.builtins.lock()), modules: modules.collect() }
}

/// What the compiler may know of the members of that module.
pub(super) fn members_of(vm: &VmShared, module: &str) -> Members {
    vm.modules.lock().get(module).map(known).unwrap_or_default()
}

fn known<'v>(names: impl IntoIterator<Item = (&'v Box<str>, &'v Shared)>) -> Members {
    let signature = |value: &Shared| match value.as_owned().view() {
        crate::value::View::Native(native) => {
            native.downcast::<NativeDef>().map(|native| signature(&native.signature))
        }
        _ => None,
    };
    names.into_iter().map(|(name, value)| (name.clone(), signature(value))).collect()
}

fn signature(signature: &Signature) -> compiler::Signature {
    let plain = signature.params().iter().filter(|param| !param.rest);
    compiler::Signature {
        parameters: plain
            .map(|param| compiler::ParameterShape {
                name: param.name.clone(),
                optional: param.optional,
                mutable: false,
            })
            .collect(),
        rest: signature.params().iter().any(|param| param.rest),
    }
}

//! The comment grammar of the conformance programs, and the comparison of what a program
//! promised with what it did.
//!
//! A promise is a comment that ends its line (`#`, one space, then one of the forms below). A line
//! carries at most one. A comment that looks like a promise and is none makes its test fail, so a
//! misspelt one cannot pass unnoticed.
//!
//! | comment | promises |
//! |---|---|
//! | `expect: text` | the next line of stdout is exactly `text` |
//! | `expect unordered: text` | stdout holds the line `text`, wherever it stands |
//! | `expect metric: name unit` | stdout holds a line `# name VALUE unit`, where the value is a number |
//! | `expect error: text` | compiling reports an error on this line that contains `text` |
//! | `expect warning: text` | compiling reports a warning on this line that contains `text` |
//! | `expect runtime error: kind: text` | an error of this kind is reported on this line and its message contains `text`; `: text` may be left out |
//! | `expect error at FILE line N: text`, the same for warnings and run-time errors | it is reported there: in a module that the program imports |
//! | `expect trace: function` | the report names this function among the calls; several in this order |
//! | `expect deadlock` | the program ends with a deadlock report |
//! | `expect stderr: text` | a line of stderr contains `text` |
//! | `exit: n` | the exit status; without it 2 after compile errors, 1 after run-time errors, else 0 |
//! | `stdin: text` | one line of input |
//! | `args: a b` | the program's arguments; `$TMP` is a fresh empty directory, `$FIFO` a fresh FIFO |
//! | `procs: 1,2,8` | with how many processors to run in the model m:n; without it 4. 1 is the model n:1 |
//! | `skip: reason` | the program is listed and not run |
//! | `known wrong: reason` | nothing: a note that the promises beside it describe a defect |
//! | `not a test` | the file is not listed: it is a module that programs import |
//!
//! A program prints nothing that it has not promised: a further line of stdout, an error or a
//! warning that no comment announces, and any stderr without a promise about stderr fail the test.

/// What the comments of one program promise.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Expectations {
    /// Lines of stdout, in order.
    ordered: Vec<String>,
    /// Lines of stdout, in any order.
    unordered: Vec<String>,
    /// Name and unit of lines of stdout that say what was measured, in any order.
    metrics: Vec<(String, String)>,
    /// Compile errors and warnings, and run-time errors, each with its line.
    reports: Vec<Expected>,
    /// Functions named in a report, in order.
    trace: Vec<String>,
    /// Pieces of stderr lines, in order.
    stderr: Vec<String>,
    deadlock: bool,
    exit: Option<i32>,
    stdin: Vec<String>,
    args: Vec<String>,
    processors: Option<Vec<usize>>,
    /// Why the program is not run, if it is not.
    pub(crate) skip: Option<String>,
    /// The file is no program of its own.
    pub(crate) not_a_test: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Sort {
    CompileError,
    Warning,
    RuntimeError,
}

#[derive(Debug, PartialEq)]
struct Expected {
    sort: Sort,
    /// The end of the name of a file that is not the program.
    file: Option<String>,
    line: usize,
    /// For a run-time error, what stands before the message; else empty.
    kind: String,
    text: String,
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
}

impl Expectations {
    /// Reads the comments of a program.
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let mut found = Self::default();
        for (index, line) in source.lines().enumerate() {
            if let Some(comment) = promise(line) {
                found.add(index + 1, comment).map_err(|e| format!("line {}: {e}", index + 1))?;
            }
        }
        Ok(found)
    }

    /// The numbers of processors to run with in the model m:n.
    pub(crate) fn processors(&self) -> Vec<usize> {
        self.processors.clone().unwrap_or_else(|| vec![4])
    }

    /// What the program reads from its stdin.
    pub(crate) fn stdin(&self) -> Vec<u8> {
        self.stdin.iter().flat_map(|line| line.bytes().chain([b'\n'])).collect()
    }

    /// The program's arguments, with `$TMP` and `$FIFO` still in them.
    pub(crate) fn args(&self) -> &[String] {
        &self.args
    }

    /// Compares with what the program did. The error says all that differs.
    pub(crate) fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let mut wrong = Vec::new();
        self.check_stdout(&outcome.stdout, &mut wrong);
        self.check_stderr(&outcome.stderr, &mut wrong);
        let status = self.status();
        if outcome.status != status {
            wrong.push(format!("exit status: expected {status}, got {}", outcome.status));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let shown = |name: &str, text: &str| {
            if text.is_empty() { String::new() } else { format!("\n--- {name}\n{}", cut(text)) }
        };
        Err(wrong.join("\n")
            + &shown("stdout", &outcome.stdout)
            + &shown("stderr", &outcome.stderr))
    }

    fn add(&mut self, line: usize, comment: &str) -> Result<(), String> {
        if comment == "not a test" {
            self.not_a_test = true;
            return Ok(());
        }
        if comment == "expect deadlock" {
            self.deadlock = true;
            return Ok(());
        }
        let unknown = || format!("`{comment}` is no expectation this harness knows");
        let (name, rest) = comment.split_once(':').ok_or_else(unknown)?;
        let exact = rest.strip_prefix(' ').unwrap_or(rest);
        let text = rest.trim();
        let (name, place) = placed(name);
        let (file, line) = match place {
            None => (None, line),
            Some(place) => {
                let (file, line) = place.split_once(" line ").ok_or_else(unknown)?;
                (Some(format!("/{file}")), number(line)?)
            }
        };
        let mut report = |sort, kind: &str, text: &str| {
            let (file, kind, text) = (file.clone(), kind.into(), text.into());
            self.reports.push(Expected { sort, file, line, kind, text });
        };
        match name {
            "expect" => self.ordered.push(exact.into()),
            "expect unordered" => self.unordered.push(exact.into()),
            "expect metric" => {
                let (name, unit) = text.split_once(' ').ok_or_else(unknown)?;
                self.metrics.push((name.into(), unit.into()));
            }
            "expect error" => report(Sort::CompileError, "", text),
            "expect warning" => report(Sort::Warning, "", text),
            "expect runtime error" => {
                let (kind, text) = text.split_once(": ").unwrap_or((text, ""));
                if kind.is_empty() {
                    return Err("`expect runtime error` needs the kind of the error".into());
                }
                report(Sort::RuntimeError, kind, text);
            }
            "expect trace" => self.trace.push(text.into()),
            "expect stderr" => self.stderr.push(text.into()),
            "exit" => set_once(&mut self.exit, number(text)?)?,
            "stdin" => self.stdin.push(exact.into()),
            "args" => self.args.extend(text.split_whitespace().map(String::from)),
            "procs" => {
                let list = text.split(',').map(|n| number(n.trim())).collect::<Result<_, _>>()?;
                set_once(&mut self.processors, list)?;
            }
            "skip" => set_once(&mut self.skip, text.into())?,
            "known wrong" => {}
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn status(&self) -> i32 {
        let promised = |sort| self.reports.iter().any(|r| r.sort == sort);
        match self.exit {
            Some(n) => n,
            None if promised(Sort::CompileError) => 2,
            None if promised(Sort::RuntimeError) || self.deadlock => 1,
            None => 0,
        }
    }

    fn check_stdout(&self, stdout: &str, wrong: &mut Vec<String>) {
        let mut lines = stdout.split('\n').collect::<Vec<_>>();
        if lines.last() == Some(&"") {
            lines.pop();
        }
        for text in &self.unordered {
            match lines.iter().position(|line| line == text) {
                Some(at) => drop(lines.remove(at)),
                None => wrong.push(format!("stdout: no line `{text}`")),
            }
        }
        for (name, unit) in &self.metrics {
            match lines.iter().position(|line| is_metric(line, name, unit)) {
                Some(at) => drop(lines.remove(at)),
                None => wrong.push(format!("stdout: no line `# {name} VALUE {unit}`")),
            }
        }
        let mut lines = lines.into_iter();
        for text in &self.ordered {
            match lines.next() {
                Some(line) if line == text => {}
                Some(line) => {
                    return wrong.push(format!("stdout: expected `{text}`, got `{line}`"));
                }
                None => return wrong.push(format!("stdout: expected `{text}`, got the end")),
            }
        }
        wrong.extend(lines.map(|line| format!("stdout: unexpected line `{line}`")));
    }

    fn check_stderr(&self, stderr: &str, wrong: &mut Vec<String>) {
        let mut reports = Report::read_all(stderr);
        for expected in &self.reports {
            match reports.iter().position(|report| expected.fits(report)) {
                Some(at) => self.check_trace(expected.sort, &reports.remove(at), wrong),
                None => wrong.push(format!(
                    "stderr: line {} should report {:?} `{}{}{}`",
                    expected.line,
                    expected.sort,
                    expected.kind,
                    if expected.kind.is_empty() { "" } else { ": " },
                    expected.text
                )),
            }
        }
        if self.deadlock {
            match reports.iter().position(|report| report.text.contains("deadlock")) {
                Some(at) => drop(reports.remove(at)),
                None => wrong.push("stderr: no deadlock is reported".into()),
            }
        }
        wrong.extend(reports.iter().map(|r| format!("stderr: unexpected report `{}`", r.head)));

        let mut lines = stderr.lines();
        for text in &self.stderr {
            if !lines.any(|line| line.contains(text)) {
                wrong.push(format!("stderr: no line with `{text}`, or not in this order"));
            }
        }
        let reported = !self.reports.is_empty() || self.deadlock;
        if !reported && stderr.lines().count() > self.stderr.len() {
            wrong.push("stderr: more lines than expected".into());
        }
    }

    fn check_trace(&self, sort: Sort, report: &Report, wrong: &mut Vec<String>) {
        if sort != Sort::RuntimeError {
            return;
        }
        let mut calls = report.calls.iter();
        for function in &self.trace {
            if !calls.any(|call| call == function) {
                wrong.push(format!("stderr: the trace does not name `{function}` in its place"));
            }
        }
    }
}

impl Expected {
    fn fits(&self, report: &Report) -> bool {
        let sort = match self.sort {
            Sort::Warning => report.warning,
            Sort::CompileError | Sort::RuntimeError => !report.warning,
        };
        let kind = self.kind.is_empty()
            || report.head.split(": ").any(|part| part.trim_end_matches(':') == self.kind);
        let file = self.file.as_ref().is_none_or(|file| report.file.ends_with(file));
        sort && kind && file && report.line == Some(self.line) && report.text.contains(&self.text)
    }
}

/// One diagnostic or uncaught error as rendered on stderr.
#[derive(Debug, Default)]
struct Report {
    warning: bool,
    /// The first line, after `error: `.
    head: String,
    /// The first line, labels and notes, without the lines quoted from the program.
    text: String,
    /// The file that the first ` --> file:line:column` names.
    file: String,
    /// The line of the program that the first ` --> file:line:column` names.
    line: Option<usize>,
    /// The functions of the call stack, innermost first.
    calls: Vec<String>,
}

impl Report {
    fn read_all(stderr: &str) -> Vec<Self> {
        let mut reports: Vec<Self> = Vec::new();
        for line in stderr.lines() {
            if let Some((warning, head)) = head(line) {
                reports.push(Self {
                    warning,
                    head: head.into(),
                    text: head.into(),
                    ..Self::default()
                });
                continue;
            }
            let Some(report) = reports.last_mut() else { continue };
            let trimmed = line.trim_start();
            if let Some(place) = trimmed.strip_prefix("--> ") {
                if report.line.is_none() {
                    report.line = line_of(place);
                    report.file = file_of(place).into();
                }
            } else if let Some(call) = trimmed.strip_prefix("in ") {
                report.calls.push(call.split(" (").next().unwrap_or(call).into());
            } else if !is_quoted(trimmed) {
                report.text.push('\n');
                report.text.push_str(trimmed);
            }
        }
        reports
    }
}

/// The first line of a report: `error: ...`, `error[code]: ...`, the same with `warning`.
fn head(line: &str) -> Option<(bool, &str)> {
    let (warning, rest) = match line.strip_prefix("error") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("warning")?),
    };
    let (code, text) = rest.split_once(':')?;
    let code_only = code.is_empty() || (code.starts_with('[') && code.ends_with(']'));
    code_only.then_some((warning, text.trim_start()))
}

/// The line number in `file:line:column`; the name of the file may hold colons.
fn line_of(place: &str) -> Option<usize> {
    let mut parts = place.trim_end().rsplit(':');
    parts.next()?;
    parts.next()?.parse().ok()
}

/// The file in `file:line:column`.
fn file_of(place: &str) -> &str {
    place.rsplitn(3, ':').nth(2).unwrap_or_default()
}

/// `expect error` and `util.lisle line 2` of `expect error at util.lisle line 2`.
fn placed(name: &str) -> (&str, Option<&str>) {
    match name.split_once(" at ") {
        Some((name, place)) => (name, Some(place)),
        None => (name, None),
    }
}

/// A line such as `12 | let x = 1`, which repeats the program and with it the promise itself.
fn is_quoted(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < line.len() && rest.trim_start().starts_with('|')
}

/// The promise that ends a line, without its `# `. A comment that merely looks like one counts,
/// so that reading it fails.
fn promise(line: &str) -> Option<&str> {
    let after_blank = |at: usize| line[..at].chars().next_back().is_none_or(char::is_whitespace);
    let comments = || {
        line.match_indices("# ")
            .filter(move |(at, _)| after_blank(*at))
            .map(|(at, _)| &line[at + 2..])
    };
    comments()
        .find(|text| is_promise(text))
        .or_else(|| comments().find(|text| looks_like_one(text)))
}

fn is_promise(comment: &str) -> bool {
    const NAMES: [&str; 14] = [
        "expect",
        "expect unordered",
        "expect metric",
        "expect error",
        "expect warning",
        "expect runtime error",
        "expect trace",
        "expect stderr",
        "exit",
        "stdin",
        "args",
        "procs",
        "skip",
        "known wrong",
    ];
    comment == "not a test"
        || comment == "expect deadlock"
        || comment.split_once(':').is_some_and(|(name, _)| NAMES.contains(&placed(name).0))
}

fn looks_like_one(comment: &str) -> bool {
    let word = comment.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
    word.starts_with("expect") || (!word.is_empty() && comment[word.len()..].starts_with(':'))
}

/// Is the line `# name VALUE unit`, as benchmarks print what they measure?
fn is_metric(line: &str, name: &str, unit: &str) -> bool {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["#", its_name, value, its_unit] => {
            its_name == name && its_unit == unit && number::<f64>(value).is_ok_and(f64::is_finite)
        }
        _ => false,
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

fn set_once<T>(slot: &mut Option<T>, value: T) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err("said twice".into()),
    }
}

/// Output as shown in a failure: its beginning, if it is long.
fn cut(text: &str) -> String {
    const SHOWN: usize = 4_000;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}\n... ({} bytes)", &text[..at], text.len()),
        None => text.trim_end().into(),
    }
}

/// Checks of this file itself; the harness lists each as a test of its own.
pub(crate) mod checks {
    use super::{Expectations, Outcome};

    /// Name and body.
    pub(crate) const ALL: [(&str, fn() -> Result<(), String>); 7] = [
        ("reads_every_form", reads_every_form),
        ("unknown_form_is_refused", unknown_form_is_refused),
        ("text_in_strings_is_no_promise", text_in_strings_is_no_promise),
        ("stdout_lines_are_all_accounted_for", stdout_lines_are_all_accounted_for),
        ("metrics_match_by_name_and_unit", metrics_match_by_name_and_unit),
        ("reports_match_by_line_and_text", reports_match_by_line_and_text),
        ("quoted_source_does_not_count", quoted_source_does_not_count),
    ];

    fn that(held: bool, what: &str) -> Result<(), String> {
        if held { Ok(()) } else { Err(what.into()) }
    }

    fn outcome(stdout: &str, stderr: &str, status: i32) -> Outcome {
        Outcome { stdout: stdout.into(), stderr: stderr.into(), status }
    }

    fn reads_every_form() -> Result<(), String> {
        let found = Expectations::parse(
            "print(1)    # expect: 1\n# expect:\n# expect unordered: a  b\nx  # expect error: no x\n\
             # expect metric: t ns/op\n# expect runtime error: key: k\n# expect trace: f\n\
             # expect deadlock\n# exit: 3\n\
             # stdin: one two\n# args: a $TMP\n# procs: 1, 2,8\n# expect stderr: t\n# an aside\n",
        )?;
        that(found.ordered == ["1", ""], "ordered")?;
        that(found.unordered == ["a  b"], "unordered")?;
        that(found.metrics == [("t".into(), "ns/op".into())], "metric")?;
        that(found.reports[0].line == 4 && found.reports[0].text == "no x", "compile error")?;
        that(found.reports[1].kind == "key" && found.reports[1].text == "k", "run-time error")?;
        that(found.trace == ["f"] && found.deadlock && found.exit == Some(3), "ending")?;
        that(found.stdin() == b"one two\n" && found.args() == ["a", "$TMP"], "input")?;
        that(found.processors() == [1, 2, 8] && found.stderr == ["t"], "processors")?;
        that(Expectations::parse("1  # not a test")?.not_a_test, "not a test")?;
        that(Expectations::parse("")?.processors() == [4], "default processors")
    }

    fn unknown_form_is_refused() -> Result<(), String> {
        for line in [
            "1  # expects: 1",
            "# expect eror: x",
            "# expect",
            "# expect metric: t",
            "# exits: 1",
            "# exit: one",
        ] {
            that(Expectations::parse(line).is_err(), line)?;
        }
        Ok(())
    }

    fn text_in_strings_is_no_promise() -> Result<(), String> {
        let found = Expectations::parse("print(\"#1 # exit\")  # expect: #1 # exit")?;
        that(found.ordered == ["#1 # exit"] && found.exit.is_none(), "text of a string was read")
    }

    fn stdout_lines_are_all_accounted_for() -> Result<(), String> {
        let found = Expectations::parse("# expect: a\n# expect: b\n# expect unordered: x")?;
        found.check(&outcome("a\nx\nb\n", "", 0))?;
        found.check(&outcome("a\nb\nx", "", 0))?;
        for stdout in ["a\nb\n", "b\na\nx\n", "a\nb\nx\nx\n", "a\nb\nx\n\n", ""] {
            that(found.check(&outcome(stdout, "", 0)).is_err(), stdout)?;
        }
        that(found.check(&outcome("a\nb\nx\n", "", 1)).is_err(), "status")?;
        that(found.check(&outcome("a\nb\nx\n", "noise", 0)).is_err(), "stderr")
    }

    fn metrics_match_by_name_and_unit() -> Result<(), String> {
        let found = Expectations::parse("# expect: a\n# expect metric: t ns/op")?;
        found.check(&outcome("a\n# t 1.500 ns/op\n", "", 0))?;
        found.check(&outcome("# t -2 ns/op\na\n", "", 0))?;
        for line in ["", "# u 1 ns/op", "# t 1 ms", "# t x ns/op", "# t nan ns/op", "t 1 ns/op"] {
            that(found.check(&outcome(&format!("a\n{line}\n"), "", 0)).is_err(), line)?;
        }
        let twice = "a\n# t 1 ns/op\n# t 1 ns/op\n";
        that(found.check(&outcome(twice, "", 0)).is_err(), "a second line")
    }

    fn reports_match_by_line_and_text() -> Result<(), String> {
        let found =
            Expectations::parse("\nf()  # expect runtime error: key: nme\n# expect trace: f")?;
        let report = |head: &str, line: usize| {
            let text = format!("{head}\n --> a:b.lisle:{line}:7\n  |\n  in f (a:b.lisle:2:1)\n");
            found.check(&outcome("", &text, 1))
        };
        report("error: key: no key `nme`", 2)?;
        report("error: thread 7: key: no key `nme`", 2)?;
        let elsewhere = |file| {
            let text = format!("# expect error at {file} line 2: no");
            Expectations::parse(&text)?.check(&outcome("", "error: no\n --> a/b.lisle:2:1\n", 2))
        };
        elsewhere("b.lisle")?;
        that(elsewhere("c.lisle").is_err(), "file")?;
        that(report("error: key: no key `nme`", 3).is_err(), "line")?;
        that(report("error: value: no key `nme`", 2).is_err(), "kind")?;
        that(report("error: key: no key `name`", 2).is_err(), "text")?;
        let two = "error: key: nme\n --> x:2:1\n  in f (x:2:1)\nerror: key: other\n --> x:9:1\n";
        that(found.check(&outcome("", two, 1)).is_err(), "a second report")
    }

    fn quoted_source_does_not_count() -> Result<(), String> {
        let found = Expectations::parse("a  # expect error: spam")?;
        let quoted = "error: no\n --> x:1:1\n  |\n1 | a  # expect error: spam\n  | ^ here\n";
        that(found.check(&outcome("", quoted, 2)).is_err(), "the quoted line counted")?;
        let noted = format!("{quoted}  = help: write spam\n");
        found.check(&outcome("", &noted, 2))
    }
}

//! Line editing and history: the only file that knows `rustyline`.

use std::path::PathBuf;

use rustyline::{
    Completer, Config, Editor, Helper, Highlighter, Hinter,
    error::ReadlineError,
    history::FileHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};

/// What the person at the prompt did.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Line {
    /// Entered a piece of program, perhaps of several lines.
    Text(String),
    /// Pressed Ctrl-C: the line is thrown away.
    Cleared,
    /// Pressed Ctrl-D, or the terminal went away.
    End,
}

/// Where the conversation reads from: the terminal, or a test.
pub(crate) trait Reader {
    /// The next input.
    fn read(&mut self) -> Line;
}

/// A terminal with line editing and a history that outlives the session.
pub(crate) struct Terminal {
    editor: Editor<Joiner, FileHistory>,
    /// Where the history is kept; `None` when there is no place for it.
    history: Option<PathBuf>,
}

impl Terminal {
    /// Takes over the terminal while a line is read, and only then.
    pub(crate) fn new(history: Option<PathBuf>) -> Result<Self, String> {
        let config = Config::builder()
            .max_history_size(10_000)
            .map_err(|e| e.to_string())?
            .history_ignore_space(true)
            .auto_add_history(false)
            .build();
        let mut editor = Editor::with_config(config).map_err(|e| e.to_string())?;
        editor.set_helper(Some(Joiner));
        if let Some(path) = &history {
            // A first session has none yet, and a broken one must not keep anybody from working.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    fn remember(&mut self, text: &str) {
        if self.editor.add_history_entry(text).unwrap_or(false)
            && let Some(path) = &self.history
        {
            // Not being able to remember is no reason to stop.
            let _ = self.editor.append_history(path);
        }
    }
}

impl Reader for Terminal {
    fn read(&mut self) -> Line {
        match self.editor.readline("> ") {
            Ok(text) => {
                if !text.trim().is_empty() {
                    self.remember(&text);
                }
                Line::Text(text)
            }
            Err(ReadlineError::Interrupted) => Line::Cleared,
            Err(_) => Line::End,
        }
    }
}

/// Joins lines while what stands there is unfinished.
#[derive(Completer, Helper, Highlighter, Hinter)]
struct Joiner;

impl Validator for Joiner {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let unfinished = !input.trim_start().starts_with(':') && lisle::is_incomplete(input);
        Ok(if unfinished { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

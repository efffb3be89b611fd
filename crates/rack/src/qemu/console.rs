//! A serial console: what a terminal would show, as lines of text.
//!
//! Invariants: no control sequence of the guest reaches a log or a developer's terminal; a line that was overwritten (a
//! progress display) counts as it stood last; the line being written is part of the tail.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

/// Longest line kept: a guest without newlines stays bounded.
const LONGEST: usize = 4096;

/// What a wait ended with.
pub(super) enum Seen {
    /// A line that was wanted.
    Wanted(String),
    /// A line that makes waiting pointless.
    Fatal(String),
    /// The console is closed.
    Closed,
    /// Nothing of that until the deadline.
    Nothing,
}

/// A console that is being read.
#[derive(Debug)]
pub(super) struct Console {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    lines: Vec<String>,
    /// The unfinished line of the stream that wrote last.
    current: String,
    /// How many streams are open.
    open: usize,
    log: Option<File>,
    show: bool,
}

impl Console {
    /// A console that also goes into this file, and to standard output if wanted.
    pub(super) fn new(log: Option<&Path>, show: bool) -> io::Result<Self> {
        let log = log.map(File::create).transpose()?;
        let state = State { lines: Vec::new(), current: String::new(), open: 0, log, show };
        Ok(Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }) })
    }

    /// Reads this stream to its end, on a thread of its own.
    pub(super) fn follow(&self, mut stream: impl Read + Send + 'static) {
        self.shared.lock().open += 1;
        let shared = self.shared.clone();
        thread::spawn(move || {
            let mut screen = Screen::default();
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                let finished = screen.feed(&buffer[..length]);
                shared.lock().take(finished, screen.line());
                shared.changed.notify_all();
            }
            let mut state = shared.lock();
            let rest = screen.line();
            if !rest.is_empty() {
                state.take(vec![rest], String::new());
            }
            state.open -= 1;
            shared.changed.notify_all();
        });
    }

    /// Waits for the first line that is wanted or fatal.
    pub(super) fn wait(&self, deadline: Instant, wanted: impl Fn(&str) -> bool, fatal: impl Fn(&str) -> bool) -> Seen {
        let mut looked_at = 0;
        let mut state = self.shared.lock();
        loop {
            for line in &state.lines[looked_at..] {
                if wanted(line) {
                    return Seen::Wanted(line.clone());
                }
                if fatal(line) {
                    return Seen::Fatal(line.clone());
                }
            }
            looked_at = state.lines.len();
            if state.open == 0 {
                return Seen::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Seen::Nothing;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Every finished line.
    pub(super) fn lines(&self) -> Vec<String> {
        self.shared.lock().lines.clone()
    }

    /// The last lines, with the unfinished one.
    pub(super) fn tail(&self, count: usize) -> String {
        let state = self.shared.lock();
        let mut tail = state.lines[state.lines.len().saturating_sub(count)..].join("\n");
        if !state.current.is_empty() {
            tail.push('\n');
            tail.push_str(&state.current);
        }
        tail
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, finished: Vec<String>, current: String) {
        for line in &finished {
            // The console goes on without its copies.
            if let Some(log) = &mut self.log {
                let _ = writeln!(log, "{line}");
            }
            if self.show {
                let _ = writeln!(io::stdout(), "{line}");
            }
        }
        self.lines.extend(finished);
        self.current = current;
    }
}

/// A terminal of one line: takes a guest's bytes, drops control sequences (ECMA-48) and gives finished lines.
#[derive(Debug, Default)]
struct Screen {
    line: Vec<u8>,
    /// A carriage return came: what follows overwrites the line, unless it is a newline.
    returned: bool,
    escape: Escape,
}

/// How far inside a control sequence the stream is.
#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    None,
    /// After ESC.
    Started,
    /// After ESC [: parameters until a final byte in @..~.
    Control,
}

impl Screen {
    /// Takes bytes and returns the lines that they finish. Empty lines are left out: firmware clears screens with them.
    fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut finished = Vec::new();
        for &byte in bytes {
            match (self.escape, byte) {
                (Escape::None, 0x1b) => self.escape = Escape::Started,
                (Escape::None, b'\n') => self.finish(&mut finished),
                (Escape::None, b'\r') => self.returned = true,
                (Escape::None, 0x08) => drop(self.line.pop()),
                (Escape::None, b'\t' | b' '..=0x7e | 0x80..) => self.write(byte, &mut finished),
                (Escape::Started, b'[') => self.escape = Escape::Control,
                (Escape::Control, b'@'..=b'~') => {
                    // The cursor was put elsewhere: to a terminal of one line, a new line.
                    if byte == b'H' {
                        self.finish(&mut finished);
                    }
                    self.escape = Escape::None;
                }
                // After ESC, intermediate bytes, as in the choice of a character set: the final byte is still to come.
                (Escape::Started, b' '..=b'/') | (Escape::Control | Escape::None, _) => {}
                (Escape::Started, _) => self.escape = Escape::None,
            }
        }
        finished
    }

    fn write(&mut self, byte: u8, finished: &mut Vec<String>) {
        if self.returned {
            self.line.clear();
            self.returned = false;
        }
        self.line.push(byte);
        if self.line.len() >= LONGEST {
            self.finish(finished);
        }
    }

    fn finish(&mut self, finished: &mut Vec<String>) {
        let line = self.line();
        if !line.is_empty() {
            finished.push(line);
        }
        self.line.clear();
        self.returned = false;
    }

    /// The line as it stands.
    fn line(&self) -> String {
        String::from_utf8_lossy(&self.line).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests;

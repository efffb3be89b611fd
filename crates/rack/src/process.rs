//! Programs under test: started with their output captured, waited for by what they print, ended when the test ends.
//!
//! Invariants: a [`Process`] that is dropped has ended; an error about a process shows the end of what it printed; a child
//! stays in the test's process group, so that a runner that ends a hanging test ends its children too.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// How many of the last lines an error shows.
const TAIL: usize = 40;

/// How long a process may take to end when asked, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// Between looks at a process that is ending.
const LOOK: Duration = Duration::from_millis(5);

/// What goes wrong with a process.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It does not start.
    #[error("{name} does not start")]
    Start {
        /// What was to run.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ended before what was waited for.
    #[error("{name} ended ({status}) before {what}; it said:\n{tail}")]
    Ended {
        /// What ran.
        name: String,
        /// What was waited for.
        what: String,
        /// How.
        status: String,
        /// The end of its output.
        tail: String,
    },
    /// It takes too long.
    #[error("{name}: no {what} within {patience:?}; it said:\n{tail}")]
    Late {
        /// What runs.
        name: String,
        /// What was waited for.
        what: String,
        /// For how long.
        patience: Duration,
        /// The end of its output.
        tail: String,
    },
}

/// A running program.
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Output>,
}

/// What a process printed, on standard output and standard error together.
#[derive(Default)]
struct Output {
    state: Mutex<Printed>,
    changed: Condvar,
}

#[derive(Default)]
struct Printed {
    lines: Vec<String>,
    /// How many of its two streams are open still.
    open: usize,
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Printed> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        self.lock().open += 1;
        let output = self.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            // Not every peer prints UTF-8, nor a newline at the end.
            while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                output.lock().lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                output.changed.notify_all();
                line.clear();
            }
            output.lock().open -= 1;
            output.changed.notify_all();
        });
    }
}

impl Process {
    /// Starts a program. The name is for error messages.
    pub fn start(name: &str, mut command: Command) -> Result<Self, ProcessError> {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|source| ProcessError::Start { name: name.to_owned(), source })?;
        let output = Arc::new(Output::default());
        if let Some(stream) = child.stdout.take() {
            output.follow(stream);
        }
        if let Some(stream) = child.stderr.take() {
            output.follow(stream);
        }
        Ok(Self { name: name.to_owned(), child, output })
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.output.lock().lines.clone()
    }

    /// The last lines that it printed.
    pub fn tail(&self) -> String {
        let printed = self.output.lock();
        printed.lines[printed.lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// Waits until it has printed such a line, and returns the first. `what` completes "no … within a minute".
    pub fn wait_for(
        &self,
        what: &str,
        patience: Duration,
        mut is_it: impl FnMut(&str) -> bool,
    ) -> Result<String, ProcessError> {
        let deadline = Instant::now() + patience;
        let mut seen = 0;
        let mut printed = self.output.lock();
        loop {
            if let Some(line) = printed.lines[seen..].iter().find(|line| is_it(line)) {
                return Ok(line.clone());
            }
            seen = printed.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if printed.open == 0 || left.is_zero() {
                let ended = printed.open == 0;
                drop(printed);
                let (name, what, tail) = (self.name.clone(), what.to_owned(), self.tail());
                return Err(if ended {
                    ProcessError::Ended { name, what, status: "its output is closed".into(), tail }
                } else {
                    ProcessError::Late { name, what, patience, tail }
                });
            }
            printed = self.output.changed.wait_timeout(printed, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its end.
    pub fn wait(&mut self, patience: Duration) -> Result<ExitStatus, ProcessError> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.ended() {
                self.drain();
                return Ok(status);
            }
            if Instant::now() > deadline {
                let (name, what) = (self.name.clone(), "end".to_owned());
                return Err(ProcessError::Late { name, what, patience, tail: self.tail() });
            }
            thread::sleep(LOOK);
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        // It may have ended already, which is as good.
        let _ = i32::try_from(self.child.id()).map(|id| kill(Pid::from_raw(id), signal));
    }

    /// Asks it to end, kills it when it does not, and returns all that it printed.
    pub fn stop(mut self) -> Vec<String> {
        self.end();
        self.lines()
    }

    fn end(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::SIGTERM);
            if self.wait(GRACE).is_err() {
                let _ = self.child.kill();
            }
        }
        let _ = self.child.wait();
        self.drain();
    }

    /// Waits until what an ended process printed was read. A grandchild may hold the pipes open: not for long, then.
    fn drain(&self) {
        let printed = self.output.lock();
        drop(self.output.changed.wait_timeout_while(printed, Duration::from_secs(1), |printed| printed.open > 0));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the test has failed, and this is why")]
            {
                eprintln!("--- {} said last ---\n{}", self.name, self.tail());
            }
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).field("id", &self.child.id()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

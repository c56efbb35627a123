//! How the program ends, for those who call it from a script.

use std::io;
use std::process::ExitCode;

use mainspring::journal::file::FileError;

use super::output::tell;

/// What `--help` says of it.
pub const HELP: &str = "\
Exit codes:
  0  done, and nothing is wrong
  1  failed, or found damage to what was acknowledged; of serve, also that its journal has failed
  2  the command line or the configuration makes no sense
  3  another process has the journal open
  4  done, but the end is incomplete: of the log, which a start cuts off, or of what was imported;
     of serve, that requests were cut off when it stopped";

/// How the program ends. That the command line makes no sense clap says, with the same code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Fine = 0,
    Failed = 1,
    Misused = 2,
    Locked = 3,
    Incomplete = 4,
}

impl Exit {
    /// Say what went wrong.
    pub fn of(error: &anyhow::Error) -> Self {
        tell(format_args!("error: {error:#}"));
        match error.downcast_ref() {
            Some(FileError::Locked { .. }) => Self::Locked,
            _ => Self::Failed,
        }
    }
}

/// For commands that do nothing but print: that the reader leaves, as in `| head`, is no failure.
pub fn unless_left(done: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    match done {
        Err(error) if is_left(&error) => Ok(Exit::Fine),
        other => other,
    }
}

fn is_left(error: &anyhow::Error) -> bool {
    let kind = match (error.downcast_ref(), error.downcast_ref::<io::Error>()) {
        (Some(FileError::Io { source, .. }), _) => source.kind(),
        (_, Some(error)) => error.kind(),
        _ => return false,
    };
    kind == io::ErrorKind::BrokenPipe
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        (exit as u8).into()
    }
}

//! How the program ends, for those who call it from a script.

use std::io;
use std::process::ExitCode;

use mainspring::Error;
use mainspring::journal::file::FileError;

/// What `--help` says of it.
pub const HELP: &str = "\
Exit codes:
  0    done, and nothing is wrong
  1    failed, or found damage to what was acknowledged; of serve, also that its journal has failed
  2    the command line, the input or the configuration makes no sense
  3    another process has the journal open
  4    done in part: the end of a log or of an input is incomplete, or some of many writes were refused;
       of serve, requests were cut off when it stopped
  5    there is no such key, or nothing in the list to pop
  6    the condition of a write (--if-absent, --if-present, --if-revision) did not hold
  7    the store refused it: a gate, a limit, a list that is an item, a place that it cannot resume from
  8    no server was reached, or it takes no commands now; nothing was done
  9    the answer is lost: a write may or may not have happened
  10   the server wants to know who asks (\"mainspring login\"), or this account may not do that
  130  ended by Ctrl-C (143: by SIGTERM)";

/// How the program ends. That the command line makes no sense clap says, with the same code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Fine = 0,
    Failed = 1,
    Misused = 2,
    Locked = 3,
    Incomplete = 4,
    NotFound = 5,
    Unmet = 6,
    Refused = 7,
    Unreachable = 8,
    Unknown = 9,
    Unauthorized = 10,
    Interrupted = 130,
    Terminated = 143,
}

impl Exit {
    /// How a command ends that a server did not do.
    pub fn of_refusal(error: &Error) -> Self {
        match error {
            Error::NotFound | Error::ListEmpty => Self::NotFound,
            Error::ConditionFailed { .. } => Self::Unmet,
            Error::InvalidKey { .. } | Error::InvalidTtl => Self::Misused,
            Error::Unreachable(_) | Error::Closed | Error::Busy | Error::Recovering => {
                Self::Unreachable
            }
            Error::Unknown => Self::Unknown,
            Error::Unauthorized | Error::Forbidden => Self::Unauthorized,
            Error::Failed(_) | Error::JournalFailed(_) | Error::CompactionFailed(_) => Self::Failed,
            _ => Self::Refused,
        }
    }
}

/// For commands that print: that the reader leaves, as in `| head`, is no failure.
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

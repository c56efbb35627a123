//! Exit codes, for scripts.

use std::io;
use std::process::ExitCode;

use mainspring::Error;
use mainspring::journal::file::FileError;

/// The section on exit codes in `--help`.
pub const HELP: &str = "\
Exit codes:
  0    success
  1    failed, or found damage to acknowledged writes; of serve, also that its journal has failed
  2    invalid command line, input or configuration
  3    another process has the journal open
  4    partial success: the end of a log or of an input is incomplete, or some of many writes were rejected;
       of serve, requests were cut off when it stopped
  5    the key does not exist, or the list to pop from is empty
  6    the condition of a write (--if-absent, --if-present, --if-revision) did not hold
  7    the store rejected the command: a gate, a limit, an item where a list is needed, a revision or token that it
       cannot resume from
  8    the server was not reached, or takes no commands now; nothing was done
  9    the answer was lost: a write may or may not have happened
  10   authentication is required (\"mainspring login\"), or the account lacks the permission
  130  interrupted by Ctrl-C (143: by SIGTERM)";

/// The exit code of the program. For an invalid command line, clap exits with 2, which is also the code of `Usage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Success = 0,
    Failed = 1,
    Usage = 2,
    Locked = 3,
    Incomplete = 4,
    NotFound = 5,
    ConditionFailed = 6,
    Rejected = 7,
    Unreachable = 8,
    Unknown = 9,
    Unauthorized = 10,
    Interrupted = 130,
    Terminated = 143,
}

impl Exit {
    /// The exit code for an error of the store or of the server.
    pub fn from_error(error: &Error) -> Self {
        match error {
            Error::NotFound | Error::ListEmpty => Self::NotFound,
            Error::ConditionFailed { .. } => Self::ConditionFailed,
            Error::InvalidKey { .. } | Error::InvalidTtl => Self::Usage,
            Error::Unreachable(_) | Error::Closed | Error::Busy | Error::Recovering => {
                Self::Unreachable
            }
            Error::Unknown => Self::Unknown,
            Error::Unauthorized | Error::Forbidden => Self::Unauthorized,
            Error::Failed(_) | Error::JournalFailed(_) | Error::CompactionFailed(_) => Self::Failed,
            _ => Self::Rejected,
        }
    }
}

/// Treat a closed standard output, as in `| head`, as success. For commands that print.
pub fn unless_left(done: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    match done {
        Err(error) if is_broken_pipe(&error) => Ok(Exit::Success),
        other => other,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
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

//! Tests of the journal tools, as functions and as commands.

#[cfg(unix)]
mod backup;
mod command;
mod folder;
mod format;
mod import;
mod inspect;
mod repair;
mod restore;
mod salvage;

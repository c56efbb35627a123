//! The tools for journals, as functions and as the command.

#[cfg(unix)]
mod backup;
mod command;
mod folder;
mod format;
mod import;
mod look;
mod repair;
mod restore;
mod salvage;

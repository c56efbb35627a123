//! Passwords, from the terminal without echo or from lines of the standard input.

use std::io::{IsTerminal, stderr, stdin};

use mainspring_http::auth::Secret;

use crate::client::failure::Failure;

/// Read an existing password.
pub fn read(prompt: &str) -> anyhow::Result<Secret> {
    if !stdin().is_terminal() {
        return read_line();
    }
    Ok(rpassword::prompt_password(format!("{prompt}: "))?.into())
}

/// Read a new password; on a terminal it is typed twice.
pub fn read_new(prompt: &str) -> anyhow::Result<Secret> {
    let password = read(prompt)?;
    if stdin().is_terminal() && read("Repeat the password")? != password {
        return Err(Failure::usage("the passwords differ; nothing was changed".into()));
    }
    Ok(password)
}

/// Read a user name.
pub fn read_name() -> anyhow::Result<String> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Err(Failure::usage("not a terminal: name the account with --user NAME".into()));
    }
    eprint!("Name: ");
    let mut name = String::new();
    stdin().read_line(&mut name)?;
    Ok(name.trim().to_owned())
}

fn read_line() -> anyhow::Result<Secret> {
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Failure::usage("the standard input contains no password".into()));
    }
    Ok(password.into())
}

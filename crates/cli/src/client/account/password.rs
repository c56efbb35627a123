//! Passwords: typed without being seen, or from the standard input, a line each.

use std::io::{IsTerminal, stderr, stdin};

use mainspring_http::auth::Secret;

use crate::client::failure::Failure;

/// One that there is.
pub fn known(prompt: &str) -> anyhow::Result<Secret> {
    if !stdin().is_terminal() {
        return piped();
    }
    Ok(rpassword::prompt_password(format!("{prompt}: "))?.into())
}

/// A new one, which is typed twice.
pub fn new(prompt: &str) -> anyhow::Result<Secret> {
    let password = known(prompt)?;
    if stdin().is_terminal() && known("The same again")? != password {
        return Err(Failure::misused("the two are not the same: nothing was done".into()));
    }
    Ok(password)
}

/// A name, which may be seen.
pub fn name() -> anyhow::Result<String> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Err(Failure::misused("there is nobody to ask: say who with --user NAME".into()));
    }
    eprint!("Name: ");
    let mut name = String::new();
    stdin().read_line(&mut name)?;
    Ok(name.trim().to_owned())
}

fn piped() -> anyhow::Result<Secret> {
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Failure::misused("the password is missing on the standard input".into()));
    }
    Ok(password.into())
}

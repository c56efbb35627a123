//! `mainspring login` and `logout`.

use std::net::IpAddr;

use anyhow::Context;
use mainspring_http::auth::{AuthError, Secret};
use mainspring_http::client::Accounts;
use reqwest::Url;

use super::{password, print};
use crate::client::credentials::{Entry, Place};
use crate::client::failure::Failure;
use crate::client::screen::Screen;
use crate::client::who::Who;
use crate::exit::Exit;
use crate::output::tell;

pub const ABOUT: &str = "\
Log in, and stay logged in: the other commands ask as this account from now on.

The password is typed, or comes from the standard input if that is no terminal. The tokens are kept in \
~/.config/mainspring/credentials.json (or where XDG_CONFIG_HOME or MAINSPRING_CREDENTIALS says), which nobody else may \
read, and are renewed when it is time.";

#[derive(Debug, clap::Args)]
pub struct Login {
    /// Who [default: who was logged in there before]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Logout {
    /// End every login of the account, wherever it is
    #[arg(long)]
    all: bool,
}

pub async fn login(
    Login { user }: Login,
    accounts: &Accounts,
    url: &str,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let place = Place::of(url).ok_or_else(|| {
        Failure::misused(
            "there is no place for the tokens: set HOME or MAINSPRING_CREDENTIALS".into(),
        )
    })?;
    let name = match (user, place.entry()?) {
        (Some(user), _) => user,
        (None, Some(before)) => before.name,
        (None, None) => password::name()?,
    };
    if is_in_clear(url) {
        tell(format_args!("warning: the password goes to {url} for everybody to read: use https"));
    }
    let password = password::known(&format!("Password of {}", screen.text(&name)))?;
    begin(accounts, &place, &name, password).await?;
    print::done(&format!("logged in at {url} as {name}"), screen)?;
    Ok(Exit::Fine)
}

/// Whether others can read along.
fn is_in_clear(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_near = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    url.scheme() == "http" && !is_near
}

/// Log in and keep the tokens.
pub async fn begin(
    accounts: &Accounts,
    place: &Place,
    name: &str,
    password: Secret,
) -> anyhow::Result<()> {
    let tokens = match accounts.login(name, password).await {
        Err(AuthError::Denied) => {
            let text = "the name or the password is not right";
            return Err(Failure::error(Exit::Unauthorized, text));
        }
        done => done?,
    };
    place.hold()?.put(Some(Entry { name: name.to_owned(), tokens }))?;
    Ok(())
}

pub async fn logout(
    Logout { all }: &Logout,
    accounts: &Accounts,
    who: &Who,
    url: &str,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let (place, entry) = who.login(url)?;
    match accounts.logout(*all).await {
        // The server had ended it before.
        Ok(()) | Err(AuthError::Denied) => {}
        Err(error) => return Err(error.into()),
    }
    place.hold()?.put(None).context("the login has ended, and its tokens are still kept")?;
    print::done(&format!("logged out {} at {url}", entry.name), screen)?;
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_read() {
        for url in ["http://db.example:8080", "http://10.0.0.1", "http://[2001:db8::1]/store"] {
            assert!(is_in_clear(url), "{url}");
        }
        for url in ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:1", "https://h"] {
            assert!(!is_in_clear(url), "{url}");
        }
    }
}

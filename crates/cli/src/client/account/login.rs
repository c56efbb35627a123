//! `mainspring login` and `logout`.

use std::net::IpAddr;

use anyhow::Context;
use mainspring_http::auth::{AuthError, Secret};
use mainspring_http::client::Accounts;
use reqwest::Url;

use super::{password, print};
use crate::client::credentials::{CredentialStore, StoredLogin};
use crate::client::failure::Failure;
use crate::client::identity::Identity;
use crate::client::printer::Printer;
use crate::exit::Exit;
use crate::output::print_status;

pub const ABOUT: &str = "\
Log in: later commands use this account

The password is read from the terminal, or from the standard input if that is not a terminal. The tokens are stored in \
~/.config/mainspring/credentials.json (XDG_CONFIG_HOME and MAINSPRING_CREDENTIALS change the path), which only this \
user can read, and are renewed automatically.";

#[derive(Debug, clap::Args)]
pub struct Login {
    /// The account [default: the last one that logged in at this server]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Logout {
    /// End all logins of the account, on all machines
    #[arg(long)]
    all: bool,
}

pub async fn login(
    Login { user }: Login,
    accounts: &Accounts,
    url: &str,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let store = CredentialStore::locate(url).ok_or_else(|| {
        Failure::usage("cannot store the tokens: set HOME or MAINSPRING_CREDENTIALS".into())
    })?;
    let name = match (user, store.load()?) {
        (Some(user), _) => user,
        (None, Some(login)) => login.name,
        (None, None) => password::read_name()?,
    };
    if is_plain_text(url) {
        print_status(format_args!(
            "warning: the password is sent to {url} in plain text: use https"
        ));
    }
    let password = password::read(&format!("Password of {}", printer.text(&name)))?;
    begin(accounts, &store, &name, password).await?;
    print::confirm(&format!("logged in at {url} as {name}"), printer)?;
    Ok(Exit::Success)
}

/// Whether requests to the URL leave this machine without TLS.
fn is_plain_text(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    url.scheme() == "http" && !is_local
}

/// Log in and store the tokens.
pub async fn begin(
    accounts: &Accounts,
    store: &CredentialStore,
    name: &str,
    password: Secret,
) -> anyhow::Result<()> {
    let tokens = match accounts.login(name, password).await {
        Err(AuthError::Denied) => {
            let text = "wrong name or password";
            return Err(Failure::with_exit(Exit::Unauthorized, text));
        }
        done => done?,
    };
    store.lock()?.save(Some(StoredLogin { name: name.to_owned(), tokens }))?;
    Ok(())
}

pub async fn logout(
    Logout { all }: &Logout,
    accounts: &Accounts,
    identity: &Identity,
    url: &str,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let (store, login) = identity.stored_login(url)?;
    match accounts.logout(*all).await {
        // The login has already ended.
        Ok(()) | Err(AuthError::Denied) => {}
        Err(error) => return Err(error.into()),
    }
    store.lock()?.save(None).context("the login has ended, but its tokens could not be deleted")?;
    print::confirm(&format!("logged out {} at {url}", login.name), printer)?;
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_to_another_machine_is_plain_text() {
        for url in ["http://db.example:8080", "http://10.0.0.1", "http://[2001:db8::1]/store"] {
            assert!(is_plain_text(url), "{url}");
        }
        for url in ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:1", "https://h"] {
            assert!(!is_plain_text(url), "{url}");
        }
    }
}

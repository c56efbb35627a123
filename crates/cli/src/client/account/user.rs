//! `mainspring user`: accounts and their tokens.

use std::time::Duration;

use mainspring_http::auth::{Access, AuthError, AuthOptions, Role};
use mainspring_http::client::Accounts;

use super::{login, password, print};
use crate::accounts;
use crate::client::failure::Failure;
use crate::client::options::{ConnectionOptions, With, time};
use crate::client::screen::Screen;
use crate::client::who::Who;
use crate::exit::{self, Exit};
use crate::journal_url::JournalUrl;
use crate::output::tell;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make an account; with --accounts in a folder, without a server
    #[command(after_help = exit::HELP)]
    Add(With<Add>),
    /// Show all accounts, and their tokens
    #[command(after_help = exit::HELP)]
    List(With<Nothing>),
    /// Show one's own account, and its tokens
    #[command(after_help = exit::HELP)]
    Me(With<Nothing>),
    /// Change one's own password, or set that of another account; its logins end
    #[command(after_help = exit::HELP)]
    Passwd(With<Passwd>),
    /// Change what an account may do
    #[command(after_help = exit::HELP)]
    Access(With<SetAccess>),
    /// Remove an account; its logins and tokens end at once
    #[command(after_help = exit::HELP)]
    Remove(With<Named>),
    /// Make a token for a program, and print it this once
    #[command(after_help = exit::HELP)]
    Token(With<Token>),
    /// Remove a token of an account
    #[command(after_help = exit::HELP)]
    TokenRemove(With<TokenRemove>),
    /// Let the server sign with a new key; what the key before the last has signed ends
    #[command(after_help = exit::HELP)]
    RotateKeys(With<Nothing>),
}

#[derive(Debug, clap::Args)]
pub struct Nothing {}

#[derive(Debug, clap::Args)]
pub struct Named {
    /// The account
    name: String,
}

#[derive(Debug, clap::Args)]
struct Allowed {
    /// What it may do: reader, writer or admin
    #[arg(long)]
    role: Role,
    /// Only with keys that begin like this
    #[arg(long)]
    prefix: Option<String>,
}

impl Allowed {
    fn access(self) -> Access {
        let access = Access::new(self.role);
        self.prefix.into_iter().fold(access, Access::within)
    }
}

#[derive(Debug, clap::Args)]
pub struct Add {
    /// The account
    name: String,
    #[command(flatten)]
    allowed: Allowed,
    /// Make it in this folder, such as file:accounts, which no server has open: for the first admin
    #[arg(long, value_name = "URL", value_parser = folder)]
    accounts: Option<JournalUrl>,
}

#[derive(Debug, clap::Args)]
pub struct Passwd {
    /// The account [default: one's own]
    name: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct SetAccess {
    /// The account
    name: String,
    #[command(flatten)]
    allowed: Allowed,
}

#[derive(Debug, clap::Args)]
pub struct Token {
    /// The account
    name: String,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    label: String,
    /// What it may do at most [default: what the account may do]
    #[arg(long)]
    role: Option<Role>,
    /// Only with keys that begin like this
    #[arg(long, requires = "role")]
    prefix: Option<String>,
    /// How long it is good, such as 720h [default: until it is removed]
    #[arg(long, value_name = "TIME", value_parser = time)]
    ttl: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub struct TokenRemove {
    /// The account
    name: String,
    /// Which: "mainspring user list" shows it
    id: String,
}

fn folder(text: &str) -> Result<JournalUrl, String> {
    match JournalUrl::parse(text)? {
        JournalUrl::None => Err("an account that is kept nowhere is gone at once".into()),
        folder => Ok(folder),
    }
}

impl Command {
    pub fn options(&mut self) -> &mut ConnectionOptions {
        match self {
            Self::Add(args) => &mut args.options,
            Self::List(args) | Self::Me(args) | Self::RotateKeys(args) => &mut args.options,
            Self::Passwd(args) => &mut args.options,
            Self::Access(args) => &mut args.options,
            Self::Remove(args) => &mut args.options,
            Self::Token(args) => &mut args.options,
            Self::TokenRemove(args) => &mut args.options,
        }
    }

    /// Whether it is done without a server.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Add(args) if args.command.accounts.is_some())
    }

    /// Do what needs no server.
    pub async fn run_local(self, screen: Screen) -> anyhow::Result<Exit> {
        let Self::Add(With { command: Add { name, allowed, accounts: Some(url) }, .. }) = self
        else {
            return Ok(Exit::Misused);
        };
        let auth = accounts::open(&url, AuthOptions::default()).await?;
        let made = match password::new("Password of the account") {
            Ok(password) => auth.register(&name, password, allowed.access()).await,
            Err(error) => {
                auth.store().shutdown().await?;
                return Err(error);
            }
        };
        auth.store().shutdown().await?;
        made.map_err(|error| Failure::of_accounts(&error))?;
        if let Some(account) = auth.profile(&name) {
            print::one(&account, screen)?;
        }
        Ok(Exit::Fine)
    }

    pub async fn run(
        self,
        accounts: &Accounts,
        who: &Who,
        url: &str,
        screen: Screen,
    ) -> anyhow::Result<Exit> {
        match self {
            Self::Add(With { command: Add { name, allowed, .. }, .. }) => {
                let password = password::new("Password of the account")?;
                let made = accounts.register(&name, password, allowed.access()).await?;
                print::one(&made, screen)?;
            }
            Self::List(_) => print::accounts(&accounts.list().await?, screen)?,
            Self::Me(_) => print::accounts(&[accounts.me().await?], screen)?,
            Self::Passwd(With { command: Passwd { name: Some(name) }, .. }) => {
                accounts.set_password(&name, password::new("New password")?).await?;
                print::done(&format!("{name} has another password"), screen)?;
            }
            Self::Passwd(_) => own_password(accounts, who, url, screen).await?,
            Self::Access(With { command: SetAccess { name, allowed }, .. }) => {
                accounts.set_access(&name, allowed.access()).await?;
                print::done(&format!("{name} has other access"), screen)?;
            }
            Self::Remove(With { command: Named { name }, .. }) => {
                accounts.remove(&name).await?;
                print::done(&format!("removed {name}"), screen)?;
            }
            Self::Token(With { command: Token { name, label, role, prefix, ttl }, .. }) => {
                let access = role.map(|role| Allowed { role, prefix }.access());
                let made = accounts.add_token(&name, &label, access, ttl).await?;
                if screen.json {
                    screen.say(serde_json::to_string(&made)?)?;
                } else {
                    screen.say(made.token.expose())?;
                    if screen.terminal {
                        tell("keep it where nobody else may read it: it is not shown again");
                    }
                }
            }
            Self::TokenRemove(With { command: TokenRemove { name, id }, .. }) => {
                accounts.remove_token(&name, &id).await?;
                print::done(&format!("removed token {id} of {name}"), screen)?;
            }
            Self::RotateKeys(_) => {
                for key in accounts.rotate_keys().await? {
                    if screen.json {
                        screen.say(serde_json::to_string(&key)?)?;
                    } else {
                        screen.say(screen.text(&key))?;
                    }
                }
            }
        }
        Ok(Exit::Fine)
    }
}

/// Change it, and log in again, because every login ends.
async fn own_password(
    accounts: &Accounts,
    who: &Who,
    url: &str,
    screen: Screen,
) -> anyhow::Result<()> {
    let (place, entry) = who.login(url)?;
    let current = password::known("Current password")?;
    let new = password::new("New password")?;
    match accounts.change_password(current, new.clone()).await {
        Err(AuthError::Denied) => {
            let text = "the current password is not right, or the login has ended";
            return Err(Failure::error(Exit::Unauthorized, text));
        }
        done => done?,
    }
    login::begin(accounts, place, &entry.name, new).await?;
    print::done("the password is changed, and every other login has ended", screen)
}

//! `mainspring user`: accounts and their tokens.

use std::time::Duration;

use mainspring_http::auth::{Access, AuthError, AuthOptions, Role};
use mainspring_http::client::Accounts;

use super::{login, password, print};
use crate::accounts;
use crate::client::failure::Failure;
use crate::client::identity::Identity;
use crate::client::options::{CommandArgs, ConnectionOptions, time};
use crate::client::printer::Printer;
use crate::exit::{self, Exit};
use crate::journal_url::JournalUrl;
use crate::output::print_status;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create an account; with --accounts in a directory, without a server
    #[command(after_help = exit::HELP)]
    Add(CommandArgs<Add>),
    /// List all accounts and their tokens
    #[command(after_help = exit::HELP)]
    List(CommandArgs<NoArgs>),
    /// Show your account and its tokens
    #[command(after_help = exit::HELP)]
    Me(CommandArgs<NoArgs>),
    /// Change your password or set that of another account, and end its logins
    #[command(after_help = exit::HELP)]
    Passwd(CommandArgs<Passwd>),
    /// Change the role and the prefix of an account
    #[command(after_help = exit::HELP)]
    Access(CommandArgs<SetAccess>),
    /// Remove an account, and end its logins and tokens at once
    #[command(after_help = exit::HELP)]
    Remove(CommandArgs<AccountArgs>),
    /// Create a token for a program and print it once
    #[command(after_help = exit::HELP)]
    Token(CommandArgs<Token>),
    /// Remove a token of an account
    #[command(after_help = exit::HELP)]
    TokenRemove(CommandArgs<TokenRemove>),
    /// Create a new signing key; tokens signed before the previous rotation become invalid
    #[command(after_help = exit::HELP)]
    RotateKeys(CommandArgs<NoArgs>),
}

#[derive(Debug, clap::Args)]
pub struct NoArgs {}

#[derive(Debug, clap::Args)]
pub struct AccountArgs {
    /// The account
    name: String,
}

#[derive(Debug, clap::Args)]
struct AccessArgs {
    /// The role: reader, writer or admin
    #[arg(long)]
    role: Role,
    /// Restrict access to keys with this prefix
    #[arg(long)]
    prefix: Option<String>,
}

impl AccessArgs {
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
    access: AccessArgs,
    /// Create it in this directory, such as file:accounts, which no server has open: for the first administrator
    #[arg(long, value_name = "URL", value_parser = directory)]
    accounts: Option<JournalUrl>,
}

#[derive(Debug, clap::Args)]
pub struct Passwd {
    /// The account [default: your own]
    name: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct SetAccess {
    /// The account
    name: String,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, clap::Args)]
pub struct Token {
    /// The account
    name: String,
    /// A description of its purpose
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    label: String,
    /// The highest role of the token [default: that of the account]
    #[arg(long)]
    role: Option<Role>,
    /// Restrict access to keys with this prefix
    #[arg(long, requires = "role")]
    prefix: Option<String>,
    /// Time to live, such as 720h [default: unlimited]
    #[arg(long, value_name = "TIME", value_parser = time)]
    ttl: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub struct TokenRemove {
    /// The account
    name: String,
    /// The id of the token, from "mainspring user list"
    id: String,
}

fn directory(text: &str) -> Result<JournalUrl, String> {
    match JournalUrl::parse(text)? {
        JournalUrl::None => {
            Err("expected file:DIR: an account without a directory would be lost at once".into())
        }
        url => Ok(url),
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

    /// Whether the command needs no server.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Add(args) if args.command.accounts.is_some())
    }

    /// Run a command that needs no server.
    pub async fn run_local(self, printer: Printer) -> anyhow::Result<Exit> {
        let Self::Add(CommandArgs { command: Add { name, access, accounts: Some(url) }, .. }) =
            self
        else {
            return Ok(Exit::Usage);
        };
        let auth = accounts::open(&url, AuthOptions::default()).await?;
        let registered = match password::read_new("Password of the account") {
            Ok(password) => auth.register(&name, password, access.access()).await,
            Err(error) => {
                auth.store().shutdown().await?;
                return Err(error);
            }
        };
        auth.store().shutdown().await?;
        registered.map_err(|error| Failure::of_accounts(&error))?;
        if let Some(account) = auth.profile(&name) {
            print::account(&account, printer)?;
        }
        Ok(Exit::Success)
    }

    pub async fn run(
        self,
        accounts: &Accounts,
        identity: &Identity,
        url: &str,
        printer: Printer,
    ) -> anyhow::Result<Exit> {
        match self {
            Self::Add(CommandArgs { command: Add { name, access, .. }, .. }) => {
                let password = password::read_new("Password of the account")?;
                let account = accounts.register(&name, password, access.access()).await?;
                print::account(&account, printer)?;
            }
            Self::List(_) => print::accounts(&accounts.list().await?, printer)?,
            Self::Me(_) => print::accounts(&[accounts.me().await?], printer)?,
            Self::Passwd(CommandArgs { command: Passwd { name: Some(name) }, .. }) => {
                accounts.set_password(&name, password::read_new("New password")?).await?;
                print::confirm(&format!("changed the password of {name}"), printer)?;
            }
            Self::Passwd(_) => own_password(accounts, identity, url, printer).await?,
            Self::Access(CommandArgs { command: SetAccess { name, access }, .. }) => {
                accounts.set_access(&name, access.access()).await?;
                print::confirm(&format!("changed the access of {name}"), printer)?;
            }
            Self::Remove(CommandArgs { command: AccountArgs { name }, .. }) => {
                accounts.remove(&name).await?;
                print::confirm(&format!("removed {name}"), printer)?;
            }
            Self::Token(CommandArgs {
                command: Token { name, label, role, prefix, ttl }, ..
            }) => {
                let access = role.map(|role| AccessArgs { role, prefix }.access());
                let created = accounts.add_token(&name, &label, access, ttl).await?;
                if printer.json {
                    printer.print_line(serde_json::to_string(&created)?)?;
                } else {
                    printer.print_line(created.token.expose())?;
                    if printer.terminal {
                        print_status("store it safely: it is not shown again");
                    }
                }
            }
            Self::TokenRemove(CommandArgs { command: TokenRemove { name, id }, .. }) => {
                accounts.remove_token(&name, &id).await?;
                print::confirm(&format!("removed token {id} of {name}"), printer)?;
            }
            Self::RotateKeys(_) => {
                for key in accounts.rotate_keys().await? {
                    if printer.json {
                        printer.print_line(serde_json::to_string(&key)?)?;
                    } else {
                        printer.print_line(printer.text(&key))?;
                    }
                }
            }
        }
        Ok(Exit::Success)
    }
}

/// Change the own password, and log in again, because all logins end.
async fn own_password(
    accounts: &Accounts,
    identity: &Identity,
    url: &str,
    printer: Printer,
) -> anyhow::Result<()> {
    let (store, login) = identity.stored_login(url)?;
    let current = password::read("Current password")?;
    let new = password::read_new("New password")?;
    match accounts.change_password(current, new.clone()).await {
        Err(AuthError::Denied) => {
            let text = "wrong current password, or the login has ended";
            return Err(Failure::with_exit(Exit::Unauthorized, text));
        }
        done => done?,
    }
    login::begin(accounts, store, &login.name, new).await?;
    print::confirm("changed the password and ended all other logins", printer)
}

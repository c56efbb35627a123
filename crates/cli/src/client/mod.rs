//! The commands that talk to a server: functions over any store, and what they have in common.

mod account;
mod backup;
mod batch;
mod bench;
mod clear;
mod compact;
mod credentials;
mod explain;
mod export;
mod failure;
mod import;
mod list;
mod notices;
mod options;
mod read;
mod screen;
mod stats;
mod table;
mod tally;
mod values;
mod watch;
mod who;
mod write;

use mainspring::wire::Json;
use mainspring::{Backend, Store, Write};
use mainspring_http::Client;

use self::account::{login, user};
pub use self::failure::Failure;
pub use self::options::ConnectionOptions;
use self::options::With;
use self::screen::Screen;
use self::who::Who;
use super::exit::{self, Exit};
use super::url;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print what a key holds
    #[command(after_help = exit::HELP)]
    Get(With<read::Get>),
    /// Set a key to a value, or to a list of values
    #[command(after_help = exit::HELP)]
    Set(With<write::Put>),
    /// Replace the value of a key that is there; its deadline stays, unless --ttl says otherwise
    #[command(after_help = exit::HELP)]
    Update(With<write::Put>),
    /// Remove keys; of several all or none
    #[command(after_help = exit::HELP)]
    Remove(With<write::Remove>),
    /// Add elements to a list, which is created if it is absent; of several all or none
    #[command(after_help = exit::HELP)]
    Push(With<write::Push>),
    /// Take an element from a list and print it
    #[command(after_help = exit::HELP)]
    Pop(With<write::Pop>),
    /// Keep at most the last elements of a list, and print how many were removed
    #[command(after_help = exit::HELP)]
    Trim(With<write::Trim>),
    /// Print keys, sorted
    #[command(after_help = exit::HELP)]
    Keys(With<list::Keys>),
    /// Print keys with their values, sorted
    #[command(after_help = exit::HELP)]
    Scan(With<list::Scan>),
    /// Print elements of a list
    #[command(after_help = exit::HELP)]
    Range(With<read::Range>),
    /// Let a key expire after a time, or with `none` stay
    #[command(after_help = exit::HELP)]
    Expire(With<write::Expire>),
    /// Take the deadline from a key
    #[command(after_help = exit::HELP)]
    Persist(With<write::Persist>),
    /// Remove everything
    #[command(after_help = exit::HELP)]
    Clear(With<clear::Args>),
    /// Replace the log of the server's journal by a snapshot
    #[command(after_help = exit::HELP, long_about = compact::ABOUT)]
    Compact(With<compact::Args>),
    /// Print changes as they come, across restarts of the server
    #[command(after_help = exit::HELP, long_about = watch::ABOUT)]
    Watch(With<watch::Args>),
    /// Do several writes, all or nothing
    #[command(after_help = exit::HELP, long_about = batch::ABOUT)]
    Batch(With<batch::Args>),
    /// Show how the store is doing
    #[command(after_help = exit::HELP)]
    Stats(With<stats::Args>),
    /// Write data and accounts of the server to one file, to restore them from
    #[command(after_help = exit::HELP, long_about = backup::ABOUT)]
    Backup(With<backup::Args>),
    /// Write every entry as a line of JSON, all as of one revision
    #[command(after_help = exit::HELP, long_about = export::ABOUT)]
    Export(With<export::Args>),
    /// Set keys from lines of JSON, as `export` writes them
    #[command(after_help = exit::HELP, long_about = import::ABOUT)]
    Import(With<import::Args>),
    /// Put load on a server, and measure how fast it answers
    #[command(after_help = exit::HELP)]
    Bench(With<bench::Args>),
    /// Log in: the other commands ask as this account from now on
    #[command(after_help = exit::HELP, long_about = login::ABOUT)]
    Login(With<login::Login>),
    /// End the login at a server
    #[command(after_help = exit::HELP)]
    Logout(With<login::Logout>),
    /// Look after accounts and their tokens
    #[command(subcommand)]
    User(user::Command),
}

impl Command {
    fn options(&mut self) -> &mut ConnectionOptions {
        macro_rules! options {
            ($($name:ident),*) => {
                match self {
                    $(Self::$name(args) => &mut args.options,)*
                    Self::User(command) => command.options(),
                }
            };
        }
        options!(
            Get, Set, Update, Remove, Push, Pop, Trim, Keys, Scan, Range, Expire, Persist, Clear,
            Compact, Watch, Batch, Stats, Backup, Export, Import, Bench, Login, Logout
        )
    }

    async fn run(
        self,
        client: &Client<Json>,
        who: &Who,
        url: &str,
        screen: Screen,
    ) -> anyhow::Result<Exit> {
        match self {
            Self::Login(args) => login::login(args.command, &client.accounts(), url, screen).await,
            Self::Logout(args) => {
                login::logout(&args.command, &client.accounts(), who, url, screen).await
            }
            Self::User(command) => command.run(&client.accounts(), who, url, screen).await,
            Self::Stats(args) => stats::run(args.command, client, screen).await,
            Self::Backup(args) => backup::run(args.command, client, screen).await,
            Self::Bench(args) => bench::run(args.command, client, screen).await,
            other => other.run_over(client, screen).await,
        }
    }

    /// What works wherever the store is.
    async fn run_over<B: Backend<Json>>(
        self,
        store: &Store<Json, B>,
        screen: Screen,
    ) -> anyhow::Result<Exit> {
        match self {
            Self::Get(args) => read::get(args.command, store, screen).await,
            Self::Range(args) => read::range(args.command, store, screen).await,
            Self::Set(args) => write::run(args.command.write(Write::set)?, store, screen).await,
            Self::Update(args) => {
                write::run(args.command.write(Write::update)?, store, screen).await
            }
            Self::Push(args) => write::run(args.command.writes()?, store, screen).await,
            Self::Remove(args) => write::run(args.command.writes()?, store, screen).await,
            Self::Pop(args) => write::run(args.command.write(), store, screen).await,
            Self::Trim(args) => write::run(args.command.write(), store, screen).await,
            Self::Expire(args) => write::run(args.command.write(), store, screen).await,
            Self::Persist(args) => write::run(args.command.write(), store, screen).await,
            Self::Keys(args) => list::keys(args.command, store, screen).await,
            Self::Scan(args) => list::scan(args.command, store, screen).await,
            Self::Clear(args) => clear::run(&args.command, store, screen).await,
            Self::Compact(args) => compact::run(&args.command, store, screen).await,
            Self::Watch(args) => watch::run(args.command, store, screen).await,
            Self::Batch(args) => batch::run(args.command, store, screen).await,
            Self::Export(args) => export::run(args.command, store, screen).await,
            Self::Import(args) => import::run(args.command, store, screen).await,
            Self::Stats(_)
            | Self::Backup(_)
            | Self::Bench(_)
            | Self::Login(_)
            | Self::Logout(_)
            | Self::User(_) => {
                unreachable!("they have a client")
            }
        }
    }
}

/// Do a command, with the options before it and those after it, of which the latter count more.
pub fn run(mut command: Command, before: ConnectionOptions) -> anyhow::Result<Exit> {
    let options = std::mem::take(command.options()).or(before);
    let (screen, url) = (options.screen(), options.url()?);
    let one_thread = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let command = match command {
        Command::User(command) if command.is_local() => {
            return one_thread()?.block_on(command.run_local(screen));
        }
        other => other,
    };
    let who = options.who(&url::shown(&url))?;
    let mut client = who.asks(Client::<Json>::builder(&url).timeout(options.timeout()));
    if let Some(pem) = options.root_certificates()? {
        client = client.root_certificates(pem);
    }
    let client = match client.connect() {
        Ok(client) => client,
        Err(error) => {
            let url = url::shown(&url);
            return Err(Failure::misused(format!("--url {url}: {}", failure::reason(&error))));
        }
    };
    let url = url::shown(&url);
    notices::start();
    // One thread is enough for one command, and is there sooner.
    let runtime = match &command {
        Command::Bench(_) => tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
        _ => one_thread()?,
    };
    let done = runtime.block_on(command.run(&client, &who, &url, screen));
    // A thread may be stuck in reading the standard input.
    runtime.shutdown_background();
    done.map_err(|error| explain::explain(error, &who, &url))
}

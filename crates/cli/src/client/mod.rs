//! The commands that connect to a server. Most are functions over a store with any backend.

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
mod failure_counts;
mod identity;
mod import;
mod list;
mod notices;
mod options;
mod printer;
mod read;
mod stats;
mod table;
mod values;
mod watch;
mod write;

use mainspring::wire::Json;
use mainspring::{Backend, Store, Write};
use mainspring_http::Client;

use self::account::{login, user};
pub use self::failure::Failure;
use self::identity::Identity;
use self::options::CommandArgs;
pub use self::options::ConnectionOptions;
use self::printer::Printer;
use super::exit::{self, Exit};
use super::url;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print the value of a key
    #[command(after_help = exit::HELP)]
    Get(CommandArgs<read::Get>),
    /// Set a key to a value, or to a list of values
    #[command(after_help = exit::HELP)]
    Set(CommandArgs<write::Put>),
    /// Replace the value of an existing key and keep its deadline, unless --ttl is set
    #[command(after_help = exit::HELP)]
    Update(CommandArgs<write::Put>),
    /// Remove keys; several are removed atomically
    #[command(after_help = exit::HELP)]
    Remove(CommandArgs<write::Remove>),
    /// Push elements to a list, which is created if absent; several are pushed atomically
    #[command(after_help = exit::HELP)]
    Push(CommandArgs<write::Push>),
    /// Remove an element from a list and print it
    #[command(after_help = exit::HELP)]
    Pop(CommandArgs<write::Pop>),
    /// Keep at most the last N elements of a list, and print how many were removed
    #[command(after_help = exit::HELP)]
    Trim(CommandArgs<write::Trim>),
    /// Print keys, sorted
    #[command(after_help = exit::HELP)]
    Keys(CommandArgs<list::ListArgs>),
    /// Print keys with their values, sorted
    #[command(after_help = exit::HELP)]
    Scan(CommandArgs<list::Scan>),
    /// Print elements of a list
    #[command(after_help = exit::HELP)]
    Range(CommandArgs<read::Range>),
    /// Set the time to live of a key; `none` removes its deadline
    #[command(after_help = exit::HELP)]
    Expire(CommandArgs<write::Expire>),
    /// Remove the deadline of a key
    #[command(after_help = exit::HELP)]
    Persist(CommandArgs<write::Persist>),
    /// Remove all keys
    #[command(after_help = exit::HELP)]
    Clear(CommandArgs<clear::Args>),
    /// Replace the log of the server's journal with a snapshot
    #[command(after_help = exit::HELP, long_about = compact::ABOUT)]
    Compact(CommandArgs<compact::Args>),
    /// Print changes as they happen, across restarts of the server
    #[command(after_help = exit::HELP, long_about = watch::ABOUT)]
    Watch(CommandArgs<watch::Args>),
    /// Apply several writes atomically
    #[command(after_help = exit::HELP, long_about = batch::ABOUT)]
    Batch(CommandArgs<batch::Args>),
    /// Print statistics of the store
    #[command(after_help = exit::HELP)]
    Stats(CommandArgs<stats::Args>),
    /// Back up the data and the accounts of the server to one file
    #[command(after_help = exit::HELP, long_about = backup::ABOUT)]
    Backup(CommandArgs<backup::Args>),
    /// Write all entries as lines of JSON, as of one revision
    #[command(after_help = exit::HELP, long_about = export::ABOUT)]
    Export(CommandArgs<export::Args>),
    /// Set keys from lines of JSON, as `export` writes them
    #[command(after_help = exit::HELP, long_about = import::ABOUT)]
    Import(CommandArgs<import::Args>),
    /// Generate load, and measure throughput and latency
    #[command(after_help = exit::HELP)]
    Bench(CommandArgs<bench::Args>),
    /// Log in: later commands use this account
    #[command(after_help = exit::HELP, long_about = login::ABOUT)]
    Login(CommandArgs<login::Login>),
    /// Log out from a server
    #[command(after_help = exit::HELP)]
    Logout(CommandArgs<login::Logout>),
    /// Manage accounts and tokens
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
        identity: &Identity,
        url: &str,
        printer: Printer,
    ) -> anyhow::Result<Exit> {
        match self {
            Self::Login(args) => login::login(args.command, &client.accounts(), url, printer).await,
            Self::Logout(args) => {
                login::logout(&args.command, &client.accounts(), identity, url, printer).await
            }
            Self::User(command) => command.run(&client.accounts(), identity, url, printer).await,
            Self::Stats(args) => stats::run(args.command, client, printer).await,
            Self::Backup(args) => backup::run(args.command, client, printer).await,
            Self::Bench(args) => bench::run(args.command, client, printer).await,
            other => other.run_on_store(client, printer).await,
        }
    }

    /// Run a command that works over any backend.
    async fn run_on_store<B: Backend<Json>>(
        self,
        store: &Store<Json, B>,
        printer: Printer,
    ) -> anyhow::Result<Exit> {
        match self {
            Self::Get(args) => read::get(args.command, store, printer).await,
            Self::Range(args) => read::range(args.command, store, printer).await,
            Self::Set(args) => write::run(args.command.write(Write::set)?, store, printer).await,
            Self::Update(args) => {
                write::run(args.command.write(Write::update)?, store, printer).await
            }
            Self::Push(args) => write::run(args.command.writes()?, store, printer).await,
            Self::Remove(args) => write::run(args.command.writes()?, store, printer).await,
            Self::Pop(args) => write::run(args.command.write(), store, printer).await,
            Self::Trim(args) => write::run(args.command.write(), store, printer).await,
            Self::Expire(args) => write::run(args.command.write(), store, printer).await,
            Self::Persist(args) => write::run(args.command.write(), store, printer).await,
            Self::Keys(args) => list::keys(args.command, store, printer).await,
            Self::Scan(args) => list::scan(args.command, store, printer).await,
            Self::Clear(args) => clear::run(&args.command, store, printer).await,
            Self::Compact(args) => compact::run(&args.command, store, printer).await,
            Self::Watch(args) => watch::run(args.command, store, printer).await,
            Self::Batch(args) => batch::run(args.command, store, printer).await,
            Self::Export(args) => export::run(args.command, store, printer).await,
            Self::Import(args) => import::run(args.command, store, printer).await,
            Self::Stats(_)
            | Self::Backup(_)
            | Self::Bench(_)
            | Self::Login(_)
            | Self::Logout(_)
            | Self::User(_) => {
                unreachable!("handled by `run`")
            }
        }
    }
}

/// Run a command. Options after its name override `before`, those before its name.
pub fn run(mut command: Command, before: ConnectionOptions) -> anyhow::Result<Exit> {
    let options = std::mem::take(command.options()).or(before);
    let (printer, url) = (options.printer(), options.url()?);
    let current_thread_runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let command = match command {
        Command::User(command) if command.is_local() => {
            return current_thread_runtime()?.block_on(command.run_local(printer));
        }
        other => other,
    };
    let identity = options.identity(&url::shown(&url))?;
    let mut client =
        identity.authenticate(Client::<Json>::builder(&url).timeout(options.timeout()));
    if let Some(pem) = options.root_certificates()? {
        client = client.root_certificates(pem);
    }
    let client = match client.connect() {
        Ok(client) => client,
        Err(error) => {
            let url = url::shown(&url);
            return Err(Failure::usage(format!("--url {url}: {}", failure::reason(&error))));
        }
    };
    let url = url::shown(&url);
    notices::start();
    // A current-thread runtime starts faster and is enough for one command.
    let runtime = match &command {
        Command::Bench(_) => tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
        _ => current_thread_runtime()?,
    };
    let done = runtime.block_on(command.run(&client, &identity, &url, printer));
    // A thread may be blocked reading the standard input.
    runtime.shutdown_background();
    done.map_err(|error| explain::explain(error, &identity, &url))
}

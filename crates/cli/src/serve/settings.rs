//! Every setting of a server, one line each.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use mainspring::journal::file::SyncPolicy;
use mainspring_http::auth::Secret;
use mainspring_http::server::Limits;

use super::kind;
use super::logs::Format;
use super::source::{Problems, Values};
use super::table::{Setting, settings};
use crate::journal_url::JournalUrl;

settings! {
    http {
        /// The address to listen on; 0.0.0.0 is every network
        host: IpAddr = HOST("127.0.0.1");
        /// The port of the API; 0 is any free one
        port: u16 = PORT("8080") "PORT";
        /// The port of health checks and metrics; 0 is any free one
        health_port: u16 = PORT("8081") "HEALTH_PORT";
        /// The address of health checks and metrics, which are never encrypted and ask nobody: say 0.0.0.0 where a probe
        /// or Prometheus is on another machine
        health_host: IpAddr = HOST("127.0.0.1");
        /// The version that the OpenAPI document shows
        api_version: String = TEXT("v1.0.0") "API_VERSION";
        /// Compress answers for those who accept it
        compression: bool = SWITCH("true");
        /// Origins whose pages may use the API from a browser, with commas between them; * is every page
        cors_origins: Vec<String> = ORIGINS("none");
        /// Names of the server besides localhost and addresses, with commas between them; * is every name. Checked if
        /// it listens at a loopback address, or any are given
        allowed_hosts: Vec<String> = HOSTS("none");
        /// How often a stream that has nothing to tell shows that it is there
        heartbeat: Duration = TIME("15s");
    }
    tls {
        /// Encrypt the API: the certificate for it in PEM form, and after it those between it and its authority
        tls_cert: Option<PathBuf> = FILE("");
        /// The key of that certificate, in PEM form
        tls_key: Option<PathBuf> = FILE("");
        /// How often it is looked whether the two files have changed
        tls_check_interval: Duration = TIME("10s");
        /// Serve other machines without encryption: what is sent can be read and changed on its way
        insecure_without_tls: bool = SWITCH("false");
    }
    auth {
        /// Ask everybody who they are, by accounts and tokens
        auth_enabled: bool = SWITCH("false") "AUTH_ENABLED";
        /// The first administrator, who is made if there is no account of this name
        admin_user: Option<String> = NAME("") "ADMIN_USER";
        /// The password of the first administrator. Better in the environment than in a flag, which others can see
        admin_password: Option<Secret> = SECRET("") "ADMIN_PASSWORD";
        /// Where accounts and signing keys are kept: file:DIR (a folder), or none (they end with the process); unless
        /// said, in the folder `accounts` of the journal, or nowhere if that is where the data is
        accounts: Option<JournalUrl> = ACCOUNTS("");
        /// How long an access token is good; at most 15m
        access_ttl: Duration = TIME("10m");
        /// How long a login lasts that is not used
        refresh_ttl: Duration = TIME("720h");
        /// Write who changed what into this file, as lines of JSON, rather than into the log
        audit_log: Option<PathBuf> = FILE("");
        /// Serve other machines without asking who they are: whoever reaches the port may read and change everything
        insecure_without_authentication: bool = SWITCH("false");
    }
    store {
        /// The journal that makes the data durable: file:DIR (a folder), or none
        journal: JournalUrl = JOURNAL("none");
        /// When a journal in a folder is synced: always (before a write is acknowledged), os (when the system does),
        /// or a time, such as 100ms, after which it is at the latest
        sync: SyncPolicy = SYNC("always");
        /// Have a journal in the folder DB_PATH, as --journal file:DB_PATH does
        persistence_enabled: bool = SWITCH("false") "PERSISTENCE_ENABLED";
        /// The folder of the journal, if PERSISTENCE_ENABLED is true
        db_path: Option<PathBuf> = PATH("") "DB_PATH";
        /// The time to live of keys that are set without one, such as 1h30m; none or 0: they stay
        default_ttl: Option<Duration> = TTL("none") "DEFAULT_TTL";
        /// The longest that an expired key may keep its memory. It is removed within 10ms of its deadline, so any time
        /// from 10ms on is promised already
        default_cleanup_interval: Duration = CLEANUP("10ms") "DEFAULT_CLEANUP_INTERVAL";
        /// The most entries; a write beyond is refused
        max_entries: Option<usize> = COUNT_LIMIT("none");
        /// The most bytes of all keys and values; a write beyond is refused
        max_bytes: Option<u64> = BYTES_LIMIT("none");
        /// The most bytes of one key and its value
        max_entry_bytes: Option<u64> = BYTES_LIMIT("none");
        /// Commands that may wait for the store; those beyond are refused with 503
        queue_capacity: usize = COUNT("1024");
        /// Bytes of the journal's older log that a compaction keeps on disk, for watchers that come back after longer than
        /// the history in memory reaches; 0 keeps none. Not what is in memory: see --history-bytes
        journal_history_bytes: u64 = SIZE("64MiB");
        /// Changes that are kept in memory for watchers that fall behind or come back
        history_changes: usize = COUNT("4096");
        /// The most bytes of those changes in memory. Not what is on disk: see --journal-history-bytes
        history_bytes: u64 = BYTES("16MiB");
        /// How long a shutdown may take to finish what waits for the store
        shutdown_deadline: Duration = WAIT("5s");
        /// Drive a simulated car into the keys car/*
        demo: bool = SWITCH("false");
    }
    limits {
        /// Connections in total
        max_connections: usize = COUNT("16384");
        /// Connections from one address; none or 0: no limit, for a server behind a proxy
        max_connections_per_address: Option<usize> = COUNT_LIMIT("none");
        /// Requests that are worked on at once; those beyond are told at once to come back later
        max_requests: usize = COUNT("4096");
        /// The longest body of a request
        max_body_bytes: u64 = BYTES("1MiB");
        /// How long the head of a request may take
        header_timeout: Duration = TIME("10s");
        /// How long the body of a request may take
        body_timeout: Duration = TIME("30s");
        /// How long a connection may stay without a request
        idle_timeout: Duration = TIME("1m");
        /// How long a client may take nothing more of an answer
        write_timeout: Duration = TIME("30s");
        /// How long a watcher may take nothing more of its stream
        stall_timeout: Duration = TIME("5m");
        /// How long a server that is asked to stop goes on as before, and only its readiness says so: for load
        /// balancers that notice late
        drain_delay: Duration = WAIT("0s");
        /// How long a shutdown waits for requests that are worked on
        drain_timeout: Duration = WAIT("10s");
    }
    log {
        /// What to log: off, error, warn, info, debug, trace, or directives such as info,mainspring=debug
        log_level: String = LEVEL("info") "VERBOSE";
        /// How: text or json
        log_format: Format = FORMAT("text");
    }
}

impl Settings {
    /// Where accounts are kept.
    pub fn accounts(&self) -> JournalUrl {
        match (&self.accounts, &self.journal) {
            (Some(accounts), _) => accounts.clone(),
            (None, JournalUrl::File(folder)) => JournalUrl::File(folder.join("accounts")),
            (None, JournalUrl::None) => JournalUrl::None,
        }
    }

    /// What the server takes on.
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.max_connections = self.max_connections;
        limits.max_connections_per_address = self.max_connections_per_address.unwrap_or(0);
        limits.max_requests = self.max_requests;
        limits.max_body_bytes = self.max_body_bytes.try_into().unwrap_or(usize::MAX);
        limits.header_timeout = self.header_timeout;
        limits.body_timeout = self.body_timeout;
        limits.idle_timeout = self.idle_timeout;
        limits.write_timeout = self.write_timeout;
        limits.stall_timeout = self.stall_timeout;
        limits.drain_timeout = self.drain_timeout;
        limits
    }
}

fn read<T>(
    name: &'static str,
    read: fn(&str) -> Result<T, String>,
    values: &Values,
    problems: &mut Problems,
) -> Option<T> {
    let (text, source) = values.get(name)?;
    read(text).map_err(|problem| problems.at(source, problem)).ok()
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    fn defaults() -> Settings {
        let values = TABLE.iter().map(|s| (s.name, (s.default.to_owned(), Source::Default)));
        let mut problems = Problems::default();
        let settings = Settings::read(&values.collect(), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        settings.unwrap()
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        assert_eq!(defaults().limits(), Limits::default());
    }

    #[test]
    fn names_and_variables_are_there_once() {
        for of in [|s: &Setting| s.name.to_owned(), Setting::variable] {
            let mut all: Vec<_> = TABLE.iter().map(of).collect();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), TABLE.len());
        }
    }
}

//! All settings of a server, one line each.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use mainspring::journal::file::SyncPolicy;
use mainspring_http::auth::Secret;
use mainspring_http::server::Limits;

use super::logs::Format;
use super::source::{Problems, Values};
use super::table::{Setting, settings};
use super::value_type;
use crate::journal_url::JournalUrl;

settings! {
    http {
        /// The address to listen on; 0.0.0.0 for all interfaces
        host: IpAddr = HOST("127.0.0.1");
        /// The port of the API; 0 for any free port
        port: u16 = PORT("8080") "PORT";
        /// The port of health checks and metrics; 0 for any free port
        health_port: u16 = PORT("8081") "HEALTH_PORT";
        /// The address of health checks and metrics, which have neither TLS nor authentication; 0.0.0.0 if a probe or
        /// Prometheus runs on another machine
        health_host: IpAddr = HOST("127.0.0.1");
        /// The version in the OpenAPI document
        api_version: String = TEXT("v1.0.0") "API_VERSION";
        /// Compress responses for clients that accept it
        compression: bool = SWITCH("true");
        /// Allowed CORS origins, comma-separated; * for all
        cors_origins: Vec<String> = ORIGINS("none");
        /// Host names that requests may use besides localhost and IP addresses, comma-separated; * for all. Checked if
        /// the server listens on a loopback address, or if any are set
        allowed_hosts: Vec<String> = HOSTS("none");
        /// Interval of heartbeats on event streams without changes
        heartbeat: Duration = TIME("15s");
    }
    tls {
        /// Enable TLS for the API with this certificate chain in PEM format, server certificate first
        tls_cert: Option<PathBuf> = FILE("");
        /// The private key of the certificate, in PEM format
        tls_key: Option<PathBuf> = FILE("");
        /// How often the two files are checked for changes
        tls_check_interval: Duration = TIME("10s");
        /// Allow access from other machines without TLS: traffic can be read and changed
        insecure_without_tls: bool = SWITCH("false");
    }
    auth {
        /// Require authentication
        auth_enabled: bool = SWITCH("false") "AUTH_ENABLED";
        /// The first administrator, created if no administrator exists
        admin_user: Option<String> = NAME("") "ADMIN_USER";
        /// The password of the first administrator. Prefer the environment: other users can see flags
        admin_password: Option<Secret> = SECRET("") "ADMIN_PASSWORD";
        /// The accounts and signing keys: file:DIR (a directory), or none (in memory only). By default the directory
        /// `accounts` in that of the journal; without a journal, in memory only
        accounts: Option<JournalUrl> = ACCOUNTS("");
        /// Lifetime of an access token; at most 15m
        access_ttl: Duration = TIME("10m");
        /// Lifetime of an unused login
        refresh_ttl: Duration = TIME("720h");
        /// Write the audit log to this file, as JSON lines, instead of the log
        audit_log: Option<PathBuf> = FILE("");
        /// Allow access from other machines without authentication: every client can read and change everything
        insecure_without_authentication: bool = SWITCH("false");
    }
    store {
        /// The journal that makes the data durable: file:DIR (a directory), or none
        journal: JournalUrl = JOURNAL("none");
        /// When the journal is synced: always (before a write is acknowledged), os (by the operating system), or the
        /// longest delay, such as 100ms
        sync: SyncPolicy = SYNC("always");
        /// Use a journal in the directory DB_PATH, like --journal file:DB_PATH
        persistence_enabled: bool = SWITCH("false") "PERSISTENCE_ENABLED";
        /// The directory of the journal, if PERSISTENCE_ENABLED is true
        db_path: Option<PathBuf> = PATH("") "DB_PATH";
        /// The default time to live of keys, such as 1h30m; none or 0: keys do not expire
        default_ttl: Option<Duration> = TTL("none") "DEFAULT_TTL";
        /// The longest time until the memory of an expired key is freed. Has no effect: it is always freed within 10ms
        default_cleanup_interval: Duration = CLEANUP("10ms") "DEFAULT_CLEANUP_INTERVAL";
        /// The most entries; writes beyond are rejected
        max_entries: Option<usize> = COUNT_LIMIT("none");
        /// The most bytes of all keys and values; writes beyond are rejected
        max_bytes: Option<u64> = BYTES_LIMIT("none");
        /// The most bytes of one key and its value
        max_entry_bytes: Option<u64> = BYTES_LIMIT("none");
        /// The most queued commands; those beyond are rejected with 503
        queue_capacity: usize = COUNT("1024");
        /// Bytes of older log that a compaction keeps on disk, for subscribers that resume from before the history in
        /// memory; 0 keeps none. For the limit in memory see --history-bytes
        journal_history_bytes: u64 = SIZE("64MiB");
        /// Changes kept in memory for subscribers that lag or resume
        history_changes: usize = COUNT("4096");
        /// The most bytes of these changes in memory. For the limit on disk see --journal-history-bytes
        history_bytes: u64 = BYTES("16MiB");
        /// How long a shutdown waits for queued commands
        shutdown_deadline: Duration = WAIT("5s");
        /// Run a simulated car that writes to the keys car/*
        demo: bool = SWITCH("false");
    }
    limits {
        /// The most connections in total
        max_connections: usize = COUNT("16384");
        /// The most connections from one address; none or 0: unlimited, for a server behind a proxy
        max_connections_per_address: Option<usize> = COUNT_LIMIT("none");
        /// The most concurrent requests; those beyond are rejected with 503
        max_requests: usize = COUNT("4096");
        /// The largest request body
        max_body_bytes: u64 = BYTES("1MiB");
        /// Timeout for the head of a request
        header_timeout: Duration = TIME("10s");
        /// Timeout for the body of a request
        body_timeout: Duration = TIME("30s");
        /// Timeout of a connection without a request
        idle_timeout: Duration = TIME("1m");
        /// Timeout for a client that reads no more of a response
        write_timeout: Duration = TIME("30s");
        /// Timeout for a client that reads no more of an event stream
        stall_timeout: Duration = TIME("5m");
        /// How long a stopping server still serves requests while it reports that it is not ready, for load balancers
        /// that react slowly
        drain_delay: Duration = WAIT("0s");
        /// How long a shutdown waits for requests in progress
        drain_timeout: Duration = WAIT("10s");
    }
    log {
        /// Log level: off, error, warn, info, debug, trace, or directives such as info,mainspring=debug
        log_level: String = LEVEL("info") "VERBOSE";
        /// Log format: text or json
        log_format: Format = FORMAT("text");
    }
}

impl Settings {
    /// The journal of the accounts.
    pub fn accounts(&self) -> JournalUrl {
        match (&self.accounts, &self.journal) {
            (Some(accounts), _) => accounts.clone(),
            (None, JournalUrl::File(directory)) => JournalUrl::File(directory.join("accounts")),
            (None, JournalUrl::None) => JournalUrl::None,
        }
    }

    /// The limits of the server.
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
    fn defaults_equal_those_of_the_library() {
        assert_eq!(defaults().limits(), Limits::default());
    }

    #[test]
    fn names_and_variables_are_unique() {
        for of in [|s: &Setting| s.name.to_owned(), Setting::variable] {
            let mut all: Vec<_> = TABLE.iter().map(of).collect();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), TABLE.len());
        }
    }
}

//! Statistics of a store, as JSON.

use std::time::Duration;

use mainspring::journal::JournalStats;
use mainspring::{Stats, StoreId};
use serde::{Deserialize, Serialize};

/// Defines a struct that is sent instead of another struct of the same fields, and may have one more. A field that a
/// server of another version does not send has its default.
macro_rules! mirrors {
    ($(#[$meta:meta])* $name:ident for $core:ty, with [$($extra:ident: $extra_type:ty)?] {
        $($(#[$attribute:meta])* $field:ident: $type:ty,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(as = $core))]
        pub(crate) struct $name {
            $(#[serde(default)]
            #[cfg_attr(feature = "server", schema(required = true))]
            pub(crate) $extra: $extra_type,)?
            $(#[serde(default)]
            #[cfg_attr(feature = "server", schema(required = true))]
            $(#[$attribute])*
            $field: $type,)+
        }

        impl From<$core> for $name {
            fn from(core: $core) -> Self {
                Self { $($extra: Default::default(),)? $($field: core.$field.into(),)+ }
            }
        }

        impl From<$name> for $core {
            fn from(sent: $name) -> Self {
                let mut core = Self::default();
                $(core.$field = sent.$field.into();)+
                core
            }
        }
    };
}

mirrors! {
    /// Statistics of a store.
    StoreStats for Stats, with [id: String] {
        revision: u64,
        entries: usize,
        bytes: u64,
        queued: usize,
        queue_capacity: usize,
        turns: u64,
        commands: u64,
        expired: u64,
        subscribers: usize,
        lagged: u64,
        /// The number of changes that the slowest subscription has not received yet.
        max_lag: u64,
        history_floor: u64,
        history_changes: usize,
        history_bytes: u64,
        journal: JournalCounters,
    }
}

mirrors! {
    /// Statistics of the journal.
    JournalCounters for JournalStats, with [] {
        appends: u64,
        appended_bytes: u64,
        syncs: u64,
        #[serde(rename = "sync_seconds")]
        #[cfg_attr(feature = "server", schema(value_type = f64))]
        sync_time: Seconds,
        #[serde(rename = "unsynced_seconds")]
        #[cfg_attr(feature = "server", schema(value_type = f64))]
        unsynced: Seconds,
        compactions: u64,
        failed_compactions: u64,
        bytes: u64,
    }
}

impl StoreStats {
    pub(crate) fn new(id: StoreId, stats: Stats) -> Self {
        Self { id: id.to_string(), ..stats.into() }
    }
}

/// A duration as a number of seconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Seconds(f64);

impl From<Duration> for Seconds {
    fn from(time: Duration) -> Self {
        Self(time.as_secs_f64())
    }
}

impl From<Seconds> for Duration {
    fn from(Seconds(seconds): Seconds) -> Self {
        Self::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

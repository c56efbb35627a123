//! Counts of connections and requests.

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::metrics::MetricType::Counter;

use super::collect::Writer;

/// Defines the struct of all counts, and its export as gauges, counters, and counters with a label.
macro_rules! counts {
    (
        gauges { $($gauge:ident $gauge_name:literal $gauge_help:literal,)+ }
        counters { $($counter:ident $counter_name:literal $counter_help:literal,)+ }
        $($family:literal $label:ident $family_help:literal { $($member:ident $value:literal $member_help:literal,)+ })+
    ) => {
        /// Counts that only the accept loop and its connections change.
        #[derive(Debug, Default)]
        pub(in crate::server) struct Counts {
            $(#[doc = $gauge_help] pub(in crate::server) $gauge: AtomicUsize,)+
            $(#[doc = $counter_help] pub(in crate::server) $counter: AtomicUsize,)+
            $($(#[doc = $member_help] pub(in crate::server) $member: AtomicUsize,)+)+
        }

        impl Counts {
            pub(super) fn write(&self, to: &mut Writer<'_>) -> fmt::Result {
                $(to.gauge($gauge_name, None, $gauge_help, self.$gauge.load(Relaxed))?;)+
                $(to.counter($counter_name, None, $counter_help, self.$counter.load(Relaxed))?;)+
                $(to.family($family, None, $family_help, Counter, |mut family| {
                    $(family.counter(&[(stringify!($label), $value)], self.$member.load(Relaxed) as u64)?;)+
                    Ok(())
                })?;)+
                Ok(())
            }
        }
    };
}

counts! {
    gauges {
        open "http_connections" "Open connections, without those being rejected",
        in_flight "http_requests_in_flight" "Requests being handled, without streams that have begun",
        waiting "http_requests_waiting" "Requests waiting for their body",
        streams "http_streams" "Open streams of events",
    }
    counters {
        accepted "http_connections_accepted" "Accepted connections",
        accept_failed "http_accept_failures" "Failures to accept a connection, usually because of a lack of file descriptors",
        shed "http_requests_shed" "Requests rejected with 503 because there were too many at once, watches included",
        too_large "http_requests_too_large" "Requests rejected with 413 because of the size of their body",
        timed_out "http_requests_timed_out" "Requests rejected with 408 because their body timed out",
        panicked "http_requests_panicked" "Requests that failed with 500 because a handler panicked",
    }
    "http_connections_refused" limit "Rejected connections, by the limit that they exceeded" {
        refused_total "total" "Connections beyond the total limit",
        refused_address "address" "Connections beyond the limit per address",
    }
    "http_connections_closed" reason "Connections closed by the server, by reason" {
        closed_handshake "handshake" "The TLS handshake failed",
        closed_slow "slow" "The head of a request timed out",
        closed_idle "idle" "There was no request for the idle timeout",
        closed_stalled "stalled" "The client did not read a response",
    }
}

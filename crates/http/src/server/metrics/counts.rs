//! Counts of connections and requests.

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::metrics::MetricType::Counter;

use super::collect::Writer;

/// Makes the struct of all counts, and what writes them: as gauges, counters, and counters with a label.
macro_rules! counts {
    (
        gauges { $($gauge:ident $gauge_name:literal $gauge_help:literal,)+ }
        counters { $($counter:ident $counter_name:literal $counter_help:literal,)+ }
        $($family:literal $label:ident $family_help:literal { $($member:ident $value:literal $member_help:literal,)+ })+
    ) => {
        /// Numbers that only the accept loop and its connections change.
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
        open "http_connections" "Connections that are open, without those being rejected",
        in_flight "http_requests_in_flight" "Requests that are handled, without streams that have begun",
        waiting "http_requests_waiting" "Requests waiting for their body",
        streams "http_streams" "Streams of events that are open",
    }
    counters {
        accepted "http_connections_accepted" "Connections that were accepted",
        accept_failed "http_accept_failures" "Times that no connection could be accepted, mostly for want of file descriptors",
        shed "http_requests_shed" "Requests answered 503 because there were too many at once, watches included",
        too_large "http_requests_too_large" "Requests answered 413 because of the length of their body",
        timed_out "http_requests_timed_out" "Requests answered 408 because their body was late",
        panicked "http_requests_panicked" "Requests answered 500 because the server panicked",
    }
    "http_connections_refused" limit "Connections that were rejected, by the limit that they exceeded" {
        refused_total "total" "Connections beyond the total limit",
        refused_address "address" "Connections beyond the limit of their address",
    }
    "http_connections_closed" reason "Connections that the server closed, by what their client did" {
        closed_handshake "handshake" "No TLS handshake was made",
        closed_slow "slow" "The head of a request took too long",
        closed_idle "idle" "There was no request for too long",
        closed_stalled "stalled" "An answer was not read",
    }
}

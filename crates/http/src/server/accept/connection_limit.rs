//! Connection limits, total and per client address.
//!
//! One HTTP/2 connection has many requests. So requests that may stay open for long, watches and requests that wait for
//! their bodies, have limits of the same kind.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::Mutex;

use crate::server::Limits;
use crate::server::metrics::Counts;

/// The unit that a limit per client address counts.
///
/// For IPv6 it is the /64 network, because a client with one address usually has the other 2^64 of its network too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    V4([u8; 4]),
    V6Network(u64),
}

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => Self::V6Network((v6.to_bits() >> 64) as u64),
        }
    }
}

/// Selects the count of the slots in use.
type Open = fn(&Counts) -> &AtomicUsize;

/// A limit of concurrent connections or requests, total and per client address.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    counts: Arc<Counts>,
    open: Open,
    max: usize,
    max_per_origin: usize,
    per_origin: Mutex<HashMap<Origin, usize>>,
}

/// The limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Total,
    Address,
}

/// A slot of a limit; released when it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    limit: Arc<ConnectionLimit>,
    /// Set only if there is a limit per address.
    origin: Option<Origin>,
}

impl ConnectionLimit {
    pub(super) fn new(counts: &Arc<Counts>, open: Open, limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            counts: Arc::clone(counts),
            open,
            max: limits.max_connections,
            max_per_origin: limits.max_connections_per_address,
            per_origin: Mutex::default(),
        })
    }

    /// Takes a slot, if one is free.
    pub(super) fn take(self: &Arc<Self>, peer: SocketAddr) -> Result<Slot, Full> {
        let mut slot = Slot { limit: Arc::clone(self), origin: None };
        if (self.open)(&self.counts).fetch_add(1, Relaxed) >= self.max {
            return Err(Full::Total);
        }
        if self.max_per_origin > 0 {
            let origin = Origin::from(peer.ip());
            let mut per_origin = self.per_origin.lock();
            let count = per_origin.entry(origin).or_default();
            if *count >= self.max_per_origin {
                drop(per_origin);
                return Err(Full::Address);
            }
            *count += 1;
            slot.origin = Some(origin);
        }
        Ok(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(origin) = self.origin
            && let Entry::Occupied(mut count) = self.limit.per_origin.lock().entry(origin)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        (self.limit.open)(&self.limit.counts).fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 1)
    }

    fn limit(max: usize, per_origin: usize) -> Arc<ConnectionLimit> {
        let limits = Limits {
            max_connections: max,
            max_connections_per_address: per_origin,
            ..Limits::default()
        };
        ConnectionLimit::new(&Arc::default(), |counts| &counts.open, &limits)
    }

    #[test]
    fn ipv6_network_counts_as_one_address() {
        let limit = limit(10, 1);
        let first = limit.take(address("2001:db8::1")).unwrap();
        assert_eq!(limit.take(address("2001:db8::ffff:2")).unwrap_err(), Full::Address);
        let _other = limit.take(address("2001:db8:0:1::1")).unwrap();
        let _v4 = limit.take(address("192.0.2.1")).unwrap();
        assert!(limit.take(address("::ffff:192.0.2.1")).is_err(), "an IPv4 address mapped to IPv6");
        drop(first);
        let _again = limit.take(address("2001:db8::ffff:2")).unwrap();
        assert_eq!(limit.counts.open.load(Relaxed), 3);
    }

    #[test]
    fn released_slots_leave_no_entries() {
        let limit = limit(2, 2);
        let slots = [limit.take(address("192.0.2.1")), limit.take(address("192.0.2.2"))];
        assert_eq!(limit.take(address("192.0.2.3")).unwrap_err(), Full::Total);
        drop(slots);
        assert!(limit.per_origin.lock().is_empty());
        assert_eq!(limit.counts.open.load(Relaxed), 0);
    }
}

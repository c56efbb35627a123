//! Who gets a connection: so many in total, so many from one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::Mutex;

use super::counts::Counts;

/// Where connections come from, as far as a limit cares.
///
/// Whoever has one IPv6 address has the other 2^64 of its network too.
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

/// The connections that are open, by where they come from.
#[derive(Debug)]
pub(super) struct Seats {
    counts: Arc<Counts>,
    max: usize,
    max_per_origin: usize,
    taken: Mutex<HashMap<Origin, usize>>,
}

/// A connection's right to be there, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    /// Only counted where there is a limit.
    origin: Option<Origin>,
}

impl Seats {
    pub(super) fn new(counts: Arc<Counts>, max: usize, max_per_origin: usize) -> Arc<Self> {
        Arc::new(Self { counts, max, max_per_origin, taken: Mutex::default() })
    }

    /// A seat for a connection, or `None`, and the refusal is counted. Only the accept loop asks.
    pub(super) fn take(self: &Arc<Self>, peer: SocketAddr) -> Option<Seat> {
        if self.counts.open.load(Relaxed) >= self.max {
            self.counts.refused_total.fetch_add(1, Relaxed);
            return None;
        }
        let origin = (self.max_per_origin > 0).then(|| Origin::from(peer.ip()));
        if let Some(origin) = origin {
            let mut taken = self.taken.lock();
            let count = taken.entry(origin).or_default();
            if *count >= self.max_per_origin {
                self.counts.refused_address.fetch_add(1, Relaxed);
                return None;
            }
            *count += 1;
        }
        self.counts.open.fetch_add(1, Relaxed);
        self.counts.accepted.fetch_add(1, Relaxed);
        Some(Seat { seats: Arc::clone(self), origin })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(origin) = self.origin
            && let Entry::Occupied(mut count) = self.seats.taken.lock().entry(origin)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        self.seats.counts.open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 1)
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let counts = Arc::new(Counts::default());
        let seats = Seats::new(Arc::clone(&counts), 10, 1);
        let first = seats.take(address("2001:db8::1")).unwrap();
        assert!(seats.take(address("2001:db8::ffff:2")).is_none());
        let _other = seats.take(address("2001:db8:0:1::1")).unwrap();
        let _v4 = seats.take(address("192.0.2.1")).unwrap();
        assert!(seats.take(address("::ffff:192.0.2.1")).is_none(), "the same, written as IPv6");
        drop(first);
        let _again = seats.take(address("2001:db8::ffff:2")).unwrap();
        assert_eq!(counts.refused_address.load(Relaxed), 2);
    }

    #[test]
    fn nothing_is_remembered_of_those_who_left() {
        let seats = Seats::new(Arc::default(), 2, 2);
        let taken = [seats.take(address("192.0.2.1")), seats.take(address("192.0.2.2"))];
        assert!(seats.take(address("192.0.2.3")).is_none());
        drop(taken);
        assert!(seats.taken.lock().is_empty());
        assert_eq!(seats.counts.open.load(Relaxed), 0);
    }
}

//! Who gets a connection: so many in total, so many from one address.
//!
//! Over HTTP/2 one connection has many requests. So those that may stay for long, watches and requests that wait for
//! their bodies, are counted the same way.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::Mutex;

use crate::http::Limits;
use crate::http::metrics::Counts;

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

/// Which of the counts is that of those who have a seat.
type Open = fn(&Counts) -> &AtomicUsize;

/// Who is there, by where they come from.
#[derive(Debug)]
pub(super) struct Seats {
    counts: Arc<Counts>,
    open: Open,
    max: usize,
    max_per_origin: usize,
    taken: Mutex<HashMap<Origin, usize>>,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Total,
    Address,
}

/// The right to be there, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    /// Only counted where there is a limit.
    origin: Option<Origin>,
}

impl Seats {
    pub(super) fn new(counts: &Arc<Counts>, open: Open, limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            counts: Arc::clone(counts),
            open,
            max: limits.max_connections,
            max_per_origin: limits.max_connections_per_address,
            taken: Mutex::default(),
        })
    }

    /// A seat, if there is one.
    pub(super) fn take(self: &Arc<Self>, peer: SocketAddr) -> Result<Seat, Full> {
        let mut seat = Seat { seats: Arc::clone(self), origin: None };
        if (self.open)(&self.counts).fetch_add(1, Relaxed) >= self.max {
            return Err(Full::Total);
        }
        if self.max_per_origin > 0 {
            let origin = Origin::from(peer.ip());
            let mut taken = self.taken.lock();
            let count = taken.entry(origin).or_default();
            if *count >= self.max_per_origin {
                drop(taken);
                return Err(Full::Address);
            }
            *count += 1;
            seat.origin = Some(origin);
        }
        Ok(seat)
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
        (self.seats.open)(&self.seats.counts).fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 1)
    }

    fn seats(max: usize, per_origin: usize) -> Arc<Seats> {
        let limits = Limits {
            max_connections: max,
            max_connections_per_address: per_origin,
            ..Limits::default()
        };
        Seats::new(&Arc::default(), |counts| &counts.open, &limits)
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let seats = seats(10, 1);
        let first = seats.take(address("2001:db8::1")).unwrap();
        assert_eq!(seats.take(address("2001:db8::ffff:2")).unwrap_err(), Full::Address);
        let _other = seats.take(address("2001:db8:0:1::1")).unwrap();
        let _v4 = seats.take(address("192.0.2.1")).unwrap();
        assert!(seats.take(address("::ffff:192.0.2.1")).is_err(), "the same, written as IPv6");
        drop(first);
        let _again = seats.take(address("2001:db8::ffff:2")).unwrap();
        assert_eq!(seats.counts.open.load(Relaxed), 3);
    }

    #[test]
    fn nothing_is_remembered_of_those_who_left() {
        let seats = seats(2, 2);
        let taken = [seats.take(address("192.0.2.1")), seats.take(address("192.0.2.2"))];
        assert_eq!(seats.take(address("192.0.2.3")).unwrap_err(), Full::Total);
        drop(taken);
        assert!(seats.taken.lock().is_empty());
        assert_eq!(seats.counts.open.load(Relaxed), 0);
    }
}

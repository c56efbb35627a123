//! Request ids: from the client, from a proxy, or from this server.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header with the id, of a request and of its response.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The maximum length of an id of a client.
const LONGEST: usize = 64;

/// Generates ids: `<8 hex digits of this server>-<number of the request, in hex>`.
#[derive(Debug)]
pub(super) struct Ids {
    server: u32,
    next: AtomicU64,
}

impl Ids {
    pub(super) fn new() -> Self {
        Self { server: RandomState::new().hash_one(()) as u32, next: AtomicU64::new(1) }
    }

    /// Returns the id in the headers of a request if it is safe for logs and headers, otherwise a new one.
    pub(super) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        match headers.get(&REQUEST_ID) {
            Some(id) if is_safe(id.as_bytes()) => id.clone(),
            _ => self.new_id(),
        }
    }

    fn new_id(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Relaxed);
        // The prefix, the dash and at most 16 digits, written from the last to the first.
        let mut text = [b'0'; 8 + 1 + 16];
        let mut at = text.len();
        let mut put = |byte: u8| {
            at -= 1;
            text[at] = byte;
        };
        let digit = |value: u64| b"0123456789abcdef"[(value & 15) as usize];
        let mut rest = number;
        while rest > 0 {
            put(digit(rest));
            rest >>= 4;
        }
        put(b'-');
        (0..8).for_each(|n| put(digit(u64::from(self.server) >> (4 * n))));
        HeaderValue::from_bytes(&text[at..]).unwrap_or(HeaderValue::from_static("none"))
    }
}

fn is_safe(id: &[u8]) -> bool {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(byte);
    (1..=LONGEST).contains(&id.len()) && id.iter().all(is_safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(ids: &Ids, id: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_bytes(id.as_bytes()).unwrap());
        ids.of(&headers).to_str().unwrap().to_owned()
    }

    #[test]
    fn safe_ids_of_clients_are_kept() {
        let ids = Ids::new();
        let longest = "x".repeat(64);
        for id in
            ["a", "0191e0c2-7f3a-7c7e-b1ff-e15f9d0a9f3e", "Root=1-67891233:ab_c/d+e@f.g", &longest]
        {
            assert_eq!(id_for(&ids, id), id);
        }
        for id in ["", "a b", "a\tb", "<script>", "{a}", "é", &"x".repeat(65)] {
            assert_ne!(id_for(&ids, id), id);
        }
    }

    #[test]
    fn new_ids_are_unique() {
        let ids = Ids { server: 0x00c0_ffee, next: AtomicU64::new(1) };
        let new = || id_for(&ids, "");
        assert_eq!([new(), new()], ["00c0ffee-1", "00c0ffee-2"]);
        ids.next.store(u64::MAX, Relaxed);
        assert_eq!(new(), "00c0ffee-ffffffffffffffff");
    }
}

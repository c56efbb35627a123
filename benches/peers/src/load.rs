//! The load: keys of 16 bytes, values of 100 bytes, and the order of keys.

use std::ops::Range;
use std::sync::Arc;

use mainspring::Value;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};

pub const KEYS: usize = 100_000;
pub const VALUE_BYTES: usize = 100;

/// The bytes of a key and its value.
pub const ENTRY_BYTES: usize = 16 + VALUE_BYTES;

/// An element: the types of text that a service would store.
pub trait Text:
    Clone + Send + Sync + AsRef<str> + for<'a> From<&'a str> + Into<Value<Self>> + 'static
{
    const NAME: &'static str;

    /// A value of 100 bytes.
    fn make() -> Self {
        const BYTES: [u8; VALUE_BYTES] = [b'v'; VALUE_BYTES];
        Self::from(std::str::from_utf8(&BYTES).expect("ASCII"))
    }

    fn bytes(&self) -> usize {
        self.as_ref().len()
    }
}

impl Text for String {
    const NAME: &'static str = "String";
}

impl Text for Arc<str> {
    const NAME: &'static str = "Arc<str>";
}

impl Text for Box<str> {
    const NAME: &'static str = "Box<str>";
}

/// The nth key, of 16 bytes.
pub fn key(n: usize) -> String {
    format!("key-{n:012}")
}

/// Keys and an infinite order of accesses, the same in each run.
#[derive(Debug)]
pub struct Load {
    pub keys: Vec<String>,
    draws: Vec<u32>,
    value: String,
}

impl Load {
    /// The default: a Zipf distribution.
    pub fn zipf(keys: usize) -> Arc<Self> {
        Self::zipf_of(0..keys)
    }

    /// The same order of other keys.
    pub fn zipf_of(range: Range<usize>) -> Arc<Self> {
        let keys = range.len();
        let mut random = StdRng::seed_from_u64(1);
        let mut scattered: Vec<u32> = (0..keys as u32).collect();
        scattered.shuffle(&mut random);
        let zipf = Zipf::new(keys as f64, 0.99).expect("a valid distribution");
        Self::new(range, VALUE_BYTES, || {
            scattered[(zipf.sample(&mut random) as usize - 1).min(keys - 1)]
        })
    }

    /// A uniform distribution, the worst case for caches.
    pub fn uniform(keys: usize) -> Arc<Self> {
        Self::uniform_with_values_of(keys, VALUE_BYTES)
    }

    pub fn uniform_with_values_of(keys: usize, bytes: usize) -> Arc<Self> {
        let mut random = StdRng::seed_from_u64(1);
        Self::new(0..keys, bytes, || random.random_range(0..keys as u32))
    }

    fn new(keys: Range<usize>, bytes: usize, mut draw: impl FnMut() -> u32) -> Arc<Self> {
        let draws = (0..(16 * keys.len()).min(1 << 20)).map(|_| draw()).collect();
        let keys = keys.map(key).collect();
        Arc::new(Self { keys, draws, value: "v".repeat(bytes) })
    }

    pub fn key(&self, n: usize) -> &str {
        &self.keys[self.draws[n % self.draws.len()] as usize]
    }

    pub fn value_bytes(&self) -> usize {
        self.value.len()
    }

    /// Create a new value, like a service would.
    pub fn value<T: Text>(&self) -> T {
        T::from(self.value.as_str())
    }
}

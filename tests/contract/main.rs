//! The contract suite over every store.

#[cfg(all(feature = "server", feature = "client"))]
mod server;

use mainspring_testing::contract;
use mainspring_testing::contract::{Filed, Journaled, Plain, Watched};

contract!(plain, Plain);
contract!(watched, Watched);
contract!(journaled, Journaled);
contract!(filed, Filed);

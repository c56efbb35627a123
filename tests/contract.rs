//! The contract suite over every store of this process.

use mainspring_testing::contract;
use mainspring_testing::contract::{Filed, Journaled, Plain, Watched};

contract!(plain, Plain);
contract!(watched, Watched);
contract!(journaled, Journaled);
contract!(filed, Filed);

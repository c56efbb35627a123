//! The contract suite over all stores in this process.

use mainspring_testing::contract;
use mainspring_testing::contract::{
    FileJournalStore, MemoryJournalStore, PlainStore, WatchedStore,
};

contract!(plain, PlainStore);
contract!(watched, WatchedStore);
contract!(memory_journal, MemoryJournalStore);
contract!(file_journal, FileJournalStore);

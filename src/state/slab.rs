//! The cells of a shard: places for entries, numbered, in chunks.
//!
//! Chunks are small, so that a slab holds hardly more than what is in it, and are allocated whole: a
//! last chunk that grew in steps left holes in the heap, and filling a store took 1.5 times as long.

use super::slot::Cell;
use super::table::MAX_CELLS;

/// Cells in a chunk: 4.6 kB.
const CHUNK: usize = 64;

const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Cell<T>>>,
    /// The first of the vacant cells, each of which knows the next.
    vacant: u32,
    occupied: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), vacant: NONE, occupied: 0 }
    }
}

impl<T> Slab<T> {
    /// How many cells there are, vacant ones included.
    pub(super) fn cells(&self) -> u32 {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len()) as u32
    }

    pub(super) fn occupied(&self) -> usize {
        self.occupied as usize
    }

    pub(super) fn get(&self, index: u32) -> Option<&Cell<T>> {
        self.chunks.get(index as usize / CHUNK)?.get(index as usize % CHUNK)
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Cell<T>> {
        self.chunks.get_mut(index as usize / CHUNK)?.get_mut(index as usize % CHUNK)
    }

    /// A place that is vacant, for the caller to fill.
    pub(super) fn allocate(&mut self) -> u32 {
        self.occupied += 1;
        let vacant = self.vacant;
        if let Some(cell) = self.get_mut(vacant) {
            self.vacant = cell.next_vacant();
            return vacant;
        }
        let index = self.cells();
        assert!(index < MAX_CELLS, "a store cannot hold more than some 4,000,000,000 entries");
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            // The first grows as it likes: there may not be much to come.
            let room = if self.chunks.is_empty() { 1 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(room));
        }
        if let Some(last) = self.chunks.last_mut() {
            last.push(Cell::vacant(NONE));
        }
        index
    }

    /// Give back a place whose cell was emptied.
    pub(super) fn release(&mut self, index: u32) {
        let next = self.vacant;
        if let Some(cell) = self.get_mut(index) {
            cell.set_next_vacant(next);
            self.vacant = index;
            self.occupied -= 1;
        }
    }

    /// Take some cells off the end of a slab that is not used any more, so that dropping a large one
    /// can be done in slices. Says whether anything is left.
    pub(super) fn drop_some(&mut self) -> bool {
        self.vacant = NONE;
        drop(self.chunks.pop());
        !self.chunks.is_empty()
    }
}

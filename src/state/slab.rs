//! Slabs: the cells of a shard, in chunks. A cell is addressed by its index and never moves.
//!
//! Chunks are small, so that a slab has little unused memory, and are allocated at full size: a
//! last chunk that grew in steps fragmented the heap, and filling a store took 1.5 times as long.

use super::slot::Cell;
use super::table::MAX_CELLS;

/// Cells in a chunk: 4.6 kB.
const CHUNK: usize = 64;

const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Cell<T>>>,
    /// The first of the vacant cells, which form a linked list.
    vacant: u32,
    occupied: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), vacant: NONE, occupied: 0 }
    }
}

impl<T> Slab<T> {
    /// The number of cells, including vacant ones.
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

    /// The index of a vacant cell, for the caller to fill.
    pub(super) fn allocate(&mut self) -> u32 {
        self.occupied += 1;
        let vacant = self.vacant;
        if let Some(cell) = self.get_mut(vacant) {
            self.vacant = cell.next_vacant();
            return vacant;
        }
        let index = self.cells();
        assert!(index < MAX_CELLS, "a store cannot have more than about 4,000,000,000 entries");
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            // The first chunk grows in steps: a small store may not need a full one.
            let room = if self.chunks.is_empty() { 1 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(room));
        }
        if let Some(last) = self.chunks.last_mut() {
            last.push(Cell::vacant(NONE));
        }
        index
    }

    /// Release the index of an emptied cell.
    pub(super) fn release(&mut self, index: u32) {
        let next = self.vacant;
        if let Some(cell) = self.get_mut(index) {
            cell.set_next_vacant(next);
            self.vacant = index;
            self.occupied -= 1;
        }
    }

    /// Drop some cells of a slab that is not used any more, so that a large one is dropped in slices. Returns whether
    /// there are more.
    pub(super) fn drop_some(&mut self) -> bool {
        self.vacant = NONE;
        drop(self.chunks.pop());
        !self.chunks.is_empty()
    }
}

//! An unordered list of tokens, in chunks.
//!
//! A `Vec` that doubles allocates up to twice its content, and moves a million tokens at once when it grows.
//! Here only the last chunk, of at most 256 tokens, grows.

/// Tokens in a chunk: a kilobyte. A sweep checks one chunk at a time, which takes about 10 us.
const CHUNK: usize = 256;

#[derive(Debug, Default)]
pub(super) struct TokenList(Vec<Vec<u32>>);

impl TokenList {
    pub(super) fn push(&mut self, token: u32) {
        match self.0.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(token),
            _ => self.0.push(vec![token]),
        }
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        let last = self.0.last_mut()?;
        let token = last.pop();
        if last.is_empty() {
            self.0.pop();
        }
        token
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn chunks(&self) -> usize {
        self.0.len()
    }

    /// Keep some tokens of one chunk. Returns how many were removed.
    pub(super) fn retain(&mut self, chunk: usize, keep: impl FnMut(u32) -> bool) -> usize {
        let Some(tokens) = self.0.get_mut(chunk) else { return 0 };
        let before = tokens.len();
        let mut keep = keep;
        tokens.retain(|token| keep(*token));
        let gone = before - tokens.len();
        if tokens.is_empty() {
            self.0.swap_remove(chunk);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_returns_its_tokens() {
        let mut list = TokenList::default();
        (0..1_000).for_each(|token| list.push(token));
        assert_eq!(list.chunks(), 4);
        assert_eq!(list.retain(1, |token| token % 2 == 0), CHUNK / 2);
        assert_eq!(list.retain(2, |_| false), CHUNK);
        assert_eq!((list.retain(9, |_| false), list.chunks()), (0, 3));
        let mut rest: Vec<u32> = std::iter::from_fn(|| list.pop()).collect();
        rest.sort_unstable();
        let left = (0..1_000).filter(|n| !(256..768).contains(n) || *n < 512 && n % 2 == 0);
        assert!(rest.into_iter().eq(left));
        assert!(list.is_empty());
    }
}

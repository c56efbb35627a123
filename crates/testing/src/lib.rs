//! What the tests of several packages need.

//! Ratios to the plain actor, held against those that were recorded.

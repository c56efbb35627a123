//! Connections: who gets one, and how they end.

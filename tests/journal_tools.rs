//! The tools for journals.

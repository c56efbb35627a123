//! Mainspring measured against what people would pick instead: ratios, each of them taken in one
//! interleaved run, because machines speed up and slow down and take both sides along.

pub mod check;
pub mod children;
pub mod drive;
pub mod instructions;
pub mod load;
pub mod measure;
pub mod peers;
pub mod plot;
pub mod report;
pub mod rows;
pub mod settings;

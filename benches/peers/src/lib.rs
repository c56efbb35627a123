//! Compares Mainspring with alternatives. Each ratio is measured in one interleaved run, because changes in the speed
//! of the machine then affect both sides.

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

//! The route of backups, which are written in the format of a journal in a directory.

mod route;
mod stream;
#[cfg(test)]
mod tests;

use super::table::table;

table! {
    schemas: ;
    tags: (name = "backup", description = "Everything in one file.");
    "/backup" => get: route::backup::<T>;
}

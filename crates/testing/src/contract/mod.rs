//! The contract suite: the behavior of all stores, with any journal and any backend.
//!
//! A [`Fixture`] starts the stores; [`contract!`](crate::contract!) turns each case into a test:
//!
//! ```
//! mainspring_testing::contract!(memory_journal, mainspring_testing::contract::MemoryJournalStore);
//! ```

// The names of the cases are their documentation.
#[doc(hidden)]
pub mod cases;
mod clock;
mod fixture;
mod store;

pub use self::fixture::{FileJournalStore, Fixture, MemoryJournalStore, PlainStore, WatchedStore};
pub use self::store::{Events, Scope, Start, TestStore};

/// A module with one test for each case of the contract suite, as `name::subject::case`, over the stores of a
/// [`Fixture`].
#[macro_export]
macro_rules! contract {
    (@tests $name:ident $fixture:ty; $($subject:ident { $($case:ident),+ $(,)? })+) => {
        mod $name {
            use super::*;
            $(mod $subject {
                use super::*;
                $(#[tokio::test(start_paused = true)]
                async fn $case() {
                    $crate::contract::cases::$subject::$case::<$fixture>().await;
                })+
            })+
        }
    };
    ($name:ident, $fixture:ty $(,)?) => {
        $crate::contract! { @tests $name $fixture;
            writes {
                set_creates_and_replaces,
                update_replaces_the_value,
                remove_deletes_the_key,
                equal_value_is_a_change,
                only_changes_increment_the_revision,
                expire_and_persist_change_the_deadline,
                keys_have_1_to_1024_bytes,
                modify_returns_the_new_entry,
                modify_retries_after_a_conflict,
                clear_takes_one_revision,
                compact_returns_the_revision_of_its_snapshot,
                writes_of_set_many_and_push_many_are_independent,
                absent_keys_read_as_none,
                pipelined_commands_keep_their_order,
            }
            conditions {
                every_write_under_every_condition,
                conditions_see_earlier_commands,
                overdue_key_is_absent_to_conditions,
            }
            lists {
                both_ends_push_and_pop,
                empty_list_is_kept,
                trim_keeps_one_end,
                trim_requires_a_list_and_keeps_its_deadline,
                list_that_was_set_accepts_pushes,
                ranges_count_from_both_ends,
                list_reads_of_an_item_fail,
                pushes_and_pops_keep_created_at,
            }
            expiry {
                key_is_absent_from_its_deadline_on,
                write_to_an_overdue_key_follows_its_expiry,
                expiry_remains_when_the_write_is_rejected,
                keys_expire_within_10_milliseconds,
                writes_keep_reset_or_remove_the_deadline,
                ttl_has_limits,
                default_ttl_applies_to_new_keys,
                batch_follows_due_expiries,
                clear_counts_live_keys_only,
                clear_counts_live_keys_only_among_many,
                deadlines_may_be_years_away,
                last_deadline_applies,
            }
            limits {
                max_entries_limits_new_keys,
                max_bytes_limits_the_total,
                max_entry_bytes_limits_each_entry,
                pops_free_bytes,
                trims_free_bytes,
                removed_entries_free_capacity,
                limits_are_checked_last,
                batch_counts_its_own_writes,
                entry_at_its_limit_can_be_changed,
                overdue_entries_free_capacity,
            }
            pages {
                pages_are_sorted_and_complete,
                page_limit_is_at_least_one,
                page_starts_after_any_key,
                page_omits_overdue_keys,
                page_reflects_every_change,
                scan_returns_keys_and_entries,
            }
            batches {
                batch_is_all_or_nothing,
                batch_error_names_the_first_failure,
                batch_sees_its_own_writes,
                batch_is_one_event,
                empty_batch_does_nothing,
                results_have_the_lengths_of_pushes_and_pops,
                failed_batch_does_not_affect_the_next_command,
                batch_is_not_interleaved_with_other_commands,
            }
            subscriptions {
                starts_from_now,
                starts_from_a_snapshot,
                starts_after_a_revision,
                starts_after_a_token,
                key_filter_selects_one_key,
                prefix_filter_selects_its_keys,
                invalid_positions_are_rejected,
                subscribe_before_the_history_returns_compacted,
                journal_is_read_before_the_history,
                lagging_subscriber_reads_the_journal,
                position_inside_a_journaled_batch_is_rejected,
                position_inside_a_batch_is_rejected,
                position_inside_a_batch_of_the_same_turn_is_rejected,
                change_describes_its_write,
                replay_reproduces_the_store,
                snapshot_has_no_token_before_its_end,
                clear_reaches_every_filter,
                filter_selects_changes_of_a_batch,
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// A case that the macro does not list would never run.
    #[test]
    fn all_cases_are_listed() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/contract");
        let listed = fs::read_to_string(directory.join("mod.rs")).unwrap();
        for file in fs::read_dir(directory.join("cases")).unwrap() {
            let source = fs::read_to_string(file.unwrap().path()).unwrap();
            for line in source.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
                let (case, _) = line.split_once('<').expect("generic over the fixture");
                assert!(listed.contains(&format!(" {case},\n")), "{case} is not listed");
            }
        }
    }
}

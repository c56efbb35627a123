//! The contract, once for every backend.
//!
//! A new backend implements [`api::Backend`] and gets a line in [`contract`].

mod api;
mod backends;
mod batches;
mod conditions;
mod expiry;
#[cfg(feature = "file")]
mod folder;
mod limits;
mod lists;
mod pace;
mod pages;
#[cfg(all(feature = "server", feature = "client"))]
mod server;
mod subscriptions;
mod writes;

macro_rules! contract {
    ($($subject:ident { $($test:ident),+ $(,)? })+) => {
        contract!(@backend plain Plain $($subject { $($test),+ })+);
        contract!(@backend watched Watched $($subject { $($test),+ })+);
        contract!(@backend journaled Journaled $($subject { $($test),+ })+);
        #[cfg(feature = "file")]
        contract!(@backend filed Filed $($subject { $($test),+ })+);
        #[cfg(all(feature = "server", feature = "client"))]
        contract!(@backend served Served $($subject { $($test),+ })+);
    };
    (@backend $name:ident $backend:ident $($subject:ident { $($test:ident),+ })+) => {
        mod $name {
            $(mod $subject {
                $(#[tokio::test(start_paused = true)]
                async fn $test() {
                    crate::$subject::$test::<crate::backends::$backend>().await;
                })+
            })+
        }
    };
}

contract! {
    writes {
        a_set_creates_and_replaces,
        an_update_replaces_what_is_there,
        a_remove_takes_a_key_away,
        an_equal_value_is_a_change,
        only_changes_take_revisions,
        deadlines_can_be_moved_and_removed,
        keys_have_1_to_1024_bytes,
        modify_answers_the_new_entry,
        modify_is_retried_until_it_fits,
        clear_takes_one_revision,
        compaction_answers_with_the_revision_of_its_snapshot,
        many_writes_are_independent,
        absent_keys_read_as_none,
        pipelined_commands_keep_their_order,
    }
    conditions {
        every_write_under_every_condition,
        a_condition_holds_in_the_order_of_the_commands,
        an_overdue_key_is_absent_to_conditions,
    }
    lists {
        both_ends_push_and_pop,
        an_empty_list_stays,
        trim_keeps_one_end,
        trim_needs_a_list_and_keeps_its_deadline,
        a_set_list_can_be_pushed_to,
        ranges_count_from_both_ends,
        items_are_no_lists,
        pushes_keep_created_at,
    }
    expiry {
        a_key_is_absent_from_its_deadline_on,
        a_write_to_an_overdue_key_follows_its_expiry,
        an_expiry_stands_though_the_write_is_refused,
        the_timer_is_prompt,
        deadlines_are_kept_reset_or_taken_away,
        times_to_live_have_limits,
        the_default_is_for_new_keys,
        a_batch_comes_after_what_is_overdue,
        a_clear_counts_live_keys_only,
        a_clear_counts_live_keys_only_among_many,
        years_are_no_problem,
        a_moved_deadline_counts,
    }
    limits {
        entries_are_limited,
        bytes_are_limited,
        entries_have_a_size,
        pops_free_bytes,
        trims_free_bytes,
        what_goes_makes_room,
        limits_come_last,
        a_batch_counts_its_own_parts,
        what_was_over_the_limit_may_shrink,
        what_is_overdue_takes_no_room,
    }
    pages {
        pages_are_sorted_and_whole,
        a_page_has_a_limit,
        a_page_starts_after_any_key,
        a_page_leaves_out_what_is_overdue,
        a_page_follows_every_change,
        entries_come_with_their_keys,
    }
    batches {
        a_batch_is_all_or_nothing,
        the_first_failure_is_named,
        a_batch_sees_its_own_writes,
        a_batch_travels_whole,
        an_empty_batch_does_nothing,
        lengths_are_those_of_pushes_and_pops,
        a_failed_batch_leaves_no_trace_for_the_next_command,
        nothing_comes_between,
    }
    subscriptions {
        from_now_on,
        from_a_snapshot,
        from_a_revision,
        from_a_token,
        of_one_key,
        of_a_prefix,
        places_that_are_refused,
        the_history_has_an_end,
        the_past_is_told_before_the_history,
        those_who_fall_behind_read_on_in_the_past,
        inside_a_batch_of_the_past_is_no_place,
        inside_a_batch_is_no_place,
        inside_a_batch_of_the_same_turn_is_no_place,
        every_change_says_what_happened,
        replaying_gives_the_store,
        a_snapshot_has_no_token_before_its_end,
        a_clear_reaches_everybody,
        a_batch_is_told_as_far_as_the_filter_goes,
    }
}

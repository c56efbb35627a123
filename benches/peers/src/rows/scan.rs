//! The cost of a page of 100 keys in a store of a million keys, and in a small one.

use mainspring::Store;

use super::large::{MILLION, fill};
use super::{Case, two_workers};
use crate::drive::{self, Work};
use crate::load::{Load, key};
use crate::measure::{Figures, Sample, interleave};
use crate::peers::store_with_all_features;
use crate::report::{Row, Unit};
use crate::settings::Settings;
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("scan", page)]
}

const PAGE: usize = 100;

/// Pages from random keys.
#[derive(Clone, Debug)]
struct Pages {
    store: Store<String>,
    load: Arc<Load>,
}

impl Work for Pages {
    async fn step(&self, n: usize) -> u64 {
        let after = self.load.key(n);
        let page =
            self.store.keys("key-").after(after).limit(PAGE).await.expect("the store is open");
        assert!(page.items.len() == PAGE || page.next.is_none());
        assert!(page.items.iter().all(|key| **key > *after));
        1
    }
}

/// The same pages with entries.
#[derive(Clone, Debug)]
struct Entries(Pages);

impl Work for Entries {
    async fn step(&self, n: usize) -> u64 {
        let Pages { store, load } = &self.0;
        let page =
            store.scan("key-").after(load.key(n)).limit(PAGE).await.expect("the store is open");
        assert!(page.items.len() == PAGE || page.next.is_none());
        1
    }
}

fn page(settings: &Settings) -> Row {
    two_workers().block_on(async {
        let pages = async |keys| {
            let (store, load) = (store_with_all_features(), Load::uniform(keys));
            fill(&store, 0..keys).await;
            // The first one builds the index.
            assert_eq!(store.keys("").await.expect("the store is open").items[0], key(0));
            Pages { store, load }
        };
        let (large, small) = (pages(MILLION).await, pages(10_000).await);
        let sides = [
            drive::side("a million", large.clone(), 1),
            drive::side("10,000", small, 1),
            drive::side("a million, with entries", Entries(large), 1),
        ];
        let measured = interleave(settings, &sides).await;
        let us = |side: usize| measured[side].median(Sample::cost) * 1e6;
        let figures = Figures::named("us per page")
            .with("among 10,000", us(1))
            .with("with the entries", us(2));
        Row::at_most(60.0, "scan of 100 keys among a million", us(0))
            .unit(Unit::Micros)
            .figures([figures])
    })
}

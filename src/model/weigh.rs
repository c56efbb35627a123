//! The weigher: how many bytes an element counts for.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::model::{Error, Refusal};

type Weigh<T> = dyn Fn(&T) -> usize + Send + Sync;

/// The weigher of a store: the one given to the builder, or the built-in one for the common string types.
pub(crate) struct Weigher<T> {
    weigh: Option<Arc<Weigh<T>>>,
}

impl<T: Any> Weigher<T> {
    /// The built-in weigher of `String`, `Vec<u8>`, `Box<str>` and `Arc<str>`: their length. Other types have
    /// none and count as their `size_of`.
    pub(crate) fn built_in() -> Self {
        fn weigh_as<T: Any, U: Any>(length: fn(&U) -> usize) -> Option<Arc<Weigh<T>>> {
            let same = std::any::TypeId::of::<T>() == std::any::TypeId::of::<U>();
            same.then(|| -> Arc<Weigh<T>> {
                Arc::new(move |element| (element as &dyn Any).downcast_ref::<U>().map_or(0, length))
            })
        }
        let weigh = weigh_as::<T, String>(String::len)
            .or_else(|| weigh_as::<T, Vec<u8>>(Vec::len))
            .or_else(|| weigh_as::<T, Box<str>>(|text| text.len()))
            .or_else(|| weigh_as::<T, Arc<str>>(|text| text.len()));
        Self { weigh }
    }
}

impl<T> Weigher<T> {
    pub(crate) fn custom(weigh: impl Fn(&T) -> usize + Send + Sync + 'static) -> Self {
        Self { weigh: Some(Arc::new(weigh)) }
    }

    /// Whether the weight depends on the element. A limit in bytes requires that.
    pub(crate) fn weighs_values(&self) -> bool {
        self.weigh.is_some()
    }

    /// The weight of all elements, in bytes. A panic in the weigher rejects the write.
    pub(crate) fn weigh(&self, elements: &[T]) -> Result<u64, Error> {
        let Some(weigh) = &self.weigh else {
            return Ok(size_of_val(elements) as u64);
        };
        let add = |total: u64, element| total.saturating_add(weigh(element) as u64);
        let total = || elements.iter().fold(0, add);
        catch_unwind(AssertUnwindSafe(total))
            .map_err(|_| Error::Refused(Refusal::new("the weigher panicked on this value")))
    }
}

impl<T> Clone for Weigher<T> {
    fn clone(&self) -> Self {
        Self { weigh: self.weigh.clone() }
    }
}

impl<T> fmt::Debug for Weigher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weigher").field("weighs_values", &self.weighs_values()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_weigher_uses_the_length_of_text_and_the_size_of_other_types() {
        assert_eq!(Weigher::<String>::built_in().weigh(&["ab".into(), "c".into()]), Ok(3));
        assert_eq!(Weigher::<Arc<str>>::built_in().weigh(&["abc".into()]), Ok(3));
        assert_eq!(Weigher::<f64>::built_in().weigh(&[1.0, 2.0]), Ok(16));
        assert!(!Weigher::<f64>::built_in().weighs_values());
    }

    #[test]
    fn panic_in_the_weigher_rejects_the_write() {
        let weigher = Weigher::<String>::custom(|_| panic!("no scales"));
        assert!(matches!(weigher.weigh(&["x".into()]), Err(Error::Refused(_))));
        assert_eq!(weigher.weigh(&[]), Ok(0));
    }
}

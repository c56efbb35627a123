//! Routes and their description from one list.

/// One list of what is served: it makes the router, and says what the description is made from.
macro_rules! table {
    (
        schemas: $($schema:ident),*;
        tags: $($tag:tt),+;
        $(
        $path:literal =>
            $($method:ident: $file:ident::$handler:ident$(::<$t:ident>)?),+
            $(; described elsewhere: $($also:ident: $its_file:ident::$other:ident$(::<$u:ident>)?),+)?;
    )+) => {
        pub(super) fn table<T: $crate::http::app::Element>() -> axum::Router<std::sync::Arc<$crate::http::app::App<T>>> {
            axum::Router::new()
                $(.route(
                    $path,
                    axum::routing::MethodRouter::new()
                        $(.$method($file::$handler$(::<$t>)?))+
                        $($(.$also($its_file::$other$(::<$u>)?))+)?,
                ))+
        }

        /// The description of the handlers, without what all have in common.
        #[derive(utoipa::OpenApi)]
        #[openapi(
            paths($($($file::$handler),+),+),
            components(schemas($($schema),*)),
            tags($($tag),+),
        )]
        pub(super) struct Described;

        /// Every path, with its methods.
        #[cfg(test)]
        pub(super) const TABLE: &[(&str, &[&str])] = &[$(($path, &[$(stringify!($method)),+ $($(, stringify!($also))+)?])),+];
    };
}
pub(super) use table;

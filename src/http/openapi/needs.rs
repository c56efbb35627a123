//! What every operation needs, stated in one place.
//!
//! A handler names the right in the extension `x-needs`; where everybody is asked who they are, this states it, with the
//! errors that come with it.

use serde_json::{Value, json};
use utoipa::Modify;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};

use super::errors::ERRORS;
use super::operations;

/// The name of the extension.
const NEEDS: &str = "x-needs";
const SCHEME: &str = "bearer";

/// States the rights.
pub(super) struct Needs {
    /// Whether everybody is asked who they are.
    pub(super) asks: bool,
}

impl Modify for Needs {
    fn modify(&self, openapi: &mut OpenApi) {
        for item in openapi.paths.paths.values_mut() {
            for (_, operation) in operations(item) {
                let extensions = operation.extensions.get_or_insert_default();
                let needs = extensions.remove(NEEDS);
                if self.asks {
                    state(operation, needs.as_ref().and_then(Value::as_str));
                }
            }
        }
        if self.asks {
            let about = "The access token of a login, or an API token.";
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about));
            let components = openapi.components.get_or_insert_default();
            components.add_security_scheme(SCHEME, SecurityScheme::Http(scheme.build()));
        }
    }
}

fn state(operation: &mut Operation, needs: Option<&str>) {
    let (right, codes): (_, &[&str]) = match needs {
        Some("account") => ("an account", &["unauthorized", "not_allowed"]),
        Some("read") => ("`reader`, of these keys", &["unauthorized", "not_allowed"]),
        Some("write") => ("`writer`, of these keys", &["unauthorized", "not_allowed"]),
        Some("read_all") => ("`reader`, of all keys", &["unauthorized", "not_allowed"]),
        Some("write_all") => ("`writer`, of all keys", &["unauthorized", "not_allowed"]),
        Some("admin") => ("`admin`", &["unauthorized", "not_allowed"]),
        _ => {
            operation.security = Some(Vec::new());
            return;
        }
    };
    operation.security = Some(vec![SecurityRequirement::new(SCHEME, [] as [&str; 0])]);
    let words = operation.description.take().unwrap_or_default();
    let words = format!("{words}\n\nNeeds {right}.");
    operation.description = Some(words.trim_start().to_owned());
    let extensions = operation.extensions.get_or_insert_default();
    let errors = extensions.entry(ERRORS.to_owned()).or_insert_with(|| json!([]));
    if let Some(errors) = errors.as_array_mut() {
        errors.extend(codes.iter().map(|code| json!(code)));
    }
}

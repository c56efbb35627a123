//! Requests with arbitrary content, none of which makes the server fail.

mod corpus;
mod fuzzed;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn almost_valid_bodies_do_not_fail_the_server(body in body()) {
        fuzzed::bodies(body.as_bytes());
    }

    #[test]
    fn ttls_are_accepted_or_rejected(text in "[0-9.+-]{0,6}(ns|us|µs|ms|s|m|h|d|none|)([0-9]{1,3}[smh])?|\\PC{0,20}") {
        fuzzed::ttls(text.as_bytes());
    }

    #[test]
    fn any_bytes_as_a_key_are_accepted_or_rejected(key in prop::collection::vec(any::<u8>(), 0..1100)) {
        fuzzed::keys(&key);
    }

    #[test]
    fn resume_positions_are_accepted_or_rejected(id in "[0-9a-f]{14,18}-[0-9]{0,21}|\\PC{0,40}") {
        fuzzed::resumes(id.as_bytes());
    }

    #[test]
    fn modified_tokens_are_denied(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        fuzzed::tokens(&bytes);
    }

    #[test]
    fn token_like_texts_are_denied(text in "(Bearer )?(mst_|msr_)?[a-zA-Z0-9._-]{0,40}[.][A-Za-z0-9_-]{0,43}([.][A-Za-z0-9_-]{0,43})?") {
        fuzzed::tokens(text.as_bytes());
    }
}

/// JSON with the members of the API, and values of all kinds.
fn body() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| n.to_string()),
        "\\PC{0,8}".prop_map(|text| format!("{text:?}")),
        Just(r#"["a", 1, {}]"#.to_owned()),
        Just("[[]]".to_owned()),
        Just(r#"{"a": {"b": []}}"#.to_owned()),
        Just("tru".to_owned()),
    ];
    const MEMBERS: [&str; 8] =
        ["command", "key", "value", "ttl", "if_absent", "if_present", "if_revision", "x"];
    const COMMANDS: [&str; 9] =
        ["set", "update", "remove", "push", "push_front", "pop", "pop_front", "expire", "persist"];
    let member = prop_oneof![
        4 => (prop::sample::select(&MEMBERS[..]), value)
            .prop_map(|(name, value)| format!("{name:?}:{value}")),
        3 => prop::sample::select(&COMMANDS[..]).prop_map(|name| format!("\"command\":{name:?}")),
        2 => Just("\"key\":\"k\"".to_owned()),
        1 => Just("\"ttl\":\"1h\"".to_owned()),
    ];
    let object =
        prop::collection::vec(member, 0..6).prop_map(|all| format!("{{{}}}", all.join(",")));
    (object.clone(), prop::collection::vec(object, 0..4), any::<u8>(), 0..3_u8).prop_map(
        |(one, many, route, form)| {
            let body = match form {
                0 => one,
                1 => format!("[{}]", many.join(",")),
                _ => one.chars().take(one.chars().count() / 2).collect(),
            };
            // The first byte selects the route.
            format!("{}{body}", char::from(b'a' + route % 26))
        },
    )
}

"""What OpenAPI cannot say, for schemathesis."""

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    """A write takes one condition, in its headers or in its body; a watch takes a key or a prefix."""
    headers = {name.lower() for name in (case.headers or {})}
    conditions = len(headers & {"if-match", "if-none-match"})
    body = case.body if isinstance(case.body, dict) else {}
    conditions += sum(body.get(name) not in (None, False) for name in ("if_absent", "if_present", "if_revision"))
    query = case.query or {}
    return conditions < 2 and not ("key" in query and "prefix" in query)

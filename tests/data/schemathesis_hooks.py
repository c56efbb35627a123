"""What OpenAPI cannot say, for schemathesis: what is right alone and not together is taken apart before it is sent."""

import schemathesis

CONDITIONS = ("if_absent", "if_present", "if_revision")


def one_condition(command, others=0):
    """A write takes one condition. One that is wrong by itself stays: it is to be refused."""
    for name in ("if_revision", "keep"):
        number = command.get(name)
        if isinstance(number, float) and number.is_integer():
            # An integer, says JSON Schema; JSON that programs write has no such integers.
            command[name] = int(number)
    given = {name: command.get(name) for name in CONDITIONS}
    given = {name: value for name, value in given.items() if value is not None and value is not False}
    are_right = all(
        type(value) is (int if name == "if_revision" else bool) for name, value in given.items()
    )
    if are_right:
        for name in list(given)[max(0, 1 - others):]:
            del command[name]


def has_wrong_key(command):
    key = command.get("key") if isinstance(command, dict) else None
    return isinstance(key, str) and not 1 <= len(key.encode(errors="replace")) <= 1024


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.method in ("GET", "HEAD"):
        # A watch is of a key, or of a prefix.
        if case.path == "/watch" and "key" in (case.query or {}):
            case.query.pop("prefix", None)
        return
    headers = case.headers or {}
    if "If-Match" in headers and headers.get("If-None-Match") == "*":
        del headers["If-None-Match"]
    if isinstance(case.body, dict):
        one_condition(case.body, others=len({"If-Match", "If-None-Match"} & set(headers)))
    if case.path == "/batch" and isinstance(case.body, list):
        for command in case.body:
            if isinstance(command, dict):
                one_condition(command)
        # An error in its place in the answer, and 200: what is independent is not refused as a whole.
        if any(has_wrong_key(command) for command in case.body):
            (case.query or {}).pop("independent", None)

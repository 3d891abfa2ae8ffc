"""Hooks of Schemathesis for the script `fuzz`.

- A token of the demo client named by RICOLLOCA_CLIENT, renewed before it expires; none where it is empty.
- Checks of our own, below.
"""

import os
import re
import time

import requests
import schemathesis

URL = os.environ["RICOLLOCA_URL"]
CLIENT = os.environ.get("RICOLLOCA_CLIENT")


if CLIENT:

    # Tokens live for 15 minutes; one is used for 5.
    @schemathesis.auth(refresh_interval=300)
    class DemoClient:
        def get(self, case, context):
            form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": "demo"}
            for _ in range(10):
                answer = requests.post(f"{URL}/oauth/token", data=form, timeout=10)
                if answer.status_code not in (429, 503):
                    break
                time.sleep(int(answer.headers.get("Retry-After", "1")))
            answer.raise_for_status()
            return answer.json()["access_token"]

        def set(self, case, data, context):
            case.headers = case.headers or {}
            case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.check
def malformed_only_where_the_schema_says_so(context, response, case):
    """A request that is valid by the document is not called malformed, except for what a schema cannot say: a cursor is opaque,
    a period must not end before it starts, an instant has to have come, `after` goes with `from`, and some vocabularies are too long to be
    listed."""
    if not (case.meta and case.meta.generation.mode.is_positive and response.status_code == 400):
        return
    # The coverage phase of Schemathesis 4.32 takes "aaa..." for valid where an optional header has a pattern.
    for header in case.operation.headers:
        pattern = header.definition.get("schema", {}).get("pattern")
        sent = (case.headers or {}).get(header.name)
        if pattern and sent is not None and not re.search(pattern, sent):
            return
    problem = response.json()
    together = [error for error in problem.get("errors", []) if (error["pointer"], error["code"]) != ("from", "required")]
    unsaid = {error["code"] for error in together} <= {"unknown_code", "ends_before_start", "in_the_future"} and problem.get("errors")
    # `error` is the form of RFC 6749 for the token endpoint.
    if "error" not in problem and problem["code"] != "invalid_cursor" and not unsaid:
        raise AssertionError(f"valid by the document, yet malformed: {problem}")


ALWAYS = {
    "x-correlation-id", "x-content-type-options", "ratelimit", "ratelimit-policy",
    "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
}  # fmt: skip
BY_STATUS = {401: "www-authenticate", 405: "allow", 429: "retry-after", 503: "retry-after"}


@schemathesis.check
def headers_of_every_answer(context, response, case):
    """What every answer carries, declared or not, and what goes with its status."""
    have = {name.lower() for name in response.headers}
    # What is no HTTP is refused by the HTTP library before the service sees it: an empty 400.
    if response.status_code == 400 and not response.content and "x-correlation-id" not in have:
        return
    missing = ALWAYS - have
    asked = BY_STATUS.get(response.status_code)
    if asked and asked not in have:
        missing.add(asked)
    if response.status_code == 415 and case.method.upper() == "PATCH" and "accept-patch" not in have:
        missing.add("accept-patch")
    if case.method.upper() == "GET" and len(have & {"cache-control", "expires"}) != 1:
        missing.add("exactly one of cache-control and expires")
    if missing:
        raise AssertionError(f"the answer of {response.status_code} lacks {sorted(missing)}")
    other = {name for name in have if name.startswith("x-")} - ALWAYS
    if other:
        raise AssertionError(f"other X- headers: {sorted(other)}")
    if response.status_code >= 400:
        problem = response.json()
        if problem.get("status") != response.status_code or problem.get("instance") != response.headers["x-correlation-id"][0]:
            raise AssertionError(f"the problem does not say what the answer is: {problem}, {response.headers}")

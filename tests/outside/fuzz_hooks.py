"""Hooks of Schemathesis for the script `fuzz`.

- A token of the demo client named by RICOLLOCA_CLIENT, renewed before it expires; none where it is empty.
- A check of our own, below.
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
    """A request that is valid by the document is not called malformed, except for a cursor, which is opaque."""
    if not (case.meta and case.meta.generation.mode.is_positive and response.status_code == 400):
        return
    # The coverage phase of Schemathesis 4.32 takes "aaa..." for valid where an optional header has a pattern.
    for header in case.operation.headers:
        pattern = header.definition.get("schema", {}).get("pattern")
        sent = (case.headers or {}).get(header.name)
        if pattern and sent is not None and not re.search(pattern, sent):
            return
    problem = response.json()
    # `error` is the form of RFC 6749 for the token endpoint.
    if "error" not in problem and problem["code"] != "invalid_cursor":
        raise AssertionError(f"valid by the document, yet malformed: {problem}")

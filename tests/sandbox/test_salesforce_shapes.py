"""Answers of the local org beside recorded answers of real ones: the same keys, types and lengths."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sandbox.inprocess import Caller

RECORDED = Path(__file__).resolve().parents[2] / "../shared/wire/recorded"
DATA = "/services/data/v59.0"


def recorded_describe(object: str) -> dict[str, Any]:
    file = RECORDED / "cumulusci" / f"GET_sobjects_{object}_describe.yaml"
    if not file.exists():
        pytest.skip("the recorded traffic is not beside the repository")
    text = file.read_text(encoding="utf-8")
    body = text[re.search(r"string: .*\n", text).end() :]  # type: ignore[union-attr]  # every recording has a body
    found: dict[str, Any] = json.loads(" ".join(line.strip() for line in body.splitlines()))
    return found


# where this org differs from the recorded ones on purpose
KNOWN = {
    ("Lead", "IsConverted", "createable"),  # REST refuses it
    ("Contact", "EmailBouncedReason", "createable"),
    ("Contact", "EmailBouncedDate", "createable"),
    ("Account", "Industry", "length"),  # 40 in the recorded org, 255 in newer ones
}
COMPARED = (
    "type", "length", "createable", "updateable", "idLookup", "nillable", "filterable", "sortable", "referenceTo", "relationshipName",
    "defaultedOnCreate", "unique", "externalId", "restrictedPicklist", "nameField",
)  # fmt: skip


@pytest.mark.parametrize("object", ["Lead", "Contact", "Account"])
def test_describe_is_shaped_like_a_real_one(salesforce: Caller, object: str) -> None:
    real = recorded_describe(object)
    ours = salesforce.ok("GET", f"{DATA}/sobjects/{object}/describe")
    assert set(real) - set(ours) == set()
    fields = {field["name"]: field for field in real["fields"]}
    ours_there = [field for field in ours["fields"] if field["name"] in fields]
    differences = {(object, field["name"], key) for field in ours_there for key in COMPARED if field[key] != fields[field["name"]][key]}
    assert differences <= KNOWN
    assert all(set(fields[field["name"]]) <= set(field) for field in ours_there)


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("sobject__query_error_response.json", "query?q=SELECT+nope+FROM+Lead"),
        ("expired_session_response.json", "limits"),
    ],
)
def test_errors_are_lists_with_message_and_code(salesforce: Caller, file: str, path: str) -> None:
    recorded = RECORDED / "restforce" / file
    if not recorded.exists():
        pytest.skip("the recorded traffic is not beside the repository")
    real = json.loads(recorded.read_text(encoding="utf-8"))
    entry = real[0] if isinstance(real, list) else real
    token = {"authorization": "Bearer old"} if "expired" in file else {}
    answer = salesforce("GET", f"{DATA}/{path}", **token)[1][0]
    assert set(entry) <= set(answer)
    assert entry["errorCode"] == answer["errorCode"]

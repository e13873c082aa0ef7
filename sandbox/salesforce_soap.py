"""The few SOAP calls that have no twin in REST: login, merge, convertLead, undelete, emptyRecycleBin."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, unescape

from sandbox.salesforce_account import PASSWORD, USERNAME
from sandbox.salesforce_answers import Fault
from sandbox.salesforce_deeds import convert, merge
from sandbox.salesforce_objects import Table, require
from sandbox.wire import Reply, Request, route

if TYPE_CHECKING:
    from sandbox.salesforce import Salesforce

ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns="urn:partner.soap.sforce.com" xmlns:sf="urn:fault.partner.soap.sforce.com">'
    "<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)
NO_LOGIN_FROM = 65


@route("POST", "/services/Soap/u/{version}")
@route("POST", "/services/Soap/u/{version}/{org}")
def soap(app: Salesforce, request: Request, version: str, **_org: str) -> Reply:
    text = request.body.decode("utf-8", "replace")
    called = re.search(r"<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)", text)
    name = called[1] if called is not None else ""
    if name == "login":
        return _login(app, request, text, float(version))
    if not app.knows(_one(text, "sessionId")):
        return _fault("INVALID_SESSION_ID", "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader")
    call = CALLS.get(name)
    if call is None:
        return _fault("UNKNOWN_EXCEPTION", f"no operation {name}")
    return _xml(f"<{name}Response>{call(app, text)}</{name}Response>")


def _login(app: Salesforce, request: Request, text: str, version: float) -> Reply:
    if version >= NO_LOGIN_FROM:
        return _fault("UNKNOWN_EXCEPTION", "UNKNOWN_EXCEPTION: login is not available in this version")
    if _one(text, "username") != USERNAME or not _one(text, "password").startswith(PASSWORD):
        return _fault("INVALID_LOGIN", "INVALID_LOGIN: Invalid username, password, security token; or user locked out.")
    url = f"{request.origin}/services/Soap/u/{version}/{app.org_id[:15]}"
    result = (
        f"<passwordExpired>{str(app.settings['password_expired']).lower()}</passwordExpired><serverUrl>{escape(url)}</serverUrl>"
        f"<sessionId>{app.open_session('soap')}</sessionId><userId>{app.user_id}</userId>"
        f"<userInfo><organizationId>{app.org_id}</organizationId><userName>{USERNAME}</userName></userInfo>"
    )
    return _xml(f"<loginResponse><result>{result}</result></loginResponse>")


def _merge(app: Salesforce, text: str) -> str:
    answers = []
    for part in re.findall(r"<(?:\w+:)?request\b[^>]*>(.*?)</(?:\w+:)?request>", text, re.DOTALL):
        master_id = _one(part.split("recordToMergeIds")[0], "Id")
        losers = _all(part, "recordToMergeIds")

        def work(master_id: str = master_id, losers: list[str] = losers) -> str:
            table = _table(app, master_id)
            merge(table, require(table, master_id), [require(table, id) for id in losers])
            merged = "".join(f"<mergedRecordIds>{id}</mergedRecordIds>" for id in losers)
            return f"<id>{master_id}</id>{merged}"

        answers.append(_result(work))
    return "".join(answers)


def _convert(app: Salesforce, text: str) -> str:
    answers = []
    for part in re.findall(r"<(?:\w+:)?leadConverts\b[^>]*>(.*?)</(?:\w+:)?leadConverts>", text, re.DOTALL):

        def work(part: str = part) -> str:
            lead_id = _one(part, "leadId")
            done = convert(app, require(app.tables["Lead"], lead_id), _one(part, "contactId") or None)
            return f"<leadId>{lead_id}</leadId><contactId>{done['contact']}</contactId><accountId>{done['account']}</accountId>"

        answers.append(_result(work))
    return "".join(answers)


def _undelete(app: Salesforce, text: str) -> str:
    return "".join(_result(partial(_restored, app, id)) for id in _all(text, "ids"))


def _restored(app: Salesforce, id: str) -> str:
    table = _table(app, id)
    row = table.find(id)
    if row is None or row.deleted_at is None:
        raise Fault("UNDELETE_FAILED", "Entity is not in the recycle bin")
    table.restore(row)
    return f"<id>{row.id}</id>"


def _empty(app: Salesforce, text: str) -> str:
    """The rows stay reachable by queryAll for about another day."""
    return "".join(_result(partial(_emptied, app, id)) for id in _all(text, "ids")[:200])


def _emptied(app: Salesforce, id: str) -> str:
    table = _table(app, id)
    row = table.find(id)
    if row is None or row.deleted_at is None:
        raise Fault("INVALID_ID_FIELD", "Entity is not in the recycle bin")
    table.empty_bin(row)
    return f"<id>{row.id}</id>"


CALLS: dict[str, Callable[[Salesforce, str], str]] = {
    "merge": _merge, "convertLead": _convert, "undelete": _undelete, "emptyRecycleBin": _empty,
}  # fmt: skip


def _result(work: Callable[[], str]) -> str:
    try:
        inner = work()
    except Fault as fault:
        errors = f"<errors><message>{escape(fault.message)}</message><statusCode>{fault.code}</statusCode></errors>"
        return f"<result>{errors}<success>false</success></result>"
    return f"<result>{inner}<success>true</success></result>"


def _table(app: Salesforce, id: str) -> Table:
    table = app.table_of(id)
    if table is None:
        raise Fault("MALFORMED_ID", f"malformed id {id}")
    return table


def _all(text: str, name: str) -> list[str]:
    found = re.findall(rf"<(?:\w+:)?{name}\b[^>]*>(.*?)</(?:\w+:)?{name}>", text, re.DOTALL)
    return [unescape(one.strip()) for one in found]


def _one(text: str, name: str) -> str:
    found = _all(text, name)
    return found[0] if found else ""


def _xml(body: str, status: int = 200) -> Reply:
    return Reply(status, ENVELOPE.format(body=body), {"Content-Type": "text/xml;charset=UTF-8"})


def _fault(code: str, message: str) -> Reply:
    body = f"<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{escape(message)}</faultstring><detail>"
    inner = f"<sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{escape(message)}</sf:exceptionMessage>"
    return _xml(f"{body}<sf:UnexpectedErrorFault>{inner}</sf:UnexpectedErrorFault></detail></soapenv:Fault>", 500)

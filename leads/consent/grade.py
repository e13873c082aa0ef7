"""How well a grant is proved: computed from what there is, never typed in.

E3: request, confirmation mail and confirmation, each with date and time, and the text. E2: an act of the person with time, form and text.
E1: only a time or a source. E0: nothing usable, a bought list, or a box that was ticked beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

from leads import normal
from leads.consent.event import UNKNOWN, Event, Provenance
from leads.consent.times import has_time, instant

SPOKEN: Final = ("phone", "sms", "whatsapp")  # a mail proves nothing for them (BGH I ZR 164/09); a code sent to the number does
RECORDED: Final = ("signed_paper", "recorded_call", "email_reply")  # who hands over a business card has agreed to nothing
CONFIRMING: Final = ("post", "click", "reply", "otp")


class Grade(IntEnum):
    E0 = 0
    E1 = 1
    E2 = 2
    E3 = 3


def grade(event: Event, channel: str, ttl: float | None) -> Grade:
    """The grade of a grant for `channel`. `ttl` is how many seconds a confirmation may take (None: any time)."""
    best = _grade(event, ttl)
    if channel in SPOKEN and _part(event.evidence, "confirm").get("method") != "otp":
        return min(best, Grade.E2)
    return best


def _grade(event: Event, ttl: float | None) -> Grade:
    evidence, notice = event.evidence, event.notice
    if event.provenance is Provenance.PURCHASED or notice.get("preticked") is True:
        return Grade.E0
    if notice.get("conditional") is True:
        return Grade.E1
    if _is_documented(event):
        return Grade.E3 if _is_confirmed(event, ttl) else Grade.E2
    return Grade.E1 if _has_moment(event) or event.source or _is_source(evidence, notice) else Grade.E0


def _is_documented(event: Event) -> bool:
    """An act of the person with date and time, where it was done, and the text that was agreed to."""
    record = _part(event.evidence, "record")
    if record.get("kind") in RECORDED and record.get("file_sha256") is not None:
        return event.occurred.lo != UNKNOWN
    request = _part(event.evidence, "request")
    acted = has_time(request.get("at")) or (event.provenance is Provenance.SUBJECT and event.occurred.lo != UNKNOWN)
    return acted and _form(event.evidence, event.notice) is not None and _text(event.notice) is not None


def _is_confirmed(event: Event, ttl: float | None) -> bool:
    evidence = event.evidence
    at = [_part(evidence, name).get(key) for name, key in (("request", "at"), ("mail", "sent_at"), ("confirm", "at"))]
    if not all(has_time(one) for one in at) or not confirms(evidence) or not _went_to(event):
        return False
    took = instant(str(at[2])) - instant(str(at[0]))
    return took >= 0 and (ttl is None or took <= ttl)


def _went_to(event: Event) -> bool:
    """Whether the mail (or the code) went to the very address that is granted; where that is not said, it did."""
    to = _part(event.evidence, "mail").get("to")
    if not isinstance(to, str):
        return True
    if event.identifier.startswith("phone:"):
        number = normal.phone(to)
        return not isinstance(number, normal.Refused) and event.identifier == f"phone:{number.e164}"
    mail = normal.email(to)
    return not isinstance(mail, normal.Refused) and event.identifier == f"email:{mail.norm}"


def confirms(evidence: Mapping[str, Any]) -> bool:
    """Whether a confirmation is an act of the person; a page that a scanner merely opened is none."""
    return _part(evidence, "confirm").get("method", "post") in CONFIRMING


def _has_moment(event: Event) -> bool:
    stamps = [_part(event.evidence, name).get(key) for name, key in (("request", "at"), ("confirm", "at"), ("double", "captured_at"))]
    return event.occurred.lo != UNKNOWN or any(stamp is not None for stamp in stamps)


def _is_source(evidence: Mapping[str, Any], notice: Mapping[str, Any]) -> bool:
    return _form(evidence, notice) is not None or _part(evidence, "request").get("page_url") is not None


def _form(evidence: Mapping[str, Any], notice: Mapping[str, Any]) -> Any:
    request = _part(evidence, "request")
    return next((one for one in (notice.get("form_id"), request.get("form_id"), request.get("page_url")) if one is not None), None)


def _text(notice: Mapping[str, Any]) -> Any:
    return next((notice[name] for name in ("text_sha256", "form_version", "text_ref") if notice.get(name) is not None), None)


def _part(evidence: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = evidence.get(name)
    return part if isinstance(part, Mapping) else {}

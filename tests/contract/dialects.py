"""What differs between the CRMs, as data: the names and values by which the one contract suite speaks to each of them.

The suite speaks of `given`, `family`, `email`, `grade` (a short text), `notes` (a long one), `score` (a whole number), `stage` (one of a
list) and `flag` (yes or no).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import Any

from connectors.base import Capabilities, Json, Record

Row = Mapping[str, Any]
KINDS: Mapping[str, str] = MappingProxyType({"score": "number", "stage": "choice", "flag": "flag", "email": "address"})


@dataclass(frozen=True, slots=True)
class Narrow:
    """A consent to less than all marketing: the connector's field, what says no in it, what says yes, and the person's own acts."""

    name: str
    no: Json
    yes: Json
    leaves: Mapping[str, Any]
    permits: Callable[[Row], bool]
    has_more: Mapping[str, Any] | None = None  # what it takes first for the wide one to stay as it was
    batches: Mapping[str, Any] | None = None  # switches with which the vendor takes many in one call; None: it never does


@dataclass(frozen=True, slots=True)
class Dialect:
    """One object of one CRM. `names` are those a person of that CRM uses; the connector's are looked up in its own description."""

    crm: str
    object: str
    names: Mapping[str, str]
    number: Callable[[int], Json]
    flags: tuple[Json, Json]
    shown: Callable[[Row, str], Json]  # a field (by the connector's name) in the CRM's own JSON
    alive: Callable[[Row], bool]
    mailable: Callable[[Row], bool]
    rows_of: str  # the member of a list's answer that holds the rows
    id_of: str = "id"
    address: Callable[[str], Json] = str
    beside: Mapping[str, str] = field(default_factory=dict)  # what a record cannot do without
    clicks_unsubscribe: Mapping[str, Any] = field(default_factory=lambda: {"opt_out": True})
    absent_id: str = "999999999"
    narrow: Narrow | None = None
    permissive: Mapping[str, Json] = field(default_factory=dict)  # the CRM's own words of consent, each with what permits in it
    wide_refused_at: str = ""  # where a wide opt-out is a request of its own
    secrets: tuple[str, ...] = ("token",)
    renewed_by: tuple[str, ...] = ()  # credentials with which the connector fetches tokens by itself
    read_only: str | None = None
    options_have_ids: bool = False
    search_page: int | None = None  # where changes are not read at the declared page size
    window: int | None = None  # the number of results after which the vendor's search ends
    converts_to: str | None = None
    token_pages: bool = False  # a walk follows the vendor's own token, so that an empty page is not its end
    batches_fail_by_row: bool = False
    paced: bool = True
    drowsy: Mapping[str, Any] = field(default_factory=dict)  # switches with which the search index lags
    quirks: tuple[Mapping[str, Any], ...] = ()  # unconfirmed behaviour of the vendor: the other settings
    sweep: Callable[[Any, str, Sequence[str]], Iterable[Record]] | None = None
    limits_texts: bool = True
    seeded: bool = True  # whether seed rows become records of this object
    keeps_history: Mapping[str, Any] = field(default_factory=dict)  # switches with which the history of a name is kept
    hides: str = "hide"  # the act that takes a record out of sight without deleting it

    @property
    def capabilities(self) -> Capabilities:
        declared: Capabilities = import_module(f"connectors.{self.crm}").CAPABILITIES
        return declared

    def in_human_terms(self, logical: str, value: Any) -> Json:
        """What a person enters."""
        if value is None:
            return None
        match KINDS.get(logical):
            case "number":
                return self.number(value)
            case "flag":
                return self.flags[value]
            case "address":
                return self.address(value)
        return str(value)


def _hubspot_shown(row: Row, name: str) -> Json:
    if name == "opt_out:email":
        return bool(row["properties"]["hs_email_optout"] == "true")
    value: Json = row["properties"].get(name)
    return value


def _salesforce_shown(row: Row, name: str) -> Json:
    value: Json = row.get({"opt_out:email": "HasOptedOutOfEmail", "opt_out:phone": "DoNotCall"}.get(name, name))
    return value


def _pipedrive_shown(row: Row, name: str) -> Json:
    if name == "opt_out:email":
        return bool(row["marketing_status"] == "unsubscribed")
    value = row["custom_fields"].get(name) if len(name) == 40 else row.get(name)
    return None if value == [] else value


def _activecampaign_shown(row: Row, name: str) -> Json:
    if name == "opt_out:email":
        return "2" in [str(one["status"]) for one in row["contactLists"]]
    if name in row:
        return row[name] or None
    return next((one["value"] or None for one in row["fieldValues"] if one["perstag"] == name), None)


def _swept_by_walk(connector: Any, object: str, _known: Sequence[str]) -> Iterable[Record]:
    return [record for page in connector.ended(object) for record in page.records]


def _swept_by_id(connector: Any, object: str, known: Sequence[str]) -> Iterable[Record]:
    return list(connector.ended(object, known))


OURS = {"grade": "leadloom_grade", "notes": "leadloom_other_emails", "score": "leadloom_score", "stage": "leadloom_stage"}


def _salesforce(object: str, beside: Mapping[str, str], **more: Any) -> Dialect:
    return Dialect(
        crm="salesforce",
        keeps_history={"tracked_fields": [f"{object}.FirstName"]},
        object=object,
        names={
            "given": "FirstName",
            "family": "LastName",
            "email": "Email",
            "owner": "OwnerId",
            "flag": "DoNotCall",
            **{logical: "_".join(part.capitalize() for part in name.split("_")) + "__c" for logical, name in OURS.items()},
        },
        number=int,
        flags=(False, True),
        shown=_salesforce_shown,
        alive=lambda row: not row["IsDeleted"],
        mailable=lambda row: row["HasOptedOutOfEmail"] is not True,
        rows_of="records",
        id_of="Id",
        beside=beside,
        clicks_unsubscribe={"fields": {"HasOptedOutOfEmail": True}},
        narrow=Narrow(
            name="HasOptedOutOfFax",
            no=True,
            yes=False,
            leaves={"do": "edit", "fields": {"HasOptedOutOfFax": True}},
            permits=lambda row: row["HasOptedOutOfFax"] is not True,
            batches={},
        ),
        permissive={"HasOptedOutOfEmail": False, "HasOptedOutOfFax": False, "DoNotCall": False, "opt_out:phone": False},
        absent_id=more.pop("absent_id"),
        renewed_by=("client_id", "client_secret"),
        read_only="CreatedDate",
        token_pages=True,
        batches_fail_by_row=True,
        paced=False,
        quirks=(
            {"repeated_keys": "accepted"},
            {"duplicate_rule": "alert"},
            {"duplicate_rule": "alert", "duplicate_result_key": "duplicateResult"},
            {"edit_converted_leads": True},
            {"refresh_rotation": True},
            {"unsupported_version_status": 410},
            {"privacy_objects": True},
        ),
        **more,
    )


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "hubspot": Dialect(
            crm="hubspot",
            object="contacts",
            names={
                "given": "firstname",
                "family": "lastname",
                "email": "email",
                "owner": "hubspot_owner_id",
                "flag": "leadloom_do_not_call",
                **OURS,
            },
            number=str,
            flags=("false", "true"),
            shown=_hubspot_shown,
            alive=lambda row: not row["archived"],
            mailable=lambda row: row["properties"]["hs_email_optout"] != "true",
            narrow=Narrow(
                name="hs_email_optout_1001",
                no="true",
                yes="false",
                leaves={"do": "unsubscribe", "subscription": 1001},
                permits=lambda row: row["properties"].get("hs_email_optout_1001") != "true",
                batches={"enterprise": True},
            ),
            permissive={"hs_email_optout": "false", "hs_email_optout_1001": "false", "hs_legal_basis": "Freely given consent from contact"},
            wide_refused_at="/communication-preferences/v4/statuses/*/unsubscribe-all",
            rows_of="results",
            renewed_by=("client_id", "client_secret", "refresh_token"),
            read_only="hs_email_optout",
            search_page=200,
            window=10_000,
            token_pages=True,
            batches_fail_by_row=True,
            drowsy={"search_lag_s": 30},
            quirks=(
                {"merged_ghosts": True},
                {"batch_order": "inputs"},
                {"unique_conflict_status": 409},
                {"patch_follows_merges": False},
                {"merge_fills_blanks": False},
                {"null_clears": False},
                {"iso_in_search": False},
                {"list_limit_over": "clamped"},
                {"search_page_over_ceiling": "short"},
                {"lifecycle_backwards": "refused"},
                {"lifecycle_backwards": "accepted"},
                {"upsert_by_email": "refused"},
                {"dated_empty": "null"},
                {"query_parameters_for_tokens": "accepted"},
                {"rate_limit_category": True},
                {"retry_after": "seconds"},
                {"retry_after": "ms"},
                {"resubscribe_after_own_opt_out": "accepted"},
                {"enterprise": True},
                {"malformed_token_530": True},
            ),
            sweep=_swept_by_walk,
            hides="purge",
        ),
        "salesforce": _salesforce("Lead", {"Company": "Firma"}, converts_to="Contact", absent_id="00Q5g0000009999ZZZ"[:15]),
        "salesforce_contact": _salesforce("Contact", {}, seeded=False, absent_id="0035g0000009999ZZZ"[:15]),
        "pipedrive": Dialect(
            crm="pipedrive",
            object="persons",
            names={
                "given": "first_name",
                "family": "last_name",
                "email": "emails",
                "owner": "owner_id",
                "flag": "leadloom_do_not_call",
                **OURS,
                "notes": "leadloom_industry",
            },
            number=int,
            flags=("no", "yes"),
            shown=_pipedrive_shown,
            alive=lambda row: not row["is_deleted"],
            mailable=lambda row: row["marketing_status"] != "unsubscribed",
            rows_of="data",
            address=lambda value: [{"value": value, "primary": True, "label": "work"}],
            permissive={"marketing_status": "subscribed"},
            read_only="marketing_status",
            options_have_ids=True,
            token_pages=True,
            drowsy={"search_lag_s": 30},
            quirks=(
                {"get_deleted": "is_deleted"},
                {"touch_without_change": True},
                {"near_hits": True},
                {"unstable_search": False},
                {"token_in_query": True},
                {"retired_v1": "410"},
                {"bulk_delete": 404},
                {"put_on_v2": 405},
                {"recents_show_deleted": False},
                {"cursor_life_s": 1},
                {"busy_body": "message"},
                {"busy_body": "empty"},
                {"busy_body": "html"},
                {"daily_headers": False},
                {"retry_after": 1},
                {"daily_retry_after": 1},
                {"new_enum_values": True},
                {"contact_sync": True},
            ),
            sweep=_swept_by_id,
        ),
        "activecampaign": Dialect(
            crm="activecampaign",
            object="contacts",
            names={
                "given": "firstName",
                "family": "lastName",
                "email": "email",
                "flag": "LEADLOOM_DO_NOT_CALL",
                **{logical: name.upper() for logical, name in OURS.items()},
            },
            number=str,
            flags=("no", "yes"),
            shown=_activecampaign_shown,
            alive=lambda row: str(row["deleted"]) == "0",
            mailable=lambda row: any(str(one["status"]) in ("0", "1") for one in row["contactLists"]),
            narrow=Narrow(
                name="list:1",
                no="2",
                yes="1",
                leaves={"do": "unsubscribe", "list": 1},
                permits=lambda row: any(str(one["list"]) == "1" and str(one["status"]) in ("0", "1") for one in row["contactLists"]),
                has_more={"do": "resubscribe", "list": 2},
            ),
            permissive={"list:1": "1", "sms_consent": "1"},
            wide_refused_at="/api/3/contactLists",
            rows_of="contacts",
            limits_texts=False,
            quirks=(
                {"side_loads": False},
                {"naive_zone": "utc"},
                {"null_udate": True},
                {"touch_without_change": False},
                {"email_case_sensitive": True},
                {"list_change_bumps": False},
                {"engagement_bumps": True},
                {"sync_status": "always_201"},
                {"import_success": "success"},
            ),
            sweep=_swept_by_id,
        ),
    }
)

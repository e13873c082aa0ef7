"""One whole lead, written into every CRM and read back."""

from __future__ import annotations

from leads.model import FIELDS, Lead
from leads.normal import item_email, item_phone
from mappings.apply import Dialect
from mappings.schema import ASKED_FOR
from mappings.sets import project, shown
from mappings.values import Held, Json

LEAD: Lead = {
    "first_name": "Zoë",
    "last_name": "Müller-Lüdenscheidt",
    "salutation": "Frau",
    "emails": (item_email("zoe@firma.de"), item_email("z.mueller@firma.at")),
    "phones": (item_phone("030 1234567", "DE", "work"), item_phone("0170 1234567", "DE", "mobile"), item_phone("030 1234568", "DE", "fax")),
    "job_title": "Geschäftsführerin",
    "company.name": "Firma GmbH & Co. KG",
    "company.website": "https://firma.de",
    "company.industry": "Banking",
    "company.employees": 1200,
    "address.street": "Hauptstraße 1\nHinterhaus",
    "address.postal_code": "01067",
    "address.city": "Dresden",
    "address.region": "Sachsen",
    "address.country": "DE",
    "language": "de",
    "owner": "anna@firma.example",
    "stage": "hot",
    "source": "fair",
    "qualification.budget": "yes",
    "qualification.authority": "partial",
    "qualification.need": "unknown",
    "qualification.timing": "no",
    "opt_out.email": True,
    "opt_out.phone": True,
    "score": 87,
    "grade": "A",
    "reason": "Budget and need are known.",
    "lead_id": "01HXYZ",
}


def written(dialect: Dialect, lead: Lead) -> dict[str, Json | Held]:
    single = {row.remote: row.format(lead[row.lead], None) for row in dialect.rows if row.written}
    return {**single, **{name: value for field, rows in dialect.sets.items() for name, value in project(rows, lead[field], {}).items()}}


def test_the_example_has_every_field() -> None:
    assert set(LEAD) | set(ASKED_FOR) == set(FIELDS)


def test_a_lead_comes_back_from_every_crm_as_it_was(dialect: Dialect) -> None:
    fields = written(dialect, LEAD)
    assert not any(isinstance(value, Held) for value in fields.values())
    shows: dict[str, Json] = {name: value for name, value in fields.items() if not isinstance(value, Held)}
    for row in dialect.rows:
        assert not row.written or row.parse(shows[row.remote], LEAD[row.lead]) == LEAD[row.lead]
    for name, rows in dialect.sets.items():
        assert {item.key for item in shown(rows, shows)} == {item.key for item in LEAD[name]}  # type: ignore[union-attr]  # a set


def test_what_is_shown_is_never_written_again(dialect: Dialect) -> None:
    shows: dict[str, Json] = {name: value for name, value in written(dialect, LEAD).items() if not isinstance(value, Held)}
    for row in dialect.rows:
        assert not row.written or row.format(LEAD[row.lead], shows[row.remote]) is shows[row.remote]
    for name, rows in dialect.sets.items():
        assert project(rows, LEAD[name], shows) == {}


def test_without_the_old_meaning_only_the_coarse_view_is_coarse(dialect: Dialect) -> None:
    shows: dict[str, Json] = {name: value for name, value in written(dialect, LEAD).items() if not isinstance(value, Held)}
    differing = {row.id for row in dialect.rows if row.written and row.parse(shows[row.remote]) != LEAD[row.lead]}
    assert differing <= {"lifecyclestage"}

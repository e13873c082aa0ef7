"""What a thousand records cost, exactly: (reads, writes) by the CRM's own log, beside the least its page and batch sizes allow."""

from __future__ import annotations

import pytest

from tests.contract.budgets import CRMS, JOBS, measured, with_batches

BUDGETS = {
    # That a contact is archived is looked up: the answer says so of none.
    # Without Marketing Hub Enterprise an opt-out is a call; that there is no batch is asked once.
    "hubspot": ((10, 0), (5, 0), (0, 10), (0, 10), (10, 1001), (10, 1000), (10, 10)),
    # What was written is read back by one query a batch: Salesforce's answers do not show records.
    "salesforce": ((1, 0), (1, 0), (5, 5), (5, 5), (5, 5), (5, 5), (0, 5)),
    # One page of organisations for their names; a marketing status is shown only when asked for.
    "pipedrive": ((3, 0), (2, 0), (0, 1000), (0, 1000), (10, 1000), (10, 1000), (0, 1000)),
    # Two probes of the time filter, once; the lists of a contact are read before it is taken off them.
    "activecampaign": ((12, 0), (10, 0), (0, 1000), (0, 1000), (1000, 1000), (1000, 1000), (0, 1000)),
}


@pytest.mark.parametrize("crm", CRMS)
def test_a_thousand_records_cost_what_they_must(crm: str) -> None:
    assert {job: (cost.reads, cost.writes) for job, cost in measured(crm).items()} == dict(zip(JOBS, BUDGETS[crm], strict=True))
    assert all(cost.writes in (0, cost.least) for cost in measured(crm).values())


def test_where_the_portal_has_batches_of_consent_a_hundred_noes_are_a_call() -> None:
    costs = with_batches()
    assert [(costs[job].reads, costs[job].writes) for job in ("opt out", "opt out of one")] == [(10, 10), (10, 10)]

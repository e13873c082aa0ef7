"""Each fault, at each request of each kind of call, to each CRM: the right outcome, few requests, no duplicate and no lost write."""

from __future__ import annotations

import pytest

from tests.contract.matrix import CALLS, CRMS, FAULTS, cells, undisturbed


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("crm", CRMS)
def test_a_fault_is_survived(crm: str, call: str, fault: str) -> None:
    assert [problem for cell in cells(crm, call, fault) for problem in cell.problems(undisturbed(crm, call))] == []

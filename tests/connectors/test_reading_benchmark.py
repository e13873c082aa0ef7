"""The benchmark of reading: it reads what it says."""

from __future__ import annotations

import pytest

from benchmarks.reading import PAGE, measure, measure_tied
from tests.contract.matrix import CRMS


@pytest.mark.nightly
@pytest.mark.parametrize("crm", CRMS)
def test_the_reading_benchmark_reads_everybody(crm: str) -> None:
    figures = measure(crm, 300)
    assert (figures.records, figures.megabytes > 0) == (300, True)
    assert figures.least_calls == -(-300 // PAGE[crm]) <= figures.calls


@pytest.mark.nightly
def test_the_reading_benchmark_reads_everybody_of_one_moment() -> None:
    assert measure_tied(450).calls == 3

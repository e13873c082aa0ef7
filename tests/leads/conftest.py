from datetime import UTC, datetime
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "../shared/reference/domain/examples"


@pytest.fixture(scope="session")
def noon():
    return datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def example():
    """The worked example's rule files, where the reference lies beside the repository."""

    def read(name):
        path = EXAMPLES / f"{name}.example.toml"
        if not path.exists():
            pytest.skip(f"the reference file {path.name} is not here")
        return path.read_text(encoding="utf-8")

    return read

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "alembic", "requests", "hubspot", "simple_salesforce", "pydantic_settings", "phonenumbers", "rich", "tenacity")


@pytest.mark.parametrize("arguments", [["--help"], ["sync", "--help"], ["--version"]], ids=" ".join)
def test_nothing_heavy_is_imported_to_answer_a_question(root, arguments):
    code = f"import sys; sys.argv = ['leadloom', *{arguments!r}]; sys.path.insert(0, {str(root)!r})\nimport atexit, cli\n"
    code += f"atexit.register(lambda: print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr))\ncli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "leadloom" in done.stdout

"""Exit codes, and the error that carries one. Scripts depend on these numbers."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0  # a budget pause too
    FAILED = 1  # some records failed, or an account stopped
    USAGE = 2  # usage, configuration, or a newer store
    CHANGES = 3  # only `plan --detailed-exitcode`: there are changes
    FOUND = 4  # a check found something
    LEASED = 5  # another process holds the lease
    STALE = 6  # the plan is stale
    GUARDED = 7  # stopped by a guard
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "done; also when a CRM's daily quota is used up and the rest waits for the next run (status `paused`)",
    Exit.FAILED: "some records failed, or an account stopped; `leadloom problems` says which and why",
    Exit.USAGE: "wrong usage or settings, or a store written by a newer version",
    Exit.CHANGES: "only with `plan --detailed-exitcode`: there are changes",
    Exit.FOUND: "a check found something",
    Exit.LEASED: "another Leadloom process is working on the same store",
    Exit.STALE: "the plan no longer fits: settings, mapping or account changed since it was made",
    Exit.GUARDED: "stopped by a guard; read the plan, then go on with --yes",
    Exit.INTERRUPTED: "interrupted",
}


class Stop(Exception):
    """A command ends here, for a reason that the user can act on. The sentence goes to stderr."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code

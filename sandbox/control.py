"""The control plane of every server, outside the vendor's paths: what tests and rehearsals do to a CRM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.faults import UnknownFault
from sandbox.messages import ActRefused, Refused, Reply, Request

if TYPE_CHECKING:
    from sandbox.wire import App


def answer(app: App, request: Request) -> Reply:
    action = ACTIONS.get((request.method, request.path.rstrip("/").removeprefix("/_sandbox/")))
    if action is None:
        return Reply(404, {"error": "no such control", "known": sorted(f"{method} /_sandbox/{name}" for method, name in ACTIONS)})
    try:
        body = request.json() if request.body else {}
        if not isinstance(body, dict):
            return Reply(400, {"error": "the body must be a JSON object"})
        return Reply(200, action(app, body))
    except Refused as refused:
        return Reply(400, {"error": "the CRM refuses", "answer": refused.reply.body})
    except (ActRefused, UnknownFault, ValueError) as error:
        return Reply(400, {"error": str(error)})
    except (AttributeError, KeyError, TypeError) as error:
        return Reply(400, {"error": f"the body lacks something or has another shape: {error!r}"})


def _records(app: App, _body: Mapping[str, Any]) -> Any:
    app.tick(app.clock.now())
    return app.records()


def _requests(app: App, _body: Mapping[str, Any]) -> Any:
    return app.requests()


def _forget_requests(app: App, _body: Mapping[str, Any]) -> Any:
    cleared = len(app.log)
    app.log.clear()
    return {"cleared": cleared}


def _time(app: App, _body: Mapping[str, Any]) -> Any:
    return {"now": app.clock.now()}


def _advance(app: App, body: Mapping[str, Any]) -> Any:
    app.clock.advance(float(body["advance_s"]) if "advance_s" in body else 0.0)
    app.tick(app.clock.now())
    return {"now": app.clock.now()}


def _settings(app: App, _body: Mapping[str, Any]) -> Any:
    return app.settings


def _set(app: App, body: Mapping[str, Any]) -> Any:
    unknown = sorted(set(body) - set(app.settings))
    if unknown:
        raise ValueError(f"unknown settings {', '.join(unknown)}; known are {', '.join(sorted(app.settings))}")
    app.settings.update(body)
    app.writes += 1
    return app.settings


def _act(app: App, body: Mapping[str, Any]) -> Any:
    app.writes += 1
    if body.get("do") == "workflow":
        return app.add_workflow(body)
    return app.act(body)


def _faults(app: App, _body: Mapping[str, Any]) -> Any:
    return app.faults.listed()


def _order_fault(app: App, body: Mapping[str, Any]) -> Any:
    return app.faults.order(body).as_json()


def _clear_faults(app: App, _body: Mapping[str, Any]) -> Any:
    app.faults.clear()
    return {"faults": 0}


def _reset(app: App, _body: Mapping[str, Any]) -> Any:
    app.reset()
    return {"reset": True}


ACTIONS = {
    ("GET", "records"): _records,
    ("GET", "requests"): _requests,
    ("DELETE", "requests"): _forget_requests,
    ("GET", "clock"): _time,
    ("POST", "clock"): _advance,
    ("GET", "settings"): _settings,
    ("POST", "settings"): _set,
    ("POST", "act"): _act,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _order_fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "reset"): _reset,
}

"""Firefox as Debian has it, spoken to in WebDriver BiDi: a page that computes needs no special browser."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import websocket

#: Nothing asks the network of its own accord, and nothing is asked of the reader.
_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}


class Tab:
    """One tab. What its pages write on the console as errors, and what they ask for, is kept."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket, self._count = socket, 0
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._ask("session.new", capabilities={})
        self._ask("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self._context = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def goto(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self._ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def resize(self, width: int, height: int) -> None:
        """The size of what is seen, in CSS pixels."""
        size = {"width": width, "height": height}
        self._ask("browsingContext.setViewport", context=self._context, viewport=size)

    def evaluate(self, function: str, argument: Any = None) -> Any:
        """What a function of the page gives for an argument, both of which JSON can write."""
        expression = f"(async () => JSON.stringify(await ({function})({json.dumps(argument)})))()"
        target = {"context": self._context}
        found = self._ask("script.evaluate", expression=expression, target=target, awaitPromise=True)
        if found["type"] == "exception":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"]["value"]) if "value" in found["result"] else None

    def drag(self, way: list[tuple[float, float]]) -> None:
        """Press the pointer at the first of these points, move through the others, and let go."""
        moves = [{"type": "pointerMove", "x": round(x), "y": round(y)} for x, y in way]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        self._act("pointer", [moves[0], down, *moves[1:], up])

    def press(self, key: str) -> None:
        """Press a key, by its code point in WebDriver's table."""
        self._act("key", [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}])

    def _act(self, kind: str, actions: list[dict[str, Any]]) -> None:
        source = {"type": kind, "id": kind, "actions": actions}
        self._ask("input.performActions", context=self._context, actions=[source])

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message["type"] == "event":
                self._heard(message["method"], message["params"])
            elif message.get("id") == self._count:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['message']}")
                return message["result"]

    def _heard(self, event: str, said: dict[str, Any]) -> None:
        if event == "network.beforeRequestSent":
            self.requests.append(said["request"]["url"])
        elif said["level"] == "error":
            self.errors.append(said["text"])


@contextlib.contextmanager
def firefox(program: str, profile: Path) -> Iterator[Tab]:
    """A tab of a Firefox of its own, with an empty profile."""
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    said = profile / "said.txt"
    command = [program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
    with said.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            socket = websocket.create_connection(
                f"{_address(process, said)}/session", timeout=60, suppress_origin=True
            )
            with contextlib.closing(socket):
                yield Tab(socket)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _address(process: subprocess.Popen, said: Path) -> str:
    """Where it listens, which it says once it does."""
    for _ in range(600):
        found = re.search(r"WebDriver BiDi listening on (ws://\S+)", said.read_text("utf-8", "replace"))
        if found:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"Firefox does not listen. It says: {said.read_text('utf-8', 'replace')[-2000:]}")

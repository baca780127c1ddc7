"""A headless Chromium that tests drive over its own debugging protocol."""

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
START_SECONDS, ANSWER_SECONDS = 60.0, 300.0


def find_chromium() -> str | None:
    """Return the browser that tests use: `CHROMIUM` from the environment, or one on the path."""
    given = os.environ.get("CHROMIUM")
    return given or next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One process, one tab.

    Attributes
    ----------
    errors : list of str
        Exceptions and errors on the console since the last page was opened.
    requests : list of str
        Addresses asked for since then, without the page itself and what it embeds.
    downloads : Path
        Where saved files go.
    """

    def __init__(self, program: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="chromium-"))
        self.downloads = self.home / "downloads"
        self.downloads.mkdir()
        options = (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-extensions", "--remote-debugging-port=0", "--remote-allow-origins=*",
            f"--user-data-dir={self.home / 'profile'}",
        )  # fmt: skip
        self.process = subprocess.Popen(
            [program, *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.socket = websocket.create_connection(self._tab(), timeout=ANSWER_SECONDS)
        self.numbers = itertools.count(1)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.loaded = False
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def _tab(self) -> str:
        note, deadline = self.home / "profile" / "DevToolsActivePort", time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if note.is_file() and (port := note.read_text().partition("\n")[0]):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
                    tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
                if tabs:
                    return str(tabs[0]["webSocketDebuggerUrl"])
            time.sleep(0.1)
        raise TimeoutError("the browser did not start")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its answer; events on the way are noted."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return dict(message["result"])
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        method, about = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
            self.errors.append(" ".join(str(a.get("value")) for a in about["args"]))
        elif method == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(about["entry"]["text"])
        elif method == "Network.requestWillBeSent" and not about["request"]["url"].startswith("data:"):
            self.requests.append(about["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded = True

    def open(self, page: Path, *, width: int, height: int = 900, theme: str = "light") -> None:
        """Show a file at a size and in a theme, and wait until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
            mobile=width < 600,
        )  # fmt: skip
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        self.errors, self.requests, self.loaded = [], [], False
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not self.loaded:
            self._note(json.loads(self.socket.recv()))
        self.requests = [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]

    def evaluate(self, expression: str) -> Any:
        """Return the value of JavaScript, awaited where it is a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def saved(self, name: str) -> bytes:
        """Wait for a downloaded file and return its content."""
        path, deadline = self.downloads / name, time.monotonic() + ANSWER_SECONDS
        while not path.is_file():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} was not saved")
            time.sleep(0.05)
        return path.read_bytes()

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Write what is shown, or the whole page, as PNG."""
        import base64

        content = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(content["data"]))

    def printed(self) -> bytes:
        """Return the page printed on A4, as PDF."""
        import base64

        content = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)
        return base64.b64decode(content["data"])

    def close(self) -> None:
        """End the browser and remove its profile."""
        self.socket.close()
        self.process.terminate()
        self.process.wait(timeout=START_SECONDS)
        shutil.rmtree(self.home, ignore_errors=True)

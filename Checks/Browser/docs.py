#!/usr/bin/env python3
"""Uses the documentation in a real browser that can reach only the server.

    docs.py BASE_URL SCREENSHOT_FOLDER [PREFIX]

With PREFIX, such as `/a/prefix`, the browser uses a proxy that serves the server under that path and strips it; the
server must run with that `--root-path`. If CHAT_SERVER_KEY is set, the server must require it, and the browser authorizes
itself with it. Needs Debian's chromium and chromium-driver. Ends with a line
`N passed, M failed`.
"""
import http.client
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 30
SERVER_KEY = os.environ.get("CHAT_SERVER_KEY")


def browser(*more_arguments: str) -> Chrome:
    """A browser that resolves no name, unless an argument maps one."""
    options = ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1200,1600",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        *more_arguments,
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def requested_urls(driver: Chrome) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def check_page_is_quiet(driver: Chrome, base: str) -> None:
    elsewhere = [url for url in requested_urls(driver) if not url.startswith((base, "data:", "blob:"))]
    assert not elsewhere, f"requests to elsewhere: {elsewhere}"
    complaints = [entry["message"] for entry in driver.get_log("browser") if entry["level"] != "INFO"]
    assert not complaints, f"console: {complaints}"
    assert not driver.find_elements(By.CSS_SELECTOR, "[role=alert]"), "the page complains of missing assets"


def open_operation(driver: Chrome, base: str, name: str) -> None:
    driver.get(f"{base}/docs")
    wait_for(driver, f"#operations-{name} .opblock-summary-control").click()
    if SERVER_KEY:
        authorize(driver)


def authorize(driver: Chrome) -> None:
    wait_for(driver, ".auth-wrapper .authorize").click()
    wait_for(driver, ".modal-ux input[aria-label='auth-bearer-value']").send_keys(SERVER_KEY)
    wait_for(driver, ".modal-ux button.authorize").click()
    wait_for(driver, ".modal-ux .btn-done").click()


def wait_for(driver: Chrome, css: str):
    return WebDriverWait(driver, SECONDS).until(
        expected_conditions.element_to_be_clickable((By.CSS_SELECTOR, css)), f"no {css}"
    )


def execute(driver: Chrome, title: str) -> str:
    """Creates a chat on the open page and returns the status and the body of the response."""
    operation = "#operations-chats-createChat"
    driver.execute_script(
        """
        const area = document.querySelector(arguments[0]);
        Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(area, arguments[1]);
        area.dispatchEvent(new Event("input", {bubbles: true}));
        """,
        f"{operation} .body-param__text",
        json.dumps({"title": title}),
    )
    wait_for(driver, f"{operation} button.execute").click()
    response = f"{operation} .live-responses-table tbody .response"
    return WebDriverWait(driver, SECONDS).until(
        lambda driver: next(
            (e.text for e in driver.find_elements(By.CSS_SELECTOR, response) if title in e.text or "detail" in e.text), None
        )
    )


def swagger_creates_a_chat(driver: Chrome, base: str, screenshots: Path) -> None:
    open_operation(driver, base, "chats-createChat")
    wait_for(driver, "#operations-chats-createChat .try-out__btn").click()
    for title in ("The first", "The second"):
        response = execute(driver, title)
        assert "201" in response and title in response, f"the response was {response}"
    driver.save_screenshot(str(screenshots / "docs.png"))
    check_page_is_quiet(driver, base)


def swagger_fits_a_phone(driver: Chrome, base: str, screenshots: Path) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    open_operation(driver, base, "chats-createChat")
    wait_for(driver, "#operations-chats-createChat .try-out__btn").click()
    execute(driver, "On the phone, with a title that is long enough to be wider than its screen")
    driver.save_screenshot(str(screenshots / "docs-390.png"))
    table = driver.find_element(By.CSS_SELECTOR, "#operations-chats-createChat .live-responses-table")
    driver.execute_script("arguments[0].scrollIntoView()", table)
    driver.save_screenshot(str(screenshots / "docs-390-response.png"))
    width = driver.execute_script("return document.documentElement.scrollWidth")
    assert width <= 390, f"the page is {width} pixels wide"


def swagger_says_how_to_follow_a_stream(driver: Chrome, base: str, screenshots: Path) -> None:
    for operation in ("streamChat", "streamChats", "openWebSocket"):
        open_operation(driver, base, f"live-{operation}")
        block = wait_for(driver, f"#operations-live-{operation} .opblock-body")
        assert "cannot" in block.text, f"{operation}: {block.text[:500]}"
        assert not block.find_elements(By.CSS_SELECTOR, ".try-out__btn"), f"{operation} can be tried out"
    driver.save_screenshot(str(screenshots / "docs-stream.png"))


def redoc_shows_the_operations(driver: Chrome, base: str, screenshots: Path) -> None:
    driver.get(f"{base}/redoc")
    WebDriverWait(driver, SECONDS).until(
        expected_conditions.visibility_of_element_located((By.XPATH, "//h2[contains(., 'Post a message to a chat')]"))
    )
    driver.save_screenshot(str(screenshots / "redoc.png"))
    margin = driver.execute_script("return getComputedStyle(document.body).margin")
    assert margin == "0px", f"the page has a frame of {margin}"
    check_page_is_quiet(driver, base)


def the_root_leads_to_the_documentation(driver: Chrome, base: str, screenshots: Path) -> None:
    driver.get(f"{base}/")
    wait_for(driver, "a[href='docs']").click()
    wait_for(driver, "#operations-chats-createChat .opblock-summary-control")
    assert driver.current_url.split("#")[0] == f"{base}/docs", driver.current_url


def stripping_proxy(upstream: str, prefix: str) -> ThreadingHTTPServer:
    """Serves the server at `upstream` under a path, like a proxy that several services share."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            connection = http.client.HTTPConnection(urlsplit(upstream).netloc)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection.request(self.command, self.path.removeprefix(prefix), body, dict(self.headers))
            response = connection.getresponse()
            content = response.read()
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_POST = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    return proxy


CHECKS = (
    swagger_creates_a_chat,
    swagger_fits_a_phone,
    swagger_says_how_to_follow_a_stream,
    redoc_shows_the_operations,
    the_root_leads_to_the_documentation,
)


def run(checks: Iterable[Callable], *arguments, failures: Path | None = None) -> int:
    """Runs each check in a browser of its own, and returns the exit status.

    - failures: The folder for screenshots of failed checks; None for no screenshots.
    """
    passed = failed = 0
    for check in checks:
        driver = browser()
        try:
            check(driver, *arguments)
            passed += 1
        except Exception as error:
            failed += 1
            if failures:
                driver.save_screenshot(str(failures / f"{check.__name__}-failed.png"))
            print(f"FAILED  {check.__name__}: {type(error).__name__}: {error}")
        finally:
            driver.quit()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def main() -> int:
    base, screenshots = sys.argv[1], Path(sys.argv[2])
    screenshots.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) > 3:
        prefix = sys.argv[3]
        base = f"http://127.0.0.1:{stripping_proxy(base, prefix).server_port}{prefix}"
    return run(CHECKS, base, screenshots, failures=screenshots)


if __name__ == "__main__":
    sys.exit(main())

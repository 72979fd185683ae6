"""What the checks of the pages share: a server that can be killed, and a browser window."""
import contextlib
import http.client
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from axe_selenium_python import Axe
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from Checks.Browser.docs import SECONDS
from Checks.Support.server import BINARY, Server, exchange, sign_token

SCREENSHOTS = Path(sys.argv[1] if len(sys.argv) > 1 else ".build/screenshots")
# What the browser logs when a request fails, as it must while there is no server.
NETWORK_COMPLAINTS = "net::ERR_", "Failed to load resource"
DESKTOP, PHONE = (1280, 900), (390, 844)


class Service:
    """A server that can be killed and started again on the same port."""

    def __init__(self, folder: str, with_users: bool, options: tuple[str, ...]) -> None:
        self.server = None
        self.folder, self.options = folder, options
        self.environment = {"CHAT_JWT_SECRET": secrets.token_hex(32)} if with_users else {}
        self.database = f"--database-url=sqlite:///{folder}/chat.db"
        self.start()

    def start(self) -> None:
        self.server = Server(
            BINARY, "serve", f"--port={self.server.port if self.server else 0}",
            self.database, "--log-level=notice", *self.options, environment=self.environment,
        )

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.port}{path}"

    def token(self, user: str, name: str) -> str:
        return sign_token(self.environment, f"--user={user}", f"--name={name}")

    def tokens(self, *users: str) -> dict[str, str]:
        """A token for each user, whose name is the ID with a capital letter."""
        return {user: self.token(user, user.capitalize()) for user in users}

    def key(self, name: str, scope: str) -> str:
        command = [BINARY, "key", "create", f"--name={name}", f"--scope={scope}", self.database]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    @contextlib.contextmanager
    def caller(self, token: str | None = None) -> Iterator[Callable]:
        """Requests over one connection, whose failure is an error."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=SECONDS)
        headers = {"Authorization": f"Bearer {token}"} if token else {}

        def call(method: str, path: str, body: dict | None = None) -> dict:
            status, _, answer = exchange(connection, method, path, body, headers)
            assert status < 300, f"{method} {path}: {status} {answer}"
            return answer

        yield call
        connection.close()


@contextlib.contextmanager
def service(with_users: bool = False, *options: str) -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, with_users, options)
        try:
            yield service
        finally:
            status = service.server.stop()
        assert status == 0, f"the server ended with status {status}"


class Window:
    """A browser window."""

    def __init__(self, driver: Chrome, size: tuple[int, int] = DESKTOP) -> None:
        self.driver = driver
        self.driver.set_window_size(*size)

    def find(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def until(self, condition: Callable[[], object], what: str) -> None:
        # The page replaces elements, and itself when a session ends.
        wait = WebDriverWait(self.driver, SECONDS, ignored_exceptions=[StaleElementReferenceException])
        wait.until(lambda _: condition(), what)

    def click(self, selector: str, text: str) -> None:
        """Clicks the first element that contains a text, as soon as there is one."""
        def attempt() -> bool:
            found = [element for element in self.find(selector) if text in element.text]
            if found:
                found[0].click()
            return bool(found)

        self.until(attempt, f"no {selector} contains {text}")

    def run(self, script: str, *arguments: object) -> object:
        return self.driver.execute_script(script, *arguments)

    def status_is(self, status: str) -> None:
        self.until(lambda: self.one("#status").text == status, f"the status is {self.one('#status').text}, not {status}")

    def emulate(self, scheme: str, size: tuple[int, int], scale: int = 1) -> None:
        """Shows the page in a color scheme, and on a screen of this size in CSS pixels; a narrow one is a phone."""
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": scale, "mobile": size == PHONE,
        })

    def shoot(self, name: str) -> None:
        self.driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))

    def is_quiet(self, without_server: bool = False) -> None:
        """Fails if the page logged an error or violated its policy."""
        complaints = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "INFO"]
        if without_server:
            complaints = [text for text in complaints if not any(part in text for part in NETWORK_COMPLAINTS)]
        assert not complaints, f"console: {complaints}"

    def is_accessible(self) -> None:
        axe = Axe(self.driver)
        axe.inject()
        serious = [
            f"{violation['id']}: {violation['nodes'][0]['html']}"
            for violation in axe.run()["violations"] if violation["impact"] in ("serious", "critical")
        ]
        assert not serious, f"axe: {serious}"

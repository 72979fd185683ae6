#!/usr/bin/env python3
"""Opens the documentation in a real browser that can reach nothing but the server, and uses it.

    docs.py BASE_URL SCREENSHOT_FOLDER

Needs Debian's chromium and chromium-driver. The server must be empty. Ends with a line `N passed, M failed`.
"""
import json
import sys
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 30


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


def swagger_creates_a_chat(driver: Chrome, base: str, screenshots: Path) -> None:
    wait = WebDriverWait(driver, SECONDS)

    def press(css: str) -> None:
        wait.until(expected_conditions.element_to_be_clickable((By.CSS_SELECTOR, css))).click()

    driver.get(f"{base}/docs")
    press("#operations-chats-createChat .opblock-summary-control")
    press("#operations-chats-createChat .try-out__btn")
    press("#operations-chats-createChat button.execute")
    status = wait.until(
        expected_conditions.visibility_of_element_located(
            (By.CSS_SELECTOR, "#operations-chats-createChat .live-responses-table tbody .response-col_status")
        )
    )
    driver.save_screenshot(str(screenshots / "docs.png"))
    assert "201" in status.text, f"the answer was {status.text}"
    check_page_is_quiet(driver, base)


def redoc_shows_the_operations(driver: Chrome, base: str, screenshots: Path) -> None:
    driver.get(f"{base}/redoc")
    WebDriverWait(driver, SECONDS).until(
        expected_conditions.visibility_of_element_located((By.XPATH, "//h2[contains(., 'Post a message to a chat')]"))
    )
    driver.save_screenshot(str(screenshots / "redoc.png"))
    check_page_is_quiet(driver, base)


def main() -> int:
    base, screenshots = sys.argv[1], Path(sys.argv[2])
    screenshots.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    for check in (swagger_creates_a_chat, redoc_shows_the_operations):
        driver = browser()
        try:
            check(driver, base, screenshots)
            passed += 1
        except Exception as error:
            failed += 1
            driver.save_screenshot(str(screenshots / f"{check.__name__}-failed.png"))
            print(f"FAILED  {check.__name__}: {type(error).__name__}: {error}")
        finally:
            driver.quit()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

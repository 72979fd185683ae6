"""Writes results as JSON, as a chart and into the page that shows them."""
import json
import re
from pathlib import Path

from Benchmarks.chart import chart
from Benchmarks.tables import section

PAGE = Path("docs/performance.md")


def write(name: str, result: dict, folder: Path) -> None:
    """Adds one benchmark's result to the JSON file and draws the chart.

    If the folder is the page's, this also replaces the tables on the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "performance.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    results[name] = result
    file.write_text(json.dumps(results, indent=1) + "\n")
    if name == "serving":
        (folder / "performance.svg").write_text(chart(result["rows"]))
    if folder == PAGE.parent:
        begin, end = f"<!-- {name}: written by make bench -->\n", f"\n<!-- end of {name} -->"
        page, count = re.subn(
            f"(?s){begin}.*?{end}", lambda _: f"{begin}\n{section(result)}\n{end}", PAGE.read_text()
        )
        if count != 1:
            raise RuntimeError(f"{PAGE} has no place for {name}")
        PAGE.write_text(page)

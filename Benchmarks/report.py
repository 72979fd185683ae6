"""Writes results where they are read."""
import json
import re
from pathlib import Path

from Benchmarks.chart import chart
from Benchmarks.tables import section

PAGE = Path("docs/performance.md")


def write(name: str, result: dict, folder: Path) -> None:
    """Puts the result of one sweep beside that of the other, in JSON and as a chart.

    In the folder of the page, its tables are replaced, too.
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

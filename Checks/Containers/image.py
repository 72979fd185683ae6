#!/usr/bin/env python3
"""Runs the command of a Dockerfile stage on the files that its COPY instructions take from the build context.

    image.py STAGE [ARGUMENT ...]

Copies the files that the stage and its base stages copy, except those that .dockerignore excludes, into
.build/image/STAGE, and runs the stage's CMD there. Nothing is compiled again: the copy shares .build and
Package.resolved with the checkout. If the command needs a file that the image lacks, it fails here too. Uses only the
standard library and git.
"""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def expression(pattern: str) -> re.Pattern[str]:
    """Translates a pattern of .dockerignore into a regular expression."""
    parts = {"**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/"))
    return re.compile("".join(parts.get(piece, re.escape(piece)) for piece in pieces))


class Ignored:
    """The files that .dockerignore excludes: the last pattern that matches a file or a folder above it decides."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        self.rules = [(expression(line.removeprefix("!")), not line.startswith("!")) for line in lines]

    def __contains__(self, path: Path) -> bool:
        candidates = [part.as_posix() for part in (path, *path.parents)]
        ignored = False
        for rule, ignores in self.rules:
            if any(rule.fullmatch(candidate) for candidate in candidates):
                ignored = ignores
        return ignored


def instructions(stage: str) -> list[tuple[str, str]]:
    """The instructions of a stage, after those of the stages that it is based on."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M)
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    stages: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for name, _, arguments in (line.partition(" ") for line in lines if line.strip()):
        if name == "FROM":
            base, current = re.fullmatch(r"(\S+) AS (\S+)", arguments).groups()
            stages[current] = (base, [])
        else:
            stages[current][1].append((name, arguments))
    base, own = stages[stage]
    return (instructions(base) if base in stages else []) + own


def copy(sources: list[str], destination: Path, ignored: Ignored) -> list[Path]:
    """Carries out one COPY instruction, whose sources are file and folder names; returns the files it copied."""
    taken = []
    for source in sources:
        top = ROOT / source
        files = [top] if top.is_file() else [file for file in top.rglob("*") if file.is_file()]
        assert files, f"COPY {source}: there is no such file"
        for file in files:
            path = file.relative_to(ROOT)
            if path in ignored:
                continue
            # Copying a folder copies its contents.
            target = destination / (file.name if top.is_file() else file.relative_to(top))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
            taken.append(path)
    return taken


def check_repository_is_let_through(sources: list[str], taken: list[Path]) -> None:
    tracked = subprocess.run(["git", "ls-files", "-z", "--", *sources], cwd=ROOT, capture_output=True, check=True).stdout
    missing = set(filter(None, tracked.decode().split("\0"))) - {path.as_posix() for path in taken}
    assert not missing, f".dockerignore leaves out {sorted(missing)[:5]}"


def check_no_path_is_compiled_in(taken: list[Path]) -> None:
    """Rejects `#filePath`: at the path where the tests were compiled, every file exists, so they would prove nothing."""
    for path in taken:
        if path.suffix == ".swift":
            assert "#filePath" not in (ROOT / path).read_text(), f"{path}: read package files with PackageFile"


def main() -> int:
    stage, *arguments = sys.argv[1:]
    folder = ROOT / ".build" / "image" / stage
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ignored = Ignored((ROOT / ".dockerignore").read_text())
    command = None
    for name, value in instructions(stage):
        if name == "COPY" and not value.startswith("--from="):
            *sources, destination = value.split()
            taken = copy(sources, folder / destination, ignored)
            check_repository_is_let_through(sources, taken)
            check_no_path_is_compiled_in(taken)
        elif name == "CMD":
            command = json.loads(value)
    (folder / ".build").symlink_to(ROOT / ".build")
    shutil.copy2(ROOT / "Package.resolved", folder)
    # The real path, not the link: otherwise SwiftPM would see the paths in its generated files as changed.
    environment = {**os.environ, "SWIFTPM_BUILD_DIR": str(ROOT / ".build")}
    return subprocess.run([*command, *arguments], cwd=folder, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())

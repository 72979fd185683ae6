"""Records how python-dotenv reads .env files, as the fixture of EnvironmentFileTests.

Usage: PYTHON Checks/EnvironmentFiles/record.py [--check]

PYTHON has the packages of requirements.txt. With --check, nothing is written, and the exit status is 1 if the
fixture differs from python-dotenv's results. The files are generated from a fixed seed.

For a file that python-dotenv reads only in part, the fixture has the line of the first statement that the service
rejects: one that python-dotenv skips with a warning, or a name without a value.
"""

import json
import os
import pathlib
import random
import sys
import tempfile
from unittest import mock

import dotenv
import dotenv.parser

FIXTURE = pathlib.Path(__file__).parents[2] / "Tests/ChatServerTests/Fixtures/environment-files.json"
READ_COUNT = 1_000
REFUSED_COUNT = 250
ENVIRONMENT = {"HOME": "/home/me", "B": "from the environment", "EMPTY": ""}

NAMES = ["A", "B", "C", "DATABASE_URL", "CHAT_PORT", "a.b-c", "HOME", "\u00e9t\u00e9", "'quoted name'", "export", "exportA"]
PIECES = [
    "a", "b c", "=", "#", " #", " # ", "\t#x", "'", '"', "\\'", '\\"', "\\\\", "\\", "\\n", "\\t", "\\a", "\\v", "\\x41",
    "\\u00e9", "$A", "${A}", "${B}", "${C:-c}", "${C:-}", "${HOME}", "${EMPTY:-e}", "${", "}", "${A:b}", "${A${B}", "${}",
    "\u00e9", "\U0001f44b", " ", "  ", "\t", "\u00a0", "\u2028", "\x1f", "\x0b", "\x0c", "\x85", "\ufeff", ":", "//", "`",
    "sqlite:////data/chat.db", "postgresql://u:p%40ss@h/d?sslmode=require", "export ", "\\\n",
]
LINE_ENDS = ["\n", "\n", "\n", "\r\n", "\r\n", "\r", "\n\n", "\n \n", "\r\n\r\n"]


def text(random, most):
    return "".join(random.choice(PIECES) for _ in range(random.randint(0, most)))


def value(random):
    kind = random.randrange(8)
    if kind == 0:
        return ""
    if kind == 1:
        return "'" + text(random, 4).replace("'", random.choice(["\\'", "\\'", "'"])) + "'"
    if kind == 2:
        return '"' + text(random, 4).replace('"', random.choice(['\\"', '\\"', '"'])) + '"'
    if kind == 3:
        quote = random.choice("'\"")
        return quote + text(random, 2) + random.choice(LINE_ENDS) + text(random, 2) + quote
    return text(random, 5)


def statement(random):
    kind = random.randrange(20)
    if kind == 0:
        return "#" + text(random, 3)
    if kind == 1:
        return text(random, 3)
    if kind == 2:
        return random.choice(NAMES) + random.choice(["", " ", " # comment", ": x", " x"])
    space = lambda: random.choice(["", "", "", "", " ", "\t", "\u00a0"])
    export = random.choice(["", "", "", "", "export ", "export\t ", "export\n"])
    comment = random.choice(["", "", "", " # comment", "# comment", " ", " x"])
    return space() + export + random.choice(NAMES) + space() + "=" + space() + value(random) + comment


def generate(random):
    mark = random.choice(["", "", "", "", "", "\ufeff"])
    end = random.choice(["", "\n", "\r\n"])
    return mark + random.choice(LINE_ENDS).join(statement(random) for _ in range(random.randint(1, 4))) + end


def first_refusal(path):
    """The line of the first statement that has an error or no value."""
    with open(path, encoding="utf-8-sig") as file:
        for binding in dotenv.parser.parse_stream(file):
            if binding.error or binding.key is not None and binding.value is None:
                written = binding.original.string
                return binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
    return None


def read(content):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, ".env")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(content)
        line = first_refusal(path)
        if line is not None:
            return {"content": content, "refused_line": line}
        with mock.patch.dict(os.environ, ENVIRONMENT, clear=True):
            values = dotenv.main.DotEnv(path, encoding="utf-8-sig", override=False).dict()
        return {"content": content, "values": dict(values)}


def main():
    generator = random.Random(20261129)
    understood, refused = [], []
    while len(understood) < READ_COUNT or len(refused) < REFUSED_COUNT:
        case = read(generate(generator))
        (refused if "refused_line" in case else understood).append(case)
    cases = understood[:READ_COUNT] + refused[:REFUSED_COUNT]
    lines = ",\n".join(json.dumps(case) for case in cases)
    recorded = f'{{"environment": {json.dumps(ENVIRONMENT)}, "cases": [\n{lines}\n]}}\n'
    if "--check" not in sys.argv[1:]:
        FIXTURE.write_text(recorded)
    elif FIXTURE.read_text() != recorded:
        sys.exit(f"{FIXTURE} differs from what python-dotenv says")
    print(f"{len(cases)} files, read as python-dotenv does")


if __name__ == "__main__":
    main()

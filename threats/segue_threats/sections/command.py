"""`segue lab sections`: play each attack with its mitigation off and on, and write a page for each."""

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from segue.clock import now

from segue_threats import catalogue
from segue_threats.report import sections as pages
from segue_threats.sections.attacks import PLAYED
from segue_threats.sections.book import Book, put_together
from segue_threats.sections.run import Found, play
from segue_threats.staging.segue_server import meanings, preset_values

NOT_DECIDED = 1


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Its options."""
    parser = commands.add_parser(
        "sections",
        help="a page for each mitigation of RFC 10027 section 6.1: the same attack with it off and with it on",
        description="Play an attack for each of the 17 mitigations of RFC 10027 section 6.1, with it off and with it "
        "on, and the honest path with it on, and write a page for each with its evidence, and an index.",
        epilog="Exit status: 0 if each attack reached its goal with the mitigation off and was stopped with it on; "
        "1 otherwise; 2 if nothing could be played.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the pages are written")
    parser.add_argument(
        "--only", action="append", default=[], choices=list(PLAYED), metavar="MITIGATION", help=", ".join(PLAYED)
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the runs for programs")
    parser.add_argument("--quiet", action="store_true", help="do not tell of every mitigation")
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """The exit status. Raises `CannotRun`, `OneAddress`, `PreconditionFailed`, `ServerFailed`."""
    begin, at = time.monotonic(), datetime.fromtimestamp(now(), UTC)
    slugs = [slug for slug in PLAYED if not options.only or slug in options.only]
    found = await play(slugs, tell=(lambda _: None) if options.quiet else _tell)
    book = put_together(
        found,
        catalogue.load(),
        values=preset_values(),
        meanings=meanings(),
        at=f"{at:%Y-%m-%d %H:%M} UTC",
        seconds=time.monotonic() - begin,
    )
    _write(book, options.folder, options.json)
    print(f"{book.conclusion()} {len(book.sections) + 1} pages are in {options.folder}.")
    return 0 if book.decided == len(book.sections) else NOT_DECIDED


def _tell(found: Found) -> None:
    off = "reached its goal" if found.off.reached else f"was stopped: {found.off.ended}"
    on = "reached its goal" if found.on.reached else f"was stopped: {found.on.ended}"
    print(f"{found.played.slug}: {found.played.name}\n    off  {off}\n    on   {on}", file=sys.stderr, flush=True)


def _write(book: Book, folder: Path, json_file: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pages.render(book).items():
        (folder / name).write_text(content, "utf-8")
    if json_file:
        json_file.write_text(json.dumps(book.as_json(), indent=1, ensure_ascii=False) + "\n", "utf-8")

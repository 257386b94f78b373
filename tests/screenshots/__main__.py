"""`python -m screenshots` in `tests/`: takes the pictures in `specs/pages` anew, and writes the page that shows them.

Needs Chromium. A test compares what they were taken of with the pages as they are.
"""

import argparse
import json
import time

from chromium import started_playwright
from scenes.site import scene_site

from screenshots.camera import demo_screens, keep, taken
from screenshots.gallery import gallery
from screenshots.picture import DIGESTS, FOLDER, digests, pictures, recorded


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m screenshots", description=__doc__)
    parser.add_argument("--all", action="store_true", help="also those that are of the page as it is")
    options = parser.parse_args()
    began, wanted, there = time.monotonic(), digests(), {} if options.all else recorded()
    stale = {file for file, digest in wanted.items() if there.get(file) != digest or not (FOLDER / file).exists()}
    with started_playwright() as playwright:
        with scene_site() as site:
            for each, picture in taken(playwright, site, [each for each in pictures() if each.file in stale]):
                keep(FOLDER, each.file, picture)
        if any(file.startswith("demo-") for file in stale):
            for screen, picture in demo_screens(playwright):
                keep(FOLDER, screen.file, picture)
    for file in FOLDER.glob("*.png"):
        if file.name not in wanted:
            file.unlink()
    DIGESTS.write_text(json.dumps(wanted, indent=2, sort_keys=True) + "\n")
    (FOLDER / "README.md").write_text(gallery())
    size = sum(file.stat().st_size for file in FOLDER.glob("*.png"))
    print(f"{len(stale)} of {len(wanted)} pictures taken, {size / 1e6:.1f} MB, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()

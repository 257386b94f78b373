"""XD-TASK-04, XD-WEB-11: files of a task whose names lead elsewhere, and files that would run as pages of the store.

ASVS 5.0 5.3.2, 5.4.1 and 5.4.2, 3.2.1; RFC 6266 and RFC 8187. Expected: a name is a label in its own task, and a
download is bytes to save.
"""

import re
import unicodedata
from typing import Any

import httpx2

from segue_threats.attack import Need, attack
from segue_threats.device import members_of
from segue_threats.grant import Grant
from segue_threats.lab import Lab

NEW = [("If-None-Match", "*")]
SECRET = b"what the other task holds"
STEPS = ("%2e%2e/{}", "a/%2e%2e%2f%2e%2e/{}", "%2e%2e%2f%2e%2e%2f{}", "..%5C{}", "%252e%252e%252f{}", "/{}", "./{}")
HOSTILE = (
    *("C:%5Cwindows%5Cwin.ini", "C:evil", "%5C%5Chost%5Cshare", "etc%2Fpasswd%00.txt", "a%0d%0aSet-Cookie:x=1"),
    *("NUL", "con.txt", "invoice%E2%80%AEfdp.exe", "~%2F.ssh%2F%2E%2E%2Fid", "a%2F%2F%2Fb", "name.", "a:stream"),
)
PAGES = {
    "page.html": ("text/html", b"<script>parent.owned=1</script>"),
    "picture.svg": ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" onload="owned=1"/>'),
    "strict.xhtml": ("application/xhtml+xml", b'<html xmlns="http://www.w3.org/1999/xhtml"><script>1</script></html>'),
    "feed.xml": ("text/xml", b"<?xml-stylesheet href='x.xsl'?><a/>"),
    "script.js": ("text/javascript", b"owned=1"),
    "paper.pdf": ("application/pdf", b"%PDF-1.7"),
    "plain.txt": ("text/plain", b"<script>owned=1</script>"),
    "guess": ("text/html;charset=utf-7", b"+ADw-script+AD4-"),
}
NAMES = ("r%C3%A9sum%C3%A9.html", "a;filename=x.html", "a'b.html", "a%2Cb=c.html", "%F0%9F%93%84.html", "a%20b.html")
ACTIVE = ("html", "xml", "svg", "javascript", "ecmascript", "pdf", "flash")
_HARMLESS = re.compile(
    r'attachment(?:; filename="[A-Za-z0-9._ -]*")?(?:; filename\*=UTF-8\'\'[A-Za-z0-9!#$&+.^_`|~%-]+)?'
)


@attack("XD-TASK-04", Need.CODE, Need.TASK_STORE)
async def a_name_leaves_its_task(lab: Lab) -> None:
    """Name files by steps upwards, drives, devices and hidden letters; read the other task's file by such names."""
    mine, other = await lab.begin(), await lab.begin()
    lab.works(await _put(other, "secret.txt", SECRET), "the other task's file")
    lab.works(await _put(mine, "notes/own.txt", b"mine"), "the own file")
    target = f"{other.task_id}/artifacts/secret.txt"
    for name in [step.format(target) for step in STEPS] + [step.format("secret.txt") for step in STEPS]:
        answer = await mine.at("GET", f"/artifacts/{name}")
        lab.holds(SECRET not in answer.content, f"{name} reads the other task's file")
        lab.holds(answer.status_code < 500, f"{name} makes the server fail")
        await _stored_as_label_or_refused(lab, mine, name)
    for name in HOSTILE:
        await _stored_as_label_or_refused(lab, mine, name)
    for version in ("-1", "0", "2", "999999999999"):
        lab.refuses(await mine.at("GET", f"/artifacts/notes/own.txt?version={version}"), f"version {version}")
    found = [each["path"] for each in members_of(await mine.at("GET", "/artifacts"))["artifacts"]]
    for path in found:
        lab.holds(_is_label(path), f"{path!r} stands in the list of files")
    answer = lab.still_works(await other.at("GET", "/artifacts/secret.txt"), "the other task's file")
    lab.holds(answer.content == SECRET, "the other task's file was changed")
    told = members_of(await other.at("GET", "/artifacts"))["artifacts"]
    lab.holds(len(told) == 1, "a file appeared in the other task")


@attack("XD-TASK-04", Need.CODE, Need.TASK_STORE)
async def another_tasks_file_is_confirmed(lab: Lab) -> None:
    """Store the same content as the other task and compare all that is told with what a content of one's own gets."""
    mine, other = await lab.begin(), await lab.begin()
    lab.works(await _put(other, "secret.txt", SECRET), "the other task's file")
    same = members_of(lab.works(await _put(mine, "a", SECRET), "the same content"))
    fresh = members_of(lab.works(await _put(mine, "b", SECRET[::-1]), "another content"))
    own = {"path", "sha256", "seq", "updated_at"}
    told = [{name: value for name, value in each.items() if name not in own} for each in (same, fresh)]
    lab.holds(told[0] == told[1], "the answer tells whether another task has the content")
    for name in (same["sha256"], f"sha256:{same['sha256']}"):
        lab.refuses(await other.at("GET", f"/artifacts/{name}"), "a file by its digest", statuses={400, 404})


@attack("XD-WEB-11", Need.CODE, Need.TASK_STORE)
async def a_file_is_opened_as_a_page(lab: Lab) -> None:
    """Store pages, pictures with scripts and names that break headers, and look at how they are served."""
    grant = await lab.begin()
    for name, (media_type, content) in PAGES.items():
        lab.works(await _put(grant, name, content, media_type=media_type), f"storing {name}")
    for name in NAMES:
        await _put(grant, name, PAGES["page.html"][1], media_type="text/html")
    for name in (*PAGES, *NAMES):
        for how in ([], [("Range", "bytes=0-3")], [("Accept", "text/html")]):
            answer = await grant.at("GET", f"/artifacts/{name}", headers=how)
            if answer.status_code != 404:
                _is_for_saving(lab, lab.works(answer, f"reading {name}"), name)


def _is_for_saving(lab: Lab, answer: httpx2.Response, name: str) -> None:
    said = answer.headers
    lab.holds(len(said.get_list("Content-Disposition")) == 1, f"{name}: there is not one Content-Disposition")
    disposition = said.get("Content-Disposition", "")
    lab.holds(_HARMLESS.fullmatch(disposition), f"{name} is not an attachment of a plain name: {disposition!r}")
    lab.holds(said.get("X-Content-Type-Options") == "nosniff", f"{name} may be sniffed")
    policies = said.get_list("Content-Security-Policy")
    sandboxed = any(re.search(r"(^|;) *sandbox *(;|$)", policy) for policy in policies)
    lab.holds(sandboxed, f"{name} has no sandbox without rights")
    lab.holds("no-store" in said.get("Cache-Control", ""), f"{name} may be kept")
    media_type = said.get("Content-Type", "").lower()
    lab.holds(not any(word in media_type for word in ACTIVE), f"{name} is served as {media_type}")
    charset = media_type.partition("charset=")[2]
    lab.holds(charset in ("", "utf-8"), f"{name} is served in {charset}")


async def _put(grant: Grant, name: str, content: bytes, *, media_type: str = "text/plain") -> httpx2.Response:
    headers = [*NEW, ("Content-Type", media_type)]
    return await grant.at("PUT", f"/artifacts/{name}", content=content, headers=headers)


async def _stored_as_label_or_refused(lab: Lab, grant: Grant, name: str) -> None:
    answer = await _put(grant, name, b"hostile")
    path: Any = members_of(answer).get("path", "") if answer.is_success else "refused"
    lab.holds(answer.status_code < 500, f"{name} makes the server fail")
    lab.holds(_is_label(str(path)), f"{name} is stored as {path!r}")


def _is_label(path: str) -> bool:
    """Names joined by `/`, each of which is a name on every system, and nothing hidden."""
    hidden = any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn") for letter in path)
    strange = re.search(r'[\\:*?"<>|]', path) or re.search(r"%[0-9a-f]{2}", path, re.IGNORECASE)
    steps = [name in ("", ".", "..") or name.endswith((".", " ")) for name in path.split("/")]
    devices = re.search(r"(^|/)(con|nul|aux|prn|com\d|lpt\d)(\.|/|$)", path, re.IGNORECASE)
    return not (hidden or strange or any(steps) or devices)

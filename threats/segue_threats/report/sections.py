"""The pages about RFC 10027 section 6.1: one for each mitigation, and an index, each a file that needs no other."""

from segue_threats.report.sheet import sheet
from segue_threats.sections.book import Book, policy_text

INDEX = "index.html"


def render(book: Book) -> dict[str, str]:
    """The content of each file, by its name."""
    page, sections = sheet("section.html"), list(book.sections)
    files = {INDEX: sheet("sections.html").render(book=book)}
    for number, section in enumerate(sections):
        files[section.file] = page.render(
            book=book,
            section=section,
            found=section.found,
            policy=policy_text(section.found.policy) if section.found.policy else "",
            before=sections[number - 1] if number else None,
            after=sections[number + 1] if number + 1 < len(sections) else None,
            index=INDEX,
        )
    return files

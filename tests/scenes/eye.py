"""What a person with eyes and a keyboard meets on an open page, measured: what is cut off, jumps, or is unseen."""

from typing import Any

from playwright.sync_api import BrowserContext, Page

_WATCH = """
window.jumps = [];
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) {
    const moved = each.sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? node?.textContent ?? "gone");
    if (!each.hadRecentInput) window.jumps.push({ value: each.value, moved });
  }
}).observe({ type: "layout-shift", buffered: true });
"""
_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_WIDER = """() => {
  const room = document.documentElement.clientWidth;
  const seen = [...document.querySelectorAll("body *")].filter((each) => each.checkVisibility());
  const over = seen.filter((each) => {
    const { left, right } = each.getBoundingClientRect();
    return right > room + 1 || left < -1;
  });
  const whole = document.documentElement.scrollWidth;
  return [...(whole > room ? [`the page: ${whole}`] : []), ...over.map((each) => each.outerHTML.slice(0, 100))];
}"""
_CLIPPED = """() => {
  const seen = [...document.querySelectorAll("main *, header *")].filter((each) => each.checkVisibility());
  const hides = ({ overflowX, overflowY }) => [overflowX, overflowY].some((each) => each !== "visible");
  const cut = seen.filter((each) => hides(getComputedStyle(each)) && !each.matches("input")
    && (each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1));
  return cut.map((each) => each.outerHTML.slice(0, 100));
}"""
_STOPS = """() => {
  const sound = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const there = [...document.querySelectorAll(sound)].filter((each) => !each.disabled && each.checkVisibility());
  const first = (each) => {
    const group = there.filter((other) => other.type === "radio" && other.name === each.name);
    return each.type !== "radio" || each === (group.find(({ checked }) => checked) ?? group[0]);
  };
  window.stops = there.filter(first);
  return window.stops.map((each) => (each.innerText || each.id || each.name || each.outerHTML).trim());
}"""
_FOCUSED = """() => {
  const at = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  const { top, bottom } = at.getBoundingClientRect();
  const ring = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  return { stop: window.stops.indexOf(at), ring, seen: bottom > 0 && top < innerHeight };
}"""


def watch_jumps(context: BrowserContext) -> None:
    """From now on every page of this browser counts its layout shifts (Layout Instability, W3C)."""
    context.add_init_script(_WATCH)


def jumps(page: Page) -> list[dict[str, Any]]:
    """What moved under the person's eyes since the page was loaded, and by how much."""
    page.evaluate(_FRAMES)
    found: list[dict[str, Any]] = page.evaluate("window.jumps")
    return found


def wider_than_the_screen(page: Page) -> list[str]:
    """What lies beside the screen, so that one has to scroll sideways for it (WCAG 1.4.10)."""
    found: list[str] = page.evaluate(_WIDER)
    return found


def clipped(page: Page) -> list[str]:
    """What has more inside than it shows."""
    found: list[str] = page.evaluate(_CLIPPED)
    return found


def keyboard_trouble(page: Page) -> list[str]:
    """Why somebody with a keyboard alone would be stuck (WCAG 2.1.1, 2.1.2, 2.4.3, 2.4.7, 2.4.11).

    Tab has to come by every control in the order of the document, out of the page and in again at its beginning; and
    each control has to show that it is the one.
    """
    names: list[str] = page.evaluate(_STOPS)
    trouble, visited = [], []
    for _ in range(len(names) + 1):
        page.keyboard.press("Tab")
        at = page.evaluate(_FOCUSED)
        if at["stop"] < 0:
            continue
        visited.append(names[at["stop"]])
        trouble += [] if at["ring"] else [f"{visited[-1]}: no ring"]
        trouble += [] if at["seen"] else [f"{visited[-1]}: out of sight"]
    begun = names.index(visited[0]) if visited else 0
    around = names[begun:] + names[:begun]
    return trouble + ([f"{visited} instead of {around}"] if visited[: len(names)] != around else [])

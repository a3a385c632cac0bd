"""What a browser makes of a page: what is cut off, unreadable, unnamed or missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CONTRAST = 4.5
"""Of text against its ground, at least: WCAG 2.2, 1.4.3, level AA."""
PAPER = 718
"""Pixels across A4 with 1 cm on each side, at 96 to the inch."""

# Relative luminance and contrast as WCAG 2.2 defines them; a printer leaves grounds out.
UNREADABLE = """([least, paper]) => {
  const parts = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((value, i) => a * value + (1 - a) * under[i]);
  const light = colour => colour.map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const dark = !paper && matchMedia('(prefers-color-scheme: dark)').matches
    && getComputedStyle(document.documentElement).colorScheme.includes('dark');
  const ground = node => {
    if (paper) return [255, 255, 255];
    if (!node) return dark ? [18, 18, 18] : [255, 255, 255];
    const colour = parts(getComputedStyle(node).backgroundColor);
    return (colour[3] ?? 1) === 1 ? colour : over(colour, ground(node.parentElement));
  };
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), node = walk.currentNode.parentElement;
    const mute = ['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(node.tagName);
    if (!text || mute || !node.checkVisibility({checkOpacity: true})) continue;
    const under = ground(node), ink = over(parts(getComputedStyle(node).color), under);
    const [high, low] = [light(ink), light(under)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < least) found.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return found;
}"""
CUT_OFF = """() => {
  const page = document.scrollingElement, found = [];
  if (page.scrollWidth > innerWidth) found.push(`the page is ${page.scrollWidth} px wide in ${innerWidth}`);
  const hides = node => ['hidden', 'clip'].includes(getComputedStyle(node).overflowX);
  const moves = node => ['auto', 'scroll'].includes(getComputedStyle(node).overflowX);
  const scrolls = node => node && (moves(node) || scrolls(node.parentElement));
  const text = document.querySelector('article') || document.querySelector('main');
  for (const node of text.querySelectorAll('*')) {
    const box = node.getBoundingClientRect();
    if (!box.width || !node.checkVisibility() || scrolls(node)) continue;
    if (box.right > innerWidth + 1 || (hides(node) && node.scrollWidth > node.clientWidth + 1))
      found.push(`${node.tagName} ${node.textContent.trim().slice(0, 40)}`);
  }
  return found;
}"""
SCROLLING = """() => [...document.querySelectorAll('main *')]
  .filter(node => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).overflowX !== 'visible')
  .map(node => node.textContent.trim().slice(0, 80))"""
UNNAMED = "() => [...document.images].filter(image => !image.alt.trim()).map(image => image.src.slice(0, 80))"


ELSEWHERE = "asked of another machine"


def away(url: str) -> bool:
    """Whether something is asked of another machine."""
    return not url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:"))


@dataclass
class Looked:
    """A page that is open, and what its browser complained of: the console, exceptions, requests that failed."""

    page: "Page"
    complaints: list[str] = field(default_factory=list)

    def asked(self, script: str, given: object = None) -> Any:
        """What a script finds in the page."""
        return self.page.evaluate(script, given)

    def unreadable(self, *, least: float = CONTRAST, paper: bool = False) -> Any:
        """Text that stands out less than that from its ground."""
        return self.asked(UNREADABLE, [least, paper])


@contextmanager
def opened(browser: "Browser", address: str, width: int, scheme: Any = "light") -> Iterator[Looked]:
    """A page in a window of that width, for a reader who likes it light or dark."""
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        looked = Looked(context.new_page())
        page, told = looked.page, looked.complaints.append
        page.on("console", lambda said: told(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: told(str(error)))
        page.on("request", lambda request: told(f"{ELSEWHERE}: {request.url[:200]}") if away(request.url) else None)
        page.on("requestfailed", lambda request: told(f"{request.url[:200]} {request.failure}"))
        page.on(
            "response", lambda answer: told(f"{answer.url[:200]} {answer.status}") if answer.status >= 400 else None
        )
        page.goto(address)
        yield looked

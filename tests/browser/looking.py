"""What tests of pages share: a page that is looked at until it is drawn."""

import pathlib

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By

from place import wait_for

AXE = pathlib.Path(__file__).resolve().parents[2] / "build/npm/browser/node_modules/axe-core/axe.min.js"
# With all that is asked for at its begin, and the word whether it is live.
DRAWN = (
    "return document.querySelector('h1') !== null && document.querySelector('[aria-busy=\"true\"]') === null"
    " && document.getElementById('watch').checkVisibility()"
)


class Looker:
    """A browser that was let in by the address that `mirrorctl web` printed."""

    def __init__(self, browser, web):
        self.browser = browser
        self.address = web["address"]
        browser.get(f"{self.address}/#{web['secret']}")
        self.wait_until_drawn()

    def wait_until_drawn(self):
        wait_for("the page", lambda: self.browser.execute_script(DRAWN))

    def open(self, path):
        self.browser.get(self.address + path)
        self.wait_until_drawn()

    def all(self, css):
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def text(self, css="main"):
        return self.browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText).join('\\n')", css
        )

    def see(self, words, css="main"):
        wait_for(f"'{words}' in {css}", lambda: words in self.text(css))

    def button(self, words, css="main"):
        """The one that says so, as soon as it is there."""

        def look():
            return self.browser.execute_script(
                "return [...document.querySelectorAll(arguments[0] + ' button')].find("
                "(one) => one.checkVisibility() && one.innerText.startsWith(arguments[1]))",
                css, words,
            )  # fmt: skip

        return wait_for(f"the button '{words}'", look)

    def press(self, words, css="main"):
        def click():
            try:
                self.button(words, css).click()
                return True
            except StaleElementReferenceException:  # It was drawn anew meanwhile.
                return False

        wait_for(f"a click at '{words}'", click)

    def answer(self, yes, typed=None, text=None):
        """Of a question: fills in what it asks for, presses `yes`, and waits until it is gone."""
        wait_for("the question", lambda: self.all("dialog[open]"))
        field = self.all("dialog input")
        if typed is not None or text is not None:
            field[0].send_keys(typed or text)
        go = self.button(yes, "dialog")
        wait_for("the button to be pressed", go.is_enabled)
        go.click()
        wait_for("the end of the question", lambda: not self.all("dialog"))

    def violations(self):
        """What axe-core has against the page as it is: [rule: elements]."""
        self.browser.execute_script(AXE.read_text())
        found = self.browser.execute_async_script(
            "const done = arguments[0];"
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
            ".then((result) => done(result.violations), (error) => done([{id: String(error), nodes: []}]))"
        )
        return [
            f"{one['id']}: " + "; ".join(node["html"] + " " + node.get("failureSummary", "") for node in one["nodes"][:5])
            for one in found
        ]

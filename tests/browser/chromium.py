"""A Chromium without a window, in light or dark, wide or narrow."""

import base64
import json
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

WIDE, NARROW = (1440, 900), (360, 780)


class Browser(webdriver.Chrome):
    """`dark`: what the system prefers."""

    def __init__(self, size=WIDE, dark=False):
        options = Options()
        self.profile = tempfile.TemporaryDirectory(prefix="chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                         "--disable-background-networking", "--no-first-run", "--force-color-profile=srgb",
                         f"--user-data-dir={self.profile.name}"):  # fmt: skip
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.binary_location = "/usr/bin/chromium"
        super().__init__(options=options, service=Service("/usr/bin/chromedriver"))
        self.look(size, dark)

    def look(self, size, dark):
        self.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def picture(self, path, whole=True):
        """Of the whole page, down to 3,000 px; not `whole`: of what is seen."""
        width, seen, all_of_it = self.execute_script(
            "return [innerWidth, innerHeight, document.documentElement.scrollHeight]"
        )
        shot = self.execute_cdp_cmd(
            "Page.captureScreenshot",
            {"captureBeyondViewport": whole,
             "clip": {"x": 0, "y": 0, "width": width, "height": min(all_of_it, 3000) if whole else seen, "scale": 1}},
        )  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def said(self):
        """What the console has been told since the last time."""
        return [json.dumps(entry["message"]) for entry in self.get_log("browser")]

    def quit(self):
        super().quit()
        self.profile.cleanup()

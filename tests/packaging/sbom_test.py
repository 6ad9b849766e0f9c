#!/usr/bin/python3
"""tools/packaging/sbom.py on packages that this test makes: what CycloneDX 1.5 asks for, and what a bill must say."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "packaging" / "sbom.py"
EPOCH = "1700000000"
VERSION = "0.2.0-1"
# Of the standard's JSON schema, for what a bill of ours has: {key: required}; no other key may be there.
BOM = {"bomFormat": 1, "specVersion": 1, "serialNumber": 0, "version": 0, "metadata": 0, "components": 0, "dependencies": 0}
METADATA = {"timestamp": 0, "lifecycles": 0, "tools": 0, "component": 0}
COMPONENT = dict.fromkeys(("bom-ref", "version", "description", "scope", "hashes", "licenses", "purl", "components"), 0)
COMPONENT |= {"type": 1, "name": 1, "externalReferences": 0, "properties": 0}
TYPES = ("application", "library", "file")


def checked(test, value, keys):
    test.assertLessEqual(set(value), set(keys), value)
    test.assertLessEqual({key for key, required in keys.items() if required}, set(value), value)
    return value


class CycloneDx:
    """What the schema demands of each part."""

    def __init__(self, test, bom):
        self.test, self.refs = test, []
        checked(test, bom, BOM)
        test.assertEqual((bom["bomFormat"], bom["specVersion"]), ("CycloneDX", "1.5"))
        test.assertRegex(bom["serialNumber"], r"^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        test.assertGreaterEqual(bom["version"], 1)
        metadata = checked(test, bom["metadata"], METADATA)
        test.assertRegex(metadata["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        test.assertEqual(metadata["lifecycles"], [{"phase": "build"}])
        for component in [metadata["component"], *metadata["tools"]["components"], *bom["components"]]:
            self.component(component)
        test.assertEqual(len(self.refs), len(set(self.refs)), "a bom-ref stands once")
        for edge in bom["dependencies"]:
            checked(test, edge, {"ref": 1, "dependsOn": 0})
            test.assertLessEqual({edge["ref"], *edge["dependsOn"]}, set(self.refs))
            test.assertEqual(len(edge["dependsOn"]), len(set(edge["dependsOn"])))

    def component(self, component):
        test = self.test
        checked(test, component, COMPONENT)
        test.assertIn(component["type"], TYPES)
        test.assertIn(component.get("scope", "required"), ("required", "optional", "excluded"))
        self.refs += [component["bom-ref"]] if "bom-ref" in component else []
        for one in component.get("hashes", []):
            checked(test, one, {"alg": 1, "content": 1})
            test.assertEqual(one["alg"], "SHA-256")
            test.assertRegex(one["content"], r"^[0-9a-f]{64}$")
        for one in component.get("licenses", []):
            licence = checked(test, checked(test, one, {"license": 1})["license"], {"id": 0, "name": 0})
            test.assertEqual(len(licence), 1, "either of the two")
        for one in component.get("externalReferences", []):
            checked(test, one, {"type": 1, "url": 1})
        for one in component.get("properties", []):
            checked(test, one, {"name": 1, "value": 1})
        for one in component.get("components", []):
            self.component(one)


class Sbom(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="bill "))
        self.addCleanup(shutil.rmtree, self.work)
        self.packages = self.work / "packages"
        self.packages.mkdir()
        self.package("partner-mirror-tools", depends="libc6 (>= 2.34), libsqlite3-0 (>= 3.40) | no-such, python3:any")
        self.package("partner-mirror-doc", depends="partner-mirror-tools (= 0.2.0-1)", architecture="all")

    def package(self, name, depends="", version=VERSION, architecture="amd64"):
        tree = self.work / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "usr" / "bin").mkdir(parents=True)
        (tree / "usr" / "bin" / name).write_text(name)
        fields = {"Package": name, "Version": version, "Architecture": architecture, "Maintainer": "Nobody <n@example.org>"}
        fields |= {"Depends": depends} if depends else {}
        fields["Description"] = f"about {name}\n more of it"
        (tree / "DEBIAN" / "control").write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
        path = self.packages / f"{name}_{version}_{architecture}.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, path], check=True, stdout=subprocess.DEVNULL)
        return path

    def make(self, name="bill.json", **env):
        done = subprocess.run(
            [sys.executable, "-B", SCRIPT, self.packages, self.work / name],
            env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        return done

    def bill(self):
        done = self.make()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads((self.work / "bill.json").read_text())

    def test_it_is_as_the_standard_asks(self):
        bom = self.bill()
        CycloneDx(self, bom)
        self.assertEqual(bom["metadata"]["timestamp"], "2023-11-14T22:13:20Z")

    def test_our_packages_stand_with_their_files_and_sums(self):
        ours = {one["name"]: one for one in self.bill()["components"] if one["bom-ref"].startswith("partner-mirror/")}
        self.assertEqual(sorted(ours), ["partner-mirror-doc", "partner-mirror-tools"])
        tools = ours["partner-mirror-tools"]
        data = (self.packages / f"partner-mirror-tools_{VERSION}_amd64.deb").read_bytes()
        self.assertEqual(tools["hashes"][0]["content"], hashlib.sha256(data).hexdigest())
        self.assertEqual(tools["purl"], "pkg:deb/partner-mirror/partner-mirror-tools@0.2.0-1?arch=amd64")
        (file,) = tools["components"]
        self.assertEqual(file["name"], "/usr/bin/partner-mirror-tools")
        self.assertEqual(file["hashes"][0]["content"], hashlib.sha256(b"partner-mirror-tools").hexdigest())

    def test_what_they_need_stands_with_its_installed_version(self):
        bom = self.bill()
        found = {one["name"]: one for one in bom["components"]}
        shown = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version} ${Architecture}\\n", "libsqlite3-0"], check=True, capture_output=True, text=True
        )
        version, architecture = shown.stdout.splitlines()[0].split()
        sqlite = found["libsqlite3-0"]
        self.assertEqual(sqlite["version"], version)
        self.assertRegex(sqlite["purl"], rf"^pkg:deb/debian/libsqlite3-0@[^ +]+\?arch={architecture}&distro=debian-")
        edges = {edge["ref"]: edge["dependsOn"] for edge in bom["dependencies"]}
        self.assertEqual(edges["partner-mirror/partner-mirror-tools"], ["debian/libc6", "debian/libsqlite3-0", "debian/python3"])
        self.assertEqual(edges["partner-mirror/partner-mirror-doc"], ["partner-mirror/partner-mirror-tools"])
        self.assertIn("debian/libc6", edges["debian/libsqlite3-0"], "what they need in turn, too")

    def test_what_is_compiled_in_stands_with_its_licence(self):
        found = {one["name"]: one for one in self.bill()["components"]}
        for name, licence in {
            "libcli11-dev": "BSD-3-Clause",
            "libtomlplusplus-dev": "MIT",
            "nlohmann-json3-dev": "MIT",
            "libboost1.74-dev": None,
            "libsqlitecpp-dev": "MIT",
        }.items():
            self.assertEqual(found[name]["scope"], "required", name)
            words = [one["license"].get("id") for one in found[name]["licenses"]]
            self.assertTrue(licence is None or licence in words, (name, words))
        self.assertEqual(found["cmake"]["scope"], "excluded")
        self.assertTrue(any(re.fullmatch(r"libstdc\+\+-\d+-dev", name) for name in found), "the compiler's own headers")
        self.assertNotIn("clang", found, "what only tests need is no part")

    def test_the_same_packages_have_the_same_bill(self):
        self.bill()
        self.make("again.json", LC_ALL="C", TZ="Asia/Tokyo", PYTHONHASHSEED="7")
        self.assertEqual((self.work / "bill.json").read_bytes(), (self.work / "again.json").read_bytes())

    def test_what_stands_in_its_way_is_said_and_nothing_is_written(self):
        self.package("partner-mirror-agent", depends="no-such-package (>= 1)")
        done = self.make()
        self.assertEqual(done.returncode, 1)
        self.assertIn("partner-mirror-agent depends on no-such-package", done.stderr)
        self.assertFalse((self.work / "bill.json").exists())
        self.package("partner-mirror-agent", version="0.1.0-1")
        (self.packages / f"partner-mirror-agent_{VERSION}_amd64.deb").unlink()
        self.assertIn("several versions (0.1.0-1, 0.2.0-1)", self.make().stderr)
        for path in self.packages.glob("partner-mirror-agent_*"):
            path.unlink()
        self.package("partner-mirror-tools", architecture="arm64")
        self.assertIn(
            f"partner-mirror-tools_{VERSION}_amd64.deb and partner-mirror-tools_{VERSION}_arm64.deb are both ", self.make().stderr
        )
        for path in self.packages.iterdir():
            path.unlink()
        self.assertIn("no .deb file", self.make().stderr)
        usage = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
        self.assertEqual((usage.returncode, "Usage" in usage.stderr), (2, True))

    def test_a_time_that_is_none_is_said(self):
        for epoch in ("yesterday", "", "9" * 20):
            done = self.make(SOURCE_DATE_EPOCH=epoch)
            self.assertEqual(done.returncode, 1, epoch)
            self.assertIn(f"sbom.py: SOURCE_DATE_EPOCH is '{epoch}', which is not a time", done.stderr)

    def test_a_full_disk_is_said_and_the_bill_before_stays(self):
        self.bill()
        before = (self.work / "bill.json").read_bytes()
        limit = "ulimit -f 1; exec \"$@\""
        command = ["sh", "-c", limit, "sh", sys.executable, "-B", SCRIPT, self.packages, self.work / "bill.json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertRegex(done.stderr, r"^sbom\.py: .*too large.* Nothing was written\.$")
        self.assertEqual((self.work / "bill.json").read_bytes(), before)
        self.assertEqual(sorted(path.name for path in self.work.iterdir()), ["bill.json", "packages", "tree"])

    def test_a_link_and_a_pipe_stay_what_they_are(self):
        bill = json.dumps(self.bill())
        (self.work / "link.json").symlink_to("led_to.json")
        self.assertEqual(self.make("link.json").returncode, 0)
        self.assertTrue((self.work / "link.json").is_symlink())
        self.assertEqual(json.dumps(json.loads((self.work / "led_to.json").read_text())), bill)
        typed = ["bash", "-c", '"$@" >(cat)', "bash", sys.executable, "-B", SCRIPT, self.packages]
        piped = subprocess.run(typed, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH}, capture_output=True, text=True, check=False)
        self.assertEqual((piped.returncode, piped.stderr), (0, ""))
        self.assertEqual(json.dumps(json.loads(piped.stdout)), bill)
        full = self.make("/dev/full")
        self.assertEqual(full.returncode, 1)
        self.assertIn("The bill is incomplete.", full.stderr)
        self.assertTrue(os.path.exists("/dev/full"))


if __name__ == "__main__":
    unittest.main()

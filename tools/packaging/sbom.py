#!/usr/bin/python3
"""Writes the software bill of materials of our packages: CycloneDX 1.5, JSON.

Usage: sbom.py PACKAGES_DIR OUT_FILE

  PACKAGES_DIR  the folder with our .deb files
  OUT_FILE      the bill

What it says comes from the packages' own metadata (dpkg-deb), from what is installed here (dpkg-query): the packages
that ours depend on, with all that those depend on, and the packages of tools/packages.txt that the programs were built
with; and from their /usr/share/doc/*/copyright. Run it where the packages were built. The same packages on the same
machine give the same bytes: the time is SOURCE_DATE_EPOCH, or that of the newest package.
"""

import contextlib
import datetime
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRODUCT = "partner-mirror"
# Of SPDX's list, those that Debian's copyright files name; they are known in any case.
SPDX = "0BSD AFL-2.1 Apache-2.0 BSD-2-Clause BSD-3-Clause BSD-4-Clause BSL-1.0 CC0-1.0 FSFULLR ISC MIT MPL-1.1 MPL-2.0"
SPDX += " OpenSSL X11 Zlib curl"
SPDX_IDS = {word.casefold(): word for word in SPDX.split()} | {"expat": "MIT", "apache-2": "Apache-2.0"}
for family in ("GPL-2", "GPL-3", "LGPL-2", "LGPL-2.1", "LGPL-3", "AGPL-3"):
    spdx = family if "." in family else f"{family}.0"
    SPDX_IDS |= {family.casefold(): f"{spdx}-only", f"{family}+".casefold(): f"{spdx}-or-later"}
FIELDS = ("Package", "Version", "Architecture", "source:Package", "source:Version", "Homepage", "Depends", "Pre-Depends")
FIELDS += ("Provides", "db:Status-Abbrev")


class Trouble(Exception):
    """What stands in the way of a bill, for people."""


def run(*command):
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(map(str, command))}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


# --- Packages as dpkg knows them ---


def names_of(relations):
    """[[alternative, ...], ...] of a Depends field: names alone."""
    groups = []
    for group in relations.split(","):
        names = [re.split(r"[\s(\[:]", one.strip(), maxsplit=1)[0] for one in group.split("|")]
        if names != [""]:
            groups.append(names)
    return groups


class Installed:
    """The packages of this machine."""

    def __init__(self):
        shown = run("dpkg-query", "-W", "-f", "\\t".join(f"${{{field}}}" for field in FIELDS) + "\\n").decode()
        self.packages, self.provided = {}, {}
        for line in shown.splitlines():
            package = dict(zip(FIELDS, line.split("\t"), strict=True))
            if package["db:Status-Abbrev"].strip() != "ii":
                continue
            # Of a package of several architectures the first: ours are built for one.
            self.packages.setdefault(package["Package"], package)
            for (name, *_) in names_of(package["Provides"]):
                self.provided.setdefault(name, []).append(package["Package"])

    def resolve(self, relations, of_whom, ours=()):
        """Names of the installed packages that fulfil them."""
        found = set()
        for alternatives in names_of(relations):
            there = [name for name in alternatives if name in ours or name in self.packages]
            there += [other for name in alternatives for other in sorted(self.provided.get(name, []))]
            if not there:
                raise Trouble(
                    f"{of_whom} depends on {' | '.join(alternatives)}, and that is not installed here, so its version "
                    "is not known. Run this where the packages were built, or install it"
                )
            found.add(there[0])
        return found

    def needs(self, name):
        package = self.packages[name]
        return self.resolve(", ".join(filter(None, (package["Depends"], package["Pre-Depends"]))), name)

    def with_all_needs(self, names):
        seen, left = set(), sorted(names)
        while left:
            name = left.pop()
            if name not in seen:
                seen.add(name)
                left += self.needs(name)
        return seen


def built_with(installed):
    """(-dev packages, tools) of the part "Build" of tools/packages.txt, and of the compiler itself."""
    text = (ROOT / "tools" / "packages.txt").read_text()
    part = re.search(r"^# Build\n(.*?)^# Tests", text, re.DOTALL | re.MULTILINE)
    if not part:
        raise Trouble("tools/packages.txt has no part from '# Build' to '# Tests'")
    names = [line for line in (line.split("#")[0].strip() for line in part[1].splitlines()) if line]
    missing = [name for name in names if name not in installed.packages]
    if missing:
        raise Trouble(f"not installed here, so their versions are not known: {', '.join(missing)}. Run tools/setup")
    # g++ is but a name for that of one version, whose headers are those of the standard library.
    compiler = [name for name in installed.with_all_needs({"g++"}) if re.match(r"g(cc|\+\+)-\d+$|lib.*-dev$", name)]
    names = sorted({*names, *compiler})
    return [name for name in names if name.endswith("-dev")], [name for name in names if not name.endswith("-dev")]


# --- Licences ---


def licences(name):
    """Short names that a machine-readable copyright gives the package's files; none of any other."""
    path = pathlib.Path("/usr/share/doc") / name / "copyright"
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return []
    if not re.match(r"Format(-Specification)?:", text):
        return []
    found = set()
    for paragraph in re.split(r"\n\s*\n", text):
        files = re.search(r"^Files:[ \t]*(.*(?:\n[ \t].*)*)", paragraph, re.MULTILINE)
        licence = re.search(r"^License:[ \t]*(\S.*)$", paragraph, re.MULTILINE)
        # Debian's own files are in no program.
        if files and licence and not all(word.startswith("debian/") for word in files[1].split()):
            found.add(licence[1].strip())
    return sorted(found)


def licence_entries(names):
    words = sorted({word for name in names for word in re.split(r"\s+(?:and|or)\s+|,\s*", name) if word})
    ids = sorted({SPDX_IDS[word.casefold()] for word in words if word.casefold() in SPDX_IDS})
    others = [word for word in words if word.casefold() not in SPDX_IDS]
    return [{"license": {"id": one}} for one in ids] + [{"license": {"name": one}} for one in others]


# --- The bill ---


def purl(vendor, name, version, architecture, **more):
    quoted = urllib.parse.quote(version, safe=":~")
    qualifiers = urllib.parse.urlencode(sorted({"arch": architecture, **more}.items()))
    return f"pkg:deb/{vendor}/{urllib.parse.quote(name)}@{quoted}?{qualifiers}"


def property_of(name, value):
    return {"name": f"{PRODUCT}:{name}", "value": value}


def debian_component(package, use):
    name = package["Package"]
    component = {
        "type": "application" if use == "build tool" else "library",
        "bom-ref": f"debian/{name}",
        "name": name,
        "version": package["Version"],
        # Its code is in no program of ours: CycloneDX calls it excluded.
        "scope": "excluded" if use == "build tool" else "required",
        "purl": purl("debian", name, package["Version"], package["Architecture"], distro=debian_release()),
        "properties": [
            property_of("source", f"{package['source:Package']} {package['source:Version']}"),
            property_of("use", use),
        ],
    }
    if package["Homepage"]:
        component["externalReferences"] = [{"type": "website", "url": package["Homepage"]}]
    found = licence_entries(licences(name))
    if found:
        component["licenses"] = found
    else:
        component["properties"].insert(0, property_of("licence-text", f"/usr/share/doc/{name}/copyright"))
    return component


def debian_release():
    try:
        words = dict(line.rstrip("\n").split("=", 1) for line in open("/etc/os-release") if "=" in line)
    except OSError:
        words = {}
    return f"{words.get('ID', 'debian')}-{words.get('VERSION_ID', '12')}".replace('"', "")


def sha256(data):
    return [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}]


class OurPackage:
    def __init__(self, path):
        self.path = path
        control = run("dpkg-deb", "-f", path).decode()
        self.fields = dict(re.findall(r"^([\w-]+): *(.*(?:\n[ \t].*)*)", control, re.MULTILINE))
        self.name, self.version = self.fields["Package"], self.fields["Version"]
        self.ref = f"{PRODUCT}/{self.name}"
        self.relations = ", ".join(filter(None, map(self.fields.get, ("Depends", "Pre-Depends"))))

    def files(self):
        """A component for each file in it."""
        found = []
        with tarfile.open(fileobj=io.BytesIO(run("dpkg-deb", "--fsys-tarfile", self.path))) as archive:
            for member in archive:
                if member.isfile():
                    path = member.name.removeprefix(".")
                    content = archive.extractfile(member).read()
                    found.append({"type": "file", "bom-ref": f"{self.ref}{path}", "name": path, "hashes": sha256(content)})
        return sorted(found, key=lambda file: file["name"])

    def component(self):
        component = {
            "type": "application",
            "bom-ref": self.ref,
            "name": self.name,
            "version": self.version,
            "description": self.fields.get("Description", "").split("\n")[0],
            "scope": "required",
            "hashes": sha256(self.path.read_bytes()),
            "purl": purl(PRODUCT, self.name, self.version, self.fields["Architecture"]),
            "properties": [property_of("file", self.path.name)],
        }
        if files := self.files():
            component["components"] = files
        return component


def moment(packages):
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        epoch = max(int(package.path.stat().st_mtime) for package in packages)
    try:
        time = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise Trouble(f"SOURCE_DATE_EPOCH is '{epoch}', which is not a time in seconds since 1970: correct or unset it") from None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def bill(folder):
    ours = [OurPackage(path) for path in sorted(pathlib.Path(folder).glob("*.deb"))]
    # Symbols for debuggers are no part of what is installed.
    ours = sorted((one for one in ours if not one.name.endswith("-dbgsym")), key=lambda one: one.name)
    if not ours:
        raise Trouble(f"there is no .deb file in {folder}: make them with tools/package")
    versions = {one.version for one in ours}
    if len(versions) != 1:
        raise Trouble(f"the packages in {folder} are of several versions ({', '.join(sorted(versions))}): remove the old")
    for one, next_one in zip(ours, ours[1:]):
        if one.name == next_one.name:
            raise Trouble(f"{one.path.name} and {next_one.path.name} are both {one.name}: remove one of them")
    installed, names = Installed(), {one.name for one in ours}
    direct = {one.name: installed.resolve(one.relations, one.name, ours=names) for one in ours}
    needed = installed.with_all_needs(set().union(*direct.values()) - names)
    headers, tools = built_with(installed)
    uses = {name: "build tool" for name in tools} | {name: "compiled in" for name in headers}
    uses |= {name: "needed at run time" for name in needed}
    for name in set(headers) & needed:
        uses[name] = "compiled in, needed at run time"

    def ref(name):
        return f"{PRODUCT}/{name}" if name in names else f"debian/{name}"

    def edge(from_ref, to):
        return {"ref": from_ref, "dependsOn": sorted(map(ref, to))}

    version = next(iter(versions))
    edges = [edge(PRODUCT, names | set(headers) | set(tools))]
    edges += [edge(one.ref, direct[one.name]) for one in ours]
    # What only helped to build is named, and not followed.
    edges += [edge(ref(name), installed.needs(name) if name in needed else ()) for name in sorted(uses)]
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": moment(ours),
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": f"{PRODUCT} sbom.py", "version": version}]},
            "component": {"type": "application", "bom-ref": PRODUCT, "name": PRODUCT, "version": version},
        },
        "components": [one.component() for one in ours]
        + [debian_component(installed.packages[name], uses[name]) for name in sorted(uses)],
        "dependencies": sorted(edges, key=lambda one: one["ref"]),
    }
    # Of its content: the same packages have the same bill, whoever makes it.
    text = json.dumps(content, sort_keys=True)
    content["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, text)}"
    return content


def main():
    if len(sys.argv) == 2 and sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    out = pathlib.Path(sys.argv[2])
    # Beside a file first: half a bill would be no JSON. A link, a pipe or a terminal is written to and stays.
    replaces = not out.is_symlink() and (out.is_file() or not out.exists())
    made = out.with_name(f".{out.name}.new") if replaces else out
    state = "Nothing was written"
    try:
        text = json.dumps(bill(sys.argv[1]), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        state = state if replaces else "The bill is incomplete"
        made.write_text(text)
        if replaces:
            made.replace(out)
    except (Trouble, OSError) as trouble:
        if replaces:
            with contextlib.suppress(OSError):
                made.unlink()
        print(f"sbom.py: {trouble}. {state}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Two builds of what is committed, in two folders and without the compiler's cache, give the same packages, byte by byte.
Half an hour and more: tools/nightly runs it.

Usage: reproducible_test.py [WORK_DIR]

  WORK_DIR  the clones are made there, and what differs stays there; default: a temporary folder
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = None
# Of other lengths and depths: what a path gets into is then of another size, too.
FOLDERS = ("one", "another/and-deeper/folder")


def contents(package, folder):
    """The package's files below `folder`, by their path."""
    subprocess.run(["dpkg-deb", "-R", package, folder], check=True)
    return {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()}


class Reproducible(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = WORK
        if WORK is None:
            cls.work = pathlib.Path(tempfile.mkdtemp(prefix="reproducible-"))
            cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        env = {**os.environ, "CCACHE_DISABLE": "1"}
        epoch = ["git", "-C", ROOT, "log", "-1", "--format=%ct"]
        env["SOURCE_DATE_EPOCH"] = subprocess.run(epoch, check=True, capture_output=True, text=True).stdout.strip()
        cls.builds = []
        for number, name in enumerate(FOLDERS):
            folder = cls.work / name
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, folder], check=True)
            # Another time zone, language and mask of modes, as another machine would have.
            env |= {"TZ": ("UTC", "Asia/Tokyo")[number], "LC_ALL": ("C", "C.UTF-8")[number]}
            mask = ("umask 022", "umask 027")[number]
            command = ["sh", "-c", f"{mask} && exec tools/package"]
            subprocess.run(command, cwd=folder, env=env, check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)
            cls.builds.append({path.name: path for path in sorted((folder / "build" / "packages").glob("*.deb"))})

    def test_the_packages_are_the_same_byte_by_byte(self):
        first, second = self.builds
        self.assertEqual(list(first), list(second))
        self.assertGreaterEqual(len(first), 4)
        for name, package in first.items():
            if package.read_bytes() == second[name].read_bytes():
                continue
            trees = [contents(path, self.work / f"{name}-{number}") for number, path in enumerate((package, second[name]))]
            differ = [
                path
                for path in sorted({*trees[0], *trees[1]})
                if path not in trees[0] or path not in trees[1] or trees[0][path].read_bytes() != trees[1][path].read_bytes()
            ]
            self.fail(f"{name} differs in {', '.join(map(str, differ)) or 'times, modes or owners'}")

    def test_no_file_names_the_folder_that_it_was_built_in(self):
        places = [os.fsencode(self.work / name) for name in FOLDERS]
        for number, build in enumerate(self.builds):
            for name, package in build.items():
                folder = self.work / f"names-{number}-{name}"
                for path, file in contents(package, folder).items():
                    self.assertNotIn(places[number], file.read_bytes(), f"{name}: {path}")
                shutil.rmtree(folder)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        sys.exit(0)
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        WORK = pathlib.Path(sys.argv.pop(1)).resolve()
        WORK.mkdir(parents=True, exist_ok=True)
    unittest.main()

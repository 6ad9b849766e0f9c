#!/usr/bin/python3
"""The build with the thread sanitizer refuses who reads or writes what a lock guards without it."""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]

# Each line that is marked is refused, and no other one.
CODE = """\
#include "base/mutex.h"
namespace mirror {
class Kept {
 public:
  int Read() { const MutexLock lock(mutex_); return value_; }
  int ReadBare() { return value_; }  // wrong
  void Write() { const MutexLock lock(mutex_); SetTo(1); }
  void WriteBare() { SetTo(1); }  // wrong
  void Pause() MIRROR_REQUIRES(mutex_) { { const MutexUnlock unlocked(mutex_); } ++value_; }
  void WriteInPause() MIRROR_REQUIRES(mutex_) { const MutexUnlock unlocked(mutex_); ++value_; }  // wrong
  void Wait() { const MutexLock lock(mutex_); while (value_ == 0) changed_.Wait(mutex_); }
  void WaitBare() { changed_.Wait(mutex_); }  // wrong
  void Both() { const MutexLock first(mutex_); const MutexLock second(last_); }
  void Swapped() { const MutexLock second(last_); const MutexLock first(mutex_); }  // wrong
  int Share() { const ReaderLock lock(shared_mutex_); return shared_; }
  void WriteShared() { const ReaderLock lock(shared_mutex_); ++shared_; }  // wrong
  void Twice() { const MutexLock lock(mutex_); Outside(); }  // wrong
  void Outside() MIRROR_EXCLUDES(mutex_);

 private:
  void SetTo(int value) MIRROR_REQUIRES(mutex_) { value_ = value; }
  Mutex mutex_ MIRROR_ACQUIRED_BEFORE(last_);
  Mutex last_;
  CondVar changed_;
  int value_ MIRROR_GUARDED_BY(mutex_) = 0;
  SharedMutex shared_mutex_;
  int shared_ MIRROR_GUARDED_BY(shared_mutex_) = 0;
};
}  // namespace mirror
"""


def preset():
    """Compiler and warnings of the build with the thread sanitizer."""
    presets = json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]
    variables = next(each for each in presets if each["name"] == "tsan")["cacheVariables"]
    flags = [flag for flag in variables["CMAKE_CXX_FLAGS"].split() if "thread-safety" in flag]
    return [variables["CMAKE_CXX_COMPILER"]] + flags


def compiled(code):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "kept.cc"
        file.write_text(code)
        command = preset() + ["-fsyntax-only", "-std=c++20", "-ferror-limit=0", "-I", ROOT, file]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)


class ThreadSafety(unittest.TestCase):
    def test_wrong_lines_are_refused(self):
        done = compiled(CODE)
        wrong = [number for number, line in enumerate(CODE.splitlines(), 1) if line.endswith("// wrong")]
        refused = [int(number) for number in re.findall(r"kept\.cc:(\d+):\d+: error: ", done.stderr)]
        self.assertEqual(refused, wrong, done.stderr)
        self.assertNotEqual(done.returncode, 0)

    def test_right_lines_are_taken(self):
        done = compiled("".join(line + "\n" for line in CODE.splitlines() if not line.endswith("// wrong")))
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()

"""Puts many tests of a build folder into one process: a process of its own costs more than most tests do, and one that needs
PostgreSQL makes a whole one. Tests of one suite go together, at most GROUP_MAX of them. MIRROR_TEST_TIMES=3 in the environment:
on a slow machine each may take three times as long.
"""

import json
import os
import subprocess

GROUP_MAX = 20
# Tests with such a time limit start and kill whole programs. Few of them share a process, and they start first, so that none
# runs alone at the end.
LONG_S, LONG_GROUP_MAX = 900, 5
NAME_MAX = 60
TIMEOUT_MAX = 1800
FILTER = "--gtest_filter="


def read(folder, arguments, skip_unbuilt=False):
    """Each test that is selected: its name, its command and its properties. One whose program is not built is left out, or
    ends this program."""
    command = ["ctest", "--test-dir", folder, "--show-only=json-v1", *arguments]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    for test in json.loads(listed)["tests"]:
        if "command" not in test:
            if skip_unbuilt:
                continue
            raise SystemExit(f"{test['name']} is not built")
        properties = {one["name"]: one["value"] for one in test.get("properties", [])}
        yield test["name"], test["command"], properties


def filter_of(command):
    return next((word[len(FILTER) :] for word in command if word.startswith(FILTER)), None)


def grouped(tests):
    """Returns lists of tests; each list runs in one process."""
    begun, groups = {}, []
    for test in tests:
        _, command, properties = test
        wanted = filter_of(command)
        key = json.dumps([command[0], wanted and wanted.rsplit(".", 1)[0], properties], sort_keys=True)
        most = LONG_GROUP_MAX if properties.get("TIMEOUT", 0) >= LONG_S else GROUP_MAX
        if wanted and len(begun.get(key, ())) in range(1, most):
            begun[key].append(test)
        else:
            begun[key] = [test]
            groups.append(begun[key])
    return groups


def patient(properties):
    times = int(os.environ.get("MIRROR_TEST_TIMES", "1"))
    return {**properties, "TIMEOUT": min(properties["TIMEOUT"] * times, max(TIMEOUT_MAX, properties["TIMEOUT"]))} if "TIMEOUT" in properties else properties


def of_group(group, number):
    name, command, properties = group[0]
    if "TIMEOUT" in properties:
        properties = {"COST": properties["TIMEOUT"], **properties}
    if filter_of(command) is not None:
        # Tests that are skipped are counted in the output. With this property ctest calls a process skipped also when it failed.
        properties = {key: value for key, value in properties.items() if key != "SKIP_REGULAR_EXPRESSION"}
    if len(group) == 1:
        # ctest pads all names to the longest, and a parameter can be very long.
        return name if len(name) <= NAME_MAX else f"{name[:NAME_MAX]} {number}", command, patient(properties)
    together = FILTER + ":".join(filter_of(each) for _, each, _ in group)
    command = [together if word.startswith(FILTER) else word for word in command]
    if "TIMEOUT" in properties:
        properties["TIMEOUT"] = min(properties["TIMEOUT"] * len(group), TIMEOUT_MAX)
    return f"{name.rsplit('.', 1)[0][:NAME_MAX]} {number} ({len(group)})", command, patient(properties)


def quoted(value):
    text = ";".join(map(str, value)) if isinstance(value, list) else str(value).upper() if value in (True, False) else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'


def statements(name, command, properties):
    yield f"add_test({quoted(name)} {' '.join(map(quoted, command))})"
    for key, value in properties.items():
        yield f"set_tests_properties({quoted(name)} PROPERTIES {key} {quoted(value)})"


def write(out, processes):
    """Writes a folder for `ctest --test-dir` with these processes, each (name, command, properties)."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "CTestTestfile.cmake", "w", encoding="utf-8") as file:
        for process in processes:
            file.writelines(f"{line}\n" for line in statements(*process))

"""Programs that are started, asked and stopped. Every one of them ends with the benchmark."""

import json
import os
import signal
import subprocess
import time


class Failed(Exception):
    """A sentence for people: what was run and what it said."""


def last_words(path):
    try:
        with open(path, errors="replace") as text:
            return " | ".join(line.strip() for line in text.readlines()[-3:] if line.strip())
    except OSError:
        return ""


def whole(command, timeout=None, **more):
    """A program with all that it starts: when it is interrupted, nothing of it goes on. Gives its exit code and
    what it printed."""
    with subprocess.Popen(command, start_new_session=True, **more) as process:
        try:
            said = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, said


def run(command, timeout=600, **more):
    """Runs a program to its end and gives what it printed."""
    more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
    try:
        code, (out, errors) = whole(command, timeout, **more)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end within {timeout} s") from None
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    if code != 0:
        said = " | ".join((errors or out).strip().splitlines()[-3:])
        raise Failed(f"{os.path.basename(command[0])} ended with {code}: {said}")
    return out


class Process:
    """A program that runs beside. A session of its own: Ctrl-C reaches the benchmark first, which then stops
    everything in order."""

    def __init__(self, command, log, **more):
        self.name = os.path.basename(command[0])
        self.log = log
        with open(log, "wb") as errors:
            try:
                self.popen = subprocess.Popen(command, stderr=errors, start_new_session=True, **more)
            except OSError as error:
                raise Failed(f"{self.name}: {error.strerror}") from None

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def stop(self, how=signal.SIGTERM, patience=20):
        if self.running():
            self.popen.send_signal(how)
            try:
                self.popen.wait(patience)
            except subprocess.TimeoutExpired:
                os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe:
                pipe.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Steps(Process):
    """A program that takes a step on each line and answers with a line of JSON."""

    def __init__(self, command, log):
        super().__init__(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def step(self, text):
        try:
            self.popen.stdin.write(text + "\n")
            self.popen.stdin.flush()
            answer = self.popen.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise Failed(f"{self.name}, step '{text}': {last_words(self.log) or 'it ended without a message'}")
        return json.loads(answer)

    def rate(self, text):
        """Rows per second of a step."""
        answer = self.step(text)
        return answer["rows"] / answer["seconds"]

    def __exit__(self, *_):
        try:
            self.popen.stdin.close()
            self.popen.wait(20)
        except (OSError, subprocess.TimeoutExpired):
            pass
        self.stop()


def wait_until(ready, what, seconds=60, process=None, pause=0.02):
    """Asks `ready` until it says yes."""
    end = time.monotonic() + seconds
    while not ready():
        if process is not None and not process.running():
            raise Failed(f"{process.name} ended: {last_words(process.log)}")
        if time.monotonic() > end:
            raise Failed(f"{what} did not happen within {seconds} s")
        time.sleep(pause)

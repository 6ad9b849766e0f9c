"""A client of the server's HTTP door, for tests: every answer goes through openapi_check.

  door = HttpDoor("http://127.0.0.1:8080", key=owner)
  door.request("POST", "/v2/storages", json={"name": "Acme"}).expect(201).json()["id"]
  door.request("PUT", upsert, key=reader, json=rows).expect(403)
  form = multipart_form({"storageId": "Acme"}, File("partners.csv", csv))
  door.request("POST", "/jobs/importjobs", body=form).expect(201)
"""

import dataclasses
import http.client
import json as json_text
import os
import select
import shlex
import sys
import threading
import urllib.parse

import openapi_check

SHOWN_MAX = 2000
NO_KEY = ""


@dataclasses.dataclass(frozen=True)
class File:
    name: str
    content: bytes
    content_type: str = "application/octet-stream"


@dataclasses.dataclass(frozen=True)
class Form:
    content_type: str
    content: bytes


def multipart_form(fields, file=None, file_field="file"):
    """multipart/form-data of `fields`, a dict or pairs, whose values are texts or lists of them, and of a file."""
    pairs = fields.items() if hasattr(fields, "items") else fields
    boundary = f"mirror-{os.urandom(16).hex()}"
    parts = []
    for name, value in pairs:
        for one in [value] if isinstance(value, str) else value:
            parts.append((f'form-data; name="{name}"', None, one.encode()))
    if file is not None:
        # As browsers do: https://html.spec.whatwg.org/#multipart-form-data
        name = file.name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        parts.append((f'form-data; name="{file_field}"; filename="{name}"', file.content_type, file.content))
    made = b""
    for disposition, content_type, content in parts:
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
        if content_type:
            head += f"Content-Type: {content_type}\r\n"
        made += head.encode() + b"\r\n" + content + b"\r\n"
    return Form(f"multipart/form-data; boundary={boundary}", made + f"--{boundary}--\r\n".encode())


class Answer:
    """`headers`: names in lower case."""

    def __init__(self, asked, status, headers, body):
        self.asked, self.status, self.headers, self.body = asked, status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json_text.loads(self.body)

    def lines(self):
        """Those of a stream of JSON, the last one included."""
        return [json_text.loads(line) for line in self.text.rstrip("\n").split("\n")]

    def expect(self, status):
        """Itself, when it has this status."""
        assert self.status == status, f"{status} was expected, and this came:\n{self}"
        return self

    def __str__(self):
        head = [f"HTTP {self.status}", *(f"{name}: {value}" for name, value in self.headers.items())]
        body = self.body[:SHOWN_MAX].decode("utf-8", "replace")
        more = f"… ({len(self.body)} bytes)" if len(self.body) > SHOWN_MAX else ""
        return "\n".join([f"$ {self.asked}", *(f"< {line}" for line in head), f"{body}{more}"])


def as_curl(method, url, headers, body):
    """What a person would type. The key is not shown."""
    words = ["curl", "-i", "-X", method, url]
    for name, value in headers.items():
        words += ["-H", f"{name}: {'***' if name.lower() == 'x-api-key' else value}"]
    if isinstance(body, bytes) and body:
        shown = body[:SHOWN_MAX].decode("utf-8", "replace")
        words += ["--data-binary", shown if len(body) <= SHOWN_MAX else f"{shown}… ({len(body)} bytes)"]
    elif body:
        words += ["--data-binary", "@-"]
    return shlex.join(words)


class HttpDoor:
    """Each thread that asks has a connection of its own, which is kept for its next request.

    `url`: of the server, with its base path where it has one. `key`: what requests show that name none. `tls`: an
    ssl.SSLContext, for https. No redirection is followed, and nothing is sent a second time."""

    def __init__(self, url, key=None, tls=None, timeout=60, check=None, tells=True):
        parts = urllib.parse.urlsplit(url)
        self.origin, self.base = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        self.is_tls, self.host, self.port = parts.scheme == "https", parts.hostname, parts.port
        self.key, self.tls, self.timeout = key, tls, timeout
        self.check = check or openapi_check.OpenApiCheck()
        # What is not answered is printed.
        self.connections_made, self.tells = 0, tells
        self._lock, self._of_thread, self._all = threading.Lock(), threading.local(), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connections of all threads."""
        with self._lock:
            for connection in self._all:
                connection.close()

    def request(self, method, path, key=None, json=None, body=None, headers=None, query=None, documented=True):
        """Asks, and has the answer checked.

        `path`: below the server's base path; or a whole URL of this server's, as an uploadLink. `query`: a dict or pairs.
        `key`: another one than the door's, or NO_KEY. `body`: bytes, a Form, or what http.client takes, as a file or pieces,
        which are sent chunked. `documented`: False for a call that the document does not have, and that is to be refused."""
        path = self._path(path) + (f"?{urllib.parse.urlencode(query, doseq=True)}" if query else "")
        fields, body = self._fields(key, json, body, headers)
        asked = as_curl(method, f"{self.origin}{path}", fields, body)
        try:
            response, content = self._exchange(method, path, fields, body)
        except (OSError, http.client.HTTPException):
            if self.tells:
                print(f"$ {asked}\nwas not answered:", file=sys.stderr)
            raise
        answer = Answer(asked, response.status, {name.lower(): value for name, value in response.getheaders()}, content)
        check = self.check.check_answer if documented else self.check.check_refusal
        try:
            check(method, path, answer.status, answer.headers, answer.body)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{answer}") from error
        return answer

    def _path(self, path):
        if not path.startswith(("http://", "https://")):
            return self.base + path
        parts = urllib.parse.urlsplit(path)
        origin = f"{parts.scheme}://{parts.netloc}"
        assert origin == self.origin, f"{origin} is another server than {self.origin}: make an HttpDoor for it"
        return urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))

    def _fields(self, key, json, body, headers):
        fields = {}
        key = self.key if key is None else key
        if key:
            fields["X-API-KEY"] = key
        if json is not None:
            assert body is None, "a request has one body"
            body = json_text.dumps(json).encode()
            fields["Content-Type"] = "application/json"
        if isinstance(body, Form):
            fields["Content-Type"], body = body.content_type, body.content
        # One that is given takes the place of one of ours, however it is spelled.
        given = headers or {}
        fields = {name: value for name, value in fields.items() if name.lower() not in {one.lower() for one in given}}
        return {**fields, **given}, body

    def _exchange(self, method, path, fields, body):
        connection = self._connection()
        try:
            try:
                connection.request(method, path, body=body, headers=fields)
            except (BrokenPipeError, ConnectionResetError):
                # A request that is refused before its body was read: the answer may be there.
                pass
            response = connection.getresponse()
            return response, response.read()
        except BaseException:
            connection.close()
            raise

    def _connection(self):
        """This thread's, unless the server has closed it since."""
        connection = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._made()
            self._of_thread.connection = connection
        if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
            connection.close()
        if connection.sock is None:
            connection.connect()
            with self._lock:
                self.connections_made += 1
        return connection

    def _made(self):
        if self.is_tls:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=self.tls)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        with self._lock:
            self._all.append(connection)
        return connection

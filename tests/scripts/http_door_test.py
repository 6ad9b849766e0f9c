#!/usr/bin/python3
"""tests/support/http_door.py, with a server of Python's own that answers what it is told to."""

import email.parser
import email.policy
import http.server
import io
import json
import pathlib
import socket
import sys
import threading
import unittest
from contextlib import redirect_stderr

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import http_door  # noqa: E402
from http_door import NO_KEY, File, HttpDoor, multipart_form  # noqa: E402

EMPTY = {"limit": 100, "startAfter": None, "nextStartAfter": None, "total": 0, "values": []}
REFUSED = {"status": 413, "code": "OUT_OF_RANGE", "message": "Too large. Nothing was done. Send less."}
BOUND_S = 20


class Server:
    """`answer`: (status, headers, body) of each request, as long as it is that. `asked`: (method, path, headers, body)."""

    def __init__(self, test):
        self.answer, self.asked, self.peers, self.reads_bodies = (200, {}, EMPTY), [], [], True
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                outer.peers.append(self.connection)

            def log_message(self, *_):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except OSError:  # The test closed it.
                    self.close_connection = True

            def any_method(self):
                body = self.body() if outer.reads_bodies else None
                outer.asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                status, headers, content = outer.answer
                content = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def body(self):
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                whole = b""
                while size := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole

            do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = any_method

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        test.addCleanup(server.server_close)
        test.addCleanup(thread.join)
        test.addCleanup(server.shutdown)


class Doors(unittest.TestCase):
    def setUp(self):
        self.server = Server(self)
        self.door = HttpDoor(self.server.url, key="of-the-door", timeout=BOUND_S)
        self.addCleanup(self.door.close)

    def last(self):
        return self.server.asked[-1]

    def test_a_request_is_sent_as_it_is_said(self):
        answer = self.door.request("GET", "/v2/storages", query={"limit": 5, "startAfter": "a b"}).expect(200)
        self.assertEqual(answer.json(), EMPTY)
        self.assertEqual(json.loads(answer.text), EMPTY)
        self.assertEqual(answer.headers["content-type"], "application/json")
        method, path, headers, body = self.last()
        self.assertEqual((method, path, body), ("GET", "/v2/storages?limit=5&startAfter=a+b", b""))
        self.assertEqual(headers["x-api-key"], "of-the-door")

    def test_another_key_or_none(self):
        self.door.request("GET", "/v2/storages", key="another")
        self.assertEqual(self.last()[2]["x-api-key"], "another")
        self.door.request("GET", "/v2/storages", key=NO_KEY)
        self.assertNotIn("x-api-key", self.last()[2])

    def test_json_and_headers(self):
        self.server.answer = (409, {}, {"status": 409, "code": "ALREADY_EXISTS", "message": "Taken."})
        self.door.request("POST", "/v2/storages", json={"name": "Ä"}, headers={"Idempotency-Key": "1"}).expect(409)
        _, _, headers, body = self.last()
        self.assertEqual((json.loads(body), headers["content-type"], headers["idempotency-key"]), ({"name": "Ä"}, "application/json", "1"))
        self.door.request("POST", "/v2/storages", json={}, headers={"content-type": "text/plain"})
        self.assertEqual(self.last()[2]["content-type"], "text/plain")

    def test_below_a_base_path_and_by_a_link(self):
        with HttpDoor(f"{self.server.url}/data-exchange/rest", timeout=BOUND_S) as door:
            door.request("GET", "/v2/storages")
            self.assertEqual(self.last()[1], "/data-exchange/rest/v2/storages")
            door.request("GET", f"{self.server.url}/v2/storages?limit=1")
            self.assertEqual(self.last()[1], "/v2/storages?limit=1")
            with self.assertRaisesRegex(AssertionError, "http://two.example is another server"):
                door.request("GET", "http://two.example/v2/storages")

    def test_a_form_is_what_a_reader_of_forms_reads(self):
        self.server.answer = (201, {}, {"id": "1", "progress": 0, "status": "SCHEDULED"})
        form = multipart_form(
            {"storageId": "Acme", "featuresOn": ["UPSERT_BY_EXTERNAL_ID", "ü"]}, File('a "b".csv', b"a;b\r\n\x00\xff", "text/csv")
        )
        self.door.request("POST", "/jobs/importjobs", body=form).expect(201)
        _, _, headers, body = self.last()
        whole = f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + body
        parts = list(email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(whole).iter_parts())
        names = [part.get_param("name", header="content-disposition") for part in parts]
        self.assertEqual(names, ["storageId", "featuresOn", "featuresOn", "file"])
        self.assertEqual([part.get_payload(decode=True) for part in parts[:3]], [b"Acme", b"UPSERT_BY_EXTERNAL_ID", "ü".encode()])
        self.assertEqual(parts[3].get_payload(decode=True), b"a;b\r\n\x00\xff")
        self.assertEqual((parts[3].get_content_type(), parts[3].get_filename()), ("text/csv", "a %22b%22.csv"))

    def test_pieces_are_sent_chunked(self):
        self.server.answer = (200, {"Content-Length": "0"}, b"")
        self.door.request("PUT", "/files/upload/secret", body=(piece for piece in (b"a", b"bc")))
        self.assertEqual(self.last()[3], b"abc")

    def test_a_connection_is_kept(self):
        for _ in range(3):
            self.door.request("GET", "/v2/storages")
        self.assertEqual(self.door.connections_made, 1)
        self.server.answer = (200, {"Connection": "close"}, EMPTY)
        self.door.request("GET", "/v2/storages")
        self.door.request("GET", "/v2/storages")
        self.assertEqual(self.door.connections_made, 2)

    def test_one_that_the_server_has_closed_is_made_anew(self):
        self.door.request("GET", "/v2/storages")
        self.server.peers[0].shutdown(socket.SHUT_RDWR)
        self.door._of_thread.connection.sock.settimeout(BOUND_S)
        self.assertEqual(self.door._of_thread.connection.sock.recv(1, socket.MSG_PEEK), b"", "closed, and the client knows")
        self.door.request("GET", "/v2/storages")
        self.assertEqual((self.door.connections_made, len(self.server.asked)), (2, 2))

    def test_each_thread_has_its_own(self):
        together = threading.Barrier(3)

        def ask():
            together.wait(BOUND_S)
            self.door.request("GET", "/v2/storages")

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((self.door.connections_made, len(self.server.asked)), (3, 3))

    def test_a_refusal_before_the_body_is_read(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        content = json.dumps(REFUSED).encode()
        whole = b"HTTP/1.1 413 Too Large\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
        whole += f"{len(content)}\r\n\r\n".encode() + content

        def refuse():
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(BOUND_S)
                peer.recv(1000)
                peer.sendall(whole)

        thread = threading.Thread(target=refuse)
        thread.start()
        self.addCleanup(thread.join)
        with HttpDoor(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=BOUND_S) as door:
            # More than the kernel takes for a peer that does not read.
            door.request("PUT", "/files/upload/secret", body=b"x" * 30_000_000).expect(413)

    def test_an_answer_that_does_not_fit_is_shown_as_a_person_would_ask_for_it(self):
        self.server.answer = (200, {}, {**EMPTY, "values": [{"id": "a"}]})
        with self.assertRaises(AssertionError) as caught:
            self.door.request("GET", "/v2/storages", query={"limit": 1})
        words = str(caught.exception)
        self.assertIn("listStorages 200: /values/0: the member 'name' is missing", words)
        self.assertIn(f"$ curl -i -X GET '{self.server.url}/v2/storages?limit=1' -H 'X-API-KEY: ***'", words)
        self.assertIn("< HTTP 200\n", words)
        self.assertIn("< content-type: application/json", words)
        self.assertIn('"values": [{"id": "a"}]', words)
        self.assertNotIn("of-the-door", words)

    def test_another_status_is_shown_in_the_same_way(self):
        self.server.answer = (401, {}, {"status": 401, "code": "UNAUTHENTICATED", "message": "No key."})
        with self.assertRaisesRegex(AssertionError, r"(?s)200 was expected.*\$ curl .*< HTTP 401.*No key\."):
            self.door.request("POST", "/v2/storages", json={"name": "x" * 5000}).expect(200)

    def test_what_is_not_in_the_document_has_to_be_refused(self):
        with self.assertRaisesRegex(AssertionError, "is no call of the document"):
            self.door.request("PATCH", "/v2/storages")
        with self.assertRaisesRegex(AssertionError, "is refused with one of"):
            self.door.request("PATCH", "/v2/storages", documented=False)
        self.server.answer = (405, {"Allow": "GET, POST"}, {"status": 405, "code": "UNIMPLEMENTED", "message": "There is no such call."})
        self.door.request("PATCH", "/v2/storages", documented=False).expect(405)

    def test_one_that_is_not_answered_says_what_was_asked(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        said = io.StringIO()
        with HttpDoor(f"http://127.0.0.1:{port}", key="secret") as door, redirect_stderr(said), self.assertRaises(OSError):
            door.request("GET", "/healthz")
        self.assertIn(f"$ curl -i -X GET http://127.0.0.1:{port}/healthz", said.getvalue())
        self.assertNotIn("secret", said.getvalue())

    def test_lines_of_a_stream(self):
        self.server.answer = (200, {"Content-Type": "application/x-ndjson"}, b'{"a":"\xe2\x80\xa8"}\n{"_end":true,"rows":1,"lsn":4}\n')
        answer = self.door.request("GET", "/v4/storages/Acme/records/t", headers={"Accept": "application/x-ndjson"})
        self.assertEqual(answer.lines(), [{"a": "\u2028"}, {"_end": True, "rows": 1, "lsn": 4}])

    def test_every_answer_is_counted(self):
        self.door.request("GET", "/v2/storages")
        self.assertEqual(self.door.check.seen, {("listStorages", 200)})

    def test_a_long_body_is_cut_where_it_is_shown(self):
        words = http_door.as_curl("PUT", "http://a/b", {}, b"x" * 5000)
        self.assertLess(len(words), 2200)
        self.assertIn("(5000 bytes)", words)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
"""The door of `mirrorctl web`, without a browser: who is let in, and what each answer says.

Usage: door_test.py BIN_DIR [unittest arguments]
"""

import http.client
import json
import pathlib
import sys
import unittest

from place import Place

BIN = None


class Door(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place(BIN)
        cls.addClassCleanup(cls.place.close)
        cls.place.init()
        cls.place.start_server()

    def setUp(self):
        self.web = self.place.web()
        self.authority = self.web["address"].removeprefix("http://")
        self.addCleanup(self.place.stop, self.web["process"])

    def ask(self, method, path, body=None, bearer=None, **fields):
        """(status, fields in lower case, text)"""
        connection = http.client.HTTPConnection(self.authority, timeout=30)
        self.addCleanup(connection.close)
        sent = {"Host": self.authority} | {name.replace("_", "-"): value for name, value in fields.items()}
        if bearer:
            sent["Authorization"] = f"Bearer {bearer}"
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=sent)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()

    def enter(self, secret=None):
        return self.ask("POST", "/api/session", {"secret": secret or self.web["secret"]}, Origin=self.web["address"])

    def bearer(self):
        status, _, text = self.enter()
        self.assertEqual(status, 200)
        return json.loads(text)["bearer"]

    def test_the_secret_is_good_once(self):
        self.assertEqual(self.enter("0" * 64)[0], 401)
        self.assertEqual(self.enter(self.web["secret"][:-1])[0], 401)
        self.assertEqual(self.enter()[0], 200)
        status, _, text = self.enter()
        self.assertEqual(status, 401)
        self.assertIn("works only once", text)

    def test_a_call_without_the_bearer_is_refused_and_with_it_answered(self):
        for path in ("/api/about", "/api/events", "/api/live", "/api/tenants/Cust26759",
                     "/api/tenants/Cust26759/history?table=a&key=1", "/api/no/such/call"):  # fmt: skip
            self.assertEqual(self.ask("GET", path)[0], 401, path)
        self.assertEqual(self.ask("GET", "/api/about", bearer="0" * 64)[0], 401)
        self.assertEqual(self.ask("GET", "/api/about", bearer=self.web["secret"])[0], 401)
        bearer = self.bearer()
        status, _, text = self.ask("GET", "/api/about", bearer=bearer)
        self.assertEqual(status, 200)
        self.assertIs(json.loads(text)["operator"], True)
        self.assertEqual(self.ask("GET", "/api/no/such/call", bearer=bearer)[0], 404)

    def test_the_bearer_in_an_address_or_a_cookie_is_none(self):
        bearer = self.bearer()
        self.assertEqual(self.ask("GET", f"/api/about?bearer={bearer}&authorization=Bearer+{bearer}")[0], 401)
        self.assertEqual(self.ask("GET", "/api/about", Cookie=f"bearer={bearer}; authorization=Bearer {bearer}")[0], 401)

    def test_another_host_is_refused_whatever_the_path(self):
        bearer = self.bearer()
        port = self.authority.split(":")[1]
        for host in (f"localhost:{port}", "127.0.0.1", f"evil.example:{port}", f"{self.authority}.evil.example",
                     f"127.0.0.1:{int(port) + 1}", f"[::1]:{port}", f"0.0.0.0:{port}", ""):  # fmt: skip
            for path in ("/", "/app.js", "/api/about"):
                self.assertEqual(self.ask("GET", path, bearer=bearer, Host=host)[0], 403, (host, path))

    def test_another_origin_is_refused_and_a_post_says_its_own(self):
        bearer = self.bearer()
        for origin in ("http://evil.example", "null", f"https://{self.authority}", f"http://{self.authority}/",
                       f"http://localhost:{self.authority.split(':')[1]}", f"http://{self.authority}0"):  # fmt: skip
            self.assertEqual(self.ask("GET", "/api/about", bearer=bearer, Origin=origin)[0], 403, origin)
            self.assertEqual(self.ask("POST", "/api/session", {"secret": "x"}, Origin=origin)[0], 403, origin)
        self.assertEqual(self.ask("POST", "/api/tenants/Cust26759/pause", {}, bearer=bearer)[0], 403)
        self.assertEqual(
            self.ask("POST", "/api/tenants/Cust26759/pause", {}, bearer=bearer, Origin=self.web["address"])[0], 404
        )

    def test_a_second_field_of_those_that_decide_is_refused(self):
        bearer = self.bearer()
        for name, value in (("Origin", self.web["address"]), ("Authorization", f"Bearer {bearer}")):
            connection = http.client.HTTPConnection(self.authority, timeout=30)
            self.addCleanup(connection.close)
            connection.putrequest("GET", "/api/about")
            connection.putheader("Authorization", f"Bearer {bearer}")
            for _ in range(1 if name == "Authorization" else 2):
                connection.putheader(name, value)
            connection.endheaders()
            self.assertEqual(connection.getresponse().status, 400, name)

    def test_each_answer_guards_itself_and_none_sets_a_cookie(self):
        for method, path in (("GET", "/"), ("GET", "/style.css"), ("GET", "/no/such/page"), ("GET", "/none.js"),
                             ("GET", "/api/about"), ("DELETE", "/"), ("GET", "/%2f"), ("GET", "/../x")):  # fmt: skip
            status, fields, _ = self.ask(method, path)
            policy = fields["content-security-policy"]
            self.assertTrue(policy.startswith("default-src 'none'"), (path, status))
            for part in ("require-trusted-types-for 'script'", "trusted-types 'none'", "frame-ancestors 'none'"):
                self.assertIn(part, policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual(fields["x-content-type-options"], "nosniff")
            self.assertEqual(fields["referrer-policy"], "no-referrer")
            self.assertEqual(fields["cache-control"], "no-store")
            self.assertNotIn("set-cookie", fields)
            self.assertNotIn("access-control-allow-origin", fields)

    def test_methods_and_bodies_that_no_page_sends_are_refused(self):
        bearer = self.bearer()
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            self.assertEqual(self.ask(method, "/api/about", bearer=bearer)[0], 405, method)
        self.assertEqual(self.ask("POST", "/", {})[0], 405)
        here = {"bearer": bearer, "Origin": self.web["address"]}
        self.assertEqual(self.ask("POST", "/api/tenants/Cust26759/pause", {"reason": "x" * 70_000}, **here)[0], 413)
        for body in (["a list"], {"reason": 7}, {"tables": "person"}, {"all": "yes"}):
            self.assertEqual(self.ask("POST", "/api/tenants/Cust26759/pause", body, **here)[0], 400, body)

    def test_what_is_given_as_a_page_is_only_what_was_built_in(self):
        for path in ("/etc.passwd", "/CMakeLists.txt", "/web_door.cc", "/pages.css"):
            self.assertEqual(self.ask("GET", path)[0], 404, path)
        self.assertIn("text/javascript", self.ask("GET", "/app.js")[1]["content-type"])
        self.assertIn("image/svg+xml", self.ask("GET", "/favicon.svg")[1]["content-type"])

    def test_the_pages_name_nothing_of_elsewhere_and_make_no_html(self):
        pages = pathlib.Path(__file__).resolve().parents[2] / "tools" / "mirrorctl" / "web" / "pages"
        for path in pages.iterdir():
            text = path.read_text().replace("http://www.w3.org/2000/svg", "")
            for word in ("http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
                self.assertNotIn(word, text, path.name)

    def test_a_port_that_is_taken_is_told(self):
        taken = self.authority.split(":")[1]
        done = self.place.ctl("web", "--port", taken, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the pages cannot be served", done.stderr)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)

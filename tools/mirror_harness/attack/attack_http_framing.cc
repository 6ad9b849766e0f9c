// Requests that two programs might read differently, at the door for JSON: whatever is unclear is refused,
// the connection is closed, and nothing of it is read as another request.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/attack_http.h"
#include "tools/mirror_harness/attack/http_victim.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

/// What an attacker would have answered as a request of somebody else's.
constexpr char kHidden[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// The request line and a key; the Host where it is wanted.
std::string Begin(const HttpVictim& victim, const std::string& method, const std::string& path,
                  const std::string& host) {
  const HttpDoorPlace& door = victim.door();
  return absl::StrCat(method, " ", door.base, path, " HTTP/1.1\r\n", host, "X-API-KEY: ", door.attackers_key,
                      "\r\n");
}

std::string Upsert(const HttpVictim& victim) {
  return Begin(victim, "PUT", victim.PartnersPath(), absl::StrCat("Host: ", victim.door().address, "\r\n"));
}

/// Fields and what stands behind them, each on a connection of its own.
Attack Unclear(std::string name, std::string what, std::vector<std::string> fields_and_bodies) {
  return {std::move(name), std::move(what), {"400"}, [fields_and_bodies](Target& target) {
            const HttpVictim& victim = target.http();
            Outcome all;
            for (const std::string& one : fields_and_bodies) {
              Outcome outcome = OneAnswer(victim, Upsert(victim) + one, /*closes=*/true);
              if (!outcome.got.contains("400") || !outcome.fault.empty())
                outcome.fault = absl::StrCat("'", one.substr(0, 60), "': ", outcome.fault);
              AddOutcome(outcome, &all);
            }
            return all;
          }};
}

Attack Hosts(std::string name, std::string what, std::string fields) {
  return {std::move(name), std::move(what), {"400"}, [fields](Target& target) {
            const HttpVictim& victim = target.http();
            return OneAnswer(victim, Begin(victim, "GET", "/v2/storages", fields) + "\r\n", true);
          }};
}

/// A body that is not read: what is in it looks like a request.
Attack Unread(std::string name, std::string what, std::string expected,
              std::string (*request)(const HttpVictim&, const std::string& body)) {
  return {std::move(name), std::move(what), {std::move(expected)}, [request](Target& target) {
            const HttpVictim& victim = target.http();
            return OneAnswer(victim, request(victim, kHidden), /*closes=*/true);
          }};
}

std::string WithoutKey(const HttpVictim& victim, const std::string& body) {
  return HttpLine::Request(victim.door(), "PUT", victim.PartnersPath(), "", {}, body);
}
std::string WithoutKeyChunked(const HttpVictim& victim, const std::string& body) {
  return absl::StrCat(
      HttpLine::Request(victim.door(), "PUT", victim.PartnersPath(), "", {{"Transfer-Encoding", "chunked"}}),
      absl::Hex(body.size()), "\r\n", body, "\r\n0\r\n\r\n");
}
std::string ToNowhere(const HttpVictim& victim, const std::string& body) {
  return HttpLine::Request(victim.door(), "PUT", "/nowhere", victim.door().attackers_key, {}, body);
}
std::string ToAReader(const HttpVictim& victim, const std::string& body) {
  return HttpLine::Request(victim.door(), "GET", "/v2/storages", victim.door().attackers_key, {}, body);
}
std::string ToTheHealthy(const HttpVictim& victim, const std::string& body) {
  return HttpLine::Request(victim.door(), "GET", "/healthz", "", {}, body);
}
std::string WithExpect(const HttpVictim& victim, const std::string& body) {
  return HttpLine::Request(victim.door(), "PUT", victim.PartnersPath(), "", {{"Expect", "100-continue"}},
                           body);
}

Outcome HalfBody(Target& target) {
  const HttpVictim& victim = target.http();
  absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
  if (!line.ok()) return OutcomeOf(line.status());
  line->Send(Upsert(victim) + "Content-Length: 100\r\n\r\n{\"businessPartners\":[]}");
  line->socket().Farewell();
  const HttpSaid said = line->Answer(kHttpPatience);
  return {{said.name(!line->gone())}, said.body, victim.Fault()};
}

/// Bodies whose length is not clear, and fields that are doubled.
std::vector<Attack> UnclearBodies() {
  const std::string hidden(kHidden), length = absl::StrCat(hidden.size());
  const std::string chunk = absl::StrCat("0\r\n\r\n", hidden);
  const std::string sized = absl::StrCat("Content-Length: ", length, "\r\n\r\n", hidden);
  std::string small_chunks;
  for (int i = 0; i < 2'000; ++i) small_chunks += "1;a\r\n \r\n";
  return {
      Unclear("two-lengths", "Two Content-Lengths, the same one, different ones, and a list of them.",
              {absl::StrCat("Content-Length: 0\r\nContent-Length: ", length, "\r\n\r\n", hidden),
               absl::StrCat("Content-Length: ", length, "\r\nContent-Length: 0\r\n\r\n", hidden),
               absl::StrCat("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", hidden),
               absl::StrCat("Content-Length: 2,2\r\n\r\n{}", hidden),
               absl::StrCat("Content-Length: 2, 2\r\n\r\n{}", hidden),
               absl::StrCat("Content-Length: 0, ", length, "\r\n\r\n", hidden)}),
      Unclear("doubled-fields", "Fields that decide who asks, or for what, each twice.",
              {absl::StrCat("X-API-KEY: another\r\n", sized),
               absl::StrCat("Origin: null\r\nOrigin: null\r\n", sized),
               absl::StrCat("Authorization: a\r\nAuthorization: b\r\n", sized),
               absl::StrCat("Content-Type: application/json\r\nContent-Type: text/plain\r\n", sized),
               absl::StrCat("Idempotency-Key: a\r\nIdempotency-Key: b\r\n", sized),
               absl::StrCat("Expect: 100-continue\r\nExpect: 100-continue\r\n", sized)}),
      Unclear("chunk-extensions", "Chunks whose extensions have more bytes than their data.",
              {absl::StrCat("Transfer-Encoding: chunked\r\n\r\n2;", std::string(60'000, 'a'), "\r\n{}\r\n",
                            chunk),
               absl::StrCat("Transfer-Encoding: chunked\r\n\r\n", small_chunks, chunk)}),
      Unclear("length-and-chunked", "Content-Length beside Transfer-Encoding, in both orders.",
              {absl::StrCat("Content-Length: ", length, "\r\nTransfer-Encoding: chunked\r\n\r\n", chunk),
               absl::StrCat("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", chunk)}),
      Unclear("transfer-encodings", "Transfer-Encodings that only some programs take for chunked.",
              {"Transfer-Encoding: xchunked\r\n\r\n" + chunk, "Transfer-Encoding : chunked\r\n\r\n" + chunk,
               "Transfer-Encoding: identity\r\n\r\n" + chunk,
               "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunk,
               "Transfer-Encoding: chunked, identity\r\n\r\n" + chunk,
               "Transfer-Encoding: identity, chunked\r\n\r\n" + chunk,
               "Transfer-Encoding: chunked, chunked\r\n\r\n" + chunk,
               "Transfer-Encoding: \"chunked\"\r\n\r\n" + chunk,
               "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk}),
      Unclear("lengths-that-are-none", "Content-Lengths that are no number, or too large for one.",
              {"Content-Length: +2\r\n\r\n{}" + hidden, "Content-Length: -2\r\n\r\n{}" + hidden,
               "Content-Length: 0x2\r\n\r\n{}" + hidden, "Content-Length: 2 2\r\n\r\n{}" + hidden,
               "Content-Length: \r\n\r\n" + hidden,
               "Content-Length: 99999999999999999999999\r\n\r\n{}" + hidden}),
      Unclear("chunks-that-are-none", "Chunks whose sizes are no number, negative, or too large for one.",
              {"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n" + chunk,
               "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n" + chunk,
               "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff2\r\n{}\r\n" + chunk,
               "Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n" + chunk,
               "Transfer-Encoding: chunked\r\n\r\n\r\n" + chunk}),
  };
}

}  // namespace

std::vector<Attack> HttpFramingAttacks() {
  const std::string hidden(kHidden);
  std::vector<Attack> attacks = {
      Unread("body-behind-401", "A body without a key, which looks like a request.", "401", WithoutKey),
      Unread("chunks-behind-401", "The same in chunks.", "401", WithoutKeyChunked),
      Unread("expect-behind-401", "The same of one who waits for 100, and sends it nevertheless.", "401",
             WithExpect),
      Unread("body-behind-404", "A body to a path that is not there, which looks like a request.", "404",
             ToNowhere),
      {"body-of-get",
       "A GET whose body looks like a request: read and dropped, or refused.",
       {"200", "413"},
       [](Target& target) {
         return OneAnswer(target.http(), ToAReader(target.http(), kHidden), /*closes=*/false);
       }},
      Unread("body-of-healthz", "The same where no key is asked for, which is refused.", "413", ToTheHealthy),
      Unclear(
          "line-ends", "Header lines that end in other ways, go on in the next line, or hold a NUL.",
          {"X: a\rContent-Length: 5\r\n\r\n" + hidden, "X: a\r\n Content-Length: 5\x01\r\n\r\n" + hidden,
           std::string("X: a\0b\r\n\r\n", 10) + hidden, "X Y: a\r\n\r\n" + hidden, ": a\r\n\r\n" + hidden}),
      Hosts("no-host", "A request of HTTP/1.1 without a Host.", ""),
      Hosts("two-hosts", "A request with two Hosts.", "Host: a\r\nHost: b\r\n"),
      {"half-body", "A body that ends before its length.", {kClosed}, HalfBody},
  };
  for (Attack& attack : UnclearBodies()) attacks.push_back(std::move(attack));
  return attacks;
}

}  // namespace mirror::harness

// Attacks on the HTTP door by requests that two programs may read differently. The door must refuse all
// ambiguous requests and close the connection, and must not read a part of them as another request.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/attack.h"
#include "tools/mirror_harness/attack/http_victim.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

/// The request that an attacker hides, so that its answer goes to another client.
constexpr char kHidden[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// Returns the request line with a key, and with the Host field if `host` is given.
std::string Begin(const HttpVictim& victim, const std::string& method, const std::string& path,
                  const std::string& host) {
  const HttpDoorPlace& door = victim.door();
  return absl::StrCat(method, " ", door.base, path, " HTTP/1.1\r\n", host, "X-API-KEY: ", door.attackers_key,
                      "\r\n");
}

std::string Upsert(const HttpVictim& victim) {
  return Begin(victim, "PUT", victim.PartnersPath(), absl::StrCat("Host: ", victim.door().address, "\r\n"));
}

/// Makes an attack that sends each of these header fields, with its body, on a new connection.
Attack::Run Unclear(std::vector<std::string> fields_and_bodies) {
  return [fields_and_bodies = std::move(fields_and_bodies)](Target& target) {
    const HttpVictim& victim = target.http();
    Outcome all;
    for (const std::string& one : fields_and_bodies) {
      Outcome outcome = OneAnswer(victim, Upsert(victim) + one, /*closes=*/true);
      if (!outcome.got.contains("400") || !outcome.fault.empty())
        outcome.fault = absl::StrCat("'", one.substr(0, 60), "': ", outcome.fault);
      AddOutcome(outcome, &all);
    }
    return all;
  };
}

Attack::Run Hosts(const std::string& fields) {
  return [fields](Target& target) {
    const HttpVictim& victim = target.http();
    return OneAnswer(victim, Begin(victim, "GET", "/v2/storages", fields) + "\r\n", true);
  };
}

/// Makes an attack by a body that the door does not read and that looks like a request. Empty `path`: the
/// partners' path.
Attack::Run Unread(const std::string& method, const std::string& path, bool with_key,
                   const HttpLine::Fields& fields = {}, bool closes = true) {
  return [=](Target& target) {
    const HttpVictim& victim = target.http();
    return OneAnswer(victim,
                     HttpLine::Request(victim.door(), method, path.empty() ? victim.PartnersPath() : path,
                                       with_key ? victim.door().attackers_key : "", fields, kHidden),
                     closes);
  };
}

Outcome UnreadChunks(Target& target) {
  const HttpVictim& victim = target.http();
  const std::string_view hidden = kHidden;
  return OneAnswer(victim,
                   absl::StrCat(HttpLine::Request(victim.door(), "PUT", victim.PartnersPath(), "",
                                                  {{"Transfer-Encoding", "chunked"}}),
                                absl::Hex(hidden.size()), "\r\n", kHidden, "\r\n0\r\n\r\n"),
                   /*closes=*/true);
}

Outcome HalfBody(Target& target) {
  const HttpVictim& victim = target.http();
  absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
  if (!line.ok()) return OutcomeOf(line.status());
  line->Send(Upsert(victim) + "Content-Length: 100\r\n\r\n{\"businessPartners\":[]}");
  line->socket().Farewell();
  const HttpSaid said = line->Answer(kHttpPatience);
  return victim.Check(OutcomeOf(said, !line->gone()));
}

/// Returns attacks by bodies of ambiguous length and by repeated fields.
std::vector<Attack> UnclearBodies() {
  const std::string hidden(kHidden), length = absl::StrCat(hidden.size());
  const std::string chunk = absl::StrCat("0\r\n\r\n", hidden);
  const std::string sized = absl::StrCat("Content-Length: ", length, "\r\n\r\n", hidden);
  std::string small_chunks;
  for (int i = 0; i < 2'000; ++i) small_chunks += "1;a\r\n \r\n";
  return {
      {"two-lengths", "Two Content-Lengths: the same one, different ones, and a list of them.", "400",
       Unclear({absl::StrCat("Content-Length: 0\r\nContent-Length: ", length, "\r\n\r\n", hidden),
                absl::StrCat("Content-Length: ", length, "\r\nContent-Length: 0\r\n\r\n", hidden),
                absl::StrCat("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", hidden),
                absl::StrCat("Content-Length: 2,2\r\n\r\n{}", hidden),
                absl::StrCat("Content-Length: 2, 2\r\n\r\n{}", hidden),
                absl::StrCat("Content-Length: 0, ", length, "\r\n\r\n", hidden)})},
      {"doubled-fields", "Fields that name the caller or the request, each twice.", "400",
       Unclear({absl::StrCat("X-API-KEY: another\r\n", sized),
                absl::StrCat("Origin: null\r\nOrigin: null\r\n", sized),
                absl::StrCat("Authorization: a\r\nAuthorization: b\r\n", sized),
                absl::StrCat("Content-Type: application/json\r\nContent-Type: text/plain\r\n", sized),
                absl::StrCat("Idempotency-Key: a\r\nIdempotency-Key: b\r\n", sized),
                absl::StrCat("Expect: 100-continue\r\nExpect: 100-continue\r\n", sized)})},
      {"chunk-extensions", "Chunks whose extensions have more bytes than their data.", "400",
       Unclear({absl::StrCat("Transfer-Encoding: chunked\r\n\r\n2;", std::string(60'000, 'a'), "\r\n{}\r\n",
                             chunk),
                absl::StrCat("Transfer-Encoding: chunked\r\n\r\n", small_chunks, chunk)})},
      {"length-and-chunked", "Content-Length beside Transfer-Encoding, in both orders.", "400",
       Unclear({absl::StrCat("Content-Length: ", length, "\r\nTransfer-Encoding: chunked\r\n\r\n", chunk),
                absl::StrCat("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", chunk)})},
      {"transfer-encodings", "Transfer-Encodings that only some programs take for chunked.", "400",
       Unclear({"Transfer-Encoding: xchunked\r\n\r\n" + chunk, "Transfer-Encoding : chunked\r\n\r\n" + chunk,
                "Transfer-Encoding: identity\r\n\r\n" + chunk,
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunk,
                "Transfer-Encoding: chunked, identity\r\n\r\n" + chunk,
                "Transfer-Encoding: identity, chunked\r\n\r\n" + chunk,
                "Transfer-Encoding: chunked, chunked\r\n\r\n" + chunk,
                "Transfer-Encoding: \"chunked\"\r\n\r\n" + chunk,
                "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk})},
      {"lengths-that-are-none", "Content-Lengths that are not a number, or too large.", "400",
       Unclear({"Content-Length: +2\r\n\r\n{}" + hidden, "Content-Length: -2\r\n\r\n{}" + hidden,
                "Content-Length: 0x2\r\n\r\n{}" + hidden, "Content-Length: 2 2\r\n\r\n{}" + hidden,
                "Content-Length: \r\n\r\n" + hidden,
                "Content-Length: 99999999999999999999999\r\n\r\n{}" + hidden})},
      {"chunks-that-are-none", "Chunks whose sizes are not a number, negative, or too large.", "400",
       Unclear({"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n" + chunk,
                "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n" + chunk,
                "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff2\r\n{}\r\n" + chunk,
                "Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n" + chunk,
                "Transfer-Encoding: chunked\r\n\r\n\r\n" + chunk})},
  };
}

}  // namespace

std::vector<Attack> HttpFramingAttacks() {
  const std::string hidden(kHidden);
  std::vector<Attack> attacks = {
      {"body-behind-401", "A body without a key that looks like a request.", "401", Unread("PUT", "", false)},
      {"chunks-behind-401", "The same in chunks.", "401", UnreadChunks},
      {"expect-behind-401", "The same after 'Expect: 100-continue', without a wait for the answer.", "401",
       Unread("PUT", "", false, {{"Expect", "100-continue"}})},
      {"body-behind-404", "A body that looks like a request, to a path that does not exist.", "404",
       Unread("PUT", "/nowhere", true)},
      {"body-of-get", "A GET whose body looks like a request: read and dropped, or refused.", "200|413",
       Unread("GET", "/v2/storages", true, {}, /*closes=*/false)},
      {"body-of-healthz", "The same to a path that needs no key: refused.", "413",
       Unread("GET", "/healthz", false)},
      {"line-ends", "Header lines that end in other ways, continue in the next line, or hold a NUL.", "400",
       Unclear({"X: a\rContent-Length: 5\r\n\r\n" + hidden, "X: a\r\n Content-Length: 5\x01\r\n\r\n" + hidden,
                std::string("X: a\0b\r\n\r\n", 10) + hidden, "X Y: a\r\n\r\n" + hidden,
                ": a\r\n\r\n" + hidden})},
      {"no-host", "A request of HTTP/1.1 without a Host.", "400", Hosts("")},
      {"two-hosts", "A request with two Hosts.", "400", Hosts("Host: a\r\nHost: b\r\n")},
      {"half-body", "A body that ends before its length.", "CLOSED", HalfBody},
  };
  for (Attack& attack : UnclearBodies()) attacks.push_back(std::move(attack));
  return attacks;
}

}  // namespace mirror::harness

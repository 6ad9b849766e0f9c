// Attacks on the HTTP door by endless heads and bodies, and by compressed bodies. The door must end each
// within its limits.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/attack.h"
#include "tools/mirror_harness/attack/http_victim.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

/// More bytes than the kernel's buffers of two sockets can hold. A listener that accepts more than this keeps
/// the bytes in its own memory.
constexpr std::size_t kHttpTakenMax = 48 << 20;
constexpr std::size_t kHttpPiece = 64 << 10;

/// A function that returns the bytes before the endless part.
using Beginning = std::function<std::string(const HttpVictim&)>;

/// Makes an attack that sends the beginning and then `more` again and again, until the other side closes or
/// has accepted too much. The result is the answer or, if the answer came too late to be read, the end of the
/// connection.
Attack::Run EndlessHttp(Beginning begin, const std::string& more) {
  return [begin = std::move(begin), more](Target& target) {
    const HttpVictim& victim = target.http();
    absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
    if (!line.ok()) return OutcomeOf(line.status());
    std::size_t taken = 0;
    bool open = line->Send(begin(victim));
    while (open && taken < kHttpTakenMax) {
      open = line->Send(more);
      taken += open ? more.size() : 0;
    }
    const std::string got = open ? kOpen : line->Answer(kHttpPatience).name(false);
    return victim.Check({{got}, absl::StrCat(taken >> 10, " KB were sent"), ""});
  };
}

/// Returns an upsert with only `begun`, the first part of its body.
Beginning UpsertHead(const HttpLine::Fields& fields, const std::string& begun = "") {
  return [fields, begun](const HttpVictim& victim) { return victim.Upsert(fields, "") + begun; };
}

/// Returns the head of a read without its final empty line, then `more`.
Beginning HttpHead(const std::string& more) {
  return [more](const HttpVictim& victim) {
    const std::string head = victim.Read("/v2/storages");
    return head.substr(0, head.size() - 2) + more;
  };
}

/// Requests as many ranges as a header can have. The door must send one whole answer, not a part for each
/// range.
Outcome Ranges(Target& target) {
  const HttpVictim& victim = target.http();
  std::string ranges = "bytes=0-";
  while (ranges.size() < 7'000) absl::StrAppend(&ranges, ",0-0");
  const HttpSaid said = AskOnce(
      victim.door(), HttpLine::Request(victim.door(), "GET", "/openapi.json", "", {{"Range", ranges}}),
      kHttpPatience);
  Outcome outcome = victim.Check({{said.name(true)}, absl::StrCat(said.body.size(), " bytes came"), ""});
  if (absl::StrContains(said.head, "byteranges")) outcome.fault = "the answer has a part for each range";
  return outcome;
}

}  // namespace

std::vector<Attack> HttpEndlessAttacks() {
  const std::string piece(kHttpPiece, 'x');
  const std::string chunk = absl::StrCat("10000\r\n", piece, "\r\n");
  const std::string field = absl::StrCat("X: ", std::string(4'000, 'x'), "\r\n");
  std::string fields;
  for (int i = 0; i < 1'000; ++i) absl::StrAppend(&fields, "X", i, ": y\r\n");
  const HttpLine::Fields chunked = {{"Transfer-Encoding", "chunked"}};
  return {
      {"chunks", "An upsert whose chunks never end.", "408|413|CLOSED",
       EndlessHttp(UpsertHead(chunked), chunk)},
      {"chunks-of-one", "The same, with chunks of one byte.", "408|413|CLOSED",
       EndlessHttp(UpsertHead(chunked), "1\r\nx\r\n")},
      {"chunks-without-key", "The same without a key.", "401|408|CLOSED",
       EndlessHttp(
           [chunked](const HttpVictim& victim) {
             return HttpLine::Request(victim.door(), "PUT", victim.PartnersPath(), "", chunked);
           },
           chunk)},
      {"chunks-of-get", "A GET whose chunks never end.", "408|413|CLOSED",
       EndlessHttp([chunked](const HttpVictim& victim) { return victim.Read("/v2/storages", chunked); },
                   chunk)},
      {"chunk-extension", "A chunk whose extension never ends.", "400|408|CLOSED",
       EndlessHttp(UpsertHead(chunked, "2;"), piece)},
      {"trailer", "Endless fields after the last chunk.", "400|408|CLOSED",
       EndlessHttp(UpsertHead(chunked, "2\r\n{}\r\n0\r\n"), field)},
      {"huge-length", "A body of 99 GB.", "408|413|CLOSED",
       EndlessHttp(UpsertHead({{"Content-Length", "99999999999"}}), piece)},
      {"gzip", "A packed body that never ends, by Content-Encoding.", "408|415|CLOSED",
       EndlessHttp(UpsertHead({{"Content-Encoding", "gzip"}, {"Transfer-Encoding", "chunked"}}), chunk)},
      {"gzip-transfer", "A packed body that never ends, by Transfer-Encoding.", "400|408|CLOSED",
       EndlessHttp(UpsertHead({{"Transfer-Encoding", "gzip, chunked"}}), chunk)},
      {"header", "A field that never ends.", "408|431|CLOSED", EndlessHttp(HttpHead("X: "), piece)},
      {"headers", "Endless fields.", "408|431|CLOSED", EndlessHttp(HttpHead(""), field)},
      {"many-headers", "Thousands of small fields.", "408|431|CLOSED", EndlessHttp(HttpHead(""), fields)},
      {"path", "A path that never ends.", "408|431|CLOSED",
       EndlessHttp([](const HttpVictim& victim) { return absl::StrCat("GET ", victim.door().base, "/"); },
                   piece)},
      {"no-request", "Endless bytes that are not a request.", "408|431|CLOSED",
       EndlessHttp([](const HttpVictim&) { return std::string(); }, piece)},
      {"ranges", "A Range with thousands of ranges.", "200", Ranges},
  };
}

}  // namespace mirror::harness

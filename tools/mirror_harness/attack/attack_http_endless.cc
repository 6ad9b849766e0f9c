// Heads and bodies without end at the door for JSON, and bodies that are packed: each is cut within its
// bounds.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/attack_http.h"
#include "tools/mirror_harness/attack/http_victim.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

/// What lies in two sockets' buffers is the kernel's; a listener that takes more than this buffers it.
constexpr std::size_t kHttpTakenMax = 48 << 20;
constexpr std::size_t kHttpPiece = 64 << 10;

using Beginning = std::string (*)(const HttpVictim&);

/// `begin`, and then `more` again and again until the other end closes, or has taken too much.
Outcome SendForEverHttp(const HttpVictim& victim, const std::string& begin, const std::string& more) {
  absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
  if (!line.ok()) return OutcomeOf(line.status());
  std::size_t taken = 0;
  bool open = line->Send(begin);
  while (open && taken < kHttpTakenMax) {
    open = line->Send(more);
    taken += open ? more.size() : 0;
  }
  Outcome outcome;
  outcome.words = absl::StrCat(taken >> 10, " KB were sent");
  if (open) {
    outcome.got.insert(kOpen);
  } else {
    outcome.got.insert(line->Answer(kHttpPatience).name(false));
  }
  outcome.fault = victim.Fault();
  return outcome;
}

/// The answer, or the end of the connection when it came too late to be read.
Attack EndlessHttp(std::string name, std::string what, std::string status, Beginning begin,
                   std::string more) {
  return {
      std::move(name), std::move(what), {std::move(status), "408", kClosed}, [begin, more](Target& target) {
        return SendForEverHttp(target.http(), begin(target.http()), more);
      }};
}

std::string Chunked(const HttpVictim& victim) {
  return victim.Upsert({{"Transfer-Encoding", "chunked"}}, "");
}
std::string ChunkedWithoutKey(const HttpVictim& victim) {
  return HttpLine::Request(victim.door(), "PUT", victim.PartnersPath(), "",
                           {{"Transfer-Encoding", "chunked"}});
}
std::string ChunkedGet(const HttpVictim& victim) {
  return victim.Read("/v2/storages", {{"Transfer-Encoding", "chunked"}});
}
std::string Huge(const HttpVictim& victim) { return victim.Upsert({{"Content-Length", "99999999999"}}, ""); }
std::string Packed(const HttpVictim& victim) {
  return victim.Upsert({{"Content-Encoding", "gzip"}, {"Transfer-Encoding", "chunked"}}, "");
}
std::string PackedOnItsWay(const HttpVictim& victim) {
  return victim.Upsert({{"Transfer-Encoding", "gzip, chunked"}}, "");
}
/// Without the empty line that ends a head.
std::string Head(const HttpVictim& victim) {
  std::string head = victim.Read("/v2/storages");
  head.resize(head.size() - 2);
  return head;
}
std::string HeadWithName(const HttpVictim& victim) { return Head(victim) + "X: "; }
std::string Path(const HttpVictim& victim) { return absl::StrCat("GET ", victim.door().base, "/"); }
std::string Nothing(const HttpVictim& /*victim*/) { return {}; }
/// A chunk whose extension, or whose trailer, never ends.
std::string Extension(const HttpVictim& victim) { return Chunked(victim) + "2;"; }
std::string Trailer(const HttpVictim& victim) { return Chunked(victim) + "2\r\n{}\r\n0\r\n"; }

/// As many ranges as a header holds: a whole answer, not a part for each.
Outcome Ranges(Target& target) {
  const HttpVictim& victim = target.http();
  std::string ranges = "bytes=0-";
  while (ranges.size() < 7'000) absl::StrAppend(&ranges, ",0-0");
  const HttpSaid said = AskOnce(
      victim.door(), HttpLine::Request(victim.door(), "GET", "/openapi.json", "", {{"Range", ranges}}),
      kHttpPatience);
  Outcome outcome{{said.name(true)}, absl::StrCat(said.body.size(), " bytes came"), victim.Fault()};
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
  return {
      EndlessHttp("chunks", "An upsert whose chunks never end.", "413", Chunked, chunk),
      EndlessHttp("chunks-of-one", "The same, with chunks of one byte.", "413", Chunked, "1\r\nx\r\n"),
      EndlessHttp("chunks-without-key", "The same without a key.", "401", ChunkedWithoutKey, chunk),
      EndlessHttp("chunks-of-get", "A GET whose chunks never end.", "413", ChunkedGet, chunk),
      EndlessHttp("chunk-extension", "A chunk whose extension never ends.", "400", Extension, piece),
      EndlessHttp("trailer", "Fields without end behind the last chunk.", "400", Trailer, field),
      EndlessHttp("huge-length", "A body of 99 GB.", "413", Huge, piece),
      EndlessHttp("gzip", "A packed body that never ends, by Content-Encoding.", "415", Packed, chunk),
      EndlessHttp("gzip-transfer", "A packed body that never ends, by Transfer-Encoding.", "400",
                  PackedOnItsWay, chunk),
      EndlessHttp("header", "A field that never ends.", "431", HeadWithName, piece),
      EndlessHttp("headers", "Fields without end.", "431", Head, field),
      EndlessHttp("many-headers", "Thousands of small fields.", "431", Head, fields),
      EndlessHttp("path", "A path that never ends.", "431", Path, piece),
      EndlessHttp("no-request", "Bytes without an end that are no request.", "431", Nothing, piece),
      {"ranges", "A Range with thousands of ranges.", {"200"}, Ranges},
  };
}

}  // namespace mirror::harness

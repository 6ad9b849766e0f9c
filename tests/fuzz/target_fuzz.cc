// Targets of requests. What is taken has no character that a program behind could read otherwise, and is the
// same when it is written with every byte encoded.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/http/message.h"
#include "base/utf8.h"
#include "tests/fuzz/input.h"

namespace mirror {
namespace {

std::string Encoded(const std::string& text) {
  std::string encoded;
  for (const char c : text) {
    char piece[4];
    std::snprintf(piece, sizeof(piece), "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    encoded += piece;
  }
  return encoded;
}

void RequirePlain(const std::string& text) {
  Require(IsText(text));
  for (const char c : text) Require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mirror;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::size_t mark = std::min(text.find('?'), text.size());
  const auto target = ParseHttpTarget(text.substr(0, mark), mark < text.size() ? text.substr(mark + 1) : "");
  if (!target.ok()) {
    Require(absl::IsInvalidArgument(target.status()));
    return 0;
  }
  std::string path, query;
  for (const std::string& segment : target->segments) {
    RequirePlain(segment);
    Require(!segment.empty() && segment != "." && segment != "..");
    Require(segment.find('/') == std::string::npos);
    path += "/" + Encoded(segment);
  }
  Require(target->query.size() <= 1'000);
  for (const auto& [name, value] : target->query) {
    RequirePlain(name);
    RequirePlain(value);
    query += (query.empty() ? "" : "&") + Encoded(name) + "=" + Encoded(value);
  }
  const auto again = ParseHttpTarget(path.empty() ? "/" : path, query);
  Require(again.ok() && again->segments == target->segments && again->query == target->query);
  return 0;
}

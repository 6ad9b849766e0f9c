// JSON of somebody else's. What is taken holds its limits, is JSON for another parser, too, and says the same
// when it is written and read again; what another parser takes is taken, unless a limit or a twofold member
// says otherwise.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/json_document.h"
#include "tests/fuzz/input.h"

namespace mirror {
namespace {

using Json = nlohmann::json;

/// Deeper than this the other parser is not asked: its destructor goes as deep as the text.
constexpr JsonLimits kLimits = {.depth_max = 20, .values_max = 2'000};

std::size_t ValuesOf(const JsonView& value, std::size_t depth) {
  Require(depth <= kLimits.depth_max);
  std::size_t values = 1;
  for (const JsonView& element : value.Elements()) values += ValuesOf(element, depth + 1);
  for (const auto& [name, member] : value.Members()) {
    Require(value.Find(name).has_value());
    values += 1 + ValuesOf(member, depth + 1);
  }
  return values;
}

void RequireSame(const JsonView& ours, const Json& theirs) {
  switch (ours.kind()) {
    case JsonKind::kNull:
      return Require(theirs.is_null());
    case JsonKind::kBool:
      return Require(theirs.is_boolean() && theirs.get<bool>() == ours.IsTrue());
    case JsonKind::kNumber:
      return Require(theirs.is_number() && Json::parse(ours.text()) == theirs);
    case JsonKind::kString:
      return Require(theirs.is_string() && theirs.get_ref<const std::string&>() == ours.text());
    case JsonKind::kArray: {
      const auto elements = ours.Elements();
      Require(theirs.is_array() && elements.size() == theirs.size());
      for (std::size_t i = 0; i < elements.size(); ++i) RequireSame(elements[i], theirs[i]);
      return;
    }
    case JsonKind::kObject: {
      const auto members = ours.Members();
      Require(theirs.is_object() && members.size() == theirs.size());
      for (const auto& [name, member] : members) RequireSame(member, theirs.at(std::string(name)));
      return;
    }
  }
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mirror;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto document = JsonDocument::Parse(text, kLimits);
  if (!document.ok()) {
    // A NUL ends a text for the other parser, whatever stands behind it.
    const bool is_json = Json::accept(text) && text.find('\0') == std::string::npos;
    Require(!is_json || !absl::IsInvalidArgument(document.status()));
    return 0;
  }
  const std::size_t values = ValuesOf(document->root(), 0);
  Require(values <= kLimits.values_max);
  Require(CountJsonValues(text) == values);
  const Json theirs = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  Require(!theirs.is_discarded());
  RequireSame(document->root(), theirs);
  std::string written, again;
  document->root().AppendTo(&written);
  const auto second = JsonDocument::Parse(written, kLimits);
  Require(second.ok());
  second->root().AppendTo(&again);
  Require(again == written);
  RequireSame(second->root(), theirs);
  return 0;
}

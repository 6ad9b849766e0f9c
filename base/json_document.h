#ifndef MIRROR_BASE_JSON_DOCUMENT_H_
#define MIRROR_BASE_JSON_DOCUMENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror {

enum class JsonKind : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

struct JsonLimits {
  std::size_t depth_max = 32;
  std::size_t values_max = 1'000'000;  ///< Names of members are values, too. 16 bytes each.
};

class JsonView;

/// A JSON text of somebody else's, taken apart within bounds. Memory: the decoded texts, and 16 bytes for
/// each value. Threads: any, once it is made.
class JsonDocument {
 public:
  /// Errors: kInvalidArgument, with the place and never with what stands there: it is no JSON, or not UTF-8.
  /// kResourceExhausted: it is deeper, or has more values, than the limits. kAlreadyExists: two members of
  /// one object have one name.
  static absl::StatusOr<JsonDocument> Parse(std::string_view text, const JsonLimits& limits = {});

  JsonView root() const;

 private:
  friend class JsonView;
  friend class JsonTaker;
  struct Node {
    JsonKind kind = JsonKind::kNull;
    std::uint32_t at = 0;      ///< In `texts_`, of a string, a number and of true.
    std::uint32_t length = 0;  ///< There.
    std::uint32_t next = 0;    ///< Of the node behind this one and all that is in it.
  };

  std::vector<Node> nodes_;  ///< In the order of the text; the name of a member stands before its value.
  std::string texts_;
};

/// A value of a document, which outlives it.
class JsonView {
 public:
  JsonKind kind() const { return node().kind; }
  bool Is(JsonKind kind) const { return node().kind == kind; }
  bool IsTrue() const { return node().kind == JsonKind::kBool && node().length != 0; }
  /// Of a string what it means, of a number its text as it was written; else empty.
  std::string_view text() const;
  /// This one and all that are in it; see JsonLimits::values_max.
  std::size_t CountValues() const { return node().next - index_; }
  /// Whether a string in it, or the name of a member, has a NUL character.
  bool HasNul() const;
  /// Of an array; else none.
  std::vector<JsonView> Elements() const;
  /// Of an object, in their order; else none.
  std::vector<std::pair<std::string_view, JsonView>> Members() const;
  std::optional<JsonView> Find(std::string_view name) const;
  /// text() of a member; empty: it is not there.
  std::string TextOf(std::string_view name) const;
  /// Of a member that is a whole number, or a string of one; else 0.
  std::uint64_t NumberOf(std::string_view name) const;
  /// The value as JSON without blanks, numbers as they were written.
  void AppendTo(std::string* json) const;

 private:
  friend class JsonDocument;
  JsonView(const JsonDocument& document, std::uint32_t index) : document_(&document), index_(index) {}
  const JsonDocument::Node& node() const { return document_->nodes_[index_]; }

  const JsonDocument* document_;
  std::uint32_t index_;
};

/// Returns how many values a JSON text has, see JsonLimits::values_max, without taking it apart. Of a text
/// that is no JSON it returns some number.
std::size_t CountJsonValues(std::string_view text);
/// Appends `text`, which is UTF-8, as a JSON string with its quotes.
void AppendJsonString(std::string_view text, std::string* json);

}  // namespace mirror

#endif  // MIRROR_BASE_JSON_DOCUMENT_H_

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
  std::size_t values_max = 1'000'000;  ///< Names of members count, too. Each needs 16 bytes of memory.
};

class JsonView;

/// A parsed JSON text from an untrusted origin, with limits. Memory: the decoded texts, and 16 bytes for
/// each value. Threads: any, once it is made.
class JsonDocument {
 public:
  /// Parses a text. Errors: kInvalidArgument: the text is not JSON, or not UTF-8; the message has the
  /// position and never the content. kResourceExhausted: the text exceeds a limit. kAlreadyExists: two
  /// members of one object have the same name.
  static absl::StatusOr<JsonDocument> Parse(std::string_view text, const JsonLimits& limits = {});

  JsonView root() const;

 private:
  friend class JsonView;
  friend class JsonTaker;
  struct Node {
    JsonKind kind = JsonKind::kNull;
    std::uint32_t at = 0;      ///< Offset in `texts_` of the text of a string, of a number or of true.
    std::uint32_t length = 0;  ///< Length of this text.
    std::uint32_t next = 0;    ///< Index of the node after this one and all its content.
  };

  /// All values in the order of the text. A member's name is a node before its value.
  std::vector<Node> nodes_;
  std::string texts_;
};

/// A view of a value in a document. The document must outlive it.
class JsonView {
 public:
  JsonKind kind() const { return node().kind; }
  bool Is(JsonKind kind) const { return node().kind == kind; }
  bool IsTrue() const { return node().kind == JsonKind::kBool && node().length != 0; }
  /// Returns a string's decoded value, or a number's text as written; otherwise empty.
  std::string_view text() const;
  /// Counts this value and all values in it; see JsonLimits::values_max.
  std::size_t CountValues() const { return node().next - index_; }
  /// Returns true if a string in it, or the name of a member, contains a NUL character.
  bool HasNul() const;
  /// Returns the elements of an array; none for other values.
  std::vector<JsonView> Elements() const;
  /// Returns the members of an object, in order; none for other values.
  std::vector<std::pair<std::string_view, JsonView>> Members() const;
  std::optional<JsonView> Find(std::string_view name) const;
  /// Returns text() of a member; empty: there is no such member.
  std::string TextOf(std::string_view name) const;
  /// Returns the value of a member that is a whole number, or a string that contains one; otherwise 0.
  std::uint64_t NumberOf(std::string_view name) const;
  /// Appends the value as JSON without blanks; numbers are unchanged.
  void AppendTo(std::string* json) const;

 private:
  friend class JsonDocument;
  JsonView(const JsonDocument& document, std::uint32_t index) : document_(&document), index_(index) {}
  const JsonDocument::Node& node() const { return document_->nodes_[index_]; }

  const JsonDocument* document_;
  std::uint32_t index_;
};

/// Returns the number of values in a JSON text, see JsonLimits::values_max, without parsing it. For a text
/// that is not JSON the number has no meaning.
std::size_t CountJsonValues(std::string_view text);
/// Appends `text`, which is UTF-8, as a JSON string with its quotes.
void AppendJsonString(std::string_view text, std::string* json);

}  // namespace mirror

#endif  // MIRROR_BASE_JSON_DOCUMENT_H_

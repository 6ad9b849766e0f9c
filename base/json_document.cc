#include "base/json_document.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mirror {

/// Receives the values from nlohmann's parser. A function that returns false ends the parsing.
class JsonTaker {
 public:
  JsonTaker(JsonDocument& document, const JsonLimits& limits) : document_(document), limits_(limits) {}

  const absl::Status& wrong() const { return wrong_; }

  bool null() { return Add(JsonKind::kNull, ""); }
  bool boolean(bool value) { return Add(JsonKind::kBool, value ? "t" : ""); }
  /// Called for a negative number, and with 0 for "-0".
  bool number_integer(std::int64_t value) {
    return Add(JsonKind::kNumber, value == 0 ? std::string("-0") : std::to_string(value));
  }
  bool number_unsigned(std::uint64_t value) { return Add(JsonKind::kNumber, std::to_string(value)); }
  bool number_float(double /*value*/, const std::string& written) { return Add(JsonKind::kNumber, written); }
  bool string(std::string& value) { return Add(JsonKind::kString, value); }
  bool binary(std::vector<std::uint8_t>& /*value*/) { return false; }
  bool key(std::string& name) { return Add(JsonKind::kString, name); }
  bool start_object(std::size_t /*elements*/) { return Open(JsonKind::kObject); }
  bool start_array(std::size_t /*elements*/) { return Open(JsonKind::kArray); }
  bool end_array() { return Close(); }
  bool end_object() {
    if (!HasDistinctNames())
      return Refuse(absl::AlreadyExistsError("two members of one object have the same name"));
    return Close();
  }
  bool parse_error(std::size_t position, const std::string& /*last*/, const nlohmann::json::exception& why) {
    constexpr int kNumberOverflow = 406;
    if (why.id == kNumberOverflow)
      return Refuse(absl::ResourceExhaustedError("a number in it is beyond 1.8e308"));
    return Refuse(absl::InvalidArgumentError(absl::StrCat("it is not JSON from byte ", position, " on")));
  }

 private:
  bool Refuse(absl::Status why) {
    wrong_ = std::move(why);
    return false;
  }

  bool Add(JsonKind kind, std::string_view text) {
    if (document_.nodes_.size() >= limits_.values_max)
      return Refuse(
          absl::ResourceExhaustedError(absl::StrCat("it has more than ", limits_.values_max, " values")));
    const auto index = static_cast<std::uint32_t>(document_.nodes_.size());
    document_.nodes_.push_back({.kind = kind,
                                .at = static_cast<std::uint32_t>(document_.texts_.size()),
                                .length = static_cast<std::uint32_t>(text.size()),
                                .next = index + 1});
    document_.texts_.append(text);
    return true;
  }

  bool Open(JsonKind kind) {
    if (open_.size() >= limits_.depth_max)
      return Refuse(
          absl::ResourceExhaustedError(absl::StrCat("it is nested deeper than ", limits_.depth_max)));
    open_.push_back(static_cast<std::uint32_t>(document_.nodes_.size()));
    return Add(kind, "");
  }

  bool Close() {
    document_.nodes_[open_.back()].next = static_cast<std::uint32_t>(document_.nodes_.size());
    open_.pop_back();
    return true;
  }

  bool HasDistinctNames() const {
    std::vector<std::string_view> names;
    const std::vector<JsonDocument::Node>& nodes = document_.nodes_;
    for (std::uint32_t at = open_.back() + 1; at < nodes.size(); at = nodes[at + 1].next) {
      names.push_back(std::string_view(document_.texts_).substr(nodes[at].at, nodes[at].length));
    }
    std::sort(names.begin(), names.end());
    return std::adjacent_find(names.begin(), names.end()) == names.end();
  }

  JsonDocument& document_;
  const JsonLimits limits_;
  std::vector<std::uint32_t> open_;
  absl::Status wrong_;
};

absl::StatusOr<JsonDocument> JsonDocument::Parse(std::string_view text, const JsonLimits& limits) {
  // The parser treats a NUL as the end, and would ignore everything after it.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos)
    return absl::InvalidArgumentError(absl::StrCat("it is not JSON from byte ", nul + 1, " on"));
  JsonDocument document;
  JsonTaker taker(document, limits);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &taker)) {
    return taker.wrong();
  }
  return document;
}

JsonView JsonDocument::root() const { return JsonView(*this, 0); }

std::string_view JsonView::text() const {
  if (kind() != JsonKind::kString && kind() != JsonKind::kNumber) return {};
  return std::string_view(document_->texts_).substr(node().at, node().length);
}

bool JsonView::HasNul() const {
  // The texts of a value are adjacent, in the order of the nodes.
  const std::vector<JsonDocument::Node>& nodes = document_->nodes_;
  const std::size_t end = node().next < nodes.size() ? nodes[node().next].at : document_->texts_.size();
  return std::string_view(document_->texts_).substr(node().at, end - node().at).find('\0') !=
         std::string_view::npos;
}

std::vector<JsonView> JsonView::Elements() const {
  std::vector<JsonView> elements;
  if (kind() != JsonKind::kArray) return elements;
  for (std::uint32_t at = index_ + 1; at < node().next; at = document_->nodes_[at].next) {
    elements.push_back(JsonView(*document_, at));
  }
  return elements;
}

std::vector<std::pair<std::string_view, JsonView>> JsonView::Members() const {
  std::vector<std::pair<std::string_view, JsonView>> members;
  if (kind() != JsonKind::kObject) return members;
  for (std::uint32_t at = index_ + 1; at < node().next; at = document_->nodes_[at + 1].next) {
    members.emplace_back(JsonView(*document_, at).text(), JsonView(*document_, at + 1));
  }
  return members;
}

std::optional<JsonView> JsonView::Find(std::string_view name) const {
  if (kind() != JsonKind::kObject) return std::nullopt;
  for (std::uint32_t at = index_ + 1; at < node().next; at = document_->nodes_[at + 1].next) {
    if (JsonView(*document_, at).text() == name) return JsonView(*document_, at + 1);
  }
  return std::nullopt;
}

std::string JsonView::TextOf(std::string_view name) const {
  const std::optional<JsonView> found = Find(name);
  return found ? std::string(found->text()) : std::string();
}

std::uint64_t JsonView::NumberOf(std::string_view name) const {
  std::uint64_t number = 0;
  return absl::SimpleAtoi(TextOf(name), &number) ? number : 0;
}

void JsonView::AppendTo(std::string* json) const {
  const char* between = "";
  switch (kind()) {
    case JsonKind::kNull:
      json->append("null");
      return;
    case JsonKind::kBool:
      json->append(IsTrue() ? "true" : "false");
      return;
    case JsonKind::kNumber:
      json->append(text());
      return;
    case JsonKind::kString:
      AppendJsonString(text(), json);
      return;
    case JsonKind::kArray:
      json->push_back('[');
      for (const JsonView& element : Elements()) {
        json->append(std::exchange(between, ","));
        element.AppendTo(json);
      }
      json->push_back(']');
      return;
    case JsonKind::kObject:
      json->push_back('{');
      for (const auto& [name, value] : Members()) {
        json->append(std::exchange(between, ","));
        AppendJsonString(name, json);
        json->push_back(':');
        value.AppendTo(json);
      }
      json->push_back('}');
      return;
  }
}

std::size_t CountJsonValues(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) text.remove_prefix(kByteOrderMark.size());
  // Each string, number and word begins a value, and so does each opening bracket.
  std::size_t values = 0;
  bool is_in_string = false, is_in_word = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (is_in_string) {
      if (c == '\\') ++at;
      is_in_string = c != '"';
      continue;
    }
    is_in_string = c == '"';
    const bool is_between =
        c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ':' || c == ']' || c == '}';
    const bool is_word = !is_between && !is_in_string && c != '[' && c != '{';
    if (!is_between && !(is_word && is_in_word)) ++values;
    is_in_word = is_word;
  }
  return values;
}

void AppendJsonString(std::string_view text, std::string* json) {
  constexpr char kHex[] = "0123456789abcdef";
  json->push_back('"');
  std::size_t plain = 0;  // Start of the text that was not appended yet; it needs no escape.
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    json->append(text.substr(plain, at - plain));
    plain = at + 1;
    switch (byte) {
      case '"':
        json->append("\\\"");
        break;
      case '\\':
        json->append("\\\\");
        break;
      case '\n':
        json->append("\\n");
        break;
      case '\r':
        json->append("\\r");
        break;
      case '\t':
        json->append("\\t");
        break;
      default:
        json->append({'\\', 'u', '0', '0', kHex[byte >> 4U], kHex[byte & 15U]});
    }
  }
  json->append(text.substr(plain));
  json->push_back('"');
}

}  // namespace mirror

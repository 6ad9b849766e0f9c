#ifndef MIRROR_BASE_JSON_WRITER_H_
#define MIRROR_BASE_JSON_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/json_document.h"

namespace mirror {

/// Writes a JSON text member by member, with commas where they are needed. The caller must end each object
/// and array that it begins.
class JsonWriter {
 public:
  JsonWriter& Begin(char bracket) { return Put(std::string_view(&bracket, 1), /*opens=*/true); }
  JsonWriter& End(char bracket) {
    json_.push_back(bracket);
    needs_comma_ = true;
    return *this;
  }
  JsonWriter& Key(std::string_view name) {
    Comma();
    AppendJsonString(name, &json_);
    json_.push_back(':');
    needs_comma_ = false;
    return *this;
  }
  JsonWriter& String(std::string_view text) {
    Comma();
    AppendJsonString(text, &json_);
    needs_comma_ = true;
    return *this;
  }
  JsonWriter& Number(std::int64_t number) { return Put(std::to_string(number)); }
  JsonWriter& Number(std::uint64_t number) { return Put(std::to_string(number)); }
  JsonWriter& Bool(bool value) { return Put(value ? "true" : "false"); }
  JsonWriter& Null() { return Put("null"); }
  /// Adds a text that is already JSON.
  JsonWriter& Raw(std::string_view json) { return Put(json); }

  JsonWriter& Member(std::string_view name, std::string_view text) { return Key(name).String(text); }
  JsonWriter& Member(std::string_view name, std::uint64_t number) { return Key(name).Number(number); }

  std::string Take() { return std::move(json_); }

 private:
  static constexpr std::size_t kLargeBytes = 64 << 10;

  void Comma() {
    if (needs_comma_) json_.push_back(',');
  }
  JsonWriter& Put(std::string_view json, bool opens = false) {
    Comma();
    // Also reserves memory for the end of the document. Otherwise the text would grow later: its content
    // would be in memory twice while it is copied.
    if (json.size() >= kLargeBytes) json_.reserve(json_.size() + json.size() + kLargeBytes);
    json_.append(json);
    needs_comma_ = !opens;
    return *this;
  }

  std::string json_;
  bool needs_comma_ = false;
};

}  // namespace mirror

#endif  // MIRROR_BASE_JSON_WRITER_H_

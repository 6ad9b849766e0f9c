#ifndef MIRROR_PROTO_WIRE_TEXT_FORM_H_
#define MIRROR_PROTO_WIRE_TEXT_FORM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

// Text forms of values, written and parsed. The parsers accept a text only if writing its value gives exactly
// the same text.

namespace mirror {

/// Return the text forms that table.proto defines; its units apply. The caller must have checked the value.
std::string DateText(std::int64_t value);
std::string TimeText(std::int64_t value, std::uint32_t precision);
std::string TimestampText(std::int64_t value, std::uint32_t precision, bool utc);
std::string UuidText(std::string_view bytes);
/// Returns true for a type that is stored as text but sent as a number or as bytes.
bool HasTextForm(Type type);
std::string TextForm(const Column& column, std::int64_t integer, std::string_view bytes);
/// Writes the text form into `out`, which has room for kTextFormBytesMax bytes. Returns the text's length.
inline constexpr std::size_t kTextFormBytesMax = 40;
std::size_t WriteTextForm(const Column& column, std::int64_t integer, std::string_view bytes, char* out);

/// Parses the text form of a DATE, TIME, TIMESTAMP or TIMESTAMP_TZ. Absent: it is none. Units as in
/// table.proto.
std::optional<std::int64_t> ParseTextForm(const Column& column, std::string_view text);
/// Returns the 16 bytes of a UUID. Absent: the text is not a UUID's text form.
std::optional<std::string> ParseUuid(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_TEXT_FORM_H_

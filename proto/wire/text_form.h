#ifndef MIRROR_PROTO_WIRE_TEXT_FORM_H_
#define MIRROR_PROTO_WIRE_TEXT_FORM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

// The inverse of WriteTextForm(): a text is accepted only if writing its value gives exactly the same
// text.

namespace mirror {

/// Return the documented text forms; units as in table.proto. The value must be checked before.
std::string DateText(std::int64_t value);
std::string TimeText(std::int64_t value, std::uint32_t precision);
std::string TimestampText(std::int64_t value, std::uint32_t precision, bool utc);
std::string UuidText(std::string_view bytes);
/// True for a type that is stored as text but sent as a number or as bytes.
bool HasTextForm(Type type);
std::string TextForm(const Column& column, std::int64_t integer, std::string_view bytes);
/// Writes the text into a buffer of at least kTextFormBytesMax; returns the length.
inline constexpr std::size_t kTextFormBytesMax = 40;
std::size_t WriteTextForm(const Column& column, std::int64_t integer, std::string_view bytes, char* out);

/// Parses DATE, TIME, TIMESTAMP and TIMESTAMP_TZ; units as in table.proto.
std::optional<std::int64_t> ParseTextForm(const Column& column, std::string_view text);
/// Returns the 16 bytes.
std::optional<std::string> ParseUuid(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_TEXT_FORM_H_

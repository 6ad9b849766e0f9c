#ifndef MIRROR_PROTO_WIRE_TEXT_FORM_H_
#define MIRROR_PROTO_WIRE_TEXT_FORM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

// The way back from WriteTextForm in text_form.h: a text counts only when writing its value gives that very
// text.

namespace mirror {

/// The documented text forms; units as in table.proto. The value has been checked.
std::string DateText(std::int64_t value);
std::string TimeText(std::int64_t value, std::uint32_t precision);
std::string TimestampText(std::int64_t value, std::uint32_t precision, bool utc);
std::string UuidText(std::string_view bytes);
/// The text of a value whose type is kept as text though it travels as a number or as bytes.
bool HasTextForm(Type type);
std::string TextForm(const Column& column, std::int64_t integer, std::string_view bytes);
/// The same into a buffer of at least kTextFormBytesMax; returns the length.
inline constexpr std::size_t kTextFormBytesMax = 40;
std::size_t WriteTextForm(const Column& column, std::int64_t integer, std::string_view bytes, char* out);

/// Of DATE, TIME, TIMESTAMP and TIMESTAMP_TZ; units as in table.proto.
std::optional<std::int64_t> ParseTextForm(const Column& column, std::string_view text);
/// The 16 bytes.
std::optional<std::string> ParseUuid(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_TEXT_FORM_H_

#ifndef MIRROR_PROTO_WIRE_TEXT_FORM_H_
#define MIRROR_PROTO_WIRE_TEXT_FORM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

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

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_TEXT_FORM_H_

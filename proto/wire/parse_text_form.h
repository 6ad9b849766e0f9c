#ifndef MIRROR_PROTO_WIRE_PARSE_TEXT_FORM_H_
#define MIRROR_PROTO_WIRE_PARSE_TEXT_FORM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

// The way back from WriteTextForm in text_form.h: a text counts only when writing its value gives that very
// text.

namespace mirror {

/// Of DATE, TIME, TIMESTAMP and TIMESTAMP_TZ; units as in table.proto.
std::optional<std::int64_t> ParseTextForm(const Column& column, std::string_view text);
/// The 16 bytes.
std::optional<std::string> ParseUuid(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_PARSE_TEXT_FORM_H_

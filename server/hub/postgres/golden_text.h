#ifndef MIRROR_SERVER_HUB_POSTGRES_GOLDEN_TEXT_H_
#define MIRROR_SERVER_HUB_POSTGRES_GOLDEN_TEXT_H_

#include <optional>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

namespace mirror {

/// As PostgreSQL keeps it: what is no UTF-8, and each NUL, is U+FFFD.
std::string TextForPostgres(std::string_view text);
/// A value as partners read it in a column of type text: numbers as they are written, bytes as \x and
/// hexadecimal digits. Absent: NULL.
std::optional<std::string> GoldenText(const Literal& value);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_POSTGRES_GOLDEN_TEXT_H_

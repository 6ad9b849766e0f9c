#ifndef MIRROR_CLIENT_SOURCE_MARIADB_VALUE_TEXT_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_VALUE_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

// Functions that append a value of one type, as MariaDB's text. They return false if the bytes are no such
// value.

namespace mirror::binlog {

void AppendInteger(std::int64_t number, std::string* text);
void AppendUnsigned(std::uint64_t number, std::string* text);
void AppendReal(double real, std::string* text);
/// `bytes`: exactly DecimalBytes(precision, scale) bytes.
bool AppendDecimal(std::string_view bytes, std::uint32_t precision, std::uint32_t scale, std::string* text);

/// `digits`: of fractional seconds.
bool AppendDate(std::uint32_t packed, std::string* text);
bool AppendTime(std::string_view bytes, std::uint32_t digits, std::string* text);
bool AppendDateTime(std::string_view bytes, std::uint32_t digits, std::string* text);
bool AppendTimestamp(std::string_view bytes, std::uint32_t digits, std::string* text);
/// These append values as servers before 10.1 store them, without fractional digits.
bool AppendOldTime(std::string_view bytes, std::string* text);
bool AppendOldDateTime(std::string_view bytes, std::string* text);
bool AppendOldTimestamp(std::string_view bytes, std::string* text);

void AppendLatin1(std::string_view bytes, std::string* text);
/// `bytes`: exactly 16. `turned`: the parts are always reordered, as by a server before 10.11.5.
void AppendUuid(std::string_view bytes, bool turned, std::string* text);
void AppendInet4(std::string_view bytes, std::string* text);
void AppendInet6(std::string_view bytes, std::string* text);

}  // namespace mirror::binlog

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_VALUE_TEXT_H_

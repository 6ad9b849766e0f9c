#ifndef MIRROR_CLIENT_SOURCE_MARIADB_LOG_ROW_TEXT_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_LOG_ROW_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/source/mariadb/log/table_map.h"

namespace mirror::binlog {

/// How texts of a column become UTF-8.
enum class Charset : std::uint8_t {
  kUtf8,    ///< utf8mb4, utf8mb3, ascii: they are.
  kLatin1,  ///< Of MariaDB: Windows' code page 1252.
  kBytes,   ///< They stay what they are.
};
/// Of MariaDB's name of a character set; absent: it is none of these.
std::optional<Charset> CharsetOf(std::string_view name);

/// What a column's type is beyond what the binlog says of it.
enum class StringUse : std::uint8_t {
  kPlain,
  kUuid,     ///< Stored with its parts turned, so that they are ordered by time.
  kOldUuid,  ///< Of a server before 10.11.5: all of them are.
  kInet4,
  kInet6,
};

/// Makes of the bytes of a column the text that a SELECT has for it, as utf8mb4 and in time zone +00:00,
/// without the zeros of ZEROFILL; of FLOAT that of CAST(x AS DOUBLE), of BIT that of CAST(x AS UNSIGNED).
class RowText {
 public:
  RowText(const MappedColumn& column, Charset charset, StringUse use);
  /// Of RowField::bytes. False: they are no such value; `text` has anything then.
  bool Write(std::string_view bytes, std::string* text) const;

 private:
  enum class Form : std::uint8_t {
    kSigned,
    kUnsigned,
    kFloat,
    kDouble,
    kDecimal,
    kBit,
    kYear,
    kDate,
    kTime,
    kDateTime,
    kTimestamp,
    kOldTime,
    kOldDateTime,
    kOldTimestamp,
    kEnum,
    kSet,
    kUtf8,
    kLatin1,
    kBytes,
    kPaddedBytes,
    kUuid,
    kOldUuid,
    kInet4,
    kInet6,
    kNone,
  };
  static Form FormOf(const MappedColumn& column, Charset charset, StringUse use);
  bool WriteMoment(std::string_view bytes, std::string* text) const;
  bool WriteEnum(std::uint64_t place, std::string* text) const;
  bool WriteSet(std::uint64_t bits, std::string* text) const;
  bool WriteString(std::string_view bytes, std::string* text) const;

  Form form_;
  std::uint32_t size_, scale_;
  std::vector<std::string> labels_;
};

/// Of a DECIMAL in the binlog.
std::uint32_t DecimalBytes(std::uint32_t precision, std::uint32_t scale);

}  // namespace mirror::binlog

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_LOG_ROW_TEXT_H_

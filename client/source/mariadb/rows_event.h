#ifndef MIRROR_CLIENT_SOURCE_MARIADB_ROWS_EVENT_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_ROWS_EVENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "client/source/mariadb/binlog_event.h"
#include "client/source/mariadb/table_map.h"

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

enum class RowsKind : std::uint8_t { kWrite, kUpdate, kDelete };

bool IsRows(EventType type);

/// A WRITE, UPDATE or DELETE_ROWS event, of both versions, compressed or not.
struct RowsEvent {
  RowsKind kind = RowsKind::kWrite;
  std::uint64_t map = 0;  ///< TableMap::id
  std::size_t columns = 0;
  /// Bits of the columns that its images have. `after`: of an update.
  std::string_view image, after;
  std::string_view rows;  ///< One behind the other; of an update each before and after it.
  std::string inflated;   ///< Of a compressed one: what `rows` views.

  /// Each image has all columns.
  bool IsWhole() const;
};
/// Into `rows`, which its `rows` may view. Errors: kDataLoss.
absl::Status ReadRows(const Event& event, RowsEvent* rows);
/// Its table map's id alone.
std::uint64_t RowsMapId(const Event& event);

/// A column of a row as it stands in an event.
struct RowField {
  enum class State : std::uint8_t { kThere, kNull, kAbsent };
  State state = State::kAbsent;
  std::string_view bytes;  ///< Of kThere, without a length before them.
  friend bool operator==(const RowField&, const RowField&) = default;
};

/// Finds where the columns of a table's rows begin.
class RowSlicer {
 public:
  explicit RowSlicer(const TableMap& map);
  /// The next row of an image with these columns, at least one. False: there is no such row.
  bool Next(Bytes* rows, std::string_view image, std::vector<RowField>* fields) const;
  std::size_t columns() const { return sizes_.size(); }

 private:
  struct Size {
    std::uint8_t length_bytes = 0;  ///< 0: `fixed` bytes.
    std::uint32_t fixed = 0;
    std::uint32_t most = 0;  ///< Of a length.
  };
  static Size SizeOf(const MappedColumn& column);

  std::vector<Size> sizes_;
};

}  // namespace mirror::binlog

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_ROWS_EVENT_H_

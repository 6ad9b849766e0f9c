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

/// How texts of a column are converted to UTF-8.
enum class Charset : std::uint8_t {
  kUtf8,    ///< utf8mb4, utf8mb3, ascii: no conversion.
  kLatin1,  ///< MariaDB's latin1: Windows' code page 1252.
  kBytes,   ///< The bytes stay unchanged.
};
/// Returns the conversion for MariaDB's name of a character set; absent: it is none of these.
std::optional<Charset> CharsetOf(std::string_view name);

/// Facts about a column's type that the binlog does not contain.
enum class StringUse : std::uint8_t {
  kPlain,
  kUuid,     ///< Stored with reordered parts, so that values are ordered by time; some versions are not
             ///< reordered.
  kOldUuid,  ///< Of a server before 10.11.5: all values are reordered.
  kInet4,
  kInet6,
};

/// Converts a column's bytes to the text that a SELECT returns for it: in utf8mb4, in time zone +00:00,
/// without the zeros of ZEROFILL, FLOAT as CAST(x AS DOUBLE), BIT as CAST(x AS UNSIGNED).
class RowText {
 public:
  RowText(const MappedColumn& column, Charset charset, StringUse use);
  /// `bytes`: RowField::bytes. False: they are no value of the column, and `text` is undefined.
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

/// Returns the number of bytes that a DECIMAL takes in the binlog.
std::uint32_t DecimalBytes(std::uint32_t precision, std::uint32_t scale);

enum class RowsKind : std::uint8_t { kWrite, kUpdate, kDelete };

bool IsRows(EventType type);

/// A WRITE, UPDATE or DELETE_ROWS event, of both versions, compressed or not.
struct RowsEvent {
  RowsKind kind = RowsKind::kWrite;
  std::uint64_t map = 0;  ///< TableMap::id
  std::size_t columns = 0;
  /// A bit for each column: whether it is in the row images. `after`: of the second image, for an update.
  std::string_view image, after;
  std::string_view rows;  ///< The rows, one after the other; for an update each row before and after.
  std::string inflated;   ///< Content of a compressed event, viewed by `rows`.

  /// Returns whether each image has all columns.
  bool IsWhole() const;
};
/// Reads a rows event. Views of `rows` may point into `rows` itself. Errors: kDataLoss.
absl::Status ReadRows(const Event& event, RowsEvent* rows);
/// Returns only the id of the event's table map.
std::uint64_t RowsMapId(const Event& event);

/// A column of a row in an event.
struct RowField {
  enum class State : std::uint8_t { kThere, kNull, kAbsent };
  State state = State::kAbsent;
  std::string_view bytes;  ///< For kThere, without a length prefix.
  friend bool operator==(const RowField&, const RowField&) = default;
};

/// Splits the rows of a table into columns.
class RowSlicer {
 public:
  explicit RowSlicer(const TableMap& map);
  /// Reads the next row of an image with these columns, of which there must be at least one. False: there is
  /// no such row.
  bool Next(Bytes* rows, std::string_view image, std::vector<RowField>* fields) const;
  std::size_t columns() const { return sizes_.size(); }

 private:
  struct Size {
    std::uint8_t length_bytes = 0;  ///< 0: the size is `fixed`.
    std::uint32_t fixed = 0;
    std::uint32_t most = 0;  ///< Maximum length.
  };
  static Size SizeOf(const MappedColumn& column);

  std::vector<Size> sizes_;
};

}  // namespace mirror::binlog

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_ROWS_EVENT_H_

#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_PAYLOAD_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_PAYLOAD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "server/own_records/record.h"

// Several values in one bytea. A format byte (1) comes first. Then for each value its length follows, with
// seven bits in a byte and the least significant first, and its bytes. A number has eight bytes, with the
// most significant first, like PostgreSQL's int8send(). So SQL can read numbers at the beginning. A later
// version appends new values at the end.

namespace mirror {

class PayloadWriter {
 public:
  PayloadWriter& Number(std::int64_t number);
  PayloadWriter& Text(std::string_view text);
  /// Appends the packed columns of `row`.
  template <typename Row>
  PayloadWriter& Packed(const Record<Row>& record, const Row& row) {
    return Packed(record, record.Write(row));
  }
  PayloadWriter& Packed(const OwnTable& table, const Fields& row);
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_ = std::string(1, '\1');
};

/// Reads such values. Missing values, as in rows of an earlier version, are read as 0 or empty. The bytes
/// must outlive the reader.
class PayloadReader {
 public:
  explicit PayloadReader(std::string_view bytes);
  std::int64_t Number();
  std::uint64_t Unsigned() { return static_cast<std::uint64_t>(Number()); }
  std::string Text() { return std::string(Next()); }
  /// Errors: those of Record::Read().
  template <typename Row>
  absl::Status Packed(const Record<Row>& record, Row& row) {
    return record.ReadPacked(
        [&](int, ColumnKind kind) { return IsNumber(kind) ? Field(Number()) : Field(Next()); }, row);
  }
  /// False: PayloadWriter did not make these bytes.
  bool is_whole() const { return is_whole_; }

 private:
  std::string_view Next();

  std::string_view rest_;
  bool is_whole_;
};

/// Returns the position of number `place` (from 0), counted as substr() counts. Only numbers may come before
/// it.
constexpr int NumberAt(int place) { return 3 + 9 * place; }
/// Returns SQL for that number. `payload`: an SQL expression.
std::string NumberSql(std::string_view payload, int place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_PAYLOAD_H_

#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_PAYLOAD_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_PAYLOAD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "server/own_records/record.h"

// Several values in one bytea: a format byte (1), then for each value its length, seven bits a byte with
// the least significant first, and its bytes. A number has eight bytes, the most significant first, like
// PostgreSQL's int8send(): SQL can read numbers at the front. A later version appends new values at the
// end.

namespace mirror {

class PayloadWriter {
 public:
  PayloadWriter& Number(std::int64_t number);
  PayloadWriter& Text(std::string_view text);
  /// The packed columns of `row`.
  template <typename Row>
  PayloadWriter& Packed(const Record<Row>& record, const Row& row) {
    return Packed(record, record.Write(row));
  }
  PayloadWriter& Packed(const OwnTable& table, const Fields& row);
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_ = std::string(1, '\1');
};

/// Values that are missing, as in rows of an earlier version, read as 0 and empty. The bytes must outlive the
/// reader.
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

/// Position of number `place`, from 0, counted as substr() does; only numbers may stand before it.
constexpr int NumberAt(int place) { return 3 + 9 * place; }
/// That number as SQL: `payload` is an expression.
std::string NumberSql(std::string_view payload, int place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_PAYLOAD_H_

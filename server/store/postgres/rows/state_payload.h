#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_PAYLOAD_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_PAYLOAD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "server/own_records/record.h"

// Several values in one bytea: a byte that says how they are written (1), then each value's length, seven
// bits a byte and the least significant first, and its bytes. A number has eight, the most significant first,
// so that it is PostgreSQL's int8send(): numbers that come first stand where SQL finds them. What a later
// version adds stands at the end.

namespace mirror {

class PayloadWriter {
 public:
  PayloadWriter& Number(std::int64_t number);
  PayloadWriter& Text(std::string_view text);
  /// The columns of `row` that are packed.
  template <typename Row>
  PayloadWriter& Packed(const Record<Row>& record, const Row& row) {
    return Packed(record, record.Write(row));
  }
  PayloadWriter& Packed(const OwnTable& table, const Fields& row);
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_ = std::string(1, '\1');
};

/// Values that are not there any more, as of an earlier version, are 0 and empty. It lives as long as the
/// bytes.
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
  /// False: they are not what PayloadWriter made.
  bool is_whole() const { return is_whole_; }

 private:
  std::string_view Next();

  std::string_view rest_;
  bool is_whole_;
};

/// Where the number at `place`, from 0, begins, as substr() counts, when only numbers stand before it.
constexpr int NumberAt(int place) { return 3 + 9 * place; }
/// That number as SQL: `payload` is an expression.
std::string NumberSql(std::string_view payload, int place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_STATE_PAYLOAD_H_

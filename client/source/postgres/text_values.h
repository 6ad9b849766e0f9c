#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_TEXT_VALUES_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_TEXT_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/postgres_types.h"
#include "client/source/server/staged_row.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// A column whose values have the text of PostgreSQL's output functions under PostgresSessions' settings: in
/// its log, and in the answer to a SELECT.
struct PostgresTextColumn {
  PostgresValueForm form = PostgresValueForm::kText;
  Column announced;
  bool single = false;  ///< float4: a text means the nearest single.
};
PostgresTextColumn TextColumnOf(const PostgresColumn& column, const Column& announced);

/// The value in rows written before the column was added; absent: only the database knows it.
std::optional<Literal> MissingLiteral(const PostgresColumn& column, const Column& announced);

/// Gives the same values as PostgresRowDecoder does from the binary formats. Threads: one.
class PostgresTextValues {
 public:
  /// Absent: it does not fit its announcement. The value views `text`, and this object until Clear().
  std::optional<Value> Decode(const PostgresTextColumn& column, std::string_view text);
  void Clear() { bytes_.clear(); }

 private:
  std::optional<Value> DecodeBytes(std::string_view text, bool is_uuid);

  std::deque<std::string> bytes_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_TEXT_VALUES_H_

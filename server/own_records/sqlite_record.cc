#include "server/own_records/sqlite_record.h"

#include <cstddef>

namespace mirror {

sqlite::Statement& BindFields(sqlite::Statement& statement, const Fields& fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field& field = fields[i];
    const int place = static_cast<int>(i) + 1;
    if (field.is_null()) {
      statement.BindNull(place);
      continue;
    }
    switch (fields.column(i).kind) {
      case ColumnKind::kNumber:
      case ColumnKind::kFlag:
        statement.Bind(place, field.number());
        break;
      case ColumnKind::kText:
      case ColumnKind::kKeyText:
      case ColumnKind::kRawText:
        statement.Bind(place, field.text());
        break;
      case ColumnKind::kBytes:
        statement.BindBlob(place, field.text());
        break;
    }
  }
  return statement;
}

Field SqliteFieldAt(const sqlite::Statement& statement, int column, ColumnKind kind) {
  if (statement.IsNull(column)) return {};
  return IsNumber(kind) ? Field(statement.Int(column)) : Field(statement.View(column));
}

}  // namespace mirror

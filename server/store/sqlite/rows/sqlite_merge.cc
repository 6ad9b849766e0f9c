#include "server/store/sqlite/rows/sqlite_merge.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "server/store/live_rows.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/rows/sqlite_partner_index.h"
#include "server/store/sqlite/rows/sqlite_schema.h"

namespace mirror {
namespace {

constexpr char kTarget[] = "_mirror_target";

std::string AbsentSql(const TableSchema& schema, const std::string& shadow) {
  std::string same;
  for (const std::uint32_t column : schema.Key()) {
    const std::string name = QuoteName(schema.columns[column].name);
    absl::StrAppend(&same, same.empty() ? "" : " AND ", "s.", name, " = ", kTarget, ".", name);
  }
  std::string sql =
      absl::StrCat(RemoveSql(schema, schema.name, kTarget, "?1"), " WHERE ", LiveRows(schema, kTarget));
  // Without a key nobody can tell the rows apart: all of them go, and all come again.
  if (same.empty()) return sql;
  return absl::StrCat(sql, " AND NOT EXISTS (SELECT 1 FROM ", QuoteName(shadow), " AS s WHERE ", same, ")");
}

std::string UpsertSql(const TableSchema& schema, const std::string& shadow) {
  std::string names, set;
  for (const Column& column : schema.columns) {
    const std::string name = QuoteName(column.name);
    absl::StrAppend(&names, names.empty() ? "" : ", ", name);
    // An ANY key may come as 1.0 where 1 stands.
    if (column.key_position != 0 && column.type != Type::kAny) continue;
    absl::StrAppend(&set, set.empty() ? "" : ", ", name, " = excluded.", name);
  }
  const std::string sql = absl::StrCat("INSERT", OrAbort(schema), " INTO ", QuoteName(schema.name), " AS ",
                                       kTarget, " (", names, OwnNames(schema), ") SELECT ", names,
                                       OwnValues(schema), " FROM ", QuoteName(shadow), " WHERE true");
  const std::vector<std::uint32_t> key = schema.Key();
  if (key.empty()) return sql;
  return absl::StrCat(sql, " ON CONFLICT (", NameList(schema, key), ") DO UPDATE SET ", set,
                      Revive(schema, set));
}

absl::Status Refused(const TableSchema& schema, const std::string& what) {
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", schema.name, "': ", what,
      " refuses the new rows. None of them was applied; the table has its former rows. The source's rows "
      "need not be unique there: drop it, and the next cycle populates the table."));
}

}  // namespace

absl::Status RunMerge(SqliteConnection& connection, const TableSchema& schema, const std::string& shadow,
                      std::int64_t now_ms) {
  // While rows take each other's place two of them may have the same value, which they do not in the end.
  ASSIGN_OR_RETURN(const std::vector<PartnerIndex> unique,
                   TakeOffIndexes(connection, schema.name, IndexKind::kUnique));
  {
    ASSIGN_OR_RETURN(Query remove, connection.Prepare(AbsentSql(schema, shadow)));
    if (schema.deletes == Deletes::kMark) remove.Bind(1, now_ms);
    RETURN_IF_ERROR(remove.Run());
  }
  CrashPoint("merge.removed");
  {
    ASSIGN_OR_RETURN(Query upsert, connection.Prepare(UpsertSql(schema, shadow)));
    absl::Status status = upsert.Run();
    if (absl::IsFailedPrecondition(status)) return Refused(schema, "a constraint of the partner's");
    if (!status.ok()) return status;
  }
  CrashPoint("merge.written");
  for (const PartnerIndex& index : unique) {
    absl::Status made = MakeIndex(connection, index);
    if (absl::IsFailedPrecondition(made)) {
      return Refused(schema, absl::StrCat("the partner's unique index '", index.name, "'"));
    }
    if (!made.ok()) return made;
  }
  return DropShadow(connection, schema.name);
}

}  // namespace mirror

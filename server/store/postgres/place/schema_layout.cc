#include "server/store/postgres/place/schema_layout.h"

#include "absl/strings/str_cat.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr char kDoing[] = "bringing an earlier layout to the present one";

std::string LayoutSql(const SchemaLayout& known) {
  return absl::StrCat("SELECT layout, layout_min FROM ", known.table);
}

bool IsOlder(const postgres::Rows& row, const SchemaLayout& known) {
  return row.rows() == 1 && row.Int(0, 0) < known.present;
}

}  // namespace

absl::Status RaiseLayout(postgres::Connection& connection, const SchemaLayout& known) {
  auto row = known.own != nullptr ? known.own->Query(connection, LayoutSql(known), kDoing)
                                  : connection.Query(LayoutSql(known), {}, kDoing);
  if (!row.ok() || !IsOlder(*row, known)) return row.status();
  postgres::Transaction transaction(connection);
  RETURN_IF_ERROR(transaction.Begin());
  // Locks the table and not its row. A session that waits for the row already has a lock of the table, which
  // could block a step.
  absl::Status locked =
      connection.Execute(absl::StrCat("LOCK TABLE ", known.table, " IN EXCLUSIVE MODE"), kDoing);
  if (locked.ok() && known.own != nullptr) locked = known.own->Find(connection).status();
  if (!locked.ok()) return locked;
  row = connection.Query(LayoutSql(known), {}, kDoing);
  if (!row.ok() || !IsOlder(*row, known)) return row.status();
  std::int64_t layout_min = row->Int(0, 1);
  for (const SchemaLayout::Step& step : known.steps) {
    if (step.to <= row->Int(0, 0)) continue;
    absl::Status taken = step.sql.empty() ? absl::OkStatus() : connection.Execute(step.sql, kDoing);
    if (taken.ok() && step.run != nullptr) taken = step.run(connection);
    if (!taken.ok()) return taken;
    if (!step.older_go_on) layout_min = step.to;
  }
  const absl::StatusOr<std::int64_t> noted =
      connection.Run(absl::StrCat("UPDATE ", known.table, " SET layout = $1, layout_min = $2, program = $3"),
                     {known.present, layout_min, MIRROR_VERSION}, kDoing);
  return noted.ok() ? transaction.Commit(kDoing) : noted.status();
}

}  // namespace mirror

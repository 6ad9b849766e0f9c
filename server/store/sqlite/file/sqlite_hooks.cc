#include "server/store/sqlite/file/sqlite_hooks.h"

#include <algorithm>

#include "base/status_macros.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/mirror_records.h"

namespace mirror {
namespace {

absl::StatusOr<bool> HasTable(SqliteConnection& connection) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_mirror_hooks'"));
  return query.Step();
}

absl::Status Insert(SqliteConnection& connection, const HookNote& note) {
  static const std::string sql = HookNoteTable().InsertSql(kInSqlite);
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  Fields fields = HookNoteTable().Write(note);
  fields.Set("id", {});  // SQLite assigns the id.
  return BindFields(query, fields).Run();
}

/// Removes notes for hooks that are no longer configured.
absl::Status RemoveUnknown(SqliteConnection& connection, const std::vector<std::string>& known,
                           std::int64_t before_ms) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("SELECT DISTINCT hook FROM _mirror_hooks"));
  ASSIGN_OR_RETURN(const std::vector<std::string> there, query.Texts());
  for (const std::string& hook : there) {
    if (std::find(known.begin(), known.end(), hook) != known.end()) continue;
    ASSIGN_OR_RETURN(Query remove,
                     connection.Prepare("DELETE FROM _mirror_hooks WHERE hook = ?1 AND at_ms < ?2"));
    RETURN_IF_ERROR(remove.Bind(1, hook).Bind(2, before_ms).Run());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<HookNote>> SelectHook(SqliteConnection& connection, const std::string& hook) {
  ASSIGN_OR_RETURN(const bool there, HasTable(connection));
  if (!there) return std::optional<HookNote>();
  static const std::string sql = HookNoteTable().SelectSql(kInSqlite, "WHERE hook = ?1 ORDER BY id LIMIT 1");
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  query.Bind(1, hook);
  return ReadNext(HookNoteTable(), query);
}

absl::Status AddHooks(SqliteConnection& connection, const std::vector<HookNote>& notes,
                      const std::vector<std::string>& known, std::int64_t unknown_before_ms) {
  ASSIGN_OR_RETURN(const bool there, HasTable(connection));
  if (!there) RETURN_IF_ERROR(connection.Execute(HookNoteTable().CreateMissingSql(kInSqlite)));
  RETURN_IF_ERROR(RemoveUnknown(connection, known, unknown_before_ms));
  for (const HookNote& note : notes) {
    RETURN_IF_ERROR(Insert(connection, note));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> TrimHooks(SqliteConnection& connection, std::int64_t count_max) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("DELETE FROM _mirror_hooks WHERE id <= (SELECT id FROM "
                                                   "_mirror_hooks ORDER BY id DESC LIMIT 1 OFFSET "
                                                   "?1)"));
  RETURN_IF_ERROR(query.Bind(1, count_max).Run());
  return static_cast<std::uint64_t>(connection.Changes());
}

absl::Status RemoveHooks(SqliteConnection& connection, const std::vector<std::int64_t>& delivered) {
  const absl::StatusOr<bool> there = HasTable(connection);
  if (!there.ok() || !*there) return there.status();
  for (const std::int64_t id : delivered) {
    ASSIGN_OR_RETURN(Query query, connection.Prepare("DELETE FROM _mirror_hooks WHERE id = ?1"));
    RETURN_IF_ERROR(query.Bind(1, id).Run());
  }
  return absl::OkStatus();
}

}  // namespace mirror

#include "server/store/postgres/rows/hook_rows.h"

#include "absl/strings/str_cat.h"
#include "server/own_records/postgres_record.h"
#include "server/store/mirror_records.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

TableAt HooksIn(const PostgresOwnTables& names) {
  return {.dialect = Dialect::kPostgres, .name = names.hooks};
}

}  // namespace

absl::StatusOr<std::optional<HookNote>> SelectHook(postgres::Connection& connection,
                                                   const PostgresOwnTables& names, const std::string& hook) {
  const auto rows =
      connection.Query(HookNoteTable().SelectSql(HooksIn(names), "WHERE hook = $1 ORDER BY id LIMIT 1"),
                       {hook}, "reading the events that wait for a hook");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return ReadFirst(HookNoteTable(), *rows);
}

absl::StatusOr<std::vector<HookNote>> SelectHooks(postgres::Connection& connection,
                                                  const PostgresOwnTables& names) {
  const auto rows = connection.Query(HookNoteTable().SelectSql(HooksIn(names), "ORDER BY id"), {},
                                     "reading the events that wait for hooks");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return ReadRows(HookNoteTable(), *rows);
}

void PutHook(OwnWrites& writes, const PostgresOwnTables& names, const HookNote& note) {
  writes.Add(HookNoteTable().InsertSql(HooksIn(names)), HookNoteTable().Write(note));
}

void AddHooks(OwnWrites& writes, const PostgresOwnTables& names, const std::vector<HookNote>& notes,
              const std::vector<std::string>& known, std::int64_t unknown_before_ms) {
  postgres::Array hooks = postgres::TextArray(known);
  const postgres::Value all = hooks.value();
  writes.Add(absl::StrCat("DELETE FROM ", names.hooks, " WHERE hook <> ALL ($1) AND at_ms < $2"),
             {postgres::Value::Raw(all.type(), writes.Keep(std::string(all.binary()))), unknown_before_ms});
  static const std::string columns = HookNoteTable().Names();
  static const std::string places = HookNoteTable().Places(Dialect::kPostgres, {{"id", "id"}});
  for (const HookNote& note : notes) {
    writes.Add(absl::StrCat("WITH new AS (UPDATE ", names.tenant,
                            " SET next_id = next_id + 1 RETURNING next_id - 1 AS id) INSERT INTO ",
                            names.hooks, " (", columns, ") SELECT ", places, " FROM new"),
               HookNoteTable().Write(note));
  }
}

absl::StatusOr<std::uint64_t> TrimHooks(postgres::Connection& connection, const PostgresOwnTables& names,
                                        std::int64_t count_max) {
  const auto went = connection.Run(absl::StrCat("DELETE FROM ", names.hooks, " WHERE id <= (SELECT id FROM ",
                                                names.hooks, " ORDER BY id DESC LIMIT 1 OFFSET $1)"),
                                   {count_max}, "trimming the events that wait for hooks");
  if (!went.ok()) return ToStoreStatus(went.status(), TableOwner::kOwnTable);
  return static_cast<std::uint64_t>(*went);
}

void RemoveHooks(OwnWrites& writes, const PostgresOwnTables& names, const std::vector<std::int64_t>& ids) {
  for (const std::int64_t id : ids) {
    writes.Add(absl::StrCat("DELETE FROM ", names.hooks, " WHERE id = $1"), {id});
  }
}

}  // namespace mirror

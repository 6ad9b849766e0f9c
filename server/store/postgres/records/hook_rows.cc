#include "server/store/postgres/records/hook_rows.h"

#include "absl/strings/str_cat.h"
#include "server/store/postgres/place/place_words.h"

namespace mirror {
namespace {

HookNote NoteOf(const postgres::Rows& rows, int row) {
  return {rows.Int(row, 0), rows.Text(row, 1), rows.Text(row, 2),
          rows.Int(row, 3), rows.Int(row, 4),  rows.Text(row, 5)};
}

}  // namespace

absl::StatusOr<std::optional<HookNote>> SelectHook(postgres::Connection& connection,
                                                   const PostgresOwnTables& names, const std::string& hook) {
  const auto rows = connection.Query(absl::StrCat("SELECT id, hook, event, cycle, at_ms, json FROM ",
                                                  names.hooks, " WHERE hook = $1 ORDER BY id LIMIT 1"),
                                     {hook}, "reading what waits for a hook");
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  if (rows->rows() == 0) return std::nullopt;
  return NoteOf(*rows, 0);
}

absl::StatusOr<std::vector<HookNote>> SelectHooks(postgres::Connection& connection,
                                                  const PostgresOwnTables& names) {
  const auto rows = connection.Query(
      absl::StrCat("SELECT id, hook, event, cycle, at_ms, json FROM ", names.hooks, " ORDER BY id"), {},
      "reading what waits for hooks");
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  std::vector<HookNote> notes;
  for (int row = 0; row < rows->rows(); ++row) notes.push_back(NoteOf(*rows, row));
  return notes;
}

void PutHook(OwnWrites& writes, const PostgresOwnTables& names, const HookNote& note) {
  writes.Add(absl::StrCat("INSERT INTO ", names.hooks,
                          " (id, hook, event, cycle, at_ms, json) VALUES ($1, $2, $3, $4, $5, $6)"),
             {note.id, writes.Keep(note.hook), writes.Keep(note.event), note.cycle, note.at_ms,
              writes.Keep(note.json)});
}

void AddHooks(OwnWrites& writes, const PostgresOwnTables& names, const std::vector<HookNote>& notes,
              const std::vector<std::string>& known, std::int64_t unknown_before_ms) {
  postgres::Array hooks(postgres::Type::kText);
  for (const std::string& hook : known) hooks.Add(hook);
  const postgres::Value all = hooks.value();
  writes.Add(absl::StrCat("DELETE FROM ", names.hooks, " WHERE hook <> ALL ($1) AND at_ms < $2"),
             {postgres::Value::Raw(all.type(), writes.Keep(std::string(all.binary()))), unknown_before_ms});
  for (const HookNote& note : notes) {
    writes.Add(
        absl::StrCat("WITH new AS (UPDATE ", names.tenant,
                     " SET next_id = next_id + 1 RETURNING next_id - 1 AS id) INSERT INTO ", names.hooks,
                     " (id, hook, event, cycle, at_ms, json) SELECT id, $1, $2, $3, $4, $5 FROM new"),
        {writes.Keep(note.hook), writes.Keep(note.event), note.cycle, note.at_ms, writes.Keep(note.json)});
  }
}

absl::StatusOr<std::uint64_t> TrimHooks(postgres::Connection& connection, const PostgresOwnTables& names,
                                        std::int64_t count_max) {
  const auto went = connection.Run(absl::StrCat("DELETE FROM ", names.hooks, " WHERE id <= (SELECT id FROM ",
                                                names.hooks, " ORDER BY id DESC LIMIT 1 OFFSET $1)"),
                                   {count_max}, "trimming what waits for hooks");
  if (!went.ok()) return InStoreWords(went.status(), Touched::kOwnTable);
  return static_cast<std::uint64_t>(*went);
}

void RemoveHooks(OwnWrites& writes, const PostgresOwnTables& names, const std::vector<std::int64_t>& ids) {
  for (const std::int64_t id : ids) {
    writes.Add(absl::StrCat("DELETE FROM ", names.hooks, " WHERE id = $1"), {id});
  }
}

}  // namespace mirror

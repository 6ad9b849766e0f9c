#include "server/store/postgres/postgres_upkeep.h"

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/older_readers.h"
#include "base/status_macros.h"
#include "server/store/postgres/began.h"
#include "server/store/postgres/place/citus.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/own_schema.h"
#include "server/store/postgres/rows/own_writes.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/garbage.h"
#include "server/store/postgres/tables/history_rows.h"
#include "server/store/postgres/tables/table_work.h"

namespace mirror {
namespace {

constexpr char kQuarantine[] = "mirror quarantined: ";
constexpr char kScrubbing[] = "rewriting the mirror's tables";

/// Checks that nothing is left to drop or to empty, because a rewrite of the tables would keep that.
absl::Status CheckTidy(postgres::Connection& connection, const PostgresOwnTables& names) {
  std::vector<std::string> left;
  for (const StateKind kind : {StateKind::kGarbage, StateKind::kEmptied}) {
    ASSIGN_OR_RETURN(const auto rows, ReadState(connection, names, kind));
    for (const StateRow& row : rows) left.push_back(row.table_key);
  }
  if (left.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "some tables that the mirror no longer needs could not be dropped or emptied, because others use them "
      "or ",
      "made a view on them: ", ListNames(left), ". No table was rewritten, and deleted rows may still be on ",
      "disk; the next cycle tries again."));
}

/// Checks that no older readers exist, because for them VACUUM would keep dead rows on disk.
absl::Status CheckUnseen(postgres::Connection& connection) {
  const absl::StatusOr<std::string> older = postgres::FindOlderReaders(connection);
  if (!older.ok()) return ToStoreStatus(older.status(), TableOwner::kOwnTable);
  if (older->empty()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("deleted rows would stay on disk, because these may still see them: ", *older,
                   ". No table was rewritten; the next cycle tries again. End those that stay for long."));
}

/// Checks the key indexes of the mirrored tables and of the mirror's own. A missing table or key is no
/// damage: the next cycle makes it again.
absl::Status CheckKeys(postgres::Connection& connection, const PostgresOwnTables& names) {
  constexpr char kChecking[] = "checking the indexes of keys";
  const auto keys = connection.Query(
      "SELECT i.indexrelid::bigint, i.indrelid::regclass::text, c.relname::text, i.indisvalid AND "
      "i.indisready AND i.indislive, (SELECT format('SELECT %I.bt_index_check($1::oid::regclass, true)', "
      "n.nspname) FROM "
      "pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck' AND "
      "has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(to_regprocedure(format('%I."
      "bt_index_check(regclass, boolean)', n.nspname)), 'EXECUTE')) FROM pg_index AS i JOIN pg_class AS c ON "
      "c.oid = i.indrelid WHERE i.indisprimary AND c.relkind = 'r' AND c.relnamespace = to_regnamespace($1) "
      "AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) ORDER BY 1",
      {names.schema}, kChecking);
  if (!keys.ok()) return ToStoreStatus(keys.status(), TableOwner::kOwnTable);
  for (int row = 0; row < keys->rows(); ++row) {
    absl::Status whole = keys->Bool(row, 3) ? absl::OkStatus() : absl::DataLossError("it is not valid");
    if (whole.ok() && !keys->IsNull(row, 4))
      whole = connection.Query(keys->Text(row, 4), {keys->Int(row, 0)}, kChecking).status();
    if (absl::IsDataLoss(whole)) {
      return absl::DataLossError(absl::StrCat(
          "the index of the key of table '", keys->Text(row, 2),
          "' is damaged: ", std::string(whole.message()), ". If the table's rows are intact, REINDEX TABLE ",
          keys->Text(row, 1), " repairs it; check the database's ", "disk and log first"));
    }
    // Somebody may have dropped it since.
    if (!whole.ok() && postgres::TroubleOf(whole) != postgres::Trouble::kUndefined)
      return ToStoreStatus(whole, TableOwner::kMirroredTable);
  }
  return absl::OkStatus();
}

class PostgresUpkeep final : public StoreUpkeep {
 public:
  PostgresUpkeep(PostgresMirror& mirror, std::string quarantined)
      : mirror_(mirror), quarantined_(std::move(quarantined)) {}

  Stale WhyStale() override { return mirror_.stale; }

  /// Returns OK, because PostgreSQL itself keeps the database consistent.
  absl::Status CheckWhole(std::chrono::milliseconds) override { return absl::OkStatus(); }

  absl::Status Scrub() override {
    RETURN_IF_ERROR(Patiently(PlaceNode::kCoordinator, [&](postgres::Connection& connection) {
      absl::Status tidied = TidyMirror(connection, *mirror_.own, mirror_.names, mirror_.seen.epoch);
      OwnTransaction reading(connection, *mirror_.own);
      if (tidied.ok()) tidied = reading.Begin({.read_only = true});
      return tidied.ok() ? reading.End(CheckTidy(connection, mirror_.names)) : tidied;
    }));
    RETURN_IF_ERROR(Patiently(PlaceNode::kRows, &CheckUnseen));
    return Patiently(PlaceNode::kCoordinator,
                     [&](postgres::Connection& connection) { return Rewrite(connection); });
  }

  absl::StatusOr<std::vector<std::string>> ReadHistories() override {
    ASSIGN_OR_RETURN(const auto at, mirror_.TakeAt(PlaceUse::kRead, PlaceNode::kRows));
    OwnTransaction reading(*at.lease, *mirror_.own);
    RETURN_IF_ERROR(reading.Begin({.read_only = true}));
    ASSIGN_OR_RETURN(const auto histories, reading.End(SelectHistories(*at.lease, mirror_.names)));
    std::vector<std::string> tables;
    for (const auto& [key, history] : histories) tables.push_back(history.schema.name);
    return tables;
  }

  void Rest() override {
    if (!mirror_.work) mirror_.definitions = {};
  }

  absl::Status Quarantine(const std::string& why) override {
    quarantined_ = why;
    return Comment(absl::StrCat(kQuarantine, why));
  }
  std::string Quarantined() override { return quarantined_; }
  absl::Status Release() override {
    RETURN_IF_ERROR(Comment(""));
    quarantined_.clear();
    return absl::OkStatus();
  }

  absl::Status CheckIntegrity() override {
    ASSIGN_OR_RETURN(const auto lease, mirror_.place.Take(PlaceUse::kScan));
    RETURN_IF_ERROR(CheckOwnTablesBy(*lease));
    RETURN_IF_ERROR(ReadAll(*lease));
    lease->SetAnswerWithin(kLongStatement);
    absl::Status whole = CheckKeys(*lease, mirror_.names);
    lease->Close();
    return whole;
  }

  absl::Status CheckOwnTables() override {
    ASSIGN_OR_RETURN(const auto lease, mirror_.place.Take(PlaceUse::kRead));
    return CheckOwnTablesBy(*lease);
  }

  std::uint64_t BytesOnDisk() override {
    const auto lease = mirror_.place.Take(PlaceUse::kRead);
    if (!lease.ok()) return 0;
    const auto bytes = (*lease)->Number(BytesOfSchemaSql(mirror_.place.options().kind),
                                        {mirror_.names.schema}, "measuring the mirror");
    return bytes.ok() ? static_cast<std::uint64_t>(*bytes) : 0;
  }

 private:
  absl::Status CheckOwnTablesBy(postgres::Connection& connection) const {
    OwnTransaction reading(connection, *mirror_.own);
    const absl::Status begun = reading.Begin({.read_only = true});
    // The table that the guard locks may be the missing one.
    if (!begun.ok() && !absl::IsDataLoss(begun)) return begun;
    absl::Status whole = CheckOwnRelations(connection, mirror_.context_id, mirror_.names);
    return begun.ok() ? reading.End(std::move(whole)) : whole.ok() ? begun : whole;
  }
  absl::Status ReadAll(postgres::Connection& connection) const {
    OwnTransaction reading(connection, *mirror_.own);
    RETURN_IF_ERROR(reading.Begin({.read_only = true}));
    absl::Status read = ReadTenantRow(connection, mirror_.names).status();
    if (read.ok()) read = SelectAgreed(connection, mirror_.names).status();
    return reading.End(std::move(read));
  }
  template <typename Do>
  absl::Status Patiently(PlaceNode node, const Do& what) {
    ASSIGN_OR_RETURN(const auto at, mirror_.TakeAt(PlaceUse::kWrite, node));
    at.lease->SetAnswerWithin(kLongStatement);
    absl::Status done = what(*at.lease);
    // Closes the connection, because its timeout differs from that of the others. It must not return to the
    // pool.
    at.lease->Close();
    return done;
  }
  absl::Status Rewrite(postgres::Connection& connection) {
    RETURN_IF_ERROR(ToStoreStatus(mirror_.own->Find(connection).status(), TableOwner::kOwnTable));
    const auto tables = connection.Query(
        "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' AND "
        "relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) ORDER BY 1",
        {mirror_.names.schema}, "looking for the mirror's tables");
    if (!tables.ok()) return ToStoreStatus(tables.status(), TableOwner::kOwnTable);
    for (int row = 0; row < tables->rows(); ++row) {
      const std::string name = Qualified(mirror_.names.schema_name, tables->Text(row, 0));
      absl::Status done = connection.Execute(absl::StrCat("VACUUM (FULL) ", name), kScrubbing);
      if (!done.ok()) return ToStoreStatus(done, TableOwner::kMirroredTable);
    }
    return absl::OkStatus();
  }
  /// Writes the comment. Empty text: removes it.
  absl::Status Comment(const std::string& text) {
    absl::StatusOr<std::string> quoted = text.empty() ? "NULL" : postgres::QuotedText(text);
    if (!quoted.ok()) quoted = absl::StrCat("'", kQuarantine, "the reason cannot be written'");
    ASSIGN_OR_RETURN(const auto lease, mirror_.place.Take(PlaceUse::kWrite));
    return ToStoreStatus(
        lease->Execute(absl::StrCat("COMMENT ON SCHEMA ", mirror_.names.schema, " IS ", *quoted),
                       "noting that the mirror is quarantined"),
        TableOwner::kOwnTable);
  }

  PostgresMirror& mirror_;
  /// The reason; empty: not quarantined. A note by another server is read when the mirror is opened again.
  std::string quarantined_;
};

}  // namespace

std::unique_ptr<StoreUpkeep> MakePostgresUpkeep(PostgresMirror& mirror, std::string quarantined) {
  return std::make_unique<PostgresUpkeep>(mirror, std::move(quarantined));
}

absl::StatusOr<std::string> ReadQuarantine(postgres::Connection& connection, const PostgresOwnTables& names) {
  const auto rows = connection.Query(
      "SELECT obj_description(n.oid, 'pg_namespace') FROM pg_namespace n JOIN pg_roles r ON r.oid = "
      "n.nspowner WHERE n.nspname = $1 AND r.rolname = current_user",
      {names.schema_name}, "checking whether the mirror is quarantined");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  // A comment on another role's schema does not count.
  if (rows->rows() == 0) return std::string();
  const std::string said = rows->Text(0, 0);
  return said.starts_with(kQuarantine) ? said.substr(sizeof(kQuarantine) - 1) : std::string();
}

namespace {

constexpr std::chrono::milliseconds kBehindACommit{200}, kBehindACycle{2'000};
constexpr char kTidying[] = "finding what to tidy up";

/// Empties the columns that are noted for one table. Does this under the tenant's lock, because a swap does
/// the same.
absl::Status Empty(postgres::Connection& connection, const MirrorGuard& own, const PostgresOwnTables& names,
                   std::int64_t epoch, const std::string& key) {
  OwnTransaction transaction(connection, own);
  RETURN_IF_ERROR(transaction.Begin());
  ASSIGN_OR_RETURN(const auto row, LockTenant(connection, names));
  RETURN_IF_ERROR(CheckServed(row, epoch));
  ASSIGN_OR_RETURN(const auto notes, ReadState(connection, names, StateKind::kEmptied, key));
  OwnWrites writes;
  TableWork work{connection, names, writes};
  for (const StateRow& note : notes) {
    RETURN_IF_ERROR(EmptyColumns(work, note).status());
  }
  absl::Status sent = writes.Send(connection);
  return sent.ok() ? transaction.Commit() : sent;
}

absl::Status EmptyEach(postgres::Connection& connection, const MirrorGuard& own,
                       const PostgresOwnTables& names, std::int64_t epoch,
                       const std::set<std::string>& tables) {
  absl::Status emptied;
  for (const std::string& table : tables)
    emptied.Update(ToStoreStatus(Empty(connection, own, names, epoch, table), TableOwner::kOwnTable));
  return emptied;
}

}  // namespace

absl::Status TidyMirror(postgres::Connection& connection, const MirrorGuard& own,
                        const PostgresOwnTables& names, std::int64_t epoch) {
  absl::Status tidied = DropGarbage(connection, own, names).status();
  const auto rows = own.Query(connection, StateOfKindSql(names, StateKind::kEmptied), kTidying);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  std::set<std::string> tables;
  for (const StateRow& note : StateOfKind(*rows)) tables.insert(note.table_key);
  tidied.Update(EmptyEach(connection, own, names, epoch, tables));
  return tidied;
}

absl::Status TidyBehind(postgres::Connection& connection, const MirrorGuard& own,
                        const PostgresOwnTables& names, std::int64_t epoch, const StateMemory& state,
                        bool all) {
  absl::Status tidied;
  if (all || state.HasPut(StateKind::kGarbage)) {
    const GarbageTurn turn{state.KeysPut(StateKind::kGarbage), all ? kBehindACycle : kBehindACommit};
    tidied = DropGarbage(connection, own, names, turn).status();
  }
  tidied.Update(EmptyEach(connection, own, names, epoch, state.KeysPut(StateKind::kEmptied)));
  return tidied;
}

}  // namespace mirror

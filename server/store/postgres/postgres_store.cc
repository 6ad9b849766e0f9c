#include "server/store/postgres/postgres_store.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/begin_work.h"
#include "server/store/postgres/durable.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/postgres_mirror.h"
#include "server/store/postgres/postgres_records.h"
#include "server/store/postgres/postgres_snapshot.h"
#include "server/store/postgres/postgres_transaction.h"
#include "server/store/postgres/postgres_upkeep.h"
#include "server/store/postgres/records/own_schema.h"
#include "server/store/postgres/tidy_mirror.h"
#include "server/store/postgres/whole_mirror.h"

namespace mirror {
namespace {

constexpr char kOpening[] = "opening the mirror";

class PostgresStore final : public Store {
 public:
  explicit PostgresStore(PostgresMirror mirror, std::string quarantined)
      : mirror_(std::move(mirror)),
        transaction_(MakePostgresTransaction(mirror_)),
        records_(MakePostgresRecords(mirror_)),
        upkeep_(MakePostgresUpkeep(mirror_, std::move(quarantined))) {}

  StoreRecords& records() override { return *records_; }
  StoreUpkeep& upkeep() override { return *upkeep_; }

  absl::Status CheckTable(const TableSchema& table) override {
    return CheckHoldable(KeptForm(table), mirror_.context_id);
  }

  absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) override {
    return BeginWork(*transaction_, intent);
  }

  absl::StatusOr<std::int64_t> ReadDataVersion() override {
    if (mirror_.work) return mirror_.version;
    const auto at = mirror_.TakeAt(PlaceUse::kRead, PlaceNode::kRows);
    if (!at.ok()) return at.status();
    ASSIGN_OR_RETURN(const auto row, ReadTenantRow(*at->lease, *mirror_.own, mirror_.names));
    RETURN_IF_ERROR(mirror_.NoteServed(row));
    mirror_.NoteStateRev(row.state_rev);
    return mirror_.version;
  }

  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() override {
    return OpenPostgresSnapshot(mirror_.place, mirror_.context_id, mirror_.names);
  }

  bool IsBuilding() override { return false; }
  bool IsDurable() override { return !mirror_.options.replicated || mirror_.has_standby; }
  absl::Status MakeDurable() override {
    if (!mirror_.options.replicated) return absl::OkStatus();
    const auto at = mirror_.TakeAt(PlaceUse::kWrite, PlaceNode::kRows);
    return at.ok() ? WaitForStandby(*at->lease) : at.status();
  }

 private:
  PostgresMirror mirror_;
  std::unique_ptr<StoreTransaction> transaction_;
  std::unique_ptr<StoreRecords> records_;
  std::unique_ptr<StoreUpkeep> upkeep_;
};

/// Makes the schema, or finds it.
absl::Status FindOrMake(postgres::Connection& connection, const PostgresMirror& mirror, bool create) {
  const auto there = mirror.own->Find(connection);
  if (!there.ok()) return InStoreWords(there.status(), Touched::kOwnTable);
  if (!there->has_schema && !create)
    return absl::NotFoundError(absl::StrCat("there is no schema ", mirror.names.schema));
  if (!there->has_schema)
    return MakeOwnSchema(connection, mirror.context_id, mirror.names, mirror.options.epoch).status();
  if (there->names.contains("_mirror_tenant")) {
    return InStoreWords(RaiseLayout(connection, MirrorLayout(mirror.names, mirror.own.get())),
                        Touched::kOwnTable);
  }
  if (there->names.contains(MetadataOf(mirror.context_id)))
    return CheckOwnRelations(connection, mirror.context_id, mirror.names);
  return NotTheMirrorOf(mirror.context_id, mirror.names);
}

/// Tables with a position that a crash of the database empties. The catalog is asked by itself: on Citus it
/// is each node's own.
absl::StatusOr<postgres::Array> FindUnlogged(postgres::Connection& connection,
                                             const PostgresOwnTables& names) {
  postgres::Array unlogged(postgres::Type::kText), counted(postgres::Type::kText);
  const auto tables = connection.Query(
      "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' AND "
      "relpersistence <> 'p'",
      {names.schema}, kOpening);
  if (!tables.ok()) return InStoreWords(tables.status(), Touched::kOwnTable);
  if (tables->rows() == 0) return counted;
  for (int row = 0; row < tables->rows(); ++row) unlogged.Add(tables->Text(row, 0));
  const auto records = connection.Query(
      absl::StrCat("SELECT table_name FROM ", names.metadata, " WHERE table_name = ANY ($1) AND lsn <> -1"),
      {unlogged.value()}, kOpening);
  if (!records.ok()) return InStoreWords(records.status(), Touched::kOwnTable);
  for (int row = 0; row < records->rows(); ++row) counted.Add(records->Text(row, 0));
  return counted;
}

absl::Status CheckTenant(const TenantRow& row, const PostgresMirror& mirror) {
  if (row.tenant.context_id != mirror.context_id) {
    return absl::FailedPreconditionError(
        absl::StrCat("the schema ", mirror.names.schema, " is the mirror of '", row.tenant.context_id, "'"));
  }
  RETURN_IF_ERROR(CheckServed(row, mirror.options.epoch));
  return CheckLayout(row.layout_min, row.program);
}

/// A mirror of a restored database, or of a standby that took over, goes on from where it is now, in another
/// cycle; one that was placed here anew has the epoch of that; tables that do not last are populated anew.
absl::StatusOr<TenantRow> TakeOver(postgres::Connection& connection, const NodeRole& role,
                                   PostgresMirror* mirror) {
  OwnTransaction transaction(connection, *mirror->own);
  RETURN_IF_ERROR(transaction.Begin());
  auto row = LockTenant(connection, mirror->names);
  if (!row.ok()) return row;
  // Once more: it may have been moved while this waited.
  RETURN_IF_ERROR(CheckTenant(*row, *mirror));
  NoteNode(role, &*row);
  const bool went_back = !row->IsWhereItWas() && !row->IsAtAnotherNode();
  if (went_back) {
    RETURN_IF_ERROR(EndRestoredCycle(connection, mirror->names, &*row));
  } else if (!row->IsWhereItWas()) {
    RETURN_IF_ERROR(WriteWhereItIs(connection, mirror->names, &*row));
  }
  absl::Status written = connection
                             .Run(absl::StrCat("UPDATE ", mirror->names.tenant, " SET epoch = $1"),
                                  {mirror->options.epoch}, kOpening)
                             .status();
  if (!written.ok()) return InStoreWords(written, Touched::kOwnTable);
  ASSIGN_OR_RETURN(auto unlogged, FindUnlogged(connection, mirror->names));
  if (unlogged.size() != 0) {
    written =
        connection
            .Run(absl::StrCat("UPDATE ", mirror->names.metadata, " SET lsn = -1 WHERE table_name = ANY ($1)"),
                 {unlogged.value()}, kOpening)
            .status();
  }
  if (written.ok()) written = transaction.Commit();
  if (!written.ok()) return InStoreWords(written, Touched::kOwnTable);
  // Told by the next look, which opens it again.
  if (went_back) mirror->stale = Stale::kWentBack;
  return row;
}

/// Without the lock, which others may keep for long, unless something is to be written.
absl::Status Look(PostgresMirror* mirror) {
  const auto at = mirror->TakeAt(PlaceUse::kWrite, PlaceNode::kRows);
  if (!at.ok()) return at.status();
  postgres::Connection& connection = *at->lease;
  OwnTransaction reading(connection, *mirror->own);
  RETURN_IF_ERROR(reading.Begin({.read_only = true}));
  const auto rows = connection.Query(LockTenantSql(mirror->names, /*lock=*/false), {}, kOpening);
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  auto row = LockedTenantOf(*rows, mirror->names);
  if (!row.ok()) return row.status();
  RETURN_IF_ERROR(CheckTenant(*row, *mirror));
  NoteNode(at->role, &*row);
  ASSIGN_OR_RETURN(const auto unlogged, FindUnlogged(connection, mirror->names));
  RETURN_IF_ERROR(reading.Commit());
  if (!row->IsWhereItWas() || row->epoch != mirror->options.epoch || unlogged.size() != 0) {
    row = TakeOver(connection, at->role, mirror);
    if (!row.ok()) return row.status();
  }
  mirror->seen.epoch = mirror->options.epoch;
  mirror->NoteSeen(*row);
  mirror->NoteStateRev(row->state_rev);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenPostgresStore(PostgresPlace& place, const std::string& context_id,
                                                         bool create, const PostgresStoreOptions& options) {
  RETURN_IF_ERROR(CheckContextFits(context_id));
  const PostgresOwnTables names(context_id, options.schema.empty() ? SchemaOf(context_id) : options.schema);
  PostgresMirror mirror{
      .place = place,
      .context_id = context_id,
      .names = names,
      .options = options,
      .own = std::make_shared<const MirrorGuard>(OwnOf(context_id, names), place.options().kind)};
  std::string quarantined;
  {
    ASSIGN_OR_RETURN(const auto lease, place.Take(PlaceUse::kWrite));
    RETURN_IF_ERROR(FindOrMake(*lease, mirror, create));
  }
  RETURN_IF_ERROR(Look(&mirror));
  {
    ASSIGN_OR_RETURN(const auto lease, place.Take(PlaceUse::kWrite));
    ASSIGN_OR_RETURN(quarantined, ReadQuarantine(*lease, mirror.names));
    // Nobody looks at it before.
    if (quarantined.empty()) TidyMirror(*lease, *mirror.own, mirror.names, options.epoch).IgnoreError();
  }
  return std::make_unique<PostgresStore>(std::move(mirror), std::move(quarantined));
}

}  // namespace mirror

#include "server/store/postgres/postgres_store.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/begin_work.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/session.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/postgres_mirror.h"
#include "server/store/postgres/postgres_snapshot.h"
#include "server/store/postgres/postgres_upkeep.h"
#include "server/store/postgres/rows/document_rows.h"
#include "server/store/postgres/rows/hook_rows.h"
#include "server/store/postgres/rows/ledger_rows.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/own_schema.h"
#include "server/store/postgres/rows/ranges.h"
#include "server/store/postgres/rows/receipt_rows.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/rows/time_rows.h"
#include "server/store/postgres/tables/alter.h"
#include "server/store/postgres/tables/indexes.h"
#include "server/store/postgres/tables/present_table.h"
#include "server/store/postgres/tables/retired.h"
#include "server/store/store_records.h"

namespace mirror {
namespace {

/// Returns whether the table's rows have the definition that is agreed now.
bool IsMirroredAs(const TableRecord& record, const PostgresAgreed& agreed) {
  return agreed.is_there && record.state == TableState::kMirrored &&
         record.schema_hash == SchemaHash(agreed.schema);
}

/// Returns a function that reads rows of the state. With `table_key`: only those of one table. `names` must
/// outlive the result.
auto StateOf(const PostgresOwnTables& names, StateKind kind,
             std::optional<std::string> table_key = std::nullopt) {
  return [&names, kind, table_key = std::move(table_key)](const StateSource& from) {
    return ReadState(from, names, kind, table_key);
  };
}

class PostgresRecords final : public StoreRecords {
 public:
  explicit PostgresRecords(PostgresMirror& mirror) : mirror_(mirror) {}

  absl::StatusOr<TenantRecord> ReadTenant() override {
    if (view() != nullptr) return view()->row().tenant;
    return On(PlaceUse::kRead, [&](postgres::Connection& connection) -> absl::StatusOr<TenantRecord> {
      ASSIGN_OR_RETURN(TenantRow row, ReadTenantRow(connection, mirror_.names));
      // The row may be left from a move, or belong to another mirror that took over the name.
      RETURN_IF_ERROR(mirror_.NoteServed(row));
      return std::move(row.tenant);
    });
  }
  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override {
    if (view() != nullptr) return view()->FindRecord(table);
    return On(PlaceUse::kRead,
              [&](postgres::Connection& connection) -> absl::StatusOr<std::optional<TableRecord>> {
                ASSIGN_OR_RETURN(auto records, SelectRecords(connection, mirror_.names, {table}));
                if (records.empty()) return std::nullopt;
                return std::move(records.front());
              });
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override {
    if (view() != nullptr) return view()->Records();
    return On(PlaceUse::kRead,
              [&](postgres::Connection& connection) { return SelectRecords(connection, mirror_.names); });
  }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    ASSIGN_OR_RETURN(auto agreed, FindAgreed(table));
    if (!agreed || !agreed->is_there) return std::nullopt;
    return std::move(agreed->schema);
  }

  absl::StatusOr<std::vector<std::string>> ReadLostColumns(const std::string& table) override {
    ASSIGN_OR_RETURN(const auto record, ReadTable(table));
    if (!record) return std::vector<std::string>{};
    ASSIGN_OR_RETURN(auto rows, FromState(StateOf(mirror_.names, StateKind::kLostColumns, FoldName(table))));
    if (rows.empty()) return std::vector<std::string>{};
    return LostColumns(std::move(rows.front()), record->position);
  }

  absl::StatusOr<std::vector<TouchedTable>> ReadTouchedTables() override {
    ASSIGN_OR_RETURN(auto records, ReadTables());
    ASSIGN_OR_RETURN(auto agreed, AllAgreed());
    std::vector<PostgresAgreed> looked;
    std::string agreed_as;
    for (const TableRecord& record : records) {
      const auto found = agreed.find(FoldName(record.table));
      if (found == agreed.end() || !IsMirroredAs(record, found->second)) continue;
      looked.push_back(found->second);
      absl::StrAppend(&agreed_as, "\n", found->first, " ", record.schema_hash);
    }
    // A transaction reuses the result that was computed just before it began.
    const bool is_known = view() != nullptr && looked_outside_ == agreed_as;
    looked_outside_.reset();
    if (is_known) return touched_;
    return In(
        [&](postgres::Connection& connection) -> absl::StatusOr<std::vector<TouchedTable>> {
          ASSIGN_OR_RETURN(auto print, PrintOfDefinitions(connection, mirror_.names));
          if (view() == nullptr) looked_outside_ = agreed_as;
          absl::StrAppend(&print, agreed_as);
          if (print == looked_at_) return touched_;
          looked_outside_.reset();
          ASSIGN_OR_RETURN(auto touched, FindTouched(connection, mirror_.names, looked));
          RETURN_IF_ERROR(CheckOwnRelations(connection, mirror_.context_id, mirror_.names));
          RETURN_IF_ERROR(CheckNoHeirs(connection, mirror_.names));
          looked_at_ = std::move(print);
          if (view() == nullptr) looked_outside_ = agreed_as;
          return touched_ = std::move(touched);
        },
        PlaceUse::kRead, PlaceNode::kCoordinator);
  }

  absl::StatusOr<std::int64_t> CountPartnerRows(const std::string& table) override {
    ASSIGN_OR_RETURN(const auto record, ReadTable(table));
    ASSIGN_OR_RETURN(const auto agreed, FindAgreed(table));
    if (!record || !agreed || record->row_count < 0 || !IsMirroredAs(*record, *agreed) ||
        KeepsPartner(agreed->schema)) {
      return 0;
    }
    const auto rows = In(
        [&](postgres::Connection& connection) -> absl::StatusOr<std::int64_t> {
          RETURN_IF_ERROR(
              HoldTable(connection, mirror_.place.options().kind, mirror_.names, agreed->schema.name));
          return connection.Number(absl::StrCat("SELECT count(*) FROM ",
                                                Qualified(mirror_.names.schema_name, agreed->schema.name)),
                                   {}, "counting rows");
        },
        PlaceUse::kScan);
    if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
    return std::max<std::int64_t>(0, *rows - record->row_count);
  }

  absl::StatusOr<std::vector<std::string>> AgreedTables() override {
    ASSIGN_OR_RETURN(const auto agreed, AllAgreed());
    std::vector<std::string> tables;
    for (const auto& [key, table] : agreed) {
      if (table.is_there) tables.push_back(table.schema.name);
    }
    return tables;
  }

  absl::StatusOr<std::vector<std::string>> SetAside(const std::string& table) override {
    ASSIGN_OR_RETURN(const auto dropped, FromState(StateOf(mirror_.names, StateKind::kDropped)));
    if (dropped.empty()) return std::vector<std::string>{};
    return In(
        [&](postgres::Connection& connection) {
          return ::mirror::SetAside(connection, mirror_.names, dropped, table);
        },
        PlaceUse::kScan, PlaceNode::kCoordinator);
  }

  absl::StatusOr<std::vector<SchemaAnswer>> ReadAnswers() override {
    return FromState([&](const StateSource& from) { return SelectAnswers(from, mirror_.names); });
  }
  absl::StatusOr<std::vector<KeptObjects>> ReadSourceObjects() override {
    ASSIGN_OR_RETURN(const auto rows, FromState(StateOf(mirror_.names, StateKind::kObjects)));
    return ReadObjects(rows);
  }
  absl::StatusOr<std::vector<OwnIndex>> ReadOwnIndexes() override {
    ASSIGN_OR_RETURN(const auto too_long, FromState(StateOf(mirror_.names, StateKind::kTooLong)));
    auto indexes =
        In([&](postgres::Connection& connection) { return FindOwnIndexes(connection, mirror_.names); },
           PlaceUse::kRead, PlaceNode::kCoordinator);
    if (!indexes.ok()) return indexes;
    for (OwnIndex& index : ReadTooLong(too_long)) {
      const auto is_it = [&](const OwnIndex& there) { return there.name == index.name; };
      // A DBA may have made the index.
      if (std::none_of(indexes->begin(), indexes->end(), is_it)) indexes->push_back(std::move(index));
    }
    return indexes;
  }
  std::string IndexTermsOf(const TableSchema& kept, const std::vector<IndexColumn>& columns) override {
    return PostgresIndexTerms(kept, columns);
  }
  absl::StatusOr<std::vector<CycleNote>> ReadCycleNotes() override {
    ASSIGN_OR_RETURN(const auto tenant, ReadTenant());
    return FromState(
        [&](const StateSource& from) { return SelectCycleNotes(from, mirror_.names, tenant.cycle); });
  }
  absl::StatusOr<std::vector<TableCheck>> ReadChecks() override {
    return FromState([&](const StateSource& from) { return SelectChecks(from, mirror_.names); });
  }
  absl::StatusOr<std::vector<Hold>> ReadHolds() override {
    return FromState([&](const StateSource& from) { return SelectHolds(from, mirror_.names); });
  }
  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override {
    return FromState([&](const StateSource& from) { return SelectLosses(from, mirror_.names, table); });
  }
  absl::StatusOr<std::optional<HookNote>> ReadHook(const std::string& hook) override {
    return In([&](postgres::Connection& connection) { return SelectHook(connection, mirror_.names, hook); });
  }
  absl::StatusOr<std::vector<Document>> ReadDocuments(const std::string& kind, const std::string& from,
                                                      std::size_t count_max) override {
    return In([&](postgres::Connection& connection) {
      return SelectDocuments(connection, mirror_.names, kind, from, count_max);
    });
  }
  absl::StatusOr<ListedDocuments> ReadListedDocuments() override {
    return In(
        [&](postgres::Connection& connection) { return SelectListedDocuments(connection, mirror_.names); });
  }
  absl::StatusOr<RowBlock> ReadRows(const TableSchema& kept, const std::vector<std::string>& keys,
                                    std::uint64_t bytes_max) override {
    return In([&](postgres::Connection& connection) -> absl::StatusOr<RowBlock> {
      RETURN_IF_ERROR(HoldTable(connection, mirror_.place.options().kind, mirror_.names, kept.name));
      return ReadRowsByKey(connection, mirror_.names, kept, keys, bytes_max);
    });
  }
  absl::StatusOr<Freshness> ReadFreshness() override {
    return FromState([&](const StateSource& from) { return SelectFreshness(from, mirror_.names); });
  }
  absl::StatusOr<ReceiptHead> ReadReceiptHead() override {
    if (view() != nullptr) return view()->receipt_head();
    return In([&](postgres::Connection& connection) { return SelectReceiptHead(connection, mirror_.names); });
  }
  absl::StatusOr<std::vector<std::string>> ReadReceipts(std::uint64_t after, std::size_t count_max) override {
    return In([&](postgres::Connection& connection) {
      return SelectReceipts(connection, mirror_.names, after, count_max);
    });
  }

 private:
  /// Null: no transaction has begun.
  WorkView* view() { return mirror_.work ? &*mirror_.work->view : nullptr; }

  /// Runs `read` on a connection of its own.
  template <typename Read>
  auto On(PlaceUse use, const Read& read, PlaceNode node = PlaceNode::kRows)
      -> decltype(read(std::declval<postgres::Connection&>())) {
    ASSIGN_OR_RETURN(const NodeLease at, mirror_.TakeAt(use, node));
    // If a definition changes under a prepared statement, the whole transaction fails. Then it runs once
    // more.
    for (bool again = false;; again = true) {
      OwnTransaction reading(*at.lease, *mirror_.own);
      RETURN_IF_ERROR(reading.Begin({.read_only = use != PlaceUse::kWrite}));
      auto done = read(*at.lease);
      if (again || !MayTryAgain(OwnTransaction::StatusOf(done))) return reading.End(std::move(done));
    }
  }
  /// Runs `read` in the present transaction, or on a connection of its own if none has begun.
  template <typename Read>
  auto In(const Read& read, PlaceUse use = PlaceUse::kRead, PlaceNode node = PlaceNode::kRows)
      -> decltype(read(std::declval<postgres::Connection&>())) {
    if (view() == nullptr) return On(use, read, node);
    RETURN_IF_ERROR(view()->writes().Send(view()->connection()));
    return read(view()->connection());
  }
  template <typename Read>
  auto FromState(const Read& read) -> decltype(read(std::declval<StateMemory&>())) {
    if (view() != nullptr) return read(view()->state());
    return On(PlaceUse::kRead, [&](postgres::Connection& connection) { return read(connection); });
  }

  absl::StatusOr<std::optional<PostgresAgreed>> FindAgreed(const std::string& table) {
    if (view() != nullptr) {
      ASSIGN_OR_RETURN(const auto all, view()->Agreed());
      const auto found = all->find(FoldName(table));
      if (found == all->end()) return std::nullopt;
      return found->second;
    }
    return On(PlaceUse::kRead,
              [&](postgres::Connection& connection) -> absl::StatusOr<std::optional<PostgresAgreed>> {
                ASSIGN_OR_RETURN(auto agreed, SelectAgreed(connection, mirror_.names, {table}));
                if (agreed.empty()) return std::nullopt;
                return std::move(agreed.front());
              });
  }
  absl::StatusOr<std::map<std::string, PostgresAgreed>> AllAgreed() {
    if (view() != nullptr) {
      ASSIGN_OR_RETURN(const auto all, view()->Agreed());
      return *all;
    }
    ASSIGN_OR_RETURN(auto agreed, On(PlaceUse::kRead, [&](postgres::Connection& connection) {
                       return SelectAgreed(connection, mirror_.names);
                     }));
    std::map<std::string, PostgresAgreed> all;
    for (PostgresAgreed& table : agreed) {
      const std::string key = FoldName(table.schema.name);
      all[key] = std::move(table);
    }
    // Changes by hand leave `state_rev` unchanged.
    const auto is_same = [](const auto& kept, const auto& found) {
      return kept.first == found.first && kept.second.generation == found.second.generation &&
             kept.second.kinds == found.second.kinds;
    };
    if (!absl::c_equal(mirror_.definitions.tables, all, is_same)) mirror_.definitions = {};
    return all;
  }

  PostgresMirror& mirror_;
  std::string looked_at_;              ///< Input of the last check for tables changed by hand.
  std::vector<TouchedTable> touched_;  ///< Result of that check.
  /// The tables of that check, if it ran outside of a transaction and its result was not used since.
  std::optional<std::string> looked_outside_;
};

constexpr char kOpening[] = "opening the mirror";

class PostgresStore final : public Store {
 public:
  explicit PostgresStore(PostgresMirror mirror, std::string quarantined)
      : mirror_(std::move(mirror)),
        transaction_(MakePostgresTransaction(mirror_)),
        records_(mirror_),
        upkeep_(MakePostgresUpkeep(mirror_, std::move(quarantined))) {}

  StoreRecords& records() override { return records_; }
  StoreUpkeep& upkeep() override { return *upkeep_; }

  absl::Status CheckTable(const TableSchema& table) override {
    return CheckHoldable(KeptForm(table), mirror_.context_id);
  }

  absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) override {
    return BeginWork(*transaction_, intent);
  }

  absl::StatusOr<std::int64_t> ReadDataVersion() override {
    if (mirror_.work) return mirror_.version;
    ASSIGN_OR_RETURN(const auto at, mirror_.TakeAt(PlaceUse::kRead, PlaceNode::kRows));
    ASSIGN_OR_RETURN(const auto row, ReadTenantRow(*at.lease, *mirror_.own, mirror_.names));
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
  PostgresRecords records_;
  std::unique_ptr<StoreUpkeep> upkeep_;
};

/// Finds the schema, or makes it.
absl::Status FindOrMake(postgres::Connection& connection, const PostgresMirror& mirror, bool create) {
  ASSIGN_OR_RETURN(const auto there, ToStoreStatus(mirror.own->Find(connection), TableOwner::kOwnTable));
  if (!there.has_schema && !create)
    return absl::NotFoundError(absl::StrCat("there is no schema ", mirror.names.schema));
  if (!there.has_schema)
    return MakeOwnSchema(connection, mirror.context_id, mirror.names, mirror.options.epoch).status();
  if (there.names.contains("_mirror_tenant")) {
    return ToStoreStatus(RaiseLayout(connection, MirrorLayout(mirror.names, mirror.own.get())),
                         TableOwner::kOwnTable);
  }
  if (there.names.contains(MetadataOf(mirror.context_id)))
    return CheckOwnRelations(connection, mirror.context_id, mirror.names);
  return NotTheMirrorOf(mirror.context_id, mirror.names);
}

/// Returns the tables with a position that a crash of the database empties. The query of the catalog is
/// separate, because on Citus each node has its own catalog.
absl::StatusOr<postgres::Array> FindUnlogged(postgres::Connection& connection,
                                             const PostgresOwnTables& names) {
  const auto tables = connection.Query(
      "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' AND "
      "relpersistence <> 'p'",
      {names.schema}, kOpening);
  if (!tables.ok()) return ToStoreStatus(tables.status(), TableOwner::kOwnTable);
  postgres::Array unlogged = postgres::TextArray(tables->Texts(0));
  if (unlogged.size() == 0) return unlogged;
  const auto records = connection.Query(
      absl::StrCat("SELECT table_name FROM ", names.metadata, " WHERE table_name = ANY ($1) AND lsn <> -1"),
      {unlogged.value()}, kOpening);
  if (!records.ok()) return ToStoreStatus(records.status(), TableOwner::kOwnTable);
  return postgres::TextArray(records->Texts(0));
}

absl::Status CheckTenant(const TenantRow& row, const PostgresMirror& mirror) {
  if (row.tenant.context_id != mirror.context_id) {
    return absl::FailedPreconditionError(
        absl::StrCat("the schema ", mirror.names.schema, " is the mirror of '", row.tenant.context_id, "'"));
  }
  RETURN_IF_ERROR(CheckServed(row, mirror.options.epoch));
  return CheckLayout(row.layout_min, row.program);
}

/// Takes over a mirror. After a restore or failover, a new cycle continues from the mirror's present state.
/// After a move to this place, the mirror gets the new epoch. Tables that do not survive a crash have to be
/// populated again.
absl::StatusOr<TenantRow> TakeOver(postgres::Connection& connection, const NodeRole& role,
                                   PostgresMirror* mirror) {
  OwnTransaction transaction(connection, *mirror->own);
  RETURN_IF_ERROR(transaction.Begin());
  ASSIGN_OR_RETURN(auto row, LockTenant(connection, mirror->names));
  // Checks again, because the mirror may have been moved during the wait.
  RETURN_IF_ERROR(CheckTenant(row, *mirror));
  NoteNode(role, &row);
  const bool went_back = !row.IsWhereItWas() && !row.IsAtAnotherNode();
  if (went_back) {
    RETURN_IF_ERROR(EndRestoredCycle(connection, mirror->names, &row));
  } else if (!row.IsWhereItWas()) {
    RETURN_IF_ERROR(WriteWhereItIs(connection, mirror->names, &row));
  }
  absl::Status written = connection.Change(absl::StrCat("UPDATE ", mirror->names.tenant, " SET epoch = $1"),
                                           {mirror->options.epoch}, kOpening);
  if (!written.ok()) return ToStoreStatus(written, TableOwner::kOwnTable);
  ASSIGN_OR_RETURN(auto unlogged, FindUnlogged(connection, mirror->names));
  if (unlogged.size() != 0) {
    written = connection.Change(
        absl::StrCat("UPDATE ", mirror->names.metadata, " SET lsn = -1 WHERE table_name = ANY ($1)"),
        {unlogged.value()}, kOpening);
  }
  if (written.ok()) written = transaction.Commit();
  if (!written.ok()) return ToStoreStatus(written, TableOwner::kOwnTable);
  // The next WhyStale() returns this, and the mirror is opened again.
  if (went_back) mirror->stale = Stale::kWentBack;
  return row;
}

/// Reads without the lock, which others may hold for a long time. Takes the lock only if something must be
/// written.
absl::Status Look(PostgresMirror* mirror) {
  ASSIGN_OR_RETURN(const auto at, mirror->TakeAt(PlaceUse::kWrite, PlaceNode::kRows));
  postgres::Connection& connection = *at.lease;
  OwnTransaction reading(connection, *mirror->own);
  RETURN_IF_ERROR(reading.Begin({.read_only = true}));
  const auto rows = connection.Query(LockTenantSql(mirror->names, /*lock=*/false), {}, kOpening);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  auto row = LockedTenantOf(*rows, mirror->names);
  if (!row.ok()) return row.status();
  RETURN_IF_ERROR(CheckTenant(*row, *mirror));
  NoteNode(at.role, &*row);
  ASSIGN_OR_RETURN(const auto unlogged, FindUnlogged(connection, mirror->names));
  RETURN_IF_ERROR(reading.Commit());
  if (!row->IsWhereItWas() || row->epoch != mirror->options.epoch || unlogged.size() != 0) {
    row = TakeOver(connection, at.role, mirror);
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
    // No caller uses the store before this.
    if (quarantined.empty()) TidyMirror(*lease, *mirror.own, mirror.names, options.epoch).IgnoreError();
  }
  return std::make_unique<PostgresStore>(std::move(mirror), std::move(quarantined));
}

}  // namespace mirror

#include "server/store/postgres/postgres_import.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/pipeline.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/rights.h"
#include "server/store/postgres/place/session.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/postgres_contents.h"
#include "server/store/postgres/rows/columns_out.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/own_schema.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/indexes.h"
#include "server/store/postgres/tables/kept_kinds.h"

namespace mirror {
namespace {

constexpr char kImporting[] = "filling a mirror's schema";

/// Returns the table's definition in the import. PostgreSQL has no order for ANY values. So if a table of an
/// older definition has such a column in its key, it has no key here until its next population.
TableSchema FormOf(const TableSchema& stored) {
  TableSchema form = stored;
  const bool any_in_key = std::any_of(form.columns.begin(), form.columns.end(), [](const Column& column) {
    return column.type == Type::kAny && column.key_position != 0;
  });
  for (Column& column : form.columns) {
    if (any_in_key) column.key_position = 0;
  }
  return form;
}

absl::Status CheckTables(const MirrorContents& contents) {
  for (const ContentsTable& table : contents.tables) {
    const std::string& context_id = contents.tenant.context_id;
    absl::Status holds = CheckHoldable(KeptForm(table.agreed), context_id);
    TableSchema stored = FormOf(table.stored);
    std::erase_if(stored.columns, [](const Column& column) { return column.name == kOwnedColumn; });
    if (holds.ok()) holds = CheckHoldable(stored, context_id);
    if (!holds.ok()) return holds;
  }
  return absl::OkStatus();
}

/// Returns SQL for an advisory lock of the tenant's import. PostgreSQL releases it when the transaction ends,
/// for any reason. Imports run only at Citus's coordinator, so the lock of one node is enough.
std::string LockSql(const char* lock) {
  return absl::StrCat("SELECT ", lock, "(hashtextextended('mirror-server imports ' || $1, 0))");
}

std::string RenameSql(const std::string& from, const std::string& to) {
  return absl::StrCat("ALTER SCHEMA ", from, " RENAME TO ", QuoteName(to));
}

}  // namespace

absl::StatusOr<bool> ImportRuns(postgres::Connection& connection, const std::string& context_id) {
  // Shared mode, so that concurrent checks do not take each other for the import.
  const auto row = connection.Query(LockSql("pg_try_advisory_xact_lock_shared"), {FoldName(context_id)},
                                    "checking whether an import runs");
  if (!row.ok()) return ToStoreStatus(row.status(), TableOwner::kOwnTable);
  return !row->Bool(0, 0);
}

PostgresImport::PostgresImport(postgres::Lease lease, PlaceKind kind, const std::string& context_id,
                               const std::string& schema)
    : lease_(std::move(lease)),
      kind_(kind),
      context_id_(context_id),
      names_(context_id, schema),
      patience_(*lease_, kLongStatement),
      transaction_(*lease_) {}

absl::StatusOr<std::unique_ptr<PostgresImport>> PostgresImport::New(PostgresPlace& place,
                                                                    const std::string& context_id) {
  RETURN_IF_ERROR(CheckContextFits(context_id));
  ASSIGN_OR_RETURN(postgres::Lease lease, place.Take(PlaceUse::kWrite));
  const std::string schema =
      absl::StrCat("mirror_import_", HexDigest(absl::StrCat(context_id, " ", lease->server_pid())));
  return std::unique_ptr<PostgresImport>(
      new PostgresImport(std::move(lease), place.options().kind, context_id, schema));
}

absl::Status PostgresImport::Begin(const MirrorContents& contents) {
  if (contents.tenant.context_id != context_id_) {
    return absl::InvalidArgumentError(absl::StrCat("this is the mirror of '", contents.tenant.context_id,
                                                   "', not of '", context_id_, "'. Nothing was done."));
  }
  absl::Status begun = CheckTables(contents);
  if (begun.ok()) begun = MakeSchema();
  if (begun.ok()) begun = WritePostgresContents(*lease_, names_, contents);
  for (const ContentsTable& table : contents.tables) {
    if (!begun.ok()) return begun;
    begun = MakeTable(table);
  }
  own_indexes_ = contents.own_indexes;
  return begun;
}

absl::Status PostgresImport::MakeSchema() {
  postgres::Pipeline pipeline(*lease_);
  transaction_.Begin(pipeline);
  // Reading the rows that are to be imported may take long.
  pipeline.Queue("SELECT set_config('idle_in_transaction_session_timeout', '1h', true)", {}, kImporting);
  QueueOwnSchema(pipeline, context_id_, names_, /*epoch=*/1);
  pipeline.Queue(absl::StrCat("UPDATE ", names_.tenant, " SET state = 'importing'"), {}, kImporting);
  return ToStoreStatus(pipeline.Run().status(), TableOwner::kMirroredTable);
}

absl::Status PostgresImport::MakeTable(const ContentsTable& table) {
  ASSIGN_OR_RETURN(const std::int64_t id, TakeId(*lease_, names_));
  OwnWrites writes;
  TableWork work{*lease_, names_, writes};
  Filled& filled = tables_[FoldName(table.agreed.name)];
  filled.schema = FormOf(table.stored);
  PostgresAgreed agreed{.schema = table.agreed, .generation = id, .is_there = true};
  AddKinds(filled.schema, &agreed.kinds);
  AddKinds(KeptForm(table.agreed), &agreed.kinds);
  filled.target = {.name = work.In(table.agreed.name),
                   .receipts = names_.receipts,
                   .kinds = KindsOf(filled.schema, agreed.kinds),
                   .has_new_keys = true};
  RETURN_IF_ERROR(
      RunOnTable(work, CreateTableSql(work, table.agreed.name, filled.schema, id), "making a table"));
  WriteAgreed(writes, names_, agreed);
  return writes.Send(*lease_);
}

absl::Status PostgresImport::AddRows(const TableSchema& stored, RowBlock* rows) {
  const auto found = tables_.find(FoldName(stored.name));
  if (found == tables_.end()) {
    return absl::InvalidArgumentError(absl::StrCat("table '", stored.name, "' is not among the contents"));
  }
  const TableSchema& schema = found->second.schema;
  ASSIGN_OR_RETURN(const ChangeBatch batch, BatchOf(schema, rows));
  std::vector<std::uint32_t> order = batch.key_order;
  if (order.empty()) {
    order.resize(batch.row_count);
    std::iota(order.begin(), order.end(), 0U);
  }
  PostgresBatchValues values(schema, batch);
  const ApplyRows apply{.schema = &schema, .batch = &batch};
  const absl::Status copied = CopyRows(*lease_, found->second.target, apply, values, order).status();
  if (copied.ok()) return copied;
  const auto at = static_cast<std::size_t>(postgres::FailureOf(copied).copy_row);
  std::optional<std::uint32_t> row;
  if (at > 0 && at <= order.size()) row = order[at - 1];
  return ToStoreStatus(RefusedRows(copied, schema, row), TableOwner::kMirroredTable);
}

absl::Status PostgresImport::Announce() {
  const std::string folded = FoldName(context_id_);
  postgres::Pipeline pipeline(*lease_);
  pipeline.Queue("SELECT set_config('idle_in_transaction_session_timeout', '2min', true)", {}, kImporting);
  pipeline.Queue(LockSql("pg_advisory_xact_lock"), {folded}, kImporting);
  const absl::Status locked = pipeline.Run().status();
  if (postgres::TroubleOf(locked) == postgres::Trouble::kLockTimeout) {
    return absl::UnavailableError(absl::StrCat("another import of the mirror of '", context_id_,
                                               "' is about to end. Nothing was changed; try again."));
  }
  return ToStoreStatus(locked, TableOwner::kMirroredTable);
}

absl::StatusOr<bool> PostgresImport::SetAside(const std::string& schema, const std::string& aside,
                                              std::int64_t epoch) {
  const PostgresOwnTables present(context_id_, schema);
  const auto there = lease_->Number("SELECT count(*) FROM pg_namespace WHERE oid = to_regnamespace($1)",
                                    {present.schema}, "looking for the mirror");
  if (!there.ok()) return ToStoreStatus(there.status(), TableOwner::kOwnTable);
  if (*there == 0) return false;
  // The name does not become free: Finish() gives it to the new schema in the same transaction.
  RETURN_IF_ERROR(HoldMirror(*lease_, kind_, present, Frees::kNothing));
  RETURN_IF_ERROR(FenceEpoch(*lease_, present, epoch));
  const absl::Status done = lease_->Execute(RenameSql(present.schema, aside), "setting the mirror aside");
  if (!done.ok()) return ToStoreStatus(done, TableOwner::kMirroredTable);
  ASSIGN_OR_RETURN(guarded_, CarryRights(*lease_, QuoteName(aside), names_));
  return true;
}

absl::Status PostgresImport::MakeIndexes() {
  OwnWrites writes;
  TableWork work{*lease_, names_, writes};
  for (const IndexChange& index : own_indexes_) {
    const auto table = tables_.find(FoldName(index.index.table));
    if (table == tables_.end()) continue;
    postgres::Savepoint savepoint(*lease_);
    RETURN_IF_ERROR(ToStoreStatus(savepoint.Begin(), TableOwner::kMirroredTable));
    // If PostgreSQL refuses an index, the next cycle makes or reports it.
    const bool made = ChangeIndex(work, index, &table->second.schema).ok();
    if (absl::Status ended = made ? savepoint.Release() : savepoint.RollBack(); !ended.ok())
      return ToStoreStatus(ended, TableOwner::kMirroredTable);
  }
  return absl::OkStatus();
}

/// Drops an empty schema of this name, which is no mirror. Older versions left such schemas, and a DBA may
/// have made one to grant rights to readers. The schema that takes its name gets these rights.
absl::Status PostgresImport::DropIfEmpty(const std::string& schema) {
  const std::string quoted = QuoteName(schema);
  const auto empty = lease_->Number(
      "SELECT count(*) FROM pg_namespace n WHERE n.oid = to_regnamespace($1) AND NOT EXISTS (SELECT FROM "
      "pg_class c WHERE c.relnamespace = n.oid)",
      {quoted}, kImporting);
  if (!empty.ok() || *empty == 0) return empty.status();
  postgres::Savepoint savepoint(*lease_);
  RETURN_IF_ERROR(savepoint.Begin());
  absl::Status dropped = CarryRights(*lease_, quoted, names_).status();
  if (dropped.ok()) dropped = lease_->Execute(absl::StrCat("DROP SCHEMA ", quoted), kImporting);
  // A schema with a function or a type in it, or of another owner, stays. The next statement reports it.
  return dropped.ok() ? savepoint.Release() : savepoint.RollBack();
}

absl::Status PostgresImport::Finish(const std::string& schema, std::int64_t epoch, Then then) {
  absl::Status done = lease_->Change(absl::StrCat("UPDATE ", names_.tenant, " SET epoch = $1, state = $2"),
                                     {epoch, then == Then::kServed ? "serving" : "importing"}, kImporting);
  if (done.ok()) done = postgres::OwnGuard({.schema = schema}).Find(*lease_).status();
  if (done.ok()) done = DropIfEmpty(schema);
  if (done.ok()) done = lease_->Execute(RenameSql(names_.schema, schema), kImporting);
  if (done.ok()) done = transaction_.Commit(kImporting);
  return ToStoreStatus(done, TableOwner::kMirroredTable);
}

absl::Status PostgresImport::WaitUntilReplicated() { return WaitForStandby(*lease_); }

}  // namespace mirror

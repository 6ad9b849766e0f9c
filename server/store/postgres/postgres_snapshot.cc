#include "server/store/postgres/postgres_snapshot.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/transaction.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/postgres_contents.h"
#include "server/store/postgres/rows/columns_in.h"
#include "server/store/postgres/rows/long_rows.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/ranges.h"
#include "server/store/postgres/tables/journal_rows.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/versions.h"

namespace mirror {
namespace {

/// Selects whether the relation with that name is the one in the snapshot, and whether it is a table of ours.
constexpr char kIsThisSql[] =
    "SELECT c.oid = to_regclass($1) AND coalesce(pg_relation_filenode(c.oid), 0) = c.relfilenode, c.relkind "
    "IN "
    "('r', 'p') AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) FROM pg_class AS c "
    "JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $2 AND c.relname = $3";

class PostgresSnapshot final : public Snapshot {
 public:
  PostgresSnapshot(postgres::Lease lease, PlaceKind kind, const std::string& context_id,
                   PostgresOwnTables names, std::chrono::milliseconds lasts)
      : connection_(std::move(lease)),
        kind_(kind),
        names_(std::move(names)),
        own_(OwnOf(context_id, names_), kind),
        lasts_(lasts),
        transaction_(*connection_) {
    journal_ = MakePostgresJournalReader(*connection_, names_);
    versions_ =
        MakePostgresVersionReader(*connection_, names_,
                                  {.touch = [this](const TableSchema& table) { return Touch(table); },
                                   .hold = [this](const std::string& relation,
                                                  const std::string& doing) { return Hold(relation, doing); },
                                   .may_go_on = [this](const GoOn& go_on) { return MayGoOn(go_on); }});
  }

  /// Takes the snapshot of what is committed now.
  absl::Status Begin() {
    // Makes the planner read ranges by the key's index, in its order. Otherwise it may sort or scan the whole
    // table for each range. JIT compilation takes longer than the read of most tables.
    const std::string milliseconds = Milliseconds();
    postgres::Pipeline pipeline(*connection_);
    transaction_.Begin(pipeline, {.repeatable_read = true, .read_only = true});
    // A LOCK takes no snapshot, so the snapshot is taken after the lock.
    own_.QueueIn(pipeline);
    pipeline.Queue(absl::StrCat("SELECT count(*) FROM ", names_.tenant), {}, "opening a snapshot");
    // Sets the limits last, because they are for the reads and not for this pipeline.
    pipeline.Queue(absl::StrCat("SELECT set_config('enable_seqscan', 'off', true), "
                                "set_config('enable_sort', 'off', true), set_config('jit', 'off', true), "
                                "set_config('statement_timeout', $1, true), "
                                "set_config('idle_in_transaction_session_timeout', $1, true)"),
                   {{milliseconds}}, "opening a snapshot");
    const absl::Status begun = pipeline.Run().status();
    if (begun.ok()) return begun;
    if (connection_->InTransaction()) transaction_.RollBack().IgnoreError();
    return ToStoreStatus(own_.Explain(*connection_, begun), TableOwner::kOwnTable);
  }

  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override {
    ASSIGN_OR_RETURN(const std::vector<TableRecord> found, SelectRecords(*connection_, names_, {table}));
    return found.empty() ? std::nullopt : std::optional(found.front());
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override {
    return SelectRecords(*connection_, names_);
  }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    ASSIGN_OR_RETURN(std::vector<PostgresAgreed> found, SelectAgreed(*connection_, names_, {table}));
    return found.empty() ? std::nullopt : std::optional(std::move(found.front().schema));
  }

  absl::StatusOr<std::vector<RangeDigest>> Digest(const TableSchema& table,
                                                  const std::vector<std::uint32_t>& columns,
                                                  const std::vector<KeyRange>& ranges,
                                                  const GoOn& go_on) override {
    ASSIGN_OR_RETURN(const PostgresKinds kinds, Touch(table));
    PostgresStoredRows stored(table, kinds, columns);
    const std::string name = Qualified(names_.schema_name, table.name);
    PostgresLongRows long_rows(*connection_, name, table, stored);
    // On Citus a table has no usable ctid.
    bool may_have_long = kind_ == PlaceKind::kPlain;
    if (may_have_long) {
      ASSIGN_OR_RETURN(may_have_long, MayHaveLongValues(*connection_, name, table));
    }
    const PostgresReading reading = {
        .name = name,
        .kept = table,
        .select = may_have_long ? long_rows.SelectList() : stored.SelectList("m")};
    const auto may_go_on = [&] { return MayGoOn(go_on); };
    std::vector<RangeDigest> digests(ranges.empty() ? 1 : ranges.size());
    RowDigest digest;
    RETURN_IF_ERROR(ReadRanges(*connection_, reading, ranges, may_go_on,
                               [&](const postgres::RowView& row, std::size_t range) {
                                 if (may_have_long && long_rows.Note(row, range)) return absl::OkStatus();
                                 absl::Status added = stored.Digest(row, &digest);
                                 if (added.ok()) digests[range].Add(digest.Finish());
                                 return added;
                               }));
    RETURN_IF_ERROR(long_rows.Digest(may_go_on, &digests));
    return digests;
  }

  absl::Status ReadRows(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                        const std::vector<KeyRange>& ranges, std::size_t block_bytes, const GoOn& go_on,
                        const TakeRows& take) override {
    RowBlock block = RowBlock::For(table, columns);
    RETURN_IF_ERROR(Read(table, columns, ranges, /*in_key_order=*/true, go_on,
                         [&](PostgresStoredRows& stored, const postgres::RowView& row, std::size_t) {
                           absl::Status added = stored.Append(row, &block);
                           if (!added.ok() || block.bytes() < block_bytes) return added;
                           absl::Status taken = take(&block);
                           block = RowBlock::For(table, columns);
                           return taken;
                         }));
    return block.rows() == 0 ? absl::OkStatus() : take(&block);
  }

  /// If the read ends before the last row, the transaction of the snapshot fails, too.
  absl::Status ReadFirstRow(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                            const Key& from, const TakeRows& take) override {
    RowBlock block = RowBlock::For(table, columns);
    const absl::Status read = Read(
        table, columns, {KeyRange{.first = from}}, /*in_key_order=*/true, [] { return true; },
        [&](PostgresStoredRows& stored, const postgres::RowView& row, std::size_t) {
          return stored.Append(row, &block);
        },
        /*first_alone=*/true);
    return !read.ok() || block.rows() == 0 ? read : take(&block);
  }

  JournalReader& journal() override { return *journal_; }
  VersionReader& versions() override { return *versions_; }

  absl::StatusOr<MirrorContents> ReadContents() override {
    // A caller of this function reads all rows afterwards.
    lasts_ = std::max(lasts_, kPostgresExportMax);
    const std::string milliseconds = Milliseconds();
    const auto set = connection_->Query(
        "SELECT set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', "
        "$1, true)",
        {{milliseconds}}, "beginning a copy");
    if (!set.ok()) return ToStoreStatus(set.status(), TableOwner::kOwnTable);
    return ReadPostgresContents(*connection_, names_, &older_);
  }

  absl::Status CopyTo(const std::string& path, const GoOnCopying&) override {
    return absl::UnimplementedError(
        absl::StrCat("the mirror is in a PostgreSQL database, so there is no file that could be copied to '",
                     path, "'. Nothing was written."));
  }

 private:
  using Take = std::function<absl::Status(PostgresStoredRows&, const postgres::RowView&, std::size_t range)>;

  absl::Status Read(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                    const std::vector<KeyRange>& ranges, bool in_key_order, const GoOn& go_on,
                    const Take& take, bool first_alone = false) {
    ASSIGN_OR_RETURN(const PostgresKinds kinds, Touch(table));
    PostgresStoredRows stored(table, kinds, columns);
    const PostgresReading reading = {.name = Qualified(names_.schema_name, table.name),
                                     .kept = table,
                                     .select = stored.SelectList("m"),
                                     .in_key_order = in_key_order,
                                     .first_alone = first_alone};
    return ReadRanges(
        *connection_, reading, ranges, [&] { return MayGoOn(go_on); },
        [&](const postgres::RowView& row, std::size_t range) { return take(stored, row, range); });
  }

  /// Locks a relation of the mirror, so that nobody replaces it before the snapshot ends, and checks it. A
  /// relation that got its name after the snapshot, or was rewritten, has a different oid or file. The
  /// snapshot sees only some of its rows, or none. `more`: another statement, whose result goes to `*rows`.
  /// False: it is another relation. Errors: also IsForeign().
  absl::StatusOr<bool> HoldAnd(const std::string& relation, const std::string& doing, const std::string& more,
                               postgres::Values values, postgres::Rows* rows) {
    const std::string name = Qualified(names_.schema_name, relation);
    postgres::Pipeline pipeline(*connection_);
    // Uses LOCK and not SELECT: to plan a SELECT, PostgreSQL runs functions of the indexes' owner.
    if (kind_ == PlaceKind::kPlain) {
      pipeline.Queue(absl::StrCat("LOCK TABLE ONLY ", name, " IN ACCESS SHARE MODE"), {}, doing);
    } else {
      const auto ours = connection_->Query(kIsThisSql, {{name, names_.schema_name, relation}}, doing);
      if (!ours.ok()) return ToStoreStatus(ours.status(), TableOwner::kMirroredTable);
      if (ours->rows() == 0) return false;
      if (!ours->Bool(0, 1)) return WhoseIs(relation);
      pipeline.Queue(absl::StrCat("SELECT FROM ", name, " WHERE false"), {}, doing);
    }
    // A query of its own, because on Citus each node has its own catalog.
    pipeline.Queue(kIsThisSql, {{name, names_.schema_name, relation}}, doing);
    if (!more.empty()) pipeline.Queue(more, values, doing);
    absl::StatusOr<std::vector<postgres::Rows>> looked = pipeline.Run();
    if (!looked.ok()) return ToStoreStatus(looked.status(), TableOwner::kMirroredTable);
    const postgres::Rows& is_this = (*looked)[1];
    if (is_this.rows() == 0 || !is_this.Bool(0, 0)) return false;
    if (!is_this.Bool(0, 1)) return WhoseIs(relation);
    if (!more.empty()) *rows = std::move(looked->back());
    return true;
  }
  absl::StatusOr<bool> Hold(const std::string& relation, const std::string& doing) {
    return HoldAnd(relation, doing, "", {}, nullptr);
  }
  /// Returns the error if another role owns the relation. The transaction is still usable.
  absl::StatusOr<bool> WhoseIs(const std::string& relation) {
    const auto found =
        postgres::OwnGuard({.schema = names_.schema_name, .shared = {relation}}).Find(*connection_);
    if (!found.ok()) return ToStoreStatus(found.status(), TableOwner::kMirroredTable);
    return false;
  }

  absl::StatusOr<PostgresKinds> Touch(const TableSchema& table) {
    const std::string key = FoldName(table.name);
    postgres::Rows agreed;
    ASSIGN_OR_RETURN(const bool is_this,
                     HoldAnd(table.name, absl::StrCat("reading table '", table.name, "'"),
                             absl::StrCat("SELECT kinds FROM ", names_.definitions, " WHERE table_key = $1"),
                             {{key}}, &agreed));
    if (is_this) {
      PostgresKinds kinds = KindsOf(table, agreed.rows() == 0 ? std::string_view() : agreed.View(0, 0));
      // See PostgresStored::is_older.
      if (older_.contains(key)) {
        std::replace(kinds.defaults.begin(), kinds.defaults.end(), static_cast<char>(Kind::kNull),
                     static_cast<char>(Kind::kText));
      }
      return kinds;
    }
    return absl::UnavailableError(absl::StrCat("table '", table.name,
                                               "' was replaced by a population, or rewritten, when the read "
                                               "began. Nothing was read; the same call again is safe."));
  }

  absl::Status MayGoOn(const GoOn& go_on) const {
    if (!go_on()) return absl::CancelledError("the read was cancelled");
    if (Clock::now() - began_ < lasts_) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat(
        "a read of the mirror took longer than ", lasts_ / std::chrono::minutes(1),
        " minutes, and was ended, because longer reads slow down writers. The same call again is safe; ask "
        "for fewer rows at once."));
  }

  std::string Milliseconds() const { return absl::StrCat(lasts_.count()); }

  using Clock = std::chrono::steady_clock;
  postgres::Lease connection_;
  const PlaceKind kind_;
  const PostgresOwnTables names_;
  const MirrorGuard own_;
  std::chrono::milliseconds lasts_;
  std::set<std::string> older_;  ///< See ReadPostgresContents().
  const Clock::time_point began_ = Clock::now();
  postgres::Transaction transaction_;
  std::unique_ptr<JournalReader> journal_;
  std::unique_ptr<VersionReader> versions_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Snapshot>> OpenPostgresSnapshot(PostgresPlace& place,
                                                               const std::string& context_id,
                                                               const PostgresOwnTables& names,
                                                               std::chrono::milliseconds lasts) {
  ASSIGN_OR_RETURN(NodeLease at, place.TakeAt(PlaceUse::kScan, PlaceNode::kRows, names.tenant));
  auto snapshot =
      std::make_unique<PostgresSnapshot>(std::move(at.lease), place.options().kind, context_id, names, lasts);
  RETURN_IF_ERROR(snapshot->Begin());
  return snapshot;
}

}  // namespace mirror

#include "server/store/postgres/began.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/plan/cycle_check.h"
#include "server/store/home.h"
#include "server/store/postgres/place/citus.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/own_schema.h"
#include "server/store/postgres/rows/receipt_rows.h"
#include "server/store/postgres/tables/journal_rows.h"

namespace mirror {
namespace {

constexpr char kTaking[] = "taking the mirror's lock";
constexpr char kElsewherePayload[] = "mirror.store/elsewhere";
constexpr char kNothingApplied[] = " Nothing was applied; the same call again is safe.";

struct Holder {
  std::int64_t pid = 0;
  std::string words;  ///< Names the session for people.
  bool hangs = false;
  std::int64_t copied = 0;  ///< Bytes that its running COPY has received so far.
};

/// Returns the holders of a lock in pg_locks that `which` selects.
std::vector<Holder> HoldersOf(postgres::Connection& connection, std::chrono::milliseconds hung_after,
                              const std::string& which, std::vector<postgres::Value> values) {
  values.emplace_back(static_cast<std::int64_t>(hung_after.count()));
  // `hangs`: a server of ours whose transaction waits for the next message of its client. In the middle of a
  // COPY no timeout of PostgreSQL ends such a session.
  const auto rows = connection.Query(
      absl::StrCat(
          "SELECT DISTINCT a.pid::bigint, a.usename::text, a.application_name, coalesce(a.usename = "
          "current_user AND starts_with(a.application_name, 'mirror-server') AND a.wait_event = "
          "'ClientRead' AND a.state_change < clock_timestamp() - $",
          values.size(),
          " * interval '1 millisecond', false), coalesce((SELECT max(p.bytes_processed) FROM "
          "pg_stat_progress_copy p WHERE p.pid = a.pid), 0), coalesce(a.wait_event = 'SyncRep', false) "
          "FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
          "WHERE l.granted AND ",
          which, " ORDER BY 1"),
      values, "finding out who holds the mirror's lock");
  std::vector<Holder> holders;
  for (int row = 0; rows.ok() && row < rows->rows(); ++row) {
    holders.push_back(
        {rows->Int(row, 0),
         absl::StrCat("process ", rows->Int(row, 0), " of '", rows->Text(row, 1), "' (", rows->Text(row, 2),
                      ")", rows->Bool(row, 5) ? ", whose commit waits for a standby" : ""),
         rows->Bool(row, 3), rows->Int(row, 4)});
  }
  return holders;
}

std::vector<Holder> FindHolders(postgres::Connection& connection, const PostgresOwnTables& names,
                                std::chrono::milliseconds hung_after) {
  // This first query does not read the tables, because they may be locked.
  std::vector<Holder> holders =
      HoldersOf(connection, hung_after,
                "l.relation IN ($1::text::regclass, $2::text::regclass) AND l.mode IN ('ShareLock', "
                "'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')",
                {names.tenant, names.metadata});
  if (!holders.empty()) return holders;
  // A locked row has its holder's transaction in xmax. This is a query of its own, because Citus cannot join
  // that column with a table of the catalog.
  const auto rows = connection.Query(absl::StrCat("SELECT xmax::text FROM ", names.tenant,
                                                  " UNION ALL SELECT xmax::text FROM ", names.metadata),
                                     {}, "finding out who holds the mirror's lock");
  if (!rows.ok()) return {};
  postgres::Array locked_by = postgres::TextArray(rows->Texts(0));
  return HoldersOf(connection, hung_after,
                   "l.locktype = 'transactionid' AND l.transactionid::text = ANY ($1)", {locked_by.value()});
}

/// Returns the holders that seem to hang in two checks, one second apart. During one COPY the start time of
/// the process's state does not change. If the line is slow, or the machine has little memory, the process
/// mostly waits for its client. Only the number of bytes that arrived meanwhile shows that the server works.
std::vector<Holder> HangTwice(postgres::Connection& connection, const PostgresOwnTables& names,
                              std::chrono::milliseconds hung_after, const std::vector<Holder>& before) {
  const auto hangs = [](const Holder& one) { return one.hangs; };
  if (std::none_of(before.begin(), before.end(), hangs)) return {};
  if (!connection.Query("SELECT pg_sleep(1)", {}, "finding out who holds the mirror's lock").ok()) return {};
  std::vector<Holder> both = FindHolders(connection, names, hung_after);
  std::erase_if(both, [&](const Holder& one) {
    return !one.hangs || std::none_of(before.begin(), before.end(), [&](const Holder& of) {
      return of.hangs && of.pid == one.pid && of.copied == one.copied;
    });
  });
  return both;
}

/// Terminates the holders that hang. Returns whether at least one was terminated.
bool EndThoseThatHang(postgres::Connection& connection, const std::vector<Holder>& holders) {
  bool ended = false;
  for (const Holder& holder : holders) {
    const auto is_gone = connection.Number("SELECT pg_terminate_backend($1::bigint::int, 2000)", {holder.pid},
                                           "ending the connection of a server that hangs");
    ended = ended || (is_gone.ok() && *is_gone != 0);
  }
  return ended;
}

/// Returns the results of the queries, without those of the statements before them.
absl::StatusOr<std::vector<postgres::Rows>> AskUnderLock(postgres::Connection& connection,
                                                         const postgres::Transaction& transaction,
                                                         const NodeRole& role, const MirrorGuard& own,
                                                         const PostgresOwnTables& names, const Intent& intent,
                                                         const std::vector<std::string>& exact) {
  postgres::Pipeline pipeline(connection);
  postgres::Array keys = KeysOf(intent.tables), relations = postgres::TextArray(exact);
  std::vector<postgres::Value> of_tables;
  if (!intent.tables.empty()) of_tables.push_back(keys.value());
  transaction.Begin(pipeline);
  own.QueueIn(pipeline);
  if (role.passes_on()) {
    for (const char* const set : kReachRowsSql) pipeline.Queue(set, {}, kTaking);
  }
  const int before = pipeline.size();
  // Two statements, so that the second sees the changes for which the first waited.
  pipeline.Queue(LockTenantSql(names), {}, kTaking);
  // A lock of a row writes to its page and to the WAL. So rows are locked only if needed.
  pipeline.Queue(SelectRecordsSql(names, !intent.tables.empty(), /*lock=*/intent.writes_records), of_tables,
                 kTaking);
  pipeline.Queue(ReceiptHeadSql(names), {}, kTaking);
  pipeline.Queue(postgres::kHasStandbySql, {}, kTaking);
  pipeline.Queue(StateOfKindSql(names, StateKind::kJournal), {}, kTaking);
  pipeline.Queue(kNotOurTablesSql, {names.schema, relations.value()}, kTaking);
  pipeline.Queue(SeenSql(names, !intent.tables.empty()), of_tables, kTaking);
  if (!intent.tables.empty()) pipeline.Queue(OpenReceiptsSql(names), of_tables, kTaking);
  // After the lock, because under it no server moves the rows.
  if (role.group > 0) pipeline.Queue(kGroupOfSql, {names.tenant}, kTaking);
  absl::StatusOr<std::vector<postgres::Rows>> rows = pipeline.Run();
  if (rows.ok()) rows->erase(rows->begin(), rows->begin() + before);
  return rows;
}

}  // namespace

absl::StatusOr<Began> BeginUnderLock(postgres::Connection& connection, postgres::Transaction& transaction,
                                     const NodeRole& role, const MirrorGuard& own,
                                     const PostgresOwnTables& names, const Intent& intent,
                                     const std::vector<std::string>& exact,
                                     std::chrono::milliseconds hung_after) {
  auto rows = AskUnderLock(connection, transaction, role, own, names, intent, exact);
  for (bool again = true; !rows.ok(); again = false) {
    if (!connection.IsOpen()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
    RETURN_IF_ERROR(ToStoreStatus(transaction.RollBack(), TableOwner::kOwnTable));
    // Checks the owner first, because the search for the lock's holder below reads the table itself.
    const absl::Status failed = own.Explain(connection, rows.status());
    if (postgres::TroubleOf(failed) != postgres::Trouble::kLockTimeout)
      return ToStoreStatus(failed, TableOwner::kOwnTable);
    // Process and transaction numbers of another node are meaningless here.
    const std::vector<Holder> holders =
        role.has_rows ? FindHolders(connection, names, hung_after) : std::vector<Holder>();
    if (again && EndThoseThatHang(connection, HangTwice(connection, names, hung_after, holders))) {
      rows = AskUnderLock(connection, transaction, role, own, names, intent, exact);
      continue;
    }
    const std::string who =
        absl::StrJoin(holders, ", ", [](std::string* out, const Holder& holder) { *out += holder.words; });
    return absl::UnavailableError(absl::StrCat("another session has held the mirror's lock for long: ",
                                               !who.empty() ? who
                                               : role.has_rows
                                                   ? "it is not known which one; pg_stat_activity shows it"
                                                   : "it is not known which one; citus_stat_activity shows "
                                                     "it",
                                               ".", kNothingApplied));
  }
  Began began;
  ASSIGN_OR_RETURN(auto row, LockedTenantOf((*rows)[0], names));
  began.row = std::move(row);
  NoteNode(role, &began.row);
  began.tables = intent.tables;
  began.locks_records = intent.writes_records;
  began.records = RecordsOf((*rows)[1]);
  began.head = ReceiptHeadOf((*rows)[2]);
  began.has_standby = (*rows)[3].Bool(0, 0);
  began.journal = StateOfKind((*rows)[4]);
  began.looked_at.insert(exact.begin(), exact.end());
  for (int at = 0; at < (*rows)[5].rows(); ++at) began.not_ours.insert((*rows)[5].Text(at, 0));
  for (int at = 0; at < (*rows)[6].rows(); ++at) began.seen[(*rows)[6].Text(at, 0)] = (*rows)[6].Text(at, 1);
  if (role.group > 0) began.is_elsewhere = rows->back().rows() != 1 || rows->back().Int(0, 0) != role.group;
  if (!intent.tables.empty()) {
    ASSIGN_OR_RETURN(auto open, OpenReceiptsOf((*rows)[7], names));
    for (const std::string& table : intent.tables) began.open_receipts[FoldName(table)] = std::nullopt;
    for (auto& [key, receipt] : open) began.open_receipts[key] = std::move(receipt);
  }
  return began;
}

absl::Status CheckServed(const TenantRow& row, std::int64_t epoch) {
  const bool is_moving = row.moved_to || row.state != "serving";
  if (!is_moving && row.epoch <= epoch) return absl::OkStatus();
  const char* const why = row.state == "deleting" ? "is being deleted."
                          : is_moving             ? "is being moved."
                                                  : "is now served elsewhere.";
  absl::Status status = absl::UnavailableError(absl::StrCat("the mirror ", why, kNothingApplied));
  if (row.state != "deleting") status.SetPayload(kElsewherePayload, absl::Cord(why));
  status.SetPayload(kChangingPayload, absl::Cord(why));
  return status;
}

bool IsServedElsewhere(const absl::Status& served) {
  return served.GetPayload(kElsewherePayload).has_value();
}

absl::Status CheckBegan(const TenantRow& row, const SeenMirror& seen, Stale* stale) {
  if (absl::Status served = CheckServed(row, seen.epoch); !served.ok()) {
    *stale = Stale::kMoved;
    return served;
  }
  RETURN_IF_ERROR(CheckLayout(row.layout_min, row.program));
  // Another server already found that the mirror was reset, and ended its cycle. This is done only once.
  const bool noted = row.timeline_now != seen.timeline || row.self_oid_now != seen.self_oid;
  if (row.IsWhereItWas() && (noted || row.rev >= seen.rev)) return absl::OkStatus();
  *stale = Stale::kWentBack;
  return WentBack();
}

absl::Status WentBack() {
  return absl::UnavailableError(absl::StrCat(
      "the database was restored, or a standby took over: earlier commits may be lost.", kNothingApplied));
}

absl::Status EndRestoredCycle(postgres::Connection& connection, const PostgresOwnTables& names,
                              TenantRow* row) {
  const auto revisions = connection.Query(
      absl::StrCat("UPDATE ", names.tenant,
                   " SET cycle = $1, active = false, holder = '', announced = '', timeline = $2, self_oid = "
                   "$3::text::oid, rev = rev + 1, state_rev = $4 RETURNING rev, state_rev"),
      {CycleAfter(row->tenant.cycle), row->timeline_now, absl::StrCat(row->self_oid_now), NewStateRev()},
      "ending the cycle of a mirror that was restored");
  if (!revisions.ok()) return ToStoreStatus(revisions.status(), TableOwner::kOwnTable);
  row->rev = revisions->Int(0, 0);
  row->state_rev = revisions->Int(0, 1);
  return absl::OkStatus();
}

}  // namespace mirror

#include "client/exchange/datajoin/datajoin_layout.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/exchange/box_source.h"
#include "client/exchange/datajoin/box_entry.h"
#include "client/exchange/datajoin/datajoin_objects.h"
#include "client/exchange/datajoin/outbox.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/import_delivery.h"
#include "client/exchange/inbox.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

/// `note1` of an entry that will be imported.
inline constexpr char kWaiting[] = "waiting";

/// Puts deliveries into ds_change_inbox, one entry for each column. To be called in a
/// change, after `_mirror_inbox` was filled. Errors: those of BoxSql. Threads: one.
class InboxWriter {
 public:
  /// All references outlive it.
  InboxWriter(BoxSource& source, const std::string& database, std::int64_t now_ms)
      : source_(source), sql_(source.sql()), database_(database), now_ms_(now_ms) {}

  /// Writes entries for these deliveries. A delivery that has entries keeps them. A new delivery of the
  /// same change of the same system takes over the entries of the former one, so nothing is there twice.
  absl::Status Offer(const std::vector<v1::Delivery>& deliveries) {
    RETURN_IF_ERROR(Begin());
    for (const v1::Delivery& delivery : deliveries) {
      RETURN_IF_ERROR(OfferOne(delivery));
    }
    return End();
  }

 private:
  /// State of a delivery's entries so far.
  struct Known {
    bool done = false, refused = false;
  };

  absl::Status Begin() {
    ASSIGN_OR_RETURN(const std::int64_t highest, HighestEntry(sql_, kInboxTable));
    ASSIGN_OR_RETURN(const std::int64_t given,
                     sql_.Number(absl::StrCat("SELECT inbox_id FROM ", sql_.Named("_mirror_datajoin"))));
    // An id is never used again, even if the box was emptied.
    id_ = given_ = std::max(highest, given);
    ASSIGN_OR_RETURN(
        const std::vector<BoxRow> known,
        sql_.Query(absl::StrCat(
            "SELECT DISTINCT delivery_id, done, refused FROM ", sql_.Named("_mirror_datajoin_entry"),
            " WHERE delivery_id IN (SELECT delivery_id FROM ", sql_.Named("_mirror_inbox"), ")")));
    for (const BoxRow& row : known) {
      known_[BoxString(row[0])] = {BoxNumber(row[1]) != 0, BoxNumber(row[2]) != 0};
    }
    return absl::OkStatus();
  }

  absl::Status OfferOne(const v1::Delivery& delivery) {
    const auto known = known_.find(delivery.delivery_id());
    if (known != known_.end()) {
      // The reason of a refusal stays in `note1` until the next try.
      if (known->second.done || known->second.refused) return absl::OkStatus();
      return sql_.Run(
          absl::StrCat("UPDATE ", sql_.Named(kInboxTable),
                       " SET note1 = ?2 WHERE note1 IS DISTINCT FROM ?2 AND id IN (SELECT inbox_id "
                       "FROM ",
                       sql_.Named("_mirror_datajoin_entry"), " WHERE delivery_id = ?1)"),
          {delivery.delivery_id(), kWaiting});
    }
    ASSIGN_OR_RETURN(BoxEntry entry, MakeEntry(delivery));
    if (delivery.columns().empty()) return Add(delivery, entry);
    ASSIGN_OR_RETURN(const MemberTable* const table, source_.Find(delivery.table()));
    for (const v1::DeliveredValue& column : delivery.columns()) {
      const std::optional<std::uint32_t> own =
          table == nullptr ? std::nullopt : table->FindSent(column.column());
      entry.object_attribute = own ? table->plan.schema.columns[*own].name : column.column();
      entry.object_value = BoxText(ToValue(column.value()));
      entry.update_ms = column.version_ms();
      RETURN_IF_ERROR(Add(delivery, entry));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<BoxEntry> MakeEntry(const v1::Delivery& delivery) {
    ASSIGN_OR_RETURN(const MemberTable* const table, source_.Find(delivery.table()));
    BoxEntry entry;
    entry.object_database = database_;
    entry.object_table = table == nullptr ? delivery.table() : table->name();
    if (table != nullptr) entry.object_pk_attribute = BoxKeyNames(*table);
    RowOf key;
    for (const v1::Literal& part : delivery.key()) key.push_back(ToValue(part));
    if (!key.empty()) entry.object_id = BoxId(key);
    entry.object_operation = OperationName(delivery.operation()).substr(0, 1);
    entry.update_ms = now_ms_;
    entry.note = kWaiting;
    entry.source_id = delivery.source_id();
    return entry;
  }

  absl::Status Add(const v1::Delivery& delivery, const BoxEntry& entry) {
    ASSIGN_OR_RETURN(const std::int64_t same, FindSame(entry));
    const std::int64_t id = same != 0 ? same : ++id_;
    if (same != 0) {
      RETURN_IF_ERROR(
          sql_.Run(absl::StrCat("DELETE FROM ", sql_.Named(kInboxTable), " WHERE id = ?1"), {id}));
    }
    RETURN_IF_ERROR(AddEntry(sql_, kInboxTable, id, entry));
    return sql_.Run(
        absl::StrCat("INSERT INTO ", sql_.Named("_mirror_datajoin_entry"),
                     " (inbox_id, delivery_id, source_id, attribute, done, refused, at) VALUES (?1, ?2, ?3, "
                     "?4, 0, 0, 0) ON CONFLICT (inbox_id) DO UPDATE SET delivery_id = excluded.delivery_id, "
                     "source_id = excluded.source_id, attribute = excluded.attribute, done = 0, refused = 0, "
                     "at = 0"),
        {id, delivery.delivery_id(), entry.source_id, entry.object_attribute});
  }

  /// Finds an entry of the same change whose own delivery is no longer offered; 0: there is none.
  absl::StatusOr<std::int64_t> FindSame(const BoxEntry& entry) {
    if (entry.source_id.empty()) return 0;
    ASSIGN_OR_RETURN(
        const std::vector<BoxRow> same,
        sql_.Query(
            absl::StrCat(
                "SELECT e.inbox_id FROM ", sql_.Named("_mirror_datajoin_entry"), " AS e, ",
                sql_.Named(kInboxTable),
                " AS b WHERE e.source_id <> '' AND e.done = 0 AND e.source_id = ?1 AND e.attribute = ?2 "
                "AND b.id = e.inbox_id AND b.object_table = ?3 AND b.object_id IS NOT DISTINCT FROM "
                "nullif(?4, '') AND e.delivery_id NOT IN (SELECT delivery_id FROM ",
                sql_.Named("_mirror_inbox"), ") ORDER BY e.inbox_id LIMIT 1"),
            {entry.source_id, entry.object_attribute, entry.object_table, entry.object_id}));
    return same.empty() ? 0 : BoxNumber(same.front().front());
  }

  absl::Status End() {
    absl::Status kept = sql_.Run(
        absl::StrCat("UPDATE ", sql_.Named("_mirror_datajoin"), " SET inbox_id = ?1 WHERE inbox_id <> ?1"),
        {id_});
    return kept.ok() && id_ != given_ ? sql_.KeepNumber(kInboxTable, id_) : kept;
  }

  BoxSource& source_;
  BoxSql& sql_;
  const std::string& database_;
  const std::int64_t now_ms_;
  std::map<std::string, Known> known_;  ///< By delivery: offered deliveries that have entries.
  std::int64_t id_ = 0;                 ///< The last id assigned.
  std::int64_t given_ = 0;              ///< The last id when Begin() was called.
};

}  // namespace

absl::Status ShowProgram(BoxSql& sql, const char* program, const ProgramState& state, std::int64_t now_ms) {
  return sql.Run(
      absl::StrCat("UPDATE ", sql.Named(kProgramTable),
                   " SET fromoutboxpointer = ?2, status = ?3, update_datetime = ?4, updated_by_user = "
                   "'mirror-agent' WHERE CAST(id AS text) = ?1 AND (fromoutboxpointer IS DISTINCT FROM ?2 OR "
                   "status IS DISTINCT FROM ?3)"),
      {program, absl::StrCat(state.pointer), state.status, BoxTime(now_ms)});
}

namespace {

constexpr std::size_t kStatusMax = 500;  // Maximum bytes of a program's status.
constexpr char kEntries[] = "_mirror_datajoin_entry";
constexpr char kOwn[] = "_mirror_datajoin";

std::string Shorter(const std::string& text) { return std::string(CutUtf8(text, kStatusMax)); }

}  // namespace

// --- The outbox ---------------------------------------------------------------

absl::Status DatajoinLayout::ReadyOutbox(std::int64_t now_ms) {
  round_.failed.clear();
  for (bool more = true; more;) {
    const absl::Status done = sql_.Change([&]() -> absl::Status {
      const bool takes = round_.from == OutboxFrom::kApplication;
      const absl::StatusOr<bool> some =
          takes ? TakeOutbox(source_) : FillOutbox(source_, round_.database, now_ms);
      if (!some.ok()) return some.status();
      more = *some;
      // The application wrote the outbox itself, so FillOutbox() must never add these changes.
      return takes ? source_.PassChanges() : absl::OkStatus();
    });
    if (!done.ok()) return done;
  }
  CrashPoint("agent.outbox");
  ASSIGN_OR_RETURN(const std::int64_t upto,
                   sql_.Number(absl::StrCat("SELECT outbox_id FROM ", sql_.Named(kOwn))));
  round_.upto = upto;
  return absl::OkStatus();
}

absl::StatusOr<ProgramState> DatajoinLayout::PushedState() const {
  ProgramState state = {round_.upto, "done"};
  ASSIGN_OR_RETURN(const std::int64_t unread,
                   sql_.Number(absl::StrCat("SELECT coalesce(min(outbox_id), 0) FROM ",
                                            sql_.Named("_mirror_datajoin_unread"))));
  if (unread > 0 && unread <= state.pointer) {
    state.pointer = unread - 1;
    state.status =
        absl::StrCat("entry ", unread, " names no row that can be sent: see its object_table and object_id");
  }
  for (const std::string& sent : round_.failed) {
    std::string own = sent;
    for (const TableSteps& steps : round_.steps) {
      if (SameName(steps.name(), sent)) own = steps.table;
    }
    ASSIGN_OR_RETURN(
        const std::int64_t first,
        sql_.Number(absl::StrCat("SELECT CAST(coalesce(min(id), 0) AS bigint) FROM ",
                                 sql_.Named(kOutboxTable), " WHERE id > (SELECT pushed FROM ",
                                 sql_.Named(kOwn), ") AND id <= ?1 AND lower(object_table) = lower(?2)"),
                    {round_.upto, own}));
    state.status = absl::StrCat("table '", own, "' was not sent");
    if (first > 0) state.pointer = std::min(state.pointer, first - 1);
  }
  return state;
}

absl::Status DatajoinLayout::ShowTransport(const ProgramState& state, std::int64_t now_ms) const {
  absl::Status kept = sql_.Run(
      absl::StrCat("UPDATE ", sql_.Named(kOwn), " SET pushed = ?1 WHERE pushed <> ?1"), {state.pointer});
  return kept.ok() ? ShowProgram(sql_, kTransportProgram, state, now_ms) : kept;
}

absl::Status DatajoinLayout::ShowPushed(bool waits, std::int64_t now_ms) {
  return sql_.Change([&]() -> absl::Status {
    ASSIGN_OR_RETURN(ProgramState state, PushedState());
    if (waits && state.status == "done") state.status = kWaiting;
    return ShowTransport(state, now_ms);
  });
}

absl::Status DatajoinLayout::ShowFailed(const absl::Status& status, std::int64_t now_ms) {
  return sql_.Change([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::int64_t pushed,
                     sql_.Number(absl::StrCat("SELECT pushed FROM ", sql_.Named(kOwn))));
    const std::string words = Shorter(absl::StrCat("failed: ", std::string(status.message())));
    return ShowProgram(sql_, kTransportProgram, {pushed, words}, now_ms);
  });
}

// --- The inbox ----------------------------------------------------------------

absl::Status DatajoinLayout::SetState(const std::string& delivery_id, const std::string& note, bool done,
                                      bool refused, std::int64_t now_ms) const {
  RETURN_IF_ERROR(sql_.Run(
      absl::StrCat("UPDATE ", sql_.Named(kInboxTable),
                   " SET note1 = ?2 WHERE note1 IS DISTINCT FROM ?2 AND id IN (SELECT inbox_id FROM ",
                   sql_.Named(kEntries), " WHERE delivery_id = ?1)"),
      {delivery_id, note}));
  return sql_.Run(absl::StrCat("UPDATE ", sql_.Named(kEntries),
                               " SET done = ?2, refused = ?3, at = ?4 WHERE delivery_id = ?1"),
                  {delivery_id, done ? 1 : 0, refused ? 1 : 0, now_ms});
}

absl::Status DatajoinLayout::TellMadeKey(const std::string& delivery_id) const {
  const absl::StatusOr<std::vector<BoxRow>> ledger =
      sql_.Query(absl::StrCat("SELECT key FROM ", sql_.Named("_mirror_ledger"), " WHERE delivery_id = ?1"),
                 {delivery_id});
  if (!ledger.ok() || ledger->empty()) return ledger.status();
  const absl::StatusOr<std::vector<Literal>> key = KeyOfJson(BoxString(ledger->front().front()));
  if (!key.ok()) return absl::OkStatus();
  return sql_.Run(absl::StrCat("UPDATE ", sql_.Named(kInboxTable),
                               " SET object_id = ?2 WHERE id IN (SELECT inbox_id FROM ", sql_.Named(kEntries),
                               " WHERE delivery_id = ?1)"),
                  {delivery_id, BoxId(*key)});
}

/// Removes values of deleted rows; their entries stay.
absl::Status DatajoinLayout::ForgetValuesOfGone() const {
  const std::string in = sql_.Named(kInboxTable), out = sql_.Named(kOutboxTable);
  const std::string filled = absl::StrCat("note1 = '", kFilledNote, "'");
  const auto gone = [](const std::string& box, const std::string& ours) {
    return absl::StrCat(
        "WITH gone AS (SELECT object_table AS t, object_id AS k, max(id) AS n, "
        "max(CAST(update_datetime AS text)) AS latest FROM ",
        box, " WHERE object_operation = 'D' AND ", ours, " GROUP BY object_table, object_id) ");
  };
  const auto forget = [](const std::string& box) {
    return absl::StrCat("UPDATE ", box, " SET object_value = NULL ");
  };
  const std::string same =
      "FROM gone WHERE object_table = t AND object_id = k AND object_value IS NOT NULL AND ";
  for (const std::string& sql :
       {absl::StrCat(gone(in, "note1 = 'applied'"), forget(in), same,
                     "id < n AND note1 IN ('applied', 'withdrawn')"),
        absl::StrCat(gone(in, "note1 = 'applied'"), forget(out), same,
                     "CAST(update_datetime AS text) <= latest AND ", filled),
        absl::StrCat(gone(out, filled), forget(out), same, "id < n AND ", filled),
        // Rows deleted by any writer: see ForgetValuesOfGone() of the ledger.
        absl::StrCat(
            forget(in), "WHERE object_value IS NOT NULL AND id IN (SELECT e.inbox_id FROM ",
            sql_.Named(kEntries), " AS e JOIN ", sql_.Named("_mirror_ledger"),
            " AS l ON l.delivery_id = e.delivery_id WHERE l.state = 'APPLIED' AND l.wrote IS NULL)")}) {
    RETURN_IF_ERROR(sql_.Run(sql));
  }
  return absl::OkStatus();
}

/// Marks entries as withdrawn that are neither applied nor offered.
absl::Status DatajoinLayout::WithdrawOthers(std::int64_t now_ms) const {
  const std::string others = absl::StrCat("SELECT inbox_id FROM ", sql_.Named(kEntries),
                                          " WHERE done = 0 AND delivery_id NOT IN (SELECT delivery_id FROM ",
                                          sql_.Named("_mirror_inbox"), ")");
  RETURN_IF_ERROR(sql_.Run(absl::StrCat("UPDATE ", sql_.Named(kInboxTable),
                                        " SET note1 = 'withdrawn' WHERE id IN (", others, ")")));
  return sql_.Run(absl::StrCat("UPDATE ", sql_.Named(kEntries),
                               " SET done = 1, refused = 0, at = ?1 WHERE inbox_id IN (", others, ")"),
                  {now_ms});
}

absl::Status DatajoinLayout::Filled(const FetchedDeliveries& fetched, std::int64_t now_ms) {
  RETURN_IF_ERROR(InboxWriter(source_, round_.database, now_ms).Offer(fetched.deliveries));
  if (fetched.whole) RETURN_IF_ERROR(WithdrawOthers(now_ms));
  RETURN_IF_ERROR(ForgetOld(now_ms));
  ASSIGN_OR_RETURN(const ProgramState state, PushedState());
  RETURN_IF_ERROR(ShowTransport(state, now_ms));
  return ShowImport(now_ms);
}

absl::Status DatajoinLayout::ForgetOld(std::int64_t now_ms) const {
  const std::int64_t before_ms = now_ms - kLedgerKeptMs;
  const std::string entries = sql_.Named(kEntries);
  absl::Status status =
      sql_.Run(absl::StrCat("DELETE FROM ", sql_.Named(kInboxTable), " WHERE id IN (SELECT inbox_id FROM ",
                            entries, " WHERE done = 1 AND at < ?1)"),
               {before_ms});
  if (!status.ok()) return status;
  status = sql_.Run(absl::StrCat("DELETE FROM ", entries, " WHERE done = 1 AND at < ?1"), {before_ms});
  if (!status.ok()) return status;
  if (status = ForgetValuesOfGone(); !status.ok()) return status;
  const std::string box = sql_.Named(kOutboxTable);
  // Ids grow with time, so the subquery stops at once if there is nothing to delete.
  return sql_.Run(
      absl::StrCat("DELETE FROM ", box, " WHERE note1 = ?2 AND id <= (SELECT pushed FROM ", sql_.Named(kOwn),
                   ") AND id < (SELECT id FROM ", box,
                   " WHERE note1 IS DISTINCT FROM ?2 OR CAST(update_datetime AS text) >= ?1 ORDER BY id "
                   "LIMIT 1)"),
      {BoxTime(before_ms), kFilledNote});
}

absl::Status DatajoinLayout::Importing() {
  ASSIGN_OR_RETURN(hides_import_, source_.HideImport());
  if (hides_import_ || round_.from == OutboxFrom::kApplication) return absl::OkStatus();
  // The outbox gets the changes made until now, but not those of the import.
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, FillOutbox(source_, round_.database, NowMs()));
    if (!more) return absl::OkStatus();
  }
}

absl::Status DatajoinLayout::Imported(const v1::Delivery& delivery, const ImportResult& result,
                                      std::int64_t now_ms) {
  const std::string& id = delivery.delivery_id();
  const std::string reason = Shorter(result.reason);
  absl::Status status;
  switch (result.outcome) {
    case v1::DELIVERY_OUTCOME_APPLIED:
    case v1::DELIVERY_OUTCOME_ALREADY:
      status = SetState(id, "applied", true, false, now_ms);
      if (status.ok() && delivery.operation() == v1::OPERATION_INSERT && delivery.key().empty()) {
        status = TellMadeKey(id);
      }
      break;
    case v1::DELIVERY_OUTCOME_CONFLICT:
      status = SetState(id, absl::StrCat("conflict: ", reason), false, false, now_ms);
      break;
    case v1::DELIVERY_OUTCOME_REFUSED:
      status = SetState(id, absl::StrCat("refused: ", reason), false, true, now_ms);
      break;
    default:
      // LATER: it was refused before, and its entries keep that state.
      break;
  }
  if (status.ok() && !hides_import_ && round_.from == OutboxFrom::kChangeLog) status = source_.PassChanges();
  return status.ok() ? ShowImport(now_ms) : status;
}

absl::Status DatajoinLayout::ShowImport(std::int64_t now_ms) const {
  const std::string entries = sql_.Named(kEntries);
  ASSIGN_OR_RETURN(const std::vector<BoxRow> rows,
                   sql_.Query(absl::StrCat("SELECT (SELECT coalesce(min(inbox_id), 0) FROM ", entries,
                                           " WHERE done = 0), inbox_id, EXISTS (SELECT 1 FROM ", entries,
                                           " WHERE refused = 1) FROM ", sql_.Named(kOwn))));
  // Number() reports the error.
  if (rows.empty()) return absl::OkStatus();
  const BoxRow& row = rows.front();
  const std::int64_t open = BoxNumber(row[0]);
  const ProgramState state = {open != 0 ? open - 1 : BoxNumber(row[1]),
                              BoxNumber(row[2]) != 0 ? "refused: see note1 of the entries after the pointer"
                              : open != 0            ? kWaiting
                                                     : "done"};
  return ShowProgram(sql_, kImportProgram, state, now_ms);
}

}  // namespace mirror

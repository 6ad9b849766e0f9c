#include "client/exchange/datajoin/datajoin_layout.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "client/exchange/datajoin/box_entry.h"
#include "client/exchange/datajoin/datajoin_objects.h"
#include "client/exchange/datajoin/inbox_writer.h"
#include "client/exchange/datajoin/log_positions.h"
#include "client/exchange/datajoin/outbox_fill.h"
#include "client/exchange/datajoin/outbox_take.h"
#include "client/exchange/import_delivery.h"
#include "client/exchange/inbox.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

constexpr std::size_t kStatusMax = 500;  // Bytes of what a program says of itself.

/// The entries of a delivery become this.
absl::Status SetState(const SqliteFile& file, const std::string& delivery_id, const std::string& note,
                      bool done, bool refused, std::int64_t now_ms) {
  absl::Status shown =
      file.Query(absl::StrCat("UPDATE main.", std::string(kInboxTable),
                              " SET note1 = ?2 WHERE note1 IS NOT ?2 AND id IN (SELECT inbox_id FROM "
                              "main._mirror_datajoin_entry WHERE delivery_id = ?1)"))
          .With(delivery_id, note)
          .Run();
  if (!shown.ok()) return shown;
  return file
      .Query("UPDATE main._mirror_datajoin_entry SET done = ?2, refused = ?3, at = ?4 WHERE delivery_id = ?1")
      .With(delivery_id, done ? 1 : 0, refused ? 1 : 0, now_ms)
      .Run();
}

/// An INSERT whose key the database made: the ledger knows it.
absl::Status TellMadeKey(const SqliteFile& file, const std::string& delivery_id) {
  sqlite::Statement query = file.Query("SELECT key FROM main._mirror_ledger WHERE delivery_id = ?1");
  const absl::StatusOr<bool> there = query.With(delivery_id).Step();
  if (!there.ok() || !*there) return there.status();
  const absl::StatusOr<std::vector<Literal>> key = KeyOfJson(query.View(0));
  if (!key.ok()) return absl::OkStatus();
  return file
      .Query(absl::StrCat("UPDATE main.", std::string(kInboxTable),
                          " SET object_id = ?2 WHERE id IN (SELECT inbox_id FROM "
                          "main._mirror_datajoin_entry WHERE delivery_id = ?1)"))
      .With(delivery_id, BoxId(*key))
      .Run();
}

/// What stood in rows that are gone; that they were there stays told.
absl::Status ForgetValuesOfGone(const SqliteFile& file) {
  const std::string in(kInboxTable), out(kOutboxTable);
  const std::string filled = absl::StrCat("note1 = '", kFilledNote, "'");
  const auto gone = [](const std::string& box, const std::string& ours) {
    return absl::StrCat(
        "WITH gone AS (SELECT object_table AS t, object_id AS k, max(id) AS n, "
        "max(update_datetime) AS at FROM main.",
        box, " WHERE object_operation = 'D' AND ", ours, " GROUP BY object_table, object_id) ");
  };
  const auto forget = [](const std::string& box) {
    return absl::StrCat("UPDATE main.", box, " SET object_value = NULL ");
  };
  const std::string same =
      "FROM gone WHERE object_table = t AND object_id = k AND object_value IS NOT NULL AND ";
  for (const std::string& sql :
       {absl::StrCat(gone(in, "note1 = 'applied'"), forget(in), same,
                     "id < n AND note1 IN ('applied', 'withdrawn')"),
        absl::StrCat(gone(in, "note1 = 'applied'"), forget(out), same, "update_datetime <= at AND ", filled),
        absl::StrCat(gone(out, filled), forget(out), same, "id < n AND ", filled),
        // Whoever removed the row: see ForgetValuesOfGone() of the ledger.
        absl::StrCat(forget(in),
                     "WHERE object_value IS NOT NULL AND id IN (SELECT e.inbox_id FROM "
                     "main._mirror_datajoin_entry AS e JOIN main._mirror_ledger AS l ON l.delivery_id = "
                     "e.delivery_id WHERE l.state = 'APPLIED' AND l.wrote IS NULL)")}) {
    if (absl::Status status = file.Run(sql); !status.ok()) return status;
  }
  return absl::OkStatus();
}

/// Entries that are neither applied nor offered.
absl::Status WithdrawOthers(const SqliteFile& file, std::int64_t now_ms) {
  const std::string others =
      "SELECT inbox_id FROM main._mirror_datajoin_entry WHERE done = 0 AND delivery_id NOT IN (SELECT "
      "delivery_id FROM main._mirror_inbox)";
  absl::Status shown = file.Query(absl::StrCat("UPDATE main.", std::string(kInboxTable),
                                               " SET note1 = 'withdrawn' WHERE id IN (", others, ")"))
                           .Run();
  if (!shown.ok()) return shown;
  return file
      .Query(
          absl::StrCat("UPDATE main._mirror_datajoin_entry SET done = 1, refused = 0, at = ?1 WHERE inbox_id "
                       "IN (",
                       others, ")"))
      .With(now_ms)
      .Run();
}

std::string Shorter(std::string text) {
  if (text.size() <= kStatusMax) return text;
  std::size_t end = kStatusMax;
  // No part of a letter.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  text.resize(end);
  return text;
}

}  // namespace

// --- The outbox ---------------------------------------------------------------

absl::Status DatajoinLayout::ReadyOutbox(const SqliteFile& file, std::int64_t now_ms) {
  failed_.clear();
  for (bool more = true; more;) {
    const absl::Status done = file.Change([&]() -> absl::Status {
      const bool takes = from_ == OutboxFrom::kApplication;
      const absl::StatusOr<bool> some =
          takes ? TakeOutbox(file, rules_) : FillOutbox(file, rules_, database_, now_ms);
      if (!some.ok()) return some.status();
      more = *some;
      // The application told it: nobody has to, should the change log fill the outbox one day.
      return takes ? LogPositions(file).MoveToEnd() : absl::OkStatus();
    });
    if (!done.ok()) return done;
  }
  CrashPoint("agent.outbox");
  const absl::StatusOr<std::int64_t> upto = file.Number("SELECT outbox_id FROM main._mirror_datajoin");
  if (!upto.ok()) return upto.status();
  upto_ = *upto;
  return absl::OkStatus();
}

absl::StatusOr<ProgramState> DatajoinLayout::PushedState(const SqliteFile& file) const {
  ProgramState state = {upto_, "done"};
  const absl::StatusOr<std::int64_t> unread =
      file.Number("SELECT coalesce(min(outbox_id), 0) FROM main._mirror_datajoin_unread");
  if (!unread.ok()) return unread.status();
  if (*unread > 0 && *unread <= state.pointer) {
    state.pointer = *unread - 1;
    state.status =
        absl::StrCat("entry ", *unread, " names no row that can be sent: see its object_table and object_id");
  }
  for (const std::string& sent : failed_) {
    std::string own = sent;
    for (const TableSteps& steps : rules_.steps) {
      if (SameName(steps.name(), sent)) own = steps.table;
    }
    sqlite::Statement query = file.Query(absl::StrCat(
        "SELECT min(id) FROM main.", std::string(kOutboxTable),
        " WHERE id > (SELECT pushed FROM main._mirror_datajoin) AND id <= ?1 AND object_table = ?2 COLLATE "
        "NOCASE"));
    if (absl::Status row = query.With(upto_, own).StepToRow(); !row.ok()) return row;
    state.status = absl::StrCat("table '", own, "' was not sent");
    if (!query.IsNull(0)) state.pointer = std::min(state.pointer, query.Int(0) - 1);
  }
  return state;
}

absl::Status DatajoinLayout::ShowTransport(const SqliteFile& file, ProgramState state,
                                           std::int64_t now_ms) const {
  absl::Status kept =
      file.Query("UPDATE main._mirror_datajoin SET pushed = ?1 WHERE pushed <> ?1").With(state.pointer).Run();
  return kept.ok() ? ShowProgram(file, kTransportProgram, state, now_ms) : kept;
}

absl::Status DatajoinLayout::ShowPushed(const SqliteFile& file, bool waits, std::int64_t now_ms) {
  return file.Change([&]() -> absl::Status {
    absl::StatusOr<ProgramState> state = PushedState(file);
    if (!state.ok()) return state.status();
    if (waits && state->status == "done") state->status = kWaiting;
    return ShowTransport(file, *std::move(state), now_ms);
  });
}

absl::Status DatajoinLayout::ShowFailed(const SqliteFile& file, const absl::Status& status,
                                        std::int64_t now_ms) {
  return file.Change([&]() -> absl::Status {
    const absl::StatusOr<std::int64_t> pushed = file.Number("SELECT pushed FROM main._mirror_datajoin");
    if (!pushed.ok()) return pushed.status();
    const std::string words = Shorter(absl::StrCat("failed: ", std::string(status.message())));
    return ShowProgram(file, kTransportProgram, {*pushed, words}, now_ms);
  });
}

// --- The inbox ----------------------------------------------------------------

absl::Status DatajoinLayout::Emptied(const SqliteFile& /*file*/) {
  // What is offered again goes on under its id, and no pointer moves until that is known.
  return absl::OkStatus();
}

absl::Status DatajoinLayout::Filled(const SqliteFile& file, const FetchedDeliveries& fetched,
                                    std::int64_t now_ms) {
  absl::Status status = InboxWriter(file, rules_, database_, now_ms).Offer(fetched.deliveries);
  if (status.ok() && fetched.whole) status = WithdrawOthers(file, now_ms);
  if (status.ok()) status = ForgetOld(file, now_ms);
  if (!status.ok()) return status;
  absl::StatusOr<ProgramState> state = PushedState(file);
  if (!state.ok()) return state.status();
  status = ShowTransport(file, *std::move(state), now_ms);
  return status.ok() ? ShowImport(file, now_ms) : status;
}

absl::Status DatajoinLayout::ForgetOld(const SqliteFile& file, std::int64_t now_ms) const {
  const std::int64_t before_ms = now_ms - kLedgerKeptMs;
  const std::string old = "SELECT inbox_id FROM main._mirror_datajoin_entry WHERE done = 1 AND at < ?1";
  absl::Status status =
      file.Query(absl::StrCat("DELETE FROM main.", std::string(kInboxTable), " WHERE id IN (", old, ")"))
          .With(before_ms)
          .Run();
  if (!status.ok()) return status;
  status =
      file.Query("DELETE FROM main._mirror_datajoin_entry WHERE done = 1 AND at < ?1").With(before_ms).Run();
  if (!status.ok()) return status;
  if (status = ForgetValuesOfGone(file); !status.ok()) return status;
  const std::string box(kOutboxTable);
  // Ids go up with the time, so that the first look for one to be kept ends at once where none is to go.
  return file
      .Query(absl::StrCat("DELETE FROM main.", box,
                          " WHERE note1 = ?2 AND id <= (SELECT pushed FROM "
                          "main._mirror_datajoin) AND id < (SELECT id FROM main.",
                          box, " WHERE note1 IS NOT ?2 OR update_datetime >= ?1 ORDER BY id LIMIT 1)"))
      .With(BoxTime(before_ms), kFilledNote)
      .Run();
}

absl::Status DatajoinLayout::Importing(const SqliteFile& file) {
  if (from_ == OutboxFrom::kApplication) return absl::OkStatus();
  // What others wrote until now is news of this system; what the import writes is not.
  for (;;) {
    const absl::StatusOr<bool> more = FillOutbox(file, rules_, database_, NowMs());
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
  }
}

absl::Status DatajoinLayout::Imported(const SqliteFile& file, const v1::Delivery& delivery,
                                      const ImportResult& result, std::int64_t now_ms) {
  const std::string& id = delivery.delivery_id();
  const std::string reason = Shorter(result.reason);
  absl::Status status;
  switch (result.outcome) {
    case v1::DELIVERY_OUTCOME_APPLIED:
    case v1::DELIVERY_OUTCOME_ALREADY:
      status = SetState(file, id, "applied", true, false, now_ms);
      if (status.ok() && delivery.operation() == v1::OPERATION_INSERT && delivery.key().empty()) {
        status = TellMadeKey(file, id);
      }
      break;
    case v1::DELIVERY_OUTCOME_CONFLICT:
      status = SetState(file, id, absl::StrCat("conflict: ", reason), false, false, now_ms);
      break;
    case v1::DELIVERY_OUTCOME_REFUSED:
      status = SetState(file, id, absl::StrCat("refused: ", reason), false, true, now_ms);
      break;
    default:
      // Refused before, and so it stays.
      break;
  }
  if (status.ok() && from_ == OutboxFrom::kChangeLog) status = LogPositions(file).MoveToEnd();
  return status.ok() ? ShowImport(file, now_ms) : status;
}

absl::Status DatajoinLayout::ShowImport(const SqliteFile& file, std::int64_t now_ms) {
  sqlite::Statement query = file.Query(
      "SELECT (SELECT min(inbox_id) FROM main._mirror_datajoin_entry WHERE done = 0), inbox_id, EXISTS "
      "(SELECT 1 "
      "FROM main._mirror_datajoin_entry WHERE refused = 1) FROM main._mirror_datajoin");
  if (absl::Status row = query.StepToRow(); !row.ok()) return row;
  const bool open = !query.IsNull(0);
  const ProgramState state = {open ? query.Int(0) - 1 : query.Int(1),
                              query.Int(2) != 0 ? "refused: see note1 of the entries behind"
                              : open            ? kWaiting
                                                : "done"};
  query.Reset();
  return ShowProgram(file, kImportProgram, state, now_ms);
}

}  // namespace mirror
